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
 * What history.db is told: runs, looks, and how far each pipeline is known.
 * Runs in the registry.  Must not stop the registry when it fails: what a
 * failed transaction held is remembered as lost, and those pipelines are
 * read back from GitHub once it works again.
 */

#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "history.h"
#include "imsg.h"
#include "log.h"
#include "msg.h"
#include "past.h"
#include "run.h"

RB_HEAD(past_tree, past);
TAILQ_HEAD(past_list, past);

static struct {
	struct past_tree tree;
	struct past_list touched;	/* in this transaction */
	struct ibuf	*packed;
	struct past	*fresh_next;	/* where history_keep_fresh goes on */
	int		 begun;
	int		 failed;	/* of this transaction, a statement */
	int		 behind;	/* some are lost */
	int64_t		 looks;		/* -1: not counted yet */
} env = {
	.looks = -1,
	.tree = RB_INITIALIZER(&env.tree),
	.touched = TAILQ_HEAD_INITIALIZER(env.touched),
};

static int	 past_cmp(struct past *, struct past *);
static struct past *past_get(const char *);
static void	 touch(struct past *);
static int	 load(void);
static int	 begin(void);
static void	 put_lost(void);
static int	 put_pipeline(struct past *, int);
static int	 keep_attempt(struct past *, const struct run *);
static int	 put_run(struct past *, const struct run *, const char *,
		    size_t);
static void	 bind_text(sqlite3_stmt *, int, const char *);
static int	 put_look(const char *, const char *, uint64_t, int64_t);
static int	 run_look(enum statement, const char *, const char *,
		    uint64_t);
static int	 count_looks(void);
static void	 settle(int);
static void	 begin_anew(void);
static void	 put_fresh(struct past *);
static int	 begin_lazy(void);
static int	 end_lazy(void);

TREE_GENERATE(past_tree, past, entry, past_cmp)

static int
past_cmp(struct past *a, struct past *b)
{
	return (strcmp(a->id, b->id));
}

int
history_open(void)
{
	int	 fresh;

	if (env.packed == NULL &&
	    (env.packed = ibuf_dynamic(0, RUN_PACKED_MAX)) == NULL)
		fatal("history");
	if (database_open(&fresh) == -1)
		return (-1);
	if (load() == 0)
		return (0);
	database_close();
	return (-1);
}

static int
load(void)
{
	sqlite3_stmt	*stmt = database_get(SQL_PIPELINES);
	struct past	*p;
	const char	*id;
	int		 r, known;

	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		id = (const char *)sqlite3_column_text(stmt, 1);
		if (id == NULL || strlen(id) > MSG_ID_MAX)
			continue;
		known = past_find(id) == NULL;
		p = past_get(id);
		p->key = sqlite3_column_int64(stmt, 0);
		if (!known)
			continue;	/* opened late: memory is newer */
		p->known = sqlite3_column_int(stmt, 2) != 0;
		p->fetched_at = sqlite3_column_int64(stmt, 3);
		p->interval = (uint32_t)sqlite3_column_int64(stmt, 4);
	}
	(void)sqlite3_reset(stmt);
	return (r == SQLITE_DONE ? 0 : -1);
}

void
history_close(void)
{
	struct past	*p;

	if (env.begun)
		(void)history_commit();
	while (history_keep_fresh())
		continue;
	database_close();
	env.looks = -1;
	while ((p = RB_ROOT(&env.tree)) != NULL) {
		RB_REMOVE(past_tree, &env.tree, p);
		free(p);
	}
	ibuf_free(env.packed);
	env.packed = NULL;
	env.behind = 0;
}

struct past *
past_find(const char *id)
{
	struct past	 key;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	return (RB_FIND(past_tree, &env.tree, &key));
}

static struct past *
past_get(const char *id)
{
	struct past	*p = past_find(id);

	if (p != NULL)
		return (p);
	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    strlcpy(p->id, id, sizeof(p->id)) >= sizeof(p->id))
		fatal("history");
	RB_INSERT(past_tree, &env.tree, p);
	return (p);
}

