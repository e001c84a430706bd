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
 * githubsim: repositories, their workflows and runs.  Must not know how
 * anything is shown.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

#define WORKFLOWS_DIR	".github/workflows/"

static int	 repo_id_cmp(struct repo *, struct repo *);
static int	 repo_name_cmp(struct repo *, struct repo *);
static int	 run_order_cmp(struct run *, struct run *);
static int	 run_id_cmp(struct run *, struct run *);
static int	 repo_set_name(struct repo *, const char *);
static int	 integer(const char *, int64_t *);

RB_PROTOTYPE(repo_ids, repo, by_id, repo_id_cmp)
RB_PROTOTYPE(repo_names, repo, by_name, repo_name_cmp)
RB_PROTOTYPE(run_ids, run, by_id, run_id_cmp)
RB_GENERATE(repo_ids, repo, by_id, repo_id_cmp)
RB_GENERATE(repo_names, repo, by_name, repo_name_cmp)
RB_GENERATE(run_ids, run, by_id, run_id_cmp)
RB_GENERATE(run_order, run, order, run_order_cmp)

struct repo *
repo_new(const char *full_name, int64_t id)
{
	struct repo	*repo;

	if (sim.nrepos >= SIM_REPOS_MAX) {
		errno = ENOSPC;
		return (NULL);
	}
	if (id == 0)
		id = sim.last_repo + 1;
	if (repo_find_id(id) != NULL) {
		errno = EEXIST;
		return (NULL);
	}
	if ((repo = calloc(1, sizeof(*repo))) == NULL)
		err(1, NULL);
	repo->id = id;
	TAILQ_INIT(&repo->workflows);
	TAILQ_INIT(&repo->scripted);
	TAILQ_INIT(&repo->secrets);
	RB_INIT(&repo->runs);
	repo->next_change = SIM_NEVER;
	repo->created = repo->updated = clock_now();
	if ((repo->default_branch = strdup("main")) == NULL)
		err(1, NULL);
	if (repo_set_name(repo, full_name) == -1) {
		free(repo->default_branch);
		free(repo);
		return (NULL);
	}
	if (id > sim.last_repo)
		sim.last_repo = id;
	RB_INSERT(repo_ids, &sim.repo_ids, repo);
	sim.nrepos++;
	repo_changed(repo);
	return (repo);
}

/* Gives a repository that is in no tree of names its name. */
static int
repo_set_name(struct repo *repo, const char *full_name)
{
	const char	*slash = strchr(full_name, '/');
	char		 owner[SIM_NAME_BYTES];
	size_t		 len;

	if (slash == NULL || slash == full_name || slash[1] == '\0' ||
	    strchr(slash + 1, '/') != NULL ||
	    strlen(full_name) >= SIM_NAME_BYTES) {
		errno = EINVAL;
		return (-1);
	}
	len = (size_t)(slash - full_name);
	memcpy(owner, full_name, len);
	owner[len] = '\0';
	if ((repo->full_name = strdup(full_name)) == NULL)
		err(1, NULL);
	repo->name = repo->full_name + len + 1;
	if (RB_INSERT(repo_names, &sim.repo_names, repo) != NULL) {
		free(repo->full_name);
		errno = EEXIST;
		return (-1);
	}
	repo->owner = owner_get(owner);
	/* The case as it was written belongs to the name, not the owner. */
	alias_remove(full_name);
	return (0);
}

int
repo_rename(struct repo *repo, const char *full_name)
{
	char	*old = repo->full_name;

	RB_REMOVE(repo_names, &sim.repo_names, repo);
	if (repo_set_name(repo, full_name) == -1) {
		repo->full_name = old;
		repo->name = strchr(old, '/') + 1;
		RB_INSERT(repo_names, &sim.repo_names, repo);
		return (-1);
	}
	if (strcasecmp(old, full_name) != 0)
		alias_add(old, repo->id);
	free(old);
	repo_changed(repo);
	return (0);
}

