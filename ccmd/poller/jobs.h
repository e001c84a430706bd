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
 * The jobs of a run: as GitHub has them, page by page, as documents; and for
 * the history those of runs that ended.  Runs in the poller.
 *
 * https://docs.github.com/en/rest/actions/workflow-jobs
 *
 * The job document: {"job_id", "name", "status", "conclusion", "started_at",
 * "completed_at", "duration_seconds", "runner", "html_url", "steps":
 * [{"number", "name", "status", "conclusion", "started_at", "completed_at",
 * "duration_seconds"}]}; what GitHub left out is null.
 */

#ifndef CCM_POLLER_JOBS_H
#define CCM_POLLER_JOBS_H

#include <stdint.h>

struct gh_reply;
struct github;
struct job_list;
struct json_object;
struct pipeline;
struct run;

/* Of a run, and of a job; text of each, bytes. */
#define JOBS_MAX	500
#define JOB_STEPS_MAX	200
#define JOB_TEXT_MAX	256

/* For the history: runs whose jobs are still to be asked for. */
#define JOBS_QUEUE_MAX	256

/*
 * `jobs` is an array of documents, good until it returns; NULL: `r` says why
 * not.
 */
typedef void (*jobs_done)(struct json_object *jobs, const struct gh_reply *r,
    void *arg);

/*
 * Ask for the jobs of an attempt of a run (0: the latest); `priority` and
 * `deadline` as in github_call.  `done` is called once, later.  Returns NULL
 * with errno ENOMEM.
 */
struct job_list *jobs_ask(struct github *gh, struct pipeline *p, int64_t run,
    int64_t attempt, int priority, int64_t deadline, jobs_done done,
    void *arg);
void jobs_cancel(struct job_list *l);

/*
 * A run of a pipeline was seen completed: its jobs are asked for when
 * nothing else is to be done, unless the budget is short.
 */
void jobs_wanted(struct pipeline *p, const struct run *run);

#endif
