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
 * Descriptors 0, 1 and 2 of a program that was started without them.  Runs
 * first in ccmd and ccmctl, while there is one thread and nothing is open.
 * Must not say anything: there may be nowhere to.
 */

#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "stdio_open.h"

int
stdio_open(void)
{
	int	 fd;

	do
		if ((fd = open("/dev/null", O_RDONLY)) == -1)
			return (-1);
	while (fd <= STDERR_FILENO);
	return (close(fd));
}
