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
 * What there is at GitHub to make pipelines of: an owner's repositories, a
 * repository's branches and workflows.  Runs in the poller.
 */

#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fetch.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "lookup.h"

#define LIST_PAGES_MAX	10	/* of a hundred */
#define LIST_TEXT_MAX	512	/* bytes of a text */

struct list;

/* A kind of list: where it is in GitHub's answer, what is taken of each. */
struct kind {
	const char	*name;		/* of the answer's member */
	const char	*member;	/* of GitHub's; NULL: it is the array */
	void		(*take)(struct json_object *, struct json_object *);
	const char	*const *texts;
};

struct list {
	const struct kind *kind;
	struct fetch	*fetch;
	struct asked	 asked;
	struct github	*gh;
	struct gh_call	*call;
	struct json_object *items;
	int		 pages;
	char		 owner[64];
	char		 name[512];	/* what is not found, in words */
};

static struct list *list_new(const struct asked *, const struct kind *,
		    const char *);
static void	 of_repository(const struct asked *, struct json_object *,
		    const struct kind *, const char *);
static void	 ask(struct list *, const char *, gh_done);
static void	 on_owner(const struct gh_reply *, void *);
static void	 on_self(const struct gh_reply *, void *);
static void	 on_page(const struct gh_reply *, void *);
static int	 take_page(struct list *, struct json_object *);
static int	 is_owners(const struct list *, struct json_object *);
static void	 copy_text(struct json_object *, const char *,
		    struct json_object *);
static void	 take_repository(struct json_object *, struct json_object *);
static void	 take_branch(struct json_object *, struct json_object *);
static void	 take_workflow(struct json_object *, struct json_object *);
static int	 is_deploy(const char *);
static void	 done(struct list *, int);
static void	 refuse(struct list *, const struct gh_reply *);
static void	 no_memory(struct list *);
static void	 on_gone(void *);
static void	 list_free(struct list *);

static const struct fetch_ops ops = { .gone = on_gone };

static const char *const repository_texts[] = {
	"full_name", "description", "default_branch", "html_url",
	"pushed_at", NULL
}, *const branch_texts[] = { "name", NULL },
*const workflow_texts[] = { "name", "path", "state", "html_url", NULL };

static const struct kind
    repositories = { "repositories", NULL, take_repository,
    repository_texts },
    branches = { "branches", NULL, take_branch, branch_texts },
    workflows = { "workflows", "workflows", take_workflow, workflow_texts };

static struct list *
list_new(const struct asked *asked, const struct kind *kind,
    const char *owner)
{
	struct refusal	 refusal;
	struct list	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("fetch_repositories");
	if ((l->fetch = fetch_new(asked, &ops, l)) == NULL) {
		free(l);
		return (NULL);
	}
	l->kind = kind;
	l->asked = *asked;
	l->items = json_object_new_array();
	(void)strlcpy(l->owner, owner, sizeof(l->owner));
	l->gh = github_for(owner, strlen(owner));
	if (l->gh != NULL && github_has_token(l->gh))
		return (l);
	memset(&refusal, 0, sizeof(refusal));
	refusal.status = 502;
	refusal.code = "github_error";
	(void)snprintf(refusal.text, sizeof(refusal.text),
	    "No GitHub token is configured for %s", owner);
	fetch_refuse(l->fetch, &refusal);
	list_free(l);
	return (NULL);
}

/* An organization's, the token's own user's, another user's: three lists. */
void
fetch_repositories(const struct asked *asked, struct json_object *args)
{
	char		 path[GH_PATH_MAX];
	struct list	*l;

	l = list_new(asked, &repositories, json_string(args, "owner"));
	if (l == NULL)
		return;
	(void)snprintf(l->name, sizeof(l->name), "Owner not found: %s",
	    l->owner);
	(void)snprintf(path, sizeof(path), "/users/%s", l->owner);
	ask(l, path, on_owner);
}

