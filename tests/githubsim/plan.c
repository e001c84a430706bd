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
 * githubsim: scripts of runs and the passing of time.  Nothing here has a
 * timer: a repository catches up when it is looked at, so that a clock that
 * jumps ahead leaves the same history as one that went there.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define STEP_SECONDS_MAX	(400.0 * 86400)

static int	 run_advance(struct run *, int64_t);
static void	 attach(struct run *, struct plan *);
static void	 wake(struct repo *, int64_t);

/*
 * Takes {"queued": 2, "in_progress": 5, "conclusion": "success"}: a status
 * and for how many seconds the run has it, in order.  Without a conclusion
 * it keeps the last status for ever.
 */
int
plan_set(struct run *run, struct json_object *script, int64_t start)
{
	struct plan	*plan;
	double		 seconds;

	if (!json_object_is_type(script, json_type_object) ||
	    json_object_object_length(script) >= SIM_PLAN_STEPS) {
		errno = EINVAL;
		return (-1);
	}
	if ((plan = calloc(1, sizeof(*plan))) == NULL)
		err(1, NULL);
	json_object_object_foreach(script, key, value) {
		if (strcmp(key, "conclusion") == 0) {
			plan->conclusion =
			    intern(json_object_get_string(value));
			continue;
		}
		seconds = json_object_get_double(value);
		if (!(seconds >= 0 && seconds <= STEP_SECONDS_MAX)) {
			free(plan);
			errno = EINVAL;
			return (-1);
		}
		plan->step[plan->n].status = intern(key);
		plan->step[plan->n++].at = start;
		start += (int64_t)(seconds * 1000);
	}
	if (plan->conclusion != NULL) {
		plan->step[plan->n].status = intern("completed");
		plan->step[plan->n++].at = start;
	}
	attach(run, plan);
	(void)run_advance(run, clock_now());
	return (0);
}

/* Whatever the script said: the run ends at that time, like this. */
void
plan_finish(struct run *run, int64_t at, const char *conclusion)
{
	struct plan	*plan;

	if ((plan = calloc(1, sizeof(*plan))) == NULL)
		err(1, NULL);
	plan->n = 1;
	plan->step[0].status = intern("completed");
	plan->step[0].at = at;
	plan->conclusion = intern(conclusion);
	attach(run, plan);
	(void)run_advance(run, clock_now());
}

void
plan_drop(struct run *run)
{
	if (run->plan == NULL)
		return;
	TAILQ_REMOVE(&run->repo->scripted, run, script);
	free(run->plan);
	run->plan = NULL;
}

void
repo_advance(struct repo *repo)
{
	struct run	*run, *next;
	int64_t		 now = clock_now();
	int		 changed = 0;

	if (now < repo->next_change)
		return;
	repo->next_change = SIM_NEVER;
	if (repo->demo)
		wake(repo, demo_advance(repo, now));
	TAILQ_FOREACH_SAFE(run, &repo->scripted, script, next) {
		if (run->plan->step[run->plan->next].at <= now) {
			changed = 1;
			if (run_advance(run, now) == 0)
				continue;
		}
		wake(repo, run->plan->step[run->plan->next].at);
	}
	if (changed)
		repo_changed(repo);
}

/* Returns 1 while there is more to come, 0 when the script is over. */
static int
run_advance(struct run *run, int64_t now)
{
	struct plan	*plan = run->plan;

	while (plan->next < plan->n && plan->step[plan->next].at <= now) {
		run->status = plan->step[plan->next].status;
		run->updated = plan->step[plan->next].at;
		run->conclusion = NULL;
		if (strcmp(run->status, "completed") == 0)
			run->conclusion = plan->conclusion;
		plan->next++;
	}
	if (plan->next < plan->n)
		return (1);
	plan_drop(run);
	return (0);
}

static void
attach(struct run *run, struct plan *plan)
{
	plan_drop(run);
	run->plan = plan;
	TAILQ_INSERT_TAIL(&run->repo->scripted, run, script);
	if (plan->n > 0)
		wake(run->repo, plan->step[0].at);
	repo_changed(run->repo);
}

static void
wake(struct repo *repo, int64_t at)
{
	if (at < repo->next_change)
		repo->next_change = at;
}
