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
 * Lists of seconds.  Runs in the registry.  Must not know what took them.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "values.h"

static int	 values_reserve(struct values *, size_t);
static int	 cmp_uint32(const void *, const void *);

int
values_add(struct values *v, int64_t seconds)
{
	if (values_reserve(v, 1) == -1)
		return (-1);
	v->v[v->n++] = (uint32_t)(seconds < 0 ? 0 :
	    seconds > VALUES_MAX ? VALUES_MAX : seconds);
	return (0);
}

static int
values_reserve(struct values *v, size_t more)
{
	size_t		 size = v->size == 0 ? 16 : v->size;
	uint32_t	*p;

	while (size < v->n + more)
		size *= 2;
	if (size == v->size)
		return (0);
	if ((p = reallocarray(v->v, size, sizeof(*p))) == NULL)
		return (-1);
	v->v = p;
	v->size = size;
	return (0);
}

int
values_merge(struct values *to, const struct values *from)
{
	if (from->n == 0)
		return (0);
	if (values_reserve(to, from->n) == -1)
		return (-1);
	memcpy(to->v + to->n, from->v, from->n * sizeof(*from->v));
	to->n += from->n;
	return (0);
}

void
values_sort(struct values *v)
{
	if (v->n > 1)
		qsort(v->v, v->n, sizeof(*v->v), cmp_uint32);
}

static int
cmp_uint32(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

size_t
values_upto(const struct values *v, uint32_t limit)
{
	size_t	 low = 0, high = v->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (v->v[middle] <= limit)
			low = middle + 1;
		else
			high = middle;
	}
	return (low);
}

int64_t
values_percentile(const struct values *v, unsigned int per_cent)
{
	return (v->n == 0 ? -1 :
	    (int64_t)v->v[(v->n * per_cent + 99) / 100 - 1]);
}

void
values_free(struct values *v)
{
	free(v->v);
	memset(v, 0, sizeof(*v));
}
