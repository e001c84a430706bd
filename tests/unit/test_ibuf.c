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
 * Tests of ibuf: every function, against literal bytes; bounds; descriptors;
 * and that nothing of a freed buffer is left in memory.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg.h"

#define SECRET_LEN	32
#define MAP_MAX		(64UL * 1024 * 1024)
/* More than there is, less than what checkers take for negative. */
#define HUGE_LEN	(SIZE_MAX / 4)
#define GUARD		0xa5

#define assert_fails(expr, error) do {					\
	errno = 0;							\
	assert_true(expr);						\
	assert_int_equal(errno, error);					\
} while (0)

static unsigned char	scan_buf[65536];

/* The address sanitizer's: calloc is to fail, not to abort. */
const char	*__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return ("allocator_may_return_null=1");
}

static int
count_fds(void)
{
	DIR	*dir;
	int	 n = 0;

	assert_non_null(dir = opendir("/proc/self/fd"));
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return (n);
}

static void
assert_bytes(const struct ibuf *buf, const void *bytes, size_t len)
{
	assert_int_equal(ibuf_size(buf), len);
	assert_memory_equal(ibuf_data(buf), bytes, len);
}

static void
test_create(void **state)
{
	struct ibuf	*buf;

	(void)state;
	assert_fails(ibuf_open(0) == NULL, EINVAL);
	assert_fails(ibuf_dynamic(0, 0) == NULL, EINVAL);
	assert_fails(ibuf_dynamic(5, 4) == NULL, EINVAL);
	assert_fails(ibuf_open(HUGE_LEN) == NULL, ENOMEM);

	assert_non_null(buf = ibuf_open(4));
	assert_int_equal(ibuf_size(buf), 0);
	assert_int_equal(ibuf_left(buf), 4);
	assert_int_equal(ibuf_add(buf, "abcd", 4), 0);
	assert_int_equal(ibuf_left(buf), 0);
	assert_fails(ibuf_add(buf, "e", 1) == -1, ERANGE);
	assert_int_equal(ibuf_add(buf, NULL, 0), 0);
	assert_bytes(buf, "abcd", 4);
	ibuf_free(buf);

	errno = EPERM;
	ibuf_free(NULL);
	assert_int_equal(errno, EPERM);
}

static void
test_grow(void **state)
{
	struct ibuf	*buf;
	size_t		 i, max, start;

	(void)state;
	for (max = 1; max < 300; max += 7) {
		for (start = 0; start <= max; start += 3) {
			assert_non_null(buf = ibuf_dynamic(start, max));
			assert_int_equal(ibuf_left(buf), max);
			for (i = 0; i < max; i++)
				assert_int_equal(ibuf_add_n8(buf, i & 0xff),
				    0);
			assert_fails(ibuf_add_n8(buf, 0) == -1, ERANGE);
			for (i = 0; i < max; i++)
				assert_int_equal(((unsigned char *)
				    ibuf_data(buf))[i], i & 0xff);
			ibuf_free(buf);
		}
	}
	assert_non_null(buf = ibuf_dynamic(0, SIZE_MAX));
	assert_int_equal(ibuf_add(buf, "x", 1), 0);
	assert_fails(ibuf_reserve(buf, SIZE_MAX) == NULL, ERANGE);
	assert_fails(ibuf_reserve(buf, HUGE_LEN) == NULL, ENOMEM);
	assert_bytes(buf, "x", 1);
	ibuf_free(buf);
}

static void
test_add_integers(void **state)
{
	static const unsigned char	 net[] = {
		0xff, 0x12, 0x34, 0x01, 0x02, 0x03, 0x04,
		0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18
	};
	const uint16_t	 h16 = 0x1234;
	const uint32_t	 h32 = 0x01020304;
	const uint64_t	 h64 = 0x1112131415161718;
	struct ibuf	*buf;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 64));
	assert_fails(ibuf_add_n8(buf, 0x100) == -1, EINVAL);
	assert_fails(ibuf_add_n16(buf, 0x10000) == -1, EINVAL);
	assert_fails(ibuf_add_n32(buf, 0x100000000) == -1, EINVAL);
	assert_fails(ibuf_add_h16(buf, 0x10000) == -1, EINVAL);
	assert_fails(ibuf_add_h32(buf, 0x100000000) == -1, EINVAL);
	assert_int_equal(ibuf_size(buf), 0);

	assert_int_equal(ibuf_add_n8(buf, 0xff), 0);
	assert_int_equal(ibuf_add_n16(buf, 0x1234), 0);
	assert_int_equal(ibuf_add_n32(buf, 0x01020304), 0);
	assert_int_equal(ibuf_add_n64(buf, 0x1112131415161718), 0);
	assert_bytes(buf, net, sizeof(net));
	assert_int_equal(ibuf_truncate(buf, 0), 0);

	assert_int_equal(ibuf_add_h16(buf, h16), 0);
	assert_int_equal(ibuf_add_h32(buf, h32), 0);
	assert_int_equal(ibuf_add_h64(buf, h64), 0);
	assert_int_equal(ibuf_size(buf), 14);
	assert_memory_equal(ibuf_seek(buf, 0, 2), &h16, 2);
	assert_memory_equal(ibuf_seek(buf, 2, 4), &h32, 4);
	assert_memory_equal(ibuf_seek(buf, 6, 8), &h64, 8);
	ibuf_free(buf);
}

