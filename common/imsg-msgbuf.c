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
 * Queues of ibufs, and what moves them over a stream socket: gathering
 * writes, reads that cut the stream into messages, descriptors beside both.
 * Part of every process.  Must not know what a header means: that is the
 * reader's callback (imsg.c).  After OpenBSD's ibuf_add(3).
 *
 * A descriptor is sent with the first byte of its message, and no write
 * carries two.  A read then gives at most one, and it belongs to a message
 * that begins in the bytes read -- whose header may be incomplete: the
 * descriptor (or the knowledge that it was lost for want of a free slot) is
 * held for exactly that header.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

/* Buffers that one write gathers at most. */
#define WRITE_IOV_MAX	256

struct ibufqueue {
	TAILQ_HEAD(, ibuf)	 bufs;
	uint32_t		 queued;
};

/* A descriptor that a read gave; `lost`: one was sent, but got no slot. */
struct passed {
	int	 fd;
	int	 lost;
};

struct msgbuf {
	struct ibufqueue	 out;
	struct ibufqueue	 in;

	/* The reader; `rbuf` is NULL without one. */
	struct ibuf		*(*readhdr)(struct ibuf *, void *, int *);
	void			*arg;
	size_t			 hdrsz;
	unsigned char		*rbuf;		/* IBUF_READ_SIZE bytes */
	size_t			 rlen;		/* of an incomplete header */
	struct ibuf		*partial;	/* message being received */
	struct passed		 held;		/* for the next header */
	int			 broken;	/* errno of a dead stream */
};

/* Big enough for one descriptor; aligned as cmsg(3) wants it. */
union control {
	struct cmsghdr	 hdr;
	unsigned char	 buf[CMSG_SPACE(sizeof(int))];
};

static void	 queue_init(struct ibufqueue *);
static struct ibuf *take_buf(struct ibufqueue *);
static int	 gather(struct msgbuf *, struct iovec *, int);
static void	 attach_fd(struct msghdr *, union control *, int);
static int	 wrote(struct msgbuf *, ssize_t);
static struct passed collect_fds(struct msghdr *);
static int	 may_read(struct msgbuf *);
static int	 received(struct msgbuf *, size_t, struct passed);
static int	 cut(struct msgbuf *, struct ibuf *, struct passed *);
static int	 begin_message(struct msgbuf *, struct ibuf *, struct passed *);
static int	 fill_message(struct msgbuf *, struct ibuf *);
static void	 drop_passed(struct passed *);

static void
queue_init(struct ibufqueue *bufq)
{
	TAILQ_INIT(&bufq->bufs);
	bufq->queued = 0;
}

