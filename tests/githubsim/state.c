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
 * githubsim: who exists, owners, accounts and their tokens, and the strings
 * that many objects share.  Repositories and runs are in store.c.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

#define FIRST_OWNER	1000
#define DEFAULT_LOGIN	"octocat"

struct interned {
	RB_ENTRY(interned) entry;
	char		 s[];
};
RB_HEAD(interned_tree, interned);

struct sim	 sim;

static struct interned_tree strings = RB_INITIALIZER(&strings);

static int	 interned_cmp(struct interned *, struct interned *);
static int	 owner_cmp(struct owner *, struct owner *);

RB_PROTOTYPE(interned_tree, interned, entry, interned_cmp)
RB_PROTOTYPE(owner_tree, owner, entry, owner_cmp)
RB_GENERATE(interned_tree, interned, entry, interned_cmp)
RB_GENERATE(owner_tree, owner, entry, owner_cmp)

void
state_init(void)
{
	RB_INIT(&sim.owners);
	RB_INIT(&sim.repo_ids);
	RB_INIT(&sim.repo_names);
	RB_INIT(&sim.aliases);
	RB_INIT(&sim.run_ids);
	TAILQ_INIT(&sim.tokens);
	TAILQ_INIT(&sim.accounts);
	TAILQ_INIT(&sim.apps);
	sim.last_owner = FIRST_OWNER;
	sim.last_repo = 800000000;
	sim.last_workflow = 90000000;
	sim.last_run = 17000000000;	/* wider than 32 bits, as today's */
	sim.settings.cancel_delay = 2000;
	sim.settings.weak_304 = 1;
	limits_init(&sim.settings.limits);
	sim.settings.limit_status = 403;
	sim.settings.retry_after = 60;
}

/* Forgets every repository; owners, tokens and settings stay. */
void
state_reset(void)
{
	struct repo	*repo;

	while ((repo = repo_next(NULL)) != NULL)
		repo_free(repo);
	sim.version++;
}

const char *
intern(const char *s)
{
	struct interned	*in;
	size_t		 len;

	if (s == NULL)
		return (NULL);
	len = strlen(s) + 1;
	if ((in = malloc(sizeof(*in) + len)) == NULL)
		err(1, NULL);
	memcpy(in->s, s, len);
	struct interned	*old = RB_INSERT(interned_tree, &strings, in);
	if (old != NULL) {
		free(in);
		return (old->s);
	}
	return (in->s);
}

void
strings_clear(struct sim_strings *list)
{
	size_t	 i;

	for (i = 0; i < list->n; i++)
		free(list->s[i]);
	free(list->s);
	list->s = NULL;
	list->n = 0;
}

int
strings_add(struct sim_strings *list, const char *text)
{
	char	**s;

	if ((s = reallocarray(list->s, list->n + 1, sizeof(*s))) == NULL)
		return (-1);
	list->s = s;
	if ((s[list->n] = strdup(text)) == NULL)
		return (-1);
	list->n++;
	return (0);
}

int
strings_has(const struct sim_strings *list, const char *text)
{
	size_t	 i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->s[i], text) == 0)
			return (1);
	return (0);
}

struct owner *
owner_find(const char *login)
{
	struct owner	 key = { .login = (char *)(uintptr_t)login };

	return (RB_FIND(owner_tree, &sim.owners, &key));
}

struct owner *
owner_get(const char *login)
{
	struct owner	*owner;

	if ((owner = owner_find(login)) != NULL)
		return (owner);
	if ((owner = calloc(1, sizeof(*owner))) == NULL ||
	    (owner->login = strdup(login)) == NULL)
		err(1, NULL);
	owner->id = ++sim.last_owner;
	RB_INSERT(owner_tree, &sim.owners, owner);
	return (owner);
}

struct account *
account_get(const char *login)
{
	return (account_named(login, NULL));
}

