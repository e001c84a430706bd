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
 * An hour of looking on a virtual clock: schedule.c and budget.c against a
 * GitHub that enforces its limits to the letter (5,000 an hour, 900 points
 * in any 60 seconds, 100 at once), with a clock an hour ahead of ours.
 * What is measured here shares no arithmetic with what is tested.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "budget.h"
#include "schedule.h"

#define TICK		10		/* milliseconds */
#define HOUR		(3600 * 1000)
#define START		(5000 * (int64_t)1000)
#define SKEW		3600		/* GitHub's clock is ahead, seconds */
#define REPOSITORIES_MAX 5000
#define AGES_MAX	7200		/* seconds */
#define CHANGE_EVERY	60000		/* in an active repository */

struct repo {
	struct due	 due;		/* first */
	int		 pipelines;
	int		 active;	/* on GitHub */
	int64_t		 ends;		/* something ends to run */
	int64_t		 changes;	/* the next time */
	int		 version;	/* on GitHub */
	int		 known;		/* version last seen */
	int		 known_active;
	int64_t		 seen;		/* last look, sent at */
	int		 pages;		/* of its past, yet to be read */
};

struct flight {
	struct repo	*repo;		/* NULL: a command */
	int64_t		 sent, arrives, returns;
	int		 write, page, judged;
	struct budget_answer answer;
};

/* GitHub's side. */
struct limits {
	int64_t		 hourly, used, hour_ends;
	int		 minute, at_once;
	int64_t		 stamps[1024];	/* of points, a ring */
	size_t		 head, count;
	int		 inside;
	int		 refused;
};

struct world {
	struct schedule	 schedule;
	struct budget	 budget;
	struct limits	 github;
	struct repo	*repos;
	int		 nrepos;
	struct flight	 flights[BUDGET_AT_ONCE + 1];
	int		 nflights;
	int64_t		 now;
	int		 commands;	/* waiting */
	uint32_t	 random;
	uint32_t	 active_for;	/* then something runs elsewhere */
	uint64_t	 ages[AGES_MAX], active_ages[AGES_MAX];
	int64_t		 slowest_command;
	int64_t		 command_since;
	uint32_t	 longest[DUE_CLASSES];
	int		 peak;		/* at once */
	struct repo	*reading[BUDGET_AT_ONCE];	/* wait for a page */
	int		 nreading;
	int64_t		 most_used;	/* of an hour */
};

static uint32_t
draw(struct world *w, uint32_t below)
{
	w->random = w->random * 1664525u + 1013904223u;
	return ((w->random >> 8) % below);
}

/* --- GitHub */

static void
github_expire(struct limits *g, int64_t now)
{
	while (g->count > 0 && g->stamps[g->head] <= now - 60000) {
		g->head = (g->head + 1) % 1024;
		g->count--;
	}
	if (now >= g->hour_ends) {
		g->used = 0;
		g->hour_ends = now + HOUR;
	}
}

/* 304 or 200, or the refusal: of a minute's points, of the hour. */
static int
github_judge(struct limits *g, int64_t now, int points, int unchanged)
{
	int	 i;

	github_expire(g, now);
	for (i = 0; i < points && g->count < 1024; i++)
		g->stamps[(g->head + g->count++) % 1024] = now;
	if (g->count > (size_t)g->minute || g->inside > g->at_once ||
	    g->used >= g->hourly) {
		g->refused++;
		return (403);
	}
	if (!unchanged)
		g->used++;
	return (unchanged ? 304 : 200);
}

static void
github_headers(const struct limits *g, int64_t now, int status,
    struct budget_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->status = status;
	a->retry_after = -1;
	a->limit = g->hourly;
	a->used = g->used;
	a->remaining = g->hourly - g->used;
	a->date = now / 1000 + SKEW;
	a->reset = g->hour_ends / 1000 + SKEW;
	a->secondary = status == 403;
}

/* --- the world */

static void
activate(struct world *w, int64_t start)
{
	struct repo	*r;

	do
		r = &w->repos[draw(w, (uint32_t)w->nrepos)];
	while (r->active);
	r->active = 1;
	r->version++;
	r->ends = start + w->active_for / 2 + draw(w, w->active_for);
	r->changes = start + draw(w, CHANGE_EVERY);
}

static void
world_init(struct world *w, int nrepos, int pipelines, int nactive,
    uint32_t active_for)
{
	int	 i;

	memset(w, 0, sizeof(*w));
	w->random = 20261124;
	w->active_for = active_for;
	w->now = START;
	w->nrepos = nrepos;
	w->repos = calloc((size_t)nrepos, sizeof(*w->repos));
	assert_non_null(w->repos);
	w->github.hourly = 5000;
	w->github.minute = 900;
	w->github.at_once = 100;
	w->github.hour_ends = START + 2000 * 1000;
	budget_init(&w->budget);
	budget_limits(&w->budget, 30, 900, 20);
	schedule_init(&w->schedule, 1);
	for (i = 0; i < nrepos; i++) {
		w->repos[i].pipelines = 1 + (i < pipelines - nrepos);
		w->repos[i].version = 1;
		schedule_join(&w->schedule, &w->repos[i].due, w->now);
	}
	for (i = 0; i < nactive; i++)
		activate(w, w->now);
}

