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

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

static void	 list(struct call *, const struct owner *, int public,
	    const char *sort);
static int	 wanted(struct call *, const struct repo *,
	    const struct owner *, int);
static void	 sort_by(struct call *, struct repo **, size_t,
	    const char *);
static int	 cmp_name(const void *, const void *);
static int	 cmp_created(const void *, const void *);
static int	 cmp_updated(const void *, const void *);

void
repo_get(struct call *c)
{
	answer_json(c, 200, render_repo(c, c->repo));
}

void
user_get(struct call *c)
{
	if (c->token->installation != NULL)
		answer_error(c, 403,
		    "Resource not accessible by integration");
	else
		answer_json(c, 200, render_viewer(c, c->account->owner));
}

void
user_repos(struct call *c)
{
	if (c->token->installation != NULL)
		answer_error(c, 403,
		    "Resource not accessible by integration");
	else
		list(c, NULL, 0, "full_name");
}

void
org_repos(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);

	if (owner == NULL || !owner->organization)
		answer_error(c, 404, "Not Found");
	else
		list(c, owner, 0, "created");
}

/* Also an organization's; what is public, whoever asks. */
void
owner_repos(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);

	if (owner == NULL)
		answer_error(c, 404, "Not Found");
	else
		list(c, owner, 1, "full_name");
}

void
org_get(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);

	if (owner == NULL || !owner->organization)
		answer_error(c, 404, "Not Found");
	else
		answer_json(c, 200, render_org(c, owner));
}

void
owner_show(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);

	if (owner == NULL)
		answer_error(c, 404, "Not Found");
	else
		answer_json(c, 200, render_public(c, owner));
}

void
rate_limit_get(struct call *c)
{
	answer_json(c, 200, ratelimit_show(c));
	c->conditional = 0;
}

/* One page of what the token may see, of one owner or of all. */
static void
list(struct call *c, const struct owner *owner, int public,
    const char *sort)
{
	struct json_object	*page = json_object_new_array();
	struct repo		*repo, **all;
	size_t			 size, first, i, n = 0;

	if ((all = reallocarray(NULL, sim.nrepos + 1, sizeof(*all))) == NULL)
		err(1, NULL);
	for (repo = repo_next(NULL); repo != NULL; repo = repo_next(repo))
		if (wanted(c, repo, owner, public))
			all[n++] = repo;
	sort_by(c, all, n, sort);
	first = call_page(c, &size);
	for (i = first; i < n && i < first + size; i++)
		json_object_array_add(page, render_repo(c, all[i]));
	free(all);
	answer_json(c, 200, page);
	answer_page(c, n, n);
}

static int
wanted(struct call *c, const struct repo *repo, const struct owner *owner,
    int public)
{
	const char	*type = call_param(c, "type");

	if (type == NULL)
		type = call_param(c, "visibility");
	if (!repo_visible(repo, c->token) ||
	    (owner != NULL && repo->owner != owner) ||
	    (public && repo->private))
		return (0);
	/* A fine-grained token lists what it was made for. */
	if (owner == NULL && c->token->grants != NULL &&
	    !token_reaches(c->token, repo))
		return (0);
	if (type != NULL && strcmp(type, "public") == 0)
		return (!repo->private);
	return (type == NULL || strcmp(type, "private") != 0 ||
	    repo->private);
}

/* By name it ascends, by time the newest comes first. */
static void
sort_by(struct call *c, struct repo **all, size_t n, const char *sort)
{
	static const struct {
		const char	*name;
		int		(*cmp)(const void *, const void *);
		const char	*direction;
	} orders[] = {
		{ "full_name", cmp_name, "asc" },
		{ "created", cmp_created, "desc" },
		{ "updated", cmp_updated, "desc" },
		{ "pushed", cmp_updated, "desc" },
	};
	const char	*by = call_param(c, "sort");
	const char	*direction = call_param(c, "direction");
	struct repo	*swap;
	size_t		 i, j;

	if (by == NULL)
		by = sort;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]) - 1; i++)
		if (strcmp(orders[i].name, by) == 0)
			break;
	qsort(all, n, sizeof(*all), orders[i].cmp);
	if (direction == NULL)
		direction = orders[i].direction;
	if (strcmp(direction, "desc") != 0)
		return;
	for (i = 0, j = n; i + 1 < j; i++) {
		swap = all[i];
		all[i] = all[--j];
		all[j] = swap;
	}
}

static int
cmp_name(const void *a, const void *b)
{
	return (strcasecmp((*(struct repo *const *)a)->full_name,
	    (*(struct repo *const *)b)->full_name));
}

static int
cmp_created(const void *a, const void *b)
{
	const struct repo	*p = *(struct repo *const *)a;
	const struct repo	*q = *(struct repo *const *)b;

	if (p->created != q->created)
		return (p->created < q->created ? -1 : 1);
	return (p->id < q->id ? -1 : p->id > q->id);
}

static int
cmp_updated(const void *a, const void *b)
{
	const struct repo	*p = *(struct repo *const *)a;
	const struct repo	*q = *(struct repo *const *)b;

	if (p->updated != q->updated)
		return (p->updated < q->updated ? -1 : 1);
	return (p->id < q->id ? -1 : p->id > q->id);
}
