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
 * imsg and ibuf: whole messages, and descriptors, between processes over a
 * stream socket.  Our own implementation of the interface that OpenBSD 7.7
 * has in libutil, for systems that have none; names, prototypes and results
 * are those of its imsg_init(3) and ibuf_add(3).  Belongs to every process.
 * Knows nothing of what messages mean.
 *
 * On the wire a message is four uint32_t in host byte order -- type, length
 * of the whole (its top bit: a descriptor comes along), id, pid -- and then
 * the payload.  A descriptor travels with the first byte of its message.
 *
 * Beyond what is there:
 * - memory that held a message is cleared before it is freed or reused, so
 *   that a secret does not outlive its message;
 * - a stream whose framing is broken stays broken: further reads fail with
 *   the same errno, what was received whole before can still be got;
 * - a descriptor that arrives before the header it belongs to is complete is
 *   kept for that header; one that nobody claims is closed;
 * - a failing call leaves the buffer and the caller's variable as they were.
 *
 * "Returns 0" below means: 0 on success, -1 with errno on failure.
 */

#ifndef CCM_IMSG_H
#define CCM_IMSG_H

#include <sys/types.h>
#include <bsd/sys/queue.h>

#include <stddef.h>
#include <stdint.h>

/* Bytes that one read takes at most. */
#define IBUF_READ_SIZE		65535
#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
/* The default bound of a message, its header included. */
#define MAX_IMSGSIZE		16384

/*
 * A buffer: bytes rpos..wpos of `buf` are its contents.  Members are for the
 * implementation; the structure is declared because readers live on the
 * stack (ibuf_from_buffer, ibuf_get_ibuf, imsg_get_ibuf).
 */
struct ibuf {
	TAILQ_ENTRY(ibuf)	 entry;
	unsigned char		*buf;
	size_t			 size;	/* allocated */
	size_t			 max;	/* may grow to */
	size_t			 wpos;
	size_t			 rpos;
	int			 fd;
};

struct ibufqueue;
struct msgbuf;

/*
 * One end of a channel; members are for the implementation.  It must stay
 * where it was initialised as long as it is read from.
 */
struct imsgbuf {
	struct msgbuf	*w;
	pid_t		 pid;
	uint32_t	 maxsize;	/* header included */
	int		 fd;
	int		 flags;
};

struct imsg_hdr {
	uint32_t	 type;
	uint32_t	 len;
	uint32_t	 peerid;
	uint32_t	 pid;
};

/* A received message; use the imsg_get_ functions. */
struct imsg {
	struct imsg_hdr	 hdr;
	void		*data;		/* the payload, NULL without one */
	struct ibuf	*buf;
};

struct iovec;

/*
 * Buffers: imsg-buffer.c.
 *
 * Errors: EINVAL a size of 0, a value that does not fit its width, or a
 * change of a buffer on the stack; ERANGE beyond what the buffer holds or may
 * grow to; EBADMSG less in the buffer than was to be got; EOVERFLOW a string
 * without room for its NUL; ENOMEM.
 */

/*
 * A buffer of exactly `len` bytes (at least 1); one of `len` bytes at first
 * that grows up to `max` (at least 1, at least `len`).  NULL with errno on
 * failure.  Freed by ibuf_free, or by what takes it over (ibuf_close,
 * ibufq_push, imsg_close, imsg_compose_ibuf).
 */
struct ibuf	*ibuf_open(size_t len);
struct ibuf	*ibuf_dynamic(size_t len, size_t max);

/*
 * Clear and free a buffer, close its descriptor; NULL is allowed, errno is
 * kept.  A buffer on the stack: abort(3).
 */
void		 ibuf_free(struct ibuf *buf);

/*
 * Append: bytes, the contents of another buffer, zeros, an integer in
 * network (n) or host (h) byte order, a string padded with NULs to `len`
 * bytes (one NUL at least).  Return 0.
 */
