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
 * The control socket: ccmctl's imsg connections, who is let in and who goes.
 * Runs in the api.  Whoever may connect has the role that the configuration
 * gives the socket.  Must not carry out an operation: control_op.c does.
 */

#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "api.h"
#include "control.h"
#include "limit.h"
#include "log.h"
#include "proc.h"
#include "seat.h"
#include "subscribe.h"

#define CONTROL_MAX		64	/* connections */
#define CONTROL_HELLO_MS	5000	/* until it says what it speaks */

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
static void	 on_closed(struct peer *, const char *);
static void	 on_hello(struct peer *, const union msg *, int);
static void	 on_op(struct peer *, const union msg *, int);
static void	 on_file(struct peer *, const union msg *, int);

static const msg_fn table[M_MAX] = {
	[M_CTL_HELLO] = on_hello,
	[M_CTL_OP] = on_op,
	[M_CTL_FILE] = on_file,
};

static const struct peer_ops ops = {
	.table = table,
	.closed = on_closed,
	.drained = control_drained,
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
	control_disconnect(clients[i], "gives way, all places are taken");
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
			control_disconnect(c, "no hello, and others wait");
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
			control_disconnect(c, "no hello in time");
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
		log_info("control: no place for one more client");
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
	subscriber_free(c->subscriber);
	control_forget(c);
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

void
control_disconnect(struct control *c, const char *why)
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
		control_disconnect(c, "another version of the protocol");
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
	control_take_op(peer_arg(peer), &m->ctl_op, -1);
}

/* The same members; a file may come with those verbs that say so. */
static void
on_file(struct peer *peer, const union msg *m, int fd)
{
	control_take_op(peer_arg(peer), &m->ctl_op, fd);
}
