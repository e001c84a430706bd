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
 * What operations on runs begin with: may this pipeline be acted on, and is
 * that run one of its own.  Runs in the poller.
 */

#ifndef CCM_POLLER_LOOKUP_H
#define CCM_POLLER_LOOKUP_H

#include <stdint.h>

#include "msg.h"
#include "run.h"
#include "tell.h"

struct gh_reply;
struct github;
struct json_object;
struct lookup;
struct pipeline;

/* Why something is not done, as a client is told. */
struct refusal {
	int		 status;	/* 4xx, 5xx */
	const char	*code;
	int64_t		 retry_after;	/* seconds, 0: not said */
	char		 text[MSG_TEXT_MAX];
};

struct found_run {
	const struct refusal *refusal;	/* NULL: it is there */
	struct json_object *doc;	/* run.h, good until `done` returns */
	struct run	 run;		/* its branch points into doc */
};

typedef void (*lookup_done)(const struct found_run *found, void *arg);

/*
 * The GitHub of a pipeline that the registry told us of.  NULL with
 * `refusal` filled in: there is no such pipeline, no token, or its numbers
 * are not known yet.  With `write` an inactive one is refused as well.
 */
struct github *lookup_github(const char *id, int write,
    struct pipeline **p, struct refusal *refusal);

/* What GitHub's answer means for whoever asked; `what` failed. */
void lookup_refused(const struct gh_reply *r, const char *what,
    struct refusal *refusal);

/*
 * Ask for a run, or one attempt of it (0: the latest).  It is not found when
 * it is another workflow's.  `done` is called once, later.  Returns NULL
 * with errno ENOMEM.
 */
struct lookup *lookup_run(struct github *gh, struct pipeline *p, int64_t run,
    int64_t attempt, int64_t deadline, lookup_done done, void *arg);
void lookup_cancel(struct lookup *l);

/* The end of an operation that is refused. */
void lookup_tell(const struct asked *asked, const struct refusal *refusal);

/* Out of memory, at the beginning of an operation. */
void lookup_no_memory(const struct asked *asked);

#endif
