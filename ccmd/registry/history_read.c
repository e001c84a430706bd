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
 * What history.db is asked.  Runs in the registry.  Must not change
 * anything.
 */

#include "config.h"

#include <string.h>

#include "database.h"
#include "history.h"
#include "log.h"
#include "past.h"

static sqlite3_stmt *statement_of(enum statement, const char *);
static int	 finish(sqlite3_stmt *, int);
static const char *text_of(sqlite3_stmt *, int);

/* A pipeline that the history does not know has no rows, and key 0. */
static sqlite3_stmt *
statement_of(enum statement which, const char *id)
{
	sqlite3_stmt	*stmt = database_get(which);
	struct past	*p = past_find(id);

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, p == NULL ? 0 : p->key);
	return (stmt);
}

static int
finish(sqlite3_stmt *stmt, int r)
{
	if (r != SQLITE_DONE)
		log_warn("%s: read: %s", HISTORY_FILE, sqlite3_errstr(r));
	(void)sqlite3_reset(stmt);
	return (r == SQLITE_DONE ? 0 : -1);
}

int
history_each_look(void (*fn)(const char *, const char *, uint64_t, void *),
    void *arg)
{
	sqlite3_stmt	*stmt = database_get(SQL_LOOKS);
	const char	*url, *etag;
	int		 r;

	if (stmt == NULL)
		return (-1);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		url = (const char *)sqlite3_column_text(stmt, 0);
		etag = (const char *)sqlite3_column_text(stmt, 1);
		if (url != NULL && etag != NULL)
			fn(url, etag,
			    (uint64_t)sqlite3_column_int64(stmt, 2), arg);
	}
	return (finish(stmt, r));
}

int
history_each_row(const char *id, int64_t since,
    void (*fn)(const void *, size_t, void *), void *arg)
{
	sqlite3_stmt	*stmt = statement_of(SQL_ROWS, id);
	const void	*row;
	int		 r;

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 2, since);
	sqlite3_bind_int(stmt, 3, HISTORY_COUNTED);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
		if ((row = sqlite3_column_blob(stmt, 0)) != NULL)
			fn(row, (size_t)sqlite3_column_bytes(stmt, 0), arg);
	return (finish(stmt, r));
}

int
history_each_open(const char *id,
    void (*fn)(uint64_t, const void *, size_t, void *), void *arg)
{
	sqlite3_stmt	*stmt = statement_of(SQL_OPEN, id);
	const void	*doc;
	int		 r;

	if (stmt == NULL)
		return (-1);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
		if ((doc = sqlite3_column_text(stmt, 1)) != NULL)
			fn((uint64_t)sqlite3_column_int64(stmt, 0), doc,
			    (size_t)sqlite3_column_bytes(stmt, 1), arg);
	return (finish(stmt, r));
}

int
history_each_run(const char *id, struct history_place *place, int max,
    int (*fn)(const struct history_run *, void *), void *arg)
{
	sqlite3_stmt		*stmt = statement_of(SQL_RUNS, id);
	struct history_run	 run;
	int			 r, n = 0, enough = 0;

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 2, place->created_at);
	sqlite3_bind_int64(stmt, 3, place->run_id);
	sqlite3_bind_int(stmt, 4, max);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW && !enough) {
		place->created_at = sqlite3_column_int64(stmt, 0);
		place->run_id = sqlite3_column_int64(stmt, 1);
		run.run_id = place->run_id;
		run.attempt = (int32_t)sqlite3_column_int64(stmt, 6);
		run.status = text_of(stmt, 2);
		run.conclusion = text_of(stmt, 3);
		run.branch = (const char *)sqlite3_column_text(stmt, 4);
		run.doc = text_of(stmt, 5);
		run.len = (size_t)sqlite3_column_bytes(stmt, 5);
		enough = fn(&run, arg);
		n++;
	}
	return (finish(stmt, enough ? SQLITE_DONE : r) == -1 ? -1 : n);
}

int
history_each_time(const char *id, struct history_place *place, int64_t until,
    int max, int (*fn)(const struct history_time *, void *), void *arg)
{
	sqlite3_stmt		*stmt = statement_of(SQL_TIMES, id);
	struct history_time	 run;
	int			 r, n = 0, enough = 0;

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 2, place->created_at);
	sqlite3_bind_int64(stmt, 3, place->run_id);
	sqlite3_bind_int64(stmt, 4, until);
	sqlite3_bind_int(stmt, 5, max);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW && !enough) {
		run.created_at = sqlite3_column_int64(stmt, 0);
		run.started_at = sqlite3_column_int64(stmt, 2);
		run.updated_at = sqlite3_column_int64(stmt, 3);
		run.attempt = (int32_t)sqlite3_column_int64(stmt, 4);
		run.counted = sqlite3_column_int(stmt, 5);
		run.conclusion = text_of(stmt, 6);
		run.run_id = sqlite3_column_int64(stmt, 1);
		place->created_at = run.created_at;
		place->run_id = run.run_id;
		enough = fn(&run, arg);
		n++;
	}
	return (finish(stmt, enough ? SQLITE_DONE : r) == -1 ? -1 : n);
}

int
history_each_attempt(const char *id, int64_t run_id,
    void (*fn)(const struct history_attempt *, void *), void *arg)
{
	sqlite3_stmt		*stmt = statement_of(SQL_ATTEMPTS, id);
	struct history_attempt	 a;
	int			 r;

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 2, run_id);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		a.attempt = (int32_t)sqlite3_column_int64(stmt, 0);
		a.started_at = sqlite3_column_int64(stmt, 1);
		a.updated_at = sqlite3_column_int64(stmt, 2);
		a.status = text_of(stmt, 3);
		a.conclusion = text_of(stmt, 4);
		fn(&a, arg);
	}
	return (finish(stmt, r));
}

int
history_each_job(const char *id, int64_t run_id,
    void (*fn)(const struct history_job *, void *), void *arg)
{
	sqlite3_stmt		*stmt = statement_of(SQL_JOBS, id);
	struct history_job	 job = { .run_id = run_id };
	int			 r;

	if (stmt == NULL)
		return (-1);
	sqlite3_bind_int64(stmt, 2, run_id);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		job.attempt = (int32_t)sqlite3_column_int64(stmt, 0);
		job.id = sqlite3_column_int64(stmt, 1);
		job.name = text_of(stmt, 2);
		job.started_at = sqlite3_column_int64(stmt, 3);
		job.completed_at = sqlite3_column_int64(stmt, 4);
		job.conclusion = text_of(stmt, 5);
		fn(&job, arg);
	}
	return (finish(stmt, r));
}

int64_t
history_size(void)
{
	sqlite3_stmt	*stmt = database_get(SQL_SIZE);
	int64_t		 size = -1;

	if (stmt == NULL)
		return (-1);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		size = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return (size);
}

/* Never NULL. */
static const char *
text_of(sqlite3_stmt *stmt, int column)
{
	const void	*text = sqlite3_column_text(stmt, column);

	return (text == NULL ? "" : text);
}
