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
 * A text is relayed as its client takes it, and what it took makes room:
 * however the socket takes what is written to it.
 */

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "api.h"
#include "conn.h"
#include "limit.h"
#include "msg.h"
#include "no_door.h"

#define PIECE		50000
#define PIECES		3

static struct {
	struct event_base *base;
	struct conn	*conn;
	int		 refusals;	/* so many writes are refused */
	size_t		 credit;
} env;

static struct request	 request;

/* In the place of libc's: the next ones find no room. */
ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct msghdr	 m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			    .msg_iovlen = (size_t)n };

	if (env.refusals > 0) {
		env.refusals--;
		errno = EAGAIN;
		return (-1);
	}
	return (sendmsg(fd, &m, MSG_NOSIGNAL));
}

void
operation_credit(struct request *req, size_t bytes)
{
	assert_ptr_equal(req, &request);
	env.credit += bytes;
	if (env.credit == PIECE)
		event_base_loopbreak(env.base);
}

void
door_request(struct conn *c, const struct http_message *m)
{
	(void)m;
	c->minor = 1;
	c->request = &request;
	env.conn = c;
	event_base_loopbreak(env.base);
}

const char *
door_date(void)
{
	return ("Thu, 26 Nov 2026 20:00:00 GMT");
}

void
door_closed(struct conn *c)
{
	c->request = NULL;
	env.conn = NULL;
}

void
door_tick(void)
{
}

int
auth_holds(uint64_t number)
{
	(void)number;
	return (1);
}

void
metrics_count(const struct verb *verb, int status, uint64_t began)
{
	(void)verb;
	(void)began;
	assert_int_equal(status, 200);
}

static int
listen_on(struct sockaddr_in *in)
{
	socklen_t	 len = sizeof(*in);
	int		 fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)in, &len), 0);
	return (fd);
}

/* A client's connection, whose request has come. */
static int
begin(void)
{
	static const char	 ask[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct msg_conf_limits	 m = { 10, 10, 60, 60, 60, 8192, 65536, 60 };
	struct sockaddr_in	 in;
	int			 fd;

	env.base = event_base_new();
	assert_non_null(env.base);
	assert_int_equal(conn_init(env.base), 0);
	limit_set(&m);
	limit_commit();
	assert_int_equal(conn_listen(listen_on(&in), "test", NULL), 0);
	conn_commit();
	conn_start();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(send(fd, ask, sizeof(ask) - 1, 0), sizeof(ask) - 1);
	event_base_dispatch(env.base);
	assert_non_null(env.conn);
	return (fd);
}

/* Until there is credit for all of it, or what ought to give it sleeps. */
static void
piece(int fd, int refusals)
{
	static const struct timeval	 tv = { 10, 0 };
	static char			 data[PIECE], buf[2 * PIECE];
	struct answer			 a = { .status = 200, .more = 1,
					    .text = 1, .body = data,
					    .len = sizeof(data) };

	env.credit = 0;
	env.refusals = refusals;
	relay_piece(env.conn, &request, &a);
	if (env.credit < PIECE) {
		event_base_loopexit(env.base, &tv);
		event_base_dispatch(env.base);
	}
	assert_int_equal(env.credit, PIECE);
	assert_int_equal(env.refusals, 0);
	assert_in_range(recv(fd, buf, sizeof(buf), 0), PIECE, 2 * PIECE);
}

static void
test_credit(void **state)
{
	int	 fd = begin(), i, refusals;

	(void)state;
	for (refusals = 0; refusals < 4; refusals++)
		for (i = 0; i < PIECES; i++)
			piece(fd, refusals);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credit),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
