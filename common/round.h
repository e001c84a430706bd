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
 * Rounding as every figure here is rounded: exact fractions, halves go up.
 * Belongs to the api, the registry and tests.
 */

#ifndef CCM_ROUND_H
#define CCM_ROUND_H

#include <stdint.h>

struct json_object;

/* num / den to the nearest whole number, halves up; den is not 0. */
int64_t round_divide(unsigned __int128 num, unsigned __int128 den);

/*
 * JSON numbers that are n tenths or hundredths (n not negative): written as
 * text, 952 as 95.2, never as binary fractions.  The caller's.
 */
struct json_object *round_tenths(int64_t n);
struct json_object *round_hundredths(int64_t n);

#endif
