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
 * A log on its way to standard output.  Part of ccmctl.  Must not keep it,
 * nor let a terminal do what a log says: of escape sequences only colours
 * pass, and where there is no terminal all bytes are as they came.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ccmctl.h"

static void	 plain(struct log_output *, unsigned char);
static void	 escape(struct log_output *, unsigned char);
static void	 beyond(const struct log_output *, unsigned char);

int
log_output(const char *data, size_t len, void *arg)
{
	struct log_output	*o = arg;
	size_t			 i;

	if (!o->terminal)
		(void)fwrite(data, 1, len, stdout);
	else
		for (i = 0; i < len; i++) {
			if (o->n > 0)
				escape(o, (unsigned char)data[i]);
			else
				plain(o, (unsigned char)data[i]);
		}
	return (fflush(stdout) == EOF || ferror(stdout) ? -1 : 0);
}

/* 0xc2 begins the control characters beyond ASCII, and some signs. */
static void
plain(struct log_output *o, unsigned char c)
{
	if (o->lead) {
		o->lead = 0;
		if (c >= 0x80 && c < 0xa0)
			return;
		beyond(o, 0xc2);
	}
	if (c == 0x1b)
		o->sequence[o->n++] = (char)c;
	else if (c == 0xc2)
		o->lead = 1;
	else if (c >= 0x80)
		beyond(o, c);
	else if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
		(void)putchar(c);
}

/* To a terminal that knows no UTF-8 0x9b is a command. */
static void
beyond(const struct log_output *o, unsigned char c)
{
	if (o->ascii)
		(void)printf("\\%03o", c);
	else
		(void)putchar(c);
}

/* ESC [ digits and semicolons m, or it is dropped. */
static void
escape(struct log_output *o, unsigned char c)
{
	if (o->n < LOG_SEQUENCE_MAX)
		o->sequence[o->n++] = (char)c;
	if ((o->n == 2 && c == '[') || (o->n > 2 && o->n < LOG_SEQUENCE_MAX &&
	    (c == ';' || (c >= '0' && c <= '9'))))
		return;
	if (o->n > 2 && c == 'm' && o->n <= LOG_SEQUENCE_MAX) {
		if (o->colour)
			(void)fwrite(o->sequence, 1, o->n, stdout);
	} else if (c == '\n')
		(void)putchar(c);
	o->n = 0;
}
