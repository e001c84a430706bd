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
 * Logging: a child's lines go to its pipe, the parent's where it says.
 * Part of every process.  Must not log a secret, nor text from outside
 * that was not made visible.
 */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <vis.h>

#include "log.h"

#define VISIBLE_BUFFERS	4
#define VISIBLE_MAX	512

static struct {
	const char	*name;
	int		 to_parent;
	int		 verbose;
	void		(*output)(int, const char *, const char *);
	char		 visible[VISIBLE_BUFFERS][VISIBLE_MAX * 4 + 1];
	unsigned int	 turn;
} env = { .name = "ccm" };

static void	 say(int, const char *, va_list);

void
log_init(const char *name, int to_parent, int verbose)
{
	env.name = name;
	env.to_parent = to_parent;
	env.verbose = verbose;
}

void
log_set_verbose(int verbose)
{
	env.verbose = verbose;
}

void
log_set_output(void (*output)(int, const char *, const char *))
{
	env.output = output;
}

/* One write(2) a line, so that lines of two processes never mix. */
static void
say(int priority, const char *fmt, va_list ap)
{
	char	 text[LOG_LINE_MAX], line[LOG_LINE_MAX + 64];
	int	 n, saved = errno;

	if (priority == LOG_DEBUG && !env.verbose)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	if (!env.to_parent && env.output != NULL) {
		env.output(priority, env.name, text);
		errno = saved;
		return;
	}
	if (env.to_parent)
		n = snprintf(line, sizeof(line), "<%d>%s\n", priority, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", env.name, text);
	if (n > 0)
		(void)!write(STDERR_FILENO, line, (size_t)n);
	errno = saved;
}

void
log_child_line(const char *name, const char *line)
{
	char	 visible[4 * LOG_LINE_MAX + 1];	/* \377 for each byte */
	int	 priority = LOG_WARNING;

	/*
	 * What a library wrote has no priority in front.  What the child made
	 * visible has its backslashes already.
	 */
	if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' &&
	    line[2] == '>') {
		/* What is worse goes to all terminals: not for a child. */
		priority = line[1] - '0' < LOG_ERR ? LOG_ERR : line[1] - '0';
		line += 3;
	}
	/*
	 * Not strnvis(3): where the text just fits, libbsd's writes the NUL
	 * behind the buffer.
	 */
	(void)strvisx(visible, line, strnlen(line, LOG_LINE_MAX),
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	visible[LOG_LINE_MAX - 1] = '\0';
	if (env.output != NULL)
		env.output(priority, name, visible);
}

void
log_err(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	say(LOG_ERR, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	say(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	say(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	say(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	char	 text[LOG_LINE_MAX];
	va_list	 ap;
	int	 saved = errno;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("fatal: %s: %s", text, strerror(saved));
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	char	 text[LOG_LINE_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("fatal: %s", text);
	exit(1);
}

const char *
log_visible(const char *text)
{
	return (log_visible_n(text, strlen(text)));
}

const char *
log_visible_n(const char *text, size_t len)
{
	char	*buf = env.visible[env.turn++ % VISIBLE_BUFFERS];

	(void)strvisx(buf, text, len > VISIBLE_MAX ? VISIBLE_MAX : len,
	    VIS_CSTYLE | VIS_NL | VIS_TAB);
	return (buf);
}
