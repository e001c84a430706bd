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
 * Run a run again, all of it or what failed, and see the new attempt begin.
 * Runs in the poller.
 *
 * https://docs.github.com/en/rest/actions/workflow-runs#re-run-a-workflow
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "github.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "proc.h"
#include "timestamp.h"
#include "watch.h"

#define SEE_AGAIN_MS	500
/* Then the client gets its answer, whether it was seen or not. */
#define SEE_TRIES	4

struct rerun {
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct event	*timer;
	int64_t		 run;
	int32_t		 attempt;	/* the former one */
	int		 failed_only;
	int		 tries;
	char		 requested_at[TIMESTAMP_SIZE];
};

static void	 on_run(const struct found_run *, void *);
static int	 order(struct rerun *);
static void	 on_ordered(const struct gh_reply *, void *);
static void	 see_later(struct rerun *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 on_seen(const struct found_run *, void *);
static void	 done(struct rerun *, int32_t);
static void	 rerun_free(struct rerun *);

void
op_rerun(const struct asked *asked, struct json_object *args)
{
	struct refusal	 refusal;
	struct pipeline	*p;
	struct github	*gh;
	struct rerun	*op;

	if ((gh = lookup_github(asked->target, 1, &p, &refusal)) == NULL) {
		lookup_tell(asked, &refusal);
		return;
	}
	if ((op = calloc(1, sizeof(*op))) == NULL ||
	    (op->timer = evtimer_new(poller_base(), on_timer, op)) == NULL)
		fatal("op_rerun");
	op->asked = *asked;
	op->pipeline = p;
	op->gh = gh;
	op->failed_only = json_flag(args, "failed_only");
	(void)json_int(args, "run", &op->run);
	if (lookup_run(gh, p, op->run, 0, asked->deadline, on_run, op) ==
	    NULL) {
		lookup_no_memory(asked);
		rerun_free(op);
	}
}

static void
on_run(const struct found_run *found, void *arg)
{
	struct rerun	*op = arg;

	op->attempt = found->run.attempt;
	if (found->refusal != NULL)
		lookup_tell(&op->asked, found->refusal);
	else if (found->run.status != RUN_COMPLETED)
		tell_refused(&op->asked, 409, "run_not_completed", 0,
		    "Run %lld is not completed yet: %s", (long long)op->run,
		    found->run.status_text);
	else if (order(op) == 0)
		return;
	else
		lookup_no_memory(&op->asked);
	rerun_free(op);
}

static int
order(struct rerun *op)
{
	char	 path[GH_PATH_MAX];

	if (snprintf(path, sizeof(path), "/repos/%s/actions/runs/%lld/%s",
	    op->pipeline->name, (long long)op->run, op->failed_only ?
	    "rerun-failed-jobs" : "rerun") >= (int)sizeof(path))
		return (-1);
	return (github_write(op->gh, "POST", path, NULL, op->asked.deadline,
	    on_ordered, op) == NULL ? -1 : 0);
}

static void
on_ordered(const struct gh_reply *r, void *arg)
{
	struct rerun	*op = arg;
	struct refusal	 refusal;

	if (r->result != GH_OK) {
		lookup_refused(r, "The run could not be run again", &refusal);
		lookup_tell(&op->asked, &refusal);
		rerun_free(op);
		return;
	}
	(void)timestamp_format(time(NULL), op->requested_at);
	watch_asked(op->pipeline);
	see_later(op);
}

static void
see_later(struct rerun *op)
{
	static const struct timeval tv = { 0, SEE_AGAIN_MS * 1000 };

	if (op->tries == 0)
		on_timer(-1, EV_TIMEOUT, op);
	else if (proc_now_ms() + SEE_AGAIN_MS < op->asked.deadline)
		evtimer_add(op->timer, &tv);
	else
		done(op, 0);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct rerun	*op = arg;

	if (op->tries++ >= SEE_TRIES || lookup_run(op->gh, op->pipeline,
	    op->run, 0, op->asked.deadline, on_seen, op) == NULL)
		done(op, 0);
}

/* An old run is on no page of the list: from now on it is followed by id. */
static void
on_seen(const struct found_run *found, void *arg)
{
	struct rerun		*op = arg;

	if (found->refusal != NULL || found->run.attempt <= op->attempt) {
		see_later(op);
		return;
	}
	if (pipeline_saw(op->pipeline, &found->run, found->doc, 0))
		tell_run(op->pipeline->id, found->doc);
	done(op, found->run.attempt);
}

/* `attempt` 0: the new one was not seen yet. */
static void
done(struct rerun *op, int32_t attempt)
{
	struct json_object	*result = json_object_new_object();

	json_set_text(result, "pipeline_id", op->pipeline->id);
	json_set_int(result, "run_id", op->run);
	json_object_object_add(result, "run_attempt", attempt == 0 ? NULL :
	    json_object_new_int(attempt));
	json_object_object_add(result, "failed_only",
	    json_object_new_boolean(op->failed_only));
	json_set_text(result, "requested_at", op->requested_at);
	tell_outcome(&op->asked, 202, result);
	rerun_free(op);
}

static void
rerun_free(struct rerun *op)
{
	event_free(op->timer);
	free(op);
}
