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
 * Pipelines and the repositories that they are in, as the poller knows
 * them, and the looks at GitHub.  Runs in the poller.
 *
 *	pipelines.c	which pipelines there are, from the registry
 *	watch.c		repositories: who is watched, what a look says of it
 *	lane.c		when to look, a schedule for each credential
 *	look.c		one look: has something changed, and what
 *	check.c		is its workflow still there
 *	etags.c		what a former poller asked with
 *	readback.c	a new pipeline's past
 *
 * Looking (has something changed?) and fetching (what?) are apart, so that
 * a cheaper way of looking can be added.
 */

#ifndef CCM_POLLER_WATCH_H
#define CCM_POLLER_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <sys/queue.h>

#include "github.h"
#include "msg.h"
#include "pipeline.h"
#include "schedule.h"
#include "tree.h"

struct event_base;
struct gh_call;
struct github;
struct json_object;
struct look;
struct readback;
struct resolving;
struct run;

#define REPOSITORY_MAX	256	/* owner/name */

/* Read back at provisioning until that much is covered (contract.md). */
#define READBACK_SECONDS	(8 * 86400)
#define READBACK_RUNS		1000

/* Why a pipeline that is new has no figures yet, for people. */
#define WATCH_UNREAD	"to be read back: that leaves most of GitHub's limit " \
	"an hour to what is watched"

/* Of a pipeline's newest runs, what they looked like when last seen. */
#define SEEN_MAX	100

enum pipeline_state {
	PIPELINE_ACTIVE,
	PIPELINE_INACTIVE,
	PIPELINE_ERROR
};

struct seen {
	int64_t		 id;
	int64_t		 updated_at;
	int32_t		 attempt;
	uint8_t		 status;
	uint8_t		 conclusion;
};

/* An unfinished run, followed until GitHub says that it is completed. */
struct tracked {
	RB_ENTRY(tracked) entry;
	int64_t		 id;
	struct json_object *doc;	/* as last seen */
	char		*etag;		/* of its own URL, or NULL */
	uint64_t	 round;		/* the look that dealt with it */
	int		 on_page;	/* of the list, when last seen */
};
RB_HEAD(tracked_tree, tracked);

struct pipeline {
	RB_ENTRY(pipeline) entry;
	TAILQ_ENTRY(pipeline) sibling;	/* of the same repository */
	char		 id[MSG_ID_MAX + 1];
	enum pipeline_state state;
	int		 known;		/* its read-back is complete */
	int64_t		 workflow_id;	/* 0: not yet looked up */
	int64_t		 repository_id;	/* 0: not yet looked up */
	char		 name[REPOSITORY_MAX + 1];
	char		 workflow_file[256];
	char		*branch;	/* it triggers on, NULL: not known */
	char		*default_branch;	/* or NULL */
	char		*error;		/* NULL: none */
	struct json_object *teardown;	/* the document's, or NULL */
	struct json_object *cancelling;	/* the same: an array */
	struct repository *repository;	/* NULL: not watched */
	struct seen	*seen;		/* sorted by id */
	size_t		 nseen;
	size_t		 seen_size;
	struct tracked_tree tracked;
	size_t		 ntracked;
	uint32_t	 told_stale;	/* the reason's hash, 0: fresh */
	struct resolving *resolving;	/* its ids are being looked up */
	int64_t		 check_at;	/* its workflow, monotonic ms */
	char		*check_etag;	/* of that, or NULL */
	int		 gone;		/* its workflow is, on GitHub */
};

struct repository {
	RB_ENTRY(repository) entry;
	struct due	 due;
	struct github	*gh;
	char		 name[REPOSITORY_MAX + 1];	/* owner/name */
	char		 etag[256];
	uint64_t	 newest;	/* newest run id of a complete look */
	uint64_t	 round;
	int64_t		 looked_at;	/* with success, seconds; 0: never */
	int64_t		 asked_until;	/* monotonic milliseconds */
	uint32_t	 failures;	/* looks in a row */
	int		 again;		/* wanted once more after this look */
	struct look	*look;		/* under way, or NULL */
	TAILQ_HEAD(, pipeline) pipelines;
	TAILQ_HEAD(, waiter) waiters;	/* for the end of the look */
};

/* Somebody who waits for a look: fresh=1. */
struct waiter {
	TAILQ_ENTRY(waiter) entry;
	int		 next;		/* not for this look, the next */
	/* NULL: it went well; else why not. */
	void		(*done)(struct waiter *, const char *why);
};

/* --- pipelines.c */

/*
 * Take in a document as the registry sent it.  Returns the pipeline, or
 * NULL with a line in the log if it is not one.
 */
