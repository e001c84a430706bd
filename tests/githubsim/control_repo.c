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
 * githubsim: the control interface's part on repositories and workflows.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define BULK_RUNS_MAX	2000
#define WEEK_MS		(7LL * 86400 * 1000)

static const char *const repo_members[] = {
	"full_name", "id", "default_branch", "private", "archived",
	"deleted", "branches", "access", "owner_type", "workflows", "runs",
	NULL
};
static const char *const workflow_members[] = {
	"path", "id", "name", "state", "dispatch", "inputs", "plan", "jobs",
	"runs", NULL
};

static int	 repo_read(struct call *, struct repo *,
	    struct json_object *);
static int	 repo_read_lists(struct call *, struct repo *,
	    struct json_object *);
static int	 repo_read_children(struct call *, struct repo *,
	    struct json_object *);
static int	 workflow_read(struct call *, struct workflow *,
	    struct json_object *);
static struct workflow *workflow_arg(struct call *);
static struct json_object *repo_show(struct call *, struct repo *);
static int	 replace(char **, const char *);
static int	 bulk_repo(const char *, const char *, int, int);

struct repo *
control_find_repo(struct call *c)
{
	struct repo	*repo = repo_find(c->arg[0], c->arg[1]);

	if (repo == NULL)
		control_error(c, 404, "no such repository");
	else
		repo_advance(repo);
	return (repo);
}

struct repo *
control_make_repo(struct call *c, struct json_object *o)
{
	struct repo	*repo;
	const char	*name;

	if (control_members(c, o, repo_members) == -1)
		return (NULL);
	if ((name = control_string(o, "full_name", NULL)) == NULL) {
		control_error(c, 422, "full_name: missing");
		return (NULL);
	}
	repo = repo_new(name, control_integer(o, "id", 0));
	if (repo == NULL) {
		control_error(c, 422, "%s: %s", name, strerror(errno));
		return (NULL);
	}
	if (!json_object_object_get_ex(o, "owner_type", NULL))
		repo->owner->organization = 1;
	if (repo_read(c, repo, o) == -1) {
		repo_free(repo);
		return (NULL);
	}
	return (repo);
}

void
control_repos_post(struct call *c)
{
	struct json_object	*list = json_object_new_array();
	struct repo		*repo;
	size_t			 i, n = 1;
	int			 many;

	many = json_object_is_type(c->input, json_type_array);
	if (many)
		n = json_object_array_length(c->input);
	for (i = 0; i < n; i++) {
		repo = control_make_repo(c, many ?
		    json_object_array_get_idx(c->input, i) : c->input);
		if (repo == NULL) {
			json_object_put(list);
			return;
		}
		json_object_array_add(list, repo_show(c, repo));
	}
	answer_json(c, 201, many ? list :
	    json_object_get(json_object_array_get_idx(list, 0)));
	if (!many)
		json_object_put(list);
}

void
control_repos_get(struct call *c)
{
	struct json_object	*list = json_object_new_array();
	struct repo		*repo;

	for (repo = repo_next(NULL); repo != NULL; repo = repo_next(repo))
		json_object_array_add(list,
		    json_object_new_string(repo->full_name));
	answer_json(c, 200, list);
}

void
control_repo_get(struct call *c)
{
	struct repo	*repo = control_find_repo(c);

	if (repo != NULL)
		answer_json(c, 200, repo_show(c, repo));
}

/* Another full_name renames or transfers; the old name redirects. */
void
control_repo_patch(struct call *c)
{
	struct repo	*repo = control_find_repo(c);
	const char	*name;

	if (repo == NULL || control_members(c, c->input, repo_members) == -1)
		return;
	name = control_string(c->input, "full_name", repo->full_name);
	if (strcmp(name, repo->full_name) != 0 &&
	    repo_rename(repo, name) == -1) {
		control_error(c, 422, "%s: %s", name, strerror(errno));
		return;
	}
	if (repo_read(c, repo, c->input) == 0)
		answer_json(c, 200, repo_show(c, repo));
}

void
control_repo_delete(struct call *c)
{
	struct repo	*repo = control_find_repo(c);

	if (repo == NULL)
		return;
	repo_free(repo);
	answer_empty(c, 204);
}

