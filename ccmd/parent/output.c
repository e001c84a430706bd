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
 * Where log lines go: stderr, syslog, a file; and to whoever asked for a
 * reload.  Runs in the parent.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "timestamp.h"

static struct {
	int	 fd;
	char	*path;		/* of the file; NULL: none */
	char	*collected;	/* NULL: nobody collects */
	size_t	 size;
} env = { .fd = STDERR_FILENO };

static int	 open_file(const char *);
static void	 collect(int, const char *, const char *);
static void	 to_fd(int, const char *, const char *);
static void	 to_syslog(int, const char *, const char *);

void
output_stderr(void)
{
	env.fd = STDERR_FILENO;
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
	if ((env.fd = open_file(path)) == -1 ||
	    (env.path = strdup(path)) == NULL)
		return (-1);
	log_set_output(to_fd);
	return (0);
}

static int
open_file(const char *path)
{
	return (open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0600));
}

void
output_reopen(void)
{
	int	 fd;

	if (env.path == NULL)
		return;
	if ((fd = open_file(env.path)) == -1) {
		log_warn("%s: %s", env.path, strerror(errno));
		return;
	}
	close(env.fd);
	env.fd = fd;
}

void
output_collect(char *buf, size_t size)
{
	env.collected = buf;
	env.size = size;
	if (buf != NULL)
		buf[0] = '\0';
}

/* The parent's own errors and warnings; what has no room is in the log. */
static void
collect(int priority, const char *name, const char *text)
{
	size_t	 len;

	if (env.collected == NULL || priority > LOG_WARNING ||
	    strcmp(name, "ccmd") != 0)
		return;
	len = strlen(env.collected);
	if (len + strlen(text) + 2 <= env.size)
		(void)snprintf(env.collected + len, env.size - len, "%s%s",
		    len > 0 ? "\n" : "", text);
}

static void
to_fd(int priority, const char *name, const char *text)
{
	char	 line[LOG_LINE_MAX + 128], when[TIMESTAMP_SIZE];
	int	 n;

	collect(priority, name, text);
	n = snprintf(line, sizeof(line), "%s %s: %s\n",
	    timestamp_format(time(NULL), when), name, text);
	if (n > 0)
		(void)!write(env.fd, line, (size_t)n >= sizeof(line) ?
		    sizeof(line) - 1 : (size_t)n);
}

static void
to_syslog(int priority, const char *name, const char *text)
{
	collect(priority, name, text);
	syslog(priority, "%s: %s", name, text);
}
