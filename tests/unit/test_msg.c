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
 * Typed messages: bytes on the wire, bounds, and everything that must be
 * refused before a handler sees it.
 */

#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg.h"

struct wire {
	struct imsgbuf	 in;
	struct imsgbuf	 out;
};

static int
setup(void **state)
{
	struct wire	*w = calloc(1, sizeof(*w));
	int		 pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(imsgbuf_init(&w->in, pair[0]), 0);
	assert_int_equal(imsgbuf_init(&w->out, pair[1]), 0);
	imsgbuf_set_maxsize(&w->in, MSG_IMSG_MAX);
	imsgbuf_set_maxsize(&w->out, MSG_IMSG_MAX);
	imsgbuf_allow_fdpass(&w->in);
	imsgbuf_allow_fdpass(&w->out);
	*state = w;
	return (0);
}

static int
teardown(void **state)
{
	struct wire	*w = *state;

	close(w->in.fd);
	close(w->out.fd);
	imsgbuf_clear(&w->in);
	imsgbuf_clear(&w->out);
	free(w);
	return (0);
}

static void
pass(struct wire *w, struct imsg *imsg)
{
	int	 r;

	assert_int_equal(imsgbuf_flush(&w->out), 0);
	while ((r = (int)imsgbuf_get(&w->in, imsg)) == 0)
		assert_int_equal(imsgbuf_read(&w->in), 1);
	assert_int_equal(r, 1);
}

/* What msg_unpack makes of these very bytes. */
static const char *
unpack_raw(struct wire *w, uint32_t type, const void *data, size_t len,
    enum proc_id from, enum proc_id to, int fd)
{
	static const char	*why;
	struct imsg		 imsg;
	union msg		 m;
	int			 got;

	assert_int_equal(imsg_compose(&w->out, type, 0, 0, fd, data, len), 1);
	pass(w, &imsg);
	if (msg_unpack(&imsg, from, to, &m, &got, &why) == 0)
		why = NULL;
	else {
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(got, -1);
	}
	if (got != -1)
		close(got);
	imsg_free(&imsg);
	return (why);
}

static void
test_bytes(void **state)
{
	static const unsigned char	 want[] = {
		0, 0, 0, 0, 0, 0, 1, 2,		/* op */
		0, 200,				/* status */
		0, 0, 0, 7,			/* retry_after */
		1,				/* more */
		0, 0, 0, 3, 'a', 0, 'b'		/* body */
	};
	struct wire	*w = *state;
	struct imsg	 imsg;
	union msg	 m;
	const char	*why;
	int		 fd;

	memset(&m, 0, sizeof(m));
	m.answer.op = 0x102;
	m.answer.status = 200;
	m.answer.retry_after = 7;
	m.answer.more = 1;
	m.answer.body.data = "a\0b";
	m.answer.body.len = 3;
	assert_int_equal(msg_compose(&w->out, M_ANSWER, &m, -1), 0);
	pass(w, &imsg);
	assert_int_equal(imsg_get_type(&imsg), M_ANSWER);
	assert_int_equal(imsg_get_len(&imsg), sizeof(want));
	assert_memory_equal(imsg.data, want, sizeof(want));
	memset(&m, 0xff, sizeof(m));
	assert_int_equal(msg_unpack(&imsg, PROC_REGISTRY, PROC_API, &m, &fd,
	    &why), 0);
	assert_int_equal(m.answer.op, 0x102);
	assert_int_equal(m.answer.status, 200);
	assert_int_equal(m.answer.body.len, 3);
	assert_memory_equal(m.answer.body.data, "a\0b", 3);
	assert_int_equal(fd, -1);
	imsg_free(&imsg);
}

static void
test_strings(void **state)
{
	struct wire	*w = *state;
	struct imsg	 imsg;
	union msg	 m;
	const char	*why;
	int		 fd;

	memset(&m, 0, sizeof(m));
	m.stale.pipeline_id = "pipe_1";
	m.stale.reason = NULL;	/* sent as "" */
	assert_int_equal(msg_compose(&w->out, M_STALE, &m, -1), 0);
	pass(w, &imsg);
	assert_int_equal(msg_unpack(&imsg, PROC_POLLER, PROC_REGISTRY, &m,
	    &fd, &why), 0);
	assert_string_equal(m.stale.pipeline_id, "pipe_1");
	assert_string_equal(m.stale.reason, "");
	imsg_free(&imsg);
}

