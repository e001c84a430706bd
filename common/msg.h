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
 * Typed messages over imsg, made from msg.def.  Belongs to every process.
 * Must not interpret a payload: it checks and unpacks, handlers understand.
 *
 * On the wire integers are big-endian; a STR or BLOB is a 32-bit length and
 * that many bytes, a STR followed by one NUL so that it can be used where
 * it lies.  A STR that holds a NUL is refused.
 */

#ifndef CCM_MSG_H
#define CCM_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "imsg.h"

/* The processes at the ends of a connection. */
enum proc_id {
	PROC_PARENT,
	PROC_POLLER,
	PROC_API,
	PROC_REGISTRY,
	PROC_CTL,
	PROC_MAX
};

/* The same as sets, for the columns of msg.def. */
#define MSG_PARENT	(1u << PROC_PARENT)
#define MSG_POLLER	(1u << PROC_POLLER)
#define MSG_API		(1u << PROC_API)
#define MSG_REGISTRY	(1u << PROC_REGISTRY)
#define MSG_CTL		(1u << PROC_CTL)
#define MSG_CHILDREN	(MSG_POLLER | MSG_API | MSG_REGISTRY)

#define MSG_NOFD	0
#define MSG_FD		1

/* What a listening socket speaks (CONF_LISTEN.kind). */
enum listen_kind {
	LISTEN_HTTP,
	LISTEN_CONTROL,
	LISTEN_TLS
};

/* What the parent was asked to do (DONE.task). */
enum task {
	TASK_RELOAD,
	TASK_LOG
};

/* What may be open without a token (CONF_PUBLIC.what). */
#define OPEN_METRICS	0x1
#define OPEN_CCTRAY	0x2
#define OPEN_BADGES	0x4

/*
 * The exit status of a child, and of ccmd itself, that says: don't start me
 * again, it can't help before somebody has mended a file.
 */
#define PROC_EXIT_HOPELESS	78	/* EX_CONFIG of sysexits(3) */

/* The version that CTL_HELLO carries. */
#define CTL_VERSION	1

struct msg_blob {
	const void	*data;
	size_t		 len;
};

/* M_SETUP, M_READY, ... in the order of msg.def. */
enum msg_type {
	M_NONE,
#define MSG(NAME, name, from, to, max, fd) M_##NAME,
#include "msg.def"
#undef MSG
	M_MAX
};

#define MSG_CTYPE_U8	uint8_t
#define MSG_CTYPE_U16	uint16_t
#define MSG_CTYPE_U32	uint32_t
#define MSG_CTYPE_U64	uint64_t
#define MSG_CTYPE_I64	int64_t
#define MSG_CTYPE_STR	const char *
#define MSG_CTYPE_BLOB	struct msg_blob

/* struct msg_setup { uint32_t uid; ... } and so on. */
#define MSG_MEMBER(s, kind, field, bound) MSG_CTYPE_##kind field;
#define MSG(NAME, name, from, to, max, fd)				\
	struct msg_##name {						\
		MSG_FIELDS_##NAME(MSG_MEMBER, name)			\
	};
#include "msg.def"
#undef MSG

/* Any one of them; handlers are given this and take their own member. */
union msg {
#define MSG(NAME, name, from, to, max, fd) struct msg_##name name;
#include "msg.def"
#undef MSG
};

/* The largest imsg there is, header included: for imsgbuf_set_maxsize. */
#define MSG_IMSG_MAX	(160 * 1024)

/*
 * The name of a message ("OP"), for logs; "?" for an unknown type.
 */
const char *msg_name(uint32_t type);

/* "parent", "poller", "api", "registry", "ccmctl". */
const char *proc_name(enum proc_id proc);

/*
 * Pack `m` as a message of `type` and queue it.  A STR member that is NULL
 * is sent as "".  `fd`, -1 for none, is taken over on success and failure.
 * Returns 0, or -1 with errno: EMSGSIZE if a member exceeds its bound,
 * EINVAL if a descriptor is missing or surplus, ENOMEM.
 */
int msg_compose(struct imsgbuf *ibuf, enum msg_type type,
    const union msg *m, int fd);

/*
 * Check a received message and unpack it: known type, sent by `from`, meant
 * for `to`, size within its row's bound, every member within its bound,
 * no trailing bytes, a descriptor exactly where the row says so.  Strings
 * and blobs in `m` point into the imsg and live as long as it does.  `*fd`
 * is the descriptor, now the caller's, or -1; on failure it is closed.
 * Returns 0, or -1 with errno EBADMSG and `*why` a static sentence.
 */
int msg_unpack(struct imsg *imsg, enum proc_id from, enum proc_id to,
    union msg *m, int *fd, const char **why);

#endif
