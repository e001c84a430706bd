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
 * Times as text: RFC 3339 in UTC.  Belongs to every process.
 */

#ifndef CCM_TIMESTAMP_H
#define CCM_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

/* "2026-01-05T10:30:00Z" and its NUL. */
#define TIMESTAMP_SIZE	21
/* "2026-01-05-10-30-00" and its NUL. */
#define TIMESTAMP_FILE_SIZE	20

/*
 * Seconds since the epoch of a date and time: years 1970 to 9999, `T` or a
 * blank between, a fraction (cut off), `Z`, +hh:mm, or nothing (UTC, as
 * the Python CCM wrote).  Returns 0, or -1 with errno EINVAL.
 */
int timestamp_parse(const char *text, int64_t *seconds);

/* The text of a time, "" where it is out of range; returns `buf`. */
const char *timestamp_format(int64_t seconds, char buf[TIMESTAMP_SIZE]);
const char *timestamp_file(int64_t seconds, char buf[TIMESTAMP_FILE_SIZE]);

/*
 * "2027-01-31", a day that there is, to its beginning, UTC, in seconds since
 * the epoch.  Returns 0, or -1, with a time that is long past.
 */
int timestamp_day(const char *text, int64_t *at);

#endif
