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
 * What a credential may still ask of GitHub, and when.  Runs in the poller.
 * Must not do I/O or read a clock.
 */

#include "config.h"

#include <string.h>

#include "budget.h"

/* First looks that have to wait do so for that long at most at a time. */
#define BUDGET_FIRST_WAIT	5000	/* milliseconds */

static void	 advance(struct budget *, int64_t);
static int64_t	 wait_concurrent(const struct budget *, enum budget_kind);
static int64_t	 wait_points(const struct budget *, int64_t,
		    enum budget_kind, uint32_t);
static int	 points_fit(const struct budget *, enum budget_kind,
		    uint32_t, const uint32_t [2]);
static int64_t	 wait_spread(const struct budget *, int64_t);
static int64_t	 floor_of(const struct budget *, enum budget_kind);
static uint32_t	 share(uint32_t, uint32_t);
static int	 is_limited(const struct budget_answer *);
static enum budget_count count_of(const struct budget_answer *);
static void	 learn_hour(struct budget *, const struct budget_answer *,
		    int64_t, int64_t);
static int64_t	 pause_for(struct budget *, const struct budget_answer *,
		    int64_t, int64_t);
static int64_t	 until_reset(const struct budget_answer *, int64_t);
static void	 pause_until(struct budget *, int64_t, int);

void
budget_init(struct budget *b)
{
	memset(b, 0, sizeof(*b));
	b->limit = b->remaining = b->used = b->reset = b->reset_at = -1;
	b->since = -1;
}

void
budget_limits(struct budget *b, uint32_t concurrent, uint32_t points,
    uint32_t reserve)
{
	b->concurrent = concurrent;
	b->points = points;
	b->reserve = reserve;
}

void
budget_forget(struct budget *b)
{
	b->limit = b->remaining = b->used = b->reset = b->reset_at = -1;
	b->paused_until = b->backoff = 0;
	b->spent = b->careful = 0;
}

/* What is left of `whole` without the reserve, but not nothing. */
static uint32_t
share(uint32_t whole, uint32_t reserve)
{
	uint32_t	 n;

	n = (uint32_t)((uint64_t)whole * (100 - reserve) / 100);
	return (n == 0 ? 1 : n);
}

/* Let the past go: old seconds and minutes, and an hour that is over. */
static void
advance(struct budget *b, int64_t now)
{
	int64_t	 second = now / 1000, minute = now / 60000;
	int	 i, slot;

	for (i = 0; b->second < second; i++) {
		if (i == BUDGET_WINDOW) {
			b->second = second;
			break;
		}
		slot = (int)(++b->second % BUDGET_WINDOW);
		b->points_used[0] -= b->window[0][slot];
		b->points_used[1] -= b->window[1][slot];
		b->window[0][slot] = b->window[1][slot] = 0;
	}
	for (i = 0; b->minute < minute; i++) {
		if (i == BUDGET_MINUTES) {
			b->minute = minute;
			break;
		}
		b->charged[++b->minute % BUDGET_MINUTES] = 0;
	}
	if (b->reset_at != -1 && now >= b->reset_at) {
		b->remaining = b->limit;
		b->used = 0;
		b->reset = b->reset_at = -1;
	}
}

int64_t
budget_wait(struct budget *b, int64_t now, enum budget_kind kind, int write)
{
	uint32_t	 points = write ? BUDGET_POINTS_WRITE :
			    BUDGET_POINTS_READ;
	int64_t		 wait, more;

	advance(b, now);
	if ((wait = wait_concurrent(b, kind)) == -1)
		return (-1);
	(void)budget_paused(b, now, kind, &wait);
	if (write && b->next_write - now > wait)
		wait = b->next_write - now;
	if (b->points != 0 &&
	    (more = wait_points(b, now, kind, points)) > wait)
		wait = more;
	if (b->points != 0 && kind == BUDGET_LOOK &&
	    (more = wait_spread(b, now)) > wait)
		wait = more;
	return (wait);
}

static int64_t
wait_concurrent(const struct budget *b, enum budget_kind kind)
{
	uint32_t	 all = b->running[0] + b->running[1], most;

	most = b->concurrent == 0 ? BUDGET_AT_ONCE : b->concurrent;
	if (all >= most || (b->careful && all > 0))
		return (-1);
	return (kind == BUDGET_LOOK && b->running[BUDGET_LOOK] >=
	    share(most, b->reserve) ? -1 : 0);
}

/*
 * When enough of the last minute's points are past it.  At the second: the
 * window is longer than a minute, so that GitHub's own never holds more.
 */
static int64_t
wait_points(const struct budget *b, int64_t now, enum budget_kind kind,
    uint32_t points)
{
	uint32_t	 used[2] = { b->points_used[0], b->points_used[1] };
	int		 i, slot;

	if (points_fit(b, kind, points, used))
		return (0);
	for (i = 1; i <= BUDGET_WINDOW; i++) {
		slot = (int)((b->second + i) % BUDGET_WINDOW);
		used[0] -= b->window[0][slot];
		used[1] -= b->window[1][slot];
		if (points_fit(b, kind, points, used))
			break;
	}
	return ((b->second + i) * 1000 - now);
}

