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
 * What each HTTP connection waits for, and until when.  Part of the api.
 * All that wait for the same thing wait as long, so each list is in the
 * order of its deadlines.  Must not end a connection: conn.c does.
 */

#include "config.h"

#include <sys/queue.h>

#include "api.h"
#include "conn.h"
#include "limit.h"
#include "proc.h"
#include "timeout.h"

#define TIMEOUT_EXPIRES		64	/* of a list, in one turn */
#define TIMEOUT_LINGER_MS	2000	/* for the client to read the last */
/* Where all are taken, who has kept us waiting for that long may go. */
#define TIMEOUT_SLOW_MS		1000

static int	 length_ms(enum conn_wait);
static int	 expire(enum conn_wait, timeout_late);

/* Which limit each may run into. */
static const struct {
	int		 ends;
	enum limit	 limit;		/* LIMIT_MAX: none that is counted */
} waits[WAIT_MAX] = {
	[WAIT_IDLE] = { 1, LIMIT_IDLE },
	[WAIT_READING] = { 1, LIMIT_REQUEST },
	[WAIT_WRITING] = { 1, LIMIT_ANSWER },
	[WAIT_LINGERING] = { 1, LIMIT_MAX },
	[WAIT_RING] = { 0, LIMIT_MAX },		/* it has its own end */
	[WAIT_HELD] = { 0, LIMIT_MAX },		/* conn.c's timer */
	[WAIT_STREAM] = { 0, LIMIT_MAX },	/* its subscriber has its own */
};

static TAILQ_HEAD(conn_list, conn) lists[WAIT_MAX];

void
timeout_init(void)
{
	int	 w;

	for (w = 0; w < WAIT_MAX; w++)
		TAILQ_INIT(&lists[w]);
}

static int
length_ms(enum conn_wait w)
{
	const struct limits	*l = limit_get();

	switch (w) {
	case WAIT_IDLE:
		return ((int)l->idle * 1000);
	case WAIT_READING:
		return ((int)l->request * 1000);
	case WAIT_WRITING:
		return ((int)l->answer * 1000);
	case WAIT_LINGERING:
		return (TIMEOUT_LINGER_MS);
	case WAIT_HELD:
		return (SLOW_MS);
	default:
		return (0);
	}
}

void
timeout_set(struct conn *c, enum conn_wait w)
{
	timeout_clear(c);
	c->wait = w;
	c->deadline = proc_now_ms() + length_ms(w);
	TAILQ_INSERT_TAIL(&lists[w], c, entry);
}

void
timeout_clear(struct conn *c)
{
	if (c->wait != WAIT_NOTHING)
		TAILQ_REMOVE(&lists[c->wait], c, entry);
	c->wait = WAIT_NOTHING;
}

struct conn *
timeout_first(enum conn_wait w)
{
	return (TAILQ_FIRST(&lists[w]));
}

void
timeout_each(void (*call)(struct conn *))
{
	struct conn	*c;
	int		 w;

	for (w = 0; w < WAIT_MAX; w++)
		TAILQ_FOREACH(c, &lists[w], entry)
			call(c);
}

/* What may take less time from now on may also for those that are there. */
void
timeout_shorten(void)
{
	struct conn	*c;
	int64_t		 end;
	int		 w;

	for (w = 0; w < WAIT_MAX; w++) {
		end = proc_now_ms() + length_ms((enum conn_wait)w);
		TAILQ_FOREACH(c, &lists[w], entry)
			if (c->deadline > end)
				c->deadline = end;
	}
}

struct conn *
timeout_spare(void)
{
	struct conn	*c;
	int64_t		 late = proc_now_ms() - TIMEOUT_SLOW_MS;

	TAILQ_FOREACH(c, &lists[WAIT_IDLE], entry)
		if (c->served || c->deadline - length_ms(WAIT_IDLE) <= late)
			return (c);
	TAILQ_FOREACH(c, &lists[WAIT_READING], entry)
		if (c->deadline - length_ms(WAIT_READING) <= late)
			return (c);
	return (NULL);
}

int
timeout_run(timeout_late late)
{
	int	 w, more = 0;

	for (w = 0; w < WAIT_MAX; w++)
		if (waits[w].ends)
			more |= expire((enum conn_wait)w, late);
	return (more);
}

static int
expire(enum conn_wait w, timeout_late late)
{
	struct conn	*c, *next;
	int64_t		 now = proc_now_ms();
	int		 n = 0;

	TAILQ_FOREACH_SAFE(c, &lists[w], entry, next) {
		if (c->deadline > now)
			break;
		if (n++ == TIMEOUT_EXPIRES)
			return (1);
		late(c, waits[w].limit);
	}
	return (0);
}