static void
test_set(void **state)
{
	static const unsigned char	 net[] = {
		'.', 0xfe, '.', 0x12, 0x34, 0x01, 0x02, 0x03, 0x04,
		0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, '.'
	};
	const uint16_t	 h16 = 0xabcd;
	const uint32_t	 h32 = 0xa1b2c3d4;
	const uint64_t	 h64 = 0xa1b2c3d4e5f60718;
	struct ibuf	*buf;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 64));
	assert_int_equal(ibuf_add(buf, "<..................", 19), 0);
	/* Positions count from the read position. */
	assert_int_equal(ibuf_skip(buf, 1), 0);
	assert_int_equal(ibuf_set_n8(buf, 1, 0xfe), 0);
	assert_int_equal(ibuf_set_n16(buf, 3, 0x1234), 0);
	assert_int_equal(ibuf_set_n32(buf, 5, 0x01020304), 0);
	assert_int_equal(ibuf_set_n64(buf, 9, 0x1112131415161718), 0);
	assert_bytes(buf, net, sizeof(net));

	assert_fails(ibuf_set_n8(buf, 0, 0x100) == -1, EINVAL);
	assert_fails(ibuf_set_n16(buf, 0, 0x10000) == -1, EINVAL);
	assert_fails(ibuf_set_n32(buf, 0, 0x100000000) == -1, EINVAL);
	assert_fails(ibuf_set_h16(buf, 0, 0x10000) == -1, EINVAL);
	assert_fails(ibuf_set_h32(buf, 0, 0x100000000) == -1, EINVAL);
	assert_fails(ibuf_set_n8(buf, 18, 0) == -1, ERANGE);
	assert_fails(ibuf_set_n64(buf, 11, 0) == -1, ERANGE);
	assert_fails(ibuf_set(buf, SIZE_MAX, "ab", 2) == -1, ERANGE);
	assert_fails(ibuf_set(buf, 1, "ab", SIZE_MAX) == -1, ERANGE);
	assert_bytes(buf, net, sizeof(net));

	assert_int_equal(ibuf_set_h16(buf, 0, h16), 0);
	assert_int_equal(ibuf_set_h32(buf, 2, h32), 0);
	assert_int_equal(ibuf_set_h64(buf, 6, h64), 0);
	assert_int_equal(ibuf_set(buf, 14, "wxyz", 4), 0);
	assert_memory_equal(ibuf_data(buf), &h16, 2);
	assert_memory_equal(ibuf_seek(buf, 2, 4), &h32, 4);
	assert_memory_equal(ibuf_seek(buf, 6, 8), &h64, 8);
	assert_memory_equal(ibuf_seek(buf, 14, 4), "wxyz", 4);
	assert_non_null(ibuf_seek(buf, 18, 0));
	assert_fails(ibuf_seek(buf, 18, 1) == NULL, ERANGE);
	assert_fails(ibuf_seek(buf, 19, 0) == NULL, ERANGE);
	ibuf_rewind(buf);
	assert_memory_equal(ibuf_data(buf), "<", 1);
	ibuf_free(buf);
}

