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
 * Who is to be looked at next, and how far apart the looks of one are.
 * Runs in the poller.  Must not read a clock, nor know what is due.
 */

#include "config.h"

#include <string.h>

#include "budget.h"
#include "schedule.h"

/* The jitter: up to that share of an interval is left out, per cent. */
#define JITTER		5
#define VARY_MAX	1000
/* A plan leaves a little of the budget, so that queues get shorter. */
#define PLAN_SHARE	0.95
#define PLAN_EVERY	1000	/* milliseconds */
/* Changes of an interval below that share are not worth a new order. */
#define PLAN_STEP	0.02
/* What a plan moves an interval by, of the way: all are due at once else. */
#define PLAN_PACE	0.2
/* What a look costs is the average of about that many. */
#define COST_MEMORY	256.0
/* Late is who waits for that part of an interval. */
#define LATE_PART	4
/* Of a minute's points what is left to first looks while there are any. */
#define FIRST_SHARE	0.1
/* Classes that cost less than that share are not stretched in vain. */
#define WORTH_IT	0.02

/* A limit on looks: what one of each class costs, and what there is. */
struct demand {
	double	 weight[DUE_CLASSES];	/* members times cost of a look */
	double	 room;			/* a second */
};

static int	 due_cmp(struct due *, struct due *);
static void	 enqueue(struct schedule *, struct due *);
static void	 dequeue(struct schedule *, struct due *);
static int64_t	 due_at(const struct schedule *, const struct due *);
static uint8_t	 rank_of(const struct due *);
static void	 count(struct schedule *, const struct due *, int);
static int	 waits_long(struct schedule *, int64_t);
static int64_t	 wait_for(const struct due *, struct budget *, int64_t);
static int64_t	 wait_first(struct budget *, int64_t);
static int64_t	 sooner(int64_t, int64_t);
static void	 learn_cost(struct schedule *, enum due_class, int, int);
static void	 fit(const struct schedule *, const struct demand *,
		    double [DUE_CLASSES]);
static double	 load(const struct demand *, const double [DUE_CLASSES]);
static int	 take_plan(struct schedule *, const double [DUE_CLASSES]);
static void	 reorder(struct schedule *);

TREE_GENERATE(due_tree, due, entry, due_cmp)

static int
due_cmp(struct due *a, struct due *b)
{
	if (a->at != b->at)
		return (a->at < b->at ? -1 : 1);
	return (a->order < b->order ? -1 : a->order > b->order);
}

void
schedule_init(struct schedule *s, uint32_t seed)
{
	int	 i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < DUE_RANKS; i++)
		RB_INIT(&s->trees[i]);
	s->seed = seed | 1;
	s->requests[DUE_QUIET] = s->requests[DUE_ACTIVE] = 1;
	s->planned = -PLAN_EVERY;
	schedule_set(s, 10, 60, 300);
}

void
schedule_set(struct schedule *s, uint32_t active, uint32_t idle,
    uint32_t max)
{
	s->base[DUE_ACTIVE] = (int64_t)active * 1000;
	s->base[DUE_QUIET] = (int64_t)idle * 1000;
	s->max = (int64_t)(max < idle ? idle : max) * 1000;
	s->interval[DUE_ACTIVE] = s->base[DUE_ACTIVE];
	s->interval[DUE_QUIET] = s->base[DUE_QUIET];
	s->why = SCHEDULE_AS_CONFIGURED;
	s->planned = -PLAN_EVERY;
	reorder(s);
}

static int64_t
due_at(const struct schedule *s, const struct due *due)
{
	int64_t	 interval = s->interval[due->class], at;

	at = due->last + interval -
	    interval * JITTER / 100 * due->vary / VARY_MAX;
	return (at < due->not_before ? due->not_before : at);
}

static void
enqueue(struct schedule *s, struct due *due)
{
	due->order = s->order++;
	due->queued = 1;
	RB_INSERT(due_tree, &s->trees[due->rank], due);
}

static void
dequeue(struct schedule *s, struct due *due)
{
	if (!due->queued)
		return;
	RB_REMOVE(due_tree, &s->trees[due->rank], due);
	due->queued = 0;
}

void
schedule_join(struct schedule *s, struct due *due, int64_t now)
{
	if (due->joined)
		return;
	memset(due, 0, sizeof(*due));
	due->joined = 1;
	due->class = DUE_QUIET;
	due->rank = DUE_IDLE;
	due->last = due->at = now;
	count(s, due, 1);
	enqueue(s, due);
}

void
schedule_first(struct schedule *s, struct due *due)
{
	int	 queued = due->queued;

	if (!due->joined || due->first || due->class == DUE_ACTIVE)
		return;
	dequeue(s, due);
	count(s, due, -1);
	due->first = 1;
	count(s, due, 1);
	if (due->rank >= DUE_RUNNING)
		due->rank = rank_of(due);
	if (queued)
		enqueue(s, due);
}

static void
count(struct schedule *s, const struct due *due, int by)
{
	uint32_t	*n = due->first ? &s->firsts : &s->members[due->class];

	*n += (uint32_t)by;
}

