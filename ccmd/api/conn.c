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
 * HTTP connections, from accept(2) to close(2): which events each waits for,
 * and what comes next.  Runs in the api, on plain libevent events.  Bytes are
 * wire.c's, deadlines timeout.c's.  Must not know operations: what a request
 * means is door.c's affair.
 */

#include "config.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "api.h"
#include "conn.h"
#include "limit.h"
#include "log.h"
#include "outbox.h"
#include "proc.h"
#include "timeout.h"
#include "tls.h"
#include "wire.h"

/* So many bytes of answers, and the time for the next ones begins anew. */
#define CONN_PROGRESS	32768

static struct {
	struct event_base *base;
	struct event	*tick;
	struct event	*release;
	struct acceptor	*acceptor;
	/* By listener; NULL: in clear text. */
	struct ssl_ctx_st *tls[ACCEPT_LISTENERS];
	struct ssl_ctx_st *next[ACCEPT_LISTENERS];	/* put aside */
	size_t		 nnext;
	size_t		 n;
} env;

static int	 has_room(void);
static int	 spare(void);
static void	 on_tick(evutil_socket_t, short, void *);
static void	 release_later(void);
static void	 on_release(evutil_socket_t, short, void *);
static void	 on_event(evutil_socket_t, short, void *);
static void	 conn_new(int, const struct sockaddr_storage *, size_t);
static void	 conn_free(struct conn *);
static void	 settle(struct conn *);
static void	 fill(struct conn *);
static void	 wait_for(struct conn *);
static enum conn_wait next_wait(const struct conn *);
static void	 watch(struct conn *, short);
static void	 on_late(struct conn *, enum limit);
static void	 flush(struct conn *);

static const struct acceptor_ops acceptor_ops = {
	.room = has_room,
	.spare = spare,
	.accepted = conn_new,
};

int
conn_init(struct event_base *base)
{
	static const struct timeval second = { 1, 0 };

	env.base = base;
	timeout_init();
	env.tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	env.acceptor = acceptor_new(base, &acceptor_ops);
	env.release = evtimer_new(base, on_release, NULL);
	if (env.tick == NULL || env.acceptor == NULL ||
	    env.release == NULL)
		return (-1);
	return (event_add(env.tick, &second));
}

int
conn_listen(int fd, const char *name, struct ssl_ctx_st *tls)
{
	if (acceptor_add(env.acceptor, fd) == -1) {
		tls_context_free(tls);
		return (-1);
	}
	log_debug("%s on %s", tls != NULL ? "https" : "http", name);
	env.next[env.nnext++] = tls;
	return (0);
}

/* What may take less time from now on may also for those that are there. */
void
conn_commit(void)
{
	size_t	 i;

	acceptor_commit(env.acceptor);
	for (i = 0; i < ACCEPT_LISTENERS; i++)
		tls_context_free(env.tls[i]);
	memcpy(env.tls, env.next, sizeof(env.tls));
	memset(env.next, 0, sizeof(env.next));
	env.nnext = 0;
	timeout_shorten();
}

void
conn_start(void)
{
	acceptor_start(env.acceptor);
}

size_t
conn_count(void)
{
	return (env.n);
}

static int
has_room(void)
{
	if (env.n < limit_get()->connections)
		return (1);
	limit_reached(LIMIT_CONNECTIONS);
	return (spare());
}

static int
spare(void)
{
	struct conn	*c = timeout_spare();

	if (c == NULL)
		return (0);
	conn_free(c);
	return (1);
}