static void
test_refused(void **state)
{
	/* STALE: a STR and a STR. */
	static const char	 ok[] = "\0\0\0\1p\0\0\0\0\1r";
	static const char	 nul[] = "\0\0\0\2p\0\0\0\0\0\1r";
	static const char	 no_nul[] = "\0\0\0\1px\0\0\0\1r";
	static const char	 long_len[] = "\0\0\0\x7fp\0\0\0\0\1r";
	static const char	 huge[] = "\xff\xff\xff\xffp\0\0\0\0\1r";
	char			 big[200];
	struct wire		*w = *state;

	assert_null(unpack_raw(w, M_STALE, ok, sizeof(ok), PROC_POLLER,
	    PROC_REGISTRY, -1));
	assert_string_equal(unpack_raw(w, M_STALE, nul, sizeof(nul),
	    PROC_POLLER, PROC_REGISTRY, -1), "malformed payload");
	assert_string_equal(unpack_raw(w, M_STALE, no_nul, sizeof(no_nul),
	    PROC_POLLER, PROC_REGISTRY, -1), "malformed payload");
	assert_string_equal(unpack_raw(w, M_STALE, long_len,
	    sizeof(long_len), PROC_POLLER, PROC_REGISTRY, -1),
	    "malformed payload");
	assert_string_equal(unpack_raw(w, M_STALE, huge, sizeof(huge),
	    PROC_POLLER, PROC_REGISTRY, -1), "malformed payload");
	assert_string_equal(unpack_raw(w, M_STALE, ok, sizeof(ok) - 2,
	    PROC_POLLER, PROC_REGISTRY, -1), "malformed payload");
	memcpy(big, ok, sizeof(ok));
	big[sizeof(ok)] = 'x';
	assert_string_equal(unpack_raw(w, M_STALE, big, sizeof(ok) + 1,
	    PROC_POLLER, PROC_REGISTRY, -1), "trailing bytes");
	assert_string_equal(unpack_raw(w, M_STALE, NULL, 0, PROC_POLLER,
	    PROC_REGISTRY, -1), "message without payload");
	/* An id of 65 bytes, where 64 are allowed. */
	memset(big, 'p', sizeof(big));
	memcpy(big, "\0\0\0\x41", 4);
	memcpy(big + 4 + 65, "\0\0\0\0\1r", 7);
	assert_string_equal(unpack_raw(w, M_STALE, big, 4 + 65 + 1 + 4 + 2,
	    PROC_POLLER, PROC_REGISTRY, -1), "malformed payload");
}

static void
test_who_may(void **state)
{
	static const char	 stale[] = "\0\0\0\1p\0\0\0\0\1r";
	char			*large = calloc(1, 64 * 1024);
	struct wire		*w = *state;

	assert_string_equal(unpack_raw(w, M_STALE, stale, sizeof(stale),
	    PROC_API, PROC_REGISTRY, -1),
	    "message that this sender may not send");
	assert_string_equal(unpack_raw(w, M_STALE, stale, sizeof(stale),
	    PROC_POLLER, PROC_PARENT, -1),
	    "message that this receiver does not take");
	assert_string_equal(unpack_raw(w, M_NONE, stale, sizeof(stale),
	    PROC_POLLER, PROC_REGISTRY, -1), "unknown message");
	assert_string_equal(unpack_raw(w, M_MAX, stale, sizeof(stale),
	    PROC_POLLER, PROC_REGISTRY, -1), "unknown message");
	assert_string_equal(unpack_raw(w, 0xffffffff, stale, sizeof(stale),
	    PROC_POLLER, PROC_REGISTRY, -1), "unknown message");
	assert_string_equal(unpack_raw(w, M_STALE, large, 64 * 1024,
	    PROC_POLLER, PROC_REGISTRY, -1), "oversized message");
	free(large);
}

static void
test_descriptors(void **state)
{
	static const char	 proc[] = "\1";
	static const char	 stale[] = "\0\0\0\1p\0\0\0\0\1r";
	struct wire		*w = *state;
	union msg		 m;
	int			 fd;

	fd = open("/dev/null", O_RDONLY);
	assert_null(unpack_raw(w, M_PEER, proc, 1, PROC_PARENT, PROC_API,
	    fd));
	assert_string_equal(unpack_raw(w, M_PEER, proc, 1, PROC_PARENT,
	    PROC_API, -1), "descriptor missing or surplus");
	fd = open("/dev/null", O_RDONLY);
	assert_string_equal(unpack_raw(w, M_STALE, stale, sizeof(stale),
	    PROC_POLLER, PROC_REGISTRY, fd), "descriptor missing or surplus");
	/* The sender is held to it as well, and its descriptor closed. */
	fd = open("/dev/null", O_RDONLY);
	memset(&m, 0, sizeof(m));
	assert_int_equal(msg_compose(&w->out, M_STALE, &m, fd), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(msg_compose(&w->out, M_PEER, &m, -1), -1);
	assert_int_equal(errno, EINVAL);
}

static void
test_compose_bounds(void **state)
{
	char		 id[66];
	struct wire	*w = *state;
	union msg	 m;

	memset(id, 'a', sizeof(id));
	id[65] = '\0';
	memset(&m, 0, sizeof(m));
	m.stale.pipeline_id = id;
	assert_int_equal(msg_compose(&w->out, M_STALE, &m, -1), -1);
	assert_int_equal(errno, EMSGSIZE);
	id[64] = '\0';
	assert_int_equal(msg_compose(&w->out, M_STALE, &m, -1), 0);
}

/* Every row: a name, and room for its largest payload in an imsg. */
static void
test_rows(void **state)
{
	uint32_t	 type;

	(void)state;
	assert_string_equal(msg_name(M_SETUP), "SETUP");
	assert_string_equal(msg_name(M_CTL_ANSWER), "CTL_ANSWER");
	assert_string_equal(msg_name(M_MAX), "?");
	for (type = 1; type < M_MAX; type++)
		assert_string_not_equal(msg_name(type), "?");
#define MSG(NAME, name, from, to, max, fd)				\
	assert_true((max) + IMSG_HEADER_SIZE <= MSG_IMSG_MAX);		\
	assert_true((from) != 0 && (to) != 0);
#include "msg.def"
#undef MSG
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_may, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_compose_bounds, setup,
		    teardown),
		cmocka_unit_test(test_rows),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
