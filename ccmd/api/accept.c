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
 * Listening sockets, for HTTP and for ccmctl.  Runs in the api.  Must not
 * know what is spoken on a connection.
 */

#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "limit.h"
#include "log.h"

#define ACCEPTS		64	/* of one turn */

struct listener {
	struct acceptor	*acceptor;
	struct event	*ev;
	int		 fd;
};

struct acceptor {
	struct event_base *base;
	const struct acceptor_ops *ops;
	struct event	*resume;
	struct listener	 listeners[ACCEPT_LISTENERS];
	size_t		 n;
	struct listener	 next[ACCEPT_LISTENERS];	/* put aside */
	size_t		 nnext;
	int		 started;
	int		 paused;
};

static void	 on_accept(evutil_socket_t, short, void *);
static void	 on_resume(evutil_socket_t, short, void *);
static void	 leave_off(struct acceptor *);

struct acceptor *
acceptor_new(struct event_base *base, const struct acceptor_ops *ops)
{
	struct acceptor	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->base = base;
	a->ops = ops;
	if ((a->resume = evtimer_new(base, on_resume, a)) == NULL) {
		free(a);
		return (NULL);
	}
	return (a);
}

int
acceptor_add(struct acceptor *a, int fd)
{
	struct listener	*l;

	if (a->nnext == ACCEPT_LISTENERS) {
		close(fd);
		return (-1);
	}
	l = &a->next[a->nnext];
	l->acceptor = a;
	l->fd = fd;
	/* Where it will lie, from acceptor_commit on. */
	l->ev = event_new(a->base, fd, EV_READ | EV_PERSIST, on_accept,
	    &a->listeners[a->nnext]);
	if (l->ev == NULL) {
		close(fd);
		return (-1);
	}
	a->nnext++;
	return (0);
}

void
acceptor_commit(struct acceptor *a)
{
	size_t	 i;

	for (i = 0; i < a->n; i++) {
		event_free(a->listeners[i].ev);
		close(a->listeners[i].fd);
	}
	memcpy(a->listeners, a->next, sizeof(a->listeners));
	a->n = a->nnext;
	a->nnext = 0;
	if (a->started && !a->paused)
		acceptor_start(a);
}

size_t
acceptor_count(const struct acceptor *a)
{
	return (a->n);
}

void
acceptor_start(struct acceptor *a)
{
	size_t	 i;

	a->started = 1;
	for (i = 0; i < a->n; i++)
		if (event_add(a->listeners[i].ev, NULL) == -1)
			fatalx("event_add: listener");
}

static void
on_accept(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct listener		*l = arg;
	struct acceptor		*a = l->acceptor;
	struct sockaddr_storage	 from;
	socklen_t		 len;
	int			 s, i;

	for (i = 0; i < ACCEPTS; i++) {
		if (!a->ops->room()) {
			leave_off(a);
			return;
		}
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		s = accept4(fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s != -1) {
			a->ops->accepted(s, &from,
			    (size_t)(l - a->listeners));
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			limit_reached(LIMIT_DESCRIPTORS);
			if (a->ops->spare())
				continue;
			leave_off(a);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/*
 * A backlog that can't be taken from would make the event fire for ever:
 * it is left alone for a moment.
 */
static void
leave_off(struct acceptor *a)
{
	uint32_t	 ms = limit_get()->pause;
	struct timeval	 tv = { (time_t)(ms / 1000),
			    (suseconds_t)(ms % 1000) * 1000 };
	size_t		 i;

	if (a->paused)
		return;
	a->paused = 1;
	for (i = 0; i < a->n; i++)
		event_del(a->listeners[i].ev);
	evtimer_add(a->resume, &tv);
}

static void
on_resume(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct acceptor	*a = arg;

	a->paused = 0;
	if (a->started)
		acceptor_start(a);
}
