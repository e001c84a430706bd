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
 * Peers: an imsg connection on an event loop, and what comes over it as
 * calls of typed handlers.  Belongs to every process.  Must not know what
 * the messages mean.  After tmux's proc.c: start, add, send, close; the end
 * of a connection is just one more event.
 */

#ifndef CCM_PROC_H
#define CCM_PROC_H

#include <sys/types.h>

#include "msg.h"

struct event_base;
struct peer;

/*
 * A handler.  `m` and what it points to live until it returns.  `fd` is the
 * handler's to close when the message carries one, else -1.
 */
typedef void (*msg_fn)(struct peer *peer, const union msg *m, int fd);

struct peer_ops {
	/* Indexed by enum msg_type; NULL: not expected here, a violation. */
	const msg_fn	*table;
	/*
	 * The connection ended: `why` is NULL at end-of-file, else says what
	 * was wrong (a violation, an error).  The peer is freed afterwards by
	 * proc.c; no call on it is allowed any more.
	 */
	void		(*closed)(struct peer *peer, const char *why);
	/* All that was queued is written; NULL: nobody waits for that. */
	void		(*drained)(struct peer *peer);
	/*
	 * Messages that the other end may leave unread: more are a violation,
	 * which ends the connection from the loop.  0: memory is the bound.
	 */
	size_t		 queue_max;
};

/*
 * Make a peer of a connected stream socket, which becomes its own.
 * `self` and `other` are the processes at its ends.  Returns NULL with
 * errno when out of memory; the socket is closed then.
 */
struct peer *peer_new(struct event_base *base, enum proc_id self,
    enum proc_id other, int fd, const struct peer_ops *ops, void *arg);

/* The argument given to peer_new, and the process at the other end. */
void *peer_arg(const struct peer *peer);
enum proc_id peer_other(const struct peer *peer);

/*
 * Queue a message; `fd` (-1: none) is taken over.  Memory is the only
 * bound: callers admit a bounded number of operations (architecture.md).
 * A failure to compose is a broken invariant and fatal.
 */
void peer_send(struct peer *peer, enum msg_type type, const union msg *m,
    int fd);

/* Messages queued and not yet written. */
size_t peer_queued(const struct peer *peer);

/*
 * Write what is queued, waiting for the other end for at most `ms`
 * milliseconds: for last words before an exit.  Returns 0 when all is
 * written, -1 else.
 */
int peer_flush(struct peer *peer, int ms);

/*
 * Take what has arrived but was not yet handled: the last words of one that
 * is gone.  `closed` is called for a violation only.
 */
void peer_drain(struct peer *peer);

/* Close without a call of `closed`; safe inside a handler. */
void peer_free(struct peer *peer);

/*
 * The effective user at the other end (SO_PEERCRED, getpeereid).  Returns
 * 0, or -1 with errno.
 */
int peer_cred(const struct peer *peer, uid_t *uid, gid_t *gid);

/* Where a child finds its parent. */
#define PROC_PARENT_FD	3

/*
 * For the parent: fork and execve `path`, the child's end of a new
 * socketpair on PROC_PARENT_FD, `stderr_fd` on 2, /dev/null on 0 and 1,
 * everything else closed, an empty environment, the signals at their
 * defaults.  On success the parent's end is in `*fd`.  Returns the child's
 * pid, or -1 with errno.
 */
pid_t proc_spawn(const char *path, const char *name, int stderr_fd, int *fd);

/* CLOCK_MONOTONIC in milliseconds: the clock of deadlines. */
int64_t proc_now_ms(void);

#endif
