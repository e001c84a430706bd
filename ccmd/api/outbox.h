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
 * What a connection has yet to send: bytes of its own and ropes, in order.
 * Part of the api.
 */

#ifndef CCM_API_OUTBOX_H
#define CCM_API_OUTBOX_H

#include <stddef.h>

struct iovec;
struct rope;

struct outbox_segment {
	struct rope	*rope;		/* held; NULL: own bytes */
	size_t		 piece;		/* of the rope: where it goes on */
	size_t		 offset;	/* in that piece */
	size_t		 left;		/* never 0 */
};

#define OUTBOX_FEW	4
/* A shorter rope is copied behind its head: one part to send. */
#define OUTBOX_COPY	768

/* All zero is an empty one. */
struct outbox {
	size_t		 left;		/* bytes in all */
	char		*own;
	size_t		 own_sent;
	size_t		 own_len;
	size_t		 own_size;
	struct outbox_segment few[OUTBOX_FEW];
	struct outbox_segment *more;	/* instead of those; NULL: not yet */
	size_t		 size;		/* of more */
	size_t		 first;
	size_t		 n;		/* behind the last */
};

/* Append a copy, or a rope (which it holds); -1 without memory. */
int outbox_copy(struct outbox *o, const void *data, size_t len);
int outbox_rope(struct outbox *o, struct rope *r);

/* What is next, in at most `max` parts; returns how many. */
int outbox_next(const struct outbox *o, struct iovec *iov, int max);

/* So many bytes of that went out. */
void outbox_sent(struct outbox *o, size_t n);

void outbox_clear(struct outbox *o);

#endif
