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
 * Files that travel between the daemon and here over a socketpair, whose
 * other end goes along with the operation.  Part of ccmctl.  Must not leave
 * half a file behind, nor one that others can read.
 */

#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"

#define PIECE		(64 * 1024)
/* Seconds without anything happening. */
#define FILE_TIMEOUT	120

struct travel {
	struct client	*c;
	int		 giving;	/* to the daemon */
	int		 file;		/* what is read or written */
	int		 sock;		/* -1: all went over it */
	char		*temporary;	/* until it is whole; NULL: stdout */
	const char	*path;
	char		 piece[PIECE];
	size_t		 off;
	size_t		 len;		/* of the piece */
	int64_t		 total;
};

static int	 open_file(struct travel *);
static int	 open_new(struct travel *);
static int	 begin(struct travel *, const struct verb *,
		    struct json_object *);
static int	 run(struct travel *);
static int	 move(struct travel *);
static int	 give(struct travel *);
static int	 take(struct travel *);
static int	 keep(struct travel *);
static void	 end(struct travel *);
static int	 unwritten(struct travel *);
static int	 fail(struct travel *, const char *, const char *);

int
file_call(struct client *c, const struct verb *verb,
    struct json_object *args, const char *path)
{
	struct travel	 t = { .c = c, .file = -1, .sock = -1, .path = path };
	int		 r = -1;

	t.giving = verb->id != VERB_REGISTRY_EXPORT;
	if ((t.giving ? open_file(&t) : open_new(&t)) == 0 &&
	    begin(&t, verb, args) == 0 && run(&t) == 0)
		r = t.giving || c->status >= 400 ? 0 : keep(&t);
	end(&t);
	return (r);
}

static int
open_file(struct travel *t)
{
	t->file = strcmp(t->path, "-") == 0 ?
	    dup(STDIN_FILENO) : open(t->path, O_RDONLY | O_CLOEXEC);
	return (t->file == -1 ? fail(t, t->path, strerror(errno)) : 0);
}

/* Beside it, and renamed once it is whole. */
static int
open_new(struct travel *t)
{
	if (strcmp(t->path, "-") == 0) {
		t->file = dup(STDOUT_FILENO);
		return (t->file == -1 ? fail(t, "standard output",
		    strerror(errno)) : 0);
	}
	if (asprintf(&t->temporary, "%s.XXXXXXXXXX", t->path) == -1) {
		t->temporary = NULL;
		return (fail(t, t->path, strerror(errno)));
	}
	/* Who interrupts us finds no half of a file. */
	signals_catch();
	if ((t->file = mkostemp(t->temporary, O_CLOEXEC)) != -1)
		return (0);
	free(t->temporary);
	t->temporary = NULL;
	return (fail(t, t->path, strerror(errno)));
}

static int
begin(struct travel *t, const struct verb *verb, struct json_object *args)
{
	int	 pair[2];

	if (client_greeted(t->c) == -1)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    pair) == -1)
		return (fail(t, "socketpair", strerror(errno)));
	t->sock = pair[0];
	return (client_send_file(t->c, verb->name, args, pair[1]));
}

/* The answer may come early: a file that is refused is not read on. */
static int
run(struct travel *t)
{
	static const struct timespec	 ts = { FILE_TIMEOUT, 0 };
	enum client_event	 event = CLIENT_MORE;
	struct pollfd		 pfd[2];

	while (event != CLIENT_ANSWER || (t->sock != -1 && !t->giving &&
	    t->c->status < 400)) {
		pfd[0].fd = event == CLIENT_ANSWER ? -1 : t->c->fd;
		pfd[0].events = event == CLIENT_ANSWER ? 0 :
		    client_events(t->c);
		pfd[1].fd = t->sock;
		pfd[1].events = t->giving ? POLLOUT : POLLIN;
		pfd[0].revents = pfd[1].revents = 0;
		switch (ppoll(pfd, 2, &ts, signals_mask())) {
		case -1:
			if (errno != EINTR)
				return (fail(t, "poll", strerror(errno)));
			if (signals_back() || signals_ended())
				return (fail(t, t->path, "given up"));
			continue;
		case 0:
			return (fail(t, "the daemon", "does not go on"));
		}
		if (pfd[1].revents != 0 && move(t) == -1)
			return (-1);
		if (pfd[0].revents != 0 &&
		    (event = client_step(t->c)) == CLIENT_FAILED)
			return (-1);
	}
	return (0);
}

static int
move(struct travel *t)
{
	int	 r = t->giving ? give(t) : take(t);

	if (r == 0) {
		close(t->sock);
		t->sock = -1;
	}
	return (r == -1 ? -1 : 0);
}

/* 1 while there is more, 0 at the end, -1 failed. */
static int
give(struct travel *t)
{
	ssize_t	 n;

	if (t->off == t->len) {
		n = read(t->file, t->piece, sizeof(t->piece));
		if (n == -1)
			return (fail(t, t->path, strerror(errno)));
		if (n == 0)
			return (0);
		t->off = 0;
		t->len = (size_t)n;
	}
	n = send(t->sock, t->piece + t->off, t->len - t->off, MSG_NOSIGNAL);
	if (n == -1 && errno == EAGAIN)
		return (1);
	/* It takes no more: the answer says why. */
	if (n == -1)
		return (0);
	t->off += (size_t)n;
	t->total += n;
	return (1);
}

static int
take(struct travel *t)
{
	ssize_t	 n, w, done;

	n = read(t->sock, t->piece, sizeof(t->piece));
	if (n == -1 && errno == EAGAIN)
		return (1);
	if (n == -1)
		return (fail(t, "the daemon", strerror(errno)));
	for (done = 0; done < n; done += w) {
		w = write(t->file, t->piece + done, (size_t)(n - done));
		if (w == -1 && errno == EINTR)
			w = 0;
		else if (w == -1)
			return (unwritten(t));
	}
	t->total += n;
	return (n > 0);
}

/* All of it came: it gets its name. */
static int
keep(struct travel *t)
{
	if (view_integer(t->c->answer, "bytes") != t->total)
		return (fail(t, t->path, "not all of it came"));
	if (t->temporary == NULL)
		return (0);
	if (fsync(t->file) == -1 || rename(t->temporary, t->path) == -1)
		return (fail(t, t->path, strerror(errno)));
	free(t->temporary);
	t->temporary = NULL;
	return (0);
}

static void
end(struct travel *t)
{
	explicit_bzero(t->piece, sizeof(t->piece));
	if (t->temporary != NULL)
		(void)unlink(t->temporary);
	free(t->temporary);
	if (t->file != -1)
		close(t->file);
	if (t->sock != -1)
		close(t->sock);
}

/* Who reads standard output and has enough is told nothing. */
static int
unwritten(struct travel *t)
{
	if (t->temporary == NULL && errno == EPIPE)
		return (client_unwritten(t->c));
	return (fail(t, t->temporary == NULL ? "standard output" : t->path,
	    strerror(errno)));
}

static int
fail(struct travel *t, const char *what, const char *why)
{
	t->c->exit_code = EXIT_FAILED;
	(void)snprintf(t->c->why, sizeof(t->c->why), "%s: %s", what, why);
	return (-1);
}
