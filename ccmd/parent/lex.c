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
 * ccmd.conf(5): bytes to words.  Runs in the parent.  Must not know which
 * word may stand where: that is parse.y's.
 */

#include "config.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lex.h"
#include "log.h"
#include "msg.h"
#include "parse.h"

#define WORD_MAX_LEN	4096

static struct {
	FILE		*file;
	char		 word[WORD_MAX_LEN];
	int		 line;		/* of the last token */
	int		 fresh_line;	/* the next token is behind so many */
	int		 depth;		/* of braces */
	int		 block;		/* the line of the outer one */
	int		 ended;
} env;

static int	 skip_blanks(void);
static int	 at_end(void);
static int	 too_long(void);
static int	 end_of_line(void);
static int	 quoted(void);
static int	 bare(int);
static int	 take(size_t *, int);
static int	 broken(const char *);

static const struct {
	const char	*word;
	int		 token;
} keywords[] = {
	{ "active", ACTIVE }, { "api", API }, { "app", APP },
	{ "apps", APPS }, { "backups", BACKUPS }, { "ca", CA },
	{ "certificate", CERTIFICATE }, { "concurrent", CONCURRENT },
	{ "control", CONTROL }, { "daily", DAILY },
	{ "days", DAYS }, { "directory", DIRECTORY }, { "expires", EXPIRES },
	{ "file", FILE_ }, { "github", GITHUB }, { "group", GROUP },
	{ "hash", HASH }, { "history", HISTORY }, { "host", HOST },
	{ "hourly", HOURLY },
	{ "idle", IDLE }, { "installation", INSTALLATION },
	{ "interval", INTERVAL }, { "key", KEY }, { "limits", LIMITS },
	{ "listen", LISTEN }, { "max", MAX_ },
	{ "megabytes", MEGABYTES }, { "minutely", MINUTELY },
	{ "newest", NEWEST }, { "none", NONE }, { "on", ON },
	{ "owners", OWNERS }, { "points", POINTS }, { "poll", POLL },
	{ "port", PORT }, { "public", PUBLIC },
	{ "repositories", REPOSITORIES },
	{ "reserve", RESERVE }, { "role", ROLE }, { "sandbox", SANDBOX },
	{ "secret", SECRET }, { "socket", SOCKET }, { "state", STATE },
	{ "strict", STRICT }, { "sudo", SUDO }, { "tls", TLS },
	{ "token", TOKEN }, { "url", URL }, { "user", USER }, { "vps", VPS },
	{ "write", WRITE },
};

void
lex_begin(FILE *file)
{
	memset(&env, 0, sizeof(env));
	env.file = file;
	env.line = 1;
}

int
lex_line(void)
{
	return (env.line);
}

const char *
lex_text(void)
{
	return (env.word);
}

int
lex_block(void)
{
	return (env.depth > 0 ? env.block : 0);
}

int
yylex(void)
{
	int	 c;

	for (;;) {
		/* Counted late, so that an error names the line it is on. */
		env.line += env.fresh_line;
		env.fresh_line = 0;
		if (env.line > MSG_CONF_LINES_MAX && !at_end())
			return (too_long());
		if ((c = skip_blanks()) != '\n')
			break;
		if (end_of_line())
			return (EOL);
	}
	switch (c) {
	case EOF:
		/* The last line may lack its end. */
		return (env.ended++ == 0 && env.depth == 0 ? EOL : YYEOF);
	case '{':
		if (env.depth++ == 0)
			env.block = env.line;
		return (OPEN);
	case '}':
		env.depth -= env.depth > 0;
		return (CLOSE);
	case '%':
		return (PERCENT);
	case '"':
		return (quoted());
	case '\0':
		return (broken("a NUL in the file"));
	case '\\':
		return (broken("a backslash ends a line, or is in quotes"));
	default:
		return (bare(c));
	}
}

static int
at_end(void)
{
	int	 c = getc(env.file);

	ungetc(c, env.file);
	return (c == EOF);
}

/* What stands behind is not read, and must not be passed over in silence. */
static int
too_long(void)
{
	parse_wrong("at most %d lines were expected", MSG_CONF_LINES_MAX);
	env.depth = 0;
	return (YYEOF);
}

/* To the next word, over comments and over ends of line that are none. */
static int
skip_blanks(void)
{
	int	 c;

	for (;;) {
		c = getc(env.file);
		if (c == '#')
			while ((c = getc(env.file)) != '\n' && c != EOF)
				;
		if (c == '\\') {
			if ((c = getc(env.file)) == '\r')
				c = getc(env.file);
			if (c != '\n') {
				ungetc(c, env.file);
				return ('\\');
			}
			env.fresh_line++;
		} else if (c == '\n' || !isspace(c)) {
			/* What comes is on a later line. */
			if (c != '\n' && c != EOF) {
				env.line += env.fresh_line;
				env.fresh_line = 0;
			}
			return (c);
		}
	}
}

/* Lines end directives, but not inside braces. */
static int
end_of_line(void)
{
	env.fresh_line++;
	return (env.depth == 0);
}

/* A quoted text: \" and \\ inside, no end of line. */
static int
quoted(void)
{
	size_t	 n = 0;
	int	 c;

	while ((c = getc(env.file)) != '"') {
		if (c == '\\') {
			c = getc(env.file);
			if (c != '"' && c != '\\') {
				ungetc(c, env.file);
				return (broken("only \\\" and \\\\ are "
				    "escapes"));
			}
		} else if (c == EOF || c == '\n' || c == '\0') {
			ungetc(c, env.file);
			return (broken("a closing quote was expected"));
		}
		if (take(&n, c) == -1)
			return (broken("a shorter word was expected"));
	}
	env.word[n] = '\0';
	if ((yylval.string = strdup(env.word)) == NULL)
		fatal("configuration");
	return (STRING);
}

static int
bare(int c)
{
	const char	*error;
	size_t		 i, n = 0;

	for (; c != EOF && c != '\0' && !isspace(c) && c != '{' && c != '}' &&
	    c != '"' && c != '#' && c != '%' && c != '\\';
	    c = getc(env.file))
		if (take(&n, c) == -1)
			return (broken("a shorter word was expected"));
	ungetc(c, env.file);
	if (n == 0)
		return (broken("a word was expected"));
	env.word[n] = '\0';
	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strcmp(keywords[i].word, env.word) == 0)
			return (keywords[i].token);
	if (strspn(env.word, "0123456789") == n) {
		yylval.number = strtonum(env.word, 0, INT64_MAX, &error);
		if (error == NULL)
			return (NUMBER);
	}
	if ((yylval.string = strdup(env.word)) == NULL)
		fatal("configuration");
	return (STRING);
}

static int
take(size_t *n, int c)
{
	if (*n + 1 >= sizeof(env.word))
		return (-1);
	env.word[(*n)++] = (char)c;
	return (0);
}

/* Said once: the rest of the line means nothing any more. */
static int
broken(const char *why)
{
	int	 c;

	parse_wrong("%s", why);
	while ((c = getc(env.file)) != '\n' && c != EOF)
		;
	ungetc(c, env.file);
	return (YYerror);
}