static void
touch(struct past *p)
{
	if (p->touched)
		return;
	p->touched = 1;
	TAILQ_INSERT_TAIL(&env.touched, p, touched_entry);
}

int
history_known(const char *id)
{
	struct past	*p = past_find(id);

	return (p != NULL && p->known);
}

void
history_set_known(const char *id, int known)
{
	struct past	*p = past_get(id);

	p->known = known;
	touch(p);
	/* What was lost is to be read back, whatever was read meanwhile. */
	if (begin() == 0 && put_pipeline(p, known && !p->lost) == -1)
		env.failed = 1;
}

void
history_fresh(const char *id, int64_t at, uint32_t interval)
{
	struct past	*p = past_get(id);

	p->fetched_at = at;
	p->interval = interval;
	p->fresh = 1;
}

int
history_last_look(const char *id, int64_t *at, uint32_t *interval)
{
	struct past	*p = past_find(id);

	if (p == NULL || p->fetched_at == 0)
		return (-1);
	*at = p->fetched_at;
	*interval = p->interval;
	return (0);
}

int
history_put(const char *id, const struct run *run, const char *doc,
    size_t len)
{
	struct past	*p = past_get(id);
	int		 r;

	touch(p);
	if (begin() == -1)
		return (1);
	if (p->key == 0 && put_pipeline(p, p->known && !p->lost) == -1) {
		env.failed = 1;
		return (1);
	}
	if (run->attempt > 1 && keep_attempt(p, run) == -1)
		r = -1;
	else
		r = put_run(p, run, doc, len);
	if (r == -1)
		env.failed = 1;
	return (r != 0);
}

static int
keep_attempt(struct past *p, const struct run *run)
{
	sqlite3_stmt	*stmt = database_get(SQL_ATTEMPT_KEEP);

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 1, p->key);
	sqlite3_bind_int64(stmt, 2, run->id);
	sqlite3_bind_int64(stmt, 3, run->attempt);
	return (database_run(stmt) == SQLITE_DONE ? 0 : -1);
}

void
history_put_job(const char *id, const struct history_job *job)
{
	struct past	*p = past_find(id);
	sqlite3_stmt	*stmt;

	if (p == NULL || p->key == 0 || begin() == -1)
		return;
	touch(p);
	if ((stmt = database_get(SQL_JOB_PUT)) == NULL) {
		env.failed = 1;
		return;
	}
	sqlite3_bind_int64(stmt, 1, p->key);
	sqlite3_bind_int64(stmt, 2, job->run_id);
	sqlite3_bind_int64(stmt, 3, job->attempt);
	sqlite3_bind_int64(stmt, 4, job->id);
	bind_text(stmt, 5, job->name);
	sqlite3_bind_int64(stmt, 6, job->started_at);
	sqlite3_bind_int64(stmt, 7, job->completed_at);
	bind_text(stmt, 8, job->conclusion);
	if (database_run(stmt) != SQLITE_DONE)
		env.failed = 1;
}

static int
put_run(struct past *p, const struct run *run, const char *doc, size_t len)
{
	sqlite3_stmt	*stmt = database_get(SQL_RUN_PUT);

	ibuf_rewind(env.packed);
	(void)ibuf_truncate(env.packed, 0);
	if (stmt == NULL || run_pack(env.packed, run) == -1)
		return (-1);
	sqlite3_bind_int64(stmt, 1, p->key);
	sqlite3_bind_int64(stmt, 2, run->id);
	sqlite3_bind_int64(stmt, 3, run->attempt);
	sqlite3_bind_int64(stmt, 4, run->created_at);
	sqlite3_bind_int64(stmt, 5, run->started_at);
	sqlite3_bind_int64(stmt, 6, run->updated_at);
	sqlite3_bind_int(stmt, 7, run->status == RUN_COMPLETED);
	sqlite3_bind_int(stmt, 8, run_is_counted(run));
	bind_text(stmt, 9, run->status_text);
	bind_text(stmt, 10, run->conclusion_text);
	if (run->branch != NULL)
		bind_text(stmt, 11, run->branch);
	sqlite3_bind_blob(stmt, 12, ibuf_data(env.packed),
	    (int)ibuf_size(env.packed), SQLITE_STATIC);
	sqlite3_bind_text(stmt, 13, doc, (int)len, SQLITE_STATIC);
	if (database_run(stmt) != SQLITE_DONE)
		return (-1);
	return (database_changes() > 0);
}

