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
 * The control socket's client side: connect, greet, ask, collect the answer.
 * Part of ccmctl.  Must not understand an answer beyond that it is a JSON
 * object; must not wait but in client_call.
 *
 * A connection carries one operation at a time, and beside it the events of
 * one subscription.  The monitor steps it from its own poll(2).
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"
#include "msg.h"

#define SOCKET_SYSTEM	RUNSTATEDIR "/ccmd/ccmd.sock"
#define SOCKET_USER	".ccm/ccmd.sock"	/* in the home directory */
#define BODY_FIRST	(64 * 1024)		/* room that doubles */

static int	 fail(struct client *, int, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
static int	 lost(struct client *, int);
static int	 protocol(struct client *, const char *);
static const char *home_directory(void);
static int	 queue(struct client *, enum msg_type, const union msg *, int);
static enum client_event on_message(struct client *, struct imsg *);
static enum client_event on_hello(struct client *, const union msg *);
static enum client_event on_answer(struct client *, const union msg *);
static enum client_event sink(struct client *,
		    const struct msg_ctl_answer *);
static int	 make_room(struct client *, size_t);
static enum client_event on_told(struct client *, const union msg *);
static enum client_event finish(struct client *);
static void	 forget(struct client *);
static int	 wait_for(struct client *, enum client_event, int64_t);

const char *
client_path(const char *given, char *buf, size_t size)
{
	const char	*home, *path = given;
	struct stat	 st;
	int		 n;

	if (path == NULL)
		path = getenv("CCM_SOCKET");
	if (path == NULL || *path == '\0')
		path = geteuid() == 0 ? SOCKET_SYSTEM : NULL;
	/* What a file with "~/" in quotes exports, ccmd understands too. */
	if (path != NULL && strncmp(path, "~/", 2) == 0 &&
	    (home = home_directory()) != NULL)
		n = snprintf(buf, size, "%s/%s", home, path + 2);
	else if (path != NULL)
		n = snprintf(buf, size, "%s", path);
	else if ((home = home_directory()) == NULL) {
		errno = ENOENT;
		return (NULL);
	} else {
		n = snprintf(buf, size, "%s/%s", home, SOCKET_USER);
		/* A member of the daemon's group without one of their own. */
		if (stat(buf, &st) == -1 && stat(SOCKET_SYSTEM, &st) == 0)
			n = snprintf(buf, size, "%s", SOCKET_SYSTEM);
	}
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return (NULL);
	}
	return (buf);
}

static const char *
home_directory(void)
{
	const char	*home = getenv("HOME");
	struct passwd	*pw;

	if (home != NULL && *home == '/')
		return (home);
	pw = getpwuid(getuid());
	return (pw != NULL ? pw->pw_dir : NULL);
}