void
fetch_branches(const struct asked *asked, struct json_object *args)
{
	of_repository(asked, args, &branches, "branches");
}

void
fetch_workflows(const struct asked *asked, struct json_object *args)
{
	of_repository(asked, args, &workflows, "actions/workflows");
}

static void
of_repository(const struct asked *asked, struct json_object *args,
    const struct kind *kind, const char *what)
{
	const char	*repo = json_string(args, "repo");
	char		 path[GH_PATH_MAX];
	struct list	*l;

	if ((l = list_new(asked, kind, json_string(args, "owner"))) == NULL)
		return;
	(void)snprintf(l->name, sizeof(l->name), "Repository not found: %s/%s "
	    "(404: it is not there, or the token has no access)", l->owner,
	    repo);
	(void)snprintf(path, sizeof(path), "/repos/%s/%s/%s?per_page=100",
	    l->owner, repo, what);
	ask(l, path, on_page);
}

static void
ask(struct list *l, const char *path, gh_done next)
{
	l->call = github_call(l->gh, GH_COMMAND, "GET", path, NULL, NULL,
	    l->asked.deadline, next, l);
	if (l->call == NULL)
		no_memory(l);
}

static void
on_owner(const struct gh_reply *r, void *arg)
{
	struct list	*l = arg;
	const char	*type;
	char		 path[GH_PATH_MAX];

	l->call = NULL;
	if (r->result != GH_OK) {
		refuse(l, r);
		return;
	}
	type = json_string(r->json, "type");
	if (type == NULL || strcmp(type, "Organization") != 0) {
		ask(l, "/user", on_self);
		return;
	}
	(void)snprintf(path, sizeof(path), "/orgs/%s/repos?per_page=100",
	    l->owner);
	ask(l, path, on_page);
}

/* An App has no user of its own: then it is another one's. */
static void
on_self(const struct gh_reply *r, void *arg)
{
	struct list	*l = arg;
	const char	*login = NULL;
	char		 path[GH_PATH_MAX];

	l->call = NULL;
	if (r->result == GH_OK)
		login = json_string(r->json, "login");
	if (login != NULL && strcasecmp(login, l->owner) == 0)
		(void)strlcpy(path, "/user/repos?affiliation=owner&"
		    "per_page=100", sizeof(path));
	else
		(void)snprintf(path, sizeof(path),
		    "/users/%s/repos?per_page=100", l->owner);
	ask(l, path, on_page);
}

static void
on_page(const struct gh_reply *r, void *arg)
{
	struct list	*l = arg;
	struct gh_reply	 bad = *r;

	l->call = NULL;
	if (r->result != GH_OK)
		refuse(l, r);
	else if (take_page(l, r->json) == -1) {
		bad.result = GH_FAILED;
		(void)strlcpy(bad.why, "GitHub's answer is not a list",
		    sizeof(bad.why));
		refuse(l, &bad);
	} else if (r->next == NULL || ++l->pages >= LIST_PAGES_MAX)
		done(l, r->next != NULL);
	else
		ask(l, r->next, on_page);
}

static int
take_page(struct list *l, struct json_object *page)
{
	struct json_object	*list = page, *from, *to;
	size_t			 i, j;

	if (l->kind->member != NULL)
		list = json_member(page, l->kind->member, json_type_array);
	if (!json_object_is_type(list, json_type_array))
		return (-1);
	for (i = 0; i < json_object_array_length(list); i++) {
		from = json_object_array_get_idx(list, i);
		if (!json_object_is_type(from, json_type_object) ||
		    (l->kind == &branches &&
		    json_string(from, "name") == NULL))
			return (-1);
		if (l->kind == &repositories && !is_owners(l, from))
			continue;
		to = json_object_new_object();
		for (j = 0; l->kind->texts[j] != NULL; j++)
			copy_text(to, l->kind->texts[j], from);
		l->kind->take(to, from);
		json_object_array_add(l->items, to);
	}
	return (0);
}

