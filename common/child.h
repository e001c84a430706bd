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
 * A child of the parent: its start.  Belongs to the poller, the api and the
 * registry.
 */

#ifndef CCM_CHILD_H
#define CCM_CHILD_H

#include "proc.h"
#include "sandbox.h"

/* Gets ready by what SETUP says; returns the sandbox's level. */
typedef const char *(*child_setup)(const struct msg_setup *m);

/*
 * Descriptor 3 is the parent.  Blocks until SETUP, hands its fields to
 * `setup` (which calls child_confine), and answers READY with the text that
 * `setup` returns.  Then makes a peer of it.  Fatal on anything unexpected.
 */
struct peer *child_start(struct event_base *base, enum proc_id self,
    child_setup setup, const struct peer_ops *ops);

/*
 * Enter the sandbox as SETUP says; `statedir` is the registry's, else NULL.
 * Returns the level for READY, which lives on.  Fatal if it can't.
 */
const char *child_confine(enum sandbox_role role, const struct msg_setup *m,
    const char *statedir);

/* All that was configured is in force. */
void child_running(struct peer *parent);

#endif