int		 ibuf_add(struct ibuf *buf, const void *data, size_t len);
int		 ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from);
int		 ibuf_add_zero(struct ibuf *buf, size_t len);
int		 ibuf_add_n8(struct ibuf *buf, uint64_t value);
int		 ibuf_add_n16(struct ibuf *buf, uint64_t value);
int		 ibuf_add_n32(struct ibuf *buf, uint64_t value);
int		 ibuf_add_n64(struct ibuf *buf, uint64_t value);
int		 ibuf_add_h16(struct ibuf *buf, uint64_t value);
int		 ibuf_add_h32(struct ibuf *buf, uint64_t value);
int		 ibuf_add_h64(struct ibuf *buf, uint64_t value);
int		 ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len);

/*
 * Append `len` bytes for the caller to fill, zero until then.  The pointer
 * is good until the next change of the buffer; NULL with errno on failure.
 */
void		*ibuf_reserve(struct ibuf *buf, size_t len);

/*
 * A pointer to `len` bytes at `pos` from the read position; NULL with ERANGE
 * when these are not all in use.  ibuf_set and its kin overwrite there;
 * return 0.
 */
void		*ibuf_seek(struct ibuf *buf, size_t pos, size_t len);
int		 ibuf_set(struct ibuf *buf, size_t pos, const void *data,
    size_t len);