/*
 * Looks leave the reserve alone; but neither commands nor looks can push
 * the others out of a minute altogether.
 */
static int
points_fit(const struct budget *b, enum budget_kind kind, uint32_t points,
    const uint32_t used[2])
{
	uint32_t	 least, all = used[0] + used[1] + points;

	if (used[0] + used[1] == 0)
		return (1);
	if (all > b->points)
		return (0);
	least = share(b->points, 100 - BUDGET_LOOKS_MIN);
	if (kind == BUDGET_COMMAND)
		return (used[BUDGET_COMMAND] + points <= b->points - least);
	return (all <= share(b->points, b->reserve) ||
	    used[BUDGET_LOOK] + points <= least);
}

/* One after the other, as far apart as their points last for a minute. */
static int64_t
wait_spread(const struct budget *b, int64_t now)
{
	int64_t	 us = b->next_look - (now + BUDGET_BURST * 1000) * 1000;

	return (us <= 0 ? 0 : (us + 999) / 1000);
}

void
budget_start(struct budget *b, int64_t now, enum budget_kind kind, int write)
{
	uint32_t	 points = write ? BUDGET_POINTS_WRITE :
			    BUDGET_POINTS_READ;

	advance(b, now);
	b->running[kind]++;
	if (write)
		b->next_write = now + BUDGET_WRITE_GAP;
	b->window[kind][b->second % BUDGET_WINDOW] += points;
	b->points_used[kind] += points;
	if (kind == BUDGET_LOOK && b->points != 0) {
		if (b->next_look < now * 1000)
			b->next_look = now * 1000;
		b->next_look += (int64_t)points * BUDGET_WINDOW * 1000000 /
		    share(b->points, b->reserve);
	}
}

void
budget_end(struct budget *b, enum budget_kind kind)
{
	b->running[kind]--;
}

int
budget_learn(struct budget *b, const struct budget_answer *a, int64_t now,
    int64_t wall)
{
	enum budget_count	 count = count_of(a);

	advance(b, now);
	learn_hour(b, a, now, wall);
	b->answers[count]++;
	if (b->since == -1)
		b->since = now;
	if (count != BUDGET_UNCHANGED && a->status != 0)
		b->charged[b->minute % BUDGET_MINUTES]++;
	if (count == BUDGET_LIMITED) {
		/* Those that were under way say it once more, no worse. */
		if (a->retry_after != -1 || a->remaining == 0 ||
		    b->paused_until <= now)
			pause_until(b, now + pause_for(b, a, now, wall),
			    a->retry_after == -1 && a->remaining == 0);
		b->careful = 1;
		return (1);
	}
	if (count != BUDGET_FAILED && b->paused_until <= now)
		b->backoff = b->careful = 0;
	/* The last one of the hour: don't wait to be refused. */
	if (a->remaining == 0 && a->reset != -1)
		pause_until(b, now + until_reset(a, wall), 1);
	return (0);
}

static enum budget_count
count_of(const struct budget_answer *a)
{
	if (a->status == 0 || a->status >= 500)
		return (BUDGET_FAILED);
	if (is_limited(a))
		return (BUDGET_LIMITED);
	if (a->status >= 400)
		return (BUDGET_REFUSED);
	return (a->status == 304 ? BUDGET_UNCHANGED : BUDGET_OK);
}

/* A 403 is a limit only if it says so; else it is about permissions. */
static int
is_limited(const struct budget_answer *a)
{
	if (a->status == 429)
		return (1);
	return (a->status == 403 &&
	    (a->retry_after != -1 || a->remaining == 0 || a->secondary));
}

/*
 * Answers overtake one another: within an hour what is left only falls,
 * and an older one of an hour that is over says nothing.
 */
static void
learn_hour(struct budget *b, const struct budget_answer *a, int64_t now,
    int64_t wall)
{
	if (a->limit == -1 || a->remaining == -1 || a->reset == -1)
		return;
	if (b->reset != -1 && a->reset < b->reset && a->date < b->said)
		return;
	if (b->reset == -1 || a->reset != b->reset ||
	    a->remaining < b->remaining) {
		b->remaining = a->remaining;
		b->used = a->used;
	}
	b->limit = a->limit;
	b->reset = a->reset;
	b->said = a->date;
	b->reset_at = now + until_reset(a, wall);
}

static void
pause_until(struct budget *b, int64_t until, int spent)
{
	if (until <= b->paused_until)
		return;
	b->paused_until = until;
	b->spent = spent;
}

