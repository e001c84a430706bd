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
 * What a credential may ask, rule by rule, and who goes first.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "budget.h"
#include "schedule.h"

#define NOW	(1000 * (int64_t)1000)	/* monotonic milliseconds */
#define WALL	1767607200		/* our clock */

static struct budget_answer
answer(int status)
{
	struct budget_answer	 a;

	memset(&a, 0xff, sizeof(a));
	a.status = status;
	a.secondary = 0;
	return (a);
}

static struct budget_answer
hour(int status, int64_t remaining, int64_t reset)
{
	struct budget_answer	 a = answer(status);

	a.limit = 5000;
	a.remaining = remaining;
	a.used = 5000 - remaining;
	a.reset = reset;
	a.date = WALL;
	return (a);
}

static void
start(struct budget *b)
{
	budget_init(b);
	budget_limits(b, 10, 900, 20);
}

static void
learn(struct budget *b, struct budget_answer a, int64_t now)
{
	(void)budget_learn(b, &a, now, WALL);
}

static void
test_at_once(void **state)
{
	struct budget	 b;
	int		 i;

	(void)state;
	start(&b);
	for (i = 0; i < 8; i++) {
		assert_int_equal(budget_wait(&b, NOW, BUDGET_LOOK, 0), 0);
		budget_start(&b, NOW, BUDGET_LOOK, 0);
	}
	/* The last two are kept for commands. */
	assert_int_equal(budget_wait(&b, NOW, BUDGET_LOOK, 0), -1);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0), 0);
	budget_start(&b, NOW, BUDGET_COMMAND, 0);
	budget_start(&b, NOW, BUDGET_COMMAND, 0);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0), -1);
	budget_end(&b, BUDGET_COMMAND);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0), 0);
}

static void
test_writes_are_spaced(void **state)
{
	struct budget	 b;

	(void)state;
	start(&b);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 1), 0);
	budget_start(&b, NOW, BUDGET_COMMAND, 1);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 1), 1000);
	assert_int_equal(budget_wait(&b, NOW + 400, BUDGET_COMMAND, 1), 600);
	assert_int_equal(budget_wait(&b, NOW + 400, BUDGET_COMMAND, 0), 0);
	assert_int_equal(budget_wait(&b, NOW + 1000, BUDGET_COMMAND, 1), 0);
}

/* As fast as it lets us: never more than 900 points in any minute. */
static void
test_points(void **state)
{
	static int64_t	 sent[20000];
	struct budget	 b;
	int64_t		 now;
	size_t		 n = 0, first = 0, looks = 0, most = 0;
	enum budget_kind kind;

	(void)state;
	start(&b);
	for (now = NOW; now < NOW + 300000; now += 5) {
		kind = (now / 5) % 3 == 0 ? BUDGET_LOOK : BUDGET_COMMAND;
		if (budget_wait(&b, now, kind, 0) != 0)
			continue;
		budget_start(&b, now, kind, 0);
		budget_end(&b, kind);
		looks += kind == BUDGET_LOOK;
		sent[n++] = now;
		while (sent[first] <= now - 60000)
			first++;
		if (n - first > most)
			most = n - first;
	}
	assert_in_range(most, 800, 900);
	/* Whatever people ask, a tenth is left for looks. */
	assert_true(looks >= 5 * 85);
}

static void
test_looks_leave_the_reserve(void **state)
{
	struct budget	 b;
	int64_t		 left;

	(void)state;
	start(&b);
	learn(&b, hour(200, 1001, WALL + 600), NOW);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_LOOK, 0), 0);
	learn(&b, hour(200, 1000, WALL + 600), NOW);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_LOOK, 0), 601000);
	assert_int_equal(budget_paused(&b, NOW, BUDGET_LOOK, &left),
	    BUDGET_PAUSE_RESERVE);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0), 0);
	/* A new hour: all is well before GitHub says so. */
	assert_int_equal(budget_wait(&b, NOW + 601000, BUDGET_LOOK, 0), 0);
}

