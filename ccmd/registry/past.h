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
 * What the history holds of one pipeline, in memory.  For history.c and
 * history_read.c alone.
 */

#ifndef CCM_REGISTRY_PAST_H
#define CCM_REGISTRY_PAST_H

#include <sys/queue.h>

#include <stdint.h>

#include "msg.h"
#include "tree.h"

struct past {
	RB_ENTRY(past)	 entry;
	TAILQ_ENTRY(past) touched_entry;
	char		 id[MSG_ID_MAX + 1];
	int64_t		 key;		/* in the database, 0: none yet */
	int		 key_new;	/* given in this transaction */
	int		 touched;	/* by this transaction */
	int		 known;		/* its read-back is complete */
	int		 lost;		/* a transaction with it failed */
	int		 lost_noted;	/* and the database says so */
	int		 fresh;		/* the two below are not stored yet */
	int64_t		 fetched_at;	/* seconds, 0: never */
	uint32_t	 interval;	/* seconds */
};

/* NULL if the history knows nothing of it. */
struct past *past_find(const char *id);

#endif
