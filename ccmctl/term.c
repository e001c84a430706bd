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
 * The terminal: what it can do, colours and signs, the alternate screen.
 * Part of ccmctl.  Must leave the terminal as it was found, however the
 * program ends.
 *
 * The few control sequences are those of ECMA-48 and xterm's alternate
 * screen, which every terminal of the last decades has; TERM=dumb gets none.
 */

#include "config.h"

#include <sys/ioctl.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ccmctl.h"

#define TERM_WIDTH	80
#define TERM_HEIGHT	24
#define TERM_SIZE_MAX	1000	/* columns or rows to be believed */

#define SCREEN_ENTER	"\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define SCREEN_LEAVE	"\033[0m\033[?7h\033[?25h\033[?1049l"

static struct {
	struct termios	 saved;
	int		 entered;
	int		 registered;
} state;

static size_t	 size_or(unsigned int, const char *, size_t);

void
term_look(struct term *term)
{
	const char	*name = getenv("TERM"), *nocolour = getenv("NO_COLOR");
	struct winsize	 ws;

	memset(term, 0, sizeof(*term));
	if (!isatty(STDOUT_FILENO))
		return;
	memset(&ws, 0, sizeof(ws));
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	term->width = size_or(ws.ws_col, "COLUMNS", TERM_WIDTH);
	term->height = size_or(ws.ws_row, "LINES", TERM_HEIGHT);
	term->signs = text_is_utf8();
	if (name == NULL || *name == '\0' || strcmp(name, "dumb") == 0)
		return;
	term->tty = 1;
	/* https://no-color.org: present and not empty. */
	term->colour = nocolour == NULL || *nocolour == '\0';
}

/* What the terminal says; where it does not know, the environment. */
static size_t
size_or(unsigned int said, const char *name, size_t otherwise)
{
	const char	*value, *error;
	long long	 n;

	if (said > 0 && said <= TERM_SIZE_MAX)
		return (said);
	if ((value = getenv(name)) == NULL)
		return (otherwise);
	n = strtonum(value, 1, TERM_SIZE_MAX, &error);
	return (error == NULL ? (size_t)n : otherwise);
}

void
term_put(FILE *f, const struct term *term, enum style style, const char *text)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = NULL,
		[STYLE_TITLE] = "1",
		[STYLE_DIM] = "2",
		[STYLE_GOOD] = "32",
		[STYLE_BAD] = "31",
		[STYLE_WARN] = "33",
		[STYLE_BUSY] = "36",
	};
	char	*shown = text_visible(text);

	if (term->colour && codes[style] != NULL)
		(void)fprintf(f, "\033[%sm%s\033[0m", codes[style], shown);
	else
		(void)fputs(shown, f);
	free(shown);
}

const char *
term_sign(const struct term *term, enum sign sign)
{
	static const char *const signs[] = {
		[SIGN_NONE] = "",
		[SIGN_GOOD] = "✓ ",
		[SIGN_BAD] = "✗ ",
		[SIGN_PAUSED] = "⏸ ",
		[SIGN_BUSY] = "⟳ ",
		[SIGN_WARN] = "⚠ ",
	};

	return (term->signs ? signs[sign] : "");
}

enum style
term_sign_style(enum sign sign)
{
	static const enum style styles[] = {
		[SIGN_NONE] = STYLE_PLAIN,
		[SIGN_GOOD] = STYLE_GOOD,
		[SIGN_BAD] = STYLE_BAD,
		[SIGN_PAUSED] = STYLE_DIM,
		[SIGN_BUSY] = STYLE_BUSY,
		[SIGN_WARN] = STYLE_WARN,
	};

	return (styles[sign]);
}

/* ISIG stays, so that Ctrl-C and Ctrl-Z are signals. */
int
term_enter(void)
{
	struct termios	 raw;

	if (state.entered)
		return (0);
	if (tcgetattr(STDIN_FILENO, &state.saved) == -1)
		return (-1);
	raw = state.saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (!state.registered) {
		if (atexit(term_leave) != 0)
			return (-1);
		state.registered = 1;
	}
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == -1)
		return (-1);
	state.entered = 1;
	(void)fputs(SCREEN_ENTER, stdout);
	return (fflush(stdout) == EOF ? -1 : 0);
}

void
term_leave(void)
{
	if (!state.entered)
		return;
	state.entered = 0;
	(void)fputs(SCREEN_LEAVE, stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &state.saved);
}