static void
test_get(void **state)
{
	unsigned char	 bytes[] = {
		0xff, 0x12, 0x34, 0x01, 0x02, 0x03, 0x04,
		0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 'e'
	};
	struct ibuf	 r, part;
	unsigned char	 raw[8];
	uint64_t	 n64 = GUARD;
	uint32_t	 n32 = GUARD;
	uint16_t	 n16 = GUARD;
	uint8_t		 n8 = GUARD;

	(void)state;
	ibuf_from_buffer(&r, bytes, sizeof(bytes));
	assert_int_equal(ibuf_get_n8(&r, &n8), 0);
	assert_int_equal(n8, 0xff);
	assert_int_equal(ibuf_get_n16(&r, &n16), 0);
	assert_int_equal(n16, 0x1234);
	assert_int_equal(ibuf_get_n32(&r, &n32), 0);
	assert_int_equal(n32, 0x01020304);
	assert_int_equal(ibuf_get_n64(&r, &n64), 0);
	assert_int_equal(n64, 0x1112131415161718);
	assert_int_equal(ibuf_size(&r), 1);
	n16 = GUARD;
	n32 = GUARD;
	n64 = GUARD;
	assert_fails(ibuf_get_n16(&r, &n16) == -1, EBADMSG);
	assert_fails(ibuf_get_n32(&r, &n32) == -1, EBADMSG);
	assert_fails(ibuf_get_n64(&r, &n64) == -1, EBADMSG);
	assert_fails(ibuf_get_h16(&r, &n16) == -1, EBADMSG);
	assert_fails(ibuf_get_h32(&r, &n32) == -1, EBADMSG);
	assert_fails(ibuf_get_h64(&r, &n64) == -1, EBADMSG);
	assert_fails(ibuf_get(&r, raw, 2) == -1, EBADMSG);
	assert_fails(ibuf_get_ibuf(&r, 2, &part) == -1, EBADMSG);
	assert_fails(ibuf_skip(&r, SIZE_MAX) == -1, EBADMSG);
	assert_true(n16 == GUARD && n32 == GUARD && n64 == GUARD);
	assert_int_equal(ibuf_size(&r), 1);

	ibuf_rewind(&r);
	assert_int_equal(ibuf_skip(&r, 1), 0);
	assert_int_equal(ibuf_get_h16(&r, &n16), 0);
	assert_memory_equal(&n16, bytes + 1, 2);
	assert_int_equal(ibuf_get_h32(&r, &n32), 0);
	assert_memory_equal(&n32, bytes + 3, 4);
	assert_int_equal(ibuf_get_h64(&r, &n64), 0);
	assert_memory_equal(&n64, bytes + 7, 8);
	assert_int_equal(ibuf_get(&r, raw, 1), 0);
	assert_int_equal(raw[0], 'e');
	assert_fails(ibuf_get_n8(&r, &n8) == -1, EBADMSG);
	assert_int_equal(ibuf_get(&r, NULL, 0), 0);
}

static void
test_parts(void **state)
{
	struct ibuf	*buf;
	struct ibuf	 r, part, copy;
	char		 text[] = "0123456789";

	(void)state;
	ibuf_from_buffer(&r, text, 10);
	assert_int_equal(ibuf_skip(&r, 2), 0);
	assert_int_equal(ibuf_get_ibuf(&r, 3, &part), 0);
	assert_bytes(&part, "234", 3);
	assert_bytes(&r, "56789", 5);
	ibuf_from_ibuf(&copy, &r);
	assert_int_equal(ibuf_skip(&copy, 5), 0);
	assert_bytes(&r, "56789", 5);
	/* A copy begins where its original stood. */
	ibuf_rewind(&copy);
	assert_bytes(&copy, "56789", 5);

	assert_non_null(buf = ibuf_open(8));
	assert_int_equal(ibuf_add_ibuf(buf, &part), 0);
	assert_int_equal(ibuf_add_ibuf(buf, &r), 0);
	assert_bytes(buf, "23456789", 8);
	assert_fails(ibuf_add_ibuf(buf, &part) == -1, ERANGE);
	ibuf_free(buf);
}