static void
conn_new(int fd, const struct sockaddr_storage *ss, size_t listener)
{
	struct conn	*c;

	if (limit_enter(ss) == -1) {
		limit_reached(LIMIT_ADDRESS);
		close(fd);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		limit_leave(ss);
		close(fd);
		return;
	}
	c->fd = fd;
	c->address = *ss;
	http_begin(&c->message);
	if (env.tls[listener] != NULL)
		c->tls = tls_new(env.tls[listener]);
	c->ev = event_new(env.base, fd, EV_READ | EV_PERSIST, on_event, c);
	if (c->ev == NULL || event_add(c->ev, NULL) == -1 ||
	    (env.tls[listener] != NULL && c->tls == NULL)) {
		tls_free(c->tls);
		if (c->ev != NULL)
			event_free(c->ev);
		limit_leave(ss);
		close(fd);
		free(c);
		return;
	}
	env.n++;
	timeout_set(c, c->tls != NULL ? WAIT_READING : WAIT_IDLE);
}

static void
conn_free(struct conn *c)
{
	door_closed(c);
	if (c->stream != NULL)
		c->stream->closed(c->stream_arg);
	timeout_clear(c);
	event_free(c->ev);
	close(c->fd);
	if (c->in != NULL)
		explicit_bzero(c->in, c->in_len);
	free(c->in);
	outbox_clear(&c->out);
	tls_free(c->tls);
	limit_leave(&c->address);
	free(c);
	env.n--;
}

static void
on_event(evutil_socket_t fd __attribute__((unused)), short what, void *arg)
{
	struct conn	*c = arg;

	c->busy = 1;
	if (what & EV_WRITE)
		wire_write(c);
	if ((what & EV_READ) && !c->dead)
		wire_read(c);
	c->busy = 0;
	settle(c);
}

void
conn_write(struct conn *c, const void *data, size_t len)
{
	if (!c->dead && outbox_copy(&c->out, data, len) == -1)
		c->dead = 1;
}

void
conn_write_rope(struct conn *c, struct rope *r)
{
	if (!c->dead && outbox_rope(&c->out, r) == -1)
		c->dead = 1;
}

/* An answer from the ring came: go on with what was pipelined behind it. */
void
conn_answered(struct conn *c)
{
	if (!c->busy)
		settle(c);
}

/*
 * After each turn: write, go on with what was pipelined behind an answer,
 * then wait for what comes next.
 */
static void
settle(struct conn *c)
{
	c->busy = 1;
	do {
		if (!c->dead && wire_unsent(c) > 0)
			wire_write(c);
	} while (!c->dead && wire_resume(c) > 0);
	c->busy = 0;
	if (!c->dead && c->stream != NULL)
		fill(c);
	if (!c->dead && wire_unsent(c) == 0 && c->request == NULL &&
	    !c->held && c->stream == NULL && (c->closing || c->eof)) {
		conn_linger(c);
		return;
	}
	if (c->dead) {
		conn_free(c);
		return;
	}
	wait_for(c);
}

/* What it waits for, and which events it wants. */
static void
wait_for(struct conn *c)
{
	enum conn_wait	 w = next_wait(c);
	short		 want = EV_PERSIST;
	int		 again = 0;

	/* For the same as before the time begins anew only with progress. */
	if (w == WAIT_WRITING && c->progress >= CONN_PROGRESS)
		again = 1;
	if ((w == WAIT_READING || w == WAIT_IDLE) && c->took)
		again = 1;
	if (w != c->wait || again) {
		timeout_set(c, w);
		c->progress = 0;
		if (w == WAIT_HELD)
			release_later();
	}
	c->took = 0;
	if (wire_unsent(c) > 0 || (c->stream != NULL && c->stream_more))
		want |= EV_WRITE;
	/* While an answer is under way, more is read only up to a bound. */
	if (!c->eof && wire_unsent(c) < WIRE_OUT_MAX &&
	    ((c->request == NULL && !c->held) ||
	    c->in_len < HTTP_MAX_REQUEST))
		want |= EV_READ;
	watch(c, want);
}

