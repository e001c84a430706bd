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
 * However many connections end at a time, the next ones end in theirs.
 */

#include <sys/socket.h>
#include <sys/syscall.h>

#include <netinet/in.h>
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

#include "api.h"
#include "conn.h"
#include "limit.h"
#include "msg.h"
#include "no_door.h"

#define IDLE		10	/* seconds */
#define MANY		300	/* connections: some turns */

static struct {
	struct event_base *base;
	struct sockaddr_in in;
	int64_t		 ahead;		/* of the clock, seconds */
	int		 ticks;
} env;

/* In the place of libc's: time passes when the test says so. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return (-1);
	ts->tv_sec += env.ahead;
	return (0);
}

void
door_request(struct conn *c, const struct http_message *m)
{
	(void)c;
	(void)m;
	fail();
}

void
door_closed(struct conn *c)
{
	(void)c;
}

void
door_tick(void)
{
	env.ticks++;
}

static int
set_up(void **state)
{
	struct msg_conf_limits	 m = { 1000, 1000, 8, 64, 60, IDLE, 60, 60 };
	socklen_t		 len = sizeof(env.in);
	int			 fd;

	(void)state;
	env.base = event_base_new();
	assert_non_null(env.base);
	assert_int_equal(conn_init(env.base), 0);
	limit_set(&m);
	limit_commit();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	env.in.sin_family = AF_INET;
	env.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&env.in, len), 0);
	assert_int_equal(listen(fd, MANY), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&env.in, &len),
	    0);
	assert_int_equal(conn_listen(fd, "test", NULL), 0);
	conn_commit();
	conn_start();
	return (0);
}

static void
pass(int64_t seconds)
{
	int	 i;

	for (env.ahead += seconds, i = 0; i < 2 * MANY; i++)
		event_base_loop(env.base, EVLOOP_NONBLOCK);
}

/* So many clients that say nothing. */
static void
come(int *fds, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&env.in,
		    sizeof(env.in)), 0);
	}
	while (conn_count() < n)
		event_base_loop(env.base, EVLOOP_ONCE);
}

static void
test_many(void **state)
{
	static int	 fds[MANY], fd;
	size_t		 i;
	int		 ticks;

	(void)state;
	come(fds, MANY);
	pass(IDLE + 2);
	assert_int_equal(conn_count(), 0);
	ticks = env.ticks;
	pass(2);
	assert_true(env.ticks > ticks);
	/* The next one ends when its time is over, and not much later. */
	come(&fd, 1);
	pass(IDLE + 2);
	assert_int_equal(conn_count(), 0);
	close(fd);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_many, set_up),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
