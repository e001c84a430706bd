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
 * The view: pipelines and their runs, as the registry told them.  Runs in
 * the api.  Nothing changes it but the registry's messages.
 */

#ifndef CCM_API_VIEW_H
#define CCM_API_VIEW_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "pipeline.h"
#include "run.h"
#include "tree.h"

struct bytes;
struct chunk;
struct json_object;
struct stats_frame;

#define VIEW_DIGEST_LEN	16

struct pipeline {
	RB_ENTRY(pipeline) by_id;
	RB_ENTRY(pipeline) by_time;	/* created_at, then id */
	char		 id[MSG_ID_MAX + 1];
	char		 created_at[PIPELINE_TIME_SIZE];
	char		 status[16];
	struct json_object *doc;
	struct run	*runs;		/* sorted by id */
	size_t		 nruns;
	size_t		 size;
	int		 known;		/* its read-back is complete */
	int64_t		 fetched_at;	/* seconds; 0: never */
	uint32_t	 interval;	/* seconds */
	char		*stale_reason;	/* NULL: looks go well */
	uint64_t	 changed;	/* view_version of its last change */
	struct json_object *stats;	/* as they were at `stats_at` */
	int64_t		 stats_at;
	int64_t		 stats_from;	/* but for its age it holds from */
	int64_t		 stats_until;	/* there until then */
	/* text.c: of the document, and of the stats without their age. */
	struct chunk	*chunk;
	const char	*text;		/* in the chunk's bytes */
	size_t		 text_len;
	int		 text_old;
	unsigned char	 digest[VIEW_DIGEST_LEN];
	struct bytes	*figures;	/* NULL: not yet */
	size_t		 figures_head;	/* up to its age */
	unsigned char	 figures_digest[VIEW_DIGEST_LEN];
	/* events.c: what is to be told, and what was or is known anyway. */
	TAILQ_ENTRY(pipeline) marked;
	int		 marks;
	unsigned char	 told_doc[VIEW_DIGEST_LEN];
	unsigned char	 told_stats[VIEW_DIGEST_LEN];
};

/* Take in a message; -1 with a line in the log if it makes no sense. */
int view_pipeline(const struct msg_pipeline *m);
int view_rows(const struct msg_rows *m);
int view_fresh(const struct msg_fresh *m);
int view_readback(const struct msg_readback *m);
int view_stale(const struct msg_stale *m);
void view_gone(const struct msg_gone *m);

/* The number of the last change that was told (msg.def, PIPELINE). */
uint64_t view_seen(void);

struct pipeline *view_find(const char *id);

/* In order of creation; NULL begins, and ends. */
struct pipeline *view_next(struct pipeline *after);

/* The first behind a cursor (created_at, id). */
struct pipeline *view_after(const char *created_at, const char *id);

/*
 * The stats object as it is now, at most a second old; a reference of its
 * own for the caller.
 */
struct json_object *view_stats(struct pipeline *p, int64_t now);

/* What else the answer says of it now. */
void view_frame(const struct pipeline *p, int64_t now,
    struct stats_frame *frame);

/*
 * How often anything was changed, how often a document was, and how often a
 * pipeline went for good: what was made of them holds while the number is
 * the same.
 */
uint64_t view_version(void);
uint64_t view_documents_version(void);
uint64_t view_removals(void);

/* A digest of all in a stats object but `fetched_at` and `age_seconds`. */
void view_stats_digest(struct json_object *stats,
    unsigned char digest[VIEW_DIGEST_LEN]);

size_t view_count(void);

#endif
