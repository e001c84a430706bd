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
 * Jobs of runs that ended, for the history: a bounded queue, one request at
 * a time, behind all else, and none while the budget is short.  Runs in the
 * poller.
 */

#include "config.h"

#include <sys/queue.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "jobs.h"
#include "log.h"
#include "proc.h"
#include "run.h"
#include "tell.h"
#include "watch.h"

/* A GitHub that may not be asked now holds up others that long, at most. */
#define JOBS_PATIENCE_MS	60000

struct wanted {
	TAILQ_ENTRY(wanted) entry;
	char		 pipeline[MSG_ID_MAX + 1];
	int64_t		 run;
	int32_t		 attempt;
};

static struct {
	TAILQ_HEAD(, wanted) queue;
	size_t		 n;
	struct wanted	*asked;		/* under way, or NULL */
} env = { .queue = TAILQ_HEAD_INITIALIZER(env.queue) };

static void	 next(void);
static int	 ask(struct wanted *);
static void	 on_jobs(struct json_object *, const struct gh_reply *,
		    void *);

void
jobs_wanted(struct pipeline *p, const struct run *run)
{
	struct wanted	*w;

	TAILQ_FOREACH(w, &env.queue, entry)
		if (w->run == run->id && w->attempt == run->attempt &&
		    strcmp(w->pipeline, p->id) == 0)
			return;
	/* The older ones may go: newer runs say more of what jobs take. */
	if (env.n >= JOBS_QUEUE_MAX) {
		w = TAILQ_FIRST(&env.queue);
		TAILQ_REMOVE(&env.queue, w, entry);
		log_debug("%s: jobs of run %lld: too many to be asked for",
		    w->pipeline, (long long)w->run);
		env.n--;
	} else if ((w = calloc(1, sizeof(*w))) == NULL)
		return;
	(void)strlcpy(w->pipeline, p->id, sizeof(w->pipeline));
	w->run = run->id;
	w->attempt = run->attempt;
	TAILQ_INSERT_TAIL(&env.queue, w, entry);
	env.n++;
	next();
}

static void
next(void)
{
	struct wanted	*w;

	while (env.asked == NULL && (w = TAILQ_FIRST(&env.queue)) != NULL) {
		TAILQ_REMOVE(&env.queue, w, entry);
		env.n--;
		if (ask(w) == 0)
			env.asked = w;
		else
			free(w);
	}
}

/* What nobody waits for is left out where looks have to wait already. */
static int
ask(struct wanted *w)
{
	struct pipeline		*p = pipelines_find(w->pipeline);
	struct watch_figures	 f;
	char			 why[128];
	int64_t			 left;

	if (p == NULL || p->repository == NULL)
		return (-1);
	watch_figures(p->repository->gh, &f);
	if (f.why != NULL || github_throttled(p->repository->gh, GH_LOOK,
	    &left, why, sizeof(why))) {
		log_debug("%s: jobs of run %lld: the budget is short", p->id,
		    (long long)w->run);
		return (-1);
	}
	return (jobs_ask(p->repository->gh, p, w->run, w->attempt, GH_LOOK,
	    proc_now_ms() + JOBS_PATIENCE_MS, on_jobs, w) == NULL ? -1 : 0);
}

static void
on_jobs(struct json_object *jobs, const struct gh_reply *r, void *arg)
{
	struct wanted	*w = arg;

	if (jobs != NULL)
		tell_jobs(w->pipeline, (uint64_t)w->run,
		    (uint32_t)w->attempt, jobs);
	else
		log_debug("%s: jobs of run %lld: %s", w->pipeline,
		    (long long)w->run, log_visible(r->why));
	env.asked = NULL;
	free(w);
	next();
}
