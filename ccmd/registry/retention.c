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
 * How long the history is kept: once an hour each pipeline's old runs go, a
 * few at a time.  Runs in the registry.  Must not delay a commit: each turn
 * has a bound, and nothing waits for the disk.
 *
 * Where what is left is larger than the bound, fewer days are kept until
 * it is not.
 */

#include "config.h"

#include <event2/event.h>
#include <string.h>
#include <time.h>

#include "history.h"
#include "log.h"
#include "proc.h"
#include "registry.h"
#include "retention.h"
#include "store.h"

#define DAY		86400
#define PASS_SECONDS	3600	/* from one pass to the next */
#define FIRST_SECONDS	1	/* a start has other things to do */
#define TURN_MS		5	/* of one turn */
#define TURN_PAUSE_MS	5	/* between two */
#define TURN_ROWS	50	/* that go at once: about a millisecond */
#define FEWER_TENTHS	9	/* of the days, where it is too large */

static struct {
	struct event	*turn;
	int64_t		 days;
	int64_t		 bytes;
	int64_t		 kept;		/* days, in this pass */
	int64_t		 gone;		/* runs, in this pass */
	char		 next[MSG_ID_MAX + 1];	/* "": the first one */
} env = { .days = RETENTION_DAYS, .bytes = RETENTION_BYTES };

static void	 on_turn(evutil_socket_t, short, void *);
static void	 later(int64_t);
static int	 thin_next(int64_t);
static struct record *record_next(void);
static int64_t	 pass_ended(void);

int
retention_init(struct event_base *base)
{
	env.turn = evtimer_new(base, on_turn, NULL);
	return (env.turn == NULL ? -1 :
	    event_priority_set(env.turn, REGISTRY_PRIORITY_LOW));
}

void
retention_set_policy(uint32_t days, uint64_t bytes)
{
	env.days = days == 0 ? RETENTION_DAYS :
	    days < RETENTION_DAYS_MIN ? RETENTION_DAYS_MIN : days;
	env.bytes = bytes == 0 || bytes > INT64_MAX ? RETENTION_BYTES :
	    (int64_t)bytes;
}

void
retention_start(void)
{
	env.kept = env.days;
	later(FIRST_SECONDS * 1000);
}

static void
later(int64_t ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	(void)evtimer_add(env.turn, &tv);
}

static void
on_turn(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	int64_t	 end = proc_now_ms() + TURN_MS;
	int64_t	 before = time(NULL) - env.kept * DAY;
	int	 r;

	/* What is held back for a commit goes first. */
	do
		r = history_pending() ? -1 : thin_next(before);
	while (r == 1 && proc_now_ms() < end);
	later(r == 0 ? pass_ended() : TURN_PAUSE_MS);
}

/* Returns 1 if there may be more, 0 at the end, -1: not now. */
static int
thin_next(int64_t before)
{
	struct record	*r = record_next();
	int		 n;

	if (r == NULL)
		return (0);
	if ((n = history_thin(r->id, before, TURN_ROWS)) > 0)
		env.gone += n;
	if (n < TURN_ROWS)
		(void)strlcpy(env.next, r->id, sizeof(env.next));
	return (1);
}

/* The one behind that whose turn it was; it may have gone meanwhile. */
static struct record *
record_next(void)
{
	return (env.next[0] == '\0' ? store_next(NULL) :
	    store_after(env.next));
}

/* Returns when to go on, in milliseconds. */
static int64_t
pass_ended(void)
{
	int64_t	 size = history_size();

	if (env.gone > 0)
		log_info("%s: %lld runs older than %lld days are gone",
		    HISTORY_FILE, (long long)env.gone, (long long)env.kept);
	env.gone = 0;
	env.next[0] = '\0';
	if (size > env.bytes && env.kept > RETENTION_DAYS_MIN) {
		env.kept = env.kept * FEWER_TENTHS / 10;
		if (env.kept < RETENTION_DAYS_MIN)
			env.kept = RETENTION_DAYS_MIN;
		log_warn("%s: %lld bytes are more than %lld: %lld days are "
		    "kept", HISTORY_FILE, (long long)size,
		    (long long)env.bytes, (long long)env.kept);
		return (TURN_PAUSE_MS);
	}
	if (size > env.bytes)
		log_warn("%s: %lld bytes are more than %lld, but figures need "
		    "%d days", HISTORY_FILE, (long long)size,
		    (long long)env.bytes, RETENTION_DAYS_MIN);
	else if (env.kept < env.days)
		log_info("%s: %lld days fit", HISTORY_FILE,
		    (long long)env.kept);
	env.kept = env.days;
	return (PASS_SECONDS * 1000);
}
