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
 * Answers that have a line or more of every pipeline, and are made for each
 * that asks, or what they are made of is: in turns of the event loop, so that
 * nobody else waits for them.  Belongs to the api.
 */

#ifndef CCM_API_PASS_H
#define CCM_API_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "pipeline.h"

struct event;
struct event_base;
struct pipeline;
struct request;
struct rope;

/* A turn ends behind so many pipelines, or when it took so long. */
#define PASS_TURN	256
#define PASS_TURN_MS	2

/* One kind of them; `begin` may be NULL. */
struct pass {
	const char	*type;		/* Content-Type */
	void		(*begin)(void);
	/* Called for each pipeline in order of creation. */
	void		(*put)(struct pipeline *p, int64_t now);
	/* Append the answer; pipelines are not gone through once more. */
	void		(*end)(struct rope *r);
	/* Instead of `type` and `end`: answer one, now that all is made. */
	void		(*give)(struct request *req);

	/* pass.c's own: zeros. */
	struct event	*timer;
	struct request	**waiting;
	size_t		 n;
	size_t		 size;
	size_t		 ready;		/* of those the first: to be given */
	size_t		 given;		/* of the ready ones */
	char		 id[MSG_ID_MAX + 1];	/* it came so far, */
	char		 created_at[PIPELINE_TIME_SIZE];	/* in order */
};

void pass_init(struct event_base *base);

/*
 * Answer a request, perhaps before this returns.  Who asks while a pass is
 * on its way gets its answer, too.
 */
void pass_read(struct pass *pass, struct request *req);

#endif
