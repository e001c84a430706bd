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
 * HTTP connections: reading, writing, time-outs.  Runs in the api, on plain
 * libevent events: one read buffer shared by all connections, heap only
 * while a request or an answer is incomplete.  Must not know operations:
 * what a request means is door.c's affair.
 */

#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
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
#include "tls.h"

#define CONN_READ_SIZE		(64 * 1024)
#define CONN_EXPIRES		64	/* of a list, in one turn */
#define CONN_LINGER_MS		2000	/* for the client to read the last */
/* Where all are taken, who has kept us waiting for that long may go. */
#define CONN_SLOW_MS		1000
/* So many bytes of answers, and the time for the next ones begins anew. */
#define CONN_PROGRESS		32768
/* A client that lets that much pile up is not read from any more. */
#define CONN_OUT_MAX		(256 * 1024)
#define CONN_PARTS		256	/* of one writev */

TAILQ_HEAD(conn_list, conn);

static struct {
	struct event_base *base;
	struct event	*tick;
	struct event	*release;
	struct acceptor	*acceptor;
	/* By listener; NULL: in clear text. */
	struct ssl_ctx_st *tls[ACCEPT_LISTENERS];
	struct ssl_ctx_st *next[ACCEPT_LISTENERS];	/* put aside */
	size_t		 nnext;
	/* In the order of their deadlines, as each list has one length. */
	struct conn_list idle;
	struct conn_list reading;
	struct conn_list writing;
	struct conn_list lingering;
	struct conn_list waiting;	/* for the ring: it has its own end */
	struct conn_list held;		/* all as long, in their order */
	struct conn_list streaming;	/* its subscriber has its own */
	size_t		 n;
	char		 buf[CONN_READ_SIZE];
} env;

static int	 has_room(void);
static int	 spare(void);
static void	 on_tick(evutil_socket_t, short, void *);
static void	 on_release(evutil_socket_t, short, void *);
static void	 on_event(evutil_socket_t, short, void *);
static void	 conn_new(int, const struct sockaddr_storage *, size_t);
static void	 conn_free(struct conn *);
static void	 on_read(struct conn *);
static void	 feed(struct conn *, char *, size_t);
static size_t	 take_requests(struct conn *, const char *, size_t);
static size_t	 resume(struct conn *);
static int	 keep(struct conn *, const char *, size_t);
static void	 decrypt(struct conn *);
static void	 on_write(struct conn *);
static void	 write_tls(struct conn *);
static size_t	 unsent(const struct conn *);
static void	 settle(struct conn *);
static void	 fill(struct conn *);
static void	 wait_for(struct conn *);
static void	 watch(struct conn *, short);
static void	 put_on(struct conn *, struct conn_list *, int);
static int	 expire(struct conn_list *, enum limit);
static void	 shorten(struct conn_list *, int);
static int	 request_ms(void);
static int	 idle_ms(void);
static int	 answer_ms(void);

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
	TAILQ_INIT(&env.idle);
	TAILQ_INIT(&env.reading);
	TAILQ_INIT(&env.writing);
	TAILQ_INIT(&env.lingering);
	TAILQ_INIT(&env.waiting);
	TAILQ_INIT(&env.streaming);
	TAILQ_INIT(&env.held);
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
	shorten(&env.idle, idle_ms());
	shorten(&env.reading, request_ms());
	shorten(&env.writing, answer_ms());
}

static void
shorten(struct conn_list *list, int ms)
{
	struct conn	*c;
	int64_t		 end = proc_now_ms() + ms;

	TAILQ_FOREACH(c, list, entry)
		if (c->deadline > end)
			c->deadline = end;
}

static int
request_ms(void)
{
	return ((int)limit_get()->request * 1000);
}

static int
idle_ms(void)
{
	return ((int)limit_get()->idle * 1000);
}

