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
 * Tests of imsg: the bytes on the wire, what the getters say, bounds, and
 * streams whose framing is broken.
 */

#include "config.h"

#include <signal.h>

#include "imsg_wire.h"

static void
test_wire(void **state)
{
	struct iovec	 iov[3] = { { (char[]){ "ab" }, 2 }, { NULL, 0 },
		{ (char[]){ "cde" }, 3 } };
	struct ibuf	*buf;
	uint32_t	 pid = (uint32_t)getpid();

	(void)state;
	assert_int_equal(IMSG_HEADER_SIZE, 16);
	assert_int_equal(imsg_compose(&t.a, 0x01020304, 0x05060708,
	    0x090a0b0c, -1, "abcd", 4), 1);
	assert_int_equal(imsgbuf_queuelen(&t.a), 1);
	assert_int_equal(imsgbuf_flush(&t.a), 0);
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	assert_words(0x01020304, 20, 0x05060708, 0x090a0b0c, "abcd");

	/* No payload, our own pid, a descriptor announced. */
	assert_int_equal(imsg_compose(&t.a, 1, 2, 0, dup(0), NULL, 0), 1);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	assert_words(1, FD_MARK | 16, 2, pid, "");

	assert_int_equal(imsg_composev(&t.a, 3, 4, 5, -1, iov, 3), 1);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	assert_words(3, 21, 4, 5, "abcde");

	assert_non_null(buf = imsg_create(&t.a, 6, 7, 8, 1));
	assert_int_equal(imsg_add(buf, "xy", 2), 2);
	assert_int_equal(imsg_add(buf, NULL, 0), 0);
	assert_int_equal(imsg_add(buf, "z", 1), 1);
	imsg_close(&t.a, buf);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	assert_words(6, 19, 7, 8, "xyz");

	/* The descriptor of the payload goes with the header. */
	assert_non_null(buf = ibuf_open(3));
	assert_int_equal(ibuf_add(buf, "buf", 3), 0);
	ibuf_fd_set(buf, dup(0));
	assert_int_equal(imsg_compose_ibuf(&t.a, 9, 10, 11, buf), 1);
	assert_int_equal(imsgbuf_queuelen(&t.a), 2);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	assert_words(9, FD_MARK | 19, 10, 11, "buf");
	assert_non_null(buf = ibuf_dynamic(0, 3));
	assert_int_equal(imsg_compose_ibuf(&t.a, 9, 10, 0, buf), 1);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	assert_words(9, 16, 10, pid, "");
	assert_int_equal(imsgbuf_write(&t.a), 0);
}