static void
bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	(void)sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

static int
put_pipeline(struct past *p, int known)
{
	sqlite3_stmt	*stmt = database_get(SQL_PIPELINE_PUT);
	int64_t		 key;

	if (stmt == NULL)
		return (-1);
	bind_text(stmt, 1, p->id);
	sqlite3_bind_int(stmt, 2, known);
	if (sqlite3_step(stmt) != SQLITE_ROW) {
		(void)database_run(stmt);
		return (-1);
	}
	key = sqlite3_column_int64(stmt, 0);
	if (database_run(stmt) != SQLITE_DONE)
		return (-1);
	p->key_new = p->key_new || p->key == 0;
	p->key = key;
	return (0);
}

void
history_looked(const char *url, const char *etag, uint64_t newest,
    int64_t max)
{
	if (begin() == 0 && put_look(url, etag, newest, max) == -1)
		env.failed = 1;
}

static int
put_look(const char *url, const char *etag, uint64_t newest, int64_t max)
{
	if (run_look(SQL_LOOK_SET, url, etag, newest) == -1)
		return (-1);
	if (database_changes() > 0)
		return (0);
	if (env.looks == -1 && count_looks() == -1)
		return (-1);
	if (env.looks >= max) {
		log_warn("history: %lld looks are too many: forgotten",
		    (long long)env.looks);
		if (database_run(database_get(SQL_LOOKS_FORGET)) !=
		    SQLITE_DONE)
			return (-1);
		env.looks = 0;
	}
	env.looks++;
	return (run_look(SQL_LOOK_PUT, url, etag, newest));
}

static int
count_looks(void)
{
	sqlite3_stmt	*stmt = database_get(SQL_LOOK_COUNT);

	if (stmt == NULL || sqlite3_step(stmt) != SQLITE_ROW)
		return (-1);
	env.looks = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return (0);
}

static int
run_look(enum statement which, const char *url, const char *etag,
    uint64_t newest)
{
	sqlite3_stmt	*stmt = database_get(which);

	if (stmt == NULL)
		return (-1);
	bind_text(stmt, 1, url);
	bind_text(stmt, 2, etag);
	sqlite3_bind_int64(stmt, 3, newest > INT64_MAX ? 0 :
	    (int64_t)newest);
	return (database_run(stmt) == SQLITE_DONE ? 0 : -1);
}

/* With the first change, and with what was lost before it. */
static int
begin(void)
{
	if (env.failed)
		return (-1);
	if (env.begun)
		return (0);
	env.begun = 1;
	if (database_run(database_get(SQL_BEGIN)) != SQLITE_DONE)
		env.failed = 1;
	else if (env.behind)
		put_lost();
	return (env.failed ? -1 : 0);
}

/*
 * An ETag must not outlive the rows that it stands for: no transaction
 * follows a failed one without saying what is to be read back.
 */
static void
put_lost(void)
{
	struct past	*p;

	RB_FOREACH(p, past_tree, &env.tree) {
		if (!p->lost || p->lost_noted)
			continue;
		touch(p);
		p->lost_noted = 1;
		if (put_pipeline(p, 0) == -1) {
			env.failed = 1;
			return;
		}
	}
}

int
history_pending(void)
{
	return (env.begun);
}

int
history_commit(void)
{
	int	 failed;

	if (!env.begun)
		return (0);
	if (!env.failed &&
	    database_run(database_get(SQL_COMMIT)) != SQLITE_DONE)
		env.failed = 1;
	failed = env.failed;
	/* SQLite may have rolled back by itself. */
	if (failed && database_in_transaction())
		(void)database_run(database_get(SQL_ROLLBACK));
	env.begun = env.failed = 0;
	settle(failed);
	if (failed && database_is_damaged())
		begin_anew();
	return (failed ? -1 : 0);
}

