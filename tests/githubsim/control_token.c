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
 * githubsim: the control interface's part on tokens, apps and limits: who
 * may do what, and how often.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define LOGIN_DEFAULT	"octocat"
#define HOUR		3600

struct number {
	const char	*key;
	int64_t		*at;
};

static void	 budget_read(struct json_object *);
static int	 token_read(struct call *, struct token *,
	    struct json_object *);
static int	 app_read(struct call *, struct app *, struct json_object *);
static int	 installation_read(struct call *, struct app *,
	    struct json_object *);
static int	 key_read(const char *, EVP_PKEY **);
static int	 text_read(struct json_object *, const char *, char **);

void
control_limits_get(struct call *c)
{
	struct json_object	*list = json_object_new_array(), *o;
	struct account		*account;
	size_t			 i;

	TAILQ_FOREACH(account, &sim.accounts, entry) {
		struct budget		*b = &account->budget;
		const struct number	 numbers[] = {
			{ "used", &b->used }, { "reset", &b->reset },
			{ "points", &b->points },
			{ "content", &b->content },
		};

		o = json_object_new_object();
		json_object_object_add(o, "user",
		    json_object_new_string(account->name));
		for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			json_object_object_add(o, numbers[i].key,
			    json_object_new_int64(*numbers[i].at));
		json_object_object_add(o, "hourly", json_object_new_int64(
		    limits_hourly(&sim.settings.limits, b)));
		json_object_object_add(o, "in_flight",
		    json_object_new_int64(b->inflight));
		json_object_array_add(list, o);
	}
	answer_json(c, 200, list);
}

void
control_limits_post(struct call *c)
{
	if (control_limits_read(c, c->input) == 0)
		control_limits_get(c);
}

int
control_limits_read(struct call *c, struct json_object *o)
{
	static const char *const known[] = {
		"hourly", "points", "concurrent", "content", "content_hour",
		"enforce_hourly", "enforce_points", "enforce_concurrent",
		"enforce_content", "status", "retry_after", "remaining",
		"reset_in", "user", NULL
	};
	struct settings		*s = &sim.settings;
	struct limits		*l = &s->limits;
	const struct number	 numbers[] = {
		{ "points", &l->points }, { "concurrent", &l->concurrent },
		{ "content", &l->content },
		{ "content_hour", &l->content_hour },
	};
	const struct {
		const char	*key;
		int		*at;
	} switches[] = {
		{ "enforce_hourly", &l->enforce_hourly },
		{ "enforce_points", &l->enforce_points },
		{ "enforce_concurrent", &l->enforce_concurrent },
		{ "enforce_content", &l->enforce_content },
	};
	size_t			 i;

	if (control_members(c, o, known) == -1)
		return (-1);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i].at = control_integer(o, numbers[i].key,
		    *numbers[i].at);
	for (i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		*switches[i].at = control_boolean(o, switches[i].key,
		    *switches[i].at);
	s->limit_status = (int)control_integer(o, "status",
	    s->limit_status);
	if (json_object_object_get_ex(o, "retry_after", NULL))
		s->retry_after = control_integer(o, "retry_after", -1);
	budget_read(o);
	return (0);
}

/* What concerns one user or installation. */
static void
budget_read(struct json_object *o)
{
	const char	*user = control_string(o, "user", NULL);
	struct budget	*b;
	int64_t		 now = clock_now() / 1000;

	b = &account_get(user != NULL ? user : LOGIN_DEFAULT)->budget;
	if (user != NULL)
		b->hourly = control_integer(o, "hourly", b->hourly);
	else
		sim.settings.limits.hourly = control_integer(o, "hourly",
		    sim.settings.limits.hourly);
	if (json_object_object_get_ex(o, "reset_in", NULL))
		b->reset = now + control_integer(o, "reset_in", 0);
	if (json_object_object_get_ex(o, "remaining", NULL)) {
		if (b->reset <= now)
			b->reset = now + HOUR;
		b->used = limits_hourly(&sim.settings.limits, b) -
		    control_integer(o, "remaining", 0);
	}
}

void
control_tokens_post(struct call *c)
{
	if (control_make_token(c, c->input) == 0)
		answer_empty(c, 204);
}

/* A new token, or other properties for one that is known. */
int
control_make_token(struct call *c, struct json_object *o)
{
	static const char *const known[] = {
		"token", "user", "valid", "readonly", "scopes",
		"permissions", "expiration", "grants", "owner",
		"repositories", "expires_in", NULL
	};
	const char	*text;
	struct token	*token;

	if (control_members(c, o, known) == -1)
		return (-1);
	text = control_string(o, "token", "");
	if (*text == '\0' || (token = token_add(text)) == NULL) {
		control_error(c, 422, "token: missing, or one too many");
		return (-1);
	}
	return (token_read(c, token, o));
}

static int
token_read(struct call *c, struct token *token, struct json_object *o)
{
	const char		*text;
	struct json_object	*v;

	if ((text = control_string(o, "user", NULL)) != NULL)
		token->account = account_get(text);
	token->valid = control_boolean(o, "valid", token->valid);
	token->readonly = control_boolean(o, "readonly", token->readonly);
	if (text_read(o, "scopes", &token->scopes) == -1 ||
	    text_read(o, "permissions", &token->permissions) == -1 ||
	    text_read(o, "expiration", &token->expiration) == -1)
		err(1, NULL);
	if (json_object_object_get_ex(o, "owner", NULL)) {
		text = control_string(o, "owner", NULL);
		token->owner = text == NULL ? NULL : owner_get(text);
	}
	if (json_object_object_get_ex(o, "expires_in", &v))
		token->expires = v == NULL ? 0 : clock_now() +
		    seconds_ms(json_object_get_double(v));
	/* What it may see or do has changed: so may every answer. */
	etag_clear();
	if (control_object(c, o, "grants", &token->grants) == -1)
		return (-1);
	return (control_selection(c, o, &token->selection));
}

