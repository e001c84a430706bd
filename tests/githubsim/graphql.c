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
 * githubsim: the two GraphQL queries that gh sends on its way to a REST
 * call, known by their names: which is the default branch, and which pull
 * request does a run belong to.  Any other is refused in GraphQL's manner.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "githubsim.h"

#define ADD(o, k, v)	json_object_object_add(o, k, v)

static struct json_object *member(struct json_object *, const char *);
static struct repo *repository(struct call *);
static struct json_object *info(struct call *, const struct repo *);
static struct json_object *no_pulls(struct call *, const struct repo *);
static void	 refuse(struct call *, const char *, const char *);

/* /graphql, beside /api/v3 at GitHub Enterprise Server: /api/graphql. */
int
graphql_path(const struct call *c)
{
	const char	*slash = strrchr(sim.prefix, '/');
	size_t		 len = slash == NULL ? 0 :
			    (size_t)(slash - sim.prefix);

	return (strcmp(c->method, "POST") == 0 &&
	    strncmp(c->uri, sim.prefix, len) == 0 &&
	    strcmp(c->uri + len, "/graphql") == 0);
}

void
graphql_serve(struct call *c)
{
	static const struct {
		const char	*name;
		struct json_object *(*show)(struct call *,
				    const struct repo *);
	} queries[] = {
		{ "query RepositoryInfo(", info },
		{ "query PullRequestForRun(", no_pulls },
	};
	struct json_object	*o, *data;
	const char		*query;
	struct repo		*repo;
	size_t			 i;

	query = json_object_get_string(member(c->input, "query"));
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (query != NULL && strstr(query, queries[i].name) != NULL)
			break;
	if (i == sizeof(queries) / sizeof(queries[0])) {
		refuse(c, "UNSUPPORTED", "githubsim has no such query");
		return;
	}
	if ((repo = repository(c)) == NULL) {
		refuse(c, "NOT_FOUND", "Could not resolve to a Repository");
		return;
	}
	o = json_object_new_object();
	data = json_object_new_object();
	ADD(data, "repository", queries[i].show(c, repo));
	ADD(o, "data", data);
	answer_json(c, 200, o);
}

static struct json_object *
info(struct call *c, const struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*owner = json_object_new_object();
	struct json_object	*branch = json_object_new_object();
	char			 id[32];

	(void)snprintf(id, sizeof(id), "R_kgDO%lld", (long long)repo->id);
	ADD(owner, "login", json_object_new_string(repo->owner->login));
	ADD(branch, "name", json_object_new_string(repo->default_branch));
	ADD(o, "id", json_object_new_string(id));
	ADD(o, "name", json_object_new_string(repo->name));
	ADD(o, "owner", owner);
	ADD(o, "hasIssuesEnabled", json_object_new_boolean(1));
	ADD(o, "description", json_object_new_string(""));
	ADD(o, "hasWikiEnabled", json_object_new_boolean(1));
	ADD(o, "viewerPermission", json_object_new_string(
	    c->token->readonly ? "READ" : "ADMIN"));
	ADD(o, "defaultBranchRef", branch);
	ADD(o, "parent", NULL);
	ADD(o, "mergeCommitAllowed", json_object_new_boolean(1));
	ADD(o, "rebaseMergeAllowed", json_object_new_boolean(1));
	ADD(o, "squashMergeAllowed", json_object_new_boolean(1));
	return (o);
}

static struct json_object *
no_pulls(struct call *c, const struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*pulls = json_object_new_object();

	(void)c;
	(void)repo;
	ADD(pulls, "nodes", json_object_new_array());
	ADD(o, "pullRequests", pulls);
	return (o);
}

/* Its owner is "owner" among the variables, its name "name" or "repo". */
static struct repo *
repository(struct call *c)
{
	struct json_object	*vars = member(c->input, "variables");
	const char		*owner, *name;
	struct repo		*repo;

	owner = json_object_get_string(member(vars, "owner"));
	name = json_object_get_string(member(vars, "name"));
	if (name == NULL)
		name = json_object_get_string(member(vars, "repo"));
	if (owner == NULL || name == NULL ||
	    (repo = repo_find(owner, name)) == NULL ||
	    !repo_visible(repo, c->token))
		return (NULL);
	return (repo);
}

static void
refuse(struct call *c, const char *type, const char *message)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*list = json_object_new_array();
	struct json_object	*e = json_object_new_object();

	ADD(e, "type", json_object_new_string(type));
	ADD(e, "message", json_object_new_string(message));
	json_object_array_add(list, e);
	ADD(o, "data", NULL);
	ADD(o, "errors", list);
	answer_json(c, 200, o);
}

static struct json_object *
member(struct json_object *o, const char *key)
{
	struct json_object	*v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return (v);
}