/* What was sealed, opened: {"NAME": "value"}, null if it can't be. */
void
control_secrets_get(struct call *c)
{
	struct repo		*repo = control_find_repo(c);
	struct json_object	*o;
	struct secret		*secret;
	const char		*env = call_param(c, "environment");
	char			*value;
	size_t			 len;

	if (repo == NULL)
		return;
	o = json_object_new_object();
	TAILQ_FOREACH(secret, &repo->secrets, entry) {
		if (strcmp(secret->environment, env == NULL ? "" : env) != 0)
			continue;
		value = secret_open(repo, secret, &len);
		json_object_object_add(o, secret->name, value == NULL ?
		    NULL : json_object_new_string_len(value, (int)len));
		free(value);
	}
	answer_json(c, 200, o);
}

struct workflow *
control_make_workflow(struct call *c, struct repo *repo,
    struct json_object *o)
{
	struct workflow	*wf;
	const char	*path;

	if (json_object_is_type(o, json_type_string))
		return (workflow_new(repo, json_object_get_string(o), 0));
	if (control_members(c, o, workflow_members) == -1)
		return (NULL);
	if ((path = control_string(o, "path", NULL)) == NULL) {
		control_error(c, 422, "path: missing");
		return (NULL);
	}
	wf = workflow_new(repo, path, control_integer(o, "id", 0));
	return (workflow_read(c, wf, o) == -1 ? NULL : wf);
}

void
control_workflows_post(struct call *c)
{
	struct repo	*repo = control_find_repo(c);
	struct workflow	*wf;

	if (repo != NULL &&
	    (wf = control_make_workflow(c, repo, c->input)) != NULL)
		answer_json(c, 201, render_workflow(c, wf));
}

void
control_workflow_patch(struct call *c)
{
	struct workflow	*wf = workflow_arg(c);

	if (wf == NULL ||
	    control_members(c, c->input, workflow_members) == -1 ||
	    workflow_read(c, wf, c->input) == -1)
		return;
	wf->updated = clock_now();
	answer_json(c, 200, render_workflow(c, wf));
}

/* Its runs stay, as they do at GitHub. */
void
control_workflow_delete(struct call *c)
{
	struct workflow	*wf = workflow_arg(c);

	if (wf == NULL)
		return;
	wf->gone = 1;
	repo_changed(wf->repo);
	answer_empty(c, 204);
}

/* {"repositories": n, "runs": m, "owner": , "prefix": , "workflow": } */
void
control_bulk_post(struct call *c)
{
	static const char *const known[] = {
		"repositories", "runs", "owner", "prefix", "workflow", NULL
	};
	char		 name[256];
	const char	*owner, *prefix, *workflow;
	int		 i, n, runs;

	if (control_members(c, c->input, known) == -1)
		return;
	n = (int)control_integer(c->input, "repositories", 1);
	runs = (int)control_integer(c->input, "runs", 30);
	owner = control_string(c->input, "owner", "bulk");
	prefix = control_string(c->input, "prefix", "repo");
	workflow = control_string(c->input, "workflow", "deploy.yml");
	if (n < 0 || n > SIM_REPOS_MAX || runs < 0 || runs > BULK_RUNS_MAX) {
		control_error(c, 422, "too many");
		return;
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s-%d", owner,
		    prefix, i);
		if (bulk_repo(name, workflow, i, runs) == -1) {
			control_error(c, 422, "%s: %s", name,
			    strerror(errno));
			return;
		}
	}
	owner_get(owner)->organization = 1;
	answer_empty(c, 204);
}

/* A week of completed runs, one in ten of them a failure. */
static int
bulk_repo(const char *name, const char *path, int number, int runs)
{
	struct repo	*repo;
	struct workflow	*wf;
	struct run	*run;
	int64_t		 now = clock_now();
	int		 i;

	if ((repo = repo_new(name, 0)) == NULL)
		return (-1);
	wf = workflow_new(repo, path, 0);
	for (i = 0; i < runs; i++) {
		run = run_new(wf, run_next_id(),
		    now - WEEK_MS / (runs + 1) * (runs - i));
		if (run == NULL)
			return (-1);
		run->status = intern("completed");
		run->conclusion = intern((number + i) % 10 == 0 ?
		    "failure" : "success");
		run->updated = run->created + 60000 +
		    (number + i) % 120 * 1000;
	}
	repo_changed(repo);
	return (0);
}

