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
 * A file at the storage host that GitHub sends us to, in pieces, as they are
 * taken.  Runs in the poller.
 */

#ifndef CCM_POLLER_DOWNLOAD_H
#define CCM_POLLER_DOWNLOAD_H

#include <stddef.h>

struct download;
struct github;

struct download_ops {
	/* Take all of it and return 1, or nothing, 0: then resume. */
	int	(*piece)(const char *data, size_t len, void *arg);
	/* The end; `why` is NULL if it is complete. */
	void	(*done)(const char *why, void *arg);
};

/*
 * Fetch `url`, which is signed: no token goes there, nor anything else of
 * ours.  Returns NULL with errno EINVAL where it is none to go to (https
 * alone, but for a GitHub that is itself asked over http), or ENOMEM.
 */
struct download *download_start(struct github *gh, const char *url,
    const struct download_ops *ops, void *arg);

/* There is room again; not from inside `piece`. */
void download_resume(struct download *d);
void download_cancel(struct download *d);

#endif