static void
live(struct world *w)
{
	struct repo	*r;

	for (r = w->repos; r < w->repos + w->nrepos; r++) {
		if (!r->active)
			continue;
		if (w->now >= r->changes) {
			r->version++;
			r->changes += CHANGE_EVERY;
		}
		if (w->now >= r->ends) {
			r->version++;
			r->active = 0;
			activate(w, w->now);
		}
	}
}

static void
send_request(struct world *w, struct repo *r, int write, int page)
{
	struct flight	*f = &w->flights[w->nflights++];

	assert_true(w->nflights <= BUDGET_AT_ONCE);
	if (w->nflights > w->peak)
		w->peak = w->nflights;
	memset(f, 0, sizeof(*f));
	f->repo = r;
	f->write = write;
	f->sent = w->now;
	f->arrives = w->now + 20 + draw(w, 200);
	f->returns = f->arrives + 20 + draw(w, 300);
	f->page = page;
	budget_start(&w->budget, w->now, r != NULL ? BUDGET_LOOK :
	    BUDGET_COMMAND, write);
}

static void
judge(struct world *w, struct flight *f)
{
	int	 status;

	if (f->judged || w->now < f->arrives)
		return;
	f->judged = 1;
	w->github.inside++;
	status = github_judge(&w->github, w->now, f->write ? 5 : 1,
	    f->repo != NULL && !f->page && f->repo->known == f->repo->version);
	github_headers(&w->github, w->now, status, &f->answer);
}

static void
land(struct world *w, struct flight *f)
{
	struct repo	*r = f->repo;
	int		 first = r != NULL && r->known == 0;

	w->github.inside--;
	budget_end(&w->budget, r != NULL ? BUDGET_LOOK : BUDGET_COMMAND);
	assert_int_equal(budget_learn(&w->budget, &f->answer, w->now,
	    w->now / 1000), f->answer.status == 403);
	if (w->github.used > w->most_used)
		w->most_used = w->github.used;
	if (r == NULL)
		return;
	r->known = r->version;
	if (r->pages > 0) {
		r->pages--;
		w->reading[w->nreading++] = r;
		return;
	}
	r->known_active = r->active;
	r->seen = f->sent;
	schedule_looked(&w->schedule, &r->due, w->now, r->active ?
	    DUE_ACTIVE : DUE_QUIET, 0, first || f->page ? -1 : 1,
	    f->answer.status != 304);
}

static void
fly(struct world *w)
{
	int	 i;

	for (i = 0; i < w->nflights; i++)
		judge(w, &w->flights[i]);
	for (i = 0; i < w->nflights; ) {
		if (w->now < w->flights[i].returns) {
			i++;
			continue;
		}
		land(w, &w->flights[i]);
		w->flights[i] = w->flights[--w->nflights];
	}
}

/* Somebody asks for something each 20 s: a write, or five reads. */
static void
people(struct world *w)
{
	if (w->now % 20000 == 0) {
		if (w->commands == 0)
			w->command_since = w->now;
		w->commands += w->now % 40000 == 0 ? 1 : 5;
	}
	while (w->commands > 0 && budget_wait(&w->budget, w->now,
	    BUDGET_COMMAND, w->commands == 1) == 0) {
		send_request(w, NULL, w->commands == 1, 0);
		w->commands--;
	}
	if (w->commands > 0 &&
	    w->now - w->command_since > w->slowest_command)
		w->slowest_command = w->now - w->command_since;
}

static void
look(struct world *w)
{
	struct due	*due;
	int64_t		 wait;

	while (w->nreading > 0 && budget_wait(&w->budget, w->now, BUDGET_LOOK,
	    0) == 0)
		send_request(w, w->reading[--w->nreading], 0, 1);
	while ((due = schedule_take(&w->schedule, &w->budget, w->now,
	    &wait)) != NULL)
		send_request(w, (struct repo *)(void *)due, 0, 0);
	assert_true(wait != 0);
}

static void
measure(struct world *w)
{
	struct repo	*r;
	int64_t		 age;
	int		 i;

	for (r = w->repos; r < w->repos + w->nrepos; r++) {
		if (r->seen == 0)
			continue;
		age = (w->now - r->seen) / 1000;
		assert_in_range(age, 0, AGES_MAX - 1);
		w->ages[age] += (uint64_t)r->pipelines;
		if (r->known_active)
			w->active_ages[age] += (uint64_t)r->pipelines;
	}
	for (i = 0; i < DUE_CLASSES; i++)
		if (schedule_interval(&w->schedule, (enum due_class)i) >
		    w->longest[i])
			w->longest[i] = schedule_interval(&w->schedule,
			    (enum due_class)i);
}