static int
repo_read(struct call *c, struct repo *repo, struct json_object *o)
{
	const char	*branch, *type;

	branch = control_string(o, "default_branch", NULL);
	if (branch != NULL && replace(&repo->default_branch, branch) == -1)
		err(1, NULL);
	if ((type = control_string(o, "owner_type", NULL)) != NULL)
		repo->owner->organization = strcmp(type, "User") != 0;
	repo->private = control_boolean(o, "private", repo->private);
	repo->archived = control_boolean(o, "archived", repo->archived);
	repo->deleted = control_boolean(o, "deleted", repo->deleted);
	repo->updated = clock_now();
	repo_changed(repo);
	if (repo_read_lists(c, repo, o) == -1)
		return (-1);
	return (repo_read_children(c, repo, o));
}

static int
repo_read_lists(struct call *c, struct repo *repo, struct json_object *o)
{
	struct json_object	*v;

	if (json_object_object_get_ex(o, "branches", &v) &&
	    control_strings(v, &repo->branches) == -1) {
		control_error(c, 422, "branches: an array of strings");
		return (-1);
	}
	if (!json_object_object_get_ex(o, "access", &v))
		return (0);
	repo->restricted = v != NULL;
	if (v != NULL && control_strings(v, &repo->access) == -1) {
		control_error(c, 422, "access: an array of tokens, or null");
		return (-1);
	}
	return (0);
}

static int
repo_read_children(struct call *c, struct repo *repo, struct json_object *o)
{
	struct json_object	*list;
	int			 i, n;

	if ((n = control_array(c, o, "workflows", &list)) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (control_make_workflow(c, repo,
		    json_object_array_get_idx(list, (size_t)i)) == NULL)
			return (-1);
	if ((n = control_array(c, o, "runs", &list)) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (control_make_run(c, repo, NULL,
		    json_object_array_get_idx(list, (size_t)i)) == NULL)
			return (-1);
	return (0);
}

static int
workflow_read(struct call *c, struct workflow *wf, struct json_object *o)
{
	struct json_object	*v;
	const char		*text;
	int			 i, n;

	text = control_string(o, "name", NULL);
	if (text != NULL && replace(&wf->name, text) == -1)
		err(1, NULL);
	wf->state = intern(control_string(o, "state", wf->state));
	wf->dispatch = control_boolean(o, "dispatch", wf->dispatch);
	repo_changed(wf->repo);
	if (control_object(c, o, "inputs", &wf->inputs) == -1 ||
	    control_object(c, o, "plan", &wf->plan) == -1)
		return (-1);
	if (json_object_object_get_ex(o, "jobs", &v) &&
	    control_strings(v, &wf->jobs) == -1) {
		control_error(c, 422, "jobs: an array of strings");
		return (-1);
	}
	if ((n = control_array(c, o, "runs", &v)) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (control_make_run(c, wf->repo, wf,
		    json_object_array_get_idx(v, (size_t)i)) == NULL)
			return (-1);
	return (0);
}

static struct workflow *
workflow_arg(struct call *c)
{
	struct repo	*repo = control_find_repo(c);
	struct workflow	*wf;

	if (repo == NULL)
		return (NULL);
	if ((wf = workflow_find(repo, c->arg[2])) == NULL)
		control_error(c, 404, "no such workflow");
	return (wf);
}

static struct json_object *
repo_show(struct call *c, struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*list = json_object_new_array();
	struct workflow		*wf;

	json_object_object_add(o, "full_name",
	    json_object_new_string(repo->full_name));
	json_object_object_add(o, "id", json_object_new_int64(repo->id));
	json_object_object_add(o, "default_branch",
	    json_object_new_string(repo->default_branch));
	json_object_object_add(o, "deleted",
	    json_object_new_boolean(repo->deleted));
	TAILQ_FOREACH(wf, &repo->workflows, entry)
		if (!wf->gone)
			json_object_array_add(list, render_workflow(c, wf));
	json_object_object_add(o, "workflows", list);
	json_object_object_add(o, "runs",
	    json_object_new_int64((int64_t)repo->nruns));
	return (o);
}

static int
replace(char **text, const char *with)
{
	char	*copy = strdup(with);

	if (copy == NULL)
		return (-1);
	free(*text);
	*text = copy;
	return (0);
}
