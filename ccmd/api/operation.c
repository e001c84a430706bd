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
 * Operations: on their way to the parent, the poller or the registry, until
 * the answer comes back or does not in time.  Runs in the api.  Must not
 * answer for what only the registry can make durable.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <string.h>

#include "api.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "view.h"

/* An answer that does not come is given up that long after its deadline. */
#define GRACE_MS	700

RB_HEAD(request_tree, request);

static struct {
	struct event_base	*base;
	struct event		*sweep;
	struct peer		*parent;
	struct peer		*poller;
	struct peer		*registry;
	struct request_tree	 waiting;
	size_t			 n;
	size_t			 nfetches;
	uint64_t		 last_op;
} env = { .waiting = RB_INITIALIZER(&env.waiting) };

static int	 request_cmp(struct request *, struct request *);
static void	 on_sweep(evutil_socket_t, short, void *);
static void	 send_parent(struct request *);
static void	 send_store(struct request *);
static void	 send_ring(struct request *);
static int	 fetches(const struct request *);
static void	 leave(struct request *);
static void	 abandon(uint64_t);

TREE_GENERATE(request_tree, request, entry, request_cmp)

static int
request_cmp(struct request *a, struct request *b)
{
	return (a->op < b->op ? -1 : a->op > b->op);
}

int
operations_init(struct event_base *base)
{
	static const struct timeval half = { 0, 500000 };

	env.base = base;
	env.sweep = event_new(base, -1, EV_PERSIST, on_sweep, NULL);
	if (env.sweep == NULL)
		return (-1);
	return (event_add(env.sweep, &half));
}

void
operations_set_peers(struct peer *parent, struct peer *poller,
    struct peer *registry)
{
	env.parent = parent;
	env.poller = poller;
	env.registry = registry;
}

size_t
operations_count(void)
{
	return (env.n);
}

void
operation_send(struct request *req)
{
	if (env.poller == NULL || env.registry == NULL) {
		/* The set ends; this one was pipelined behind another. */
		answer_error(req, 503, "unavailable", "The daemon restarts");
		return;
	}
	if (env.n >= API_MAX_OPERATIONS ||
	    (fetches(req) && env.nfetches >= API_MAX_FETCHES)) {
		answer_error(req, 503, "busy", "Too many operations at once");
		return;
	}
	req->op = ++env.last_op;
	req->deadline = proc_now_ms() + (req->fd == -1 ? API_DEADLINE_MS :
	    API_FILE_DEADLINE_MS);
	RB_INSERT(request_tree, &env.waiting, req);
	env.n++;
	env.nfetches += fetches(req);
	if (req->verb->walk == WALK_PARENT)
		send_parent(req);
	else if (req->verb->walk == WALK_STORE)
		send_store(req);
	else
		send_ring(req);
}

static int
fetches(const struct request *req)
{
	return (req->verb->walk == WALK_FETCH);
}

/* It waits no more. */
static void
leave(struct request *req)
{
	RB_REMOVE(request_tree, &env.waiting, req);
	env.n--;
	env.nfetches -= fetches(req);
	req->op = 0;
}

