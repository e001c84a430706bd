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
 * SQLite: opening history.db, setting a broken one aside, the prepared
 * statements.  Runs in the registry.  Must not know what the rows
 * are for.
 *
 * synchronous is FULL: an ETag is committed with, or after, the runs that
 * it stands for, and a commit that is reported has reached the disk.  The
 * locking mode is EXCLUSIVE: nobody else may change the history under us,
 * and SQLite then needs no shared memory.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "database.h"
#include "history.h"
#include "log.h"
#include "schema.h"
#include "timestamp.h"

static struct {
	sqlite3		*db;
	sqlite3_stmt	*stmts[SQL_MAX];
	int		 damaged;
} env;

static const char *const sql[SQL_MAX] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PIPELINES] =
	    "SELECT key, pipeline_id, known, fetched_at, interval"
	    " FROM pipelines",
	[SQL_PIPELINE_PUT] =
	    "INSERT INTO pipelines (pipeline_id, known) VALUES (?1, ?2)"
	    " ON CONFLICT (pipeline_id) DO UPDATE SET known = ?2"
	    " RETURNING key",
	[SQL_PIPELINE_FRESH] =
	    "UPDATE pipelines SET fetched_at = ?2, interval = ?3"
	    " WHERE key = ?1",
	/* What a former attempt came to, before a later one overwrites it. */
	[SQL_ATTEMPT_KEEP] =
	    "INSERT OR REPLACE INTO attempts"
	    " SELECT key, attempt, started_at, updated_at, status,"
	    "  conclusion FROM runs"
	    " WHERE pipeline = ?1 AND run_id = ?2 AND attempt < ?3",
	[SQL_JOB_PUT] =
	    "INSERT OR REPLACE INTO jobs (run, attempt, job_id, name,"
	    "  started_at, completed_at, conclusion)"
	    " SELECT key, ?3, ?4, ?5, ?6, ?7, ?8 FROM runs"
	    " WHERE pipeline = ?1 AND run_id = ?2",
	/* An older answer never overwrites a newer one. */
	[SQL_RUN_PUT] =
	    "INSERT INTO runs (pipeline, run_id, attempt, created_at,"
	    "  started_at, updated_at, finished, counted, status,"
	    "  conclusion, branch, packed, doc)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
	    "  ?13)"
	    " ON CONFLICT (pipeline, run_id) DO UPDATE SET"
	    "  attempt = ?3, created_at = ?4, started_at = ?5,"
	    "  updated_at = ?6, finished = ?7, counted = ?8, status = ?9,"
	    "  conclusion = ?10, branch = ?11, packed = ?12, doc = ?13"
	    " WHERE ?3 > attempt OR (?3 = attempt AND (?6 > updated_at OR"
	    "  (?6 = updated_at AND ?7 >= finished AND"
	    "   (?9 <> status OR ?10 <> conclusion)) OR"
	    "  (?6 < updated_at AND ?7 > finished)))",
	[SQL_LOOK_SET] =
	    "UPDATE looks SET etag = ?2, newest = ?3 WHERE url = ?1",
	[SQL_LOOK_PUT] =
	    "INSERT INTO looks (url, etag, newest) VALUES (?1, ?2, ?3)",
	[SQL_LOOK_COUNT] = "SELECT count(*) FROM looks",
	[SQL_LOOKS_FORGET] = "DELETE FROM looks",
	[SQL_LOOKS] = "SELECT url, etag, newest FROM looks",
	[SQL_ROWS] =
	    "SELECT packed FROM runs WHERE key IN ("
	    " SELECT key FROM runs WHERE pipeline = ?1 AND created_at > ?2"
	    " UNION SELECT key FROM runs"
	    "  WHERE pipeline = ?1 AND finished = 0"
	    " UNION SELECT key FROM (SELECT key FROM runs"
	    "  WHERE pipeline = ?1 AND finished = 1 AND counted = 1"
	    "  ORDER BY started_at DESC, run_id DESC LIMIT ?3)"
	    " UNION SELECT key FROM (SELECT key FROM runs"
	    "  WHERE pipeline = ?1 AND finished = 1"
	    "  ORDER BY started_at DESC, run_id DESC LIMIT 1))",
	[SQL_OPEN] =
	    "SELECT run_id, doc FROM runs"
	    " WHERE pipeline = ?1 AND finished = 0 ORDER BY run_id",
	[SQL_RUNS] =
	    "SELECT created_at, run_id, status, conclusion, branch, doc,"
	    "  attempt"
	    " FROM runs WHERE pipeline = ?1"
	    " AND (created_at, run_id) < (?2, ?3)"
	    " ORDER BY created_at DESC, run_id DESC LIMIT ?4",
	[SQL_TIMES] =
	    "SELECT created_at, run_id, started_at, updated_at, attempt,"
	    "  counted, conclusion"
	    " FROM runs WHERE pipeline = ?1"
	    " AND (created_at, run_id) > (?2, ?3) AND created_at <= ?4"
	    " ORDER BY created_at, run_id LIMIT ?5",
	[SQL_ATTEMPTS] =
	    "SELECT a.attempt, a.started_at, a.updated_at, a.status,"
	    "  a.conclusion FROM attempts a JOIN runs r ON r.key = a.run"
	    " WHERE r.pipeline = ?1 AND r.run_id = ?2 ORDER BY a.attempt",
	[SQL_JOBS] =
	    "SELECT j.attempt, j.job_id, j.name, j.started_at,"
	    "  j.completed_at, j.conclusion"
	    " FROM jobs j JOIN runs r ON r.key = j.run"
	    " WHERE r.pipeline = ?1 AND r.run_id = ?2"
	    " ORDER BY j.attempt, j.started_at, j.job_id",
	/*
	 * What figures need stays however old it is: the unfinished, the
	 * newest counted ones and the newest completed one.
	 */
	[SQL_THIN] =
	    "DELETE FROM runs WHERE key IN ("
	    " SELECT key FROM runs"
	    " WHERE pipeline = ?1 AND created_at <= ?2 AND finished = 1"
	    " AND key NOT IN (SELECT key FROM runs"
	    "  WHERE pipeline = ?1 AND finished = 1 AND counted = 1"
	    "  ORDER BY started_at DESC, run_id DESC LIMIT ?3)"
	    " AND key NOT IN (SELECT key FROM runs"
	    "  WHERE pipeline = ?1 AND finished = 1"
	    "  ORDER BY started_at DESC, run_id DESC LIMIT 1)"
	    " LIMIT ?4)",
	[SQL_SIZE] =
	    "SELECT (page_count - freelist_count) * page_size"
	    " FROM pragma_page_count, pragma_freelist_count,"
	    "  pragma_page_size",
};

