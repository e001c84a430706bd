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
 * Questions about what is on disk, answered in slices: none of them keeps a
 * commit waiting.  Runs in the registry.
 *
 *	query.c		the queue, the slices, the answer
 *	query_runs.c	the runs of one pipeline
 *	query_registry.c what the registry holds, its backups
 *	query_audit.c	the audit log
 *	query_trends.c	what they come to over time (trends.h)
 */

#ifndef CCM_REGISTRY_QUERY_H
#define CCM_REGISTRY_QUERY_H

#include <sys/queue.h>

#include <stdint.h>

#include "msg.h"
#include "verb.h"

struct event_base;
struct json_object;
struct peer;

/* What one turn may take before others have theirs, milliseconds. */
#define QUERY_SLICE_MS	5
/* Rows that one step reads at the most: a fraction of a millisecond. */
#define QUERY_STEP_ROWS	100

struct query {
	TAILQ_ENTRY(query) entry;
	uint64_t	 op;
	enum verb_id	 verb;
	char		 target[MSG_ID_MAX + 1];
	struct json_object *args;
	int		 begun;
	int		 status;	/* of the answer, with `body` */
	struct json_object *body;
	void		*state;		/* the verb's own */
};

/* What became of a step. */
enum query_more {
	QUERY_DONE,		/* status and body are set */
	QUERY_MORE
};

/*
 * How a verb is answered: `start` looks at the arguments, `step` does a
 * little at a time, `end` (may be NULL) frees the state, also of a query
 * that is given up.
 */
struct query_kind {
	enum query_more	(*start)(struct query *);
	enum query_more	(*step)(struct query *);
	void		(*end)(struct query *);
};

/* Returns 0, or -1 with errno ENOMEM. */
int query_init(struct event_base *base);

/* Take in a question; the answer comes in a later turn. */
void query_take(struct peer *api, const struct msg_query *m);

/* The api has read all there was: those that waited for that go on. */
void query_go_on(void);

/* The api is gone: give all of them up. */
void query_give_up(void);

/* Set the answer to an error; for `return`. */
enum query_more query_refuse(struct query *q, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same for the two that every kind has. */
enum query_more query_no_pipeline(struct query *q);
enum query_more query_no_history(struct query *q);

extern const struct query_kind query_audit;
extern const struct query_kind query_registry;
extern const struct query_kind query_runs;
extern const struct query_kind query_trends;

#endif
