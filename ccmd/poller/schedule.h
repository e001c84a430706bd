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
 * Who is to be looked at next: a priority queue by the time that each is
 * due, and how far apart the looks of one are.  Runs in the poller.  Pure
 * arithmetic on a clock that is handed in: no I/O, no timer, and it does
 * not know what is due; so that an hour can be tested in a second.
 *
 * Intervals are as configured as long as the budget allows it.  When it
 * does not they grow, all of a class alike:
 *
 *	1. those of quiet ones, up to `max`
 *	2. those of active ones, up to `idle`
 *	3. beyond that both, by the same factor
 *
 * What each class costs is measured, since most answers are free.
 *
 * Those that were never looked at are no part of that plan.  They cost much
 * of the hour, once, and go where the budget has it to spare (budget.h):
 * behind those where something runs, before those where nothing does.
 *
 * Of those that are due the higher rank goes first, in it who waits longest.
 * Nobody starves: the plan leaves room for all, and one that waits for long
 * goes before others that only run.
 */

#ifndef CCM_POLLER_SCHEDULE_H
#define CCM_POLLER_SCHEDULE_H

#include <stdint.h>

#include "tree.h"

struct budget;

enum due_class {
	DUE_QUIET,
	DUE_ACTIVE,		/* something runs, or was asked for */
	DUE_CLASSES
};

/* Who goes first of those that are due. */
enum due_rank {
	DUE_URGENT,		/* somebody waits for it */
	DUE_WANTED,		/* new, or just changed */
	DUE_RUNNING,		/* DUE_ACTIVE */
	DUE_FIRST,		/* never looked at */
	DUE_IDLE,		/* DUE_QUIET */
	DUE_RANKS
};

/* Why intervals are longer than configured. */
enum schedule_stretch {
	SCHEDULE_AS_CONFIGURED,
	SCHEDULE_BY_POINTS,	/* of a minute */
	SCHEDULE_BY_HOUR
};

struct due {
	RB_ENTRY(due)	 entry;
	int64_t		 last;		/* look, monotonic milliseconds */
	int64_t		 not_before;	/* monotonic milliseconds */
	int64_t		 at;		/* when it is due */
	uint64_t	 order;		/* of equals the first queued */
	uint16_t	 vary;		/* its share of the jitter */
	uint8_t		 class;
	uint8_t		 rank;
	uint8_t		 joined;
	uint8_t		 queued;
	uint8_t		 first;		/* it was never looked at */
};
RB_HEAD(due_tree, due);

struct schedule {
	struct due_tree	 trees[DUE_RANKS];
	uint64_t	 order;
	uint32_t	 members[DUE_CLASSES];	/* that are watched */
	uint32_t	 firsts;		/* that are yet to be */
	int64_t		 base[DUE_CLASSES];	/* configured, milliseconds */
	int64_t		 max;
	int64_t		 interval[DUE_CLASSES];	/* at present */
	enum schedule_stretch why;
	double		 requests[DUE_CLASSES];	/* a look, on the average */
	double		 charged[DUE_CLASSES];	/* of them those that count */
	int64_t		 planned;	/* monotonic milliseconds */
	uint32_t	 seed;
};

/* An interval is never longer, whatever the budget says: milliseconds. */
#define SCHEDULE_LONGEST	(3600 * (int64_t)1000)

void schedule_init(struct schedule *s, uint32_t seed);

/* Configured intervals in seconds; a `max` below `idle` is `idle`. */
void schedule_set(struct schedule *s, uint32_t active, uint32_t idle,
    uint32_t max);

/* One more is to be looked at, from now on; is another; no longer is. */
void schedule_join(struct schedule *s, struct due *due, int64_t now);
void schedule_class(struct schedule *s, struct due *due,
    enum due_class class);
void schedule_leave(struct schedule *s, struct due *due);

/*
 * Nothing is known of one that has joined, not even that something runs: its
 * next look is its first, and costs accordingly.
 */
void schedule_first(struct schedule *s, struct due *due);

/*
 * It is wanted now; `urgent`: somebody waits.  Of those that were never
 * looked at it goes before the others.
 */
void schedule_now(struct schedule *s, struct due *due, int64_t now,
    int urgent);

/*
 * A look at it ended.  `requests` went for it, `charged` of them count for
 * the hour; negative `requests`: they say nothing of what a look costs.
 * Due again an interval later, but not before `not_before`.
 */
void schedule_looked(struct schedule *s, struct due *due, int64_t now,
    enum due_class class, int64_t not_before, int requests, int charged);

/*
 * The next that is due and that the budget lets be looked at, out of the
 * queue.  NULL: none yet, `*wait` milliseconds from now; -1 when it takes
 * an event: a request that ends, somebody who joins.
 */
struct due *schedule_take(struct schedule *s, struct budget *b, int64_t now,
    int64_t *wait);

/* All that are due, for whoever must tell them that they wait. */
void schedule_each(struct schedule *s, int64_t now,
    void (*tell)(struct due *, void *), void *arg);

/*
 * Fit the intervals to the budget; done by schedule_take once a second.
 * Returns 1 if they changed.
 */
int schedule_plan(struct schedule *s, struct budget *b, int64_t now);

/* A class's interval now, in whole seconds, rounded up. */
uint32_t schedule_interval(const struct schedule *s, enum due_class class);

#endif