int64_t
client_now(void)
{
	struct timespec	 ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int
client_open(struct client *c, const char *path)
{
	const union msg		 hello = { .ctl_hello = { CTL_VERSION } };
	struct sockaddr_un	 sun;

	memset(c, 0, sizeof(*c));
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (c->fd == -1)
		return (fail(c, EXIT_FAILED, "socket: %s", strerror(errno)));
	if (imsgbuf_init(&c->ibuf, c->fd) == -1) {
		close(c->fd);
		c->fd = -1;
		return (fail(c, EXIT_FAILED, "%s", strerror(errno)));
	}
	imsgbuf_allow_fdpass(&c->ibuf);
	if (imsgbuf_set_maxsize(&c->ibuf, MSG_IMSG_MAX) == -1)
		return (fail(c, EXIT_FAILED, "%s", strerror(errno)));
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		errno = ENAMETOOLONG;
	else if (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (queue(c, M_CTL_HELLO, &hello, -1));
	if (errno == ENOENT || errno == ECONNREFUSED)
		return (fail(c, EXIT_NODAEMON, "no daemon at %s: is ccmd "
		    "running?", path));
	return (fail(c, EXIT_NODAEMON, "%s: %s", path, strerror(errno)));
}

void
client_close(struct client *c)
{
	forget(c);
	json_object_put(c->event);
	c->event = NULL;
	c->subscription = 0;
	if (c->fd == -1)
		return;
	imsgbuf_clear(&c->ibuf);
	close(c->fd);
	c->fd = -1;
	c->ready = 0;
}

/* The former answer. */
static void
forget(struct client *c)
{
	free(c->body);
	json_object_put(c->answer);
	c->body = NULL;
	c->answer = NULL;
	c->len = c->size = 0;
	c->status = 0;
	c->sunk = 0;
}

int
client_send(struct client *c, const char *verb, struct json_object *args)
{
	return (client_send_file(c, verb, args, -1));
}

int
client_send_file(struct client *c, const char *verb,
    struct json_object *args, int fd)
{
	union msg	 m;

	forget(c);
	memset(&m, 0, sizeof(m));
	m.ctl_op.op = ++c->op;
	m.ctl_op.verb = verb;
	m.ctl_op.args.data = args != NULL ?
	    json_text(args, &m.ctl_op.args.len) : "{}";
	if (args == NULL)
		m.ctl_op.args.len = 2;
	/* CTL_FILE has the same members. */
	return (queue(c, fd == -1 ? M_CTL_OP : M_CTL_FILE, &m, fd));
}

int
client_subscribe(struct client *c, struct json_object *args)
{
	if (client_send(c, "events", args) == -1)
		return (-1);
	c->subscription = c->op;
	return (0);
}

static int
queue(struct client *c, enum msg_type type, const union msg *m, int fd)
{
	if (msg_compose(&c->ibuf, type, m, fd) == 0)
		return (0);
	if (errno == EMSGSIZE)
		return (fail(c, EXIT_FAILED, "arguments are too long"));
	return (fail(c, EXIT_FAILED, "%s", strerror(errno)));
}

short
client_events(struct client *c)
{
	return (imsgbuf_queuelen(&c->ibuf) > 0 ? POLLIN | POLLOUT : POLLIN);
}

enum client_event
client_step(struct client *c)
{
	enum client_event	 event;
	int			 n, saved = 0;

	/* What the daemon said before it went away is still worth reading. */
	if (imsgbuf_queuelen(&c->ibuf) > 0 && imsgbuf_write(&c->ibuf) == -1)
		saved = errno;
	if ((n = imsgbuf_read(&c->ibuf)) == -1 && errno != EAGAIN)
		saved = errno;
	if ((event = client_next(c)) != CLIENT_MORE)
		return (event);
	if (n == -1 && saved == ERANGE)
		(void)protocol(c, "a message of an impossible size");
	else if (n == 0 || saved != 0)
		(void)lost(c, saved);
	else
		return (CLIENT_MORE);
	return (CLIENT_FAILED);
}

enum client_event
client_next(struct client *c)
{
	enum client_event	 event = CLIENT_MORE;
	struct imsg		 imsg;
	int			 n;

	while (event == CLIENT_MORE &&
	    (n = imsgbuf_get(&c->ibuf, &imsg)) != 0) {
		if (n == -1) {
			(void)fail(c, EXIT_FAILED, "%s", strerror(errno));
			return (CLIENT_FAILED);
		}
		event = on_message(c, &imsg);
		imsg_free(&imsg);
	}
	return (event);
}

static enum client_event
on_message(struct client *c, struct imsg *imsg)
{
	uint32_t	 type = imsg_get_type(imsg);
	const char	*why;
	union msg	 m;
	int		 fd;

	if (msg_unpack(imsg, PROC_API, PROC_CTL, &m, &fd, &why) == -1) {
		(void)protocol(c, why);
		return (CLIENT_FAILED);
	}
	if (type == M_CTL_HELLO && !c->ready)
		return (on_hello(c, &m));
	if (type == M_CTL_ANSWER && c->ready)
		return (on_answer(c, &m));
	if (type == M_CTL_EVENT && c->ready)
		return (on_told(c, &m));
	(void)protocol(c, "a message out of order");
	return (CLIENT_FAILED);
}

static enum client_event
on_hello(struct client *c, const union msg *m)
{
	if (m->ctl_hello.version != CTL_VERSION) {
		(void)fail(c, EXIT_FAILED, "protocol error: the daemon speaks "
		    "version %u, this ccmctl version %d: they belong to "
		    "different releases", m->ctl_hello.version, CTL_VERSION);
		return (CLIENT_FAILED);
	}
	c->ready = 1;
	return (CLIENT_READY);
}

static enum client_event
on_answer(struct client *c, const union msg *m)
{
	const struct msg_blob	*piece = &m->ctl_answer.body;

	if (c->op == 0 || m->ctl_answer.op != c->op || c->answer != NULL) {
		(void)protocol(c, "an answer that was not asked for");
		return (CLIENT_FAILED);
	}
	/* An empty piece that is not the last could come for ever. */
	if (c->sunk || piece->len > CLIENT_BODY_MAX - c->len ||
	    (piece->len == 0 && m->ctl_answer.more)) {
		(void)protocol(c, "an answer without end");
		return (CLIENT_FAILED);
	}
	if (c->sink != NULL && m->ctl_answer.status == 200)
		return (sink(c, &m->ctl_answer));
	if (make_room(c, piece->len + 1) == -1) {
		(void)fail(c, EXIT_FAILED, "%s", strerror(errno));
		return (CLIENT_FAILED);
	}
	memcpy(c->body + c->len, piece->data, piece->len);
	c->len += piece->len;
	c->body[c->len] = '\0';
	c->status = m->ctl_answer.status;
	return (m->ctl_answer.more ? CLIENT_MORE : finish(c));
}

void
client_set_listener(struct client *c, void (*fn)(void *), void *arg)
{
	c->told = fn;
	c->told_arg = arg;
}

void
client_set_sink(struct client *c,
    int (*fn)(const char *data, size_t len, void *arg), void *arg)
{
	c->sink = fn;
	c->sink_arg = arg;
}

static enum client_event
sink(struct client *c, const struct msg_ctl_answer *m)
{
	c->heard = client_now();
	c->status = m->status;
	if (c->sink(m->body.data, m->body.len, c->sink_arg) == -1) {
		(void)client_unwritten(c);
		return (CLIENT_FAILED);
	}
	c->sunk = !m->more;
	return (m->more ? CLIENT_MORE : CLIENT_ANSWER);
}

/* For so many bytes more, doubling: each byte is copied once on average. */
static int
make_room(struct client *c, size_t more)
{
	char	*body;
	size_t	 size = c->size != 0 ? c->size : BODY_FIRST;

	while (size - c->len < more)
		size *= 2;
	if (size == c->size)
		return (0);
	if ((body = realloc(c->body, size)) == NULL)
		return (-1);
	c->body = body;
	c->size = size;
	return (0);
}

/* Told of a change. */
static enum client_event
on_told(struct client *c, const union msg *m)
{
	const struct msg_ctl_event	*e = &m->ctl_event;
	struct json_error		 error;

	if (c->subscription == 0 || e->op != c->subscription) {
		(void)protocol(c, "an event that was not asked for");
		return (CLIENT_FAILED);
	}
	json_object_put(c->event);
	c->event = json_parse_strict(e->data.data, e->data.len, MSG_DOC_MAX,
	    &error);
	if (!json_object_is_type(c->event, json_type_object)) {
		(void)protocol(c, "an event that is no object");
		return (CLIENT_FAILED);
	}
	(void)strlcpy(c->event_kind, e->kind, sizeof(c->event_kind));
	if (e->id[0] != '\0')
		(void)strlcpy(c->event_id, e->id, sizeof(c->event_id));
	return (CLIENT_EVENT);
}

static enum client_event
finish(struct client *c)
{
	struct json_error	 error;

	c->answer = json_parse_strict(c->body, c->len, CLIENT_BODY_MAX,
	    &error);
	if (c->answer == NULL)
		(void)protocol(c, error.text);
	else if (!json_object_is_type(c->answer, json_type_object))
		(void)protocol(c, "an answer that is no object");
	else if (c->status < 200 || c->status > 599)
		(void)protocol(c, "an answer with an impossible status");
	else
		return (CLIENT_ANSWER);
	return (CLIENT_FAILED);
}

int
client_greeted(struct client *c)
{
	if (c->ready)
		return (0);
	return (wait_for(c, CLIENT_READY, client_now() + CLIENT_TIMEOUT));
}

int
client_answered(struct client *c)
{
	return (wait_for(c, CLIENT_ANSWER, client_now() + CLIENT_TIMEOUT));
}

int
client_call(struct client *c, const char *verb, struct json_object *args)
{
	int64_t	 deadline = client_now() + CLIENT_TIMEOUT;

	if (!c->ready && wait_for(c, CLIENT_READY, deadline) == -1)
		return (-1);
	if (client_send(c, verb, args) == -1)
		return (-1);
	return (wait_for(c, CLIENT_ANSWER, deadline));
}

static int
wait_for(struct client *c, enum client_event wanted, int64_t deadline)
{
	enum client_event	 event;
	struct pollfd		 pfd;
	struct timespec		 ts;
	int64_t			 left;

	for (;;) {
		if (c->heard != 0 && deadline < c->heard + CLIENT_TIMEOUT)
			deadline = c->heard + CLIENT_TIMEOUT;
		if ((left = deadline - client_now()) <= 0)
			return (fail(c, EXIT_NODAEMON, "no answer from the "
			    "daemon within %d seconds",
			    CLIENT_TIMEOUT / 1000));
		pfd.fd = c->fd;
		pfd.events = client_events(c);
		ts.tv_sec = left / 1000;
		ts.tv_nsec = left % 1000 * 1000000;
		if (ppoll(&pfd, 1, &ts, signals_mask()) == -1) {
			if (errno != EINTR)
				return (fail(c, EXIT_FAILED, "poll: %s",
				    strerror(errno)));
			if (signals_back() || signals_ended())
				return (fail(c, EXIT_FAILED, "given up: "
				    "whether it was done is not known"));
			continue;
		}
		/* An answer may have come together with events before it. */
		for (event = client_step(c); event == CLIENT_EVENT;
		    event = client_next(c))
			if (c->told != NULL)
				c->told(c->told_arg);
		if (event == wanted)
			return (0);
		if (event == CLIENT_FAILED)
			return (-1);
		if (event != CLIENT_MORE)
			return (protocol(c, "a message out of order"));
	}
}

static int
lost(struct client *c, int error)
{
	if (error == 0 || error == EPIPE || error == ECONNRESET)
		return (fail(c, EXIT_NODAEMON, "connection lost: the daemon "
		    "ended or restarts"));
	return (fail(c, EXIT_NODAEMON, "connection lost: %s",
	    strerror(error)));
}

static int
protocol(struct client *c, const char *what)
{
	return (fail(c, EXIT_FAILED, "protocol error: %s", what));
}

int
client_unwritten(struct client *c)
{
	return (fail(c, EXIT_FAILED, "%s", ""));
}

/* Say why, and close.  Returns -1. */
static int
fail(struct client *c, int exit_code, const char *fmt, ...)
{
	va_list	 ap;

	c->exit_code = exit_code;
	va_start(ap, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	client_close(c);
	return (-1);
}
