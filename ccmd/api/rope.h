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
 * Bytes that are shared by reference, and texts put together of them: what
 * is answered is built once and sent many times.  Part of the api.
 */

#ifndef CCM_API_ROPE_H
#define CCM_API_ROPE_H

#include <stddef.h>

/* Never changed once somebody else holds it. */
struct bytes {
	size_t		 refs;
	size_t		 len;
	char		 data[];
};

struct piece {
	struct bytes	*bytes;		/* held */
	const char	*p;		/* in those */
	size_t		 len;		/* never 0 */
};

struct rope {
	size_t		 refs;
	size_t		 len;		/* of all pieces */
	size_t		 own;		/* bytes that nobody else holds */
	size_t		 npieces;
	size_t		 size;
	struct piece	*pieces;
	struct bytes	*tail;		/* has room; NULL: none */
	size_t		 room;
};

/*
 * Room for `len` bytes, held once.  bytes_free gives up one reference; NULL
 * is let through.  Without memory these are all fatal.
 */
struct bytes *bytes_new(size_t len);
struct bytes *bytes_hold(struct bytes *b);
void bytes_free(struct bytes *b);

/* An empty one, held once; and holding it and giving it up. */
struct rope *rope_new(void);
struct rope *rope_hold(struct rope *r);
void rope_free(struct rope *r);

/*
 * Append a copy; append a part of what is shared.  What follows in the same
 * bytes becomes one piece.  Only before anybody else holds the rope.
 */
void rope_copy(struct rope *r, const char *p, size_t len);
void rope_share(struct rope *r, struct bytes *b, const char *p, size_t len);

/* All of it in one piece, with a NUL behind; the caller's to free. */
char *rope_flat(const struct rope *r);

#endif
