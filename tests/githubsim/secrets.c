/*
 * Copyright (c) 2026 The CCM authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/*
 * githubsim: secrets of repositories and of their environments.  Values
 * come sealed to the repository's key (a real X25519 one) and are never
 * shown by GitHub's paths; the control interface opens them for tests.
 */

#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define SECRET_VALUE_MAX	(48 * 1024)
#define ENCRYPTED_MAX		(2 * SECRET_VALUE_MAX)

static const char *environment(const struct call *);
static struct secret *find(struct call *, const char *);
static struct json_object *render(const struct secret *);
static void	 repo_key(struct repo *);
static int	 name_good(const char *);
static char	*name_read(struct call *);
static void	 store(struct call *, char *, const char *);

void
secrets_key(struct call *c)
{
	struct json_object	*o = json_object_new_object();
	char			 text[sodium_base64_ENCODED_LEN(
				    crypto_box_PUBLICKEYBYTES,
				    sodium_base64_VARIANT_ORIGINAL)];

	repo_key(c->repo);
	(void)sodium_bin2base64(text, sizeof(text), c->repo->public_key,
	    crypto_box_PUBLICKEYBYTES, sodium_base64_VARIANT_ORIGINAL);
	json_object_object_add(o, "key", json_object_new_string(text));
	(void)snprintf(text, sizeof(text), "%lld",
	    (long long)c->repo->key_id);
	json_object_object_add(o, "key_id", json_object_new_string(text));
	answer_json(c, 200, o);
}

void
secrets_list(struct call *c)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*page = json_object_new_array();
	struct secret		*secret;
	size_t			 size, first, n = 0;

	first = call_page(c, &size);
	TAILQ_FOREACH(secret, &c->repo->secrets, entry) {
		if (strcmp(secret->environment, environment(c)) != 0)
			continue;
		if (n >= first && n < first + size)
			json_object_array_add(page, render(secret));
		n++;
	}
	json_object_object_add(o, "total_count",
	    json_object_new_int64((int64_t)n));
	json_object_object_add(o, "secrets", page);
	answer_json(c, 200, o);
	answer_page(c, n, n);
}

void
secret_get(struct call *c)
{
	char		*name = name_read(c);
	struct secret	*secret = find(c, name);

	free(name);
	if (secret == NULL)
		answer_error(c, 404, "Not Found");
	else
		answer_json(c, 200, render(secret));
}

void
secret_put(struct call *c)
{
	struct json_object	*value, *key;
	char			*name, id[32];

	if (!json_object_object_get_ex(c->input, "encrypted_value", &value) ||
	    !json_object_is_type(value, json_type_string) ||
	    !json_object_object_get_ex(c->input, "key_id", &key) ||
	    !json_object_is_type(key, json_type_string)) {
		answer_error(c, 422, "Invalid request.\n\n\"encrypted_value\""
		    ", \"key_id\" weren't supplied.");
		return;
	}
	repo_key(c->repo);
	(void)snprintf(id, sizeof(id), "%lld", (long long)c->repo->key_id);
	name = name_read(c);
	if (!name_good(name))
		answer_error(c, 422, "Secret names can only contain "
		    "alphanumeric characters ([a-z], [A-Z], [0-9]) or "
		    "underscores (_). Spaces are not allowed. Must start "
		    "with a letter ([a-z], [A-Z]) or underscores (_).");
	else if (strcmp(json_object_get_string(key), id) != 0)
		answer_error(c, 422, "Bad request - key_id does not match "
		    "the repository's public key");
	else if (json_object_get_string_len(value) > ENCRYPTED_MAX)
		answer_error(c, 422, "Secret value is too large");
	else {
		store(c, name, json_object_get_string(value));
		return;
	}
	free(name);
}

