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
 * The save procedure of pipelines.json.  For store.c alone.
 */

#ifndef CCM_REGISTRY_SAVE_H
#define CCM_REGISTRY_SAVE_H

#include <stdint.h>

struct json_object;

/*
 * Write all records, and the members of `top` (may be NULL) beside
 * `pipelines`, as STORE_FILE into the directory `dirfd`.  Returns 0, or -1
 * with errno; then the file is what it was.
 */
int save_file(int dirfd, struct json_object *top, int64_t now);

#endif
