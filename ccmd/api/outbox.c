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
 * What a connection has yet to send.  Part of the api.  Must not send it.
 */

#include "config.h"

#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "rope.h"

/* malloc keeps blocks of that size at hand. */
#define OUTBOX_SMALL	1024

static struct outbox_segment *segments(const struct outbox *);
static struct outbox_segment *add(struct outbox *);
static int	 grow(struct outbox *);

static struct outbox_segment *
segments(const struct outbox *o)
{
	return (o->more != NULL ? o->more :
	    (struct outbox_segment *)(uintptr_t)o->few);
}

/* A new one at the end; NULL without memory. */
static struct outbox_segment *
add(struct outbox *o)
{
	struct outbox_segment	*s;

	if (o->n == (o->more != NULL ? o->size : OUTBOX_FEW) && grow(o) == -1)
		return (NULL);
	s = &segments(o)[o->n++];
	memset(s, 0, sizeof(*s));
	return (s);
}

static int
grow(struct outbox *o)
{
	struct outbox_segment	*s;

	if (o->first > 0) {
		s = segments(o);
		o->n -= o->first;
		memmove(s, s + o->first, o->n * sizeof(*s));
		o->first = 0;
		return (0);
	}
	s = reallocarray(o->more, 2 * o->n, sizeof(*s));
	if (s == NULL)
		return (-1);
	if (o->more == NULL)
		memcpy(s, o->few, sizeof(o->few));
	o->more = s;
	o->size = 2 * o->n;
	return (0);
}

int
outbox_copy(struct outbox *o, const void *data, size_t len)
{
	struct outbox_segment	*s;
	size_t			 need = o->own_len + len, size;
	char			*p;

	if (len == 0)
		return (0);
	/* Not all of it may ever be out at once: what is makes room. */
	if (need > o->own_size && o->own_sent > 0) {
		o->own_len -= o->own_sent;
		memmove(o->own, o->own + o->own_sent, o->own_len);
		o->own_sent = 0;
		need = o->own_len + len;
	}
	if (need > o->own_size) {
		size = need <= OUTBOX_SMALL ? OUTBOX_SMALL : need + need / 2;
		if ((p = realloc(o->own, size)) == NULL)
			return (-1);
		o->own = p;
		o->own_size = size;
	}
	s = o->n > o->first ? &segments(o)[o->n - 1] : NULL;
	if ((s == NULL || s->rope != NULL) && (s = add(o)) == NULL)
		return (-1);
	memcpy(o->own + o->own_len, data, len);
	o->own_len = need;
	s->left += len;
	o->left += len;
	return (0);
}

int
outbox_rope(struct outbox *o, struct rope *r)
{
	struct outbox_segment	*s;
	size_t			 i;

	if (r->len < OUTBOX_COPY) {
		for (i = 0; i < r->npieces; i++)
			if (outbox_copy(o, r->pieces[i].p,
			    r->pieces[i].len) == -1)
				return (-1);
		return (0);
	}
	if ((s = add(o)) == NULL)
		return (-1);
	s->rope = rope_hold(r);
	s->left = r->len;
	o->left += r->len;
	return (0);
}

int
outbox_next(const struct outbox *o, struct iovec *iov, int max)
{
	const struct outbox_segment	*s = segments(o) + o->first;
	const struct outbox_segment	*end = segments(o) + o->n;
	const struct piece		*piece;
	size_t				 own = o->own_sent, i;
	int				 n = 0;

	for (; s < end && n < max; s++) {
		if (s->rope == NULL) {
			iov[n].iov_base = o->own + own;
			iov[n++].iov_len = s->left;
			own += s->left;
			continue;
		}
		for (i = s->piece; i < s->rope->npieces && n < max; i++) {
			piece = &s->rope->pieces[i];
			iov[n].iov_base = (void *)(uintptr_t)piece->p;
			iov[n].iov_len = piece->len;
			if (i == s->piece) {
				iov[n].iov_base = (void *)(uintptr_t)
				    (piece->p + s->offset);
				iov[n].iov_len -= s->offset;
			}
			n++;
		}
	}
	return (n);
}

void
outbox_sent(struct outbox *o, size_t n)
{
	struct outbox_segment	*s;
	size_t			 part;

	o->left -= n;
	while (n > 0) {
		s = &segments(o)[o->first];
		part = s->left;
		if (s->rope != NULL)
			part = s->rope->pieces[s->piece].len - s->offset;
		if (part > n)
			part = n;
		n -= part;
		s->left -= part;
		if (s->rope == NULL)
			o->own_sent += part;
		else {
			s->offset += part;
			if (s->offset == s->rope->pieces[s->piece].len) {
				s->piece++;
				s->offset = 0;
			}
		}
		if (s->left == 0) {
			rope_free(s->rope);
			o->first++;
		}
	}
	if (o->left == 0)
		outbox_clear(o);
}

void
outbox_clear(struct outbox *o)
{
	for (; o->first < o->n; o->first++)
		rope_free(segments(o)[o->first].rope);
	free(o->own);
	free(o->more);
	o->own = NULL;
	o->more = NULL;
	o->left = o->own_sent = o->own_len = o->own_size = 0;
	o->size = o->first = o->n = 0;
}
