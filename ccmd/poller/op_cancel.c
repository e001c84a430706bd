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
 * is followed up: it stands in the document, from which a restart takes it
 * up again.  Runs in the poller.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cancel.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "proc.h"
#include "timestamp.h"
#include "verb.h"
#include "watch.h"

/* Followed at a time, also when their clients have their answers. */
#define CANCELS_MAX	256
/* A client waits that long for the run to end, milliseconds. */
#define CANCEL_ANSWER_MS	5000
/* How long ago a cancel was asked for is of no interest beyond, seconds. */
#define CANCEL_AGE_MAX		3600

struct cancelling {
	TAILQ_ENTRY(cancelling) entry;
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct cancel	*cancel;	/* once it was asked for */
	struct event	*timer;
	int64_t		 run;
	int64_t		 attempt;
	int64_t		 since;		/* it was asked for, our clock */
	int		 answered;
	int		 ended;		/* its document may not say it yet */
};

static struct {
	TAILQ_HEAD(, cancelling) all;
	size_t	 n;
} env = { .all = TAILQ_HEAD_INITIALIZER(env.all) };

static struct cancelling *cancelling_new(const struct asked *,
		    struct pipeline *, struct github *, int64_t);
static void	 on_run(const struct found_run *, void *);
static int	 order(struct cancelling *, int64_t);
static void	 follow(struct cancelling *);
static void	 on_ordered(const struct gh_reply *, void *);
static void	 on_settled(struct cancel *, void *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 answer(struct cancelling *);
static struct json_object *to_json(const struct cancelling *);
static void	 followed_up(struct cancelling *);
static struct json_object *still_followed(const struct cancelling *);
static const struct cancelling *follower(const struct pipeline *, int64_t,
		    const struct cancelling *);
static void	 forget_ended(const struct pipeline *);
static int	 has_ended(const struct pipeline *, int64_t);
static int	 lists(struct json_object *, int64_t);
static void	 take_up(struct pipeline *, struct json_object *);
static void	 cancelling_free(struct cancelling *);

void
op_cancel(const struct asked *asked, struct json_object *args)
{
	struct cancelling	*c;
	struct refusal		 refusal;
	struct pipeline		*p;
	struct github		*gh;
	int64_t			 run = 0;

	if ((gh = lookup_github(asked->target, 1, &p, &refusal)) == NULL) {
		lookup_tell(asked, &refusal);
		return;
	}
	if (env.n >= CANCELS_MAX) {
		tell_refused(asked, 503, "busy", 10,
		    "Too many runs are being cancelled");
		return;
	}
	(void)json_int(args, "run", &run);
	c = cancelling_new(asked, p, gh, run);
	if (lookup_run(gh, p, c->run, 0, asked->deadline, on_run, c) == NULL) {
		lookup_no_memory(asked);
		cancelling_free(c);
	}
}

static struct cancelling *
cancelling_new(const struct asked *asked, struct pipeline *p,
    struct github *gh, int64_t run)
{
	struct cancelling	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->timer = evtimer_new(poller_base(), on_timer, c)) == NULL)
		fatal("op_cancel");
	env.n++;
	c->asked = *asked;
	c->pipeline = p;
	c->gh = gh;
	c->run = run;
	TAILQ_INSERT_TAIL(&env.all, c, entry);
	return (c);
}

static void
on_run(const struct found_run *found, void *arg)
{
	struct cancelling	*c = arg;

	if (found->refusal != NULL)
		lookup_tell(&c->asked, found->refusal);
	else if (found->run.status == RUN_COMPLETED)
		tell_refused(&c->asked, 409, "run_completed", 0,
		    "Run %lld is completed already%s%s", (long long)c->run,
		    found->run.conclusion_text[0] != '\0' ? ": " : "",
		    found->run.conclusion_text);
	else if (order(c, found->run.attempt) == 0)
		return;
	else
		lookup_no_memory(&c->asked);
	cancelling_free(c);
}

static int
order(struct cancelling *c, int64_t attempt)
{
	char	 path[GH_PATH_MAX];

	c->attempt = attempt;
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
	c->since = time(NULL);
	follow(c);
	left = c->asked.deadline - proc_now_ms();
	if (left < CANCEL_ANSWER_MS) {
		left = left < 0 ? 0 : left;
		tv.tv_sec = left / 1000;
		tv.tv_usec = left % 1000 * 1000;
	}
	evtimer_add(c->timer, &tv);
	watch_asked(c->pipeline);
}

/* From when it was asked for. */
static void
follow(struct cancelling *c)
{
	struct cancel_run	 run = { .id = c->run, .attempt = c->attempt };
	int64_t			 age = time(NULL) - c->since;

	if (age > CANCEL_AGE_MAX)
		age = CANCEL_AGE_MAX;
	run.age = age < 0 ? 0 : age * 1000;
	c->cancel = cancel_follow(c->gh, c->pipeline, &run, on_settled, c);
	if (c->cancel == NULL)
		fatal("cancel_follow");
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
		followed_up(c);
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
	if (left)
		json_object_object_add(result, "follow", to_json(c));
	tell_outcome(&c->asked, 202, result);
	c->answered = 1;
	evtimer_del(c->timer);
	if (!left)
		cancelling_free(c);
}

