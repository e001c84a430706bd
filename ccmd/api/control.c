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
 * The control socket: ccmctl's imsg connections.  Runs in the api.  The
 * same operations and answers as over HTTP; whoever may connect has the
 * role that the configuration gives the socket.
 */

#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "api.h"
#include "json.h"
#include "limit.h"
#include "log.h"
#include "proc.h"
#include "rope.h"
#include "seat.h"
#include "subscribe.h"

#define CONTROL_MAX		64	/* connections */
#define CONTROL_HELLO_MS	5000	/* until it says what it speaks */
#define CONTROL_QUEUE		1024	/* messages a client leaves unread */
#define CONTROL_EVENTS		32	/* of those that are events */

struct control {
	TAILQ_ENTRY(control) entry;
	struct peer	*peer;
	size_t		 listener;	/* where it came in */
	int64_t		 since;		/* CLOCK_MONOTONIC, ms */
	int64_t		 quiet;		/* the same: it last had an answer */
	uid_t		 uid;
	enum role	 role;
	char		 actor[MSG_ID_MAX + 1];
	int		 greeted;
	/* Operations under way, bounded. */
	TAILQ_HEAD(, control_op) ops;
	int		 nops;
	struct subscriber *subscriber;	/* NULL: it has no subscription */
	uint64_t	 subscription;	/* the client's number of it */
};

#define CONTROL_OPS	16	/* of one client at a time */

struct control_op {
	TAILQ_ENTRY(control_op) entry;
	struct control	*client;
	struct request	*request;
	uint64_t	 number;	/* the client's own */
	size_t		 owed;		/* of a fetch: to be credited */
};

static struct {
	struct event_base *base;
	struct acceptor	*acceptor;
	struct event	*tick;
	enum role	 roles[ACCEPT_LISTENERS];
	enum role	 next[ACCEPT_LISTENERS];	/* being told */
	size_t		 nnext;
	TAILQ_HEAD(, control) clients;
	size_t		 n;
} env;

static int	 has_room(void);
static int	 spare(void);
static int	 make_room(uid_t);
static struct seat seat_of(const struct control *);
static void	 on_tick(evutil_socket_t, short, void *);
static void	 client_new(int, const struct sockaddr_storage *, size_t);
static void	 client_free(struct control *);
static void	 disconnect(struct control *, const char *);
static void	 on_closed(struct peer *, const char *);
static void	 on_hello(struct peer *, const union msg *, int);
static void	 on_op(struct peer *, const union msg *, int);
static void	 on_file(struct peer *, const union msg *, int);
static void	 take_op(struct peer *, const struct msg_ctl_op *, int);
static void	 on_answer(struct request *, const struct answer *);
static void	 on_drained(struct peer *);
static void	 on_stream(struct request *);
static void	 on_wake(void *);
static int	 event_room(void *);
static void	 put_event(void *, const char *, const char *, const char *,
		    size_t);
static void	 on_end(void *, const char *);
static void	 send_piece(struct control_op *, int, int, const void *,
		    size_t);

static const msg_fn table[M_MAX] = {
	[M_CTL_HELLO] = on_hello,
	[M_CTL_OP] = on_op,
	[M_CTL_FILE] = on_file,
};

static const struct peer_ops ops = {
	.table = table,
	.closed = on_closed,
	.drained = on_drained,
};

static const struct subscriber_ops subscriber_ops = {
	.wake = on_wake,
	.room = event_room,
	.put = put_event,
	.end = on_end,
};

static const struct acceptor_ops acceptor_ops = {
	.room = has_room,
	.spare = spare,
	.accepted = client_new,
};

int
control_init(struct event_base *base)
{
	static const struct timeval second = { 1, 0 };

	env.base = base;
	TAILQ_INIT(&env.clients);
	env.acceptor = acceptor_new(base, &acceptor_ops);
	env.tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	if (env.acceptor == NULL || env.tick == NULL)
		return (-1);
	return (event_add(env.tick, &second));
}

int
control_listen(int fd, enum role role)
{
	if (acceptor_add(env.acceptor, fd) == -1)
		return (-1);
	env.next[env.nnext++] = role;
	return (0);
}

void
control_commit(void)
{
	struct control	*c;

	acceptor_commit(env.acceptor);
	memcpy(env.roles, env.next, sizeof(env.roles));
	env.nnext = 0;
	TAILQ_FOREACH(c, &env.clients, entry)
		if (c->listener < acceptor_count(env.acceptor))
			c->role = env.roles[c->listener];
}

void
control_start(void)
{
	acceptor_start(env.acceptor);
}

size_t
control_count(void)
{
	return (env.n);
}

/* Whose it is is known only of one that was accepted. */
static int
has_room(void)
{
	return (1);
}

/*
 * A place for a client of that user, if need be of another's (seat.h); -1 if
 * none gives way.
 */
