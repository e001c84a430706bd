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
 * The tables of history.db, and how those of former versions become
 * today's.  For database.c alone.
 */

#ifndef CCM_REGISTRY_SCHEMA_H
#define CCM_REGISTRY_SCHEMA_H

#include <sqlite3.h>

enum schema_result {
	SCHEMA_OK,
	SCHEMA_ALIEN,		/* of a newer ccmd, or not ours at all */
	SCHEMA_FAILED		/* sqlite3_errmsg says why */
};

/*
 * Bring the open database to version HISTORY_SCHEMA, all of it or nothing.
 * `*fresh` becomes 1 if it had no tables at all.
 */
enum schema_result schema_make(sqlite3 *db, int *fresh);

#endif