int		 ibuf_set_n8(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_n16(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_n32(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_n64(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_h16(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_h32(struct ibuf *buf, size_t pos, uint64_t value);
int		 ibuf_set_h64(struct ibuf *buf, size_t pos, uint64_t value);

/* Lower the bound to `max` bytes, not below what is in use.  Returns 0. */
int		 ibuf_set_maxsize(struct ibuf *buf, size_t max);

/*
 * What is left to be read: where, how much.  And how much may be appended;
 * that is 0 for a buffer on the stack.
 */
void		*ibuf_data(const struct ibuf *buf);
size_t		 ibuf_size(const struct ibuf *buf);
size_t		 ibuf_left(const struct ibuf *buf);

/*
 * Cut what is left to be read to `len` bytes, or extend it with zeros.
 * Returns 0; ERANGE also for extending a buffer on the stack.
 */
int		 ibuf_truncate(struct ibuf *buf, size_t len);

/* Read from the beginning again. */
void		 ibuf_rewind(struct ibuf *buf);

/*
 * Make a reader, on the caller's stack, of memory or of what another buffer
 * has left.  It does not own the memory and is never freed.
 */
void		 ibuf_from_buffer(struct ibuf *buf, void *data, size_t len);
void		 ibuf_from_ibuf(struct ibuf *buf, const struct ibuf *from);

/*
 * Consume: bytes, a part as a reader of its own (good as long as `buf`),
 * integers, a string in a field of `len` bytes.  Return 0.
 * ibuf_get_strbuf: a field without NUL is cut short in `str`, and
 * EOVERFLOW.  ibuf_get_string: up to the first NUL in `len` bytes, or all of
 * them, as a string to be freed with free(3); NULL with errno on failure.
 */
int		 ibuf_get(struct ibuf *buf, void *data, size_t len);
int		 ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *new);
int		 ibuf_get_n8(struct ibuf *buf, uint8_t *value);
int		 ibuf_get_n16(struct ibuf *buf, uint16_t *value);
int		 ibuf_get_n32(struct ibuf *buf, uint32_t *value);
int		 ibuf_get_n64(struct ibuf *buf, uint64_t *value);
int		 ibuf_get_h16(struct ibuf *buf, uint16_t *value);
int		 ibuf_get_h32(struct ibuf *buf, uint32_t *value);
int		 ibuf_get_h64(struct ibuf *buf, uint64_t *value);
int		 ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len);
char		*ibuf_get_string(struct ibuf *buf, size_t len);
int		 ibuf_skip(struct ibuf *buf, size_t len);

/*
 * The descriptor of a buffer: is there one; take it away (-1: none), it is
 * the caller's then; give one (-1: none), the former is closed.
 */
int		 ibuf_fd_avail(struct ibuf *buf);
int		 ibuf_fd_get(struct ibuf *buf);
void		 ibuf_fd_set(struct ibuf *buf, int fd);

/*
 * Queues and sockets: imsg-msgbuf.c.
 */

/* A queue of buffers; NULL with errno on failure.  Pop: NULL when empty. */
struct ibufqueue *ibufq_new(void);
void		 ibufq_free(struct ibufqueue *bufq);
struct ibuf	*ibufq_pop(struct ibufqueue *bufq);
void		 ibufq_push(struct ibufqueue *bufq, struct ibuf *buf);
uint32_t	 ibufq_queuelen(struct ibufqueue *bufq);
void		 ibufq_concat(struct ibufqueue *to, struct ibufqueue *from);
void		 ibufq_flush(struct ibufqueue *bufq);

/*
 * A writer, and one that also reads.  `readhdr` is given the first `hdrsz`
 * bytes (1 to IBUF_READ_SIZE / 2) of each message and returns an empty
 * buffer of the size of the whole, or NULL with errno; a descriptor that it
 * takes it replaces by -1.  NULL with errno (EINVAL, ENOMEM) on failure.
 */
struct msgbuf	*msgbuf_new(void);
struct msgbuf	*msgbuf_new_reader(size_t hdrsz,
    struct ibuf *(*readhdr)(struct ibuf *, void *, int *), void *arg);
void		 msgbuf_free(struct msgbuf *msgbuf);

/* Discard everything, queued or received, and a broken stream's error. */
void		 msgbuf_clear(struct msgbuf *msgbuf);

/* Queue a buffer, or all of a queue, to be written. */
void		 ibuf_close(struct msgbuf *msgbuf, struct ibuf *buf);
void		 msgbuf_concat(struct msgbuf *msgbuf, struct ibufqueue *from);

/* Buffers not yet written entirely. */
uint32_t	 msgbuf_queuelen(struct msgbuf *msgbuf);

/*
 * Write what one system call takes; msgbuf_write passes descriptors,
 * ibuf_write closes them unsent.  Return 0, also when the socket took
 * nothing (EAGAIN, ENOBUFS).
 */
int		 ibuf_write(int fd, struct msgbuf *msgbuf);
int		 msgbuf_write(int fd, struct msgbuf *msgbuf);

/*
 * Read what one system call gives; msgbuf_read takes descriptors, of each
 * call one, which get the close-on-exec flag.  Return 1 (also when there was
 * nothing: EAGAIN), 0 at end-of-file, -1 with errno: EINVAL without a
 * reader, EBADMSG when `readhdr` made too small a buffer, what `readhdr`
 * said.  When the process has no descriptor free, the message comes without
 * its descriptor.
 */
int		 ibuf_read(int fd, struct msgbuf *msgbuf);
int		 msgbuf_read(int fd, struct msgbuf *msgbuf);

/* The next message received; NULL when there is none.  For ibuf_free. */
struct ibuf	*msgbuf_get(struct msgbuf *msgbuf);

/*
 * Messages: imsg.c.
 */

/*
 * One side of a channel on `fd`, which stays the caller's.  Returns 0.
 * No descriptors pass until they are allowed.
 */
int		 imsgbuf_init(struct imsgbuf *imsgbuf, int fd);
void		 imsgbuf_allow_fdpass(struct imsgbuf *imsgbuf);

/*
 * Bound payloads, sent and received, to `max` bytes.  Returns 0; ERANGE or
 * EINVAL for a size that the header cannot tell.
 */
int		 imsgbuf_set_maxsize(struct imsgbuf *imsgbuf, uint32_t max);

/*
 * Read, as msgbuf_read; ERANGE for a message whose header tells less than a
 * header or more than the bound.
 */
int		 imsgbuf_read(struct imsgbuf *imsgbuf);

/* Write, as msgbuf_write; until all is written (blocking sockets only). */
int		 imsgbuf_write(struct imsgbuf *imsgbuf);
int		 imsgbuf_flush(struct imsgbuf *imsgbuf);

/* Free all but the socket.  Twice is once. */
void		 imsgbuf_clear(struct imsgbuf *imsgbuf);

/*
 * Buffers not yet written: one per message, two for one of
 * imsg_compose_ibuf.
 */
uint32_t	 imsgbuf_queuelen(struct imsgbuf *imsgbuf);

/*
 * The next message received, to be freed with imsg_free: returns 1 with it,
 * 0 when there is none, -1 with errno.  imsg_get returns its size, header
 * included, instead of 1.
 */
int		 imsgbuf_get(struct imsgbuf *imsgbuf, struct imsg *imsg);
ssize_t		 imsg_get(struct imsgbuf *imsgbuf, struct imsg *imsg);

/*
 * Put a message by, and take it up again from the start of its payload
 * (results as imsgbuf_get).  Pushing empties `*imsg`.
 */
int		 imsg_ibufq_pop(struct ibufqueue *bufq, struct imsg *imsg);
void		 imsg_ibufq_push(struct ibufqueue *bufq, struct imsg *imsg);

/*
 * Consume the payload: all that is left as a reader, good until imsg_free
 * (EBADMSG when nothing is left); exactly what is left (EBADMSG when that is
 * not `len` bytes, EINVAL when `len` is 0); the next `len` bytes; the next
 * `len` bytes as a string (ibuf_get_strbuf).  Return 0.
 */
int		 imsg_get_ibuf(struct imsg *imsg, struct ibuf *ibuf);
int		 imsg_get_data(struct imsg *imsg, void *data, size_t len);
int		 imsg_get_buf(struct imsg *imsg, void *data, size_t len);
int		 imsg_get_strbuf(struct imsg *imsg, char *str, size_t len);

/*
 * The descriptor, the caller's from then on (-1: none, or taken); bytes of
 * payload not yet consumed; the header's other fields.
 */
int		 imsg_get_fd(struct imsg *imsg);
size_t		 imsg_get_len(struct imsg *imsg);
uint32_t	 imsg_get_id(struct imsg *imsg);
pid_t		 imsg_get_pid(struct imsg *imsg);
uint32_t	 imsg_get_type(struct imsg *imsg);

/*
 * Queue a message whole.  `pid` 0: this process at imsgbuf_init.  `fd`
 * (-1: none) is taken over on success only.  Return 1, or -1 with errno
 * (ERANGE: beyond the bound).  imsg_compose_ibuf takes `buf`, with its
 * descriptor, over in any case.
 */
int		 imsg_compose(struct imsgbuf *imsgbuf, uint32_t type,
    uint32_t id, pid_t pid, int fd, const void *data, size_t datalen);
int		 imsg_composev(struct imsgbuf *imsgbuf, uint32_t type,
    uint32_t id, pid_t pid, int fd, const struct iovec *iov, int iovcnt);
int		 imsg_compose_ibuf(struct imsgbuf *imsgbuf, uint32_t type,
    uint32_t id, pid_t pid, struct ibuf *buf);

/*
 * Queue a message in steps.  imsg_create returns a buffer that holds a
 * header, with room for `datalen` bytes that grows up to the bound; NULL with
 * errno on failure.  imsg_add returns `datalen`, or -1 with errno and the
 * buffer freed.  imsg_close completes the header and queues.
 */
struct ibuf	*imsg_create(struct imsgbuf *imsgbuf, uint32_t type,
    uint32_t id, pid_t pid, size_t datalen);
int		 imsg_add(struct ibuf *msg, const void *data, size_t datalen);
void		 imsg_close(struct imsgbuf *imsgbuf, struct ibuf *msg);

/* Lower the bound of one message to `max` bytes of payload.  Returns 0. */
int		 imsg_set_maxsize(struct ibuf *msg, size_t max);

/*
 * Queue a received message, without its descriptor, on another channel; it
 * can be read again from the start of its payload.  Returns 1, or -1 with
 * errno.
 */
int		 imsg_forward(struct imsgbuf *imsgbuf, struct imsg *msg);

/* Clear and free a received message; an unclaimed descriptor is closed. */
void		 imsg_free(struct imsg *imsg);

#endif
