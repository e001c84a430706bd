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
 * What is due when: a priority queue by time with one timer.  Runs in the
 * poller.  Does not know what is due.
 */

#ifndef CCM_POLLER_SCHEDULE_H
#define CCM_POLLER_SCHEDULE_H

#include <stdint.h>

#include "tree.h"

struct event_base;

struct due {
	RB_ENTRY(due)	 entry;
	int64_t		 at;		/* monotonic milliseconds */
	uint64_t	 order;		/* of equals the first queued */
	int		 queued;
};

/*
 * `run` is called for what is due, from the loop; it is out of the queue
 * by then.  Returns 0, or -1 with errno ENOMEM.
 */
int schedule_init(struct event_base *base, void (*run)(struct due *));

/* (Re)queue for `at`, or take out. */
void schedule_at(struct due *due, int64_t at);
void schedule_remove(struct due *due);

/*
 * An interval in milliseconds for `seconds`, varied by up to 5 % with
 * `random`, so that what started together does not stay together.
 */
int64_t schedule_jitter(uint32_t seconds, uint32_t random);

#endif