static int	 open_file(void);
static int	 check_file(void);
static int	 make_schema(int *);
static int	 prepare(void);
static int	 set_aside(void);
static int	 query_text(const char *, char *, size_t);
static int	 complain(const char *);

int
database_open(int *fresh)
{
	*fresh = 0;
	env.damaged = 0;
	if (open_file() == 0 && check_file() == 0 &&
	    make_schema(fresh) == 0 && prepare() == 0)
		return (0);
	/* Full, unreadable, busy: it is not the file's fault. */
	if (!env.damaged) {
		database_close();
		return (-1);
	}
	*fresh = 1;
	return (database_begin_anew());
}

int
database_begin_anew(void)
{
	int	 fresh;

	database_close();
	if (set_aside() == -1)
		return (-1);
	env.damaged = 0;
	if (open_file() == 0 && make_schema(&fresh) == 0 && prepare() == 0)
		return (0);
	database_close();
	return (-1);
}

static int
open_file(void)
{
	static const char	 pragmas[] =
	    "PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA journal_size_limit = 16777216;"
	    "PRAGMA cache_size = -16384;";

	if (sqlite3_open_v2(HISTORY_FILE, &env.db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL) != SQLITE_OK)
		return (complain("open"));
	(void)sqlite3_extended_result_codes(env.db, 1);
	(void)sqlite3_db_config(env.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sqlite3_exec(env.db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return (complain("open"));
	return (0);
}

static int
check_file(void)
{
	char	 answer[256];

	if (query_text("PRAGMA quick_check(1)", answer, sizeof(answer)) == -1)
		return (-1);
	if (strcmp(answer, "ok") == 0)
		return (0);
	log_warn("%s: %s", HISTORY_FILE, log_visible(answer));
	env.damaged = 1;
	return (-1);
}

static int
make_schema(int *fresh)
{
	switch (schema_make(env.db, fresh)) {
	case SCHEMA_OK:
		return (0);
	case SCHEMA_ALIEN:
		env.damaged = 1;
		return (-1);
	case SCHEMA_FAILED:
		break;
	}
	return (complain("schema"));
}

static int
prepare(void)
{
	int	 i;

	for (i = 0; i < SQL_MAX; i++)
		if (sqlite3_prepare_v3(env.db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &env.stmts[i], NULL) !=
		    SQLITE_OK) {
			/* The version says that our tables are there. */
			if (sqlite3_errcode(env.db) == SQLITE_ERROR)
				env.damaged = 1;
			return (complain("prepare"));
		}
	return (0);
}

/* The WAL goes with it: whoever repairs it needs both. */
static int
set_aside(void)
{
	char	 stamp[TIMESTAMP_FILE_SIZE], to[128], wal[160];
	int	 n;

	(void)timestamp_file(time(NULL), stamp);
	n = snprintf(to, sizeof(to), "%s.broken-%s", HISTORY_FILE, stamp);
	if (n < 0 || (size_t)n >= sizeof(to))
		return (-1);
	n = snprintf(wal, sizeof(wal), "%s-wal", to);
	if (n < 0 || (size_t)n >= sizeof(wal))
		return (-1);
	if ((rename(HISTORY_FILE "-wal", wal) == -1 && errno != ENOENT) ||
	    rename(HISTORY_FILE, to) == -1) {
		log_err("%s: can't be set aside: %s", HISTORY_FILE,
		    strerror(errno));
		return (-1);
	}
	(void)unlink(HISTORY_FILE "-shm");
	log_warn("%s is broken: set aside as %s; it is read back from GitHub",
	    HISTORY_FILE, to);
	return (0);
}

void
database_close(void)
{
	int	 i;

	for (i = 0; i < SQL_MAX; i++) {
		(void)sqlite3_finalize(env.stmts[i]);
		env.stmts[i] = NULL;
	}
	if (env.db != NULL && sqlite3_close(env.db) != SQLITE_OK)
		log_warn("%s: not closed", HISTORY_FILE);
	env.db = NULL;
}

int
database_is_open(void)
{
	return (env.db != NULL);
}

sqlite3_stmt *
database_get(enum statement which)
{
	sqlite3_stmt	*stmt = env.stmts[which];

	if (stmt == NULL)
		return (NULL);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return (stmt);
}

int
database_run(sqlite3_stmt *stmt)
{
	int	 r;

	if (stmt == NULL)
		return (SQLITE_MISUSE);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
		continue;
	if (r != SQLITE_DONE)
		(void)complain("write");
	(void)sqlite3_reset(stmt);
	return (r);
}

int
database_is_damaged(void)
{
	return (env.damaged);
}

int
database_in_transaction(void)
{
	return (env.db != NULL && !sqlite3_get_autocommit(env.db));
}

int
database_changes(void)
{
	return (sqlite3_changes(env.db));
}

void
database_set_durable(int wait)
{
	if (env.db != NULL && sqlite3_exec(env.db, wait ?
	    "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
	    NULL, NULL) != SQLITE_OK)
		(void)complain("synchronous");
}

static int
query_text(const char *text, char *out, size_t size)
{
	sqlite3_stmt	*stmt;
	const char	*s;

	if (sqlite3_prepare_v2(env.db, text, -1, &stmt, NULL) != SQLITE_OK)
		return (complain("read"));
	if (sqlite3_step(stmt) != SQLITE_ROW) {
		(void)complain("read");
		(void)sqlite3_finalize(stmt);
		return (-1);
	}
	s = (const char *)sqlite3_column_text(stmt, 0);
	(void)strlcpy(out, s == NULL ? "" : s, size);
	(void)sqlite3_finalize(stmt);
	return (0);
}

/* Always -1.  Remembers whether it is the file that is damaged. */
static int
complain(const char *what)
{
	int	 code = env.db == NULL ? SQLITE_NOMEM :
	    sqlite3_errcode(env.db);

	log_warn("%s: %s: %s", HISTORY_FILE, what, env.db == NULL ?
	    "out of memory" : log_visible(sqlite3_errmsg(env.db)));
	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
		env.damaged = 1;
	return (-1);
}
