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
 * Files over sockets.  Runs in the registry.  Must not trust the other end:
 * it shares the socket's flags, so each call says MSG_DONTWAIT itself.
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

#include "transfer.h"

#define PIECE	(256 * 1024)	/* read or written at a time */

struct transfer {
	TAILQ_ENTRY(transfer) entry;
	struct event	*ready;
	int		 fd;
	int		 giving;
	char		*data;
	size_t		 len;
	size_t		 size;		/* of data; giving: bytes given */
	transfer_fn	 done;
	void		*arg;
};

static struct {
	struct event_base *base;
	TAILQ_HEAD(, transfer) list;
	int		 n;
} env = { .list = TAILQ_HEAD_INITIALIZER(env.list) };

static int	 begin(int, char *, size_t, int, transfer_fn, void *);
static int	 is_local(int);
static void	 on_ready(evutil_socket_t, short, void *);
static int	 take(struct transfer *, const char **);
static int	 give(struct transfer *, const char **);
static void	 end(struct transfer *, const char *);
static void	 transfer_free(struct transfer *);

int
transfer_init(struct event_base *base)
{
	env.base = base;
	return (0);
}

int
transfer_take(int fd, transfer_fn done, void *arg)
{
	return (begin(fd, NULL, 0, 0, done, arg));
}

int
transfer_give(int fd, char *data, size_t len, transfer_fn done, void *arg)
{
	return (begin(fd, data, len, 1, done, arg));
}

static int
begin(int fd, char *data, size_t len, int giving, transfer_fn done,
    void *arg)
{
	static const struct timeval	 limit = { TRANSFER_TIME, 0 };
	struct transfer			*t = NULL;
	int				 type;
	socklen_t			 size = sizeof(type);

	if (env.n >= TRANSFERS || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type,
	    &size) == -1 || type != SOCK_STREAM || !is_local(fd) ||
	    (t = calloc(1, sizeof(*t))) == NULL)
		goto fail;
	t->ready = event_new(env.base, fd, (giving ? EV_WRITE : EV_READ) |
	    EV_PERSIST, on_ready, t);
	if (t->ready == NULL || event_add(t->ready, &limit) == -1)
		goto fail;
	t->fd = fd;
	t->giving = giving;
	t->data = data;
	t->len = len;
	t->done = done;
	t->arg = arg;
	TAILQ_INSERT_TAIL(&env.list, t, entry);
	env.n++;
	return (0);
fail:
	if (t != NULL && t->ready != NULL)
		event_free(t->ready);
	free(t);
	if (data != NULL)
		explicit_bzero(data, len);
	free(data);
	close(fd);
	return (-1);
}

/*
 * ccmctl's end is on this machine.  The api has connections from elsewhere,
 * and could give us one of them to write an export into.
 */
static int
is_local(int fd)
{
	struct sockaddr_storage	 ss = { 0 };
	socklen_t		 len = sizeof(ss);

	return (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    ss.ss_family == AF_UNIX);
}

static void
on_ready(evutil_socket_t fd __attribute__((unused)), short what, void *arg)
{
	struct transfer	*t = arg;
	const char	*why = NULL;

	if (what & EV_TIMEOUT)
		end(t, "it took too long");
	else if ((t->giving ? give(t, &why) : take(t, &why)) == 0)
		end(t, why);
}

/* 1 while there is more to come. */
static int
take(struct transfer *t, const char **why)
{
	size_t	 size;
	ssize_t	 n;
	char	*p;

	if (t->size - t->len < PIECE) {
		size = t->size == 0 ? PIECE : 2 * t->size;
		p = recallocarray(t->data, t->size, size, 1);
		if (p == NULL) {
			*why = "out of memory";
			return (0);
		}
		t->data = p;
		t->size = size;
	}
	n = recv(t->fd, t->data + t->len, PIECE, MSG_DONTWAIT);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return (1);
		*why = strerror(errno);
		return (0);
	}
	t->len += (size_t)n;
	if (t->len > TRANSFER_MAX)
		*why = "it is larger than 256 MB";
	return (n > 0 && *why == NULL);
}

static int
give(struct transfer *t, const char **why)
{
	size_t	 left = t->len - t->size;
	ssize_t	 n;

	n = send(t->fd, t->data + t->size, left > PIECE ? PIECE : left,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return (1);
		*why = strerror(errno);
		return (0);
	}
	t->size += (size_t)n;
	return (t->size < t->len);
}

static void
end(struct transfer *t, const char *why)
{
	TAILQ_REMOVE(&env.list, t, entry);
	env.n--;
	/* The other end sees the end of a file that it gets. */
	event_del(t->ready);
	close(t->fd);
	t->fd = -1;
	t->done(t->arg, why, t->data, t->len);
	transfer_free(t);
}

static void
transfer_free(struct transfer *t)
{
	event_free(t->ready);
	if (t->fd != -1)
		close(t->fd);
	/* It may hold secrets. */
	if (t->data != NULL)
		explicit_bzero(t->data, t->giving ? t->len : t->size);
	free(t->data);
	free(t);
}
