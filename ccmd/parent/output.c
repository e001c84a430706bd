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
 * Where log lines go: stderr, syslog, a file.  Runs in the parent.
 */

#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "timestamp.h"

static int	 log_fd = STDERR_FILENO;

static void	 to_fd(int, const char *, const char *);
static void	 to_syslog(int, const char *, const char *);

void
output_stderr(void)
{
	log_fd = STDERR_FILENO;
	log_set_output(to_fd);
}

void
output_syslog(void)
{
	openlog("ccmd", LOG_NDELAY, LOG_DAEMON);
	log_set_output(to_syslog);
}

int
output_file(const char *path)
{
	int	 fd;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return (-1);
	log_fd = fd;
	log_set_output(to_fd);
	return (0);
}

static void
to_fd(int priority __attribute__((unused)), const char *name,
    const char *text)
{
	char	 line[LOG_LINE_MAX + 128], when[TIMESTAMP_SIZE];
	int	 n;

	n = snprintf(line, sizeof(line), "%s %s: %s\n",
	    timestamp_format(time(NULL), when), name, text);
	if (n > 0)
		(void)!write(log_fd, line, (size_t)n >= sizeof(line) ?
		    sizeof(line) - 1 : (size_t)n);
}

static void
to_syslog(int priority, const char *name, const char *text)
{
	syslog(priority, "%s: %s", name, text);
}