static void
abandon(uint64_t op)
{
	union msg	 m;

	if (env.poller == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.abandon.op = op;
	peer_send(env.poller, M_ABANDON, &m, -1);
}

void
operation_credit(struct request *req, size_t bytes)
{
	union msg	 m;

	if (env.poller == NULL || req->op == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.credit.op = req->op;
	m.credit.bytes = (uint32_t)bytes;
	req->unpaid -= bytes < req->unpaid ? bytes : req->unpaid;
	peer_send(env.poller, M_CREDIT, &m, -1);
}

static void
send_parent(struct request *req)
{
	const char	*level = json_string(req->args, "level");
	union msg	 m;

	memset(&m, 0, sizeof(m));
	if (req->verb->id == VERB_DAEMON_RELOAD) {
		m.reload.op = req->op;
		m.reload.actor = req->actor;
		peer_send(env.parent, M_RELOAD, &m, -1);
	} else {
		m.log_level.op = req->op;
		m.log_level.actor = req->actor;
		m.log_level.verbose = strcmp(level, "verbose") == 0;
		peer_send(env.parent, M_LOG_LEVEL, &m, -1);
	}
}

static void
send_store(struct request *req)
{
	union msg	 m;
	int		 fd = req->fd;

	memset(&m, 0, sizeof(m));
	/* STORE_FILE has the same members. */
	m.store.op = req->op;
	m.store.verb = req->verb->id;
	m.store.actor = req->actor;
	m.store.target = req->target;
	m.store.args.data = json_text(req->args, &m.store.args.len);
	req->fd = -1;
	peer_send(env.registry, fd == -1 ? M_STORE : M_STORE_FILE, &m, fd);
}

static void
send_ring(struct request *req)
{
	struct msg_blob	 args;
	union msg	 m;

	args.data = json_text(req->args, &args.len);
	memset(&m, 0, sizeof(m));
	if (req->verb->walk == WALK_QUERY) {
		m.query.op = req->op;
		m.query.verb = req->verb->id;
		m.query.actor = req->actor;
		m.query.target = req->target;
		m.query.args = args;
		peer_send(env.registry, M_QUERY, &m, -1);
	} else {
		m.op.op = req->op;
		m.op.seen = view_seen();
		m.op.verb = req->verb->id;
		m.op.deadline = req->deadline;
		m.op.actor = req->actor;
		m.op.target = req->target;
		m.op.args = args;
		peer_send(env.poller, M_OP, &m, -1);
	}
}

void
operation_answer(const struct msg_answer *m, enum proc_id from)
{
	struct request	*req, key;
	struct answer	 a;

	key.op = m->op;
	if ((req = RB_FIND(request_tree, &env.waiting, &key)) == NULL) {
		log_debug("op %llu: answer after its time",
		    (unsigned long long)m->op);
		return;
	}
	if (fetches(req) != (from == PROC_POLLER))
		fatalx("%s: answer to op %llu, which is not its to give",
		    proc_name(from), (unsigned long long)m->op);
	/* Nobody waits for what a client does not take. */
	if (fetches(req) && (req->unpaid += m->body.len) >
	    MSG_FETCH_WINDOW + MSG_FETCH_OVER)
		fatalx("%s: op %llu: more than there was credit for",
		    proc_name(from), (unsigned long long)m->op);
	/* Only what is fetched, read or found comes in pieces. */
	if (m->more && (m->status != 200 ||
	    req->verb->id == VERB_PIPELINE_STATS))
		fatalx("%s: op %llu: a piece of what has none",
		    proc_name(from), (unsigned long long)m->op);
	if (!m->more)
		leave(req);
	else if (fetches(req))
		req->deadline = INT64_MAX;	/* the poller sees to its end */
	/* A fresh look is done: now the figures are read. */
	if (req->verb->id == VERB_PIPELINE_STATS && m->status < 300 &&
	    req->answer != NULL) {
		read_request(req);
		return;
	}
	memset(&a, 0, sizeof(a));
	a.status = m->status;
	a.retry_after = m->retry_after;
	a.more = m->more;
	a.text = operation_is_text(req) || (m->status == 200 &&
	    req->verb->id == VERB_RUN_LOGS);
	a.body = m->body.data;
	a.len = m->body.len;
	answer_give(req, &a);
}

int
operation_is_text(const struct request *req)
{
	return (req->verb != NULL && req->verb->id == VERB_RUN_LOGS &&
	    req->deadline == INT64_MAX);
}

void
operation_forget(struct request *req)
{
	uint64_t	 op = req->op;

	if (op != 0 && fetches(req)) {
		leave(req);
		abandon(op);
		request_free(req);
		return;
	}
	req->answer = NULL;
	req->arg = NULL;
}

static void
on_sweep(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct request	*req, *next;
	int64_t		 now = proc_now_ms();

	RB_FOREACH_SAFE(req, request_tree, &env.waiting, next) {
		if (req->deadline == INT64_MAX)
			continue;	/* its answer has begun */
		if (req->deadline + GRACE_MS > now)
			continue;
		if (fetches(req))
			abandon(req->op);
		leave(req);
		answer_error(req, 503, "unavailable", "No answer in time; "
		    "whether it was carried out is not known");
	}
}

void
operations_give_up(void)
{
	struct request	*req, *next;

	RB_FOREACH_SAFE(req, request_tree, &env.waiting, next) {
		leave(req);
		answer_error(req, 503, "unavailable", "The daemon restarts; "
		    "whether it was carried out is not known");
	}
}

void
operation_audit(const char *verb, const char *actor, const char *target,
    int status, const char *detail, uint32_t count)
{
	union msg	 m;

	if (env.registry == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.audit.verb = verb;
	m.audit.actor = actor;
	m.audit.target = target;
	m.audit.status = (uint16_t)status;
	m.audit.detail = detail;
	m.audit.count = count;
	peer_send(env.registry, M_AUDIT, &m, -1);
}