static struct ibuf *
take_buf(struct ibufqueue *bufq)
{
	struct ibuf	*buf;

	if ((buf = TAILQ_FIRST(&bufq->bufs)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&bufq->bufs, buf, entry);
	bufq->queued--;
	return (buf);
}

struct ibufqueue *
ibufq_new(void)
{
	struct ibufqueue	*bufq;

	if ((bufq = calloc(1, sizeof(*bufq))) == NULL)
		return (NULL);
	queue_init(bufq);
	return (bufq);
}

void
ibufq_free(struct ibufqueue *bufq)
{
	if (bufq == NULL)
		return;
	ibufq_flush(bufq);
	free(bufq);
}

struct ibuf *
ibufq_pop(struct ibufqueue *bufq)
{
	return (take_buf(bufq));
}

void
ibufq_push(struct ibufqueue *bufq, struct ibuf *buf)
{
	TAILQ_INSERT_TAIL(&bufq->bufs, buf, entry);
	bufq->queued++;
}

uint32_t
ibufq_queuelen(struct ibufqueue *bufq)
{
	return (bufq->queued);
}

void
ibufq_concat(struct ibufqueue *to, struct ibufqueue *from)
{
	TAILQ_CONCAT(&to->bufs, &from->bufs, entry);
	to->queued += from->queued;
	from->queued = 0;
}

void
ibufq_flush(struct ibufqueue *bufq)
{
	struct ibuf	*buf;

	while ((buf = take_buf(bufq)) != NULL)
		ibuf_free(buf);
}

struct msgbuf *
msgbuf_new(void)
{
	struct msgbuf	*msgbuf;

	if ((msgbuf = calloc(1, sizeof(*msgbuf))) == NULL)
		return (NULL);
	queue_init(&msgbuf->out);
	queue_init(&msgbuf->in);
	msgbuf->held.fd = -1;
	return (msgbuf);
}

struct msgbuf *
msgbuf_new_reader(size_t hdrsz,
    struct ibuf *(*readhdr)(struct ibuf *, void *, int *), void *arg)
{
	struct msgbuf	*msgbuf;

	/* There must be room behind an incomplete header. */
	if (hdrsz == 0 || hdrsz > IBUF_READ_SIZE / 2) {
		errno = EINVAL;
		return (NULL);
	}
	if ((msgbuf = msgbuf_new()) == NULL)
		return (NULL);
	if ((msgbuf->rbuf = calloc(1, IBUF_READ_SIZE)) == NULL) {
		free(msgbuf);
		return (NULL);
	}
	msgbuf->hdrsz = hdrsz;
	msgbuf->readhdr = readhdr;
	msgbuf->arg = arg;
	return (msgbuf);
}

void
msgbuf_free(struct msgbuf *msgbuf)
{
	if (msgbuf == NULL)
		return;
	/* Leaves nothing in rbuf that would have to be cleared. */
	msgbuf_clear(msgbuf);
	free(msgbuf->rbuf);
	free(msgbuf);
}

void
msgbuf_clear(struct msgbuf *msgbuf)
{
	ibufq_flush(&msgbuf->out);
	ibufq_flush(&msgbuf->in);
	ibuf_free(msgbuf->partial);
	msgbuf->partial = NULL;
	if (msgbuf->rbuf != NULL)
		explicit_bzero(msgbuf->rbuf, msgbuf->rlen);
	msgbuf->rlen = 0;
	drop_passed(&msgbuf->held);
	msgbuf->broken = 0;
}

void
ibuf_close(struct msgbuf *msgbuf, struct ibuf *buf)
{
	ibufq_push(&msgbuf->out, buf);
}

void
msgbuf_concat(struct msgbuf *msgbuf, struct ibufqueue *from)
{
	ibufq_concat(&msgbuf->out, from);
}

uint32_t
msgbuf_queuelen(struct msgbuf *msgbuf)
{
	return (msgbuf->out.queued);
}

struct ibuf *
msgbuf_get(struct msgbuf *msgbuf)
{
	return (take_buf(&msgbuf->in));
}

/*
 * Point `iov` at what is queued.  With `fdpass` a descriptor must go with
 * its own first byte: only the first buffer may carry one.
 */
static int
gather(struct msgbuf *msgbuf, struct iovec *iov, int fdpass)
{
	struct ibuf	*buf;
	int		 n = 0;

	TAILQ_FOREACH(buf, &msgbuf->out.bufs, entry) {
		if (n == WRITE_IOV_MAX || (fdpass && n > 0 && buf->fd >= 0))
			break;
		iov[n].iov_base = ibuf_data(buf);
		iov[n].iov_len = ibuf_size(buf);
		n++;
	}
	return (n);
}

/*
 * Account for a write's result: what is gone is freed (and its descriptor
 * closed), what is left begins where the write ended.
 */
static int
wrote(struct msgbuf *msgbuf, ssize_t n)
{
	struct ibuf	*buf;
	size_t		 left = (size_t)n;

	if (n == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == ENOBUFS)
			return (0);
		return (-1);
	}
	while ((buf = TAILQ_FIRST(&msgbuf->out.bufs)) != NULL &&
	    left >= ibuf_size(buf)) {
		left -= ibuf_size(buf);
		ibuf_free(take_buf(&msgbuf->out));
	}
	return (left == 0 ? 0 : ibuf_skip(buf, left));
}

int
ibuf_write(int fd, struct msgbuf *msgbuf)
{
	struct iovec	 iov[WRITE_IOV_MAX];
	ssize_t		 n;
	int		 iovcnt;

	if ((iovcnt = gather(msgbuf, iov, 0)) == 0)
		return (0);
	do {
		n = writev(fd, iov, iovcnt);
	} while (n == -1 && errno == EINTR);
	return (wrote(msgbuf, n));
}

static void
attach_fd(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr	*cmsg;

	msg->msg_control = control->buf;
	msg->msg_controllen = sizeof(control->buf);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

int
msgbuf_write(int fd, struct msgbuf *msgbuf)
{
	struct iovec	 iov[WRITE_IOV_MAX];
	struct msghdr	 msg;
	union control	 control;
	struct ibuf	*first;
	ssize_t		 n;
	int		 iovcnt;

	if ((iovcnt = gather(msgbuf, iov, 1)) == 0)
		return (0);
	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	msg.msg_iov = iov;
	msg.msg_iovlen = (size_t)iovcnt;
	first = TAILQ_FIRST(&msgbuf->out.bufs);
	if (first->fd >= 0)
		attach_fd(&msg, &control, first->fd);
	do {
		n = sendmsg(fd, &msg, 0);
	} while (n == -1 && errno == EINTR);
	/* It went with the first byte, and must not go with the rest again. */
	if (n > 0)
		ibuf_fd_set(first, -1);
	return (wrote(msgbuf, n));
}

/*
 * Before a read: is there a reader, and is its stream still whole?
 */
static int
may_read(struct msgbuf *msgbuf)
{
	if (msgbuf->rbuf == NULL) {
		errno = EINVAL;
		return (0);
	}
	if (msgbuf->broken != 0) {
		errno = msgbuf->broken;
		return (0);
	}
	return (1);
}

int
ibuf_read(int fd, struct msgbuf *msgbuf)
{
	struct passed	 none = { -1, 0 };
	ssize_t		 n;

	if (!may_read(msgbuf))
		return (-1);
	do {
		n = read(fd, msgbuf->rbuf + msgbuf->rlen,
		    IBUF_READ_SIZE - msgbuf->rlen);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1);
	if (n == 0)
		return (0);
	return (received(msgbuf, (size_t)n, none));
}

int
msgbuf_read(int fd, struct msgbuf *msgbuf)
{
	struct iovec	 iov;
	struct msghdr	 msg;
	union control	 control;
	struct passed	 new;
	ssize_t		 n;

	if (!may_read(msgbuf))
		return (-1);
	iov.iov_base = msgbuf->rbuf + msgbuf->rlen;
	iov.iov_len = IBUF_READ_SIZE - msgbuf->rlen;
	do {
		memset(&msg, 0, sizeof(msg));
		memset(&control, 0, sizeof(control));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1);
	new = collect_fds(&msg);
	if (n == 0) {
		drop_passed(&new);
		return (0);
	}
	return (received(msgbuf, (size_t)n, new));
}

/*
 * Keep the first descriptor that came and close the others: the alignment
 * of control messages may leave room for more than we asked for.
 */
static struct passed
collect_fds(struct msghdr *msg)
{
	struct passed	 new = { -1, 0 };
	struct cmsghdr	*cmsg;
	size_t		 i, n;
	int		 fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd),
			    sizeof(fd));
			if (new.fd == -1)
				new.fd = fd;
			else
				(void)close(fd);
		}
	}
	new.lost = new.fd == -1 && (msg->msg_flags & MSG_CTRUNC) != 0;
	return (new);
}

