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
 * Subscribers of events.  Runs in the api.  Must not know how an event
 * travels: sse.c and control.c do.
 *
 * A subscriber is a place in the ring.  One with an id to resume from goes
 * on behind it; one whose id is of a former start, or too old, is told
 * `reset` first, so that it asks for the state anew.  With `snapshot` the
 * state comes by itself: reset, all pipelines with their figures, synced.
 */

#include "config.h"

#include <sys/queue.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "proc.h"
#include "subscribe.h"
#include "view.h"

/* What comes next. */
enum phase {
	PHASE_RESET,
	PHASE_PIPELINE,		/* of the snapshot */
	PHASE_STATS,
	PHASE_SYNCED,
	PHASE_RING
};

struct subscriber {
	TAILQ_ENTRY(subscriber) entry;
	const struct subscriber_ops *ops;
	void		*arg;
	enum phase	 phase;
	int		 snapshot;
	const char	*why;		/* of the reset */
	uint64_t	 token;		/* its number; 0: none */
	uint64_t	 at;		/* all up to it were told */
	char		 only[MSG_ID_MAX + 1];	/* pipeline; "": all */
	char		 told[MSG_ID_MAX + 1];	/* snapshot: the last one */
	char		 told_at[PIPELINE_TIME_SIZE];	/* and created_at */
	int64_t		 sent_at;
	int64_t		 stalled_at;	/* 0: it takes what it is given */
};

static struct {
	TAILQ_HEAD(, subscriber) all;
	size_t		 n;
} env = { .all = TAILQ_HEAD_INITIALIZER(env.all) };

static int	 step(struct subscriber *);
static void	 put_reset(struct subscriber *);
static struct pipeline *snapshot_next(struct subscriber *);
static void	 put_object(struct subscriber *, enum event_kind,
		    struct json_object *);
static int	 put_next(struct subscriber *);
static void	 put(struct subscriber *, const char *, enum event_kind,
		    const char *, size_t);

struct subscriber *
subscriber_new(struct request *req, const struct subscriber_ops *ops,
    void *arg)
{
	struct subscriber	*s;
	const char		*only, *id;

	only = json_string(req->args, "pipeline");
	if (only != NULL && view_find(only) == NULL) {
		answer_error(req, 404, "pipeline_not_found",
		    "Pipeline not found: %s", only);
		return (NULL);
	}
	if (env.n >= SUBSCRIBERS_MAX ||
	    (s = calloc(1, sizeof(*s))) == NULL) {
		answer_error(req, 503, "busy", "Too many subscribers");
		return (NULL);
	}
	events_flush();		/* what is older is no news to it */
	s->ops = ops;
	s->arg = arg;
	s->token = req->token;
	s->snapshot = json_flag(req->args, "snapshot");
	(void)strlcpy(s->only, only != NULL ? only : "", sizeof(s->only));
	s->sent_at = proc_now_ms();
	s->at = events_last();
	s->phase = s->snapshot ? PHASE_RESET : PHASE_RING;
	s->why = "snapshot";
	if ((id = json_string(req->args, "last_event_id")) != NULL) {
		s->phase = PHASE_RING;
		if (events_number(id, &s->at) == -1) {
			s->at = events_last();
			s->why = "gap";
			s->phase = PHASE_RESET;
		}
	}
	TAILQ_INSERT_TAIL(&env.all, s, entry);
	env.n++;
	return (s);
}

void
subscriber_free(struct subscriber *s)
{
	if (s == NULL)
		return;
	TAILQ_REMOVE(&env.all, s, entry);
	env.n--;
	free(s);
}

int
subscriber_pump(struct subscriber *s)
{
	int	 r;

	do {
		if (!s->ops->room(s->arg)) {
			if (s->stalled_at == 0)
				s->stalled_at = proc_now_ms();
			return (1);
		}
		if (s->phase == PHASE_RING && s->at < events_lost()) {
			/* It is gone when this returns. */
			s->ops->end(s->arg, "too slow for the events");
			return (0);
		}
		if ((r = step(s)) == 1)
			s->stalled_at = 0;
	} while (r == 1);
	s->stalled_at = 0;
	return (0);
}

