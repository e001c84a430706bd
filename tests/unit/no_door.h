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
 * In the place of door.c, for tests of connections that ask nothing wrong and
 * are in time.  To be included once, behind cmocka.h and conn.h.
 */

#ifndef CCM_UNIT_NO_DOOR_H
#define CCM_UNIT_NO_DOOR_H

void
door_bad(struct conn *c, const struct http_message *m)
{
	(void)c;
	(void)m;
	fail();
}

void
door_timeout(struct conn *c)
{
	(void)c;
	fail();
}

void
door_held(struct conn *c)
{
	(void)c;
	fail();
}

#endif
