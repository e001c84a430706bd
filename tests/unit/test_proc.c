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
 * Peers on an event loop: all that is said arrives, whoever waits for room
 * is told, and what can't go on ends; however the socket takes it.
 */

#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "proc.h"

#define MANY		1000	/* some turns of messages */
#define PIECE		700	/* no whole message */
#define BODY		1000	/* bytes */

static struct {
	struct event_base *base;
	struct peer	*api;		/* says */
	struct peer	*ctl;		/* hears */
	int		 cut;		/* writes take PIECE bytes */
	int		 error;		/* of the next so many writes */
	int		 errors;
	int		 heard;
	int		 last;		/* free it at that message; 0: none */
	int		 drained;
	int		 api_closed;
	int		 ctl_closed;
	char		 why[128];
} env;

/* In the place of libc's. */
ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr	 m = *msg;
	struct iovec	 iov;

	if (env.errors > 0) {
		env.errors--;
		errno = env.error;
		return (-1);
	}
	if (env.cut) {
		iov = msg->msg_iov[0];
		if (iov.iov_len > PIECE)
			iov.iov_len = PIECE;
		m.msg_iov = &iov;
		m.msg_iovlen = 1;
		/* And every other one finds no room. */
		env.errors = 1;
		env.error = EAGAIN;
	}
	return (syscall(SYS_sendmsg, fd, &m, flags));
}

static void
on_answer(struct peer *peer, const union msg *m, int fd)
{
	assert_ptr_equal(peer, env.ctl);
	assert_int_equal(fd, -1);
	assert_int_equal(m->ctl_answer.op, env.heard);
	assert_int_equal(m->ctl_answer.body.len, BODY);
	if (++env.heard == env.last) {
		env.ctl = NULL;
		peer_free(peer);
	}
}

static void
on_drained(struct peer *peer)
{
	assert_int_equal(peer_queued(peer), 0);
	env.drained++;
}

static void
on_closed(struct peer *peer, const char *why)
{
	if (peer == env.api) {
		env.api_closed++;
		env.api = NULL;
	} else {
		assert_ptr_equal(peer, env.ctl);
		env.ctl_closed++;
		env.ctl = NULL;
	}
	(void)strlcpy(env.why, why != NULL ? why : "", sizeof(env.why));
}

static const msg_fn table[M_MAX] = { [M_CTL_ANSWER] = on_answer };
static const struct peer_ops api_ops = { .table = table,
    .closed = on_closed, .drained = on_drained, .queue_max = MANY };
static const struct peer_ops ctl_ops = { .table = table,
    .closed = on_closed };

static int
set_up(void **state)
{
	int	 pair[2];

	(void)state;
	memset(&env, 0, sizeof(env));
	env.base = event_base_new();
	assert_non_null(env.base);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	env.api = peer_new(env.base, PROC_API, PROC_CTL, pair[0], &api_ops,
	    NULL);
	env.ctl = peer_new(env.base, PROC_CTL, PROC_API, pair[1], &ctl_ops,
	    NULL);
	assert_true(env.api != NULL && env.ctl != NULL);
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	peer_free(env.api);
	peer_free(env.ctl);
	event_base_free(env.base);
	return (0);
}

static void
say(int n)
{
	static const char	 body[BODY];
	union msg		 m;
	int			 i;

	for (i = 0; i < n; i++) {
		memset(&m, 0, sizeof(m));
		m.ctl_answer.op = (uint64_t)i;
		m.ctl_answer.body.data = body;
		m.ctl_answer.body.len = sizeof(body);
		peer_send(env.api, M_CTL_ANSWER, &m, -1);
	}
}

/* Until that happens, or nothing does for long. */
static void
run_until(const int *what, int value)
{
	static const struct timeval	 tv = { 10, 0 };

	event_base_loopexit(env.base, &tv);
	while (*what != value &&
	    event_base_loop(env.base, EVLOOP_ONCE) == 0 &&
	    !event_base_got_exit(env.base))
		;
	assert_int_equal(*what, value);
}

static void
test_all_arrives(void **state)
{
	(void)state;
	env.cut = 1;
	say(MANY);
	run_until(&env.heard, MANY);
	run_until(&env.drained, 1);
	/* The other end goes with something on its way. */
	say(MANY / 2);
	env.heard = env.cut = 0;
	assert_int_equal(peer_flush(env.api, 0), -1);
	while (peer_queued(env.api) > 0)
		event_base_loop(env.base, EVLOOP_ONCE);
	peer_free(env.api);
	env.api = NULL;
	run_until(&env.ctl_closed, 1);
	assert_int_equal(env.heard, MANY / 2);
	assert_string_equal(env.why, "");
}

/* No room and no memory are for a while only. */
static void
test_refused(void **state)
{
	static const int	 errors[] = { EAGAIN, ENOBUFS };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		env.error = errors[i];
		env.errors = 3;
		env.heard = env.drained = 0;
		say(1);
		run_until(&env.heard, 1);
		run_until(&env.drained, 1);
	}
}

/* What can't be written ends the connection: nobody waits for the rest. */
static void
test_broken(void **state)
{
	(void)state;
	env.error = ETOOMANYREFS;
	env.errors = 1;
	say(3);
	run_until(&env.api_closed, 1);
	assert_string_equal(env.why, strerror(ETOOMANYREFS));
	run_until(&env.ctl_closed, 1);
	assert_int_equal(env.heard, 0);
}

/* What it says before it goes is heard, though it hears nothing. */
static void
test_gone(void **state)
{
	(void)state;
	say(MANY / 4);
	while (peer_queued(env.api) > 0)
		event_base_loop(env.base, EVLOOP_ONCE);
	env.error = EPIPE;
	env.errors = 1;
	say(1);
	run_until(&env.heard, MANY / 4);
	assert_int_equal(env.api_closed, 0);
}

static void
test_does_not_read(void **state)
{
	(void)state;
	env.error = EAGAIN;
	env.errors = MANY;
	say(MANY + 1);
	run_until(&env.api_closed, 1);
	assert_string_equal(env.why, "does not read what it is told");
}

static void
test_freed_inside(void **state)
{
	(void)state;
	env.last = 10;
	say(MANY / 2);
	run_until(&env.api_closed, 1);
	assert_int_equal(env.heard, env.last);
	assert_int_equal(env.ctl_closed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_arrives, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_gone, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_does_not_read, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_freed_inside, set_up,
		    tear_down),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
