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
 * Repositories: which are watched, when to look at them next, and what a
 * look's end means for their pipelines.  Runs in the poller.  Must not
 * change a pipeline by itself: it tells the registry.
 */

#include "config.h"

#include <ctype.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "github.h"
#include "json.h"
#include "lane.h"
#include "log.h"
#include "poison.h"
#include "proc.h"
#include "resolve.h"
#include "tell.h"
#include "watch.h"

/* A look that fails is tried again after so many intervals at most. */
#define BACKOFF_MAX	5
/* What was asked to do something is looked at as if it did: seconds. */
#define ASKED_SECONDS	60

#define NO_TOKEN	"no GitHub token is configured for this owner"

RB_HEAD(repository_tree, repository);

static struct {
	struct repository_tree repositories;
	int		 started;
	int		 starting;	/* all are new at once */
} env = {
	.repositories = RB_INITIALIZER(&env.repositories)
};

static int	 repository_cmp(struct repository *, struct repository *);
static struct repository *repository_get(struct github *, const char *);
static void	 repository_free(struct repository *);
static void	 recall(struct repository *);
static void	 attach(struct pipeline *, struct repository *);
static void	 detach(struct pipeline *);
static void	 look(struct repository *);
static void	 say_fresh(struct pipeline *, int64_t, uint32_t);
static void	 wake(struct repository *, const char *, int);
static enum due_class class_of(const struct repository *);
static int64_t	 delay_of(struct repository *, const struct look_result *);
static void	 say_failed(struct repository *, const struct look_result *);
static uint32_t	 text_hash(const char *);

TREE_GENERATE(repository_tree, repository, entry, repository_cmp)

/* Names match in any letter case, as on GitHub. */
static int
repository_cmp(struct repository *a, struct repository *b)
{
	if (a->gh != b->gh)
		return ((uintptr_t)a->gh < (uintptr_t)b->gh ? -1 : 1);
	return (strcasecmp(a->name, b->name));
}

int
watch_init(struct event_base *base)
{
	lane_init(base, look);
	return (0);
}

void
watch_set_intervals(uint32_t active, uint32_t idle, uint32_t max)
{
	lane_set(active, idle, max);
}

uint32_t
watch_interval(const struct repository *r)
{
	return (lane_interval(r, class_of(r)));
}

static enum due_class
class_of(const struct repository *r)
{
	const struct pipeline	*p;

	if (r->asked_until > proc_now_ms())
		return (DUE_ACTIVE);
	TAILQ_FOREACH(p, &r->pipelines, sibling)
		if (p->ntracked > 0)
			return (DUE_ACTIVE);
	return (DUE_QUIET);
}

void
watch_figures(const struct github *gh, struct watch_figures *f)
{
	lane_figures(gh, f);
}

void
watch_stretched(const struct github *gh)
{
	struct repository	*r;
	struct pipeline		*p;

	RB_FOREACH(r, repository_tree, &env.repositories) {
		if (r->gh != gh || r->looked_at == 0 || r->failures > 0)
			continue;
		TAILQ_FOREACH(p, &r->pipelines, sibling)
			if (p->known)
				tell_fresh(p->id, r->looked_at,
				    watch_interval(r));
	}
}

void
watch_throttled(struct repository *r, const char *why)
{
	struct pipeline	*p;

	TAILQ_FOREACH(p, &r->pipelines, sibling)
		watch_stale(p, why);
}

void
watch_start(void)
{
	struct pipeline	*p;

	env.started = env.starting = 1;
	for (p = pipelines_next(NULL); p != NULL; p = pipelines_next(p))
		watch_pipeline(p);
	env.starting = 0;
}

/*
 * Another configuration: pipelines go where they belong now, and with
 * another token what failed or had to wait may go well at once.
 */
void
watch_reload(void)
{
	struct repository	*r;
	struct pipeline		*p;

	if (!env.started)
		return;
	for (p = pipelines_next(NULL); p != NULL; p = pipelines_next(p))
		watch_pipeline(p);
	RB_FOREACH(r, repository_tree, &env.repositories)
		if (r->look == NULL && github_renewed(r->gh))
			lane_now(r, 0);
}

