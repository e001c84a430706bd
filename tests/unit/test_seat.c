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

/* Who gives way on the control socket: cases written down by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seat.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* Of one's own the silent first, then the idle for longest. */
static void
test_own(void **state)
{
	static const struct seat	 seats[] = {
		{ 7, SEAT_IDLE, 30 }, { 7, SEAT_IDLE, 10 },
		{ 7, SEAT_SILENT, 90 }, { 7, SEAT_SILENT, 80 },
		{ 7, SEAT_LISTENS, 1 } };

	(void)state;
	assert_int_equal(seat_yields(seats, 5, 7), 3);
	assert_int_equal(seat_yields(seats, 3, 7), 2);
	assert_int_equal(seat_yields(seats, 2, 7), 1);
}

/* Nobody gives up what he does for himself. */
static void
test_own_are_at_work(void **state)
{
	static const struct seat	 seats[] = {
		{ 7, SEAT_LISTENS, 1 }, { 7, SEAT_WORKS, 2 },
		{ 8, SEAT_IDLE, 3 } };

	(void)state;
	assert_int_equal(seat_yields(seats, N(seats), 7), N(seats));
}

/* But another user's get in, whatever those many do. */
static void
test_another_user(void **state)
{
	static const struct seat	 seats[] = {
		{ 7, SEAT_WORKS, 1 }, { 7, SEAT_LISTENS, 5 },
		{ 7, SEAT_LISTENS, 4 }, { 8, SEAT_IDLE, 0 } };
	static const struct seat	 at_work[] = {
		{ 7, SEAT_WORKS, 2 }, { 7, SEAT_WORKS, 1 } };

	(void)state;
	assert_int_equal(seat_yields(seats, N(seats), 0), 2);
	assert_int_equal(seat_yields(at_work, N(at_work), 0), 1);
}

/* With as many as the others one lives on one's own. */
static void
test_shares(void **state)
{
	static const struct seat	 even[] = {
		{ 7, SEAT_IDLE, 1 }, { 8, SEAT_IDLE, 2 },
		{ 7, SEAT_IDLE, 3 }, { 8, SEAT_IDLE, 4 } };
	static const struct seat	 three[] = {
		{ 7, SEAT_IDLE, 3 }, { 7, SEAT_IDLE, 1 },
		{ 8, SEAT_SILENT, 0 }, { 7, SEAT_IDLE, 2 } };

	(void)state;
	assert_int_equal(seat_yields(even, N(even), 7), 0);
	assert_int_equal(seat_yields(even, N(even), 8), 1);
	/* 8 with its second one still has fewer than 7. */
	assert_int_equal(seat_yields(three, N(three), 8), 1);
	assert_int_equal(seat_yields(three, 0, 8), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_own_are_at_work),
		cmocka_unit_test(test_another_user),
		cmocka_unit_test(test_shares),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
