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
 * What the poller reports to the api: each credential's budget and how
 * often its repositories are looked at.  Runs in the poller.  Must not
 * decide anything: it compares, packs and sends what is news.
 */

#include "config.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "budget.h"
#include "github.h"
#include "log.h"
#include "proc.h"
#include "report.h"
#include "watch.h"

#define REPORT_MAX	32	/* credentials, as many as github.c has */
/* What is news goes out within a second, mere counts after ten. */
#define REPORT_COUNTS	10

struct told {
	struct msg_budget news;		/* counts left out */
	char		 name[MSG_ID_MAX + 1];
	char		 why[MSG_TEXT_MAX];
	char		 warning[MSG_TEXT_MAX];
	int64_t		 at;		/* monotonic ms; 0: never */
	uint64_t	 answers;
};

static struct {
	struct peer		*api;
	struct event		*timer;
	struct told		 told[REPORT_MAX][2];	/* by `write` */
	int			 total;
	int			 hurry;	/* due, a second after the last */
	int64_t			 next;	/* monotonic ms */
} env;

static void	 on_timer(evutil_socket_t, short, void *);
static int	 report(struct github *, int64_t);
static int	 report_writes(struct github *, int64_t);
static int	 tell(const union msg *, int64_t);
static void	 take_name(struct msg_budget *, struct github *);
static void	 take_budget(struct msg_budget *, struct budget *, int64_t);
static void	 take_watch(struct msg_budget *, struct github *, char *,
		    size_t);
static int64_t	 until(int64_t);
static struct msg_budget news_of(const struct msg_budget *);

int
report_init(struct event_base *base)
{
	env.timer = evtimer_new(base, on_timer, NULL);
	return (env.timer == NULL ? -1 : 0);
}

void
report_set_api(struct peer *api)
{
	env.api = api;
	report_changed();
}

void
report_changed(void)
{
	struct timeval	 tv = { 0, 0 };
	int64_t		 left;

	/* Waiting for counts is no hurry: this is. */
	if (env.api == NULL || env.hurry)
		return;
	if ((left = env.next - proc_now_ms()) > 0) {
		tv.tv_sec = left / 1000;
		tv.tv_usec = (left % 1000) * 1000;
	}
	env.hurry = 1;
	evtimer_add(env.timer, &tv);
}

/* Counts that were held back are told later, unless there is more. */
static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	static const struct timeval later = { REPORT_COUNTS, 0 };
	struct github	*gh;
	int64_t		 now = proc_now_ms();
	int		 held = 0;

	env.total = env.hurry = 0;
	env.next = now + 1000;
	for (gh = github_next(NULL); gh != NULL; gh = github_next(gh))
		env.total++;
	for (gh = github_next(NULL); gh != NULL; gh = github_next(gh))
		held += report(gh, now);
	if (held > 0)
		evtimer_add(env.timer, &later);
}

/* Returns 1 if there are counts that have to wait. */
static int
report(struct github *gh, int64_t now)
{
	char		 why[MSG_TEXT_MAX] = "";
	char		 warning[MSG_TEXT_MAX] = "";
	union msg	 m;
	int		 held;

	if (github_index(gh) >= REPORT_MAX)
		return (0);
	memset(&m, 0, sizeof(m));
	take_name(&m.budget, gh);
	take_budget(&m.budget, github_budget(gh), now);
	take_watch(&m.budget, gh, why, sizeof(why));
	m.budget.why = why;
	github_warning(gh, time(NULL), warning, sizeof(warning));
	m.budget.warning = warning;
	held = tell(&m, now);
	if (github_write_budget(gh) != NULL)
		held |= report_writes(gh, now);
	return (held);
}

/* What the token for changes has of its own. */
static int
report_writes(struct github *gh, int64_t now)
{
	char		 why[MSG_TEXT_MAX] = "";
	union msg	 m;
	int64_t		 left;

	memset(&m, 0, sizeof(m));
	take_name(&m.budget, gh);
	m.budget.write = 1;
	take_budget(&m.budget, github_write_budget(gh), now);
	if (github_writes_throttled(gh, &left, why, sizeof(why)))
		m.budget.throttled = until(left);
	m.budget.why = why;
	m.budget.warning = "";
	return (tell(&m, now));
}