void
repo_free(struct repo *repo)
{
	struct workflow	*wf;
	struct secret	*secret;
	struct run	*run;

	while ((run = RB_MIN(run_order, &repo->runs)) != NULL)
		run_free(run);
	while ((wf = TAILQ_FIRST(&repo->workflows)) != NULL) {
		TAILQ_REMOVE(&repo->workflows, wf, entry);
		workflow_free(wf);
	}
	while ((secret = TAILQ_FIRST(&repo->secrets)) != NULL)
		secret_free(repo, secret);
	RB_REMOVE(repo_ids, &sim.repo_ids, repo);
	RB_REMOVE(repo_names, &sim.repo_names, repo);
	sim.nrepos--;
	sim.version++;
	strings_clear(&repo->access);
	strings_clear(&repo->branches);
	free(repo->public_key);
	free(repo->default_branch);
	free(repo->full_name);
	free(repo);
}

struct repo *
repo_find_id(int64_t id)
{
	struct repo	 key = { .id = id };

	return (RB_FIND(repo_ids, &sim.repo_ids, &key));
}

struct repo *
repo_find(const char *owner, const char *name)
{
	char		 full[SIM_NAME_BYTES];
	struct repo	 key = { .full_name = full };

	if (repo_full_name(full, sizeof(full), owner, name) == -1)
		return (NULL);
	return (RB_FIND(repo_names, &sim.repo_names, &key));
}

struct repo *
repo_next(struct repo *repo)
{
	if (repo == NULL)
		return (RB_MIN(repo_ids, &sim.repo_ids));
	return (RB_NEXT(repo_ids, &sim.repo_ids, repo));
}

void
repo_changed(struct repo *repo)
{
	/* Never the same number twice, not even for a later repository. */
	repo->version = ++sim.version;
}

int
repo_visible(const struct repo *repo, const struct token *token)
{
	if (repo->deleted)
		return (0);
	if (repo->restricted && (token == NULL ||
	    (!strings_has(&repo->access, token->text) &&
	    !strings_has(&repo->access, token->account->name))))
		return (0);
	return (!repo->private || token == NULL ||
	    token_reaches(token, repo));
}

int
repo_has_ref(const struct repo *repo, const char *ref)
{
	struct run	*run;

	if (strncmp(ref, "refs/heads/", 11) == 0)
		ref += 11;
	if (strcmp(ref, repo->default_branch) == 0 ||
	    strings_has(&repo->branches, ref))
		return (1);
	RB_FOREACH(run, run_order, (struct run_order *)&repo->runs)
		if (run->branch != NULL && strcmp(run->branch, ref) == 0)
			return (1);
	return (0);
}

struct workflow *
workflow_new(struct repo *repo, const char *path, int64_t id)
{
	struct workflow	*wf;
	const char	*dir = strchr(path, '/') == NULL ? WORKFLOWS_DIR : "";

	if ((wf = calloc(1, sizeof(*wf))) == NULL ||
	    asprintf(&wf->path, "%s%s", dir, path) == -1 ||
	    (wf->name = strdup(strrchr(wf->path, '/') + 1)) == NULL)
		err(1, NULL);
	wf->name[strcspn(wf->name, ".")] = '\0';
	wf->id = id != 0 ? id : sim.last_workflow + 1;
	if (wf->id > sim.last_workflow)
		sim.last_workflow = wf->id;
	wf->repo = repo;
	wf->state = intern("active");
	wf->created = wf->updated = clock_now();
	wf->dispatch = 1;
	TAILQ_INSERT_TAIL(&repo->workflows, wf, entry);
	repo_changed(repo);
	return (wf);
}

struct workflow *
workflow_find(struct repo *repo, const char *name)
{
	struct workflow	*wf;
	int64_t		 id = 0;

	(void)integer(name, &id);
	TAILQ_FOREACH(wf, &repo->workflows, entry) {
		if (wf->gone)
			continue;
		if (wf->id == id || strcmp(wf->path, name) == 0 ||
		    strcmp(strrchr(wf->path, '/') + 1, name) == 0)
			return (wf);
	}
	return (NULL);
}

void
workflow_free(struct workflow *wf)
{
	json_object_put(wf->inputs);
	json_object_put(wf->plan);
	strings_clear(&wf->jobs);
	free(wf->name);
	free(wf->path);
	free(wf);
}

int64_t
run_next_id(void)
{
	return (sim.last_run + 1);
}