/* Takes the name over. */
static void
store(struct call *c, char *name, const char *encrypted)
{
	struct secret	*secret = find(c, name);
	int		 fresh = secret == NULL;

	if (fresh && c->repo->nsecrets >= SIM_SECRETS_MAX) {
		answer_error(c, 422, "Repository has reached its limit of "
		    "%d secrets", SIM_SECRETS_MAX);
		free(name);
		return;
	}
	if (fresh) {
		if ((secret = calloc(1, sizeof(*secret))) == NULL)
			err(1, NULL);
		secret->name = name;
		secret->environment = strdup(environment(c));
		secret->created = clock_now();
		TAILQ_INSERT_TAIL(&c->repo->secrets, secret, entry);
		c->repo->nsecrets++;
	} else
		free(name);
	free(secret->encrypted);
	secret->encrypted = strdup(encrypted);
	if (secret->encrypted == NULL || secret->environment == NULL)
		err(1, NULL);
	secret->updated = clock_now();
	repo_changed(c->repo);
	if (fresh)
		answer_json(c, 201, json_object_new_object());
	else
		answer_empty(c, 204);
}

void
secret_delete(struct call *c)
{
	char		*name = name_read(c);
	struct secret	*secret = find(c, name);

	free(name);
	if (secret == NULL) {
		answer_error(c, 404, "Not Found");
		return;
	}
	secret_free(c->repo, secret);
	repo_changed(c->repo);
	answer_empty(c, 204);
}

void
secret_free(struct repo *repo, struct secret *secret)
{
	TAILQ_REMOVE(&repo->secrets, secret, entry);
	repo->nsecrets--;
	free(secret->name);
	free(secret->environment);
	free(secret->encrypted);
	free(secret);
}

char *
secret_open(struct repo *repo, const struct secret *secret, size_t *len)
{
	size_t		 size = strlen(secret->encrypted);
	unsigned char	*sealed = malloc(size + 1);
	char		*value = calloc(1, size + 1);

	if (sealed == NULL || value == NULL || repo->public_key == NULL ||
	    sodium_base642bin(sealed, size, secret->encrypted, size, NULL,
	    len, NULL, sodium_base64_VARIANT_ORIGINAL) == -1 ||
	    *len < crypto_box_SEALBYTES ||
	    crypto_box_seal_open((unsigned char *)value, sealed, *len,
	    repo->public_key, repo->public_key + crypto_box_PUBLICKEYBYTES) ==
	    -1) {
		free(sealed);
		free(value);
		return (NULL);
	}
	*len -= crypto_box_SEALBYTES;
	value[*len] = '\0';
	free(sealed);
	return (value);
}

/* "environments/{}/secrets/..." has the environment before the name. */
static const char *
environment(const struct call *c)
{
	return (strcmp(c->seg[c->rest], "environments") == 0 ? c->arg[0] :
	    "");
}

static char *
name_read(struct call *c)
{
	const char	*arg = c->arg[environment(c)[0] != '\0'];
	char		*name = strdup(arg), *p;

	if (name == NULL)
		err(1, NULL);
	for (p = name; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return (name);
}

static int
name_good(const char *name)
{
	return (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
	    strlen(name) && *name != '\0' && (*name < '0' || *name > '9') &&
	    strncmp(name, "GITHUB_", 7) != 0);
}

static struct secret *
find(struct call *c, const char *name)
{
	struct secret	*secret;

	TAILQ_FOREACH(secret, &c->repo->secrets, entry)
		if (strcmp(secret->name, name) == 0 &&
		    strcmp(secret->environment, environment(c)) == 0)
			return (secret);
	return (NULL);
}

static struct json_object *
render(const struct secret *secret)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "name",
	    json_object_new_string(secret->name));
	json_object_object_add(o, "created_at",
	    render_time(secret->created));
	json_object_object_add(o, "updated_at",
	    render_time(secret->updated));
	return (o);
}

static void
repo_key(struct repo *repo)
{
	if (repo->public_key != NULL)
		return;
	repo->public_key = malloc(crypto_box_PUBLICKEYBYTES +
	    crypto_box_SECRETKEYBYTES);
	if (repo->public_key == NULL)
		err(1, NULL);
	(void)crypto_box_keypair(repo->public_key,
	    repo->public_key + crypto_box_PUBLICKEYBYTES);
	repo->key_id = 568250167000000000 + repo->id;
}