static int
answer_ms(void)
{
	return ((int)limit_get()->answer * 1000);
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

/*
 * Let one go for another: of those that are idle the first that has had an
 * answer, as any client must expect, or has not begun to ask; else a request
 * that should have been complete long ago.
 */
static int
spare(void)
{
	struct conn	*c;
	int64_t		 late = proc_now_ms() - CONN_SLOW_MS;

	TAILQ_FOREACH(c, &env.idle, entry)
		if (c->served || c->deadline - idle_ms() <= late)
			break;
	if (c == NULL)
		TAILQ_FOREACH(c, &env.reading, entry)
			if (c->deadline - request_ms() <= late)
				break;
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
	if (c->tls != NULL)
		put_on(c, &env.reading, request_ms());
	else
		put_on(c, &env.idle, idle_ms());
}

static void
conn_free(struct conn *c)
{
	door_closed(c);
	if (c->stream != NULL)
		c->stream->closed(c->stream_arg);
	TAILQ_REMOVE(c->list, c, entry);
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
put_on(struct conn *c, struct conn_list *list, int ms)
{
	if (c->list != NULL)
		TAILQ_REMOVE(c->list, c, entry);
	c->list = list;
	c->deadline = proc_now_ms() + ms;
	TAILQ_INSERT_TAIL(list, c, entry);
}

static void
on_event(evutil_socket_t fd __attribute__((unused)), short what, void *arg)
{
	struct conn	*c = arg;

	c->busy = 1;
	if (what & EV_WRITE)
		on_write(c);
	if ((what & EV_READ) && !c->dead)
		on_read(c);
	c->busy = 0;
	settle(c);
}

static void
on_read(struct conn *c)
{
	ssize_t	 n;

	n = recv(c->fd, env.buf, sizeof(env.buf), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* Its answer may still be wanted after a shutdown(2). */
		c->eof = 1;
		if (n == -1 || c->stream != NULL ||
		    (c->request == NULL && !c->held && unsent(c) == 0))
			c->dead = 1;
		return;
	}
	if (c->closing)
		return;		/* what follows a close is not read */
	if (c->tls != NULL) {
		tls_input(env.buf, (size_t)n);
		decrypt(c);
	} else
		feed(c, env.buf, (size_t)n);
}

/* All of it: what a request's end is not yet in waits in TLS's own memory. */
static void
decrypt(struct conn *c)
{
	char	*data;
	size_t	 len;

	do {
		if (tls_decrypt(c->tls, &data, &len, &c->eof) == -1) {
			if (!c->eof || c->stream != NULL ||
			    (c->request == NULL && !c->held &&
			    unsent(c) == 0))
				c->dead = 1;
			break;
		}
		if (len > 0)
			feed(c, data, len);
	} while (len > 0 && !c->dead && !c->closing);
	/* A handshake's, or an alert. */
	if (tls_flush(c->tls, c->fd) == -1)
		c->dead = 1;
}

/* Parse where it lies; only what is incomplete is copied. */
static void
feed(struct conn *c, char *data, size_t len)
{
	size_t	 used;

	if (c->in_len > 0) {
		if (keep(c, data, len) == -1) {
			c->dead = 1;
			return;
		}
		(void)resume(c);
	} else {
		used = take_requests(c, data, len);
		if (used < len && !c->dead &&
		    keep(c, data + used, len - used) == -1)
			c->dead = 1;
	}
	explicit_bzero(data, len);
}

/* Take requests out of what was kept; returns how many bytes. */
static size_t
resume(struct conn *c)
{
	size_t	 used;

	if (c->in_len == 0)
		return (0);
	used = take_requests(c, c->in, c->in_len);
	c->in_len -= used;
	memmove(c->in, c->in + used, c->in_len);
	explicit_bzero(c->in + c->in_len, used);
	if (c->in_len == 0) {
		free(c->in);
		c->in = NULL;
		c->in_size = 0;
	}
	return (used);
}

static int
keep(struct conn *c, const char *data, size_t len)
{
	size_t	 need = c->in_len + len, size;
	char	*p;

	if (need > HTTP_MAX_REQUEST + CONN_READ_SIZE)
		return (-1);
	if (need > c->in_size) {
		size = need < 1024 ? 1024 : need * 2;
		if ((p = recallocarray(c->in, c->in_size, size, 1)) == NULL)
			return (-1);
		c->in = p;
		c->in_size = size;
	}
	memcpy(c->in + c->in_len, data, len);
	c->in_len = need;
	return (0);
}

/*
 * One request after the other, each answered before the next is looked at.
 * Returns how many bytes were used.
 */
static size_t
take_requests(struct conn *c, const char *data, size_t len)
{
	enum http_result	 r;
	size_t			 used = 0;

	while (used < len && c->request == NULL && !c->held && !c->closing &&
	    !c->dead && unsent(c) < CONN_OUT_MAX) {
		r = http_parse(&c->message, data + used, len - used);
		if (r == HTTP_MORE)
			break;
		if (r == HTTP_CONTINUE) {
			conn_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
			break;
		}
		if (r == HTTP_BAD) {
			door_bad(c, &c->message);
			return (len);
		}
		used += c->message.consumed;
		c->took = c->served = 1;
		if (c->message.close)
			c->closing = 1;
		door_request(c, &c->message);
		http_begin(&c->message);
	}
	return (c->closing && c->request == NULL && !c->held ? len : used);
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

static void
on_write(struct conn *c)
{
	struct iovec	 iov[CONN_PARTS];
	ssize_t		 n;

	if (c->tls != NULL) {
		write_tls(c);
		return;
	}
	while (c->out.left > 0) {
		/* SIGPIPE is ignored. */
		n = writev(c->fd, iov, outbox_next(&c->out, iov,
		    CONN_PARTS));
		if (n == -1) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				c->dead = 1;
			return;
		}
		outbox_sent(&c->out, (size_t)n);
		c->progress += (size_t)n;
	}
}

/* Records of what there is, as long as they all go out. */
static void
write_tls(struct conn *c)
{
	struct iovec	 iov[CONN_PARTS];
	long		 n;

	if (tls_flush(c->tls, c->fd) == -1) {
		c->dead = 1;
		return;
	}
	while (c->out.left > 0 && tls_pending(c->tls) == 0) {
		n = tls_encrypt(c->tls, iov, outbox_next(&c->out, iov,
		    CONN_PARTS));
		if (n == -1 || tls_flush(c->tls, c->fd) == -1) {
			c->dead = 1;
			return;
		}
		outbox_sent(&c->out, (size_t)n);
		c->progress += (size_t)n;
	}
}

static size_t
unsent(const struct conn *c)
{
	return (c->out.left + (c->tls != NULL ? tls_pending(c->tls) : 0));
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
		if (!c->dead && unsent(c) > 0)
			on_write(c);
	} while (!c->dead && resume(c) > 0);
	c->busy = 0;
	if (!c->dead && c->stream != NULL)
		fill(c);
	if (!c->dead && unsent(c) == 0 && c->request == NULL &&
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

/* Which list it is on, and which events it waits for. */
static void
wait_for(struct conn *c)
{
	short	 want = EV_PERSIST;

	if (c->stream != NULL) {
		if (unsent(c) > 0 || c->stream_more)
			want |= EV_WRITE;
		if (c->list != &env.streaming)
			put_on(c, &env.streaming, 0);
	} else if (unsent(c) > 0) {
		want |= EV_WRITE;
		if (c->list != &env.writing || c->progress >= CONN_PROGRESS) {
			put_on(c, &env.writing, answer_ms());
			c->progress = 0;
		}
	} else if (c->held) {
		if (c->list != &env.held)
			put_on(c, &env.held, SLOW_MS);
	} else if (c->request != NULL) {
		if (c->list != &env.waiting)
			put_on(c, &env.waiting, 0);
	} else if (c->tls != NULL && !tls_is_ready(c->tls)) {
		/* From the first byte on: a handshake is a part of it. */
		if (c->list != &env.reading)
			put_on(c, &env.reading, request_ms());
	} else if (c->in_len > 0 ||
	    (c->tls != NULL && tls_has_begun(c->tls))) {
		/* Half a record is half a request. */
		if (c->list != &env.reading || c->took)
			put_on(c, &env.reading, request_ms());
	} else if (c->list != &env.idle || c->took)
		put_on(c, &env.idle, idle_ms());
	c->took = 0;
	/* While an answer is under way, more is read only up to a bound. */
	if (!c->eof && unsent(c) < CONN_OUT_MAX &&
	    ((c->request == NULL && !c->held) ||
	    c->in_len < HTTP_MAX_REQUEST))
		want |= EV_READ;
	watch(c, want);
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
	static const struct timeval tv = { 0, SLOW_MS * 1000 };

	if (ms == 0) {
		door_held(c);
		return;
	}
	c->held = 1;
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

	while ((c = TAILQ_FIRST(&env.held)) != NULL) {
		if ((left = c->deadline - proc_now_ms()) > 0) {
			tv.tv_usec = (suseconds_t)left * 1000;
			evtimer_add(env.release, &tv);
			return;
		}
		c->held = 0;
		door_held(c);
		/* Off this list in any case, or gone. */
		put_on(c, &env.idle, idle_ms());
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
	if (!c->dead && unsent(c) > 0)
		on_write(c);
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
	c->lingering = 1;
	if (c->tls != NULL) {
		tls_close(c->tls);
		(void)tls_flush(c->tls, c->fd);
	}
	shutdown(c->fd, SHUT_WR);
	put_on(c, &env.lingering, CONN_LINGER_MS);
	/* Writable it would be all the time now. */
	watch(c, EV_READ | EV_PERSIST);
}

/* What is left to do comes after those who have something to say. */
static void
on_tick(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	int	 more;

	more = expire(&env.idle, LIMIT_IDLE);
	more |= expire(&env.reading, LIMIT_REQUEST);
	more |= expire(&env.writing, LIMIT_ANSWER);
	more |= expire(&env.lingering, LIMIT_MAX);
	if (more)
		event_active(env.tick, EV_TIMEOUT, 1);
	door_tick();
}

/* End those whose time is over, some at a time; returns 1 if more are left. */
static int
expire(struct conn_list *list, enum limit limit)
{
	struct conn	*c, *next;
	int64_t		 now = proc_now_ms();
	int		 n = 0;

	TAILQ_FOREACH_SAFE(c, list, entry, next) {
		if (c->deadline > now)
			break;
		if (n++ == CONN_EXPIRES)
			return (1);
		if (limit < LIMIT_MAX)
			limit_reached(limit);
		if (limit == LIMIT_REQUEST &&
		    (c->tls == NULL || tls_is_ready(c->tls))) {
			door_timeout(c);
			settle(c);	/* it is told, and lingers */
		} else
			conn_free(c);
	}
	return (0);
}

void
conn_flush(void)
{
	struct conn_list *lists[] = { &env.idle, &env.reading, &env.writing,
	    &env.waiting, &env.streaming, &env.held };
	struct conn	*c;
	size_t		 i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		TAILQ_FOREACH(c, lists[i], entry)
			if (unsent(c) > 0)
				on_write(c);
}
