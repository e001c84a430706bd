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
 * githubsim: connections taken from evhttp, to send on them what a correct
 * server never would, at a pace of our own, or nothing at all.
 */

#include "config.h"

#include <sys/socket.h>

#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define CHUNK		16384

/* One connection's own end. */
struct stream {
	struct call	*call;
	struct evhttp_connection *evcon;
	struct bufferevent *bev;
	struct evbuffer	*data;		/* still to be sent */
	int64_t		 fill;		/* then so many bytes of nothing */
	int		 header;	/* as a header, else as chunks */
	int		 hang;		/* then stay open */
	struct event	*timer;		/* the next drip */
};

static struct stream *stream_new(struct call *, struct evbuffer *);
static void	 stream_free(struct stream *);
static void	 stream_more(struct bufferevent *, void *);
static void	 stream_input(struct bufferevent *, void *);
static void	 stream_event(struct bufferevent *, short, void *);
static void	 stream_drip(evutil_socket_t, short, void *);
static void	 stream_abort(evutil_socket_t, short, void *);
static int64_t	 fill_once(struct stream *);

void
stream_start(struct call *c, struct evbuffer *data, int64_t fill, int header,
    int hang)
{
	struct stream	*s = stream_new(c, data);

	s->fill = fill;
	s->header = header;
	s->hang = hang;
	bufferevent_setcb(s->bev, stream_input, stream_more, stream_event, s);
	(void)bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	if (c->fault.interval > 0)
		stream_drip(-1, 0, s);
	else if (evbuffer_get_length(data) > 0)
		(void)bufferevent_write_buffer(s->bev, data);
}

/* Closes so that the client gets a reset, once evhttp is out of the way. */
void
stream_reset(struct call *c)
{
	struct stream	*s = stream_new(c, evbuffer_new());
	struct timeval	 now = { 0, 0 };

	bufferevent_setcb(s->bev, NULL, NULL, NULL, NULL);
	if ((s->timer = evtimer_new(sim.base, stream_abort, s)) == NULL ||
	    evtimer_add(s->timer, &now) == -1)
		err(1, "evtimer_add");
}

static struct stream *
stream_new(struct call *c, struct evbuffer *data)
{
	struct stream	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL || data == NULL)
		err(1, NULL);
	s->call = c;
	s->data = data;
	s->evcon = evhttp_request_get_connection(c->req);
	s->bev = evhttp_connection_get_bufferevent(s->evcon);
	(void)bufferevent_set_timeouts(s->bev, NULL, NULL);
	return (s);
}

/* evhttp frees the request and closes the socket with the connection. */
static void
stream_free(struct stream *s)
{
	bufferevent_setcb(s->bev, NULL, NULL, NULL, NULL);
	(void)bufferevent_disable(s->bev, EV_READ | EV_WRITE);
	if (s->timer != NULL)
		event_free(s->timer);
	evbuffer_free(s->data);
	call_free(s->call);
	evhttp_connection_free(s->evcon);
	free(s);
}

/* All that was written is with the kernel. */
static void
stream_more(struct bufferevent *bev, void *arg)
{
	struct stream	*s = arg;

	if (s->call->fault.interval > 0)
		return;
	if (s->fill > 0) {
		s->fill -= fill_once(s);
		return;
	}
	(void)bev;
	if (!s->hang)
		stream_free(s);
}

static int64_t
fill_once(struct stream *s)
{
	struct evbuffer	*out = bufferevent_get_output(s->bev);
	char		 block[CHUNK];
	int64_t		 n = s->fill < CHUNK ? s->fill : CHUNK;

	memset(block, s->header ? 'x' : ' ', sizeof(block));
	if (s->header)
		(void)evbuffer_add_printf(out, "X-Fill: ");
	else
		(void)evbuffer_add_printf(out, "%llx\r\n", (long long)n);
	(void)evbuffer_add(out, block, (size_t)n);
	(void)evbuffer_add(out, "\r\n", 2);
	return (n);
}

static void
stream_drip(evutil_socket_t fd, short what, void *arg)
{
	struct stream	*s = arg;
	struct timeval	 tv;
	size_t		 n = (size_t)s->call->fault.bytes;

	(void)fd;
	(void)what;
	if (evbuffer_get_length(s->data) == 0) {
		stream_free(s);
		return;
	}
	if (n > evbuffer_get_length(s->data))
		n = evbuffer_get_length(s->data);
	(void)evbuffer_remove_buffer(s->data, bufferevent_get_output(s->bev),
	    n);
	if (s->timer == NULL &&
	    (s->timer = evtimer_new(sim.base, stream_drip, s)) == NULL)
		err(1, "evtimer_new");
	tv.tv_sec = s->call->fault.interval / 1000;
	tv.tv_usec = s->call->fault.interval % 1000 * 1000;
	(void)evtimer_add(s->timer, &tv);
}

static void
stream_abort(evutil_socket_t fd, short what, void *arg)
{
	struct stream	*s = arg;
	struct sockaddr	 nowhere = { .sa_family = AF_UNSPEC };

	(void)fd;
	(void)what;
	/*
	 * evhttp shuts the socket down before it closes it, and lingering
	 * would come too late: to dissolve the connection sends the reset.
	 */
	(void)connect(bufferevent_getfd(s->bev), &nowhere, sizeof(nowhere));
	stream_free(s);
}

/* Whatever the client says now is of no interest. */
static void
stream_input(struct bufferevent *bev, void *arg)
{
	struct evbuffer	*in = bufferevent_get_input(bev);

	(void)arg;
	(void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void
stream_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		stream_free(arg);
}
