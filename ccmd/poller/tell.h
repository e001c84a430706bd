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
 * What the poller tells the registry.  Runs in the poller.  Nothing else
 * sends to the registry, so this is the list of what it can be told.
 */

#ifndef CCM_POLLER_TELL_H
#define CCM_POLLER_TELL_H

#include <stdint.h>

struct event_base;
struct json_object;
struct peer;

/* Who asked for an operation, as OP has it; op 0: nobody waits. */
struct asked {
	uint64_t	 op;
	uint16_t	 verb;
	int64_t		 deadline;	/* CLOCK_MONOTONIC, ms */
	char		 actor[65];
	char		 target[65];
};

int tell_init(struct event_base *base);
void tell_set_registry(struct peer *registry);

/*
 * The end of an operation that went well: `result` goes to the registry to
 * be made durable; the reference is taken over.
 */
void tell_outcome(const struct asked *asked, int status,
    struct json_object *result);

/* ... that did not: a status of 4xx or 5xx, a slug and a sentence. */
void tell_refused(const struct asked *asked, int status, const char *code,
    int64_t retry_after, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

void tell_intent(const struct asked *asked);

/* A run's document; those of an array, in as many messages as it takes. */
void tell_run(const char *pipeline_id, struct json_object *doc);
void tell_runs(const char *pipeline_id, struct json_object *docs);

/* Job documents (jobs.h), without their steps, in as many messages. */
void tell_jobs(const char *pipeline_id, uint64_t run_id, uint32_t attempt,
    struct json_object *docs);

void tell_looked(const char *url, const char *etag, uint64_t newest);
void tell_readback(const char *pipeline_id, int64_t at, uint32_t interval);
void tell_stale(const char *pipeline_id, const char *reason);

/* A merge patch (RFC 7396); the reference is taken over. */
void tell_change(const char *pipeline_id, struct json_object *patch,
    const char *reason);

/* Noted for the next FRESH, at most a second away. */
void tell_fresh(const char *pipeline_id, int64_t at, uint32_t interval);
/* That one now: somebody waits for it. */
void tell_fresh_now(void);

#endif
