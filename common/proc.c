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
 * Peers on an event loop, and the start of a child.  Part of every process.
 * Must not know what messages mean: it moves them, checked by msg.c, to the
 * handlers of a table.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"

/* A peer gives way to others after that many messages in a row. */
#define PEER_BATCH	64
/* Reads of what a peer said last: no more than a socket holds. */
#define PEER_DRAIN	64

struct peer {
	struct event_base	*base;
	struct event		*read_ev;
	struct event		*write_ev;
	struct imsgbuf		 imsgbuf;
	enum proc_id		 self;
	enum proc_id		 other;
	const struct peer_ops	*ops;
	void			*arg;
	int			 fd;
	int			 busy;	/* inside handlers: free later */
	int			 dead;
	int			 again;	/* messages left for the next turn */
	int			 stuck;	/* the other end does not read */
};

static void	 peer_readable(evutil_socket_t, short, void *);
static void	 peer_writable(evutil_socket_t, short, void *);
static void	 peer_dispatch(struct peer *);
static int	 peer_handle(struct peer *, struct imsg *);
static void	 peer_end(struct peer *, const char *);
static void	 peer_destroy(struct peer *);
static void	 child_exec(const char *, const char *, int, int)
		    __attribute__((noreturn));

struct peer *
peer_new(struct event_base *base, enum proc_id self, enum proc_id other,
    int fd, const struct peer_ops *ops, void *arg)
{
	struct peer	*peer;

	if ((peer = calloc(1, sizeof(*peer))) == NULL) {
		close(fd);
		return (NULL);
	}
	peer->base = base;
	peer->self = self;
	peer->other = other;
	peer->fd = fd;
	peer->ops = ops;
	peer->arg = arg;
	if (evutil_make_socket_nonblocking(fd) == -1 ||
	    imsgbuf_init(&peer->imsgbuf, fd) == -1) {
		close(fd);
		free(peer);
		return (NULL);
	}
	imsgbuf_set_maxsize(&peer->imsgbuf, MSG_IMSG_MAX);
	imsgbuf_allow_fdpass(&peer->imsgbuf);
	peer->read_ev = event_new(base, fd, EV_READ | EV_PERSIST,
	    peer_readable, peer);
	peer->write_ev = event_new(base, fd, EV_WRITE, peer_writable, peer);
	if (peer->read_ev == NULL || peer->write_ev == NULL ||
	    event_add(peer->read_ev, NULL) == -1) {
		peer_destroy(peer);
		return (NULL);
	}
	return (peer);
}

void *
peer_arg(const struct peer *peer)
{
	return (peer->arg);
}

enum proc_id
peer_other(const struct peer *peer)
{
	return (peer->other);
}

void
peer_send(struct peer *peer, enum msg_type type, const union msg *m, int fd)
{
	if (peer->dead) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (msg_compose(&peer->imsgbuf, type, m, fd) == -1)
		fatal("%s to %s", msg_name(type), proc_name(peer->other));
	if (event_add(peer->write_ev, NULL) == -1)
		fatalx("event_add: %s", proc_name(peer->other));
	/* Its end comes from the loop: the caller still has it. */
	if (peer->ops->queue_max != 0 &&
	    peer_queued(peer) > peer->ops->queue_max && !peer->stuck) {
		peer->stuck = 1;
		event_active(peer->read_ev, EV_READ, 1);
	}
}

size_t
peer_queued(const struct peer *peer)
{
	return (imsgbuf_queuelen(&((struct peer *)(uintptr_t)peer)->imsgbuf));
}

int
peer_flush(struct peer *peer, int ms)
{
	struct pollfd	 pfd = { .fd = peer->fd, .events = POLLOUT };
	int64_t		 end = proc_now_ms() + ms, left;

	while (!peer->dead && peer_queued(peer) > 0) {
		if (imsgbuf_write(&peer->imsgbuf) == -1)
			return (-1);
		left = end - proc_now_ms();
		if (peer_queued(peer) == 0)
			break;
		if (left <= 0 || poll(&pfd, 1, (int)left) <= 0)
			return (-1);
	}
	return (peer->dead ? -1 : 0);
}

void
peer_drain(struct peer *peer)
{
	int	 i, r = 1;

	peer->busy++;
	for (i = 0; i < PEER_DRAIN && r == 1 && !peer->dead; i++) {
		r = imsgbuf_read(&peer->imsgbuf);
		do
			peer_dispatch(peer);
		while (peer->again && !peer->dead);
	}
	peer->busy--;
}

void
peer_free(struct peer *peer)
{
	if (peer == NULL)
		return;
	if (peer->busy)
		peer->dead = 1;
	else
		peer_destroy(peer);
}

int
peer_cred(const struct peer *peer, uid_t *uid, gid_t *gid)
{
	return (getpeereid(peer->fd, uid, gid));
}

static void
peer_destroy(struct peer *peer)
{
	if (peer->read_ev != NULL)
		event_free(peer->read_ev);
	if (peer->write_ev != NULL)
		event_free(peer->write_ev);
	imsgbuf_clear(&peer->imsgbuf);
	close(peer->fd);
	free(peer);
}

