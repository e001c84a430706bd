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
 * The entries of a FRESH message: which pipeline was looked at, when, and
 * how often it is looked at now.  Belongs to poller, registry and api.
 */

#ifndef CCM_FRESH_H
#define CCM_FRESH_H

#include <stdint.h>

#include "imsg.h"
#include "msg.h"

struct fresh {
	char		 pipeline_id[MSG_ID_MAX + 1];
	int64_t		 at;		/* seconds since the epoch */
	uint32_t	 interval;	/* seconds */
};

/* Bytes that an entry takes at most. */
#define FRESH_MAX	(1 + MSG_ID_MAX + 8 + 4)

/* Append an entry.  Returns 0, or -1 with errno (ENOMEM, ERANGE). */
int fresh_put(struct ibuf *buf, const struct fresh *f);

/*
 * Take the next entry.  Returns 1, 0 behind the last, or -1 with errno
 * EBADMSG if the bytes are not an entry.
 */
int fresh_get(struct ibuf *buf, struct fresh *f);

#endif
