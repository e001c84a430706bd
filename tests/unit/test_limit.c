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

/* Connections by address, and the figures of the configuration. */

#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http.h"
#include "limit.h"
#include "msg.h"

static struct sockaddr_storage
address(const char *text)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*in = (struct sockaddr_in *)(void *)&ss;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)(void *)&ss;

	memset(&ss, 0, sizeof(ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else {
		assert_int_equal(inet_pton(AF_INET6, text,
		    &in6->sin6_addr), 1);
		ss.ss_family = AF_INET6;
	}
	return (ss);
}

static void
configure(uint32_t connections, uint32_t per_address)
{
	struct msg_conf_limits	 m = { connections, per_address, 2, 3, 4, 5,
				    6, 7 };

	limit_set(&m);
	limit_commit();
}

static void
test_addresses(void **state)
{
	struct sockaddr_storage	 a = address("192.0.2.1");
	struct sockaddr_storage	 b = address("192.0.2.2");
	int			 i;

	(void)state;
	configure(100, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(limit_enter(&a), 0);
	assert_int_equal(limit_enter(&a), -1);
	assert_int_equal(limit_enter(&b), 0);
	limit_leave(&a);
	assert_int_equal(limit_enter(&a), 0);
	assert_int_equal(limit_enter(&a), -1);
	/* A lower limit closes nobody, and lets nobody in. */
	configure(100, 1);
	limit_leave(&a);
	assert_int_equal(limit_enter(&a), -1);
	limit_leave(&a);
	limit_leave(&a);
	assert_int_equal(limit_enter(&a), 0);
	limit_leave(&a);
	limit_leave(&b);
}

/* Whoever has an IPv6 address has a network of them. */
static void
test_networks(void **state)
{
	struct sockaddr_storage	 a = address("2001:db8::1");
	struct sockaddr_storage	 b = address("2001:db8::ffff:ffff:ffff:2");
	struct sockaddr_storage	 c = address("2001:db8:0:1::1");

	(void)state;
	configure(100, 1);
	assert_int_equal(limit_enter(&a), 0);
	assert_int_equal(limit_enter(&b), -1);
	assert_int_equal(limit_enter(&c), 0);
	limit_leave(&c);
	limit_leave(&a);
	assert_int_equal(limit_enter(&b), 0);
	limit_leave(&b);
}

static void
test_this_machine(void **state)
{
	static const char *const local[] = { "127.0.0.1", "127.1.2.3", "::1" };
	struct sockaddr_storage	 a;
	size_t			 i, n;

	(void)state;
	configure(100, 1);
	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		a = address(local[i]);
		for (n = 0; n < 10; n++)
			assert_int_equal(limit_enter(&a), 0);
		for (n = 0; n < 10; n++)
			limit_leave(&a);
	}
}

static void
test_figures(void **state)
{
	struct http_message	 m;
	struct rlimit		 rl, low;

	(void)state;
	configure(100, 1);
	assert_int_equal(limit_get()->connections, 100);
	assert_int_equal(limit_get()->header, 2048);
	assert_int_equal(limit_get()->pause, 7);
	http_begin(&m);
	assert_int_equal(m.max_head, 2048);
	assert_int_equal(m.max_body, 3072);
	/* Some descriptors are for others. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	low = rl;
	low.rlim_cur = 512;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	configure(4096, 1);
	assert_int_equal(limit_get()->connections, 384);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static void
test_names(void **state)
{
	int	 i, j;

	(void)state;
	for (i = 0; i < LIMIT_MAX; i++) {
		assert_non_null(limit_name((enum limit)i));
		for (j = 0; j < i; j++)
			assert_string_not_equal(limit_name((enum limit)i),
			    limit_name((enum limit)j));
	}
	assert_int_equal(limit_times(LIMIT_BODY), 0);
	limit_reached(LIMIT_BODY);
	assert_int_equal(limit_times(LIMIT_BODY), 1);
	assert_int_equal(limit_times(LIMIT_HEADER), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
