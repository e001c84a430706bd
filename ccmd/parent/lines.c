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
 * What a child writes to its stderr: lines for the log, made visible and
 * bounded.  Runs in the parent.  Must not block, nor be kept busy by a child
 * that writes without end: what is over the bounds of a second is counted
 * and dropped, but for its last words.
 */

#include "config.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "proc.h"

#define LINES_MAX	2000	/* of a child in a second, */
#define LINES_BYTES	(256 * 1024)	/* and bytes in them */
#define LINES_READS	16	/* of a turn, each up to LOG_LINE_MAX bytes */

struct lines {
	struct event	*ev;
	int		 fd;
	const char	*name;
	char		 line[LOG_LINE_MAX];
	size_t		 len;
	int64_t		 second;	/* that is counted, monotonic ms */
	unsigned int	 n;		/* lines in it, */
	size_t		 bytes;		/* and what they hold */
	unsigned int	 dropped;
	char		 last[LOG_LINE_MAX];	/* if it was dropped, or "" */
};

static void	 on_readable(evutil_socket_t, short, void *);
static ssize_t	 take(struct lines *);
static void	 put(struct lines *);
static void	 say_dropped(struct lines *);

struct lines *
lines_new(struct event_base *base, int fd, const char *name)
{
	struct lines	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1 || (l->ev = event_new(base,
	    fd, EV_READ | EV_PERSIST, on_readable, l)) == NULL ||
	    event_add(l->ev, NULL) == -1) {
		free(l);
		close(fd);
		return (NULL);
	}
	l->fd = fd;
	l->name = name;
	return (l);
}

/* The child is gone: its last words, also half a line. */
void
lines_end(struct lines *l)
{
	int	 i;

	/* A pipe holds no more than that. */
	for (i = 0; i < 2 * LINES_READS && take(l) > 0; i++)
		;
	if (l->len > 0)
		put(l);
	if (l->last[0] != '\0' && l->dropped > 0)
		l->dropped--;
	say_dropped(l);
	/* Why it died, perhaps. */
	if (l->last[0] != '\0')
		log_child_line(l->name, l->last);
	event_free(l->ev);
	close(l->fd);
	free(l);
}

static void
on_readable(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct lines	*l = arg;
	int		 i;

	for (i = 0; i < LINES_READS; i++)
		switch (take(l)) {
		case 0:
			event_del(l->ev);
			return;
		case -1:
			return;
		}
}

/* What one read(2) brings; a line that is too long is cut in pieces. */
static ssize_t
take(struct lines *l)
{
	char	*nl;
	size_t	 used, rest;
	ssize_t	 n;

	n = read(l->fd, l->line + l->len, sizeof(l->line) - 1 - l->len);
	if (n <= 0)
		return (n);
	l->len += (size_t)n;
	while ((nl = memchr(l->line, '\n', l->len)) != NULL) {
		used = (size_t)(nl - l->line) + 1;
		rest = l->len - used;
		l->len = used - 1;
		put(l);
		memmove(l->line, nl + 1, rest);
		l->len = rest;
	}
	if (l->len == sizeof(l->line) - 1)
		put(l);
	return (n);
}

static void
put(struct lines *l)
{
	size_t	 len = l->len;

	l->line[len] = '\0';
	l->len = 0;
	l->last[0] = '\0';
	if (lines_permit(l, len))
		log_child_line(l->name, l->line);
	else
		(void)strlcpy(l->last, l->line, sizeof(l->last));
}

int
lines_permit(struct lines *l, size_t len)
{
	int64_t	 now = proc_now_ms();

	if (now - l->second >= 1000) {
		say_dropped(l);
		l->second = now;
		l->n = 0;
		l->bytes = 0;
	}
	l->n++;
	l->bytes += len;
	if (l->n <= LINES_MAX && l->bytes <= LINES_BYTES)
		return (1);
	l->dropped++;
	return (0);
}

static void
say_dropped(struct lines *l)
{
	if (l->dropped > 0)
		log_warn("%s: %u lines were dropped", l->name, l->dropped);
	l->dropped = 0;
}
