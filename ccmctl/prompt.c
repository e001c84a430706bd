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
 * Questions to a person, answered by a line.  Part of ccmctl.  Must not wait
 * but here, nor keep anything that was typed beyond the line: the monitor
 * reads the same terminal.
 */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ccmctl.h"
#include "menu.h"

enum line {
	LINE_WHOLE,
	LINE_TOO_LONG,
	LINE_NONE		/* Ctrl-C, end-of-file, a signal to end */
};

static int	 ask(const char *);
static enum line read_line(char *, size_t);
static int	 read_byte(char *);
static void	 trim(char *);

int
prompt_line(const char *question, char *buf, size_t size)
{
	enum line	 line;

	for (;;) {
		if (ask(question) == -1)
			return (-1);
		line = read_line(buf, size);
		/* What was typed ends with a line break only if it is one. */
		if (line == LINE_NONE || !isatty(STDIN_FILENO))
			(void)putchar('\n');
		if (line == LINE_NONE)
			return (-1);
		if (line == LINE_WHOLE)
			break;
		(void)printf("That is too long.\n");
	}
	trim(buf);
	return (0);
}

int
prompt_yes(const char *question)
{
	char	 line[PROMPT_MAX];

	for (;;) {
		if (prompt_line(question, line, sizeof(line)) == -1)
			return (-1);
		if (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0)
			return (1);
		if (*line == '\0' || strcasecmp(line, "n") == 0 ||
		    strcasecmp(line, "no") == 0)
			return (0);
		(void)printf("Please answer y or n.\n");
	}
}

static int
ask(const char *question)
{
	char	*shown = text_visible(question);

	(void)fputs(shown, stdout);
	free(shown);
	return (fflush(stdout) == EOF || ferror(stdout) ? -1 : 0);
}

static enum line
read_line(char *buf, size_t size)
{
	size_t	 len = 0;
	char	 byte;
	int	 n, dropped = 0;

	while ((n = read_byte(&byte)) == 1 && byte != '\n') {
		/* No text has a NUL: what has one is no good answer. */
		if (byte == '\0')
			byte = '\177';
		if (len < size - 1)
			buf[len++] = byte;
		else
			dropped = 1;
	}
	buf[len] = '\0';
	if (n == -1 || (n == 0 && len == 0))
		return (LINE_NONE);
	return (dropped ? LINE_TOO_LONG : LINE_WHOLE);
}

/* Returns 1 with a byte, 0 at end-of-file, -1 when nobody answers. */
static int
read_byte(char *byte)
{
	struct pollfd	 pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t		 n;

	for (;;) {
		if (ppoll(&pfd, 1, NULL, signals_mask()) == -1) {
			if (errno != EINTR || signals_back() ||
			    signals_ended())
				return (-1);
			continue;
		}
		n = read(STDIN_FILENO, byte, 1);
		if (n != -1)
			return ((int)n);
		if (errno != EINTR && errno != EAGAIN)
			return (-1);
	}
}

static void
trim(char *text)
{
	size_t	 blanks = strspn(text, " \t\r"), len;

	len = strlen(text + blanks);
	memmove(text, text + blanks, len + 1);
	while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
		text[--len] = '\0';
}
