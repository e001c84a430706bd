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
 * One look at a repository: a conditional request for its list of runs,
 * further pages only while they bring what is not known, unfinished runs
 * that are on no page by their id, and the past of pipelines that are new.
 * Runs in the poller.  Must not decide when to look: that is watch.c.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "budget.h"
#include "github.h"
#include "jobs.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "run.h"
#include "tell.h"
#include "watch.h"

#define LOOK_PAGES	10	/* what is older is a read-back's affair */
#define LOOK_TRACKED	200	/* runs asked for by id in one look */

struct look {
	struct repository *repository;
	struct gh_call	*call;		/* one at a time */
	struct readback	*readback;
	int		 pages;
	int		 changed;	/* the list was not a 304 */
	int		 moved;		/* its name may be another one now */
	int		 urgent;	/* somebody waits for it */
	size_t		 followed;
	int		 first;		/* nothing was known to compare */
	int		 requests;
	int		 charged;	/* answers that count for the hour */
	uint64_t	 checks;	/* workflows asked for */
	struct pipeline	*pipeline;	/* whose run is asked for, and */
	int64_t		 run_id;	/* which */
	uint64_t	 newest;
	char		 etag[256];
};

static int	 ask_list(struct look *, const char *, const char *);
static void	 on_list(const struct gh_reply *, void *);
static void	 on_first(struct look *, const struct gh_reply *);
static int	 take_list(struct look *, struct json_object *, int *,
		    const char **);
static int	 is_ours(const struct look *, struct json_object *);
static int	 take_run(struct look *, struct json_object *, uint64_t *,
		    const char **);
static void	 next_tracked(struct look *);
static struct tracked *to_be_asked(const struct look *, struct pipeline **);
static int	 ask_run(struct look *, struct pipeline *, struct tracked *);
static void	 on_run(const struct gh_reply *, void *);
static int	 take_tracked(struct look *, struct tracked *,
		    const struct gh_reply *, const char **);
static void	 run_is_gone(struct look *, struct tracked *);
static void	 next_check(struct look *);
static void	 on_check(const struct gh_reply *, void *);
static void	 next_readback(struct look *);
static int	 put_off(const struct look *, struct pipeline *);
static void	 on_readback(struct pipeline *, const char *, int64_t,
		    void *);
static void	 failed(struct look *, const struct gh_reply *);
static void	 end(struct look *, enum look_end, const char *, int64_t);

