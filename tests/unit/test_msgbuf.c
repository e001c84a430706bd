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
 * Tests of msgbuf under imsg: streams cut at any byte, calls interrupted,
 * refused or cut short, descriptors that come late, twice, unasked or not
 * at all, and random traffic.  recvmsg, sendmsg and writev are ours here, to
 * shorten transfers and inject errors; beneath them is the real thing.
 */

#include "config.h"

#include <sys/resource.h>
#include <sys/time.h>

#include <signal.h>

#include "imsg_wire.h"

#define SEQUENCES	1000
#define SEQUENCE_MAX	24		/* messages of one sequence */
#define RANDOM_MAX	3000		/* bytes of a random payload */
#define TURNS_MAX	1000000

/* What befalls the calls below. */
static struct {
	size_t	 max_send;	/* bytes per call, 0: all */
	size_t	 max_recv;
	int	 error;		/* of the next `errors` calls */
	int	 errors;
	int	 calls;
	int	 no_slot;	/* for a descriptor received */
	int	 controls;	/* calls that sent one */
} fault;

static int
inject(void)
{
	fault.calls++;
	if (fault.errors == 0)
		return (0);
	fault.errors--;
	errno = fault.error;
	return (1);
}

/* A copy of `iov` with at most `max` bytes in all. */
static size_t
shorten(struct iovec *to, const struct iovec *from, size_t n, size_t max)
{
	size_t	 i;

	for (i = 0; i < n && max > 0; i++) {
		to[i] = from[i];
		if (to[i].iov_len > max)
			to[i].iov_len = max;
		max -= to[i].iov_len;
	}
	return (i);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec	 iov[1024];
	struct msghdr	 m = *msg;

	if (inject())
		return (-1);
	fault.controls += msg->msg_controllen != 0;
	if (fault.max_send != 0) {
		m.msg_iov = iov;
		m.msg_iovlen = shorten(iov, msg->msg_iov, msg->msg_iovlen,
		    fault.max_send);
	}
	return (syscall(SYS_sendmsg, fd, &m, flags));
}

ssize_t
writev(int fd, const struct iovec *from, int n)
{
	struct msghdr	 m;
	union {
		const struct iovec	*from;
		struct iovec		*iov;
	} u = { from };

	memset(&m, 0, sizeof(m));
	m.msg_iov = u.iov;
	m.msg_iovlen = (size_t)n;
	return (sendmsg(fd, &m, 0));
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (inject())
		return (-1);
	if (fault.max_recv != 0 && msg->msg_iov->iov_len > fault.max_recv)
		msg->msg_iov->iov_len = fault.max_recv;
	if (fault.no_slot)
		msg->msg_controllen = 0;
	return (syscall(SYS_recvmsg, fd, msg, flags));
}

static int
setup_faults(void **state)
{
	memset(&fault, 0, sizeof(fault));
	return (setup(state));
}

