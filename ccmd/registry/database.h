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
 * The database under history.h: opening, setting aside, statements.  For
 * history.c and history_read.c alone.
 */

#ifndef CCM_REGISTRY_DATABASE_H
#define CCM_REGISTRY_DATABASE_H

#include <sqlite3.h>

#include <stdint.h>

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PIPELINES,
	SQL_PIPELINE_PUT,
	SQL_PIPELINE_FRESH,
	SQL_RUN_PUT,
	SQL_ATTEMPT_KEEP,
	SQL_JOB_PUT,
	SQL_LOOK_SET,
	SQL_LOOK_PUT,
	SQL_LOOK_COUNT,
	SQL_LOOKS_FORGET,
	SQL_LOOKS,
	SQL_ROWS,
	SQL_OPEN,
	SQL_RUNS,
	SQL_TIMES,
	SQL_ATTEMPTS,
	SQL_JOBS,
	SQL_THIN,
	SQL_SIZE,
	SQL_MAX
};

/*
 * Open HISTORY_FILE, check it, and prepare all statements.  `*fresh` is 1
 * if it is a new one.  Returns 0, or -1 with a line in the log.
 */
int database_open(int *fresh);
void database_close(void);
int database_is_open(void);

/* Close it, set the file aside under a name that says when, open anew. */
int database_begin_anew(void);

/*
 * A prepared statement, reset and without bindings; NULL if the database
 * is not open.
 */
sqlite3_stmt *database_get(enum statement which);

/* Step a statement that returns no row, and reset it.  SQLITE_DONE or an
 * error, which is logged. */
int database_run(sqlite3_stmt *stmt);

/* 1 if the last error says that the file itself is damaged. */
int database_is_damaged(void);

/* 1 while a transaction is open. */
int database_in_transaction(void);
int database_changes(void);

/* With `wait` 0 commits are not waited for (no fsync), 1: they are. */
void database_set_durable(int wait);

#endif