static int64_t
pause_for(struct budget *b, const struct budget_answer *a, int64_t now,
    int64_t wall)
{
	if (a->retry_after != -1)
		return (a->retry_after > BUDGET_PAUSE_MAX / 1000 ?
		    BUDGET_PAUSE_MAX : a->retry_after * 1000);
	if (a->remaining == 0 && a->reset != -1)
		return (until_reset(a, wall));
	if (b->paused_until > now)
		return (0);
	b->backoff = b->backoff == 0 ? BUDGET_BACKOFF_MIN : b->backoff * 2;
	if (b->backoff > BUDGET_BACKOFF_MAX)
		b->backoff = BUDGET_BACKOFF_MAX;
	return (b->backoff);
}

/*
 * The reset is a time of GitHub's clock, and so is Date: their difference
 * holds even where our own clock is an hour off.
 */
static int64_t
until_reset(const struct budget_answer *a, int64_t wall)
{
	int64_t	 now = a->date != -1 ? a->date : wall;
	int64_t	 ms;

	if (a->reset <= now)
		return (1000);
	ms = (a->reset - now > BUDGET_PAUSE_MAX / 1000 ?
	    BUDGET_PAUSE_MAX / 1000 : a->reset - now + 1) * 1000;
	return (ms > BUDGET_BACKOFF_MAX * 2 ? BUDGET_BACKOFF_MAX * 2 : ms);
}

/* What must remain of the hour for a request of that kind to start. */
static int64_t
floor_of(const struct budget *b, enum budget_kind kind)
{
	return (kind == BUDGET_COMMAND ? 0 :
	    b->limit * (int64_t)b->reserve / 100);
}

enum budget_pause
budget_paused(struct budget *b, int64_t now, enum budget_kind kind,
    int64_t *left)
{
	int64_t	 running = (int64_t)b->running[0] + b->running[1];

	advance(b, now);
	*left = 0;
	if (b->paused_until > now) {
		*left = b->paused_until - now;
		return (b->spent ? BUDGET_PAUSE_SPENT : BUDGET_PAUSE_REFUSED);
	}
	/* Each that runs may turn out to count. */
	if (b->reset_at != -1 &&
	    b->remaining - running <= floor_of(b, kind)) {
		*left = b->reset_at - now;
		return (kind == BUDGET_COMMAND ? BUDGET_PAUSE_SPENT :
		    BUDGET_PAUSE_RESERVE);
	}
	return (BUDGET_NOT_PAUSED);
}

/* What is kept falls with the time that it has to last for. */
int64_t
budget_first_pause(struct budget *b, int64_t now)
{
	int64_t	 running = (int64_t)b->running[0] + b->running[1];
	int64_t	 looks, left, spare, wait;

	advance(b, now);
	if (b->reset_at == -1)
		return (0);
	looks = b->limit - floor_of(b, BUDGET_LOOK);
	left = b->reset_at - now;
	spare = b->remaining - running - floor_of(b, BUDGET_LOOK) -
	    looks * BUDGET_WATCHING / 100 * (left > BUDGET_HOUR ?
	    BUDGET_HOUR : left) / BUDGET_HOUR;
	if (spare > 0)
		return (0);
	wait = looks <= 0 ? left :
	    (1 - spare) * BUDGET_HOUR / looks * 100 / BUDGET_WATCHING;
	/* Watching may take less than is kept for it: looked at anew. */
	if (wait > BUDGET_FIRST_WAIT)
		wait = BUDGET_FIRST_WAIT;
	return (wait < left ? wait : left);
}

void
budget_room(struct budget *b, int64_t now, struct budget_room *room)
{
	uint32_t	 looks, least;
	int64_t		 left;

	advance(b, now);
	room->points = room->charged = -1;
	if (b->points != 0) {
		looks = share(b->points, b->reserve);
		least = share(b->points, 100 - BUDGET_LOOKS_MIN);
		/* What is asked beside them comes first. */
		if (looks > least + b->points_used[BUDGET_COMMAND])
			looks -= b->points_used[BUDGET_COMMAND];
		else
			looks = least;
		room->points = (double)looks / BUDGET_WINDOW;
	}
	if (b->reset_at != -1) {
		left = b->remaining - floor_of(b, BUDGET_LOOK);
		room->charged = left <= 0 ? 0 :
		    (double)left * 1000 / (double)(b->reset_at - now);
	}
}

uint32_t
budget_projected(struct budget *b, int64_t now)
{
	int64_t		 span;
	uint64_t	 sum = 0;
	int		 i;

	advance(b, now);
	if (b->since == -1)
		return (0);
	for (i = 0; i < BUDGET_MINUTES; i++)
		sum += b->charged[i];
	/* The slots hold the present minute and those before it. */
	span = now - (b->minute - (BUDGET_MINUTES - 1)) * 60000;
	if (span > now - b->since)
		span = now - b->since;
	if (span < 60000)
		span = 60000;
	return ((uint32_t)(sum * 3600000 / (uint64_t)span));
}

uint32_t
budget_points(struct budget *b, int64_t now)
{
	advance(b, now);
	return (b->points_used[0] + b->points_used[1]);
}
