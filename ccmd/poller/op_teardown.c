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
 * Teardown: the intent is noted, the workflow's unfinished runs are
 * cancelled and verified, the client is answered in time, and what is not
 * completed by then is followed up.  Runs in the poller.  Nothing is ever
 * deleted on GitHub; an outage there keeps no pipeline alive.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "verb.h"
#include "watch.h"

/* The client has its answer after that long, whatever GitHub does. */
#define TEARDOWN_ANSWER_MS	7000

struct teardown {
	TAILQ_ENTRY(teardown) entry;
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct cancel	*cancel;
	struct event	*timer;
	int		 answered;
};

static struct {
	TAILQ_HEAD(, teardown) all;
} env = { .all = TAILQ_HEAD_INITIALIZER(env.all) };

static struct teardown *teardown_new(const struct asked *, struct pipeline *);
static struct teardown *teardown_of(const struct pipeline *);
static void	 teardown_free(struct teardown *);
static void	 begin(struct teardown *);
static void	 on_settled(struct cancel *, void *);
static void	 on_time(evutil_socket_t, short, void *);
static void	 answer(struct teardown *);
static void	 cannot_ask(const struct pipeline *, struct json_object *);
static void	 followed_up(struct teardown *);

void
op_teardown(const struct asked *asked,
    struct json_object *args __attribute__((unused)))
{
	struct pipeline	*p = pipelines_find(asked->target);

	if (p == NULL) {
		tell_refused(asked, 404, "pipeline_not_found", 0,
		    "Pipeline not found: %s", asked->target);
		return;
	}
	(void)teardown_new(asked, p);
	tell_intent(asked);
}

static struct teardown *
teardown_new(const struct asked *asked, struct pipeline *p)
{
	struct teardown	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->timer = evtimer_new(poller_base(), on_time, t)) == NULL)
		fatal("op_teardown");
	t->asked = *asked;
	t->pipeline = p;
	TAILQ_INSERT_TAIL(&env.all, t, entry);
	return (t);
}

static struct teardown *
teardown_of(const struct pipeline *p)
{
	struct teardown	*t;

	TAILQ_FOREACH(t, &env.all, entry)
		if (t->pipeline == p)
			return (t);
	return (NULL);
}

static void
teardown_free(struct teardown *t)
{
	TAILQ_REMOVE(&env.all, t, entry);
	if (t->cancel != NULL)
		cancel_free(t->cancel);
	event_free(t->timer);
	free(t);
}

void
op_teardown_noted(uint64_t op, int status)
{
	struct teardown	*t;

	TAILQ_FOREACH(t, &env.all, entry)
		if (t->asked.op == op && op != 0)
			break;
	if (t == NULL)
		return;
	if (status == 200)
		begin(t);
	else
		teardown_free(t);	/* the registry answered by itself */
}

static void
begin(struct teardown *t)
{
	struct timeval	 tv = { TEARDOWN_ANSWER_MS / 1000,
	    (TEARDOWN_ANSWER_MS % 1000) * 1000 };
	struct pipeline	*p = t->pipeline;
	struct github	*gh;
	int64_t		 left;

	gh = github_for(p->name, strcspn(p->name, "/"));
	if (gh == NULL || !github_has_token(gh) || p->workflow_id == 0) {
		/* Nothing is known of its runs, and none can be asked for. */
		if (t->answered)
			teardown_free(t);
		else
			answer(t);
		return;
	}
	left = t->asked.deadline - proc_now_ms() - 500;
	if (t->asked.op != 0 && left < TEARDOWN_ANSWER_MS) {
		left = left < 0 ? 0 : left;
		tv.tv_sec = left / 1000;
		tv.tv_usec = (left % 1000) * 1000;
	}
	if (!t->answered)
		evtimer_add(t->timer, &tv);
	if ((t->cancel = cancel_start(gh, p, on_settled, t)) == NULL)
		fatal("cancel_start");
}

static void
on_settled(struct cancel *c __attribute__((unused)), void *arg)
{
	struct teardown	*t = arg;

	/* From the loop: the canceller is in the middle of a callback. */
	event_active(t->timer, EV_TIMEOUT, 1);
}

static void
on_time(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct teardown	*t = arg;

	if (!t->answered)
		answer(t);
	else if (cancel_settled(t->cancel))
		followed_up(t);
}

static void
answer(struct teardown *t)
{
	struct json_object	*result = json_object_new_object();
	int			 left = 0;

	if (t->cancel != NULL)
		left = cancel_report(t->cancel, result);
	else
		cannot_ask(t->pipeline, result);
	json_object_object_add(result, "follow", json_object_new_boolean(left));
	tell_outcome(&t->asked, 200, result);
	t->answered = 1;
	evtimer_del(t->timer);
	if (!left)
		teardown_free(t);
}

/* No token, or GitHub never knew its workflow: no run can be asked for. */
static void
cannot_ask(const struct pipeline *p, struct json_object *result)
{
	struct json_object	*warnings = json_object_new_array();
	char			 text[MSG_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "The runs of %s could not be "
	    "cancelled: %s", p->name, p->workflow_id == 0 ?
	    "its workflow was never found on GitHub" :
	    "no GitHub token is configured for its owner");
	json_object_array_add(warnings, json_object_new_string(text));
	json_object_object_add(result, "warnings", warnings);
}

/* Nothing is left to do for an inactive pipeline: its document says so. */
static void
followed_up(struct teardown *t)
{
	struct json_object	*patch, *report, *warnings, *teardown;

	report = json_object_new_object();
	(void)cancel_report(t->cancel, report);
	patch = json_object_new_object();
	json_object_object_get_ex(report, "warnings", &warnings);
	if (json_object_array_length(warnings) == 0) {
		json_object_object_add(patch, "teardown", NULL);
	} else {
		teardown = json_object_new_object();
		json_object_object_add(teardown, "follow", NULL);
		json_object_object_add(teardown, "cancelling", NULL);
		json_object_object_add(teardown, "warnings",
		    json_object_get(warnings));
		json_object_object_add(patch, "teardown", teardown);
	}
	json_object_put(report);
	tell_change(t->pipeline->id, patch, "teardown followed up");
	teardown_free(t);
}

/*
 * After a restart an intent without an end, or a follow-up, is taken up
 * from the document; a pipeline that was provisioned again is left alone.
 */
void
op_teardown_pipeline(struct pipeline *p)
{
	struct json_object	*follow;
	struct teardown		*t = teardown_of(p);
	struct asked		 nobody;

	if (p->teardown == NULL) {
		if (t != NULL && t->answered)
			teardown_free(t);
		return;
	}
	if (t != NULL)
		return;
	if (p->state == PIPELINE_INACTIVE &&
	    (!json_object_object_get_ex(p->teardown, "follow", &follow) ||
	    !json_object_get_boolean(follow)))
		return;
	memset(&nobody, 0, sizeof(nobody));
	nobody.verb = VERB_PIPELINE_TEARDOWN;
	(void)strlcpy(nobody.actor, "ccmd", sizeof(nobody.actor));
	(void)strlcpy(nobody.target, p->id, sizeof(nobody.target));
	t = teardown_new(&nobody, p);
	t->answered = p->state == PIPELINE_INACTIVE;
	log_info("%s: teardown taken up again", p->id);
	begin(t);
}
