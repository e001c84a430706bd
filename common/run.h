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
 * A workflow run: as GitHub gives it, as our document, as a packed row for
 * the view, and as the struct that figures are made of.  Belongs to poller,
 * registry, api and ccmctl.
 *
 * https://docs.github.com/en/rest/actions/workflow-runs
 *
 * The run document: {"run_id", "workflow_id", "run_number", "run_attempt",
 * "status", "conclusion", "branch", "event", "title", "head_sha", "actor",
 * "html_url", "path", "created_at", "run_started_at", "updated_at"}; what
 * GitHub left out is null.
 */

#ifndef CCM_RUN_H
#define CCM_RUN_H

#include <stddef.h>
#include <stdint.h>

struct ibuf;
struct json_object;

#define RUN_BRANCH_MAX	255
#define RUN_WORD_MAX	31	/* a status, a conclusion */
/* The longest run that durations are made of: 35 days are GitHub's limit. */
#define RUN_DURATION_MAX	(400LL * 86400)

enum run_status {
	RUN_COMPLETED,
	RUN_IN_PROGRESS,
	RUN_QUEUED,
	RUN_REQUESTED,
	RUN_WAITING,
	RUN_PENDING,
	RUN_STATUS_UNKNOWN	/* unfinished, and counted nowhere */
};

enum run_conclusion {
	RUN_NONE,
	RUN_SUCCESS,
	RUN_FAILURE,
	RUN_TIMED_OUT,
	RUN_STARTUP_FAILURE,
	RUN_CANCELLED,
	RUN_SKIPPED,
	RUN_NEUTRAL,
	RUN_STALE,
	RUN_ACTION_REQUIRED,
	RUN_CONCLUSION_UNKNOWN	/* never a success, never a failure */
};

struct run {
	int64_t		 id;
	int64_t		 workflow_id;
	int64_t		 created_at;	/* seconds since the epoch */
	int64_t		 started_at;	/* run_started_at, else created_at */
	int64_t		 updated_at;
	int32_t		 attempt;
	enum run_status	 status;
	enum run_conclusion conclusion;
	/* As GitHub wrote them, also what is not known here. */
	char		 status_text[RUN_WORD_MAX + 1];
	char		 conclusion_text[RUN_WORD_MAX + 1];
	const char	*branch;	/* NULL: none; not the struct's own */
};

/*
 * Make the document of a run that GitHub sent.  Returns 0 and the document
 * (the caller's), or -1 with `*why` a static sentence.
 */
int run_from_github(struct json_object *gh, struct json_object **doc,
    const char **why);

/*
 * Read a document.  `branch` points into it.  Returns 0, or -1 if it is
 * none (no id, no creation time).
 */
int run_from_document(struct json_object *doc, struct run *run);

/*
 * A copy of the document for an answer: with `timestamp` (its created_at)
 * and `duration_seconds`.  NULL if it is none.
 */
struct json_object *run_to_api(struct json_object *doc);

/* updated_at - started_at, from 0 to RUN_DURATION_MAX seconds. */
int64_t run_duration(const struct run *run);

/* Completed with success, failure, timed_out or startup_failure. */
int run_is_counted(const struct run *run);

/* By started_at, then id: newer is greater. */
int run_cmp(const struct run *a, const struct run *b);

/*
 * Packed rows (ROWS): append one; take the next.  run_pack returns 0 or -1
 * with errno; run_unpack 1, 0 behind the last, -1 with errno EBADMSG.
 * `branch` points into the buffer and is not NUL-terminated there: its
 * length is in `*branch_len`.
 */
#define RUN_PACKED_MAX	(5 * 8 + 4 + 3 + 2 * RUN_WORD_MAX + RUN_BRANCH_MAX)
int run_pack(struct ibuf *buf, const struct run *run);
int run_unpack(struct ibuf *buf, struct run *run, size_t *branch_len);

#endif
