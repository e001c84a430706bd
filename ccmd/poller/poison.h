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
 * Repositories whose answers kill the poller.  Runs in the poller.  The
 * parent is told whose answer is parsed before it is, so that it knows whom
 * to blame; after two deaths it has that repository shunned, and no call
 * about it is made any more.
 *
 * A repository is named as a path names it: "owner/name", in any letter
 * case, or "repositories/number"; and by its GitHub, the URL that the API is
 * at, since another one has its own numbers.
 */

#ifndef CCM_POLLER_POISON_H
#define CCM_POLLER_POISON_H

#include <stdint.h>

struct peer;

void poison_set_parent(struct peer *parent);

/*
 * Around the parsing of an answer, and all that is made of it.  `path` is
 * the one that was asked, from behind the API's base.  poison_begin returns
 * 1 if it was told, and then wants its poison_end; a path that is about no
 * repository is not told.
 */
int poison_begin(const char *github, const char *path);
void poison_end(void);

/* Configuration: poison_add until poison_commit, in place of all former. */
void poison_begin_list(void);
void poison_add(const char *github, const char *repository,
    const char *reason);
void poison_commit(void);

/*
 * Why a repository is shunned, a sentence; NULL if it is not.  By its names
 * (`id` 0: unknown), or by a path.
 */
const char *poison_reason(const char *github, const char *name, int64_t id);
const char *poison_reason_path(const char *github, const char *path);

#endif