/* If it is news, or counts that waited long enough; 1 if they have to. */
static int
tell(const union msg *m, int64_t now)
{
	const struct msg_budget	*b = &m->budget;
	struct told		*t = &env.told[b->index][b->write];
	struct msg_budget	 news = news_of(b);
	uint64_t		 answers;

	answers = b->ok + b->unchanged + b->refused + b->limited + b->failed;
	/* Padding that differs costs a message, no more. */
	if (t->at != 0 &&
	    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	    memcmp(&news, &t->news, sizeof(news)) == 0 &&
	    strcmp(b->why, t->why) == 0 &&
	    strcmp(b->warning, t->warning) == 0 &&
	    strcmp(b->name, t->name) == 0) {
		if (answers == t->answers)
			return (0);
		if (now - t->at < REPORT_COUNTS * 1000)
			return (1);
	}
	peer_send(env.api, M_BUDGET, m, -1);
	t->news = news;
	t->at = now;
	t->answers = answers;
	(void)strlcpy(t->why, b->why, sizeof(t->why));
	(void)strlcpy(t->warning, b->warning, sizeof(t->warning));
	(void)strlcpy(t->name, b->name, sizeof(t->name));
	return (0);
}

static void
take_name(struct msg_budget *m, struct github *gh)
{
	m->index = github_index(gh);
	m->total = (uint32_t)env.total;
	m->name = github_name(gh);
	m->apart = github_write_budget(gh) != NULL;
}

static void
take_budget(struct msg_budget *m, struct budget *b, int64_t now)
{
	m->projected = budget_projected(b, now);
	m->points_used = budget_points(b, now);
	m->limit = b->limit;
	m->used = b->used;
	m->remaining = b->remaining;
	/* By our clock: GitHub's may be another. */
	m->reset = b->reset_at == -1 ? -1 :
	    time(NULL) + (b->reset_at - now) / 1000;
	m->reserve = b->reserve;
	m->points = b->points;
	m->concurrent = b->concurrent;
	m->running = b->running[BUDGET_COMMAND] + b->running[BUDGET_LOOK];
	m->ok = b->answers[BUDGET_OK];
	m->unchanged = b->answers[BUDGET_UNCHANGED];
	m->refused = b->answers[BUDGET_REFUSED];
	m->limited = b->answers[BUDGET_LIMITED];
	m->failed = b->answers[BUDGET_FAILED];
}

static void
take_watch(struct msg_budget *m, struct github *gh, char *why, size_t size)
{
	struct watch_figures	 f;
	int64_t			 left;

	watch_figures(gh, &f);
	m->repositories = f.repositories;
	m->active = f.active;
	m->interval_active = f.interval_active;
	m->interval_idle = f.interval_idle;
	m->stretch = f.stretch;
	m->looks_changed = f.looks[LOOK_CHANGED];
	m->looks_unchanged = f.looks[LOOK_UNCHANGED];
	m->looks_failed = f.looks[LOOK_FAILED];
	if (github_throttled(gh, GH_LOOK, &left, why, size))
		m->throttled = until(left);
	else if (f.why != NULL)
		(void)strlcpy(why, f.why, size);
}

/* By our clock, in whole seconds. */
static int64_t
until(int64_t left)
{
	return (time(NULL) + (left + 999) / 1000);
}

/*
 * What is worth a message by itself: not what moves with every look.  The
 * reset is computed from two clocks and may differ by a second.
 */
static struct msg_budget
news_of(const struct msg_budget *m)
{
	struct msg_budget	 n = *m;

	n.name = n.why = n.warning = NULL;
	n.reset /= 10;
	n.projected = n.points_used = n.running = 0;
	n.unchanged = 0;
	n.looks_changed = n.looks_unchanged = n.looks_failed = 0;
	n.throttled /= 10;
	return (n);
}
