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
 * Refusals that the api tells of, bounded.  Runs in the registry.
 */

#ifndef CCM_REGISTRY_REFUSALS_H
#define CCM_REGISTRY_REFUSALS_H

#include <stdint.h>

#include "msg.h"

struct event_base;

/* Returns 0, or -1 with errno ENOMEM. */
int refusals_init(struct event_base *base);

/*
 * Put a line aside for the audit log, or count it where its actor had so
 * many in this minute already.  `now` in seconds.
 */
void refusals_add(const struct msg_audit *m, int64_t now);

/* A line for each actor that had more: at the minute's end, and at ours. */
void refusals_sum_up(int64_t now);

#endif