void
schedule_class(struct schedule *s, struct due *due, enum due_class class)
{
	int	 queued = due->queued;

	if (due->class == class)
		return;
	dequeue(s, due);
	count(s, due, -1);
	due->class = (uint8_t)class;
	/* Something is known of it: it is watched. */
	if (class == DUE_ACTIVE)
		due->first = 0;
	count(s, due, 1);
	if (due->rank >= DUE_RUNNING)
		due->rank = rank_of(due);
	if (queued)
		enqueue(s, due);
}

static uint8_t
rank_of(const struct due *due)
{
	if (due->first)
		return (DUE_FIRST);
	return (due->class == DUE_ACTIVE ? DUE_RUNNING : DUE_IDLE);
}

void
schedule_leave(struct schedule *s, struct due *due)
{
	if (!due->joined)
		return;
	dequeue(s, due);
	count(s, due, -1);
	due->joined = 0;
}

/* Once urgent it stays so until it was looked at. */
void
schedule_now(struct schedule *s, struct due *due, int64_t now, int urgent)
{
	dequeue(s, due);
	if (urgent)
		due->rank = DUE_URGENT;
	else if (due->rank > DUE_WANTED && !due->first)
		due->rank = DUE_WANTED;
	if (due->first)
		due->at = 0;
	if (due->at > now)
		due->at = now;
	enqueue(s, due);
}

void
schedule_looked(struct schedule *s, struct due *due, int64_t now,
    enum due_class class, int64_t not_before, int requests, int charged)
{
	dequeue(s, due);
	if (requests >= 0)
		learn_cost(s, (enum due_class)due->class, requests, charged);
	count(s, due, -1);
	due->class = (uint8_t)class;
	due->first = 0;
	count(s, due, 1);
	/* xorshift (Marsaglia, 2003): this need not be secret. */
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 17;
	s->seed ^= s->seed << 5;
	due->vary = (uint16_t)(s->seed % (VARY_MAX + 1));
	due->rank = rank_of(due);
	due->last = now;
	due->not_before = not_before;
	due->at = due_at(s, due);
	enqueue(s, due);
}

static void
learn_cost(struct schedule *s, enum due_class class, int requests,
    int charged)
{
	s->requests[class] += (requests - s->requests[class]) / COST_MEMORY;
	s->charged[class] += (charged - s->charged[class]) / COST_MEMORY;
}

struct due *
schedule_take(struct schedule *s, struct budget *b, int64_t now,
    int64_t *wait)
{
	static const enum due_rank usual[] = {
		DUE_URGENT, DUE_WANTED, DUE_RUNNING, DUE_FIRST, DUE_IDLE
	}, overdue[] = {
		DUE_URGENT, DUE_WANTED, DUE_IDLE, DUE_RUNNING, DUE_FIRST
	};
	const enum due_rank	*order;
	struct due		*due;
	int64_t			 w;
	int			 i;

	if (now - s->planned >= PLAN_EVERY)
		(void)schedule_plan(s, b, now);
	order = waits_long(s, now) ? overdue : usual;
	*wait = -1;
	for (i = 0; i < DUE_RANKS; i++) {
		due = RB_MIN(due_tree, &s->trees[order[i]]);
		if (due == NULL)
			continue;
		if ((w = wait_for(due, b, now)) == 0) {
			dequeue(s, due);
			*wait = 0;
			return (due);
		}
		*wait = sooner(*wait, w);
	}
	/* What stretches now may soon not do so any more. */
	if (s->why != SCHEDULE_AS_CONFIGURED)
		*wait = sooner(*wait, PLAN_EVERY);
	return (NULL);
}

/* Is the idle one that waits longest late by a good part of its interval? */
static int
waits_long(struct schedule *s, int64_t now)
{
	struct due	*due = RB_MIN(due_tree, &s->trees[DUE_IDLE]);

	return (due != NULL &&
	    now - due->at > s->interval[DUE_QUIET] / LATE_PART);
}

static int64_t
wait_for(const struct due *due, struct budget *b, int64_t now)
{
	if (due->at > now)
		return (due->at - now);
	if (due->first && due->rank != DUE_URGENT)
		return (wait_first(b, now));
	return (budget_wait(b, now, due->rank == DUE_URGENT ?
	    BUDGET_COMMAND : BUDGET_LOOK, 0));
}

static int64_t
wait_first(struct budget *b, int64_t now)
{
	int64_t	 wait = budget_wait(b, now, BUDGET_LOOK, 0), more;

	if (wait == -1 || (more = budget_first_pause(b, now)) < wait)
		return (wait);
	return (more);
}

/* Of two waits, where -1 is for an event. */
static int64_t
sooner(int64_t a, int64_t b)
{
	if (a == -1 || b == -1)
		return (a > b ? a : b);
	return (a < b ? a : b);
}

void
schedule_each(struct schedule *s, int64_t now,
    void (*tell)(struct due *, void *), void *arg)
{
	struct due	*due;
	int		 i;

	for (i = 0; i < DUE_RANKS; i++)
		RB_FOREACH(due, due_tree, &s->trees[i]) {
			if (due->at > now)
				break;
			tell(due, arg);
		}
}