/*
 * `n` more bytes are in rbuf, and `new` came with them.  Cut them into
 * messages, keep an incomplete header, clear the rest.
 */
static int
received(struct msgbuf *msgbuf, size_t n, struct passed new)
{
	struct ibuf	 rbuf;
	size_t		 rest, end = msgbuf->rlen + n;

	ibuf_from_buffer(&rbuf, msgbuf->rbuf, end);
	if (cut(msgbuf, &rbuf, &new) == -1) {
		msgbuf->broken = errno;
		drop_passed(&new);
		drop_passed(&msgbuf->held);
		explicit_bzero(msgbuf->rbuf, end);
		msgbuf->rlen = 0;
		errno = msgbuf->broken;
		return (-1);
	}
	if ((rest = ibuf_size(&rbuf)) > 0)
		memmove(msgbuf->rbuf, ibuf_data(&rbuf), rest);
	explicit_bzero(msgbuf->rbuf + rest, end - rest);
	msgbuf->rlen = rest;
	/* A header that has one held already cannot have another. */
	if (rest > 0 && (new.fd != -1 || new.lost) &&
	    msgbuf->held.fd == -1 && !msgbuf->held.lost)
		msgbuf->held = new;
	else
		drop_passed(&new);
	return (1);
}

static int
cut(struct msgbuf *msgbuf, struct ibuf *rbuf, struct passed *new)
{
	while (ibuf_size(rbuf) > 0) {
		if (msgbuf->partial == NULL) {
			if (ibuf_size(rbuf) < msgbuf->hdrsz)
				break;
			if (begin_message(msgbuf, rbuf, new) == -1)
				return (-1);
		}
		if (fill_message(msgbuf, rbuf) == -1)
			return (-1);
	}
	return (0);
}

/*
 * Show the header to the callback, with the descriptor that was held for
 * it, else with the one of this read.  A held one that it does not take was
 * not announced: closed.
 */
static int
begin_message(struct msgbuf *msgbuf, struct ibuf *rbuf, struct passed *new)
{
	struct ibuf	 hdr;
	struct ibuf	*buf;
	int		 held = msgbuf->held.fd != -1 || msgbuf->held.lost;
	int		*fd = held ? &msgbuf->held.fd : &new->fd;

	ibuf_from_buffer(&hdr, ibuf_data(rbuf), msgbuf->hdrsz);
	if ((buf = msgbuf->readhdr(&hdr, msgbuf->arg, fd)) == NULL)
		return (-1);
	if (held)
		drop_passed(&msgbuf->held);
	if (ibuf_left(buf) < msgbuf->hdrsz) {
		ibuf_free(buf);
		errno = EBADMSG;
		return (-1);
	}
	msgbuf->partial = buf;
	return (0);
}

static int
fill_message(struct msgbuf *msgbuf, struct ibuf *rbuf)
{
	struct ibuf	*buf = msgbuf->partial;
	struct ibuf	 part;
	size_t		 n = ibuf_left(buf);

	if (n > ibuf_size(rbuf))
		n = ibuf_size(rbuf);
	if (ibuf_get_ibuf(rbuf, n, &part) == -1 ||
	    ibuf_add_ibuf(buf, &part) == -1)
		return (-1);
	if (ibuf_left(buf) == 0) {
		ibufq_push(&msgbuf->in, buf);
		msgbuf->partial = NULL;
	}
	return (0);
}

static void
drop_passed(struct passed *passed)
{
	if (passed->fd != -1)
		(void)close(passed->fd);
	passed->fd = -1;
	passed->lost = 0;
}