/* So long, after `warm` milliseconds that are not measured. */
static void
run(struct world *w, int64_t warm, int64_t span)
{
	for (; w->now < START + warm + span; w->now += TICK) {
		if (w->now % 1000 == 0)
			live(w);
		fly(w);
		people(w);
		look(w);
		if (w->now % 1000 == 0 && w->now >= START + warm)
			measure(w);
	}
}

static int
percentile(const uint64_t ages[AGES_MAX], double share)
{
	uint64_t	 sum = 0, all = 0;
	int		 i;

	for (i = 0; i < AGES_MAX; i++)
		all += ages[i];
	assert_true(all > 0);
	for (i = 0; i < AGES_MAX; i++)
		if ((double)(sum += ages[i]) >= share * (double)all)
			break;
	/* Ages are whole seconds, cut off. */
	return (i + 1);
}

static int
unseen(const struct world *w)
{
	int	 i, n = 0;

	for (i = 0; i < w->nrepos; i++)
		n += w->repos[i].seen == 0;
	return (n);
}

static void
print(struct world *w, const char *name)
{
	print_message("%s: %d repositories: staleness p50 %d s, p95 %d s, "
	    "max %d s; active p95 %d s, max %d s; longest intervals %u and "
	    "%u s; %d refused, %lld used, at most %d at once, slowest "
	    "command %lld ms\n", name, w->nrepos,
	    percentile(w->ages, 0.5), percentile(w->ages, 0.95),
	    percentile(w->ages, 1), percentile(w->active_ages, 0.95),
	    percentile(w->active_ages, 1), w->longest[DUE_QUIET],
	    w->longest[DUE_ACTIVE], w->github.refused,
	    (long long)w->github.used, w->peak,
	    (long long)w->slowest_command);
}

static void
test_600(void **state)
{
	struct world	*w = calloc(1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	world_init(w, 600, 1000, 30, 300000);
	run(w, 120 * 1000, HOUR);
	assert_int_equal(unseen(w), 0);
	print(w, "600");
	assert_int_equal(w->github.refused, 0);
	assert_true(percentile(w->ages, 0.95) <= 75);
	assert_true(percentile(w->active_ages, 1) <= 15);
	assert_true(w->slowest_command < 2000);
	/* The reserve was left alone. */
	assert_true(w->github.used <= 4000);
	free(w->repos);
	free(w);
}

/* Far more than the minute's points serve: evenly, and it says so. */
static void
test_5000(void **state)
{
	struct world	*w = calloc(1, sizeof(*w));
	int		 p50, most;

	(void)state;
	assert_non_null(w);
	world_init(w, 5000, 5000, 250, 1800000);
	run(w, 3600 * 1000, HOUR);
	assert_int_equal(unseen(w), 0);
	print(w, "5000");
	assert_int_equal(w->github.refused, 0);
	assert_true(w->schedule.why != SCHEDULE_AS_CONFIGURED);
	/* 900 points less the reserve: 11.6 looks a second at most. */
	p50 = percentile(w->ages, 0.5);
	most = percentile(w->ages, 1);
	assert_true(most <= 4 * p50);
	assert_true(w->slowest_command < 2000);
	free(w->repos);
	free(w);
}

/*
 * 2,000 that are new at once, with a page of their past each: 4,000 answers
 * that count, all that looks may have of an hour.
 */
static void
test_cold_start(void **state)
{
	struct world	*w = calloc(1, sizeof(*w));
	int		 i;

	(void)state;
	assert_non_null(w);
	world_init(w, 2000, 2000, 40, 900000);
	/* GitHub's hour begins with ours: it can't be waited for. */
	w->github.hour_ends = START + HOUR;
	for (i = 0; i < w->nrepos; i++) {
		w->repos[i].pages = 1;
		schedule_first(&w->schedule, &w->repos[i].due);
	}
	/* What is new at once is there at once, in part: the first 400. */
	run(w, 0, 120 * 1000);
	assert_true(unseen(w) <= 1600);
	for (i = 1; unseen(w) > 0 && i <= 3 * 60; i++)
		run(w, w->now - START, 60 * 1000);
	print_message("cold start: all read back after %lld s, at most %lld "
	    "used of an hour\n", (long long)(w->now - START) / 1000,
	    (long long)w->most_used);
	print(w, "cold start");
	assert_int_equal(unseen(w), 0);
	assert_int_equal(w->github.refused, 0);
	assert_true(w->most_used <= 4000 + BUDGET_AT_ONCE);
	assert_true(percentile(w->active_ages, 0.95) <= 15);
	assert_true(percentile(w->active_ages, 1) <= 30);
	assert_true(w->slowest_command < 2000);
	free(w->repos);
	free(w);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_cold_start),
		cmocka_unit_test(test_600),
		cmocka_unit_test(test_5000),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