static void
test_answers_overtake_one_another(void **state)
{
	struct budget_answer	 old = hour(200, 2990, WALL + 600);
	struct budget		 b;

	(void)state;
	start(&b);
	old.date = WALL - 1;
	learn(&b, hour(200, 3000, WALL + 600), NOW);
	learn(&b, hour(200, 3005, WALL + 600), NOW);
	assert_int_equal(b.remaining, 3000);
	learn(&b, hour(200, 4999, WALL + 4200), NOW);
	assert_int_equal(b.remaining, 4999);
	learn(&b, old, NOW);
	assert_int_equal(b.remaining, 4999);
}

static void
test_refusals(void **state)
{
	static const struct {
		int64_t	 retry_after, remaining, reset, wait;
	} cases[] = {
		{ 30, -1, -1, 30000 },
		{ 30, 0, WALL + 600, 30000 },
		{ -1, 0, WALL + 600, 601000 },
		{ -1, 4000, WALL + 600, 60000 },
		{ INT64_MAX, -1, -1, BUDGET_PAUSE_MAX },
	};
	struct budget_answer	 a;
	struct budget		 b;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&b);
		a = hour(403, cases[i].remaining, cases[i].reset);
		a.retry_after = cases[i].retry_after;
		a.secondary = 1;
		assert_int_equal(budget_learn(&b, &a, NOW, WALL), 1);
		assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0),
		    cases[i].wait);
	}
	/* One about permissions is none. */
	start(&b);
	a = hour(403, 4000, WALL + 600);
	assert_int_equal(budget_learn(&b, &a, NOW, WALL), 0);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_LOOK, 0), 0);
}

/* 60 s, then twice as long; thirty at once are one refusal. */
static void
test_backoff(void **state)
{
	struct budget_answer	 a = answer(429);
	struct budget		 b;
	int64_t			 now = NOW, wait = 60000;
	int			 i, n;

	(void)state;
	start(&b);
	for (i = 0; i < 5; i++, wait *= 2) {
		for (n = 0; n < 30; n++)
			learn(&b, a, now);
		assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0),
		    wait);
		now += wait;
		assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0), 0);
	}
	/* One at a time, until one goes well. */
	budget_start(&b, now, BUDGET_COMMAND, 0);
	assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0), -1);
	budget_end(&b, BUDGET_COMMAND);
	learn(&b, answer(304), now);
	budget_start(&b, now, BUDGET_COMMAND, 0);
	assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0), 0);
	learn(&b, a, now);
	assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0), -1);
	budget_end(&b, BUDGET_COMMAND);
	assert_int_equal(budget_wait(&b, now, BUDGET_COMMAND, 0), 60000);
}

static void
test_a_clock_an_hour_off(void **state)
{
	struct budget_answer	 a = hour(200, 0, WALL + 3600 + 100);
	struct budget		 b;

	(void)state;
	start(&b);
	a.date = WALL + 3600;
	learn(&b, a, NOW);
	assert_int_equal(budget_wait(&b, NOW, BUDGET_COMMAND, 0), 101000);
}

static void
test_who_goes_first(void **state)
{
	struct due	 idle = { 0 }, busy = { 0 }, fresh = { 0 };
	struct due	 asked = { 0 };
	struct schedule	 s;
	struct budget	 b;
	int64_t		 wait, now = NOW;

	(void)state;
	start(&b);
	schedule_init(&s, 1);
	schedule_join(&s, &idle, now);
	schedule_join(&s, &busy, now);
	schedule_class(&s, &busy, DUE_ACTIVE);
	schedule_join(&s, &fresh, now);
	schedule_now(&s, &fresh, now, 0);
	schedule_join(&s, &asked, now);
	schedule_now(&s, &asked, now, 1);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &asked);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &fresh);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &busy);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &idle);
	assert_null(schedule_take(&s, &b, now, &wait));
	assert_int_equal(wait, -1);
	schedule_looked(&s, &idle, now, DUE_QUIET, 0, 1, 0);
	assert_null(schedule_take(&s, &b, now, &wait));
	assert_in_range(wait, 57000, 60000);
	schedule_looked(&s, &busy, now, DUE_ACTIVE, 0, 1, 0);
	assert_null(schedule_take(&s, &b, now, &wait));
	assert_in_range(wait, 9500, 10000);
	/* Not before, whatever its interval; and gone is gone. */
	schedule_looked(&s, &fresh, now, DUE_QUIET, now + 90000, 1, 0);
	schedule_leave(&s, &busy);
	schedule_leave(&s, &idle);
	assert_null(schedule_take(&s, &b, now, &wait));
	assert_int_equal(wait, 90000);
}

