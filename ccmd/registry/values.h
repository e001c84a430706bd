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
 * Lists of seconds that percentiles are taken of.  Runs in the registry.
 * One that is all zeros is empty.
 */

#ifndef CCM_REGISTRY_VALUES_H
#define CCM_REGISTRY_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* A duration that no run has: GitHub's own limit is 35 days. */
#define VALUES_MAX	(400 * 86400)

struct values {
	uint32_t	*v;
	size_t		 n;
	size_t		 size;
};

/*
 * Append seconds, from 0 to VALUES_MAX or cut to that; append a whole list.
 * Return 0, or -1 with errno ENOMEM.
 */
int values_add(struct values *v, int64_t seconds);
int values_merge(struct values *to, const struct values *from);

/* Sort; the two below want it sorted. */
void values_sort(struct values *v);

/* How many are at most `limit`. */
size_t values_upto(const struct values *v, uint32_t limit);

/* Of the nearest rank, per_cent from 1 to 100; -1 of an empty list. */
int64_t values_percentile(const struct values *v, unsigned int per_cent);

void values_free(struct values *v);

#endif
