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
 * Server-sent events over HTTP (WHATWG HTML, 9.2).  Runs in the api.  Must
 * not know what an event means.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "conn.h"
#include "json.h"
#include "log.h"
#include "subscribe.h"

/* Output that may wait in a connection before no more is added. */
#define SSE_OUT_MAX	(64 * 1024)
#define SSE_RETRY_MS	2000	/* how long a client waits to come back */

static int	 on_fill(struct conn *, void *);
static void	 on_closed(void *);
static void	 on_wake(void *);
static int	 has_room(void *);
static void	 put(void *, const char *, const char *, const char *,
		    size_t);
static void	 on_idle(void *);
static void	 on_end(void *, const char *);
static void	 say(struct conn *, const char *, const char *);

static const struct conn_stream stream_ops = { on_fill, on_closed, 0 };

static const struct subscriber_ops ops = {
	.wake = on_wake,
	.room = has_room,
	.put = put,
	.idle = on_idle,
	.end = on_end,
};

/*
 * The body has no length: it ends when the connection does (RFC 9112, 6.3).
 * The first id is told at once, so that whoever is cut off before the first
 * event resumes as well.
 */
void
sse_begin(struct conn *c, struct request *req)
{
	struct subscriber	*s;
	char			 head[512], id[EVENT_ID_SIZE];
	int			 n, resumable;

	resumable = !json_flag(req->args, "snapshot") &&
	    json_string(req->args, "last_event_id") == NULL;
	if ((s = subscriber_new(req, &ops, c)) == NULL)
		return;
	events_id(events_last(), id);
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\n"
	    "Date: %s\r\n"
	    "Content-Type: text/event-stream\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Accel-Buffering: no\r\n"
	    "Connection: close\r\n\r\n"
	    "retry: %d\n", door_date(), SSE_RETRY_MS);
	conn_write(c, head, (size_t)n);
	if (resumable)
		say(c, "id: ", id);
	conn_write(c, "\n", 1);
	metrics_count(c->verb, 200, c->began);
	c->request = NULL;
	request_free(req);
	conn_stream(c, &stream_ops, s);
}

static int
on_fill(struct conn *c __attribute__((unused)), void *arg)
{
	return (subscriber_pump(arg));
}

static void
on_closed(void *arg)
{
	subscriber_free(arg);
}

static void
on_wake(void *arg)
{
	conn_go_on(arg);
}

static int
has_room(void *arg)
{
	struct conn	*c = arg;

	return (!c->dead && c->out.left < SSE_OUT_MAX);
}

/* The data is compact JSON: one line. */
static void
put(void *arg, const char *id, const char *kind, const char *data, size_t len)
{
	struct conn	*c = arg;

	if (id[0] != '\0')
		say(c, "id: ", id);
	say(c, "event: ", kind);
	conn_write(c, "data: ", 6);
	conn_write(c, data, len);
	conn_write(c, "\n\n", 2);
}

static void
say(struct conn *c, const char *field, const char *value)
{
	conn_write(c, field, strlen(field));
	conn_write(c, value, strlen(value));
	conn_write(c, "\n", 1);
}

/* A comment, so that proxies and clients see that it lives. */
static void
on_idle(void *arg)
{
	conn_write(arg, ":\n\n", 3);
	conn_go_on(arg);
}

static void
on_end(void *arg, const char *why)
{
	log_info("events: cut off: %s", why);
	conn_kill(arg);
}