/* 4,000 are for looks; of those left for an hour 3,000 are kept. */
static void
test_first_looks_leave_it_to_watching(void **state)
{
	struct budget	 b;

	(void)state;
	start(&b);
	assert_int_equal(budget_first_pause(&b, NOW), 0);
	learn(&b, hour(200, 4002, WALL + 3599), NOW);
	assert_int_equal(budget_first_pause(&b, NOW), 0);
	learn(&b, hour(200, 4000, WALL + 3599), NOW);
	/* 3,000 in an hour are one in 1,200 ms. */
	assert_int_equal(budget_first_pause(&b, NOW), 1200);
	assert_int_equal(budget_first_pause(&b, NOW + 1200), 0);
	/* One that is under way may turn out to count. */
	budget_start(&b, NOW + 1200, BUDGET_LOOK, 0);
	assert_int_equal(budget_first_pause(&b, NOW + 1200), 1200);
	budget_end(&b, BUDGET_LOOK);
	/* Half an hour later 1,500 are kept. */
	learn(&b, hour(200, 2502, WALL + 1799), NOW + 1800000);
	assert_int_equal(budget_first_pause(&b, NOW + 1800000), 0);
	learn(&b, hour(200, 2000, WALL + 1799), NOW + 1800000);
	assert_int_equal(budget_first_pause(&b, NOW + 1800000), 5000);
	/* Watching and commands don't mind. */
	assert_int_equal(budget_wait(&b, NOW + 1800000, BUDGET_LOOK, 0), 0);
	learn(&b, hour(200, 1000, WALL + 1799), NOW + 1800000);
	assert_int_equal(budget_first_pause(&b, NOW + 3599000), 1000);
	assert_int_equal(budget_first_pause(&b, NOW + 3600000), 0);
}

static void
test_first_looks_go_behind_what_runs(void **state)
{
	struct due	 idle = { 0 }, busy = { 0 }, one = { 0 }, two = { 0 };
	struct due	 asked = { 0 };
	struct schedule	 s;
	struct budget	 b;
	int64_t		 wait, now = NOW;

	(void)state;
	start(&b);
	schedule_init(&s, 1);
	schedule_join(&s, &one, now);
	schedule_first(&s, &one);
	schedule_join(&s, &two, now);
	schedule_first(&s, &two);
	schedule_join(&s, &asked, now);
	schedule_first(&s, &asked);
	schedule_join(&s, &idle, now);
	schedule_join(&s, &busy, now);
	schedule_class(&s, &busy, DUE_ACTIVE);
	assert_int_equal(s.firsts, 3);
	assert_int_equal(s.members[DUE_QUIET], 1);
	/* Provisioned just now: before the others, not before what runs. */
	schedule_now(&s, &two, now, 0);
	schedule_now(&s, &asked, now, 1);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &asked);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &busy);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &two);
	/* The hour is for watching now. */
	learn(&b, hour(200, 3000, WALL + 3599), now);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &idle);
	assert_null(schedule_take(&s, &b, now, &wait));
	assert_int_equal(wait, 5000);
	schedule_looked(&s, &two, now, DUE_QUIET, 0, -1, 2);
	assert_int_equal(s.firsts, 2);
	/* Known to run: that is no first look, and does not wait. */
	schedule_class(&s, &one, DUE_ACTIVE);
	assert_int_equal(s.firsts, 1);
	assert_ptr_equal(schedule_take(&s, &b, now, &wait), &one);
	schedule_leave(&s, &asked);
	assert_int_equal(s.firsts, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_writes_are_spaced),
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_looks_leave_the_reserve),
		cmocka_unit_test(test_answers_overtake_one_another),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_a_clock_an_hour_off),
		cmocka_unit_test(test_who_goes_first),
		cmocka_unit_test(test_first_looks_leave_it_to_watching),
		cmocka_unit_test(test_first_looks_go_behind_what_runs),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
