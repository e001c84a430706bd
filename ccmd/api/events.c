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
 * What changed, in order.  Runs in the api.  Must not change the view, and
 * must not know who reads: subscribe.c does.
 *
 * A change of the view marks its pipeline; EVENTS_DELAY_MS later all that
 * was marked becomes events, each thing once.  Figures also change with the
 * clock alone (windows slide, looks get too old): while somebody listens
 * every pipeline is looked at once in EVENTS_SWEEP seconds.  What is told is
 * compared with what was, by a digest: a start begins with those of what it
 * found, so that looks without news bring no events then either.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "events.h"
#include "json.h"
#include "log.h"
#include "run.h"
#include "subscribe.h"
#include "timestamp.h"
#include "view.h"

#define EVENTS_DELAY_MS	50
#define EVENTS_TURN	256	/* pipelines of one turn */
#define EVENTS_SWEEP	30	/* seconds for a round of all pipelines */

#define MARK_PIPELINE	0x1
#define MARK_STATS	0x2
#define MARK_KNOWN	0x4	/* as it was at the start: no news */

RB_HEAD(number_tree, ring_event);
RB_HEAD(key_tree, ring_event);

static struct {
	struct event	*flush;
	struct event	*sweep;
	int		 started;
	uint64_t	 start;		/* which start of the api this is */
	uint64_t	 last;
	uint64_t	 lost;
	size_t		 n;
	size_t		 bytes;
	struct number_tree by_number;
	struct key_tree	 by_key;
	TAILQ_HEAD(, pipeline) marked;
	char		 swept[MSG_ID_MAX + 1];	/* the sweep came so far */
} env = {
	.by_number = RB_INITIALIZER(&env.by_number),
	.by_key = RB_INITIALIZER(&env.by_key),
	.marked = TAILQ_HEAD_INITIALIZER(env.marked)
};

static int	 number_cmp(struct ring_event *, struct ring_event *);
static int	 key_cmp(struct ring_event *, struct ring_event *);
static void	 mark(struct pipeline *, int);
static void	 on_flush(evutil_socket_t, short, void *);
static void	 on_sweep(evutil_socket_t, short, void *);
static void	 know(struct pipeline *);
static void	 digest_doc(struct pipeline *,
		    unsigned char [VIEW_DIGEST_LEN]);
static void	 tell_pipeline(struct pipeline *);
static void	 tell_stats(struct pipeline *);
static void	 publish(enum event_kind, const char *, int64_t,
		    struct json_object *);
static void	 drop(struct ring_event *);
static void	 put_time(struct json_object *, const char *, int64_t);

TREE_GENERATE(number_tree, ring_event, by_number, number_cmp)
TREE_GENERATE(key_tree, ring_event, by_key, key_cmp)

static int
number_cmp(struct ring_event *a, struct ring_event *b)
{
	return (a->number < b->number ? -1 : a->number > b->number);
}

static int
key_cmp(struct ring_event *a, struct ring_event *b)
{
	int	 c;

	if (a->kind != b->kind)
		return (a->kind < b->kind ? -1 : 1);
	if ((c = strcmp(a->pipeline, b->pipeline)) != 0)
		return (c);
	return (a->run < b->run ? -1 : a->run > b->run);
}

int
events_init(struct event_base *base)
{
	static const struct timeval second = { 1, 0 };

	randombytes_buf(&env.start, sizeof(env.start));
	env.flush = evtimer_new(base, on_flush, NULL);
	env.sweep = event_new(base, -1, EV_PERSIST, on_sweep, NULL);
	if (env.flush == NULL || env.sweep == NULL)
		return (-1);
	return (event_add(env.sweep, &second));
}

/*
 * What is there is known to whoever asks now.  It is gone through in turns,
 * so that the start does not wait for it; what changes before its turn comes
 * is told.
 */
void
events_start(void)
{
	struct pipeline	*p;

	env.started = 1;
	for (p = view_next(NULL); p != NULL; p = view_next(p))
		mark(p, MARK_KNOWN);
	events_flush();
}