struct run *
run_new(struct workflow *wf, int64_t id, int64_t created)
{
	struct run	*run;

	if (sim.nruns >= SIM_RUNS_MAX || id <= 0 || id > SIM_RUN_ID_MAX) {
		errno = sim.nruns < SIM_RUNS_MAX ? EINVAL : ENOSPC;
		return (NULL);
	}
	if ((run = calloc(1, sizeof(*run))) == NULL)
		err(1, NULL);
	run->id = id;
	if (RB_INSERT(run_ids, &sim.run_ids, run) != NULL) {
		free(run);
		errno = EEXIST;
		return (NULL);
	}
	if (id > sim.last_run)
		sim.last_run = id;
	run->repo = wf->repo;
	run->workflow = wf;
	run->number = ++wf->last_number;
	run->created = run->started = run->updated = created;
	run->status = intern("queued");
	run->event = intern("push");
	run->branch = intern(wf->repo->default_branch);
	run->actor = owner_get("octocat");
	run->attempt = 1;
	RB_INSERT(run_order, &wf->repo->runs, run);
	wf->repo->nruns++;
	sim.nruns++;
	return (run);
}

/* Gives a run another time of creation, and its place in the list. */
int
run_move(struct run *run, int64_t created)
{
	RB_REMOVE(run_order, &run->repo->runs, run);
	run->created = created;
	RB_INSERT(run_order, &run->repo->runs, run);
	return (0);
}

void
run_free(struct run *run)
{
	int	 i;

	plan_drop(run);
	RB_REMOVE(run_order, &run->repo->runs, run);
	RB_REMOVE(run_ids, &sim.run_ids, run);
	run->repo->nruns--;
	sim.nruns--;
	json_object_put(run->set);
	json_object_put(run->omit);
	json_object_put(run->jobs);
	if (run->first_attempt != 0)
		for (i = 0; i < run->attempt - run->first_attempt; i++)
			json_object_put(run->attempts[i].jobs);
	free(run->attempts);
	free(run->title);
	free(run);
}

struct run *
run_find_id(int64_t id)
{
	struct run	 key = { .id = id };

	return (RB_FIND(run_ids, &sim.run_ids, &key));
}

struct run *
run_find(struct repo *repo, const char *text)
{
	struct run	*run;
	int64_t		 id;

	if (integer(text, &id) == -1 || (run = run_find_id(id)) == NULL ||
	    run->repo != repo)
		return (NULL);
	return (run);
}

/* Remembers the attempt that is over, before the next one starts. */
int
run_save_attempt(struct run *run)
{
	struct attempt	*attempts;
	int		 n;

	if (run->first_attempt == 0)
		run->first_attempt = run->attempt;
	n = run->attempt - run->first_attempt;
	if (n >= SIM_ATTEMPTS_MAX) {
		errno = ENOSPC;
		return (-1);
	}
	attempts = reallocarray(run->attempts, (size_t)n + 1,
	    sizeof(*attempts));
	if (attempts == NULL)
		return (-1);
	run->attempts = attempts;
	attempts[n].status = run->status;
	attempts[n].conclusion = run->conclusion;
	attempts[n].started = run->started;
	attempts[n].updated = run->updated;
	attempts[n].jobs = run->jobs;
	attempts[n].carried = run->carried;
	run->jobs = NULL;
	run->carried = 0;
	return (0);
}

int
repo_full_name(char *buf, size_t size, const char *owner, const char *name)
{
	int	 n = snprintf(buf, size, "%s/%s", owner, name);

	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

static int
integer(const char *text, int64_t *value)
{
	const char	*error;

	*value = strtonum(text, 1, INT64_MAX, &error);
	return (error == NULL ? 0 : -1);
}

static int
repo_id_cmp(struct repo *a, struct repo *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static int
repo_name_cmp(struct repo *a, struct repo *b)
{
	return (strcasecmp(a->full_name, b->full_name));
}

/* Newest first, as GitHub lists them. */
static int
run_order_cmp(struct run *a, struct run *b)
{
	if (a->created != b->created)
		return (a->created > b->created ? -1 : 1);
	return (a->id > b->id ? -1 : a->id < b->id);
}

static int
run_id_cmp(struct run *a, struct run *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}
