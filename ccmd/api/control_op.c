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
 * What clients of the control socket ask for, the answers, and events.  Runs
 * in the api.  The same operations and answers as over HTTP.  Must not
 * decide who may connect.
 */

#include "config.h"

#include <sys/queue.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "control.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "rope.h"
#include "subscribe.h"

#define CONTROL_QUEUE	1024	/* messages a client leaves unread */
#define CONTROL_EVENTS	32	/* of those that are events */
#define CONTROL_OPS	16	/* of one client at a time */

struct control_op {
	TAILQ_ENTRY(control_op) entry;
	struct control	*client;
	struct request	*request;
	uint64_t	 number;	/* the client's own */
	size_t		 owed;		/* of a fetch: to be credited */
};

static void	 on_answer(struct request *, const struct answer *);
static void	 on_stream(struct request *);
static void	 on_wake(void *);
static int	 event_room(void *);
static void	 put_event(void *, const char *, const char *, const char *,
		    size_t);
static void	 on_end(void *, const char *);
static void	 send_piece(struct control_op *, int, int, const void *,
		    size_t);

static const struct subscriber_ops subscriber_ops = {
	.wake = on_wake,
	.room = event_room,
	.put = put_event,
	.end = on_end,
};

void
control_take_op(struct control *c, const struct msg_ctl_op *m, int fd)
{
	const struct verb	*verb;
	struct control_op	*op;
	struct json_error	 err;
	struct json_object	*args;

	if (!c->greeted || c->nops >= CONTROL_OPS ||
	    peer_queued(c->peer) > CONTROL_QUEUE) {
		if (fd != -1)
			close(fd);
		control_disconnect(c, "operation out of turn");
		return;
	}
	verb = verb_by_name(m->verb);
	args = json_parse_client(m->args.data, m->args.len, MSG_DOC_MAX,
	    &err);
	if (verb == NULL || (verb->doors & DOOR_CTL) == 0 ||
	    !json_object_is_type(args, json_type_object) ||
	    (fd != -1 && !verb_takes_file(verb))) {
		json_object_put(args);
		if (fd != -1)
			close(fd);
		control_disconnect(c, "unknown operation");
		return;
	}
	if ((op = calloc(1, sizeof(*op))) == NULL ||
	    (op->request = request_new(on_answer, op)) == NULL)
		fatal("control");
	op->client = c;
	op->number = m->op;
	op->request->fd = fd;
	json_object_put(op->request->args);
	op->request->args = args;
	op->request->verb = verb;
	op->request->role = c->role;
	op->request->stream = on_stream;
	(void)strlcpy(op->request->actor, c->actor,
	    sizeof(op->request->actor));
	TAILQ_INSERT_TAIL(&c->ops, op, entry);
	c->nops++;
	route_request(op->request);
}

static void
on_answer(struct request *req, const struct answer *a)
{
	struct control_op	*op = req->arg;
	char			*flat = NULL;
	const char		*p = a->body;
	size_t			 left = a->len, n;

	if (a->rope != NULL)
		p = flat = rope_flat(a->rope);
	do {
		n = left > MSG_CHUNK_MAX ? MSG_CHUNK_MAX : left;
		send_piece(op, a->status, a->more || left > n, p, n);
		p += n;
		left -= n;
	} while (left > 0);
	free(flat);
	if (a->more) {
		if (req->verb->walk == WALK_FETCH)
			op->owed += a->len;
		return;
	}
	TAILQ_REMOVE(&op->client->ops, op, entry);
	op->client->nops--;
	op->client->quiet = proc_now_ms();
	free(op);
}

static void
send_piece(struct control_op *op, int status, int more, const void *data,
    size_t len)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.ctl_answer.op = op->number;
	m.ctl_answer.status = (uint16_t)status;
	m.ctl_answer.more = (uint8_t)more;
	m.ctl_answer.body.data = data;
	m.ctl_answer.body.len = len;
	peer_send(op->client->peer, M_CTL_ANSWER, &m, -1);
}

/* A subscription is answered, and then its events follow: one a client. */
static void
on_stream(struct request *req)
{
	struct control_op	*op = req->arg;
	struct control		*c = op->client;
	uint64_t		 number = op->number;
	struct json_object	*o;

	if (c->subscriber != NULL) {
		answer_error(req, 409, "busy", "There is a subscription");
		return;
	}
	if ((c->subscriber = subscriber_new(req, &subscriber_ops, c)) == NULL)
		return;
	c->subscription = number;
	o = json_object_new_object();
	json_object_object_add(o, "success", json_object_new_boolean(1));
	answer_json(req, 200, o);
	(void)subscriber_pump(c->subscriber);
}

void
control_forget(struct control *c)
{
	struct control_op	*op;

	while ((op = TAILQ_FIRST(&c->ops)) != NULL) {
		TAILQ_REMOVE(&c->ops, op, entry);
		operation_forget(op->request);
		free(op);
	}
}

void
control_drained(struct peer *peer)
{
	struct control		*c = peer_arg(peer);
	struct control_op	*op;

	TAILQ_FOREACH(op, &c->ops, entry)
		if (op->owed > 0) {
			operation_credit(op->request, op->owed);
			op->owed = 0;
		}
	if (c->subscriber != NULL)
		(void)subscriber_pump(c->subscriber);
}

static void
on_wake(void *arg)
{
	struct control	*c = arg;

	(void)subscriber_pump(c->subscriber);
}

static int
event_room(void *arg)
{
	struct control	*c = arg;

	return (peer_queued(c->peer) < CONTROL_EVENTS);
}

static void
put_event(void *arg, const char *id, const char *kind, const char *data,
    size_t len)
{
	struct control	*c = arg;
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.ctl_event.op = c->subscription;
	m.ctl_event.id = id;
	m.ctl_event.kind = kind;
	m.ctl_event.data.data = data;
	m.ctl_event.data.len = len;
	peer_send(c->peer, M_CTL_EVENT, &m, -1);
}

static void
on_end(void *arg, const char *why)
{
	control_disconnect(arg, why);
}