static void
test_truncate(void **state)
{
	struct ibuf	*buf;
	struct ibuf	 r;
	char		 text[] = "abc";
	unsigned char	*p;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 8));
	assert_int_equal(ibuf_add(buf, "abcdef", 6), 0);
	assert_int_equal(ibuf_skip(buf, 1), 0);
	assert_int_equal(ibuf_truncate(buf, 2), 0);
	assert_bytes(buf, "bc", 2);
	assert_int_equal(ibuf_truncate(buf, 7), 0);
	assert_bytes(buf, "bc\0\0\0\0\0", 7);
	assert_fails(ibuf_truncate(buf, 8) == -1, ERANGE);
	assert_int_equal(ibuf_truncate(buf, 0), 0);
	assert_int_equal(ibuf_add_zero(buf, 3), 0);
	assert_int_equal(ibuf_add_zero(buf, 0), 0);
	assert_bytes(buf, "\0\0\0", 3);
	assert_fails(ibuf_add_zero(buf, 5) == -1, ERANGE);

	assert_fails(ibuf_set_maxsize(buf, 9) == -1, ERANGE);
	assert_fails(ibuf_set_maxsize(buf, 3) == -1, ERANGE);
	assert_int_equal(ibuf_set_maxsize(buf, 6), 0);
	assert_int_equal(ibuf_left(buf), 2);
	assert_non_null(p = ibuf_reserve(buf, 2));
	p[0] = 'x';
	p[1] = 'y';
	assert_bytes(buf, "\0\0\0xy", 5);
	assert_fails(ibuf_reserve(buf, 1) == NULL, ERANGE);
	ibuf_free(buf);

	ibuf_from_buffer(&r, text, 3);
	assert_int_equal(ibuf_left(&r), 0);
	assert_int_equal(ibuf_truncate(&r, 2), 0);
	assert_bytes(&r, "ab", 2);
	assert_fails(ibuf_truncate(&r, 3) == -1, ERANGE);
	assert_fails(ibuf_add(&r, "x", 1) == -1, EINVAL);
	assert_fails(ibuf_reserve(&r, 1) == NULL, EINVAL);
	assert_fails(ibuf_set_maxsize(&r, 1) == -1, EINVAL);
	assert_string_equal(text, "abc");
}

static void
test_strings(void **state)
{
	struct ibuf	*buf;
	struct ibuf	 r;
	char		 str[8], *s;
	char		 field[] = "ab\0cdefgh";

	(void)state;
	assert_non_null(buf = ibuf_open(8));
	assert_fails(ibuf_add_strbuf(buf, "abcd", 4) == -1, EOVERFLOW);
	assert_fails(ibuf_add_strbuf(buf, "", 0) == -1, EOVERFLOW);
	assert_int_equal(ibuf_size(buf), 0);
	assert_int_equal(ibuf_add_strbuf(buf, "abc", 4), 0);
	assert_int_equal(ibuf_add_strbuf(buf, "d", 4), 0);
	assert_bytes(buf, "abc\0d\0\0\0", 8);
	assert_fails(ibuf_add_strbuf(buf, "", 1) == -1, ERANGE);
	assert_fails(ibuf_get_strbuf(buf, str, 0) == -1, EINVAL);
	assert_int_equal(ibuf_get_strbuf(buf, str, 4), 0);
	assert_string_equal(str, "abc");
	assert_fails(ibuf_get_strbuf(buf, str, 5) == -1, EBADMSG);
	assert_int_equal(ibuf_get_strbuf(buf, str, 4), 0);
	assert_string_equal(str, "d");
	ibuf_free(buf);

	ibuf_from_buffer(&r, field, 9);
	assert_non_null(s = ibuf_get_string(&r, 4));
	assert_string_equal(s, "ab");
	free(s);
	assert_non_null(s = ibuf_get_string(&r, 0));
	assert_string_equal(s, "");
	free(s);
	assert_fails(ibuf_get_string(&r, 6) == NULL, EBADMSG);
	memset(str, GUARD, sizeof(str));
	assert_fails(ibuf_get_strbuf(&r, str, 3) == -1, EOVERFLOW);
	assert_string_equal(str, "de");
	assert_int_equal((unsigned char)str[3], GUARD);
	assert_non_null(s = ibuf_get_string(&r, 2));
	assert_string_equal(s, "gh");
	free(s);
}

static void
test_descriptor(void **state)
{
	struct ibuf	*buf;
	struct ibuf	 r;
	char		 byte;
	int		 before = count_fds(), first, second;

	(void)state;
	assert_non_null(buf = ibuf_open(1));
	assert_false(ibuf_fd_avail(buf));
	assert_int_equal(ibuf_fd_get(buf), -1);
	ibuf_fd_set(buf, -1);
	assert_false(ibuf_fd_avail(buf));
	first = open("/dev/null", O_RDONLY);
	second = open("/dev/null", O_RDONLY);
	ibuf_fd_set(buf, first);
	assert_true(ibuf_fd_avail(buf));
	ibuf_fd_set(buf, second);
	assert_fails(fcntl(first, F_GETFD) == -1, EBADF);
	assert_int_equal(ibuf_fd_get(buf), second);
	assert_false(ibuf_fd_avail(buf));
	ibuf_fd_set(buf, second);
	errno = EPERM;
	ibuf_free(buf);
	assert_int_equal(errno, EPERM);
	assert_int_equal(count_fds(), before);

	ibuf_from_buffer(&r, &byte, 1);
	assert_false(ibuf_fd_avail(&r));
	assert_int_equal(ibuf_fd_get(&r), -1);
}

