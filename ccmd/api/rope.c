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
 * Bytes shared by reference.  Part of the api.  Must not know what they
 * mean.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "rope.h"

/* Small copies are gathered in blocks of that size. */
#define ROPE_BLOCK	(32 * 1024)

static void	 append(struct rope *, struct bytes *, const char *, size_t);

struct bytes *
bytes_new(size_t len)
{
	struct bytes	*b;

	if (len > SIZE_MAX - sizeof(*b) ||
	    (b = malloc(sizeof(*b) + len)) == NULL)
		fatal("bytes");
	b->refs = 1;
	b->len = len;
	return (b);
}

struct bytes *
bytes_hold(struct bytes *b)
{
	b->refs++;
	return (b);
}

void
bytes_free(struct bytes *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}

struct rope *
rope_new(void)
{
	struct rope	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("rope");
	r->refs = 1;
	return (r);
}

struct rope *
rope_hold(struct rope *r)
{
	r->refs++;
	return (r);
}

void
rope_free(struct rope *r)
{
	size_t	 i;

	if (r == NULL || --r->refs > 0)
		return;
	for (i = 0; i < r->npieces; i++)
		bytes_free(r->pieces[i].bytes);
	bytes_free(r->tail);
	free(r->pieces);
	free(r);
}

void
rope_copy(struct rope *r, const char *p, size_t len)
{
	char	*to;
	size_t	 n;

	while (len > 0) {
		if (r->room == 0) {
			bytes_free(r->tail);
			/* A short answer takes a short block. */
			r->room = r->own == 0 && len < ROPE_BLOCK / 32 ?
			    ROPE_BLOCK / 32 : ROPE_BLOCK;
			r->tail = bytes_new(r->room);
			r->own += r->room;
		}
		n = len < r->room ? len : r->room;
		to = r->tail->data + r->tail->len - r->room;
		memcpy(to, p, n);
		append(r, r->tail, to, n);
		r->room -= n;
		p += n;
		len -= n;
	}
}

void
rope_share(struct rope *r, struct bytes *b, const char *p, size_t len)
{
	if (len > 0)
		append(r, b, p, len);
}

static void
append(struct rope *r, struct bytes *b, const char *p, size_t len)
{
	struct piece	*last;

	r->len += len;
	if (r->npieces > 0) {
		last = &r->pieces[r->npieces - 1];
		if (last->bytes == b && last->p + last->len == p) {
			last->len += len;
			return;
		}
	}
	if (r->npieces == r->size) {
		r->size = r->size == 0 ? 4 : 2 * r->size;
		r->pieces = reallocarray(r->pieces, r->size,
		    sizeof(*r->pieces));
		if (r->pieces == NULL)
			fatal("rope");
	}
	last = &r->pieces[r->npieces++];
	last->bytes = bytes_hold(b);
	last->p = p;
	last->len = len;
}

char *
rope_flat(const struct rope *r)
{
	char	*text, *to;
	size_t	 i;

	if ((text = malloc(r->len + 1)) == NULL)
		fatal("rope");
	for (to = text, i = 0; i < r->npieces; to += r->pieces[i++].len)
		memcpy(to, r->pieces[i].p, r->pieces[i].len);
	*to = '\0';
	return (text);
}