int
look_path(const struct repository *r, char *path, size_t size)
{
	int	 n;

	n = snprintf(path, size, "/repos/%s/actions/runs?per_page=100&"
	    "exclude_pull_requests=true", r->name);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

int
look_start(struct repository *r)
{
	struct look	*look;
	char		 path[GH_PATH_MAX];

	if ((look = calloc(1, sizeof(*look))) == NULL)
		return (-1);
	look->repository = r;
	look->first = r->etag[0] == '\0';
	look->urgent = r->due.rank == DUE_URGENT;
	r->round++;
	if (look_path(r, path, sizeof(path)) == -1 ||
	    ask_list(look, path, r->etag) == -1) {
		free(look);
		return (-1);
	}
	r->look = look;
	return (0);
}

void
look_cancel(struct look *look)
{
	if (look->call != NULL)
		github_cancel(look->call);
	if (look->readback != NULL)
		readback_cancel(look->readback);
	look->repository->look = NULL;
	free(look);
}

static int
ask_list(struct look *look, const char *path, const char *etag)
{
	struct repository	*r = look->repository;

	look->requests++;
	/* Somebody waits for it: that makes it a command. */
	look->call = github_call(r->gh, look->urgent ?
	    GH_COMMAND : GH_LOOK, "GET", path, etag, NULL, 0, on_list, look);
	return (look->call == NULL ? -1 : 0);
}

static void
on_list(const struct gh_reply *r, void *arg)
{
	struct look		*look = arg;
	struct repository	*repo = look->repository;
	const char		*why;
	int			 more = 0;

	look->call = NULL;
	look->charged += r->result != GH_UNCHANGED;
	if (r->result == GH_UNCHANGED) {
		next_tracked(look);
		return;
	}
	if (r->result != GH_OK) {
		failed(look, r);
		return;
	}
	if (look->pages++ == 0)
		on_first(look, r);
	if (take_list(look, r->json, &more, &why) == -1) {
		end(look, LOOK_STALE, why, 0);
		return;
	}
	if (more && r->next != NULL && look->pages < LOOK_PAGES &&
	    repo->newest != 0) {
		if (ask_list(look, r->next, NULL) == -1)
			end(look, LOOK_STALE, "out of memory", 0);
		return;
	}
	next_tracked(look);
}

/* The ETag is that of the first page, which new runs appear on. */
static void
on_first(struct look *look, const struct gh_reply *r)
{
	look->changed = 1;
	look->moved = r->moved;
	(void)strlcpy(look->etag, r->moved ? "" : r->etag,
	    sizeof(look->etag));
}

/* `*more` is 1 if even the oldest on the page was not known. */
static int
take_list(struct look *look, struct json_object *page, int *more,
    const char **why)
{
	struct json_object	*list;
	uint64_t		 id;
	size_t			 i, n;

	if (!json_object_is_type(page, json_type_object) ||
	    !json_object_object_get_ex(page, "workflow_runs", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		*why = "GitHub's answer is not a list of runs";
		return (-1);
	}
	n = json_object_array_length(list);
	*more = n > 0;
	for (i = 0; i < n; i++) {
		if (!is_ours(look, json_object_array_get_idx(list, i))) {
			look->moved = 1;
			*why = "another repository has its name now";
			return (-1);
		}
		if (take_run(look, json_object_array_get_idx(list, i), &id,
		    why) == -1)
			return (-1);
		if (id <= look->repository->newest)
			*more = 0;
		if (id > look->newest)
			look->newest = id;
	}
	return (0);
}

/* A name that was given up may be taken by others: the number counts. */
static int
is_ours(const struct look *look, struct json_object *run)
{
	const struct pipeline	*p = TAILQ_FIRST(&look->repository->pipelines);
	struct json_object	*o;
	int64_t			 id;

	o = json_object_is_type(run, json_type_object) ?
	    json_member(run, "repository", json_type_object) : NULL;
	return (p == NULL || o == NULL || json_int(o, "id", &id) != 1 ||
	    id == p->repository_id);
}

/* One list serves all pipelines of the repository, by workflow id. */
static int
take_run(struct look *look, struct json_object *o, uint64_t *id,
    const char **why)
{
	struct json_object	*doc;
	struct pipeline		*p;
	struct tracked		*t;
	struct run		 run;
	int			 news, ends;

	if (run_from_github(o, &doc, why) == -1)
		return (-1);
	if (run_from_document(doc, &run) == -1) {
		*why = "GitHub's answer has a run that is none";
		json_object_put(doc);
		return (-1);
	}
	*id = (uint64_t)run.id;
	TAILQ_FOREACH(p, &look->repository->pipelines, sibling) {
		if (p->workflow_id != run.workflow_id)
			continue;
		ends = pipeline_find_tracked(p, run.id) != NULL ||
		    (look->repository->newest != 0 &&
		    *id > look->repository->newest);
		news = pipeline_saw(p, &run, doc, look->repository->round);
		if (news && ends && p->known && run.status == RUN_COMPLETED)
			jobs_wanted(p, &run);
		/* Runs again: is it back? */
		if (news && p->gone)
			p->check_at = 0;
		if ((t = pipeline_find_tracked(p, run.id)) != NULL)
			t->on_page = look->pages == 1;
		if (!news)
			continue;
		tell_run(p->id, doc);
	}
	json_object_put(doc);
	return (0);
}

/*
 * An unfinished run that was on no page of this look is asked for by its
 * id, one after the other: superseded or not, it is followed to its end.
 * On a 304 the page is as it was, and so are those on it.
 */
static void
next_tracked(struct look *look)
{
	struct pipeline	*p;
	struct tracked	*t;

	if (look->followed >= LOOK_TRACKED ||
	    (t = to_be_asked(look, &p)) == NULL) {
		next_check(look);
		return;
	}
	look->followed++;
	if (ask_run(look, p, t) == -1)
		end(look, LOOK_STALE, "out of memory", 0);
}

/* Of more than a look asks for those first that wait for longest. */
static struct tracked *
to_be_asked(const struct look *look, struct pipeline **of)
{
	struct repository	*repo = look->repository;
	struct pipeline		*p;
	struct tracked		*t, *found = NULL;

	TAILQ_FOREACH(p, &repo->pipelines, sibling)
		for (t = pipeline_next_tracked(p, NULL); t != NULL;
		    t = pipeline_next_tracked(p, t)) {
			if (t->round == repo->round ||
			    (!look->changed && t->on_page))
				continue;
			if (found == NULL || t->round < found->round) {
				found = t;
				*of = p;
			}
		}
	return (found);
}

/* A look that somebody asked for is to know it, once for each pipeline. */
static void
next_check(struct look *look)
{
	struct pipeline	*p;
	uint64_t	 n = 0;

	TAILQ_FOREACH(p, &look->repository->pipelines, sibling) {
		if (n++ < look->checks || p->workflow_id == 0)
			continue;
		look->checks = n;
		if (!check_due(p, look->urgent))
			continue;
		look->pipeline = p;
		look->requests++;
		look->call = check_start(p, on_check, look);
		if (look->call == NULL)
			end(look, LOOK_STALE, "out of memory", 0);
		return;
	}
	next_readback(look);
}

/* No answer is no reason to doubt the figures: it is asked again. */
static void
on_check(const struct gh_reply *r, void *arg)
{
	struct look	*look = arg;

	look->call = NULL;
	look->charged += r->result != GH_UNCHANGED;
	if (check_take(look->pipeline, r) == -1)
		log_debug("%s: is its workflow there? %s", look->pipeline->id,
		    log_visible(r->why));
	next_check(look);
}

static int
ask_run(struct look *look, struct pipeline *p, struct tracked *t)
{
	char	 path[GH_PATH_MAX];

	t->round = look->repository->round;
	t->on_page = 0;
	look->pipeline = p;
	look->run_id = t->id;
	look->requests++;
	if (snprintf(path, sizeof(path), "/repos/%s/actions/runs/%lld?"
	    "exclude_pull_requests=true", look->repository->name,
	    (long long)t->id) >= (int)sizeof(path))
		return (-1);
	look->call = github_call(look->repository->gh, GH_LOOK, "GET", path,
	    t->etag, NULL, 0, on_run, look);
	return (look->call == NULL ? -1 : 0);
}

static void
on_run(const struct gh_reply *r, void *arg)
{
	struct look	*look = arg;
	struct tracked	*t;
	const char	*why;

	look->call = NULL;
	look->charged += r->result != GH_UNCHANGED;
	t = pipeline_find_tracked(look->pipeline, look->run_id);
	if (r->result == GH_REFUSED && r->status == 404) {
		if (t != NULL)
			run_is_gone(look, t);
	} else if (r->result == GH_OK) {
		if (t != NULL && take_tracked(look, t, r, &why) == -1) {
			end(look, LOOK_STALE, why, 0);
			return;
		}
	} else if (r->result != GH_UNCHANGED) {
		failed(look, r);
		return;
	}
	next_tracked(look);
}

static int
take_tracked(struct look *look, struct tracked *t, const struct gh_reply *r,
    const char **why)
{
	struct pipeline		*p = look->pipeline;
	struct json_object	*doc;
	struct run		 run;

	if (run_from_github(r->json, &doc, why) == -1)
		return (-1);
	if (run_from_document(doc, &run) == -1 || run.id != t->id) {
		json_object_put(doc);
		*why = "GitHub's answer is another run than asked for";
		return (-1);
	}
	free(t->etag);
	t->etag = r->etag[0] != '\0' ? strdup(r->etag) : NULL;
	if (pipeline_saw(p, &run, doc, look->repository->round)) {
		if (run.status == RUN_COMPLETED)
			jobs_wanted(p, &run);
		tell_run(p->id, doc);
	}
	json_object_put(doc);
	return (0);
}

/*
 * A run that was deleted on GitHub while unfinished: it ended, and how is
 * not known.
 */
static void
run_is_gone(struct look *look, struct tracked *t)
{
	struct pipeline		*p = look->pipeline;

	if (t->doc != NULL) {
		json_set_text(t->doc, "status", "completed");
		json_set_text(t->doc, "conclusion", "deleted");
		tell_run(p->id, t->doc);
	}
	pipeline_untrack(p, t);
}

static void
next_readback(struct look *look)
{
	struct pipeline	*p;

	TAILQ_FOREACH(p, &look->repository->pipelines, sibling) {
		if (p->known || p->gone || p->workflow_id == 0 ||
		    put_off(look, p))
			continue;
		look->readback = readback_start(p, on_readback, look);
		if (look->readback == NULL)
			end(look, LOOK_STALE, "out of memory", 0);
		return;
	}
	end(look, LOOK_FRESH, NULL, 0);
}

/*
 * Another pipeline of a repository that is watched: its past has to wait for
 * a look when there is more to spare.
 */
static int
put_off(const struct look *look, struct pipeline *p)
{
	if (look->first || look->urgent || budget_first_pause(
	    github_budget(look->repository->gh), proc_now_ms()) == 0)
		return (0);
	watch_stale(p, WATCH_UNREAD);
	return (1);
}

static void
on_readback(struct pipeline *p, const char *why, int64_t wait, void *arg)
{
	struct look	*look = arg;

	look->readback = NULL;
	if (why != NULL) {
		end(look, LOOK_STALE, why, wait);
		return;
	}
	p->known = 1;
	tell_readback(p->id, time(NULL), watch_interval(look->repository));
	next_readback(look);
}

/* What a refusal means for the pipelines of the repository. */
static void
failed(struct look *look, const struct gh_reply *r)
{
	char	 text[MSG_TEXT_MAX];

	if (r->result != GH_REFUSED) {
		end(look, LOOK_STALE, r->why, r->wait);
		return;
	}
	/* Or it is there, by another name. */
	if (r->status == 404)
		look->moved = 1;
	if (r->status == 404)
		(void)snprintf(text, sizeof(text), "Repository not found: %s "
		    "(404: it is not there, or the token has no access)",
		    look->repository->name);
	else
		(void)snprintf(text, sizeof(text), "%s", r->why);
	end(look, LOOK_ERROR, text, 0);
}

static void
end(struct look *look, enum look_end how, const char *why, int64_t wait)
{
	struct repository	*repo = look->repository;
	char			 path[GH_PATH_MAX], url[MSG_URL_MAX];
	struct look_result	 result;
	int			 n;

	result.end = how;
	result.changed = look->changed;
	result.why = why;
	result.wait = wait;
	result.requests = look->first ? -1 : look->requests;
	result.charged = look->charged;
	repo->look = NULL;
	if (how == LOOK_FRESH && look->changed) {
		if (look->newest > repo->newest)
			repo->newest = look->newest;
		(void)strlcpy(repo->etag, look->etag, sizeof(repo->etag));
		if (look_path(repo, path, sizeof(path)) == 0) {
			n = snprintf(url, sizeof(url), "%s%s",
			    github_url(repo->gh), path);
			if (n > 0 && (size_t)n < sizeof(url))
				tell_looked(url, repo->etag, repo->newest);
		}
	}
	n = look->moved;
	free(look);
	if (n)
		watch_moved(repo);
	watch_looked(repo, &result);
}
