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
 * What is due when: a priority queue by time with one timer.  Runs in the
 * poller.  Must not know what is due.
 */

#include "config.h"

#include <event2/event.h>

#include "proc.h"
#include "schedule.h"

/* Runs of one turn; the rest wait for the next, behind other events. */
#define SCHEDULE_BATCH	64

RB_HEAD(due_tree, due);

static struct {
	struct due_tree	 tree;
	struct event	*timer;
	void		(*run)(struct due *);
	uint64_t	 order;
} env = { .tree = RB_INITIALIZER(&env.tree) };

static int	 due_cmp(struct due *, struct due *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 arm(void);

TREE_GENERATE(due_tree, due, entry, due_cmp)

static int
due_cmp(struct due *a, struct due *b)
{
	if (a->at != b->at)
		return (a->at < b->at ? -1 : 1);
	return (a->order < b->order ? -1 : a->order > b->order);
}

int
schedule_init(struct event_base *base, void (*run)(struct due *))
{
	env.run = run;
	env.timer = evtimer_new(base, on_timer, NULL);
	return (env.timer == NULL ? -1 : 0);
}

void
schedule_at(struct due *due, int64_t at)
{
	schedule_remove(due);
	due->at = at;
	due->order = env.order++;
	due->queued = 1;
	RB_INSERT(due_tree, &env.tree, due);
	arm();
}

void
schedule_remove(struct due *due)
{
	if (!due->queued)
		return;
	RB_REMOVE(due_tree, &env.tree, due);
	due->queued = 0;
}

int64_t
schedule_jitter(uint32_t seconds, uint32_t random)
{
	int64_t	 ms = (int64_t)seconds * 1000;

	return (ms - ms / 20 + (int64_t)(random % 1000) * (ms / 20) / 1000);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct due	*due;
	int64_t		 now = proc_now_ms();
	int		 n;

	for (n = 0; n < SCHEDULE_BATCH; n++) {
		due = RB_MIN(due_tree, &env.tree);
		if (due == NULL || due->at > now)
			break;
		schedule_remove(due);
		env.run(due);
	}
	arm();
}

static void
arm(void)
{
	struct due	*due = RB_MIN(due_tree, &env.tree);
	struct timeval	 tv;
	int64_t		 left;

	if (due == NULL) {
		evtimer_del(env.timer);
		return;
	}
	if ((left = due->at - proc_now_ms()) < 0)
		left = 0;
	tv.tv_sec = left / 1000;
	tv.tv_usec = (left % 1000) * 1000;
	evtimer_add(env.timer, &tv);
}
