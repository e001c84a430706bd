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
 * What this process takes up of the machine.  Belongs to every process.
 */

#ifndef CCM_USAGE_H
#define CCM_USAGE_H

struct event_base;
struct msg_usage;
struct peer;

/* How often it is told. */
#define USAGE_SECONDS	10

/*
 * Once, before the sandbox: what is read later is opened now.  It costs a
 * descriptor where the system has /proc.
 */
void usage_init(void);

/* As it is now; a size that is not known is 0. */
void usage_get(struct msg_usage *u);

/*
 * Tell it (USAGE) to that peer now and every USAGE_SECONDS from then on;
 * with a peer of NULL no more.  Returns 0, or -1 when out of memory.
 */
int usage_tell(struct event_base *base, struct peer *api);

#endif
