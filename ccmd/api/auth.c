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
 * Whose token is it.  Runs in the api.  Knows hashes only, and must not
 * keep or log a token.
 */

#include "config.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "log.h"

#define HASH_LEN	32	/* BLAKE2b-256, RFC 7693 */

struct token {
	uint64_t	 number;	/* of this one, unchanged */
	char		 name[MSG_ID_MAX + 1];
	enum role	 role;
	unsigned char	 hash[HASH_LEN];
	int64_t		 expires;	/* seconds; 0: never */
};

struct tokens {
	struct token	 token[AUTH_TOKENS_MAX];
	size_t		 n;
	uint32_t	 open;		/* what needs no token */
};

static struct {
	struct tokens	 now;
	struct tokens	 next;		/* being told */
	uint64_t	 last;		/* number given */
} env;

static const struct token *same(const struct token *);
static int	 is_over(const struct token *);

void
auth_begin(void)
{
	memset(&env.next, 0, sizeof(env.next));
}

/* No moment without tokens, nor with some of them. */
void
auth_commit(void)
{
	const struct token	*was;
	struct token		*t;
	size_t			 i;

	for (i = 0; i < env.next.n; i++) {
		t = &env.next.token[i];
		was = same(t);
		t->number = was != NULL ? was->number : ++env.last;
	}
	env.now = env.next;
	sodium_memzero(&env.next, sizeof(env.next));
}

int
auth_add(const char *name, enum role role, const void *hash, size_t len,
    int64_t expires)
{
	struct token	*t;

	if (len != HASH_LEN || env.next.n == AUTH_TOKENS_MAX)
		return (-1);
	t = &env.next.token[env.next.n];
	if (strlcpy(t->name, name, sizeof(t->name)) >= sizeof(t->name))
		return (-1);
	memcpy(t->hash, hash, HASH_LEN);
	t->role = role;
	t->expires = expires;
	env.next.n++;
	return (0);
}

static const struct token *
same(const struct token *as)
{
	const struct token	*t;
	size_t			 i;

	for (i = 0; i < env.now.n; i++) {
		t = &env.now.token[i];
		if (strcmp(t->name, as->name) == 0 && t->role == as->role &&
		    sodium_memcmp(t->hash, as->hash, HASH_LEN) == 0)
			return (t);
	}
	return (NULL);
}

int
auth_holds(uint64_t number)
{
	size_t	 i;

	for (i = 0; i < env.now.n; i++)
		if (env.now.token[i].number == number)
			return (!is_over(&env.now.token[i]));
	return (0);
}

static int
is_over(const struct token *t)
{
	return (t->expires != 0 && t->expires <= time(NULL));
}

size_t
auth_count(void)
{
	return (env.now.n);
}

/* No early end of the loop: time tells nothing of which one it was. */
enum role
auth_check(const void *token, size_t len, char *name, size_t size,
    uint64_t *number)
{
	unsigned char	 hash[HASH_LEN];
	const struct token *found = NULL;
	size_t		 i;

	crypto_generichash(hash, sizeof(hash), token, len, NULL, 0);
	for (i = 0; i < env.now.n; i++)
		if (sodium_memcmp(hash, env.now.token[i].hash, HASH_LEN) == 0)
			found = &env.now.token[i];
	sodium_memzero(hash, sizeof(hash));
	if (found == NULL || is_over(found))
		return (ROLE_NONE);
	*number = found->number;
	(void)strlcpy(name, found->name, size);
	return (found->role);
}

void
auth_open(uint32_t what)
{
	env.next.open = what;
}

enum role
auth_role_needed(const struct verb *verb)
{
	static const struct {
		enum verb_id	 verb;
		uint32_t	 what;
	} opens[] = {
		{ VERB_METRICS, OPEN_METRICS },
		{ VERB_CCTRAY, OPEN_CCTRAY },
		{ VERB_BADGE, OPEN_BADGES },
	};
	size_t	 i;

	for (i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		if (opens[i].verb == verb->id && (env.now.open & opens[i].what))
			return (ROLE_NONE);
	return (verb->role);
}
