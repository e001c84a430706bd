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
 * ibuf: one buffer, appended to at its write position and consumed at its
 * read position, with perhaps a descriptor.  Part of every process.  Must
 * not read or write sockets (imsg-msgbuf.c) nor know of messages (imsg.c).
 * After OpenBSD's ibuf_add(3); imsg.h says what is different.
 */

#include "config.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

/* `fd` of a reader on the stack: owns neither memory nor descriptor. */
#define FD_ON_STACK	(-2)

/* The least that is allocated, so that short messages grow but once. */
#define IBUF_MIN	64

static int	 on_stack(const struct ibuf *);
static int	 grow(struct ibuf *, size_t);
static int	 fits(uint64_t, uint64_t);

static int
on_stack(const struct ibuf *buf)
{
	return (buf->fd == FD_ON_STACK);
}

struct ibuf *
ibuf_open(size_t len)
{
	return (ibuf_dynamic(len, len));
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf	*buf;

	if (max == 0 || max < len) {
		errno = EINVAL;
		return (NULL);
	}
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return (NULL);
	if (len == 0)
		len = max < IBUF_MIN ? max : IBUF_MIN;
	/* Zeroed: a hole left by ibuf_reserve must not tell old memory. */
	if ((buf->buf = calloc(1, len)) == NULL) {
		free(buf);
		return (NULL);
	}
	buf->size = len;
	buf->max = max;
	buf->fd = -1;
	return (buf);
}

void
ibuf_free(struct ibuf *buf)
{
	int	 save_errno = errno;

	if (buf == NULL)
		return;
	if (on_stack(buf))
		abort();
	if (buf->fd >= 0)
		(void)close(buf->fd);
	freezero(buf->buf, buf->size);
	free(buf);
	errno = save_errno;
}

/*
 * Make room for `need` bytes in all, at least doubling so that many small
 * additions stay linear; recallocarray clears what it leaves.
 */
static int
grow(struct ibuf *buf, size_t need)
{
	unsigned char	*p;
	size_t		 size;

	if (need > buf->max) {
		errno = ERANGE;
		return (-1);
	}
	size = buf->size > buf->max / 2 ? buf->max : buf->size * 2;
	if (size < need)
		size = need;
	if ((p = recallocarray(buf->buf, buf->size, size, 1)) == NULL)
		return (-1);
	buf->buf = p;
	buf->size = size;
	return (0);
}

void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	void	*p;

	if (on_stack(buf)) {
		errno = EINVAL;
		return (NULL);
	}
	if (len > buf->max - buf->wpos) {
		errno = ERANGE;
		return (NULL);
	}
	if (len > buf->size - buf->wpos && grow(buf, buf->wpos + len) == -1)
		return (NULL);
	p = buf->buf + buf->wpos;
	buf->wpos += len;
	return (p);
}

int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, data, len);
	return (0);
}

int
ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	return (ibuf_add(buf, ibuf_data(from), ibuf_size(from)));
}

int
ibuf_add_zero(struct ibuf *buf, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	/* A truncated buffer has old bytes here. */
	memset(p, 0, len);
	return (0);
}

int
ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len)
{
	char	*p;
	size_t	 n;

	if ((n = strnlen(str, len)) == len) {
		errno = EOVERFLOW;
		return (-1);
	}
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, str, n);
	memset(p + n, 0, len - n);
	return (0);
}

static int
fits(uint64_t value, uint64_t max)
{
	if (value > max) {
		errno = EINVAL;
		return (0);
	}
	return (1);
}

