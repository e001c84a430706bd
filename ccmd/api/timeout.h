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
 * What HTTP connections wait for, and for how long they may.  Belongs to the
 * api.
 */

#ifndef CCM_API_TIMEOUT_H
#define CCM_API_TIMEOUT_H

#include "conn.h"
#include "limit.h"

void timeout_init(void);

/* From now on c waits for that, as long as limits allow; or for nothing. */
void timeout_set(struct conn *c, enum conn_wait w);
void timeout_clear(struct conn *c);

/* The one that has waited longest; NULL: none does. */
struct conn *timeout_first(enum conn_wait w);

/* All that wait for anything; `call` must not end them. */
void timeout_each(void (*call)(struct conn *));

/* Limits have changed. */
void timeout_shorten(void);

/*
 * Who may go for another: of those that are idle the first that has had an
 * answer, as any client must expect, or has not begun to ask; else one whose
 * request should have been complete long ago.  NULL: none.
 */
struct conn *timeout_spare(void);

/*
 * Call `late` for those whose time is over, some at a time, with the limit
 * that each ran into, or LIMIT_MAX.  It may end that one, and no other.
 * Returns 1 if more are left.
 */
typedef void (*timeout_late)(struct conn *c, enum limit limit);
int timeout_run(timeout_late late);

#endif
