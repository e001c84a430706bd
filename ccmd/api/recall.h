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
 * Answers that may be given again.  Part of the api.
 */

#ifndef CCM_API_RECALL_H
#define CCM_API_RECALL_H

#include <stddef.h>
#include <stdint.h>

#include "etag.h"

struct pipeline;
struct rope;
struct verb;

/* What an answer was made of, and so how long it holds. */
enum hold_by {
	HOLD_NOT,
	HOLD_DOCUMENTS,		/* until some document changes */
	HOLD_VIEW,		/* until anything does */
	HOLD_PIPELINE		/* until that pipeline does */
};

struct hold {
	enum hold_by	 by;
	const struct pipeline *pipeline;
	int64_t		 second;	/* and only in that; 0: any */
};

#define RECALL_TARGET_MAX	256
#define RECALL_HEAD_MAX		320

struct recalled {
	const struct verb *verb;	/* NULL: the place is free */
	struct rope	*rope;
	char		 etag[ETAG_SIZE];
	struct hold	 hold;
	uint64_t	 version;
	uint64_t	 removals;
	/* For whoever sends it: a head, good while `head_at` is now. */
	char		 head[RECALL_HEAD_MAX];
	size_t		 head_len;
	int64_t		 head_at;
	size_t		 target_len;
	char		 target[RECALL_TARGET_MAX];
};

/*
 * The answer to a GET of that target, as it would be made in the second
 * `now`, or NULL.  Good until the next call.
 */
struct recalled *recall_find(const char *target, size_t len, int64_t now);

/* Keep one, where there is room for it; the rope is held. */
void recall_put(const char *target, size_t len, const struct verb *verb,
    struct rope *rope, const char *etag, const struct hold *hold);

/* Once a second: what does not hold any more goes. */
void recall_tick(int64_t now);

#endif