/* A token's own list may hold what it only has access to. */
static int
is_owners(const struct list *l, struct json_object *repository)
{
	const char	*name = json_string(repository, "full_name");
	size_t		 n = strlen(l->owner);

	return (name != NULL && strncasecmp(name, l->owner, n) == 0 &&
	    name[n] == '/');
}

static void
copy_text(struct json_object *to, const char *name, struct json_object *from)
{
	const char	*s = json_string(from, name);

	json_object_object_add(to, name, s == NULL ? NULL :
	    json_object_new_string_len(s, (int)json_cut(s, LIST_TEXT_MAX)));
}

static void
take_repository(struct json_object *to, struct json_object *from)
{
	json_object_object_add(to, "private",
	    json_object_new_boolean(json_flag(from, "private")));
	json_object_object_add(to, "archived",
	    json_object_new_boolean(json_flag(from, "archived")));
}

static void
take_branch(struct json_object *to, struct json_object *from)
{
	struct json_object	*commit;

	commit = json_member(from, "commit", json_type_object);
	copy_text(to, "sha", commit);
	json_object_object_add(to, "protected",
	    json_object_new_boolean(json_flag(from, "protected")));
}

static void
take_workflow(struct json_object *to, struct json_object *from)
{
	const char	*name = json_string(from, "name");
	const char	*path = json_string(from, "path"), *file;
	int64_t		 id;

	json_object_object_add(to, "workflow_id",
	    json_int(from, "id", &id) == 1 ? json_object_new_int64(id) : NULL);
	/* Every path has the same folders in front. */
	if (path != NULL && (file = strrchr(path, '/')) != NULL)
		path = file + 1;
	json_object_object_add(to, "deploy", json_object_new_boolean(
	    (name != NULL && is_deploy(name)) ||
	    (path != NULL && is_deploy(path))));
}

/* By one of these words in it; "cd" stands for itself only. */
static int
is_deploy(const char *text)
{
	static const char *const words[] = {
		"deploy", "release", "production"
	};
	const char	*p = text;
	size_t		 i, n;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(text, words[i]) != NULL)
			return (1);
	while (*p != '\0') {
		for (n = 0; isalnum((unsigned char)p[n]); n++)
			;
		if (n == 2 && strncasecmp(p, "cd", 2) == 0)
			return (1);
		p += n == 0 ? 1 : n;
	}
	return (0);
}

static void
done(struct list *l, int more)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_object_object_add(o, l->kind->name, json_object_get(l->items));
	json_set_int(o, "count", (int64_t)json_object_array_length(l->items));
	/* Whoever has more than a thousand must know that some are missing. */
	json_object_object_add(o, "truncated", json_object_new_boolean(more));
	fetch_json(l->fetch, o);
	list_free(l);
}

static void
refuse(struct list *l, const struct gh_reply *r)
{
	struct refusal	 refusal;

	lookup_refused(r, "GitHub could not be asked", &refusal);
	if (r->result == GH_REFUSED && r->status == 404) {
		refusal.status = 404;
		refusal.code = l->kind == &repositories ? "owner_not_found" :
		    "repository_not_found";
		(void)strlcpy(refusal.text, l->name, sizeof(refusal.text));
	}
	fetch_refuse(l->fetch, &refusal);
	list_free(l);
}

static void
no_memory(struct list *l)
{
	static const struct refusal	 refusal = { .status = 503,
	    .code = "unavailable", .retry_after = 1,
	    .text = "Out of memory" };

	fetch_refuse(l->fetch, &refusal);
	list_free(l);
}

static void
on_gone(void *arg)
{
	struct list	*l = arg;

	if (l->call != NULL)
		github_cancel(l->call);
	list_free(l);
}

static void
list_free(struct list *l)
{
	json_object_put(l->items);
	free(l);
}