static void
test_getters(void **state)
{
	unsigned char	 raw[64];
	char		 data[8];
	struct imsg	 imsg;
	struct ibuf	 r;

	(void)state;
	send_raw(raw, put_raw(raw, 0xfffffffe, 20, "a\xff" "cd"), NULL, 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	assert_int_equal(imsg_get(&t.b, &imsg), 20);
	assert_int_equal(imsg_get(&t.b, &imsg), 0);
	assert_int_equal(imsg_get_type(&imsg), 0xfffffffe);
	assert_int_equal(imsg_get_id(&imsg), 7);
	assert_int_equal(imsg_get_pid(&imsg), 8);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	assert_fails(imsg_get_data(&imsg, data, 0) == -1, EINVAL);
	assert_fails(imsg_get_data(&imsg, data, 3) == -1, EBADMSG);
	assert_fails(imsg_get_data(&imsg, data, 5) == -1, EBADMSG);
	assert_fails(imsg_get_buf(&imsg, data, 5) == -1, EBADMSG);
	assert_int_equal(imsg_get_buf(&imsg, data, 1), 0);
	assert_int_equal(imsg_get_len(&imsg), 3);
	assert_fails(imsg_get_strbuf(&imsg, data, 2) == -1, EOVERFLOW);
	assert_int_equal(imsg_get_data(&imsg, data, 1), 0);
	assert_int_equal(data[0], 'd');
	assert_fails(imsg_get_ibuf(&imsg, &r) == -1, EBADMSG);
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
	imsg_free(&imsg);
}

/* Forwarding, twice, after the payload was consumed; and a queue between. */
static void
test_forward(void **state)
{
	struct ibufqueue	*bufq, *more;
	struct imsg		 imsg;
	char			 data[4];
	ino_t			 ino;
	unsigned char		 raw[64];
	int			 fd = make_file(&ino);

	(void)state;
	send_raw(raw, put_raw(raw, 5, FD_MARK | 20, "wxyz"), &fd, 1);
	close(fd);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	assert_int_equal(imsgbuf_get(&t.b, &imsg), 1);
	assert_int_equal(imsg_get_data(&imsg, data, 4), 0);
	assert_int_equal(imsg_forward(&t.a, &imsg), 1);
	assert_int_equal(imsg_forward(&t.a, &imsg), 1);
	assert_int_equal(imsg_get_len(&imsg), 4);
	assert_int_equal(imsgbuf_set_maxsize(&t.a, 3), 0);
	assert_fails(imsg_forward(&t.a, &imsg) == -1, ERANGE);
	assert_int_equal(imsgbuf_write(&t.a), 0);
	put_raw(raw, 5, 20, "wxyz");
	put_raw(raw + 20, 5, 20, "wxyz");
	assert_wire(raw, 40);

	assert_non_null(bufq = ibufq_new());
	assert_non_null(more = ibufq_new());
	assert_int_equal(imsg_ibufq_pop(bufq, &imsg), 0);
	assert_int_equal(imsg_get_data(&imsg, data, 4), 0);
	imsg_ibufq_push(more, &imsg);
	assert_null(imsg.buf);
	assert_int_equal(ibufq_queuelen(more), 1);
	ibufq_concat(bufq, more);
	assert_int_equal(ibufq_queuelen(more), 0);
	assert_null(ibufq_pop(more));
	assert_int_equal(ibufq_queuelen(bufq), 1);
	assert_int_equal(imsg_ibufq_pop(bufq, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 5);
	assert_int_equal(imsg.hdr.len, 20);
	assert_int_equal(imsg_get_data(&imsg, data, 4), 0);
	assert_memory_equal(data, "wxyz", 4);
	assert_file(imsg_get_fd(&imsg), ino);
	imsg_free(&imsg);
	ibufq_push(bufq, ibuf_open(15));
	assert_fails(imsg_ibufq_pop(bufq, &imsg) == -1, EBADMSG);
	ibufq_push(bufq, ibuf_open(1));
	ibufq_flush(bufq);
	assert_int_equal(ibufq_queuelen(bufq), 0);
	ibufq_push(bufq, ibuf_open(1));
	ibufq_free(bufq);
	ibufq_free(more);
	ibufq_free(NULL);
}

static void
test_limits(void **state)
{
	static char	 big[MAX_IMSGSIZE];
	struct iovec	 iov[2] = { { big, SIZE_MAX }, { big, 1 } };
	struct ibuf	*buf;
	struct imsg	 imsg;
	int		 fd = dup(0);

	(void)state;
	assert_fails(imsgbuf_set_maxsize(&t.a, UINT32_MAX - 15) == -1, ERANGE);
	assert_fails(imsgbuf_set_maxsize(&t.a, 0x7ffffff0) == -1, EINVAL);
	assert_fails(imsg_compose(&t.a, 1, 0, 0, fd, big, MAX_IMSGSIZE - 15)
	    == -1, ERANGE);
	assert_fails(imsg_create(&t.a, 1, 0, 0, SIZE_MAX) == NULL, ERANGE);
	assert_fails(imsg_composev(&t.a, 1, 0, 0, fd, iov, 2) == -1, ERANGE);
	iov[0].iov_len = MAX_IMSGSIZE - 16;
	assert_fails(imsg_composev(&t.a, 1, 0, 0, fd, iov, 2) == -1, ERANGE);
	/* A failing call leaves the descriptor to the caller. */
	assert_int_equal(close(fd), 0);
	assert_non_null(buf = ibuf_open(MAX_IMSGSIZE));
	assert_non_null(ibuf_reserve(buf, MAX_IMSGSIZE - 15));
	ibuf_fd_set(buf, dup(0));
	assert_fails(imsg_compose_ibuf(&t.a, 1, 0, 0, buf) == -1, ERANGE);
	assert_non_null(buf = imsg_create(&t.a, 1, 0, 0, 0));
	assert_fails(imsg_set_maxsize(buf, MAX_IMSGSIZE - 15) == -1, ERANGE);
	assert_fails(imsg_set_maxsize(buf, SIZE_MAX) == -1, ERANGE);
	assert_int_equal(imsg_set_maxsize(buf, 3), 0);
	assert_int_equal(imsg_add(buf, "abc", 3), 3);
	assert_fails(imsg_add(buf, "d", 1) == -1, ERANGE);
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	assert_int_equal(imsg_compose(&t.a, 1, 0, 0, -1, big,
	    MAX_IMSGSIZE - 16), 1);
	assert_int_equal(imsgbuf_flush(&t.a), 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	assert_int_equal(imsgbuf_get(&t.b, &imsg), 1);
	assert_int_equal(imsg_get_len(&imsg), MAX_IMSGSIZE - 16);
	imsg_free(&imsg);
}

/* Lengths that a header must not tell; what came before is not lost. */
static void
test_framing(void **state)
{
	static const uint32_t	 bad[] = { 0, 15, FD_MARK | 15, 33,
		FD_MARK | 33, 0x7fffffff, 0xffffffff };
	unsigned char		 raw[256];
	size_t			 i, n;
	int			 fd;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)setup(state);
		assert_int_equal(imsgbuf_set_maxsize(&t.b, 16), 0);
		n = put_raw(raw, 1, 16, "");
		n += put_raw(raw + n, 2, 32, "0123456789abcdef");
		n += put_raw(raw + n, 3, bad[i], "0123456789abcdefg");
		fd = dup(0);
		send_raw(raw, n, &fd, 1);
		close(fd);
		assert_fails(imsgbuf_read(&t.b) == -1, ERANGE);
		assert_int_equal(expect(1, ""), -1);
		assert_int_equal(expect(2, "0123456789abcdef"), -1);
		expect_none();
		/* The stream is dead, whatever comes. */
		send_raw(raw, 16, NULL, 0);
		assert_fails(imsgbuf_read(&t.b) == -1, ERANGE);
		expect_none();
		(void)teardown(state);
	}
}

/* Without a reader; at the end; with nothing there. */
static void
test_read_results(void **state)
{
	struct msgbuf	*writer;
	struct ibufqueue *bufq;
	unsigned char	 raw[64];

	(void)state;
	assert_non_null(writer = msgbuf_new());
	assert_fails(msgbuf_read(t.sock[1], writer) == -1, EINVAL);
	assert_fails(ibuf_read(t.sock[1], writer) == -1, EINVAL);
	assert_null(msgbuf_get(writer));
	assert_non_null(bufq = ibufq_new());
	ibufq_push(bufq, ibuf_open(1));
	ibufq_push(bufq, ibuf_open(1));
	msgbuf_concat(writer, bufq);
	assert_int_equal(ibufq_queuelen(bufq), 0);
	ibufq_free(bufq);
	assert_int_equal(msgbuf_queuelen(writer), 2);
	msgbuf_clear(writer);
	assert_int_equal(msgbuf_queuelen(writer), 0);
	msgbuf_free(writer);
	msgbuf_free(NULL);

	assert_int_equal(fcntl(t.sock[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	expect_none();
	send_raw(raw, put_raw(raw, 1, 20, "ab"), NULL, 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	expect_none();
	assert_int_equal(shutdown(t.sock[0], SHUT_WR), 0);
	assert_int_equal(imsgbuf_read(&t.b), 0);
	expect_none();
	assert_int_equal(shutdown(t.sock[1], SHUT_RD), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(imsg_compose(&t.a, 1, 0, 0, -1, NULL, 0), 1);
	assert_fails(imsgbuf_write(&t.a) == -1, EPIPE);
	assert_fails(imsgbuf_flush(&t.a) == -1, EPIPE);
}

/* A callback that takes 2 bytes of header and makes what `*arg` says. */
static struct ibuf *
read_short(struct ibuf *hdr, void *arg, int *fd)
{
	size_t	*size = arg;

	assert_int_equal(*fd, -1);
	assert_int_equal(ibuf_size(hdr), 2);
	assert_memory_equal(ibuf_data(hdr), "hd", 2);
	if (*size == 0) {
		errno = EPROTO;
		return (NULL);
	}
	return (ibuf_open(*size));
}

static void
test_reader(void **state)
{
	static const struct {
		size_t	 size;
		int	 error;
	} cases[] = { { 4, 0 }, { 2, 0 }, { 1, EBADMSG }, { 0, EPROTO } };
	struct msgbuf	*r;
	struct ibuf	*buf;
	size_t		 i, j, size;

	(void)state;
	assert_fails(msgbuf_new_reader(0, read_short, &size) == NULL, EINVAL);
	assert_fails(msgbuf_new_reader(IBUF_READ_SIZE / 2 + 1, read_short,
	    &size) == NULL, EINVAL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size = cases[i].size;
		assert_non_null(r = msgbuf_new_reader(2, read_short, &size));
		send_raw(size == 2 ? "hdhd" : "hdxxhdxx", size == 2 ? 4 : 8,
		    NULL, 0);
		if (cases[i].error != 0)
			assert_fails(ibuf_read(t.sock[1], r) == -1,
			    cases[i].error);
		else
			assert_int_equal(ibuf_read(t.sock[1], r), 1);
		for (j = 0; cases[i].error == 0 && j < 2; j++) {
			assert_non_null(buf = msgbuf_get(r));
			assert_int_equal(ibuf_size(buf), size);
			assert_memory_equal(ibuf_data(buf), "hdxx", size);
			ibuf_free(buf);
		}
		assert_null(msgbuf_get(r));
		msgbuf_free(r);
	}
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(test_wire),
		T(test_getters),
		T(test_forward),
		T(test_limits),
		cmocka_unit_test(test_framing),
		T(test_read_results),
		T(test_reader),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
