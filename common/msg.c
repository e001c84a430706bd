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
 * Packing and unpacking of typed messages by the tables made from msg.def.
 * Part of every process.  Checks everything that can be checked without
 * knowing what a message means, before any handler sees it; must not
 * interpret a payload.
 */

#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"

enum msg_kind {
	KIND_U8,
	KIND_U16,
	KIND_U32,
	KIND_U64,
	KIND_I64,
	KIND_STR,
	KIND_BLOB
};

struct msg_field {
	enum msg_kind	 kind;
	size_t		 offset;
	uint32_t	 bound;
};

struct msg_desc {
	const char	*name;
	unsigned int	 from;
	unsigned int	 to;
	size_t		 max;
	int		 fd;
	const struct msg_field *fields;
	size_t		 nfields;
};

#define MSG_FIELD(s, kind, field, bound)				\
	{ KIND_##kind, offsetof(struct msg_##s, field), bound },
#define MSG(NAME, name, from, to, max, fd)				\
	static const struct msg_field fields_##name[] = {		\
		MSG_FIELDS_##NAME(MSG_FIELD, name)			\
	};
#include "msg.def"
#undef MSG

static const struct msg_desc descs[M_MAX] = {
	[M_NONE] = { .name = "?" },
#define MSG(NAME, name, from, to, max, fd)				\
	[M_##NAME] = { #NAME, from, to, max, fd, fields_##name,		\
	    sizeof(fields_##name) / sizeof(fields_##name[0]) },
#include "msg.def"
#undef MSG
};

static int	 put_field(struct ibuf *, const struct msg_field *,
		    const void *);
static int	 put_bytes(struct ibuf *, const void *, size_t, uint32_t);
static int	 get_field(struct ibuf *, const struct msg_field *, void *);
static int	 get_str(struct ibuf *, uint32_t, const char **);
static int	 get_blob(struct ibuf *, uint32_t, struct msg_blob *);
static int	 get_bytes(struct ibuf *, uint32_t, const void **, size_t *);
static const char *unpack_body(struct imsg *, const struct msg_desc *,
		    union msg *);

const char *
msg_name(uint32_t type)
{
	return (type < M_MAX ? descs[type].name : "?");
}

const char *
proc_name(enum proc_id proc)
{
	static const char *const names[PROC_MAX] = {
		[PROC_PARENT] = "parent",
		[PROC_POLLER] = "poller",
		[PROC_API] = "api",
		[PROC_REGISTRY] = "registry",
		[PROC_CTL] = "ccmctl",
	};

	return ((unsigned int)proc < PROC_MAX ? names[proc] : "?");
}

int
msg_compose(struct imsgbuf *imsgbuf, enum msg_type type, const union msg *m,
    int fd)
{
	const struct msg_desc	*d = &descs[type];
	struct ibuf		*buf = NULL;
	size_t			 i;
	int			 saved;

	if ((fd != -1) != (d->fd == MSG_FD)) {
		errno = EINVAL;
		goto fail;
	}
	if ((buf = imsg_create(imsgbuf, type, 0, 0, 0)) == NULL)
		goto fail;
	for (i = 0; i < d->nfields; i++)
		if (put_field(buf, &d->fields[i], m) == -1)
			goto fail;
	if (ibuf_size(buf) > d->max + IMSG_HEADER_SIZE) {
		errno = EMSGSIZE;
		goto fail;
	}
	if (fd != -1)
		ibuf_fd_set(buf, fd);
	imsg_close(imsgbuf, buf);
	return (0);
fail:
	saved = errno;
	ibuf_free(buf);
	if (fd != -1)
		close(fd);
	errno = saved;
	return (-1);
}

static int
put_field(struct ibuf *buf, const struct msg_field *f, const void *m)
{
	const char		*p = (const char *)m + f->offset;
	const struct msg_blob	*blob;
	const char		*str;

	switch (f->kind) {
	case KIND_U8:
		return (ibuf_add_n8(buf, *(const uint8_t *)p));
	case KIND_U16:
		return (ibuf_add_n16(buf, *(const uint16_t *)(const void *)p));
	case KIND_U32:
		return (ibuf_add_n32(buf, *(const uint32_t *)(const void *)p));
	case KIND_U64:
		return (ibuf_add_n64(buf, *(const uint64_t *)(const void *)p));
	case KIND_I64:
		return (ibuf_add_n64(buf,
		    (uint64_t)*(const int64_t *)(const void *)p));
	case KIND_STR:
		str = *(const char *const *)(const void *)p;
		if (str == NULL)
			str = "";
		if (put_bytes(buf, str, strlen(str), f->bound) == -1)
			return (-1);
		return (ibuf_add_n8(buf, 0));
	case KIND_BLOB:
		blob = (const struct msg_blob *)(const void *)p;
		return (put_bytes(buf, blob->data, blob->len, f->bound));
	}
	errno = EINVAL;
	return (-1);
}

static int
put_bytes(struct ibuf *buf, const void *data, size_t len, uint32_t bound)
{
	if (len > bound) {
		errno = EMSGSIZE;
		return (-1);
	}
	if (ibuf_add_n32(buf, (uint32_t)len) == -1)
		return (-1);
	return (len == 0 ? 0 : ibuf_add(buf, data, len));
}

int
msg_unpack(struct imsg *imsg, enum proc_id from, enum proc_id to,
    union msg *m, int *fd, const char **why)
{
	const struct msg_desc	*d;
	uint32_t		 type = imsg_get_type(imsg);

	memset(m, 0, sizeof(*m));
	*fd = imsg_get_fd(imsg);
	*why = NULL;
	if (type == M_NONE || type >= M_MAX) {
		*why = "unknown message";
		goto bad;
	}
	d = &descs[type];
	if ((d->from & (1u << from)) == 0)
		*why = "message that this sender may not send";
	else if ((d->to & (1u << to)) == 0)
		*why = "message that this receiver does not take";
	else if (imsg_get_len(imsg) > d->max)
		*why = "oversized message";
	else if ((*fd != -1) != (d->fd == MSG_FD))
		*why = "descriptor missing or surplus";
	else
		*why = unpack_body(imsg, d, m);
	if (*why == NULL)
		return (0);
bad:
	if (*fd != -1)
		close(*fd);
	*fd = -1;
	errno = EBADMSG;
	return (-1);
}

static const char *
unpack_body(struct imsg *imsg, const struct msg_desc *d, union msg *m)
{
	struct ibuf	 buf;
	size_t		 i;

	if (imsg_get_ibuf(imsg, &buf) == -1)
		return ("message without payload");
	for (i = 0; i < d->nfields; i++)
		if (get_field(&buf, &d->fields[i], m) == -1)
			return ("malformed payload");
	if (ibuf_size(&buf) != 0)
		return ("trailing bytes");
	return (NULL);
}

static int
get_field(struct ibuf *buf, const struct msg_field *f, void *m)
{
	char	*p = (char *)m + f->offset;

	switch (f->kind) {
	case KIND_U8:
		return (ibuf_get_n8(buf, (uint8_t *)p));
	case KIND_U16:
		return (ibuf_get_n16(buf, (uint16_t *)(void *)p));
	case KIND_U32:
		return (ibuf_get_n32(buf, (uint32_t *)(void *)p));
	case KIND_U64:
	case KIND_I64:
		return (ibuf_get_n64(buf, (uint64_t *)(void *)p));
	case KIND_STR:
		return (get_str(buf, f->bound, (const char **)(void *)p));
	case KIND_BLOB:
		return (get_blob(buf, f->bound, (struct msg_blob *)(void *)p));
	}
	return (-1);
}

/* The NUL behind the text is on the wire, so the text serves in place. */
static int
get_str(struct ibuf *buf, uint32_t bound, const char **str)
{
	const void	*data;
	size_t		 len;
	uint8_t		 nul;

	if (get_bytes(buf, bound, &data, &len) == -1 ||
	    ibuf_get_n8(buf, &nul) == -1 || nul != 0 ||
	    memchr(data, '\0', len) != NULL)
		return (-1);
	*str = data;
	return (0);
}

static int
get_blob(struct ibuf *buf, uint32_t bound, struct msg_blob *blob)
{
	return (get_bytes(buf, bound, &blob->data, &blob->len));
}

static int
get_bytes(struct ibuf *buf, uint32_t bound, const void **data, size_t *len)
{
	uint32_t	 n;

	if (ibuf_get_n32(buf, &n) == -1 || n > bound || n > ibuf_size(buf))
		return (-1);
	*data = ibuf_data(buf);
	*len = n;
	return (ibuf_skip(buf, n));
}