void
events_pipeline(struct pipeline *p)
{
	mark(p, MARK_PIPELINE | MARK_STATS);
}

void
events_stats(struct pipeline *p)
{
	mark(p, MARK_STATS);
}

void
events_gone(struct pipeline *p)
{
	struct json_object	*o;

	if (p->marks != 0)
		TAILQ_REMOVE(&env.marked, p, marked);
	p->marks = 0;
	if (!env.started)
		return;
	o = json_object_new_object();
	json_set_text(o, "pipeline_id", p->id);
	json_object_object_add(o, "removed", json_object_new_boolean(1));
	publish(EVENT_PIPELINE, p->id, 0, o);
	json_object_put(o);
	subscribers_wake();
}

static void
mark(struct pipeline *p, int what)
{
	static const struct timeval delay = { 0, EVENTS_DELAY_MS * 1000 };

	if (!env.started)
		return;
	if (p->marks == 0)
		TAILQ_INSERT_TAIL(&env.marked, p, marked);
	p->marks |= what;
	if (!evtimer_pending(env.flush, NULL))
		evtimer_add(env.flush, &delay);
}

/* During a read-back hundreds come: those are history, not news. */
void
events_run(const struct pipeline *p, const struct run *run)
{
	struct json_object	*o;

	if (!env.started || !p->known)
		return;
	o = json_object_new_object();
	json_set_text(o, "pipeline_id", p->id);
	json_set_int(o, "run_id", run->id);
	json_set_int(o, "workflow_id", run->workflow_id);
	json_object_object_add(o, "run_attempt",
	    json_object_new_int(run->attempt));
	json_set_text(o, "status", run->status_text);
	json_object_object_add(o, "conclusion",
	    run->conclusion_text[0] == '\0' ? NULL :
	    json_object_new_string(run->conclusion_text));
	json_object_object_add(o, "branch", run->branch == NULL ? NULL :
	    json_object_new_string(run->branch));
	put_time(o, "created_at", run->created_at);
	put_time(o, "run_started_at", run->started_at);
	put_time(o, "updated_at", run->updated_at);
	put_time(o, "timestamp", run->created_at);
	json_set_int(o, "duration_seconds", run_duration(run));
	publish(EVENT_RUN, p->id, run->id, o);
	json_object_put(o);
}

static void
put_time(struct json_object *o, const char *name, int64_t t)
{
	char	 buf[TIMESTAMP_SIZE];

	json_set_text(o, name, timestamp_format(t, buf));
}

static void
on_flush(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	events_flush();
}

void
events_flush(void)
{
	static const struct timeval at_once = { 0, 0 };
	struct pipeline		*p;
	int			 i, marks;

	for (i = 0; i < EVENTS_TURN; i++) {
		if ((p = TAILQ_FIRST(&env.marked)) == NULL)
			break;
		TAILQ_REMOVE(&env.marked, p, marked);
		marks = p->marks;
		p->marks = 0;
		if (marks == MARK_KNOWN)
			know(p);
		if (marks & MARK_PIPELINE)
			tell_pipeline(p);
		if (marks & MARK_STATS)
			tell_stats(p);
	}
	if (!TAILQ_EMPTY(&env.marked))
		evtimer_add(env.flush, &at_once);
	subscribers_wake();
}

/* A share of all pipelines each second, in the order of their creation. */
static void
on_sweep(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct pipeline	*p;
	size_t		 share;

	subscribers_tick();
	if (!env.started || subscribers_count() == 0)
		return;
	p = env.swept[0] != '\0' ? view_find(env.swept) : NULL;
	for (share = view_count() / EVENTS_SWEEP + 1; share > 0; share--) {
		if ((p = view_next(p)) == NULL)
			break;
		mark(p, MARK_STATS);
	}
	(void)strlcpy(env.swept, p != NULL ? p->id : "", sizeof(env.swept));
}

/* As if it had been told. */
static void
know(struct pipeline *p)
{
	struct json_object	*stats = view_stats(p, time(NULL));

	view_stats_digest(stats, p->told_stats);
	json_object_put(stats);
	digest_doc(p, p->told_doc);
}

