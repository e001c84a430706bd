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
 * Entity tags of what changes by itself only in its age.  Part of the api.
 */

#ifndef CCM_API_ETAG_H
#define CCM_API_ETAG_H

#include <sodium.h>
#include <stddef.h>

#define ETAG_SIZE	40	/* W/"32 digits" and its NUL */

struct etag {
	crypto_generichash_state state;
};

/*
 * Begin one, add what makes it, each with its length, and write it out.
 * Weak: two answers with the same tag differ in their age (RFC 9110, 8.8.1).
 */
void etag_begin(struct etag *e);
void etag_add(struct etag *e, const void *p, size_t len);
void etag_end(struct etag *e, char tag[ETAG_SIZE]);

/* Is the tag in a list as If-None-Match has it? */
int etag_matches(const char *list, const char *tag);

#endif