/* As the document has it. */
static struct json_object *
to_json(const struct cancelling *c)
{
	struct json_object	*o = json_object_new_object();
	char			 stamp[TIMESTAMP_SIZE];

	json_object_object_add(o, "run_id", json_object_new_int64(c->run));
	if (c->attempt != 0)
		json_object_object_add(o, "run_attempt",
		    json_object_new_int64(c->attempt));
	json_object_object_add(o, "requested_at",
	    json_object_new_string(timestamp_format(c->since, stamp)));
	return (o);
}

/* To its end, or to a verdict: the document need not say it any more. */
static void
followed_up(struct cancelling *c)
{
	struct json_object	*patch, *report, *warnings;
	char			 text[MSG_TEXT_MAX];

	report = json_object_new_object();
	(void)cancel_report(c->cancel, report);
	warnings = json_member(report, "warnings", json_type_array);
	if (warnings != NULL && json_object_array_length(warnings) > 0)
		(void)strlcpy(text, json_object_get_string(
		    json_object_array_get_idx(warnings, 0)), sizeof(text));
	else
		(void)snprintf(text, sizeof(text), "run %lld has ended: its "
		    "cancel is followed up", (long long)c->run);
	json_object_put(report);
	patch = json_object_new_object();
	json_object_object_add(patch, "cancelling", still_followed(c));
	tell_change(c->pipeline->id, patch, text);
	cancel_free(c->cancel);
	c->cancel = NULL;
	c->ended = 1;
	env.n--;
}

/* What else the pipeline's document goes on to say; NULL: nothing. */
static struct json_object *
still_followed(const struct cancelling *c)
{
	struct json_object	*list = NULL;
	struct cancelling	*other;

	TAILQ_FOREACH(other, &env.all, entry) {
		/* Two may have asked for one run: it is there once. */
		if (other == c || !other->answered || other->ended ||
		    other->pipeline != c->pipeline ||
		    follower(c->pipeline, other->run, c) != other)
			continue;
		if (list == NULL)
			list = json_object_new_array();
		json_object_array_add(list, to_json(other));
	}
	return (list);
}

/* The first that follows that run up, but for one. */
static const struct cancelling *
follower(const struct pipeline *p, int64_t run,
    const struct cancelling *but)
{
	const struct cancelling	*c;

	TAILQ_FOREACH(c, &env.all, entry)
		if (c != but && c->answered && !c->ended &&
		    c->pipeline == p && c->run == run)
			return (c);
	return (NULL);
}

/*
 * What left the registry before our change came there says that a run is
 * still followed that has ended: it is remembered until the document says
 * the same.
 */
static void
forget_ended(const struct pipeline *p)
{
	struct cancelling	*c, *next;

	TAILQ_FOREACH_SAFE(c, &env.all, entry, next)
		if (c->ended && c->pipeline == p &&
		    !lists(p->cancelling, c->run))
			cancelling_free(c);
}

static int
has_ended(const struct pipeline *p, int64_t run)
{
	const struct cancelling	*c;

	TAILQ_FOREACH(c, &env.all, entry)
		if (c->ended && c->pipeline == p && c->run == run)
			return (1);
	return (0);
}

static int
lists(struct json_object *list, int64_t run)
{
	int64_t	 id;
	size_t	 i, n = list == NULL ? 0 : json_object_array_length(list);

	for (i = 0; i < n; i++)
		if (json_int(json_object_array_get_idx(list, i), "run_id",
		    &id) == 1 && id == run)
			return (1);
	return (0);
}

void
op_cancel_pipeline(struct pipeline *p)
{
	size_t	 i;

	forget_ended(p);
	if (p->cancelling == NULL)
		return;
	for (i = 0; i < json_object_array_length(p->cancelling); i++)
		take_up(p, json_object_array_get_idx(p->cancelling, i));
}

/* Without a token it can't be, yet: it stays in the document. */
static void
take_up(struct pipeline *p, struct json_object *o)
{
	const char		*since = json_string(o, "requested_at");
	struct cancelling	*c;
	struct github		*gh;
	struct asked		 nobody;
	int64_t			 run, at;

	if (json_int(o, "run_id", &run) != 1 || run <= 0 ||
	    follower(p, run, NULL) != NULL || has_ended(p, run) ||
	    env.n >= CANCELS_MAX)
		return;
	gh = github_for(p->name, strcspn(p->name, "/"));
	if (gh == NULL || !github_has_token(gh))
		return;
	memset(&nobody, 0, sizeof(nobody));
	nobody.verb = VERB_RUN_CANCEL;
	c = cancelling_new(&nobody, p, gh, run);
	c->answered = 1;
	c->since = time(NULL);
	if (since != NULL && timestamp_parse(since, &at) == 0 && at < c->since)
		c->since = at;
	if (json_int(o, "run_attempt", &c->attempt) != 1)
		c->attempt = 0;
	log_info("%s: cancel of run %lld taken up again", p->id,
	    (long long)run);
	follow(c);
}

static void
cancelling_free(struct cancelling *c)
{
	TAILQ_REMOVE(&env.all, c, entry);
	if (c->cancel != NULL)
		cancel_free(c->cancel);
	event_free(c->timer);
	if (!c->ended)
		env.n--;
	free(c);
}
