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
 * Who listens to events: each reads the ring at its own pace, holds no
 * queue of its own, and is cut off when it falls behind the ring or takes
 * nothing for SUBSCRIBER_STALL_MS.  Runs in the api.
 */

#ifndef CCM_API_SUBSCRIBE_H
#define CCM_API_SUBSCRIBE_H

#include <stddef.h>

#include "events.h"

struct json_object;
struct request;
struct subscriber;

#define SUBSCRIBERS_MAX		1024
#define SUBSCRIBER_STALL_MS	30000
#define SUBSCRIBER_IDLE_MS	15000	/* then a sign of life is due */

struct subscriber_ops {
	/* Events wait: call subscriber_pump. */
	void	(*wake)(void *arg);
	/* Is there room for one more?  If not, pump again when there is. */
	int	(*room)(void *arg);
	/* An event; `id` is "" where none may be resumed from. */
	void	(*put)(void *arg, const char *id, const char *kind,
		    const char *data, size_t len);
	/* Nothing was sent for a while; NULL: nothing needs to be. */
	void	(*idle)(void *arg);
	/* Cut off, and why; it frees the subscriber. */
	void	(*end)(void *arg, const char *why);
};

/*
 * Subscribe with the arguments of the verb `events`, checked: `pipeline`
 * (only of that one), `last_event_id`, `snapshot` (the state first).
 * Answers the request itself and returns NULL if that can't be; else the
 * request is still the caller's.
 */
struct subscriber *subscriber_new(struct request *req,
    const struct subscriber_ops *ops, void *arg);
void subscriber_free(struct subscriber *s);

/* Hand over what there is, while there is room; 1 if more waits. */
int subscriber_pump(struct subscriber *s);

void subscribers_wake(void);
/* Cut off those whose token is not valid any more. */
void subscribers_check(void);
void subscribers_tick(void);	/* once a second */
size_t subscribers_count(void);

#endif