static void
nonblocking(void)
{
	assert_int_equal(fcntl(t.sock[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(t.sock[1], F_SETFL, O_NONBLOCK), 0);
}

/* Read at b until end-of-data; the socket does not block. */
static void
read_all(void)
{
	char	 byte;

	while (recv(t.sock[1], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		assert_int_equal(imsgbuf_read(&t.b), 1);
}

/* Three messages, the second with a descriptor; returns their size. */
static size_t
make_stream(unsigned char *raw, size_t *fd_at)
{
	size_t	 n;

	n = put_raw(raw, 1, 21, "first");
	*fd_at = n;
	n += put_raw(raw + n, 2, FD_MARK | 22, "second");
	n += put_raw(raw + n, 3, 16, "");
	return (n);
}

static void
expect_stream(ino_t ino)
{
	assert_int_equal(expect(1, "first"), -1);
	assert_file(expect(2, "second"), ino);
	assert_int_equal(expect(3, ""), -1);
	expect_none();
}

/* Send raw[from..to), the descriptor with its byte, and let b read. */
static void
send_part(const unsigned char *raw, size_t from, size_t to, size_t fd_at,
    int fd)
{
	if (from < fd_at && fd_at < to) {
		send_raw(raw + from, fd_at - from, NULL, 0);
		from = fd_at;
	}
	if (from < to)
		send_raw(raw + from, to - from, &fd, from == fd_at);
	read_all();
}

/* The stream in three parts, cut at every two places. */
static void
test_read_splits(void **state)
{
	unsigned char	 raw[128];
	size_t		 fd_at, i, j, n = make_stream(raw, &fd_at);
	ino_t		 ino;
	int		 fd = make_file(&ino);

	(void)state;
	for (i = 0; i <= n; i++) {
		for (j = i; j <= n; j++) {
			send_part(raw, 0, i, fd_at, fd);
			send_part(raw, i, j, fd_at, fd);
			send_part(raw, j, n, fd_at, fd);
			expect_stream(ino);
		}
	}
	close(fd);
}

/* The same stream whole, taken by reads of any size. */
static void
test_short_reads(void **state)
{
	unsigned char	 raw[128];
	size_t		 fd_at, n = make_stream(raw, &fd_at);
	ino_t		 ino;
	int		 fd = make_file(&ino);

	(void)state;
	for (fault.max_recv = 1; fault.max_recv <= n; fault.max_recv++) {
		send_raw(raw, fd_at, NULL, 0);
		send_raw(raw + fd_at, n - fd_at, &fd, 1);
		read_all();
		expect_stream(ino);
	}
	close(fd);
}

/* Writes of any size put the same bytes out, the descriptor once. */
static void
test_short_writes(void **state)
{
	unsigned char	 raw[128];
	size_t		 fd_at, n = make_stream(raw, &fd_at);
	ino_t		 ino;
	int		 fd, round;

	(void)state;
	for (fault.max_send = 1; fault.max_send <= n; fault.max_send++) {
		for (round = 0; round < 2; round++) {
			fd = make_file(&ino);
			imsg_compose(&t.a, 1, 7, 8, -1, "first", 5);
			imsg_compose(&t.a, 2, 7, 8, fd, "second", 6);
			imsg_compose(&t.a, 3, 7, 8, -1, NULL, 0);
			assert_int_equal(imsgbuf_queuelen(&t.a), 3);
			fault.controls = 0;
			assert_int_equal(imsgbuf_flush(&t.a), 0);
			assert_int_equal(fault.controls, 1);
			assert_fails(fcntl(fd, F_GETFD) == -1, EBADF);
			if (round == 0) {
				read_all();
				expect_stream(ino);
				continue;
			}
			assert_wire(raw, n);
		}
	}
}

/* One write carries at most one descriptor, and not behind other bytes. */
static void
test_one_per_write(void **state)
{
	ino_t	 ino[3];
	int	 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		imsg_compose(&t.a, 9, 0, 0, -1, NULL, 0);
		imsg_compose(&t.a, (uint32_t)i, 0, 0, make_file(&ino[i]),
		    NULL, 0);
	}
	fault.calls = 0;
	assert_int_equal(imsgbuf_flush(&t.a), 0);
	assert_int_equal(fault.calls, 4);
	read_all();
	for (i = 0; i < 3; i++) {
		assert_int_equal(expect(9, ""), -1);
		assert_file(expect((uint32_t)i, ""), ino[i]);
	}
}

static void
test_errors(void **state)
{
	static const int	 quiet[] = { EAGAIN, ENOBUFS };
	size_t			 i, pass;

	(void)state;
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 2; i++) {
			imsg_compose(&t.a, 1, 0, 0, -1, "x", 1);
			fault.error = quiet[i];
			fault.errors = 1;
			assert_int_equal(imsgbuf_write(&t.a), 0);
			assert_int_equal(fault.errors, 0);
			assert_int_equal(imsgbuf_queuelen(&t.a), 1);
			assert_int_equal(imsgbuf_flush(&t.a), 0);
			read_all();
			assert_int_equal(expect(1, "x"), -1);
		}
		imsg_compose(&t.a, 1, 0, 0, -1, "x", 1);
		fault.error = EINTR;
		fault.errors = 3;
		assert_int_equal(imsgbuf_write(&t.a), 0);
		assert_int_equal(imsgbuf_queuelen(&t.a), 0);
		fault.errors = 3;
		assert_int_equal(msgbuf_read(t.sock[1], t.b.w), 1);
		assert_int_equal(expect(1, "x"), -1);
		fault.error = EAGAIN;
		fault.errors = 1;
		assert_int_equal(msgbuf_read(t.sock[1], t.b.w), 1);
		fault.error = ENOMEM;
		fault.errors = 2;
		assert_fails(msgbuf_read(t.sock[1], t.b.w) == -1, ENOMEM);
		imsg_compose(&t.a, 1, 0, 0, -1, "x", 1);
		assert_fails(imsgbuf_flush(&t.a) == -1, ENOMEM);
		assert_int_equal(imsgbuf_flush(&t.a), 0);
		read_all();
		assert_int_equal(expect(1, "x"), -1);
		/* Once more without descriptors: writev and read. */
		t.a.flags = t.b.flags = 0;
	}
}

static unsigned char	 late_raw[16];

static void
send_late(int sig)
{
	(void)sig;
	(void)send(t.sock[0], late_raw, sizeof(late_raw), 0);
}

/* read(2), which waits for the alarm whose handler sends a message. */
static void
test_interrupted(void **state)
{
	struct sigaction	 sa, old;
	struct itimerval	 soon = { { 0, 0 }, { 0, 20000 } };

	(void)state;
	put_raw(late_raw, 4, 16, "");
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = send_late;
	assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
	t.b.flags = 0;
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	assert_int_equal(expect(4, ""), -1);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

/* Several at once: the first counts, none of the others stays open. */
static void
test_surplus(void **state)
{
	unsigned char	 raw[64];
	ino_t		 ino[3];
	int		 fds[3], i;
	size_t		 n;

	(void)state;
	for (i = 0; i < 3; i++)
		fds[i] = make_file(&ino[i]);
	for (n = 2; n <= 3; n++) {
		send_raw(raw, put_raw(raw, 1, FD_MARK | 16, ""), fds, n);
		read_all();
		assert_file(expect(1, ""), ino[0]);
		/* In the header's pieces: two with one byte each. */
		send_raw(raw, 1, fds + 1, 1);
		read_all();
		send_raw(raw + 1, 1, fds, n);
		read_all();
		send_raw(raw + 2, 14, NULL, 0);
		read_all();
		assert_file(expect(1, ""), ino[1]);
	}
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

/* Unannounced, whole or with half a header; announced but not there. */
static void
test_mismatch(void **state)
{
	unsigned char	 raw[64];
	ino_t		 ino;
	int		 fd = make_file(&ino), open_before = count_fds();

	(void)state;
	put_raw(raw, 1, 16, "");
	put_raw(raw + 16, 2, FD_MARK | 16, "");
	send_raw(raw, 16, &fd, 1);
	read_all();
	assert_int_equal(count_fds(), open_before);
	assert_int_equal(expect(1, ""), -1);
	send_raw(raw, 5, &fd, 1);
	read_all();
	send_raw(raw + 5, 11 + 16, NULL, 0);
	read_all();
	assert_int_equal(count_fds(), open_before);
	assert_int_equal(expect(1, ""), -1);
	assert_int_equal(expect(2, ""), -1);
	/* Amid a payload it belongs to nothing. */
	put_raw(raw, 1, 20, "abcd");
	send_raw(raw, 18, NULL, 0);
	read_all();
	send_raw(raw + 18, 2, &fd, 1);
	read_all();
	assert_int_equal(count_fds(), open_before);
	assert_int_equal(expect(1, "abcd"), -1);
	/* Held when everything is discarded. */
	send_raw(raw, 5, &fd, 1);
	read_all();
	assert_int_equal(count_fds(), open_before + 1);
	msgbuf_clear(t.b.w);
	assert_int_equal(count_fds(), open_before);
	/* Held for a header that proves to be bad. */
	put_raw(raw, 1, 15, "");
	send_raw(raw, 5, &fd, 1);
	read_all();
	send_raw(raw + 5, 11, NULL, 0);
	assert_fails(imsgbuf_read(&t.b) == -1, ERANGE);
	assert_int_equal(count_fds(), open_before);
	close(fd);
}

static void
test_not_allowed(void **state)
{
	ino_t	 ino;

	(void)state;
	t.b.flags = 0;
	imsg_compose(&t.a, 1, 0, 0, make_file(&ino), "x", 1);
	assert_int_equal(imsgbuf_flush(&t.a), 0);
	read_all();
	assert_int_equal(expect(1, "x"), -1);
	imsgbuf_allow_fdpass(&t.b);
	t.a.flags = 0;
	imsg_compose(&t.a, 1, 0, 0, make_file(&ino), "y", 1);
	assert_int_equal(imsgbuf_flush(&t.a), 0);
	read_all();
	assert_int_equal(expect(1, "y"), -1);
}

/* Receive what waits, with all slots taken. */
static void
read_exhausted(int simulate)
{
	struct rlimit	 old, none;

	if (simulate) {
		fault.no_slot = 1;
		assert_int_equal(imsgbuf_read(&t.b), 1);
		fault.no_slot = 0;
		return;
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(imsgbuf_read(&t.b), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* That message then has none, and the next one its own. */
static void
test_exhausted(void **state)
{
	const char	*preload = getenv("LD_PRELOAD");
	unsigned char	 raw[64];
	ino_t		 ino;
	size_t		 cut;
	int		 fd = make_file(&ino), simulate;

	(void)state;
	put_raw(raw, 1, FD_MARK | 16, "");
	put_raw(raw + 16, 2, FD_MARK | 16, "");
	/* Valgrind keeps RLIMIT_NOFILE from the kernel. */
	simulate = preload != NULL && strstr(preload, "vgpreload") != NULL;
	for (; simulate < 2; simulate++) {
		for (cut = 1; cut <= 16; cut++) {
			send_raw(raw, cut, &fd, 1);
			read_exhausted(simulate);
			if (cut < 16)
				send_raw(raw + cut, 16 - cut, NULL, 0);
			send_raw(raw + 16, 16, &fd, 1);
			read_all();
			assert_int_equal(expect(1, ""), -1);
			assert_file(expect(2, ""), ino);
			expect_none();
		}
	}
	close(fd);
}

/* What was sent and must be received. */
static struct {
	uint32_t	 len;
	uint32_t	 seed;
	ino_t		 ino;		/* 0: no descriptor */
} sent[SEQUENCE_MAX];

static void
compose_random(uint32_t i)
{
	unsigned char	 data[RANDOM_MAX];
	uint32_t	 k;
	int		 fd = -1;

	sent[i].len = (uint32_t)random() % (RANDOM_MAX + 1);
	if (random() % 3 == 0)
		sent[i].len %= 8;
	sent[i].seed = (uint32_t)random();
	sent[i].ino = 0;
	if (random() % 4 == 0)
		fd = make_file(&sent[i].ino);
	for (k = 0; k < sent[i].len; k++)
		data[k] = (unsigned char)(sent[i].seed + k * 31);
	assert_int_equal(imsg_compose(&t.a, i, sent[i].seed, 0, fd, data,
	    sent[i].len), 1);
}

static void
check_random(struct imsg *imsg, uint32_t i)
{
	unsigned char	 byte;
	uint32_t	 k;
	int		 fd = imsg_get_fd(imsg);

	assert_int_equal(imsg_get_type(imsg), i);
	assert_int_equal(imsg_get_id(imsg), sent[i].seed);
	assert_int_equal(imsg_get_len(imsg), sent[i].len);
	for (k = 0; k < sent[i].len; k++) {
		assert_int_equal(imsg_get_buf(imsg, &byte, 1), 0);
		if (byte != (unsigned char)(sent[i].seed + k * 31))
			fail_msg("message %u, byte %u", i, k);
	}
	if (sent[i].ino != 0)
		assert_file(fd, sent[i].ino);
	else
		assert_int_equal(fd, -1);
	imsg_free(imsg);
}

static void
random_sequence(uint32_t messages)
{
	struct imsg	 imsg;
	uint32_t	 in = 0, out = 0;
	int		 turn;

	for (turn = 0; in < messages; turn++) {
		assert_true(turn < TURNS_MAX);
		fault.max_send = random() % 2 ? 0 : (size_t)random() % 60 + 1;
		fault.max_recv = random() % 2 ? 0 : (size_t)random() % 60 + 1;
		fault.error = random() % 2 ? EINTR : EAGAIN;
		fault.errors = random() % 8 == 0;
		if (out < messages && random() % 3 == 0)
			compose_random(out++);
		if (random() % 2)
			assert_int_equal(imsgbuf_write(&t.a), 0);
		if (random() % 2)
			assert_int_equal(imsgbuf_read(&t.b), 1);
		while (random() % 3 != 0 && imsgbuf_get(&t.b, &imsg) == 1)
			check_random(&imsg, in++);
	}
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	expect_none();
}

static void
test_random(void **state)
{
	int	 i, small = 1;

	(void)state;
	nonblocking();
	assert_int_equal(setsockopt(t.sock[0], SOL_SOCKET, SO_SNDBUF, &small,
	    sizeof(small)), 0);
	srandom(1);
	for (i = 0; i < SEQUENCES; i++)
		random_sequence(1 + (uint32_t)random() % SEQUENCE_MAX);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup_faults, teardown)
	const struct CMUnitTest	 tests[] = {
		T(test_read_splits),
		T(test_short_reads),
		T(test_short_writes),
		T(test_one_per_write),
		T(test_errors),
		T(test_interrupted),
		T(test_surplus),
		T(test_mismatch),
		T(test_not_allowed),
		T(test_exhausted),
		T(test_random),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