int
schedule_plan(struct schedule *s, struct budget *b, int64_t now)
{
	struct budget_room	 room;
	struct demand		 points, hour;
	double			 by_points[DUE_CLASSES], by_hour[DUE_CLASSES];
	int			 i;

	s->planned = now;
	budget_room(b, now, &room);
	for (i = 0; i < DUE_CLASSES; i++) {
		points.weight[i] = s->members[i] * s->requests[i];
		hour.weight[i] = s->members[i] * s->charged[i];
	}
	points.room = room.points * PLAN_SHARE;
	if (s->firsts > 0)
		points.room *= 1 - FIRST_SHARE;
	hour.room = room.charged * PLAN_SHARE;
	/* Nothing left: that is a pause until the hour is over, no plan. */
	if (room.charged == 0)
		hour.room = -1;
	fit(s, &points, by_points);
	fit(s, &hour, by_hour);
	s->why = SCHEDULE_AS_CONFIGURED;
	for (i = 0; i < DUE_CLASSES; i++) {
		if (by_points[i] > (double)s->base[i] * (1 + PLAN_STEP))
			s->why = SCHEDULE_BY_POINTS;
		if (by_hour[i] > by_points[i] * (1 + PLAN_STEP)) {
			by_points[i] = by_hour[i];
			s->why = SCHEDULE_BY_HOUR;
		}
	}
	return (take_plan(s, by_points));
}

/* What the looks cost at these intervals, a second. */
static double
load(const struct demand *d, const double interval[DUE_CLASSES])
{
	double	 sum = 0;
	int	 i;

	for (i = 0; i < DUE_CLASSES; i++)
		sum += d->weight[i] * 1000 / interval[i];
	return (sum);
}

/* The shortest intervals that fit, in the order that schedule.h tells. */
static void
fit(const struct schedule *s, const struct demand *d,
    double interval[DUE_CLASSES])
{
	double	 idle = (double)s->base[DUE_QUIET], left, factor;
	double	 active = (double)s->base[DUE_ACTIVE];
	double	 quiet_load = d->weight[DUE_QUIET] * 1000 / idle;

	interval[DUE_QUIET] = idle;
	interval[DUE_ACTIVE] = active;
	if (d->room < 0 || load(d, interval) <= d->room)
		return;
	if (quiet_load > WORTH_IT * load(d, interval)) {
		left = d->room - d->weight[DUE_ACTIVE] * 1000 / active;
		interval[DUE_QUIET] = (double)s->max;
		if (load(d, interval) <= d->room) {
			interval[DUE_QUIET] = d->weight[DUE_QUIET] * 1000 /
			    left;
			return;
		}
	}
	if (active < idle) {
		left = d->room - d->weight[DUE_QUIET] * 1000 /
		    interval[DUE_QUIET];
		interval[DUE_ACTIVE] = idle;
		if (load(d, interval) <= d->room) {
			interval[DUE_ACTIVE] = d->weight[DUE_ACTIVE] * 1000 /
			    left;
			return;
		}
	}
	factor = d->room > 0 ? load(d, interval) / d->room :
	    (double)SCHEDULE_LONGEST;
	interval[DUE_QUIET] *= factor;
	interval[DUE_ACTIVE] *= factor;
}

static int
take_plan(struct schedule *s, const double interval[DUE_CLASSES])
{
	double	 goal, now, step;
	int	 i, changed = 0;

	for (i = 0; i < DUE_CLASSES; i++) {
		now = (double)s->interval[i];
		goal = interval[i] > (double)SCHEDULE_LONGEST ?
		    (double)SCHEDULE_LONGEST : interval[i];
		step = now * PLAN_STEP;
		if (goal >= now - step && goal <= now + step) {
			if (goal > (double)s->base[i] ||
			    s->interval[i] == s->base[i])
				continue;
		} else
			goal = now + (goal - now) * PLAN_PACE;
		s->interval[i] = (int64_t)goal;
		changed = 1;
	}
	if (changed)
		reorder(s);
	return (changed);
}

/*
 * The intervals are others now, and so are the times that all are due; what
 * is wanted now is not put off.
 */
static void
reorder(struct schedule *s)
{
	struct due_tree	 old;
	struct due	*due;
	int		 i;

	for (i = DUE_RUNNING; i <= DUE_IDLE; i++) {
		if (i == DUE_FIRST)
			continue;
		old = s->trees[i];
		RB_INIT(&s->trees[i]);
		while ((due = RB_MIN(due_tree, &old)) != NULL) {
			RB_REMOVE(due_tree, &old, due);
			/* One that was never looked at stays due. */
			if (due->at != due->last)
				due->at = due_at(s, due);
			RB_INSERT(due_tree, &s->trees[i], due);
		}
	}
}

uint32_t
schedule_interval(const struct schedule *s, enum due_class class)
{
	return ((uint32_t)((s->interval[class] + 999) / 1000));
}