static enum conn_wait
next_wait(const struct conn *c)
{
	if (c->stream != NULL)
		return (WAIT_STREAM);
	if (wire_unsent(c) > 0)
		return (WAIT_WRITING);
	if (c->held)
		return (WAIT_HELD);
	if (c->request != NULL)
		return (WAIT_RING);
	/* From the first byte on: a handshake is a part of a request. */
	if (c->tls != NULL && !tls_is_ready(c->tls))
		return (WAIT_READING);
	/* And half a record is half a request. */
	if (c->in_len > 0 || (c->tls != NULL && tls_has_begun(c->tls)))
		return (WAIT_READING);
	return (WAIT_IDLE);
}

static void
watch(struct conn *c, short want)
{
	if (event_get_events(c->ev) == want)
		return;
	event_del(c->ev);
	event_assign(c->ev, env.base, c->fd, want, on_event, c);
	event_add(c->ev, NULL);
}

void
conn_hold(struct conn *c, int ms)
{
	if (ms == 0)
		door_held(c);
	else
		c->held = 1;
}

/* It waits from when all answers before it are out. */
static void
release_later(void)
{
	static const struct timeval tv = { 0, SLOW_MS * 1000 };

	if (!evtimer_pending(env.release, NULL))
		evtimer_add(env.release, &tv);
}

static void
on_release(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct timeval	 tv = { 0, 0 };
	struct conn	*c;
	int64_t		 left;

	while ((c = timeout_first(WAIT_HELD)) != NULL) {
		if ((left = c->deadline - proc_now_ms()) > 0) {
			tv.tv_usec = (suseconds_t)left * 1000;
			evtimer_add(env.release, &tv);
			return;
		}
		c->held = 0;
		door_held(c);
		/* Off this list in any case, or gone. */
		timeout_set(c, WAIT_IDLE);
		conn_answered(c);
	}
}

void
conn_stream(struct conn *c, const struct conn_stream *stream, void *arg)
{
	c->stream = stream;
	c->stream_arg = arg;
	c->closing = 1;		/* what follows is not read */
	conn_go_on(c);
}

void
conn_go_on(struct conn *c)
{
	if (!c->busy)
		settle(c);
}

void
conn_kill(struct conn *c)
{
	c->dead = 1;
	conn_go_on(c);
}

/* Once around, so that one fast reader does not keep others waiting. */
static void
fill(struct conn *c)
{
	c->busy = 1;
	c->stream_more = c->stream->fill(c, c->stream_arg);
	if (!c->dead && wire_unsent(c) > 0)
		wire_write(c);
	c->busy = 0;
}

/*
 * The last answer is out.  Close our half first and let the client read
 * it: a close with unread bytes would reset the connection (RFC 9112, 9.6).
 */
void
conn_linger(struct conn *c)
{
	if (c->eof || c->lingering) {
		if (c->eof)
			conn_free(c);
		return;
	}
	if (c->tls != NULL) {
		tls_close(c->tls);
		/* Where that has no room yet it goes like an answer. */
		if (tls_flush(c->tls, c->fd) == 0 && wire_unsent(c) > 0) {
			wait_for(c);
			return;
		}
	}
	c->lingering = 1;
	shutdown(c->fd, SHUT_WR);
	timeout_set(c, WAIT_LINGERING);
	/* Writable it would be all the time now. */
	watch(c, EV_READ | EV_PERSIST);
}

/*
 * What is left to do comes after those who have something to say.  Not as by
 * the timer: each such turn would put the next second off by one more.
 */
static void
on_tick(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	if (timeout_run(on_late) > 0)
		event_active(env.tick, EV_READ, 1);
	door_tick();
}

static void
on_late(struct conn *c, enum limit limit)
{
	if (limit < LIMIT_MAX)
		limit_reached(limit);
	if (limit == LIMIT_REQUEST &&
	    (c->tls == NULL || tls_is_ready(c->tls))) {
		door_timeout(c);
		settle(c);	/* it is told, and lingers */
	} else
		conn_free(c);
}

void
conn_flush(void)
{
	timeout_each(flush);
}

static void
flush(struct conn *c)
{
	if (wire_unsent(c) > 0 && !c->lingering)
		wire_write(c);
}
