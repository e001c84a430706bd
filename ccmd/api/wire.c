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
 * What goes over an HTTP connection: bytes in, which become requests where
 * they lie, and answers out, in clear text or in TLS.  Part of the api: one
 * read buffer shared by all connections, heap only while a request or an
 * answer is incomplete.  Must not know what a request means, nor end a
 * connection: it is marked as dead, and conn.c lets it go.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "outbox.h"
#include "tls.h"
#include "wire.h"

#define WIRE_READ_SIZE	(64 * 1024)
#define WIRE_PARTS	256	/* of one writev */
/* Kept of requests: what is read at a time, and TLS had, behind the rest. */
#define WIRE_IN_MAX	(HTTP_MAX_REQUEST + WIRE_READ_SIZE + TLS_PLAIN)

static struct {
	char	 buf[WIRE_READ_SIZE];
} env;

static void	 decrypt(struct conn *);
static void	 feed(struct conn *, char *, size_t);
static size_t	 take_requests(struct conn *, const char *, size_t);
static int	 keep(struct conn *, const char *, size_t);
static int	 is_wanted(const struct conn *);
static void	 write_tls(struct conn *);

void
wire_read(struct conn *c)
{
	ssize_t	 n;

	n = recv(c->fd, env.buf, sizeof(env.buf), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* Its answer may still be wanted after a shutdown(2). */
		c->eof = 1;
		if (n == -1 || !is_wanted(c))
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

/* Is an answer under way to one who sends no more? */
static int
is_wanted(const struct conn *c)
{
	if (c->stream != NULL)
		return (c->stream->finite);
	return (c->request != NULL || c->held || wire_unsent(c) > 0);
}

/*
 * All of it: what a request's end is not yet in waits in TLS's own memory.
 * A handshake's records, or an alert, go out before a request is looked at:
 * it may make another connection write, which shares the buffer.
 */
static void
decrypt(struct conn *c)
{
	char	*data;
	size_t	 len;
	int	 r;

	do {
		r = tls_decrypt(c->tls, &data, &len, &c->eof);
		if (tls_flush(c->tls, c->fd) == -1 ||
		    (r == -1 && (!c->eof || !is_wanted(c))))
			c->dead = 1;
		if (len > 0 && !c->dead)
			feed(c, data, len);
	} while (len > 0 && !c->dead && !c->closing);
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
		(void)wire_resume(c);
	} else {
		used = take_requests(c, data, len);
		if (used < len && !c->dead &&
		    keep(c, data + used, len - used) == -1)
			c->dead = 1;
	}
	explicit_bzero(data, len);
}

size_t
wire_resume(struct conn *c)
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

	if (need > WIRE_IN_MAX)
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
	    !c->dead && wire_unsent(c) < WIRE_OUT_MAX) {
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
wire_write(struct conn *c)
{
	struct iovec	 iov[WIRE_PARTS];
	ssize_t		 n;

	if (c->tls != NULL) {
		write_tls(c);
		return;
	}
	while (c->out.left > 0) {
		/* SIGPIPE is ignored. */
		n = writev(c->fd, iov, outbox_next(&c->out, iov,
		    WIRE_PARTS));
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
	struct iovec	 iov[WIRE_PARTS];
	long		 n;

	if (tls_flush(c->tls, c->fd) == -1) {
		c->dead = 1;
		return;
	}
	while (c->out.left > 0 && tls_pending(c->tls) == 0) {
		n = tls_encrypt(c->tls, iov, outbox_next(&c->out, iov,
		    WIRE_PARTS));
		if (n == -1 || tls_flush(c->tls, c->fd) == -1) {
			c->dead = 1;
			return;
		}
		outbox_sent(&c->out, (size_t)n);
		c->progress += (size_t)n;
	}
}

size_t
wire_unsent(const struct conn *c)
{
	return (c->out.left + (c->tls != NULL ? tls_pending(c->tls) : 0));
}
