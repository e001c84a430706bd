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
 * Packing and unpacking of FRESH entries.  Part of poller, registry, api.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "fresh.h"

/* The end of the year 9999: times are subtracted from each other. */
#define FRESH_LATEST	253402300799ULL

int
fresh_put(struct ibuf *buf, const struct fresh *f)
{
	size_t	 len = strnlen(f->pipeline_id, sizeof(f->pipeline_id));

	if (len == 0 || len > MSG_ID_MAX) {
		errno = ERANGE;
		return (-1);
	}
	if (ibuf_add_n8(buf, len) == -1 ||
	    ibuf_add(buf, f->pipeline_id, len) == -1 ||
	    ibuf_add_n64(buf, (uint64_t)f->at) == -1 ||
	    ibuf_add_n32(buf, f->interval) == -1)
		return (-1);
	return (0);
}

int
fresh_get(struct ibuf *buf, struct fresh *f)
{
	uint64_t	 at;
	uint8_t		 len;

	if (ibuf_size(buf) == 0)
		return (0);
	memset(f, 0, sizeof(*f));
	if (ibuf_get_n8(buf, &len) == -1 || len == 0 || len > MSG_ID_MAX ||
	    ibuf_get(buf, f->pipeline_id, len) == -1 ||
	    memchr(f->pipeline_id, '\0', len) != NULL ||
	    ibuf_get_n64(buf, &at) == -1 || at > FRESH_LATEST ||
	    ibuf_get_n32(buf, &f->interval) == -1) {
		errno = EBADMSG;
		return (-1);
	}
	f->at = (int64_t)at;
	return (1);
}
