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
 * A schedule for each credential, with its timer: repositories leave it to
 * be looked at when they are due and the budget allows it.  Runs in the
 * poller.  Must not decide when that is: schedule.c and budget.c do.
 */

#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "github.h"
#include "lane.h"
#include "log.h"
#include "proc.h"
#include "report.h"
#include "watch.h"

/* Looks begun of one turn; the rest come behind other events. */
#define LANE_BATCH	64
/* How often those that a pause keeps waiting are looked through. */
#define LANE_TELL_MS	5000

struct lane {
	struct github	*gh;
	struct schedule	 schedule;
	struct event	*timer;
	int64_t		 told_at;	/* a pause, monotonic ms */
	int64_t		 told[DUE_CLASSES];	/* intervals, ms */
	enum schedule_stretch told_why;
	uint64_t	 looks[LOOK_OUTCOMES];
	int64_t		 first_told_at;	/* those that wait; 0: none does */
};

static struct {
	struct event_base *base;
	void		(*look)(struct repository *);
	struct lane	*all[GITHUB_SLOTS];
	uint32_t	 active;
	uint32_t	 idle;
	uint32_t	 max;
} env = { .active = 10, .idle = 60, .max = 300 };

static struct lane *lane_get(struct github *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 run(struct lane *);
static void	 arm(struct lane *, int64_t);
static struct repository *repository_of(struct due *);
static void	 tell_waiting(struct due *, void *);
static void	 tell_pause(struct lane *, int64_t);
static void	 tell_first(struct lane *, int64_t);
static void	 tell_unread(struct due *, void *);
static void	 tell_plan(struct lane *);

void
lane_init(struct event_base *base, void (*look)(struct repository *))
{
	env.base = base;
	env.look = look;
}

void
lane_set(uint32_t active, uint32_t idle, uint32_t max)
{
	size_t	 i;

	env.active = active;
	env.idle = idle;
	env.max = max;
	for (i = 0; i < GITHUB_SLOTS; i++)
		if (env.all[i] != NULL) {
			schedule_set(&env.all[i]->schedule, active, idle, max);
			arm(env.all[i], 0);
		}
}

static struct lane *
lane_get(struct github *gh)
{
	uint32_t	 i = github_slot(gh);
	struct lane	*l;

	if (i >= GITHUB_SLOTS)
		fatalx("more credentials than lanes");
	if ((l = env.all[i]) != NULL)
		return (l);
	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->timer = evtimer_new(env.base, on_timer, l)) == NULL)
		fatal("lane");
	l->gh = gh;
	schedule_init(&l->schedule, arc4random());
	schedule_set(&l->schedule, env.active, env.idle, env.max);
	memcpy(l->told, l->schedule.interval, sizeof(l->told));
	env.all[i] = l;
	return (l);
}

void
lane_join(struct repository *r)
{
	struct lane	*l = lane_get(r->gh);

	schedule_join(&l->schedule, &r->due, proc_now_ms());
	arm(l, 0);
}

void
lane_class(struct repository *r, enum due_class class)
{
	schedule_class(&lane_get(r->gh)->schedule, &r->due, class);
}

void
lane_first(struct repository *r)
{
	schedule_first(&lane_get(r->gh)->schedule, &r->due);
}

void
lane_leave(struct repository *r)
{
	schedule_leave(&lane_get(r->gh)->schedule, &r->due);
}

void
lane_now(struct repository *r, int urgent)
{
	struct lane	*l = lane_get(r->gh);

	schedule_now(&l->schedule, &r->due, proc_now_ms(), urgent);
	arm(l, 0);
}

void
lane_looked(struct repository *r, enum due_class class, int64_t delay,
    int requests, int charged)
{
	struct lane	*l = lane_get(r->gh);
	int64_t		 now = proc_now_ms();

	/* The timer is set when there is room (lane_room), at once. */
	schedule_looked(&l->schedule, &r->due, now, class, now + delay,
	    requests, charged);
}

void
lane_count(const struct repository *r, enum look_outcome outcome)
{
	lane_get(r->gh)->looks[outcome]++;
}

uint32_t
lane_interval(const struct repository *r, enum due_class class)
{
	return (schedule_interval(&lane_get(r->gh)->schedule, class));
}

void
lane_room(struct github *gh)
{
	struct lane	*l = env.all[github_slot(gh)];

	if (l != NULL)
		run(l);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	run(arg);
}

static void
run(struct lane *l)
{
	struct due	*due;
	int64_t		 now = proc_now_ms(), wait = 0, left;
	int		 n;

	for (n = 0; n < LANE_BATCH; n++) {
		due = schedule_take(&l->schedule, github_budget(l->gh), now,
		    &wait);
		if (due == NULL)
			break;
		env.look(repository_of(due));
	}
	tell_plan(l);
	tell_first(l, now);
	if (due == NULL && budget_paused(github_budget(l->gh), now,
	    BUDGET_LOOK, &left) != BUDGET_NOT_PAUSED) {
		tell_pause(l, now);
		if (wait > LANE_TELL_MS)
			wait = LANE_TELL_MS;
	}
	if (due != NULL)
		wait = 0;
	if (wait >= 0)
		arm(l, wait);
}

