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
 * The text of documents and figures, as they are answered.  Part of the
 * api.
 */

#ifndef CCM_API_TEXT_H
#define CCM_API_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct etag;
struct pipeline;
struct rope;

/*
 * A pipeline came into the order behind another one (NULL: it is the
 * first), leaves it (called before that), has another document.
 */
void text_insert(struct pipeline *p, struct pipeline *behind);
void text_remove(struct pipeline *p);
void text_changed(struct pipeline *p);

/* What of a pipeline: bits. */
#define TEXT_DOCUMENT	1
#define TEXT_FIGURES	2

/* Of how many documents the text is not there. */
size_t text_old_documents(void);

/* Is its text not there, as of `now`?  And make what is not. */
int text_is_old(const struct pipeline *p, int what, int64_t now);
void text_make(struct pipeline *p, int what, int64_t now);

/*
 * Append, and add to the tag: all documents in order; one; one with its
 * stats as `metrics`; the stats alone.  Each behind a comma, but for the
 * first of a list.
 */
void text_put_all(struct rope *r, struct etag *e);
void text_put_document(struct rope *r, struct etag *e, struct pipeline *p,
    int first);
void text_put_whole(struct rope *r, struct etag *e, struct pipeline *p,
    int first, int64_t now);
void text_put_stats(struct rope *r, struct etag *e, struct pipeline *p,
    int first, int64_t now);

#endif
