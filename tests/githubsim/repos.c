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
 * githubsim: repositories, the user, and what is left of the budget.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

static void	 list(struct call *, const struct owner *);

void
repo_get(struct call *c)
{
	answer_json(c, 200, render_repo(c, c->repo));
}

void
user_get(struct call *c)
{
	answer_json(c, 200, render_viewer(c, c->token->account->owner));
}

void
user_repos(struct call *c)
{
	list(c, NULL);
}

void
org_repos(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);

	if (owner == NULL || !owner->organization) {
		answer_error(c, 404, "Not Found");
		return;
	}
	list(c, owner);
}

void
rate_limit_get(struct call *c)
{
	answer_json(c, 200, ratelimit_show(c));
	c->conditional = 0;
}

/* One page of what the token may see, of one owner or of all. */
static void
list(struct call *c, const struct owner *owner)
{
	struct json_object	*page = json_object_new_array();
	struct repo		*repo;
	size_t			 size, first, n = 0;

	size = (size_t)call_integer(c, "per_page", 1, SIM_PAGE_MAX, 30);
	first = size * ((size_t)call_integer(c, "page", 1,
	    INT_MAX / SIM_PAGE_MAX, 1) - 1);
	for (repo = repo_next(NULL); repo != NULL; repo = repo_next(repo)) {
		if (!repo_visible(repo, c->token) ||
		    (owner != NULL && repo->owner != owner))
			continue;
		if (n >= first && n < first + size)
			json_object_array_add(page, render_repo(c, repo));
		n++;
	}
	answer_json(c, 200, page);
	answer_page(c, n, n);
}