/* By its name; made when missing, of this owner or of the name's own. */
struct account *
account_named(const char *name, struct owner *owner)
{
	struct account	*account;

	TAILQ_FOREACH(account, &sim.accounts, entry)
		if (strcasecmp(account->name, name) == 0)
			return (account);
	if ((account = calloc(1, sizeof(*account))) == NULL ||
	    (account->name = strdup(name)) == NULL)
		err(1, NULL);
	account->owner = owner != NULL ? owner : owner_get(name);
	TAILQ_INSERT_TAIL(&sim.accounts, account, entry);
	return (account);
}

struct token *
token_find(const char *text)
{
	struct token	*token;

	TAILQ_FOREACH(token, &sim.tokens, entry)
		if (strcmp(token->text, text) == 0)
			return (token);
	return (NULL);
}

/* A token that is good for the default user until it is changed. */
struct token *
token_add(const char *text)
{
	struct token	*token;

	if ((token = token_find(text)) != NULL)
		return (token);
	if (sim.ntokens >= SIM_TOKENS_MAX) {
		errno = ENOSPC;
		return (NULL);
	}
	if ((token = calloc(1, sizeof(*token))) == NULL ||
	    (token->text = strdup(text)) == NULL)
		err(1, NULL);
	token_hash(text, token->id);
	token->account = account_get(DEFAULT_LOGIN);
	token->valid = 1;
	TAILQ_INSERT_TAIL(&sim.tokens, token, entry);
	sim.ntokens++;
	return (token);
}

void
token_free(struct token *token)
{
	TAILQ_REMOVE(&sim.tokens, token, entry);
	sim.ntokens--;
	selection_clear(&token->selection);
	json_object_put(token->grants);
	free(token->scopes);
	free(token->permissions);
	free(token->expiration);
	free(token->text);
	free(token);
}

/* Neither revoked nor expired nor its installation gone. */
int
token_good(const struct token *token)
{
	return (token->valid &&
	    (token->expires == 0 || clock_now() < token->expires) &&
	    (token->installation == NULL || !token->installation->deleted));
}

/* May it do there what its permissions allow? */
int
token_reaches(const struct token *token, const struct repo *repo)
{
	const struct installation *at = token->installation;

	if (token->scopes != NULL && !token_scope(token, "repo"))
		return (0);
	if (token->owner != NULL && token->owner != repo->owner)
		return (0);
	if (at != NULL && (at->owner != repo->owner ||
	    !selection_has(&at->selection, repo->id)))
		return (0);
	return (selection_has(&token->selection, repo->id));
}

/* Is it one of a classic token's, "repo, workflow"? */
int
token_scope(const struct token *token, const char *scope)
{
	const char	*p = token->scopes;
	size_t		 n, len = strlen(scope);

	while (*(p += strspn(p, ", ")) != '\0') {
		if ((n = strcspn(p, ", ")) == len &&
		    strncmp(p, scope, len) == 0)
			return (1);
		p += n;
	}
	return (0);
}

void
selection_clear(struct selection *sel)
{
	free(sel->id);
	memset(sel, 0, sizeof(*sel));
}

/* From the first one on it is these only. */
int
selection_add(struct selection *sel, int64_t id)
{
	int64_t	*ids;

	if ((ids = reallocarray(sel->id, sel->n + 1, sizeof(*ids))) == NULL)
		return (-1);
	sel->some = 1;
	sel->id = ids;
	ids[sel->n++] = id;
	return (0);
}

int
selection_has(const struct selection *sel, int64_t id)
{
	size_t	 i;

	if (!sel->some)
		return (1);
	for (i = 0; i < sel->n; i++)
		if (sel->id[i] == id)
			return (1);
	return (0);
}

void
token_hash(const char *text, char id[SIM_TOKEN_ID])
{
	unsigned char	 hash[crypto_generichash_BYTES];

	(void)crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)text, strlen(text), NULL, 0);
	(void)sodium_bin2hex(id, SIM_TOKEN_ID, hash, (SIM_TOKEN_ID - 1) / 2);
}

static int
interned_cmp(struct interned *a, struct interned *b)
{
	return (strcmp(a->s, b->s));
}

static int
owner_cmp(struct owner *a, struct owner *b)
{
	return (strcasecmp(a->login, b->login));
}