void
watch_pipeline(struct pipeline *p)
{
	struct repository	*r;
	struct github		*gh;
	const char		*why;

	if (!env.started)
		return;
	if (p->state == PIPELINE_INACTIVE) {
		detach(p);
		return;
	}
	gh = github_for(p->name, strcspn(p->name, "/"));
	why = gh == NULL ? NULL : poison_reason(github_url(gh), p->name,
	    p->repository_id);
	if (why != NULL) {
		detach(p);
		watch_error(p, why);
		return;
	}
	if (gh == NULL || !github_has_token(gh)) {
		detach(p);
		watch_stale(p, NO_TOKEN);
		return;
	}
	if (p->workflow_id == 0 || p->repository_id == 0) {
		detach(p);
		resolve_pipeline(p, gh);
		return;
	}
	if ((r = repository_get(gh, p->name)) == NULL)
		fatal("repository");
	if (p->repository == r && p->known)
		return;
	attach(p, r);
	lane_class(r, class_of(r));
	if (r->look != NULL)
		r->again = 1;
	else if (!p->known && !env.starting)
		lane_now(r, 0);
}

static struct repository *
repository_get(struct github *gh, const char *name)
{
	struct repository	*r, key;

	key.gh = gh;
	(void)strlcpy(key.name, name, sizeof(key.name));
	if ((r = RB_FIND(repository_tree, &env.repositories, &key)) != NULL)
		return (r);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->gh = gh;
	(void)strlcpy(r->name, name, sizeof(r->name));
	TAILQ_INIT(&r->pipelines);
	TAILQ_INIT(&r->waiters);
	RB_INSERT(repository_tree, &env.repositories, r);
	lane_join(r);
	recall(r);
	if (r->etag[0] == '\0')
		lane_first(r);
	return (r);
}

