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

static int	 is_limited(const struct budget_answer *);
static int64_t	 pause_for(struct budget *, const struct budget_answer *,
		    int64_t);
static int64_t	 until_reset(const struct budget_answer *, int64_t);

void
budget_init(struct budget *b, uint32_t concurrent)
{
	memset(b, 0, sizeof(*b));
	b->concurrent = concurrent;
	b->limit = b->remaining = b->used = b->reset = -1;
}

int64_t
budget_wait(const struct budget *b, int64_t now, int write)
{
	int64_t	 wait = 0;

	if (b->concurrent != 0 && b->running >= b->concurrent)
		return (-1);
	if (b->paused_until > now)
		wait = b->paused_until - now;
	if (write && b->next_write > now && b->next_write - now > wait)
		wait = b->next_write - now;
	return (wait);
}

void
budget_start(struct budget *b, int64_t now, int write)
{
	b->running++;
	if (write)
		b->next_write = now + BUDGET_WRITE_GAP;
}

void
budget_end(struct budget *b)
{
	b->running--;
}

int
budget_learn(struct budget *b, const struct budget_answer *a, int64_t now,
    int64_t wall)
{
	int64_t	 until;
	int	 kind;

	if (a->limit != -1)
		b->limit = a->limit;
	if (a->remaining != -1)
		b->remaining = a->remaining;
	if (a->used != -1)
		b->used = a->used;
	if (a->reset != -1)
		b->reset = a->reset;
	kind = a->status == 304 ? 1 : a->status == 0 || a->status >= 500 ? 3 :
	    a->status >= 400 ? 2 : 0;
	b->answers[kind]++;

	if (is_limited(a)) {
		until = now + pause_for(b, a, wall);
		if (until > b->paused_until)
			b->paused_until = until;
		return (1);
	}
	if (kind <= 1)
		b->backoff = 0;
	/* The last one of the hour: don't wait to be refused. */
	if (a->remaining == 0 && a->status != 0) {
		until = now + until_reset(a, wall);
		if (until > b->paused_until)
			b->paused_until = until;
	}
	return (0);
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

static int64_t
pause_for(struct budget *b, const struct budget_answer *a, int64_t wall)
{
	if (a->retry_after != -1)
		return (a->retry_after * 1000);
	if (a->remaining == 0 && a->reset != -1)
		return (until_reset(a, wall));
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

	if (a->reset == -1)
		return (0);
	if (a->reset <= now)
		return (1000);
	ms = (a->reset - now + 1) * 1000;
	return (ms > BUDGET_BACKOFF_MAX * 2 ? BUDGET_BACKOFF_MAX * 2 : ms);
}
