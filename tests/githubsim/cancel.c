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
 * githubsim: cancelling, running again and deleting runs.  A cancel that is
 * accepted takes effect later, or never: runs can be told to be stuck.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

static struct run *find(struct call *);
static int	 completed(const struct run *);
static void	 cancel(struct call *, struct run *, int, const char *);
static void	 rerun(struct call *, struct run *, unsigned int);
static void	 restart(struct run *);

void
run_cancel(struct call *c)
{
	struct run	*run = find(c);

	if (run != NULL)
		cancel(c, run, run->on_cancel, "Cannot cancel a workflow "
		    "run that is completed.");
}

void
run_force_cancel(struct call *c)
{
	struct run	*run = find(c);

	if (run != NULL)
		cancel(c, run, run->on_force, "Cannot cancel a workflow "
		    "re-run that has not yet queued.");
}

void
run_rerun(struct call *c)
{
	struct run	*run = find(c);

	if (run != NULL)
		rerun(c, run, 0);
}

/* What was good is carried over from the attempt before. */
void
run_rerun_failed(struct call *c)
{
	struct run	*run = find(c);

	if (run == NULL)
		return;
	if (completed(run) && run->conclusion != NULL &&
	    strcmp(run->conclusion, "success") == 0)
		answer_error(c, 403, "This workflow run cannot be retried: "
		    "it has no failed jobs");
	else
		rerun(c, run, run_jobs_good(run));
}

/* One job; that others may wait for it is not known here. */
void
job_rerun(struct call *c)
{
	struct run	*run;
	int		 attempt, place;

	if (job_find(c, &run, &attempt, &place) == 0)
		rerun(c, run, ~(1U << place));
}

void
run_delete(struct call *c)
{
	struct run	*run = find(c);

	if (run == NULL)
		return;
	if (!completed(run)) {
		answer_error(c, 403, "Could not delete the workflow run");
		return;
	}
	run_free(run);
	repo_changed(c->repo);
	answer_empty(c, 204);
}

void
run_delete_logs(struct call *c)
{
	struct run	*run = find(c);

	if (run == NULL)
		return;
	run->no_logs = 1;
	answer_empty(c, 204);
}

static void
cancel(struct call *c, struct run *run, int how, const char *why)
{
	if (completed(run)) {
		answer_error(c, 409, "Cannot cancel a workflow run that is "
		    "completed.");
		return;
	}
	if (how != CANCEL_COMPLETE && how != CANCEL_IGNORE) {
		answer_error(c, how, "%s", how == 409 ? why :
		    "Failed to cancel workflow run");
		return;
	}
	if (how == CANCEL_COMPLETE)
		plan_finish(run, clock_now() + sim.settings.cancel_delay,
		    "cancelled");
	answer_json(c, 202, json_object_new_object());
}

static void
rerun(struct call *c, struct run *run, unsigned int carried)
{
	if (!completed(run)) {
		answer_error(c, 403, "This workflow is already running");
		return;
	}
	if (run_save_attempt(run) == -1) {
		answer_error(c, 403, "Unable to retry this workflow run "
		    "because it was attempted too often");
		return;
	}
	run->carried = carried;
	restart(run);
	answer_json(c, 201, json_object_new_object());
}

static void
restart(struct run *run)
{
	struct json_object	*plan = run->workflow->plan;

	run->attempt++;
	run->status = intern("queued");
	run->conclusion = NULL;
	run->started = run->updated = clock_now();
	if (plan != NULL)
		(void)plan_set(run, plan, run->started);
	repo_changed(run->repo);
}

static struct run *
find(struct call *c)
{
	struct run	*run = run_find(c->repo, c->arg[0]);

	if (run == NULL)
		answer_error(c, 404, "Not Found");
	return (run);
}

static int
completed(const struct run *run)
{
	return (strcmp(run->status, "completed") == 0);
}