static void
arm(struct lane *l, int64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = (ms % 1000) * 1000;
	evtimer_add(l->timer, &tv);
}

static struct repository *
repository_of(struct due *due)
{
	return ((struct repository *)(void *)((char *)due -
	    offsetof(struct repository, due)));
}

/* Those that are due and have to wait say why their figures get old. */
static void
tell_pause(struct lane *l, int64_t now)
{
	char		 why[MSG_TEXT_MAX];
	int64_t		 left;

	if (l->told_at != 0 && now - l->told_at < LANE_TELL_MS)
		return;
	if (!github_throttled(l->gh, GH_LOOK, &left, why, sizeof(why)))
		return;
	l->told_at = now;
	schedule_each(&l->schedule, now, tell_waiting, why);
	report_changed();
}

static void
tell_waiting(struct due *due, void *why)
{
	watch_throttled(repository_of(due), why);
}

/* Those whose first look is put off say why they have no figures yet. */
static void
tell_first(struct lane *l, int64_t now)
{
	uint32_t	 left = l->schedule.firsts;

	if (left == 0 && l->first_told_at != 0) {
		l->first_told_at = 0;
		log_info("github %s: all repositories have been looked at",
		    github_name(l->gh));
		report_changed();
	}
	if (left == 0 || now - l->first_told_at < LANE_TELL_MS ||
	    budget_first_pause(github_budget(l->gh), now) == 0)
		return;
	if (l->first_told_at == 0) {
		log_info("github %s: %u repositories wait for their first "
		    "look: %s", github_name(l->gh), left, WATCH_UNREAD);
		report_changed();
	}
	l->first_told_at = now;
	schedule_each(&l->schedule, now, tell_unread, NULL);
}

static void
tell_unread(struct due *due, void *arg __attribute__((unused)))
{
	if (due->first)
		watch_throttled(repository_of(due), WATCH_UNREAD);
}

/* Figures are stale by the interval, so who looks must know a longer one. */
static void
tell_plan(struct lane *l)
{
	struct schedule	*s = &l->schedule;
	int		 i, grown = 0;

	for (i = 0; i < DUE_CLASSES; i++) {
		grown |= s->interval[i] > l->told[i] * 3 / 2;
		if (s->interval[i] < l->told[i])
			l->told[i] = s->interval[i];
	}
	if (grown) {
		memcpy(l->told, s->interval, sizeof(l->told));
		watch_stretched(l->gh);
		report_changed();
	}
	if (s->why == l->told_why)
		return;
	l->told_why = s->why;
	report_changed();
	if (s->why == SCHEDULE_AS_CONFIGURED)
		log_info("github %s: looks as configured again",
		    github_name(l->gh));
	else
		log_info("github %s: %s: every %u s, where something runs "
		    "every %u s", github_name(l->gh), lane_why(l->gh),
		    schedule_interval(s, DUE_QUIET),
		    schedule_interval(s, DUE_ACTIVE));
}

const char *
lane_why(const struct github *gh)
{
	static const char *const whys[] = {
		[SCHEDULE_AS_CONFIGURED] = NULL,
		[SCHEDULE_BY_POINTS] = "stretched: more repositories than "
		    "GitHub's limit a minute lets look at so often",
		[SCHEDULE_BY_HOUR] = "stretched: GitHub's limit an hour would "
		    "be used up before its reset",
	};
	struct lane	*l = env.all[github_slot(gh)];

	if (l == NULL)
		return (NULL);
	if (whys[l->schedule.why] == NULL && l->first_told_at != 0)
		return (WATCH_UNREAD);
	return (whys[l->schedule.why]);
}

void
lane_figures(const struct github *gh, struct watch_figures *f)
{
	struct lane	*l = env.all[github_slot(gh)];
	struct schedule	*s;

	memset(f, 0, sizeof(*f));
	f->interval_active = env.active;
	f->interval_idle = env.idle;
	f->stretch = 1000;
	if (l == NULL)
		return;
	s = &l->schedule;
	f->active = s->members[DUE_ACTIVE];
	f->repositories = f->active + s->members[DUE_QUIET] + s->firsts;
	f->interval_active = schedule_interval(s, DUE_ACTIVE);
	f->interval_idle = schedule_interval(s, DUE_QUIET);
	f->stretch = (uint32_t)(s->interval[DUE_QUIET] * 1000 /
	    s->base[DUE_QUIET]);
	f->why = lane_why(gh);
	memcpy(f->looks, l->looks, sizeof(f->looks));
}
