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
 * Cancel one run of a pipeline: accepted is not done, so that it is looked
 * at until it ends, the client's answer comes in time, and what goes on then
 * is followed up.  Runs in the poller.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "proc.h"
#include "watch.h"

/* Followed at a time, also when their clients have their answers. */
#define CANCELS_MAX	256
/* A client waits that long for the run to end, milliseconds. */
#define CANCEL_ANSWER_MS	5000

struct cancelling {
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct cancel	*cancel;	/* once it was asked for */
	struct event	*timer;
	int64_t		 run;
	int		 answered;
};

static struct {
	size_t	 n;
} env;

static void	 on_run(const struct found_run *, void *);
static int	 order(struct cancelling *);
static void	 on_ordered(const struct gh_reply *, void *);
static void	 on_settled(struct cancel *, void *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 answer(struct cancelling *);
static void	 cancelling_free(struct cancelling *);

void
op_cancel(const struct asked *asked, struct json_object *args)
{
	struct cancelling	*c;
	struct refusal		 refusal;
	struct pipeline		*p;
	struct github		*gh;

	if ((gh = lookup_github(asked->target, 1, &p, &refusal)) == NULL) {
		lookup_tell(asked, &refusal);
		return;
	}
	if (env.n >= CANCELS_MAX) {
		tell_refused(asked, 503, "busy", 10,
		    "Too many runs are being cancelled");
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->timer = evtimer_new(poller_base(), on_timer, c)) == NULL)
		fatal("op_cancel");
	env.n++;
	c->asked = *asked;
	c->pipeline = p;
	c->gh = gh;
	(void)json_int(args, "run", &c->run);
	if (lookup_run(gh, p, c->run, 0, asked->deadline, on_run, c) == NULL) {
		lookup_no_memory(asked);
		cancelling_free(c);
	}
}

static void
on_run(const struct found_run *found, void *arg)
{
	struct cancelling	*c = arg;

	if (found->refusal != NULL)
		lookup_tell(&c->asked, found->refusal);
	else if (found->run.status == RUN_COMPLETED)
		tell_refused(&c->asked, 409, "run_completed", 0,
		    "Run %lld is completed already: %s", (long long)c->run,
		    found->run.conclusion_text);
	else if (order(c) == 0)
		return;
	else
		lookup_no_memory(&c->asked);
	cancelling_free(c);
}

static int
order(struct cancelling *c)
{
	char	 path[GH_PATH_MAX];

	if (snprintf(path, sizeof(path), "/repos/%s/actions/runs/%lld/cancel",
	    c->pipeline->name, (long long)c->run) >= (int)sizeof(path))
		return (-1);
	return (github_write(c->gh, "POST", path, NULL, c->asked.deadline,
	    on_ordered, c) == NULL ? -1 : 0);
}

/* 409: it has just ended, or is stuck.  Looking at it tells which. */
static void
on_ordered(const struct gh_reply *r, void *arg)
{
	static const struct timeval wait = { CANCEL_ANSWER_MS / 1000,
	    CANCEL_ANSWER_MS % 1000 * 1000 };
	struct cancelling	*c = arg;
	struct refusal		 refusal;
	struct timeval		 tv = wait;
	int64_t			 left;

	if (r->result != GH_OK &&
	    (r->result != GH_REFUSED || r->status != 409)) {
		lookup_refused(r, "The run could not be cancelled", &refusal);
		lookup_tell(&c->asked, &refusal);
		cancelling_free(c);
		return;
	}
	c->cancel = cancel_follow(c->gh, c->pipeline, c->run, on_settled, c);
	if (c->cancel == NULL)
		fatal("cancel_follow");
	left = c->asked.deadline - proc_now_ms();
	if (left < CANCEL_ANSWER_MS) {
		left = left < 0 ? 0 : left;
		tv.tv_sec = left / 1000;
		tv.tv_usec = left % 1000 * 1000;
	}
	evtimer_add(c->timer, &tv);
	watch_asked(c->pipeline);
}

static void
on_settled(struct cancel *cancel __attribute__((unused)), void *arg)
{
	struct cancelling	*c = arg;

	/* From the loop: the canceller is in the middle of a callback. */
	event_active(c->timer, EV_TIMEOUT, 1);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct cancelling	*c = arg;

	if (c->answered)
		cancelling_free(c);	/* followed up to its end */
	else
		answer(c);
}

static void
answer(struct cancelling *c)
{
	struct json_object	*result, *report, *warnings;
	int			 left;

	report = json_object_new_object();
	left = cancel_report(c->cancel, report);
	(void)json_object_object_get_ex(report, "warnings", &warnings);
	result = json_object_new_object();
	json_object_object_add(result, "pipeline_id",
	    json_object_new_string(c->pipeline->id));
	json_object_object_add(result, "run_id",
	    json_object_new_int64(c->run));
	json_object_object_add(result, "cancelled", json_object_new_boolean(
	    json_object_array_length(json_member(report, "cancelled",
	    json_type_array)) > 0));
	json_object_object_add(result, "warnings", json_object_get(warnings));
	json_object_put(report);
	tell_outcome(&c->asked, 202, result);
	c->answered = 1;
	evtimer_del(c->timer);
	if (!left)
		cancelling_free(c);
}

static void
cancelling_free(struct cancelling *c)
{
	if (c->cancel != NULL)
		cancel_free(c->cancel);
	event_free(c->timer);
	env.n--;
	free(c);
}