static void
settle(int failed)
{
	struct past	*p;

	if (failed)
		env.looks = -1;
	while ((p = TAILQ_FIRST(&env.touched)) != NULL) {
		TAILQ_REMOVE(&env.touched, p, touched_entry);
		p->touched = 0;
		if (failed) {
			if (p->key_new)
				p->key = 0;
			p->lost = 1;
			p->lost_noted = 0;
			env.behind = 1;
		}
		p->key_new = 0;
	}
}

/* The file itself is broken: all there is to know is read back. */
static void
begin_anew(void)
{
	struct past	*p;

	if (database_begin_anew() == -1)
		return;
	RB_FOREACH(p, past_tree, &env.tree) {
		p->key = 0;
		p->lost = 1;
		p->lost_noted = 0;
		p->fresh = p->fetched_at != 0;
	}
	env.behind = 1;
}

int
history_is_behind(void)
{
	return (env.behind || !database_is_open());
}

int
history_recover(void (*lost)(const char *, void *), void *arg)
{
	struct past	*p;

	if (!database_is_open() && history_open() == -1)
		return (-1);
	if (!env.behind)
		return (0);
	if (begin() == -1 || history_commit() == -1) {
		(void)history_commit();
		return (-1);
	}
	env.behind = 0;
	RB_FOREACH(p, past_tree, &env.tree) {
		if (!p->lost)
			continue;
		p->lost = p->lost_noted = 0;
		p->known = 0;
		lost(p->id, arg);
	}
	return (0);
}

int
history_keep_fresh(void)
{
	struct past	*p, *next;
	int		 n = 0;

	if (begin_lazy() == -1)
		return (0);
	for (p = RB_MIN(past_tree, &env.tree); p != NULL && n < HISTORY_SLICE;
	    p = next) {
		next = RB_NEXT(past_tree, &env.tree, p);
		if (p->fresh && p->key != 0) {
			put_fresh(p);
			n++;
		}
	}
	(void)end_lazy();
	return (n == HISTORY_SLICE);
}

/* A transaction of its own that no fsync follows: it may be lost. */
static int
begin_lazy(void)
{
	if (env.begun || !database_is_open())
		return (-1);
	database_set_durable(0);
	if (database_run(database_get(SQL_BEGIN)) == SQLITE_DONE)
		return (0);
	database_set_durable(1);
	return (-1);
}

static int
end_lazy(void)
{
	int	 r = database_run(database_get(SQL_COMMIT));

	if (r != SQLITE_DONE && database_in_transaction())
		(void)database_run(database_get(SQL_ROLLBACK));
	database_set_durable(1);
	return (r == SQLITE_DONE ? 0 : -1);
}

int
history_thin(const char *id, int64_t before, int max)
{
	struct past	*p = past_find(id);
	sqlite3_stmt	*stmt;
	int		 n;

	if (p == NULL || p->key == 0)
		return (0);
	if (begin_lazy() == -1)
		return (-1);
	if ((stmt = database_get(SQL_THIN)) == NULL) {
		(void)end_lazy();
		return (-1);
	}
	sqlite3_bind_int64(stmt, 1, p->key);
	sqlite3_bind_int64(stmt, 2, before);
	sqlite3_bind_int(stmt, 3, HISTORY_COUNTED);
	sqlite3_bind_int(stmt, 4, max);
	n = database_run(stmt) == SQLITE_DONE ? database_changes() : -1;
	return (end_lazy() == -1 ? -1 : n);
}

static void
put_fresh(struct past *p)
{
	sqlite3_stmt	*stmt = database_get(SQL_PIPELINE_FRESH);

	p->fresh = 0;
	if (stmt == NULL)
		return;
	sqlite3_bind_int64(stmt, 1, p->key);
	sqlite3_bind_int64(stmt, 2, p->fetched_at);
	sqlite3_bind_int64(stmt, 3, p->interval);
	(void)database_run(stmt);
}