static int
make_room(uid_t uid)
{
	struct control	*clients[CONTROL_MAX], *c;
	struct seat	 seats[CONTROL_MAX];
	size_t		 i, n = 0;

	if (env.n < CONTROL_MAX)
		return (0);
	limit_reached(LIMIT_CONTROL);
	TAILQ_FOREACH(c, &env.clients, entry) {
		clients[n] = c;
		seats[n++] = seat_of(c);
	}
	if ((i = seat_yields(seats, n, uid)) == n)
		return (-1);
	disconnect(clients[i], "gives way, all places are taken");
	return (0);
}

static struct seat
seat_of(const struct control *c)
{
	struct seat	 seat;

	seat.uid = c->uid;
	seat.since = c->quiet;
	if (!c->greeted)
		seat.state = SEAT_SILENT;
	else if (c->nops > 0)
		seat.state = SEAT_WORKS;
	else
		seat.state = c->subscriber != NULL ? SEAT_LISTENS : SEAT_IDLE;
	return (seat);
}

/* Who has not even said a word for longest makes room. */
static int
spare(void)
{
	struct control	*c;

	TAILQ_FOREACH(c, &env.clients, entry)
		if (!c->greeted) {
			disconnect(c, "no hello, and others wait");
			return (1);
		}
	return (0);
}

/* In the order in which they came. */
static void
on_tick(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct control	*c, *next;
	int64_t		 now = proc_now_ms();

	TAILQ_FOREACH_SAFE(c, &env.clients, entry, next) {
		if (c->since + CONTROL_HELLO_MS > now)
			break;
		if (!c->greeted) {
			limit_reached(LIMIT_HELLO);
			disconnect(c, "no hello in time");
		}
	}
}

static void
client_new(int fd, const struct sockaddr_storage *from
    __attribute__((unused)), size_t listener)
{
	struct control	*c;
	gid_t		 gid;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	TAILQ_INIT(&c->ops);
	c->since = c->quiet = proc_now_ms();
	c->listener = listener;
	c->role = env.roles[listener];
	c->peer = peer_new(env.base, PROC_API, PROC_CTL, fd, &ops, c);
	if (c->peer == NULL) {
		free(c);
		return;
	}
	/* Whom there is no room for is told so by an end: ccmctl says it. */
	if (peer_cred(c->peer, &c->uid, &gid) == -1 ||
	    make_room(c->uid) == -1) {
		peer_free(c->peer);
		free(c);
		return;
	}
	(void)snprintf(c->actor, sizeof(c->actor), "uid:%u",
	    (unsigned int)c->uid);
	TAILQ_INSERT_TAIL(&env.clients, c, entry);
	env.n++;
}

static void
client_free(struct control *c)
{
	struct control_op	*op;

	subscriber_free(c->subscriber);
	while ((op = TAILQ_FIRST(&c->ops)) != NULL) {
		TAILQ_REMOVE(&c->ops, op, entry);
		operation_forget(op->request);
		free(op);
	}
	TAILQ_REMOVE(&env.clients, c, entry);
	env.n--;
	free(c);
}

/* A violation is a disconnect, nothing more: it comes from outside. */
static void
on_closed(struct peer *peer, const char *why)
{
	struct control	*c = peer_arg(peer);

	if (why != NULL)
		log_info("control: %s: %s", c->actor, why);
	client_free(c);
}

static void
disconnect(struct control *c, const char *why)
{
	struct peer	*peer = c->peer;

	log_info("control: %s: %s", c->actor, why);
	client_free(c);
	peer_free(peer);
}

static void
on_hello(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	struct control	*c = peer_arg(peer);
	union msg	 reply;

	if (m->ctl_hello.version != CTL_VERSION) {
		disconnect(c, "another version of the protocol");
		return;
	}
	c->greeted = 1;
	c->quiet = proc_now_ms();
	memset(&reply, 0, sizeof(reply));
	reply.ctl_hello.version = CTL_VERSION;
	peer_send(peer, M_CTL_HELLO, &reply, -1);
}

static void
on_op(struct peer *peer, const union msg *m, int fd __attribute__((unused)))
{
	take_op(peer, &m->ctl_op, -1);
}

/* The same members; a file may come with those verbs that say so. */
static void
on_file(struct peer *peer, const union msg *m, int fd)
{
	take_op(peer, &m->ctl_op, fd);
}

static void
take_op(struct peer *peer, const struct msg_ctl_op *m, int fd)
{
	struct control		*c = peer_arg(peer);
	const struct verb	*verb;
	struct control_op	*op;
	struct json_error	 err;
	struct json_object	*args;

	if (!c->greeted || c->nops >= CONTROL_OPS ||
	    peer_queued(peer) > CONTROL_QUEUE) {
		if (fd != -1)
			close(fd);
		disconnect(c, "operation out of turn");
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
		disconnect(c, "unknown operation");
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

static void
on_drained(struct peer *peer)
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
	disconnect(arg, why);
}
