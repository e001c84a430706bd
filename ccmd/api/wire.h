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
 * The bytes of an HTTP connection.  Belongs to the api.  None of these ends
 * a connection: they set c->dead, and c->eof.
 */

#ifndef CCM_API_WIRE_H
#define CCM_API_WIRE_H

#include <stddef.h>

struct conn;

/* A client that lets that much pile up is not read from any more. */
#define WIRE_OUT_MAX	(256 * 1024)

/*
 * Read what there is, once, and hand each complete request to door.c, one
 * after the other: the next when the one before is answered.  What is left
 * over is kept.
 */
void wire_read(struct conn *c);

/* Take requests out of what was kept; returns how many bytes. */
size_t wire_resume(struct conn *c);

/* Send answers as far as they go at once. */
void wire_write(struct conn *c);

/* Bytes of answers that are not sent yet. */
size_t wire_unsent(const struct conn *c);

#endif
