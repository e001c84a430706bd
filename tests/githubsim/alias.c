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
 * githubsim: the names that repositories had before.
 */

#include "config.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

/* A former name: GitHub redirects it until someone takes the name. */
struct alias {
	RB_ENTRY(alias)	 entry;
	char		*full_name;
	int64_t		 id;
};

static int	 alias_cmp(struct alias *, struct alias *);

RB_PROTOTYPE(alias_tree, alias, entry, alias_cmp)
RB_GENERATE(alias_tree, alias, entry, alias_cmp)

struct repo *
repo_find_alias(const char *owner, const char *name)
{
	char		 full[SIM_NAME_BYTES];
	struct alias	 key = { .full_name = full }, *alias;

	if (repo_full_name(full, sizeof(full), owner, name) == -1 ||
	    (alias = RB_FIND(alias_tree, &sim.aliases, &key)) == NULL)
		return (NULL);
	return (repo_find_id(alias->id));
}

void
alias_add(const char *full_name, int64_t id)
{
	struct alias	*alias, *old;

	if ((alias = calloc(1, sizeof(*alias))) == NULL ||
	    (alias->full_name = strdup(full_name)) == NULL)
		err(1, NULL);
	alias->id = id;
	if ((old = RB_INSERT(alias_tree, &sim.aliases, alias)) != NULL) {
		old->id = id;
		free(alias->full_name);
		free(alias);
	}
}

void
alias_remove(const char *full_name)
{
	struct alias	 key, *alias;

	key.full_name = (char *)(uintptr_t)full_name;
	if ((alias = RB_FIND(alias_tree, &sim.aliases, &key)) == NULL)
		return;
	RB_REMOVE(alias_tree, &sim.aliases, alias);
	free(alias->full_name);
	free(alias);
}

static int
alias_cmp(struct alias *a, struct alias *b)
{
	return (strcasecmp(a->full_name, b->full_name));
}
