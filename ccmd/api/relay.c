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
 * Text over HTTP that comes in pieces from the poller: handed on as it
 * comes, and credit given back as the client takes it, so that a slow one
 * holds up the source and not our memory.  It lasts as long as the token
 * that it was asked for with.  Runs in the api.  Must not keep more than
 * MSG_FETCH_WINDOW.
 */

#include "config.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "conn.h"
#include "log.h"

/* Not a message for each few bytes. */
#define RELAY_CREDIT_MIN	(32 * 1024)

struct relay {
	TAILQ_ENTRY(relay) entry;
	struct conn	*conn;
	struct request	*request;
	size_t		 owed;		/* taken, no credit given for it yet */
	int		 chunked;
};

static struct {
	TAILQ_HEAD(, relay) all;
} env = { .all = TAILQ_HEAD_INITIALIZER(env.all) };

static int	 on_fill(struct conn *, void *);
static void	 on_closed(void *);

static const struct conn_stream stream_ops = { on_fill, on_closed, 1 };

/*
 * Chunked, so that a client knows whether it has all; HTTP/1.0 has only the
 * connection's end for that (RFC 9112, 6.3).
 */
static struct relay *
begin(struct conn *c, struct request *req)
{
	struct relay	*r;
	char		 head[512];
	int		 n;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->conn = c;
	r->request = req;
	r->chunked = c->minor >= 1;
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\n"
	    "Date: %s\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Cache-Control: no-store\r\n"
	    "%s"
	    "Connection: close\r\n\r\n", door_date(),
	    r->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	conn_write(c, head, (size_t)n);
	metrics_count(c->verb, 200, c->began);
	TAILQ_INSERT_TAIL(&env.all, r, entry);
	c->stream = &stream_ops;
	c->stream_arg = r;
	c->closing = 1;
	return (r);
}

void
relay_piece(struct conn *c, struct request *req, const struct answer *a)
{
	struct relay	*r = c->stream_arg;
	char		 size[24];
	int		 n;

	if (a->status != 200) {
		/* Without its end: the client must not think it whole. */
		c->request = NULL;
		conn_kill(c);
		return;
	}
	if (c->stream == NULL && (r = begin(c, req)) == NULL) {
		conn_kill(c);
		return;
	}
	if (a->len > 0) {
		n = snprintf(size, sizeof(size), "%zx\r\n", a->len);
		if (r->chunked)
			conn_write(c, size, (size_t)n);
		conn_write(c, a->body, a->len);
		if (r->chunked)
			conn_write(c, "\r\n", 2);
		r->owed += a->len;
	}
	if (a->more) {
		conn_go_on(c);
		return;
	}
	if (r->chunked)
		conn_write(c, "0\r\n\r\n", 5);
	c->stream = NULL;
	c->stream_arg = NULL;
	c->request = NULL;
	on_closed(r);
	conn_answered(c);
}

/*
 * What was sent to the client makes room.  As long as some is owed this is
 * to be called again: what is held here may go out right behind this call,
 * with nothing left then that the connection would wait for.
 */
static int
on_fill(struct conn *c, void *arg)
{
	struct relay	*r = arg;
	size_t		 held = c->out.left, due;

	due = r->owed > held ? r->owed - held : 0;
	if (due >= RELAY_CREDIT_MIN || (held == 0 && due > 0)) {
		r->owed -= due;
		operation_credit(r->request, due);
	}
	return (r->owed > 0);
}

static void
on_closed(void *arg)
{
	struct relay	*r = arg;

	TAILQ_REMOVE(&env.all, r, entry);
	free(r);
}

/* Without its end, as what fails: the client must not think it whole. */
void
relays_check(void)
{
	struct relay	*r, *next;

	TAILQ_FOREACH_SAFE(r, &env.all, entry, next)
		if (!auth_holds(r->request->token)) {
			log_info("%s: cut off: its token is not valid any "
			    "more", r->request->verb->name);
			conn_kill(r->conn);
		}
}
