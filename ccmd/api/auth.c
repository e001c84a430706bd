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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "log.h"
#include "tree.h"

#define HASH_LEN	crypto_verify_32_BYTES	/* BLAKE2b-256, RFC 7693 */
#define TOKENS_FIRST	64	/* room made for that many, then twice */

struct token {
	RB_ENTRY(token)	 named;
	RB_ENTRY(token)	 numbered;
	uint64_t	 number;	/* of this one, unchanged */
	char		 name[MSG_ID_MAX + 1];
	enum role	 role;
	int64_t		 expires;	/* seconds; 0: never */
};

RB_HEAD(token_names, token);
RB_HEAD(token_numbers, token);

/* A hash is at its token's place; the trees are made when all are there. */
struct tokens {
	struct token	*token;
	unsigned char	(*hash)[HASH_LEN];
	size_t		 n;
	size_t		 size;		/* places */
	struct token_names names;
	struct token_numbers numbers;
	uint32_t	 open;		/* what needs no token */
};

static struct {
	struct tokens	 now;
	struct tokens	 next;		/* being told */
	uint64_t	 last;		/* number given */
} env;

static void	 empty(struct tokens *);
static int	 make_room(struct tokens *);
static const struct token *same(const struct tokens *, size_t);
static int	 is_over(const struct token *);
static int	 by_name(const struct token *, const struct token *);
static int	 by_number(const struct token *, const struct token *);

TREE_GENERATE(token_names, token, named, by_name)
TREE_GENERATE(token_numbers, token, numbered, by_number)

static int
by_name(const struct token *a, const struct token *b)
{
	return (strcmp(a->name, b->name));
}

static int
by_number(const struct token *a, const struct token *b)
{
	return (a->number < b->number ? -1 : a->number > b->number);
}

static void
empty(struct tokens *t)
{
	free(t->token);
	freezero(t->hash, t->size * sizeof(*t->hash));
	memset(t, 0, sizeof(*t));
}

void
auth_begin(void)
{
	empty(&env.next);
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
		was = same(&env.next, i);
		t->number = was != NULL ? was->number : ++env.last;
	}
	for (i = 0; i < env.next.n; i++) {
		t = &env.next.token[i];
		RB_INSERT(token_names, &env.next.names, t);
		RB_INSERT(token_numbers, &env.next.numbers, t);
	}
	empty(&env.now);
	env.now = env.next;
	memset(&env.next, 0, sizeof(env.next));
}

int
auth_add(const char *name, enum role role, const void *hash, size_t len,
    int64_t expires)
{
	struct token	*t;

	if (len != HASH_LEN || env.next.n == AUTH_TOKENS_MAX ||
	    make_room(&env.next) == -1)
		return (-1);
	t = &env.next.token[env.next.n];
	memset(t, 0, sizeof(*t));
	if (strlcpy(t->name, name, sizeof(t->name)) >= sizeof(t->name))
		return (-1);
	memcpy(env.next.hash[env.next.n], hash, HASH_LEN);
	t->role = role;
	t->expires = expires;
	env.next.n++;
	return (0);
}

/* For one more; 0, or -1 with errno. */
static int
make_room(struct tokens *t)
{
	void	*p;
	size_t	 size = t->size == 0 ? TOKENS_FIRST : t->size * 2;

	if (t->n < t->size)
		return (0);
	if ((p = reallocarray(t->token, size, sizeof(*t->token))) == NULL)
		return (-1);
	t->token = p;
	if ((p = recallocarray(t->hash, t->size, size, sizeof(*t->hash))) ==
	    NULL)
		return (-1);
	t->hash = p;
	t->size = size;
	return (0);
}

/* The one in force that is the i-th of those. */
static const struct token *
same(const struct tokens *of, size_t i)
{
	struct token		*as = &of->token[i];
	const struct token	*t;

	t = RB_FIND(token_names, &env.now.names, as);
	if (t == NULL || t->role != as->role || crypto_verify_32(of->hash[i],
	    env.now.hash[t - env.now.token]) != 0)
		return (NULL);
	return (t);
}

int
auth_holds(uint64_t number)
{
	struct token		 key = { .number = number };
	const struct token	*t;

	t = RB_FIND(token_numbers, &env.now.numbers, &key);
	return (t != NULL && !is_over(t));
}

static int
is_over(const struct token *t)
{
	return (t->expires != 0 && t->expires <= time(NULL));
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
		if (crypto_verify_32(hash, env.now.hash[i]) == 0)
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
