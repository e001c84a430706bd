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
 * Questions about what is on disk: a table of kinds by verb, each answered
 * a slice at a time, in turns.  Runs in the registry.  Must not change
 * anything.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "query.h"
#include "registry.h"

#define RETRY_SECONDS	5	/* where the history can't be read */
/* With that many messages unread by the api its questions wait. */
#define QUERY_UNREAD	1024

static struct {
	struct event	*turn;
	struct peer	*api;
	TAILQ_HEAD(, query) queue;
	size_t		 n;
} env = { .queue = TAILQ_HEAD_INITIALIZER(env.queue) };

static void	 on_turn(evutil_socket_t, short, void *);
static void	 turn_later(void);
static void	 refuse(uint64_t);
static int	 is_crowded(void);
static enum query_more begin(struct query *);
static void	 answer(struct query *);
static void	 query_free(struct query *);

/* A verb without an entry is a violation. */
static const struct query_kind *const kinds[VERB_MAX] = {
	[VERB_PIPELINE_RUNS] = &query_runs,
	[VERB_AUDIT_LIST] = &query_audit,
	[VERB_REGISTRY_STATUS] = &query_registry,
	[VERB_REGISTRY_BACKUPS] = &query_registry,
	[VERB_PIPELINE_TRENDS] = &query_trends,
	[VERB_TRENDS] = &query_trends,
};

int
query_init(struct event_base *base)
{
	/* Low, as commits are: neither then keeps the other waiting. */
	env.turn = evtimer_new(base, on_turn, NULL);
	return (env.turn == NULL ? -1 :
	    event_priority_set(env.turn, REGISTRY_PRIORITY_LOW));
}

void
query_take(struct peer *api, const struct msg_query *m)
{
	struct verb_error	 err;
	struct query		*q;

	if (m->verb >= VERB_MAX || kinds[m->verb] == NULL)
		fatalx("api: query of verb %u", m->verb);
	env.api = api;
	if (env.n >= MSG_OPERATIONS_MAX) {
		refuse(m->op);
		return;
	}
	if ((q = calloc(1, sizeof(*q))) == NULL)
		fatal("query");
	q->op = m->op;
	q->verb = (enum verb_id)m->verb;
	(void)strlcpy(q->target, m->target, sizeof(q->target));
	q->args = json_parse_strict(m->args.data, m->args.len, MSG_DOC_MAX,
	    NULL);
	if (!json_object_is_type(q->args, json_type_object) ||
	    verb_check_args(verb_get(q->verb), q->args, &err) == -1)
		fatalx("api: query without its arguments");
	TAILQ_INSERT_TAIL(&env.queue, q, entry);
	env.n++;
	if (is_crowded())
		return;
	if (begin(q) == QUERY_DONE)
		answer(q);
	else
		turn_later();
}

/*
 * The api admits no more at a time, but gives up after a while on what takes
 * long here.  One that reads no answers has no reason to ask.
 */
static void
refuse(uint64_t op)
{
	struct json_object	*body;

	if (is_crowded())
		fatalx("api: more queries than it admits");
	body = apply_error("busy", "Too many queries are under way");
	answer_send(env.api, op, 503, RETRY_SECONDS, body);
	json_object_put(body);
}

/* An api that asks and does not read has no answers piled up for it. */
static int
is_crowded(void)
{
	return (env.api != NULL && peer_queued(env.api) > QUERY_UNREAD);
}

static enum query_more
begin(struct query *q)
{
	q->begun = 1;
	return (kinds[q->verb]->start(q));
}

void
query_go_on(void)
{
	if (!TAILQ_EMPTY(&env.queue))
		turn_later();
}

void
query_give_up(void)
{
	struct query	*q;

	env.api = NULL;
	while ((q = TAILQ_FIRST(&env.queue)) != NULL)
		query_free(q);
}

/* A timer, not an active event: peers and commits are polled in between. */
static void
turn_later(void)
{
	static const struct timeval	 at_once = { 0, 0 };

	if (!evtimer_pending(env.turn, NULL))
		(void)evtimer_add(env.turn, &at_once);
}

/* The first in the queue has its slice, and goes to the end. */
static void
on_turn(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct query	*q = TAILQ_FIRST(&env.queue);
	int64_t		 end = proc_now_ms() + QUERY_SLICE_MS;
	enum query_more	 more = QUERY_MORE;

	if (q == NULL || is_crowded())
		return;
	if (!q->begun)
		more = begin(q);
	while (more == QUERY_MORE && proc_now_ms() < end)
		more = kinds[q->verb]->step(q);
	if (more == QUERY_DONE)
		answer(q);
	else {
		TAILQ_REMOVE(&env.queue, q, entry);
		TAILQ_INSERT_TAIL(&env.queue, q, entry);
	}
	if (!TAILQ_EMPTY(&env.queue))
		turn_later();
}

static void
answer(struct query *q)
{
	/* What is told is durable. */
	if (history_pending())
		commit_now();
	if (env.api != NULL)
		answer_send(env.api, q->op, q->status, q->status == 503 ?
		    RETRY_SECONDS : 0, q->body);
	query_free(q);
}

static void
query_free(struct query *q)
{
	TAILQ_REMOVE(&env.queue, q, entry);
	env.n--;
	if (q->begun && kinds[q->verb]->end != NULL)
		kinds[q->verb]->end(q);
	json_object_put(q->args);
	json_object_put(q->body);
	free(q);
}

enum query_more
query_refuse(struct query *q, int status, const char *code, const char *fmt,
    ...)
{
	char	 text[MSG_TEXT_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_put(q->body);
	q->status = status;
	q->body = apply_error(code, text);
	return (QUERY_DONE);
}

enum query_more
query_no_pipeline(struct query *q)
{
	return (query_refuse(q, 404, "pipeline_not_found",
	    "Pipeline not found: %s", q->target));
}

enum query_more
query_no_history(struct query *q)
{
	return (query_refuse(q, 503, "unavailable",
	    "The history can't be read now"));
}

void
answer_send(struct peer *api, uint64_t op, int status, uint32_t retry_after,
    struct json_object *body)
{
	union msg	 m;
	const char	*text;
	size_t		 len;

	text = json_text(body, &len);
	memset(&m, 0, sizeof(m));
	m.answer.op = op;
	m.answer.status = (uint16_t)status;
	m.answer.retry_after = retry_after;
	do {
		m.answer.body.data = text;
		m.answer.body.len = len < MSG_CHUNK_MAX ? len : MSG_CHUNK_MAX;
		text += m.answer.body.len;
		len -= m.answer.body.len;
		m.answer.more = len > 0;
		peer_send(api, M_ANSWER, &m, -1);
	} while (len > 0);
}