/* Freeing a buffer on the stack, and giving it a descriptor, abort. */
static void
test_abort(void **state)
{
	struct ibuf	 r;
	char		 byte;
	pid_t		 pid;
	int		 i, status;

	(void)state;
	ibuf_from_buffer(&r, &byte, 1);
	for (i = 0; i < 2; i++) {
		if ((pid = fork()) == 0) {
			(void)signal(SIGABRT, SIG_DFL);
			if (i == 0)
				ibuf_free(&r);
			else
				ibuf_fd_set(&r, 0);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* How often the inverse of `inverse` is there, but for scan_buf. */
static int
scan_range(int mem, uintptr_t from, uintptr_t to, const unsigned char *inverse)
{
	uintptr_t	 at, hit;
	ssize_t		 n, i;
	int		 j, found = 0;

	for (at = from; at < to; at += (uintptr_t)n - SECRET_LEN + 1) {
		n = pread(mem, scan_buf, sizeof(scan_buf) < to - at ?
		    sizeof(scan_buf) : to - at, (off_t)at);
		if (n < SECRET_LEN)
			break;
		for (i = 0; i + SECRET_LEN <= n; i++) {
			for (j = 0; j < SECRET_LEN; j++)
				if ((scan_buf[i + j] ^ 0xff) != inverse[j])
					break;
			hit = at + (uintptr_t)i;
			if (j == SECRET_LEN && (hit < (uintptr_t)scan_buf ||
			    hit >= (uintptr_t)scan_buf + sizeof(scan_buf)))
				found++;
		}
		if ((size_t)n < sizeof(scan_buf))
			break;
	}
	return (found);
}

/*
 * The same for all writable memory but the stack, where copying leaves
 * registers behind (a lazy binding, a signal): not the library's.
 */
static int
scan_memory(const unsigned char *inverse)
{
	FILE		*maps;
	char		 line[512], perms[5];
	uintptr_t	 from, to;
	int		 mem, found = 0;

	assert_true((mem = open("/proc/self/mem", O_RDONLY)) != -1);
	assert_non_null(maps = fopen("/proc/self/maps", "r"));
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to,
		    perms) == 3 && perms[1] == 'w' &&
		    to - from <= MAP_MAX &&
		    !(from <= (uintptr_t)line && (uintptr_t)line < to))
			found += scan_range(mem, from, to, inverse);
	fclose(maps);
	close(mem);
	return (found);
}

/* A secret goes through growth, a socket and the other end: no trace. */
static void
test_cleared(void **state)
{
	unsigned char	 inverse[SECRET_LEN], secret[SECRET_LEN];
	struct imsgbuf	 to, from;
	struct imsg	 imsg;
	struct ibuf	*buf;
	unsigned char	*copy;
	int		 i, s[2];

	(void)state;
	for (i = 0; i < SECRET_LEN; i++) {
		inverse[i] = (unsigned char)(i * 7 + 3);
		secret[i] = inverse[i] ^ 0xff;
	}
	/* The scanner does find what is there. */
	assert_non_null(copy = malloc(SECRET_LEN));
	memcpy(copy, secret, SECRET_LEN);
	assert_int_equal(scan_memory(inverse), 1);
	explicit_bzero(copy, SECRET_LEN);
	free(copy);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(imsgbuf_init(&to, s[0]), 0);
	assert_int_equal(imsgbuf_init(&from, s[1]), 0);
	assert_non_null(buf = imsg_create(&to, 1, 0, 0, 0));
	for (i = 0; i < 100; i++)
		assert_int_equal(imsg_add(buf, secret, SECRET_LEN),
		    SECRET_LEN);
	explicit_bzero(secret, sizeof(secret));
	assert_int_equal(scan_memory(inverse), 100);
	imsg_close(&to, buf);
	assert_int_equal(imsgbuf_flush(&to), 0);
	assert_int_equal(scan_memory(inverse), 0);
	assert_int_equal(imsgbuf_read(&from), 1);
	assert_int_equal(scan_memory(inverse), 100);
	assert_int_equal(imsgbuf_get(&from, &imsg), 1);
	imsg_free(&imsg);
	assert_int_equal(scan_memory(inverse), 0);
	imsgbuf_clear(&to);
	imsgbuf_clear(&from);
	close(s[0]);
	close(s[1]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_add_integers),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_truncate),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_cleared),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
