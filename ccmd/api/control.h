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
 * A client of the control socket.  Belongs to the api.
 *
 *	control.c	connections: who is let in, and who goes
 *	control_op.c	what they ask for, and what is told them
 */

#ifndef CCM_API_CONTROL_H
#define CCM_API_CONTROL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "verb.h"

struct peer;
struct subscriber;

struct control {
	TAILQ_ENTRY(control) entry;
	struct peer	*peer;
	size_t		 listener;	/* where it came in */
	int64_t		 since;		/* CLOCK_MONOTONIC, ms */
	int64_t		 quiet;		/* the same: it last had an answer */
	uid_t		 uid;
	enum role	 role;
	char		 actor[MSG_ID_MAX + 1];
	int		 greeted;
	/* Operations under way, bounded. */
	TAILQ_HEAD(, control_op) ops;
	int		 nops;
	struct subscriber *subscriber;	/* NULL: it has no subscription */
	uint64_t	 subscription;	/* the client's number of it */
};

/*
 * Carry out an operation; a descriptor (-1: none) is taken over.  The client
 * may be gone when it returns.
 */
void control_take_op(struct control *c, const struct msg_ctl_op *m, int fd);
/* The client took all that was queued for it. */
void control_drained(struct peer *peer);
/* It goes: its operations go on without it. */
void control_forget(struct control *c);

/* Close the connection; it is freed. */
void control_disconnect(struct control *c, const char *why);

#endif
