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
 * How long the history is kept, and how large it may grow.  Runs in the
 * registry.
 */

#ifndef CCM_REGISTRY_RETENTION_H
#define CCM_REGISTRY_RETENTION_H

#include <stdint.h>

struct event_base;

#define RETENTION_DAYS	90		/* unless configured */
#define RETENTION_BYTES	(1024LL * 1024 * 1024)
/* Figures reach back eight days (contract.md): no bound cuts into them. */
#define RETENTION_DAYS_MIN	9

/* Returns 0, or -1 with errno ENOMEM. */
int retention_init(struct event_base *base);

/* Days that are kept, and a bound in bytes; 0: as it is by default. */
void retention_set_policy(uint32_t days, uint64_t bytes);

/* Begin to look after it; once everything is loaded. */
void retention_start(void);

#endif
