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
 * What the tests of imsg share: a channel between two imsgbufs on a
 * socketpair, raw bytes in at one end and out at the other, files that can be
 * told apart.  Every test counts the descriptors open before and after.
 */

#ifndef IMSG_WIRE_H
#define IMSG_WIRE_H

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg.h"

#define FD_MARK		0x80000000U
#define RAW_MAX		65536

#define assert_fails(expr, error) do {					\
	errno = 0;							\
	assert_true(expr);						\
	assert_int_equal(errno, error);					\
} while (0)

/* The two ends: `a` and `b` are imsgbufs on sock[0] and sock[1]. */
static struct {
	struct imsgbuf	 a;
	struct imsgbuf	 b;
	int		 sock[2];
	int		 fds;		/* open before */
} t;

static inline int
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

static inline int
setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.fds = count_fds();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    t.sock), 0);
	assert_int_equal(imsgbuf_init(&t.a, t.sock[0]), 0);
	assert_int_equal(imsgbuf_init(&t.b, t.sock[1]), 0);
	imsgbuf_allow_fdpass(&t.a);
	imsgbuf_allow_fdpass(&t.b);
	return (0);
}

static inline int
teardown(void **state)
{
	(void)state;
	imsgbuf_clear(&t.a);
	imsgbuf_clear(&t.a);
	imsgbuf_clear(&t.b);
	close(t.sock[0]);
	close(t.sock[1]);
	assert_int_equal(count_fds(), t.fds);
	return (0);
}

/* A file that can be told from all others. */
static inline int
make_file(ino_t *ino)
{
	struct stat	 st;
	int		 fd;

	assert_true((fd = memfd_create("imsg", MFD_CLOEXEC)) != -1);
	assert_int_equal(fstat(fd, &st), 0);
	*ino = st.st_ino;
	return (fd);
}

/* `fd` is that file, closes on exec, and is closed now. */
static inline void
assert_file(int fd, ino_t ino)
{
	struct stat	 st;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

/* Put a message as it is on the wire at `p`; returns its size. */
static inline size_t
put_raw(unsigned char *p, uint32_t type, uint32_t len, const char *payload)
{
	uint32_t	 words[4] = { type, len, 7, 8 };
	size_t		 n = strlen(payload);

	memcpy(p, words, sizeof(words));
	memcpy(p + sizeof(words), payload, n);
	return (sizeof(words) + n);
}

/* Send bytes and descriptors to b, without imsg. */
static inline void
send_raw(const void *data, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	union {
		const void	*data;
		void		*base;
	} u = { data };
	struct iovec	 iov = { u.base, len };
	struct msghdr	 m;
	struct cmsghdr	*cmsg;

	memset(&m, 0, sizeof(m));
	memset(&control, 0, sizeof(control));
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	if (nfds > 0) {
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&m);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	assert_int_equal(syscall(SYS_sendmsg, t.sock[0], &m, 0), len);
}

/*
 * What b would read, without imsg: exactly `len` bytes.  One call does not
 * go beyond a descriptor.
 */
static inline void
assert_wire(const void *expected, size_t len)
{
	static unsigned char	 got[RAW_MAX];
	size_t			 have = 0;
	ssize_t			 n;

	while ((n = recv(t.sock[1], got + have, sizeof(got) - have,
	    MSG_DONTWAIT)) > 0)
		have += (size_t)n;
	assert_int_equal(have, len);
	assert_memory_equal(got, expected, len);
}

static inline void
assert_words(uint32_t type, uint32_t len, uint32_t id, uint32_t pid,
    const char *payload)
{
	unsigned char	 wire[256];
	uint32_t	 words[4] = { type, len, id, pid };

	memcpy(wire, words, 16);
	memcpy(wire + 16, payload, strlen(payload));
	assert_wire(wire, 16 + strlen(payload));
}

/* The next message at b, which carries `payload`.  Returns its descriptor. */
static inline int
expect(uint32_t type, const char *payload)
{
	struct imsg	 imsg;
	struct ibuf	 r;
	size_t		 len = strlen(payload);
	int		 fd;

	assert_int_equal(imsgbuf_get(&t.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	assert_int_equal(imsg.hdr.len, IMSG_HEADER_SIZE + len);
	assert_int_equal(imsg_get_len(&imsg), len);
	if (len > 0) {
		assert_memory_equal(imsg.data, payload, len);
		assert_int_equal(imsg_get_ibuf(&imsg, &r), 0);
		assert_memory_equal(ibuf_data(&r), payload, len);
	} else
		assert_null(imsg.data);
	fd = imsg_get_fd(&imsg);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	return (fd);
}

static inline void
expect_none(void)
{
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_get(&t.b, &imsg), 0);
}

#endif
