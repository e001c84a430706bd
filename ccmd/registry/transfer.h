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
 * A file on its way over a socket that ccmctl made: to us or from us, as
 * fast as the other end goes, and never waiting for it.  Runs in the
 * registry.  Neither the api nor a disk sees what is in it.
 */

#ifndef CCM_REGISTRY_TRANSFER_H
#define CCM_REGISTRY_TRANSFER_H

#include <stddef.h>

struct event_base;
struct transfer;

/* Bytes of a file that is taken. */
#define TRANSFER_MAX	(256 * 1024 * 1024)
/* How many at a time, and seconds that one may take. */
#define TRANSFERS	4
#define TRANSFER_TIME	100

/*
 * The end: `why` is NULL and, of a file that came, `data` is it (gone when
 * this returns, wiped); else what was wrong.
 */
typedef void (*transfer_fn)(void *arg, const char *why, const char *data,
    size_t len);

int transfer_init(struct event_base *base);

/*
 * Take a file from `fd`, or give `data` (taken over, malloc) to it.  `fd`
 * is taken over in any case.  Returns 0, or -1: there are too many, or it
 * is no stream socket of this machine's own kind (unix(7)).
 */
int transfer_take(int fd, transfer_fn done, void *arg);
int transfer_give(int fd, char *data, size_t len, transfer_fn done,
    void *arg);

#endif