/* The last event of a connection. */
static void
peer_end(struct peer *peer, const char *why)
{
	if (!peer->dead) {
		peer->dead = 1;
		peer->busy++;
		peer->ops->closed(peer, why);
		peer->busy--;
	}
}

static void
peer_readable(evutil_socket_t fd __attribute__((unused)), short what,
    void *arg)
{
	struct peer	*peer = arg;

	peer->busy++;
	if (peer->stuck)
		peer_end(peer, "does not read what it is told");
	else if ((what & EV_READ) && !peer->again) {
		switch (imsgbuf_read(&peer->imsgbuf)) {
		case 1:
			break;
		case 0:
			/* More is left: the end comes with the next turn. */
			peer_dispatch(peer);
			if (!peer->again)
				peer_end(peer, NULL);
			break;
		default:
			peer_end(peer, errno == ECONNRESET ? NULL :
			    strerror(errno));
			break;
		}
	}
	if (!peer->dead)
		peer_dispatch(peer);
	peer->busy--;
	if (peer->dead && !peer->busy)
		peer_destroy(peer);
}

static void
peer_writable(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct peer	*peer = arg;

	peer->busy++;
	if (imsgbuf_write(&peer->imsgbuf) == -1) {
		/*
		 * EPIPE and ECONNRESET are left to the reader, which first
		 * takes what the other end said before it went.
		 */
		if (errno != EPIPE && errno != ECONNRESET)
			peer_end(peer, strerror(errno));
	} else if (imsgbuf_queuelen(&peer->imsgbuf) > 0) {
		if (event_add(peer->write_ev, NULL) == -1)
			fatalx("event_add: %s", proc_name(peer->other));
	} else if (peer->ops->drained != NULL && !peer->dead)
		peer->ops->drained(peer);
	peer->busy--;
	if (peer->dead && !peer->busy)
		peer_destroy(peer);
}

/*
 * Hand on what was received, PEER_BATCH messages at a time so that one
 * busy peer does not starve the others.
 */
static void
peer_dispatch(struct peer *peer)
{
	struct imsg	 imsg;
	int		 n, r = 0;

	for (n = 0; n < PEER_BATCH && !peer->dead; n++) {
		if ((r = imsgbuf_get(&peer->imsgbuf, &imsg)) == -1) {
			peer_end(peer, "malformed message");
			return;
		}
		if (r == 0)
			break;
		r = peer_handle(peer, &imsg);
		imsg_free(&imsg);
		if (r == -1)
			return;
	}
	peer->again = (n == PEER_BATCH && !peer->dead);
	if (peer->again)
		event_active(peer->read_ev, EV_READ, 1);
}

static int
peer_handle(struct peer *peer, struct imsg *imsg)
{
	char		 text[128];
	union msg	 m;
	const char	*why;
	uint32_t	 type = imsg_get_type(imsg);
	int		 fd;

	if (msg_unpack(imsg, peer->other, peer->self, &m, &fd, &why) == 0) {
		log_debug("%s from %s", msg_name(type),
		    proc_name(peer->other));
		if (peer->ops->table[type] != NULL) {
			peer->ops->table[type](peer, &m, fd);
			return (0);
		}
		if (fd != -1)
			close(fd);
		why = "message that is not expected here";
	}
	(void)snprintf(text, sizeof(text), "%s (%s)", why, msg_name(type));
	peer_end(peer, text);
	return (-1);
}

pid_t
proc_spawn(const char *path, const char *name, int stderr_fd, int *fd)
{
	int	 pair[2], saved;
	pid_t	 pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return (-1);
	if ((pid = fork()) == -1) {
		saved = errno;
		close(pair[0]);
		close(pair[1]);
		errno = saved;
		return (-1);
	}
	if (pid == 0)
		child_exec(path, name, stderr_fd, pair[1]);
	close(pair[1]);
	*fd = pair[0];
	return (pid);
}

/*
 * Between fork and execve: only what is async-signal-safe.  The sockets are
 * moved out of the way first, lest dup2 closes one that is still needed.
 */
static void
child_exec(const char *path, const char *name, int stderr_fd, int sock)
{
	char *const	 argv[] = { (char *)(uintptr_t)name, NULL };
	char *const	 envp[] = { NULL };
	sigset_t	 none;
	int		 null, i;

	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	sock = fcntl(sock, F_DUPFD, 10);
	stderr_fd = fcntl(stderr_fd, F_DUPFD, 10);
	null = fcntl(null, F_DUPFD, 10);
	if (sock == -1 || stderr_fd == -1 || null == -1)
		_exit(127);
	if (dup2(null, 0) == -1 || dup2(null, 1) == -1 ||
	    dup2(stderr_fd, 2) == -1 || dup2(sock, PROC_PARENT_FD) == -1)
		_exit(127);
	closefrom(PROC_PARENT_FD + 1);
	execve(path, argv, envp);
	_exit(127);
}

int64_t
proc_now_ms(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		return (0);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