int
ibuf_add_n8(struct ibuf *buf, uint64_t value)
{
	uint8_t	 v = (uint8_t)value;

	return (fits(value, UINT8_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1);
}

int
ibuf_add_n16(struct ibuf *buf, uint64_t value)
{
	uint16_t	 v = htobe16((uint16_t)value);

	return (fits(value, UINT16_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1);
}

int
ibuf_add_n32(struct ibuf *buf, uint64_t value)
{
	uint32_t	 v = htobe32((uint32_t)value);

	return (fits(value, UINT32_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1);
}

int
ibuf_add_n64(struct ibuf *buf, uint64_t value)
{
	uint64_t	 v = htobe64(value);

	return (ibuf_add(buf, &v, sizeof(v)));
}

int
ibuf_add_h16(struct ibuf *buf, uint64_t value)
{
	uint16_t	 v = (uint16_t)value;

	return (fits(value, UINT16_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1);
}

int
ibuf_add_h32(struct ibuf *buf, uint64_t value)
{
	uint32_t	 v = (uint32_t)value;

	return (fits(value, UINT32_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1);
}

int
ibuf_add_h64(struct ibuf *buf, uint64_t value)
{
	return (ibuf_add(buf, &value, sizeof(value)));
}

void *
ibuf_seek(struct ibuf *buf, size_t pos, size_t len)
{
	size_t	 size = ibuf_size(buf);

	if (pos > size || len > size - pos) {
		errno = ERANGE;
		return (NULL);
	}
	return (buf->buf + buf->rpos + pos);
}

int
ibuf_set(struct ibuf *buf, size_t pos, const void *data, size_t len)
{
	void	*p;

	if ((p = ibuf_seek(buf, pos, len)) == NULL)
		return (-1);
	if (len != 0)
		memcpy(p, data, len);
	return (0);
}

int
ibuf_set_n8(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint8_t	 v = (uint8_t)value;

	return (fits(value, UINT8_MAX) ?
	    ibuf_set(buf, pos, &v, sizeof(v)) : -1);
}

int
ibuf_set_n16(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint16_t	 v = htobe16((uint16_t)value);

	return (fits(value, UINT16_MAX) ?
	    ibuf_set(buf, pos, &v, sizeof(v)) : -1);
}

int
ibuf_set_n32(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint32_t	 v = htobe32((uint32_t)value);

	return (fits(value, UINT32_MAX) ?
	    ibuf_set(buf, pos, &v, sizeof(v)) : -1);
}

int
ibuf_set_n64(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint64_t	 v = htobe64(value);

	return (ibuf_set(buf, pos, &v, sizeof(v)));
}

int
ibuf_set_h16(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint16_t	 v = (uint16_t)value;

	return (fits(value, UINT16_MAX) ?
	    ibuf_set(buf, pos, &v, sizeof(v)) : -1);
}

int
ibuf_set_h32(struct ibuf *buf, size_t pos, uint64_t value)
{
	uint32_t	 v = (uint32_t)value;

	return (fits(value, UINT32_MAX) ?
	    ibuf_set(buf, pos, &v, sizeof(v)) : -1);
}

int
ibuf_set_h64(struct ibuf *buf, size_t pos, uint64_t value)
{
	return (ibuf_set(buf, pos, &value, sizeof(value)));
}

int
ibuf_set_maxsize(struct ibuf *buf, size_t max)
{
	if (on_stack(buf)) {
		errno = EINVAL;
		return (-1);
	}
	if (max > buf->max || max < buf->wpos) {
		errno = ERANGE;
		return (-1);
	}
	buf->max = max;
	return (0);
}

void *
ibuf_data(const struct ibuf *buf)
{
	/* A reader of nothing may have no memory to point into. */
	return (buf->buf == NULL ? NULL : buf->buf + buf->rpos);
}

size_t
ibuf_size(const struct ibuf *buf)
{
	return (buf->wpos - buf->rpos);
}

size_t
ibuf_left(const struct ibuf *buf)
{
	return (on_stack(buf) ? 0 : buf->max - buf->wpos);
}

int
ibuf_truncate(struct ibuf *buf, size_t len)
{
	size_t	 size = ibuf_size(buf);

	if (len <= size) {
		buf->wpos = buf->rpos + len;
		return (0);
	}
	if (on_stack(buf)) {
		errno = ERANGE;
		return (-1);
	}
	return (ibuf_add_zero(buf, len - size));
}

void
ibuf_rewind(struct ibuf *buf)
{
	buf->rpos = 0;
}

void
ibuf_from_buffer(struct ibuf *buf, void *data, size_t len)
{
	memset(buf, 0, sizeof(*buf));
	buf->buf = data;
	buf->size = buf->max = buf->wpos = len;
	buf->fd = FD_ON_STACK;
}

void
ibuf_from_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	ibuf_from_buffer(buf, ibuf_data(from), ibuf_size(from));
}

int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	const void	*from = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return (-1);
	if (len != 0)
		memcpy(data, from, len);
	return (0);
}

int
ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *new)
{
	void	*from = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return (-1);
	ibuf_from_buffer(new, from, len);
	return (0);
}

int
ibuf_get_n8(struct ibuf *buf, uint8_t *value)
{
	return (ibuf_get(buf, value, sizeof(*value)));
}

int
ibuf_get_n16(struct ibuf *buf, uint16_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be16toh(*value);
	return (0);
}

int
ibuf_get_n32(struct ibuf *buf, uint32_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be32toh(*value);
	return (0);
}

int
ibuf_get_n64(struct ibuf *buf, uint64_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be64toh(*value);
	return (0);
}

int
ibuf_get_h16(struct ibuf *buf, uint16_t *value)
{
	return (ibuf_get(buf, value, sizeof(*value)));
}

int
ibuf_get_h32(struct ibuf *buf, uint32_t *value)
{
	return (ibuf_get(buf, value, sizeof(*value)));
}

int
ibuf_get_h64(struct ibuf *buf, uint64_t *value)
{
	return (ibuf_get(buf, value, sizeof(*value)));
}

int
ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_get(buf, str, len) == -1)
		return (-1);
	if (str[len - 1] != '\0') {
		str[len - 1] = '\0';
		errno = EOVERFLOW;
		return (-1);
	}
	return (0);
}

char *
ibuf_get_string(struct ibuf *buf, size_t len)
{
	struct ibuf	 field;
	char		*str;

	if (ibuf_get_ibuf(buf, len, &field) == -1)
		return (NULL);
	str = len == 0 ? strdup("") : strndup(ibuf_data(&field), len);
	if (str == NULL)
		buf->rpos -= len;
	return (str);
}

int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (len > ibuf_size(buf)) {
		errno = EBADMSG;
		return (-1);
	}
	buf->rpos += len;
	return (0);
}

int
ibuf_fd_avail(struct ibuf *buf)
{
	return (buf->fd >= 0);
}

int
ibuf_fd_get(struct ibuf *buf)
{
	int	 fd = buf->fd;

	if (fd < 0)
		return (-1);
	buf->fd = -1;
	return (fd);
}

void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (on_stack(buf))
		abort();
	if (buf->fd >= 0)
		(void)close(buf->fd);
	buf->fd = fd >= 0 ? fd : -1;
}
