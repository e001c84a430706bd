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
 * Listening sockets: opened by the parent, handed to each new api, so that
 * connections wait in the backlog while there is none.  Runs in the parent.
 * Must not accept.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define BACKLOG	1024
/*
 * Bytes that the kernel takes from a connection ahead of what it can send.
 * It tells when half of it is gone: the api sees that a slow client takes
 * something (CONN_PROGRESS), and none fills the kernel's memory.
 */
#define UNSENT_MAX	65536

static struct conf_listen *same(const struct conf *,
		    const struct conf_listen *);
static int	 open_tcp(struct conf_listen *, int);
static int	 open_address(const struct addrinfo *);
static int	 open_control(const struct conf *);
static int	 remove_stale(const struct sockaddr_un *);
static int	 set_group(const struct conf *);

int
sockets_open(struct conf *conf, int *control)
{
	struct conf_listen	*l;

	if (TAILQ_EMPTY(&conf->tokens))
		log_warn("no api token is configured: not listening for "
		    "http");
	else
		TAILQ_FOREACH(l, &conf->listeners, entry)
			if (open_tcp(l, 0) == -1)
				return (-1);
	return ((*control = open_control(conf)) == -1 ? -1 : 0);
}

/*
 * First all that is new, then what is there already: when one of them can't
 * be opened nothing has changed.
 */
int
sockets_reload(struct conf *conf, struct conf *old)
{
	struct conf_listen	*l, *was;

	if (!TAILQ_EMPTY(&conf->tokens))
		TAILQ_FOREACH(l, &conf->listeners, entry)
			if (same(old, l) == NULL && open_tcp(l, 1) == -1)
				return (-1);
	if (TAILQ_EMPTY(&conf->tokens))
		log_warn("no api token is configured: not listening for "
		    "http");
	else
		TAILQ_FOREACH(l, &conf->listeners, entry)
			if ((was = same(old, l)) != NULL) {
				l->fd = was->fd;
				was->fd = -1;
			}
	TAILQ_FOREACH(was, &old->listeners, entry)
		if (was->fd != -1)
			log_info("no longer listening on %s port %s",
			    was->host, was->port);
	return (0);
}

/* The listener of that address that is open. */
static struct conf_listen *
same(const struct conf *conf, const struct conf_listen *as)
{
	struct conf_listen	*l;

	TAILQ_FOREACH(l, &conf->listeners, entry)
		if (l->fd != -1 && strcmp(l->host, as->host) == 0 &&
		    strcmp(l->port, as->port) == 0)
			return (l);
	return (NULL);
}

static int
open_tcp(struct conf_listen *l, int reload)
{
	struct addrinfo	 hints, *res;
	int		 error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
	error = getaddrinfo(l->host, l->port, &hints, &res);
	if (error != 0 && strcmp(l->host, "localhost") == 0)
		error = getaddrinfo("127.0.0.1", l->port, &hints, &res);
	if (error != 0) {
		log_err("listen on %s: %s", l->host, gai_strerror(error));
		return (-1);
	}
	l->fd = open_address(res);
	freeaddrinfo(res);
	if (l->fd == -1) {
		log_err("listen on %s port %s: %s%s", l->host, l->port,
		    strerror(errno), reload && errno == EACCES ?
		    ": ccmd gave up what it takes when it had started; "
		    "restart it" : "");
		return (-1);
	}
	log_info("listening on %s port %s", l->host, l->port);
	return (0);
}

static int
open_address(const struct addrinfo *ai)
{
	int	 fd, on = 1, saved, unsent = UNSENT_MAX;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    /* Inherited by what is accepted: no answer waits for an ACK. */
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
	    sizeof(unsent)) == -1 ||
	    (ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* Never, not even for a moment, open to more than it shall be. */
static int
open_control(const struct conf *conf)
{
	struct sockaddr_un	 sun;
	mode_t			 old;
	int			 fd, r;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, conf->control, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		log_err("%s: the path of a socket has at most %zu bytes",
		    conf->control, sizeof(sun.sun_path) - 1);
		return (-1);
	}
	if (remove_stale(&sun) == -1)
		return (-1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		log_err("socket: %s", strerror(errno));
		return (-1);
	}
	old = umask(0177);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (r == -1 || set_group(conf) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		log_err("%s: %s", conf->control, strerror(errno));
		if (r == 0)
			(void)unlink(conf->control);
		close(fd);
		return (-1);
	}
	return (fd);
}

/* Nobody listens on it: then it is left over. */
static int
remove_stale(const struct sockaddr_un *sun)
{
	struct stat	 st;
	char		 dir[sizeof(sun->sun_path)], *slash;
	int		 fd, r, why;

	(void)strlcpy(dir, sun->sun_path, sizeof(dir));
	if ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0755) == -1 && errno != EEXIST) {
			log_err("%s: %s", dir, strerror(errno));
			return (-1);
		}
	}
	if (lstat(sun->sun_path, &st) == -1)
		return (0);
	if (!S_ISSOCK(st.st_mode)) {
		log_err("%s: it is there and no socket", sun->sun_path);
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1) {
		log_err("socket: %s", strerror(errno));
		return (-1);
	}
	r = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	why = errno;
	close(fd);
	/* A backlog that is full (EAGAIN) is somebody's, too. */
	if (r == 0 || why != ECONNREFUSED) {
		log_err("%s: another daemon listens there", sun->sun_path);
		return (-1);
	}
	if (unlink(sun->sun_path) == -1) {
		log_err("%s: %s", sun->sun_path, strerror(errno));
		return (-1);
	}
	return (0);
}

static int
set_group(const struct conf *conf)
{
	const struct group	*gr;

	if (conf->control_group == NULL)
		return (0);
	if ((gr = getgrnam(conf->control_group)) == NULL) {
		log_err("%s:%d: group: there is no group \"%s\"", conf->path,
		    conf->control_line, log_visible(conf->control_group));
		errno = ENOENT;
		return (-1);
	}
	if (chown(conf->control, (uid_t)-1, gr->gr_gid) == -1)
		return (-1);
	return (chmod(conf->control, 0660));
}

void
sockets_close(struct conf *conf, int control)
{
	if (control != -1) {
		close(control);
		(void)unlink(conf->control);
	}
}
