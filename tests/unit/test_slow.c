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
 * Wrong tokens by address, on a clock of the test's: delays, and what the
 * audit log gets.
 */

#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api.h"

static time_t	 now = 60 * 1000;
static size_t	 lines, bytes, total;
static char	 last[128];

/* Stand-ins for libc and operation.c. */
time_t
time(time_t *t)
{
	if (t != NULL)
		*t = now;
	return (now);
}

void
operation_audit(const char *verb, const char *actor, const char *target,
    int status, const char *detail, uint32_t count)
{
	assert_string_equal(verb, "authenticate");
	assert_string_equal(actor, "");
	assert_string_equal(target, "");
	assert_int_equal(status, 401);
	lines++;
	/* What audit.c writes around it is less than that. */
	bytes += strlen(detail) + 256;
	total += count;
	(void)strlcpy(last, detail, sizeof(last));
}

static struct sockaddr_storage
address(const char *text)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in	 in;
	struct sockaddr_in6	 in6;

	memset(&ss, 0, sizeof(ss));
	memset(&in, 0, sizeof(in));
	memset(&in6, 0, sizeof(in6));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		in.sin_family = AF_INET;
		memcpy(&ss, &in, sizeof(in));
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr),
		    1);
		in6.sin6_family = AF_INET6;
		memcpy(&ss, &in6, sizeof(in6));
	}
	return (ss);
}

static int
refuse(const char *from)
{
	struct sockaddr_storage	 ss = address(from);

	return (slow_refused(&ss));
}

static void
next_minute(void)
{
	now += 60;
	lines = bytes = total = 0;
	slow_tick();
}

static void
test_delay(void **state __attribute__((unused)))
{
	int	 i;

	next_minute();
	for (i = 0; i < SLOW_FREE; i++)
		assert_int_equal(refuse("192.0.2.1"), 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(refuse("192.0.2.1"), SLOW_MS);
	assert_int_equal(refuse("192.0.2.2"), 0);
	/* All of an IPv6 network are one. */
	for (i = 0; i < SLOW_FREE; i++)
		assert_int_equal(refuse("2001:db8::1"), 0);
	assert_int_equal(refuse("2001:db8::2"), SLOW_MS);
	assert_int_equal(refuse("2001:db8:0:1::1"), 0);
	/* A new minute begins anew. */
	next_minute();
	assert_int_equal(lines, 4);
	assert_int_equal(total, 15 + 1 + 11 + 1);
	assert_int_equal(refuse("192.0.2.1"), 0);
}

static void
test_line(void **state __attribute__((unused)))
{
	next_minute();
	lines = 0;
	(void)refuse("192.0.2.7");
	slow_tick();
	assert_int_equal(lines, 0);
	next_minute();
	assert_int_equal(lines, 1);
	assert_string_equal(last, "Invalid CCM-Token from 192.0.2.7");
	next_minute();
	assert_int_equal(lines, 0);
}

/* Whatever they come from: a bounded log, and none is left out. */
static void
test_10000(void **state __attribute__((unused)))
{
	char	 from[32];
	int	 i, slow = 0;

	next_minute();
	for (i = 0; i < 10000; i++) {
		(void)snprintf(from, sizeof(from), "10.0.%d.%d", i / 250,
		    i % 250);
		slow += refuse(from) > 0;
	}
	/* Those that there is no room for count as one. */
	assert_true(slow > 9000);
	next_minute();
	assert_int_equal(total, 10000);
	assert_true(lines <= 65);
	assert_true(bytes <= 512 * 1024);
	assert_string_equal(last, "Invalid CCM-Token from others");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_10000),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
