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
 * What changed, in order: a bounded ring of events that subscribers read
 * at their own pace.  Runs in the api.  Holds for each thing (a pipeline's
 * document, its figures, a run) at most one event, the newest: an older
 * one is superseded, which is no gap.
 */

#ifndef CCM_API_EVENTS_H
#define CCM_API_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "tree.h"

struct event_base;
struct pipeline;
struct run;

/* The ring's bounds: events, and bytes of their data. */
#define EVENTS_MAX	16384
#define EVENTS_BYTES	(16 * 1024 * 1024)
/* "0123456789abcdef-18446744073709551615" and its NUL. */
#define EVENT_ID_SIZE	38

enum event_kind {
	EVENT_PIPELINE,		/* its document */
	EVENT_STATS,		/* its figures */
	EVENT_RUN,
	EVENT_RESET,		/* what was told before may have gaps */
	EVENT_SYNCED		/* the whole state was told */
};

struct ring_event {
	RB_ENTRY(ring_event) by_number;
	RB_ENTRY(ring_event) by_key;
	uint64_t	 number;
	enum event_kind	 kind;
	char		 pipeline[MSG_ID_MAX + 1];
	int64_t		 run;		/* its id; 0: not of a run */
	char		*data;		/* a JSON object */
	size_t		 len;
};

int events_init(struct event_base *base);

/* From now on changes are events; before, the view is still filled. */
void events_start(void);

/* The view changed: called where it does. */
void events_pipeline(struct pipeline *p);
void events_stats(struct pipeline *p);
/* It goes for good: `"removed": true` instead of its document. */
void events_gone(struct pipeline *p);
void events_run(const struct pipeline *p, const struct run *run);

/* Make events of what was marked, now rather than in a moment. */
void events_flush(void);

/*
 * The next event behind a number, NULL if there is none.  What it points
 * to lives until the next turn of the event loop.
 */
const struct ring_event *events_next(uint64_t after);

/* The newest number; the newest that left the ring though it was current. */
uint64_t events_last(void);
uint64_t events_lost(void);

/*
 * An id is the number with the api's start before it, so that one of a
 * former start is known as such.  events_number returns 0 and the number of
 * an id behind which nothing was lost, else -1.
 */
void events_id(uint64_t number, char id[EVENT_ID_SIZE]);
int events_number(const char *id, uint64_t *number);

const char *event_name(enum event_kind kind);

#endif