void
control_apps_post(struct call *c)
{
	if (control_make_app(c, c->input) == 0)
		answer_empty(c, 204);
}

/* A new app, or other properties for one that is known. */
int
control_make_app(struct call *c, struct json_object *o)
{
	static const char *const known[] = {
		"id", "slug", "name", "client_id", "owner", "public_key",
		"permissions", "lifetime", "installations", NULL
	};
	struct app		*app;
	struct json_object	*list;
	int64_t			 id;
	int			 i, n;

	if (control_members(c, o, known) == -1)
		return (-1);
	id = control_integer(o, "id", 0);
	if (id <= 0 || (app = app_get(id)) == NULL) {
		control_error(c, 422, "id: missing, or one too many");
		return (-1);
	}
	if (app_read(c, app, o) == -1 ||
	    (n = control_array(c, o, "installations", &list)) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (installation_read(c, app,
		    json_object_array_get_idx(list, (size_t)i)) == -1)
			return (-1);
	etag_clear();
	return (0);
}

static int
app_read(struct call *c, struct app *app, struct json_object *o)
{
	struct json_object	*v;
	const char		*text;
	const struct {
		const char	*key;
		char		**at;
	} texts[] = {
		{ "slug", &app->slug }, { "name", &app->name },
		{ "client_id", &app->client_id },
	};
	size_t			 i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (control_string(o, texts[i].key, NULL) != NULL &&
		    text_read(o, texts[i].key, texts[i].at) == -1)
			err(1, NULL);
	if ((text = control_string(o, "owner", NULL)) != NULL)
		app->owner = owner_get(text);
	if (json_object_object_get_ex(o, "lifetime", &v))
		app->lifetime = seconds_ms(json_object_get_double(v));
	if (json_object_object_get_ex(o, "public_key", &v) &&
	    key_read(json_object_get_string(v), &app->key) == -1) {
		control_error(c, 422, "public_key: not in PEM");
		return (-1);
	}
	if (app->grants == NULL)
		app->grants = json_object_new_object();
	return (control_object(c, o, "permissions", &app->grants));
}

static int
installation_read(struct call *c, struct app *app, struct json_object *o)
{
	static const char *const known[] = {
		"id", "account", "permissions", "repositories", "suspended",
		"deleted", NULL
	};
	struct installation	*at;
	const char		*login;
	int64_t			 id;

	if (control_members(c, o, known) == -1)
		return (-1);
	id = control_integer(o, "id", 0);
	if (id <= 0 || (at = installation_get(app, id)) == NULL) {
		control_error(c, 422, "installation's id: missing, or taken");
		return (-1);
	}
	if ((login = control_string(o, "account", NULL)) != NULL)
		at->owner = owner_get(login);
	at->suspended = control_boolean(o, "suspended", at->suspended);
	at->deleted = control_boolean(o, "deleted", at->deleted);
	if (control_object(c, o, "permissions", &at->grants) == -1)
		return (-1);
	return (control_selection(c, o, &at->selection));
}

/* "repositories": full names, or null for all. */
int
control_selection(struct call *c, struct json_object *o,
    struct selection *sel)
{
	struct json_object	*v;
	const char		*name, *slash;
	struct repo		*repo;
	char			 owner[256];
	int			 i, n;

	if (!json_object_object_get_ex(o, "repositories", &v))
		return (0);
	selection_clear(sel);
	if (v == NULL)
		return (0);
	if ((n = control_array(c, o, "repositories", &v)) == -1)
		return (-1);
	sel->some = 1;
	for (i = 0; i < n; i++) {
		name = json_object_get_string(
		    json_object_array_get_idx(v, (size_t)i));
		repo = NULL;
		if (name != NULL && (slash = strchr(name, '/')) != NULL &&
		    (size_t)(slash - name) < sizeof(owner)) {
			(void)strlcpy(owner, name, (size_t)(slash - name) + 1);
			repo = repo_find(owner, slash + 1);
		}
		if (repo == NULL) {
			control_error(c, 422, "repositories: unknown one");
			return (-1);
		}
		if (selection_add(sel, repo->id) == -1)
			err(1, NULL);
	}
	return (0);
}

static int
key_read(const char *pem, EVP_PKEY **key)
{
	EVP_PKEY	*got;
	BIO		*bio;

	if (pem == NULL || (bio = BIO_new_mem_buf(pem, -1)) == NULL)
		return (-1);
	got = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (got == NULL)
		return (-1);
	EVP_PKEY_free(*key);
	*key = got;
	return (0);
}

static int
text_read(struct json_object *o, const char *key, char **text)
{
	const char	*value;

	if (!json_object_object_get_ex(o, key, NULL))
		return (0);
	value = control_string(o, key, NULL);
	free(*text);
	*text = NULL;
	return (value != NULL && (*text = strdup(value)) == NULL ? -1 : 0);
}

/* An object, or null to have none. */
int
control_object(struct call *c, struct json_object *o, const char *key,
    struct json_object **to)
{
	struct json_object	*v;

	if (!json_object_object_get_ex(o, key, &v))
		return (0);
	if (v != NULL && !json_object_is_type(v, json_type_object)) {
		control_error(c, 422, "%s: an object, or null", key);
		return (-1);
	}
	json_object_put(*to);
	*to = json_object_get(v);
	return (0);
}
