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
 * How the registry is: what was saved, and what can't be saved now.  The
 * api is told, for readiness, status and metrics.  Runs in the registry.
 * Must not try anything itself.
 */

#ifndef CCM_REGISTRY_HEALTH_H
#define CCM_REGISTRY_HEALTH_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct json_object;
struct peer;

int health_init(struct event_base *base);

/* Whom to tell; NULL: nobody.  The next health_tell tells all of it. */
void health_set_api(struct peer *api);

/* A save: `changes` of them in one, in `took` milliseconds. */
void health_saved(size_t changes, int64_t took);

/* It can't be saved, and since when; it can again. */
void health_failed(const char *why);
void health_works(void);
int health_is_failing(void);

/* The same for the audit log and the history: NULL or a reason. */
void health_audit(const char *why);
void health_history(const char *why);

/* The same as members of an answer. */
void health_put(struct json_object *o);

/* Tell what is news: a fault at once, figures at most once a second. */
void health_tell(void);

#endif
