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
 * history.db: every run, the ETags of the looks, and how far each pipeline
 * is known.  Runs in the registry.  Must not be needed: where it fails the
 * registry goes on, and what was lost is read back from GitHub.
 *
 * Changes are put into a transaction that history_commit ends.
 */

#ifndef CCM_REGISTRY_HISTORY_H
#define CCM_REGISTRY_HISTORY_H

#include <stddef.h>
#include <stdint.h>

struct ibuf;
struct json_object;
struct run;

#define HISTORY_FILE	"history.db"
#define HISTORY_SCHEMA	2
/* Rows that history_keep_fresh writes at a time. */
#define HISTORY_SLICE	1000

/*
 * Open HISTORY_FILE in the working directory.  One that is broken, or of a
 * newer schema, is set aside and a new one begun.  Returns 0, or -1 when
 * there can be none now; history_recover tries again.
 */
int history_open(void);

/* Write what is still lazy, and close cleanly. */
void history_close(void);

/* Is the read-back of a pipeline complete? */
int history_known(const char *id);
void history_set_known(const char *id, int known);

/* A look went well; written lazily, by history_keep_fresh. */
void history_fresh(const char *id, int64_t at, uint32_t interval);

/* When that was last.  Returns 0, or -1 if there was none. */
int history_last_look(const char *id, int64_t *at, uint32_t *interval);

/*
 * Put a run in, unless what is there is as new: a greater attempt wins,
 * then a later updated_at, then being completed.  Returns 1 if it went in
 * or could not be stored (the view is told all the same), else 0.
 */
int history_put(const char *id, const struct run *run, const char *doc,
    size_t len);

/*
 * Put in a finished job of a run that is there; of one that is not it goes
 * nowhere.  Times are seconds since the epoch.
 */
struct history_job {
	int64_t		 run_id;
	int32_t		 attempt;
	int64_t		 id;
	const char	*name;
	int64_t		 started_at;
	int64_t		 completed_at;
	const char	*conclusion;
};
void history_put_job(const char *id, const struct history_job *job);

/*
 * The ETag of a URL, and the newest run seen.  One more than `max` of them
 * makes all others be forgotten: they are asked for anew.
 */
void history_looked(const char *url, const char *etag, uint64_t newest,
    int64_t max);

/* 1 while a transaction is open. */
int history_pending(void);

/*
 * End the transaction.  Returns 0, or -1: then nothing of it was stored,
 * and the pipelines whose runs were in it are to be read back: once
 * history_recover succeeds they are not known any more.
 */
int history_commit(void);

/* 1 while something was lost that history_recover is to make good. */
int history_is_behind(void);

/*
 * Try to write again.  Returns 0 and calls `lost` for each pipeline that is
 * now not known, or -1.
 */
int history_recover(void (*lost)(const char *id, void *arg), void *arg);

/*
 * Write last looks, at most HISTORY_SLICE, without fsync: they only make
 * `fetched_at` closer after a restart.  Returns 1 if there are more.
 */
int history_keep_fresh(void);

/*
 * Forget at most `max` finished runs of a pipeline that were created at
 * `before` or earlier, but not what figures need (HISTORY_COUNTED).
 * Returns how many went, or -1 if it can't be done now.
 */
int history_thin(const char *id, int64_t before, int max);

/*
 * --- history_read.c.  Each returns 0 (where nothing else is said), or -1
 * when the database fails.
 */

/* Every look. */
int history_each_look(void (*fn)(const char *url, const char *etag,
    uint64_t newest, void *arg), void *arg);

/*
 * What the view needs of a pipeline, as packed rows: runs created after
 * `since`, the unfinished, the newest HISTORY_COUNTED counted ones and the
 * newest completed one.
 */
#define HISTORY_COUNTED	20
int history_each_row(const char *id, int64_t since,
    void (*fn)(const void *row, size_t len, void *arg), void *arg);

/* The unfinished runs of a pipeline. */
int history_each_open(const char *id, void (*fn)(uint64_t run_id,
    const void *doc, size_t len, void *arg), void *arg);

/* A run as it stands in the history; its texts live until `fn` returns. */
struct history_run {
	int64_t		 run_id;
	int32_t		 attempt;
	const char	*status;
	const char	*conclusion;
	const char	*branch;	/* NULL: none */
	const char	*doc;
	size_t		 len;
};

/* How far runs were read: everything before it is to come. */
struct history_place {
	int64_t		 created_at;
	int64_t		 run_id;
};
#define HISTORY_NEWEST	((struct history_place){ INT64_MAX, INT64_MAX })

/*
 * The runs before `place`, the newest by created_at, then id, first; at
 * most `max`, or until `fn` returns 1.  Moves `place`.  Returns how many
 * were given to `fn`: fewer than `max` are the last ones.
 */
int history_each_run(const char *id, struct history_place *place, int max,
    int (*fn)(const struct history_run *run, void *arg), void *arg);

/* When a run was, and what became of it. */
struct history_time {
	int64_t		 run_id;
	int64_t		 created_at;	/* seconds since the epoch */
	int64_t		 started_at;
	int64_t		 updated_at;
	int32_t		 attempt;
	int		 counted;
	const char	*conclusion;	/* lives until `fn` returns */
};

/*
 * The same the other way: the runs behind `place`, created at `until` at
 * the latest, the oldest first.
 */
int history_each_time(const char *id, struct history_place *place,
    int64_t until, int max,
    int (*fn)(const struct history_time *run, void *arg), void *arg);

/* What former attempts of a run came to, the first one first. */
struct history_attempt {
	int32_t		 attempt;
	int64_t		 started_at;
	int64_t		 updated_at;
	const char	*status;
	const char	*conclusion;
};
int history_each_attempt(const char *id, int64_t run_id,
    void (*fn)(const struct history_attempt *attempt, void *arg), void *arg);

/* The jobs of a run, of all its attempts that are known. */
int history_each_job(const char *id, int64_t run_id,
    void (*fn)(const struct history_job *job, void *arg), void *arg);

/* Bytes in use; -1 if they can't be told.  The file may be larger. */
int64_t history_size(void);

#endif