struct pipeline *pipelines_put(const void *doc, size_t len, int known);
struct pipeline *pipelines_find(const char *id);
/* The registry has it no more. */
void pipelines_gone(struct pipeline *p);
struct pipeline *pipelines_next(struct pipeline *after);

/* One of that GitHub, not inactive, with those numbers, or NULL. */
struct pipeline *pipelines_provisioned(struct github *gh,
    int64_t repository_id, int64_t workflow_id);

/* Remember what a run looks like now; 0 if it looked just so before. */
int pipeline_saw(struct pipeline *p, const struct run *run,
    struct json_object *doc, uint64_t round);
struct tracked *pipeline_find_tracked(struct pipeline *p, int64_t id);
struct tracked *pipeline_track(struct pipeline *p, int64_t id,
    struct json_object *doc);
void pipeline_untrack(struct pipeline *p, struct tracked *t);
struct tracked *pipeline_next_tracked(struct pipeline *p,
    struct tracked *after);

/* The greatest run id seen so far, 0: none; of its newest SEEN_MAX. */
int64_t pipeline_newest(const struct pipeline *p);

/* --- watch.c */

int watch_init(struct event_base *base);
void watch_set_intervals(uint32_t active, uint32_t idle, uint32_t max);

/* A pipeline is new or changed: look at its repository, or no longer. */
void watch_pipeline(struct pipeline *p);

void watch_start(void);
/* The configuration is another one now. */
void watch_reload(void);

/* How often the repositories of a GitHub are looked at, for people. */
enum look_outcome {
	LOOK_CHANGED,			/* the list was another one */
	LOOK_UNCHANGED,
	LOOK_FAILED,
	LOOK_OUTCOMES
};
struct watch_figures {
	uint32_t	 repositories;
	uint32_t	 active;
	uint32_t	 interval_active;	/* seconds */
	uint32_t	 interval_idle;
	uint32_t	 stretch;	/* thousandths of the idle interval */
	const char	*why;		/* it is stretched, or NULL */
	uint64_t	 looks[LOOK_OUTCOMES];	/* since the start */
};
void watch_figures(const struct github *gh, struct watch_figures *f);

/* Look now; `w` is the caller's until it is called. */
void watch_now(struct pipeline *p, struct waiter *w);
void watch_forget(struct repository *r, struct waiter *w);

/* Something was done to it: look now, and often for a while. */
void watch_asked(struct pipeline *p);

/* A pause keeps a look waiting; intervals have grown (lane.c). */
void watch_throttled(struct repository *r, const char *why);
void watch_stretched(const struct github *gh);

/* Interval for the pipelines of a repository now, in seconds. */
uint32_t watch_interval(const struct repository *r);

/* The end of a look (look.c): all is well, or `why` and what it means. */
enum look_end {
	LOOK_FRESH,
	LOOK_STALE,		/* for now */
	LOOK_ERROR		/* until something changes */
};
struct look_result {
	enum look_end	 end;
	int		 changed;	/* the list was not a 304 */
	const char	*why;		/* NULL: fresh */
	int64_t		 wait;		/* seconds, 0: not said */
	int		 requests;	/* -1: not what a look costs */
	int		 charged;	/* of them, those of the hour */
};
void watch_looked(struct repository *r, const struct look_result *result);
void watch_moved(struct repository *r);

/* What a look or a look-up says of one pipeline, told when it is news. */
void watch_stale(struct pipeline *p, const char *why);
void watch_error(struct pipeline *p, const char *why);

/* --- etags.c */

/* From the registry, before watch_start: an ETag of former times. */
void etags_keep(const char *url, const char *etag, uint64_t newest);

/* Take such a one back: the ETag, the caller's to free; NULL: none. */
char *etags_take(const char *url, uint64_t *newest);

/* --- look.c */

/* Begin; watch_looked is called at its end.  Returns 0, or -1. */
int look_start(struct repository *r);
void look_cancel(struct look *look);
/* "owner/name" to the path of its list of runs. */
int look_path(const struct repository *r, char *path, size_t size);

/* --- check.c */

/* Has it to be asked now whether the workflow is there? */
int check_due(const struct pipeline *p, int urgent);
/* Ask; `done` is called with the look's argument. NULL: out of memory. */
struct gh_call *check_start(struct pipeline *p, gh_done done, void *arg);
/* Take the answer in: 0, or -1 if it is none. */
int check_take(struct pipeline *p, const struct gh_reply *r);
/* A pipeline is new here: its first check is within the hour. */
void check_init(struct pipeline *p);

/* --- readback.c */

/* `why` NULL: complete. */
typedef void (*readback_done)(struct pipeline *p, const char *why,
    int64_t wait, void *arg);
struct readback *readback_start(struct pipeline *p, readback_done done,
    void *arg);
void readback_cancel(struct readback *rb);

#endif