/* Take over what was known of it before a restart. */
static void
recall(struct repository *r)
{
	char	 path[GH_PATH_MAX], url[MSG_URL_MAX], *etag;
	int	 n;

	if (look_path(r, path, sizeof(path)) == -1)
		return;
	n = snprintf(url, sizeof(url), "%s%s", github_url(r->gh), path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return;
	if ((etag = etags_take(url, &r->newest)) == NULL)
		return;
	(void)strlcpy(r->etag, etag, sizeof(r->etag));
	free(etag);
}

static void
repository_free(struct repository *r)
{
	wake(r, "the pipeline is not watched any more", 1);
	if (r->look != NULL)
		look_cancel(r->look);
	lane_leave(r);
	RB_REMOVE(repository_tree, &env.repositories, r);
	free(r);
}

static void
attach(struct pipeline *p, struct repository *r)
{
	if (p->repository == r)
		return;
	detach(p);
	p->repository = r;
	TAILQ_INSERT_TAIL(&r->pipelines, p, sibling);
}

static void
detach(struct pipeline *p)
{
	struct repository	*r = p->repository;

	resolve_forget(p);
	if (r == NULL)
		return;
	/* A look holds pointers to its pipelines: begin it anew. */
	if (r->look != NULL) {
		look_cancel(r->look);
		lane_now(r, 0);
	}
	TAILQ_REMOVE(&r->pipelines, p, sibling);
	p->repository = NULL;
	if (TAILQ_EMPTY(&r->pipelines))
		repository_free(r);
}

static void
look(struct repository *r)
{
	if (r->look == NULL && look_start(r) == -1)
		lane_looked(r, class_of(r), 1000, -1, 0);
}

void
watch_now(struct pipeline *p, struct waiter *w)
{
	struct repository	*r = p->repository;

	if (r == NULL) {
		w->done(w, "the pipeline is not watched");
		return;
	}
	/* A look that has begun may have seen what was before. */
	w->next = r->look != NULL;
	TAILQ_INSERT_TAIL(&r->waiters, w, entry);
	if (r->look == NULL)
		lane_now(r, 1);
}

void
watch_asked(struct pipeline *p)
{
	struct repository	*r = p->repository;

	if (r == NULL)
		return;
	r->asked_until = proc_now_ms() + ASKED_SECONDS * 1000;
	/* One that was never looked at is one of those now, too. */
	lane_class(r, DUE_ACTIVE);
	if (r->look != NULL)
		r->again = 1;
	else
		lane_now(r, 0);
}

void
watch_forget(struct repository *r, struct waiter *w)
{
	TAILQ_REMOVE(&r->waiters, w, entry);
}

static void
wake(struct repository *r, const char *why, int all)
{
	struct waiter	*w, *next;

	TAILQ_FOREACH_SAFE(w, &r->waiters, entry, next) {
		if (w->next && !all) {
			w->next = 0;
			continue;
		}
		TAILQ_REMOVE(&r->waiters, w, entry);
		w->done(w, why);
	}
}

void
watch_looked(struct repository *r, const struct look_result *result)
{
	enum due_class	 class = class_of(r);
	struct pipeline	*p;
	uint32_t	 interval = lane_interval(r, class);

	if (result->end == LOOK_FRESH) {
		r->failures = 0;
		r->looked_at = time(NULL);
		TAILQ_FOREACH(p, &r->pipelines, sibling)
			say_fresh(p, r->looked_at, interval);
	} else {
		r->failures++;
		say_failed(r, result);
	}
	lane_looked(r, class, delay_of(r, result), result->requests,
	    result->charged);
	lane_count(r, result->end != LOOK_FRESH ? LOOK_FAILED :
	    result->changed ? LOOK_CHANGED : LOOK_UNCHANGED);
	/* An outage is no look; that it is not there is one. */
	if (result->end == LOOK_STALE && r->looked_at == 0 &&
	    r->etag[0] == '\0')
		lane_first(r);
	wake(r, result->end == LOOK_FRESH ? NULL : result->why, 0);
	if (!TAILQ_EMPTY(&r->waiters) || r->again)
		lane_now(r, !TAILQ_EMPTY(&r->waiters));
	r->again = 0;
}

static void
say_failed(struct repository *r, const struct look_result *result)
{
	struct pipeline	*p;

	TAILQ_FOREACH(p, &r->pipelines, sibling)
		if (result->end == LOOK_ERROR)
			watch_error(p, result->why);
		else
			watch_stale(p, result->why);
	if (r->failures == 1)
		log_info("%s: look failed: %s", r->name,
		    log_visible(result->why));
}

/* What fails is left alone for longer each time, milliseconds. */
static int64_t
delay_of(struct repository *r, const struct look_result *result)
{
	int64_t	 n = 1;

	if (result->end == LOOK_STALE && result->wait > 0)
		return (result->wait * 1000);
	if (r->failures == 0)
		return (0);
	if (r->failures < BACKOFF_MAX)
		n = (int64_t)1 << (r->failures - 1);
	return ((n > BACKOFF_MAX ? BACKOFF_MAX : n) * 1000 *
	    lane_interval(r, class_of(r)));
}

static void
say_fresh(struct pipeline *p, int64_t now, uint32_t interval)
{
	struct json_object	*patch;

	/* Looked at in vain: nothing runs there any more. */
	if (p->gone)
		return;
	if (p->known)
		p->told_stale = 0;
	if (p->state == PIPELINE_ERROR) {
		p->state = PIPELINE_ACTIVE;
		free(p->error);
		p->error = NULL;
		patch = json_object_new_object();
		json_set_text(patch, "status", "active");
		json_object_object_add(patch, "error", NULL);
		tell_change(p->id, patch, "GitHub lets us look again");
	}
	if (p->known)
		tell_fresh(p->id, now, interval);
}

/* Each reason is said once until it is fresh again. */
void
watch_stale(struct pipeline *p, const char *why)
{
	uint32_t	 hash = text_hash(why);

	if (p->told_stale == hash)
		return;
	p->told_stale = hash;
	tell_stale(p->id, why);
}

/* FNV-1a; never 0. */
static uint32_t
text_hash(const char *text)
{
	uint32_t	 hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return (hash | 1);
}

void
watch_error(struct pipeline *p, const char *why)
{
	struct json_object	*patch;

	watch_stale(p, why);
	if (p->state == PIPELINE_ERROR && p->error != NULL &&
	    strcmp(p->error, why) == 0)
		return;
	p->state = PIPELINE_ERROR;
	free(p->error);
	p->error = strdup(why);
	patch = json_object_new_object();
	json_set_text(patch, "status", "error");
	json_set_text(patch, "error", why);
	tell_change(p->id, patch, why);
}

/* Another name, as every new look would find out again. */
void
watch_moved(struct repository *r)
{
	struct pipeline	*p;

	r->etag[0] = '\0';
	TAILQ_FOREACH(p, &r->pipelines, sibling)
		resolve_pipeline(p, r->gh);
}