static void
digest_doc(struct pipeline *p, unsigned char hash[VIEW_DIGEST_LEN])
{
	const char	*text;
	size_t		 len;

	text = json_text(p->doc, &len);
	crypto_generichash(hash, VIEW_DIGEST_LEN,
	    (const unsigned char *)text, len, NULL, 0);
}

/* Told again only if it is another document. */
static void
tell_pipeline(struct pipeline *p)
{
	unsigned char	 hash[VIEW_DIGEST_LEN];

	digest_doc(p, hash);
	if (memcmp(hash, p->told_doc, sizeof(hash)) == 0)
		return;
	memcpy(p->told_doc, hash, sizeof(hash));
	publish(EVENT_PIPELINE, p->id, 0, p->doc);
}

static void
tell_stats(struct pipeline *p)
{
	struct json_object	*stats = view_stats(p, time(NULL));
	unsigned char		 hash[VIEW_DIGEST_LEN];

	view_stats_digest(stats, hash);
	if (memcmp(hash, p->told_stats, sizeof(hash)) != 0) {
		memcpy(p->told_stats, hash, sizeof(hash));
		publish(EVENT_STATS, p->id, 0, stats);
	}
	json_object_put(stats);
}

static void
publish(enum event_kind kind, const char *pipeline, int64_t run,
    struct json_object *o)
{
	struct ring_event	*e, *old;
	const char		*text;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("events");
	text = json_text(o, &e->len);
	if (e->len > MSG_DOC_MAX) {
		log_warn("%s: too long for an event", pipeline);
		free(e);
		return;
	}
	if ((e->data = malloc(e->len + 1)) == NULL)
		fatal("events");
	memcpy(e->data, text, e->len + 1);
	(void)strlcpy(e->pipeline, pipeline, sizeof(e->pipeline));
	e->kind = kind;
	e->run = run;
	e->number = ++env.last;
	if ((old = RB_FIND(key_tree, &env.by_key, e)) != NULL)
		drop(old);
	RB_INSERT(number_tree, &env.by_number, e);
	RB_INSERT(key_tree, &env.by_key, e);
	env.n++;
	env.bytes += e->len;
	while (env.n > EVENTS_MAX || env.bytes > EVENTS_BYTES) {
		old = RB_MIN(number_tree, &env.by_number);
		env.lost = old->number;
		drop(old);
	}
}

static void
drop(struct ring_event *e)
{
	RB_REMOVE(number_tree, &env.by_number, e);
	RB_REMOVE(key_tree, &env.by_key, e);
	env.n--;
	env.bytes -= e->len;
	free(e->data);
	free(e);
}

const struct ring_event *
events_next(uint64_t after)
{
	struct ring_event	 key;

	key.number = after + 1;
	return (RB_NFIND(number_tree, &env.by_number, &key));
}

uint64_t
events_last(void)
{
	return (env.last);
}

uint64_t
events_lost(void)
{
	return (env.lost);
}

void
events_id(uint64_t number, char id[EVENT_ID_SIZE])
{
	(void)snprintf(id, EVENT_ID_SIZE, "%016llx-%llu",
	    (unsigned long long)env.start, (unsigned long long)number);
}

/* Made again and compared: there is one way to write each id. */
int
events_number(const char *id, uint64_t *number)
{
	char		 same[EVENT_ID_SIZE];
	const char	*dash, *error;

	if ((dash = strchr(id, '-')) == NULL)
		return (-1);
	*number = (uint64_t)strtonum(dash + 1, 0, INT64_MAX, &error);
	if (error != NULL)
		return (-1);
	events_id(*number, same);
	if (strcmp(same, id) != 0 || *number > env.last ||
	    *number < env.lost)
		return (-1);
	return (0);
}

const char *
event_name(enum event_kind kind)
{
	static const char *const names[] = {
		[EVENT_PIPELINE] = "pipeline",
		[EVENT_STATS] = "stats",
		[EVENT_RUN] = "run",
		[EVENT_RESET] = "reset",
		[EVENT_SYNCED] = "synced",
	};

	return (names[kind]);
}
