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
	sim.last_owner = FIRST_OWNER;
	sim.last_repo = 800000000;
	sim.last_workflow = 90000000;
	sim.last_run = 17000000000;	/* wider than 32 bits, as today's */
	sim.settings.cancel_delay = 2000;
	sim.settings.weak_304 = 1;
	sim.settings.hourly = 5000;
	sim.settings.points = 900;
	sim.settings.concurrent = 100;
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
	struct account	*account;

	TAILQ_FOREACH(account, &sim.accounts, entry)
		if (strcasecmp(account->owner->login, login) == 0)
			return (account);
	if ((account = calloc(1, sizeof(*account))) == NULL)
		err(1, NULL);
	account->owner = owner_get(login);
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
