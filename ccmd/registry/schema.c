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
 * The tables of history.db.  Runs in the registry.  Must not know what the
 * rows are for.
 *
 * A step brings the database from one version to the next.  They are never
 * changed once released: a new one is added.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "history.h"
#include "log.h"
#include "schema.h"

#define STEP_MAX	4096	/* bytes of a step's SQL */

/*
 * `runs` is an ordinary rowid table: its rows are too long for WITHOUT
 * ROWID.  `packed` is the row as the view takes it, so that a start is
 * copying, not parsing; whoever changes run_pack adds a step that forgets
 * what is known: it is read back.
 */
static const char *const steps[HISTORY_SCHEMA] = {
	/* 1 */
    "CREATE TABLE pipelines ("
    "  key INTEGER PRIMARY KEY,"
    "  pipeline_id TEXT NOT NULL UNIQUE,"
    "  known INTEGER NOT NULL DEFAULT 0,"
    "  fetched_at INTEGER NOT NULL DEFAULT 0,"
    "  interval INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE runs ("
    "  key INTEGER PRIMARY KEY,"
    "  pipeline INTEGER NOT NULL,"
    "  run_id INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  started_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  finished INTEGER NOT NULL,"
    "  counted INTEGER NOT NULL,"
    "  status TEXT NOT NULL,"
    "  conclusion TEXT NOT NULL,"
    "  branch TEXT,"
    "  packed BLOB NOT NULL,"
    "  doc TEXT NOT NULL,"
    "  UNIQUE (pipeline, run_id)) STRICT;"
    "CREATE INDEX runs_created ON runs (pipeline, created_at, run_id);"
    "CREATE INDEX runs_started ON runs (pipeline, started_at, run_id)"
    "  WHERE finished = 1;"
    "CREATE INDEX runs_open ON runs (pipeline, run_id)"
    "  WHERE finished = 0;"
    "CREATE TABLE looks ("
    "  url TEXT NOT NULL PRIMARY KEY,"
    "  etag TEXT NOT NULL,"
    "  newest INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
	/* 2: former attempts, and the jobs of each */
    "CREATE TABLE attempts ("
    "  run INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  started_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  status TEXT NOT NULL,"
    "  conclusion TEXT NOT NULL,"
    "  PRIMARY KEY (run, attempt)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE jobs ("
    "  run INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  job_id INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  started_at INTEGER NOT NULL,"
    "  completed_at INTEGER NOT NULL,"
    "  conclusion TEXT NOT NULL,"
    "  PRIMARY KEY (run, attempt, job_id)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER runs_gone AFTER DELETE ON runs BEGIN"
    "  DELETE FROM attempts WHERE run = OLD.key;"
    "  DELETE FROM jobs WHERE run = OLD.key;"
    " END;",
};

static int	 make_step(sqlite3 *, int);
static int	 query_int(sqlite3 *, const char *, int64_t *);

enum schema_result
schema_make(sqlite3 *db, int *fresh)
{
	int64_t	 version, tables;
	int	 i;

	if (query_int(db, "PRAGMA user_version", &version) == -1 ||
	    query_int(db, "SELECT count(*) FROM sqlite_schema", &tables) ==
	    -1)
		return (SCHEMA_FAILED);
	/* What a newer ccmd wrote can't be written by this one. */
	if (version < 0 || version > HISTORY_SCHEMA ||
	    (version == 0 && tables != 0)) {
		log_warn("%s: schema version %lld is not %d", HISTORY_FILE,
		    (long long)version, HISTORY_SCHEMA);
		return (SCHEMA_ALIEN);
	}
	if (version == 0)
		*fresh = 1;
	else if (version < HISTORY_SCHEMA)
		log_info("%s: from schema version %lld to %d", HISTORY_FILE,
		    (long long)version, HISTORY_SCHEMA);
	for (i = (int)version; i < HISTORY_SCHEMA; i++)
		if (make_step(db, i) == -1)
			return (SCHEMA_FAILED);
	return (SCHEMA_OK);
}

static int
make_step(sqlite3 *db, int i)
{
	char	 text[STEP_MAX];
	int	 n;

	n = snprintf(text, sizeof(text), "BEGIN IMMEDIATE; %s "
	    "PRAGMA user_version = %d; COMMIT;", steps[i], i + 1);
	if (n < 0 || (size_t)n >= sizeof(text))
		fatalx("history: schema");
	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		return (0);
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return (-1);
}

static int
query_int(sqlite3 *db, const char *text, int64_t *n)
{
	sqlite3_stmt	*stmt;
	int		 r;

	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
		return (-1);
	r = sqlite3_step(stmt);
	*n = r == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	(void)sqlite3_finalize(stmt);
	return (r == SQLITE_ROW ? 0 : -1);
}
