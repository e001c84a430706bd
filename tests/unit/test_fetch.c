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
 * What a client does not take ends after a while, whatever it took before;
 * and what it takes goes on.
 */

#include <sys/syscall.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "fetch.h"
#include "log.h"
#include "msg.h"
#include "poller.h"
#include "proc.h"

#define OP		7
#define PIECE		16384	/* as libcurl gives them */
#define SECOND		1000

static struct {
	struct event_base *base;
	int64_t		 ahead;		/* of the clock, milliseconds */
	struct fetch	*fetch;
	size_t		 sent;
	int		 ended;		/* the status of the last piece */
	int		 gone;
} env;

/* In the place of libc's: time passes when the test says so. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return (-1);
	ts->tv_sec += env.ahead / 1000;
	return (0);
}

struct event_base *
poller_base(void)
{
	return (env.base);
}

void
peer_send(struct peer *peer, enum msg_type type, const union msg *m, int fd)
{
	(void)peer;
	assert_int_equal(type, M_ANSWER);
	assert_int_equal(m->answer.op, OP);
	assert_int_equal(fd, -1);
	env.sent += m->answer.body.len;
	if (!m->answer.more)
		env.ended = m->answer.status;
}

/* As on_piece of fetch_logs.c: all of a piece, or nothing. */
static void
on_room(void *arg)
{
	static const char	 piece[PIECE];

	(void)arg;
	while (fetch_room(env.fetch) >= sizeof(piece))
		fetch_send(env.fetch, piece, sizeof(piece));
}

static void
on_gone(void *arg)
{
	(void)arg;
	env.gone++;
}

static const struct fetch_ops ops = { on_room, on_gone };

/* The window is full. */
static int
set_up(void **state)
{
	struct asked	 asked;

	(void)state;
	memset(&env, 0, sizeof(env));
	memset(&asked, 0, sizeof(asked));
	asked.op = OP;
	env.base = event_base_new();
	assert_non_null(env.base);
	env.fetch = fetch_new(&asked, &ops, NULL);
	assert_non_null(env.fetch);
	on_room(NULL);
	assert_int_equal(env.sent, MSG_FETCH_WINDOW);
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	event_base_free(env.base);
	return (0);
}

static void
pass(int64_t ms)
{
	env.ahead += ms;
	event_base_loop(env.base, EVLOOP_NONBLOCK);
}

static void
test_nothing_taken(void **state)
{
	(void)state;
	pass(FETCH_STALL_MS - SECOND);
	assert_int_equal(env.gone, 0);
	pass(2 * SECOND);
	assert_int_equal(env.gone, 1);
	assert_int_equal(env.ended, 502);
}

/* Less than a piece: nothing can be sent for it. */
static void
test_little_taken(void **state)
{
	(void)state;
	pass(FETCH_STALL_MS - SECOND);
	fetch_credit(OP, PIECE / 2);
	assert_int_equal(env.sent, MSG_FETCH_WINDOW);
	pass(FETCH_STALL_MS - SECOND);
	assert_int_equal(env.gone, 0);
	pass(2 * SECOND);
	assert_int_equal(env.gone, 1);
	assert_int_equal(env.ended, 502);
}

static void
test_all_taken(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		pass(FETCH_STALL_MS - SECOND);
		fetch_credit(OP, PIECE);
	}
	assert_int_equal(env.sent, MSG_FETCH_WINDOW + 4 * PIECE);
	fetch_end(env.fetch);
	assert_int_equal(env.ended, 200);
	assert_int_equal(env.gone, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_taken, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_little_taken, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_all_taken, set_up,
		    tear_down),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