/* One thing more; 0 if there is none. */
static int
step(struct subscriber *s)
{
	struct json_object	*stats;
	struct pipeline		*p;
	char			 id[EVENT_ID_SIZE];

	switch (s->phase) {
	case PHASE_RESET:
		put_reset(s);
		s->phase = s->snapshot ? PHASE_PIPELINE : PHASE_RING;
		return (1);
	case PHASE_PIPELINE:
		if ((p = snapshot_next(s)) == NULL) {
			s->phase = PHASE_SYNCED;
			return (1);
		}
		(void)strlcpy(s->told, p->id, sizeof(s->told));
		(void)strlcpy(s->told_at, p->created_at, sizeof(s->told_at));
		put_object(s, EVENT_PIPELINE, p->doc);
		s->phase = PHASE_STATS;
		return (1);
	case PHASE_STATS:
		s->phase = PHASE_PIPELINE;
		if ((p = view_find(s->told)) == NULL)
			return (1);
		stats = view_stats(p, time(NULL));
		put_object(s, EVENT_STATS, stats);
		json_object_put(stats);
		return (1);
	case PHASE_SYNCED:
		events_id(s->at, id);
		put(s, id, EVENT_SYNCED, "{}", 2);
		s->phase = PHASE_RING;
		return (1);
	case PHASE_RING:
		break;
	}
	return (put_next(s));
}

/*
 * With a snapshot to come the id follows only with `synced`: whoever is cut
 * off before that begins again.
 */
static void
put_reset(struct subscriber *s)
{
	char	 id[EVENT_ID_SIZE] = "", data[64];
	int	 n;

	if (!s->snapshot)
		events_id(s->at, id);
	n = snprintf(data, sizeof(data), "{\"reason\":\"%s\"}", s->why);
	put(s, id, EVENT_RESET, data, (size_t)n);
}

/* By a place in the order: the last one told may be gone meanwhile. */
static struct pipeline *
snapshot_next(struct subscriber *s)
{
	if (s->only[0] == '\0')
		return (s->told[0] == '\0' ? view_next(NULL) :
		    view_after(s->told_at, s->told));
	return (s->told[0] == '\0' ? view_find(s->only) : NULL);
}

static void
put_object(struct subscriber *s, enum event_kind kind, struct json_object *o)
{
	const char	*text;
	size_t		 len;

	text = json_text(o, &len);
	if (len <= MSG_DOC_MAX)
		put(s, "", kind, text, len);
}

/* The ring's next that this one wants. */
static int
put_next(struct subscriber *s)
{
	const struct ring_event	*e;
	char			 id[EVENT_ID_SIZE];

	while ((e = events_next(s->at)) != NULL) {
		s->at = e->number;
		if (s->only[0] != '\0' && strcmp(s->only, e->pipeline) != 0)
			continue;
		events_id(e->number, id);
		put(s, id, e->kind, e->data, e->len);
		return (1);
	}
	return (0);
}

static void
put(struct subscriber *s, const char *id, enum event_kind kind,
    const char *data, size_t len)
{
	s->sent_at = proc_now_ms();
	s->ops->put(s->arg, id, event_name(kind), data, len);
}

void
subscribers_wake(void)
{
	struct subscriber	*s, *next;

	/* It may end by that, but no other one. */
	TAILQ_FOREACH_SAFE(s, &env.all, entry, next)
		if (s->phase != PHASE_RING || s->at < events_last())
			s->ops->wake(s->arg);
}

/* Whose token is gone, or over, hears no more. */
void
subscribers_check(void)
{
	struct subscriber	*s, *next;

	TAILQ_FOREACH_SAFE(s, &env.all, entry, next)
		if (s->token != 0 && !auth_holds(s->token))
			s->ops->end(s->arg, "its token is not valid any more");
}

void
subscribers_tick(void)
{
	struct subscriber	*s, *next;
	int64_t			 now = proc_now_ms();

	subscribers_check();
	TAILQ_FOREACH_SAFE(s, &env.all, entry, next) {
		if (s->stalled_at != 0 &&
		    now - s->stalled_at > SUBSCRIBER_STALL_MS) {
			s->ops->end(s->arg, "takes no events");
		} else if (s->stalled_at == 0 && s->ops->idle != NULL &&
		    now - s->sent_at >= SUBSCRIBER_IDLE_MS) {
			s->sent_at = now;
			s->ops->idle(s->arg);
		}
	}
}

size_t
subscribers_count(void)
{
	return (env.n);
}
