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
 * Usage text, made from the verb table.  Part of ccmctl.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "ccmctl.h"

#define SYNOPSIS_MAX	256

#define USAGE	"usage: ccmctl [-AjV] [-s socket] [command [argument ...]]\n"
#define WORDS_WIDTH	16	/* of "workflow disable" */

static void	 synopsis(const struct verb *, char *, size_t);
static void	 append_arg(const struct verb *, const struct verb_arg *,
		    char *, size_t);

void
usage_all(FILE *f)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i;

	(void)fputs(USAGE "\ncommands:\n", f);
	for (i = 0; (verb = command_at(i, &local)) != NULL; i++)
		(void)fprintf(f, "  %-*s %s\n", WORDS_WIDTH, verb->words,
		    verb->summary);
	(void)fputs("\noptions:\n"
	    "  -A         plain ASCII\n"
	    "  -j         answers and errors as JSON\n"
	    "  -s socket  the daemon's control socket\n"
	    "  -V         print the version\n\n"
	    "\"ccmctl help command\" explains one.  Without a command, on a "
	    "terminal, it is\nmenu.\n", f);
}

int
usage_group(FILE *f, const char *words)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i, len = strlen(words);
	int			 n = 0;

	for (i = 0; (verb = command_at(i, &local)) != NULL; i++)
		if (strncmp(verb->words, words, len) == 0 &&
		    verb->words[len] == ' ') {
			usage_short(f, verb);
			n++;
		}
	return (n);
}

void
usage_short(FILE *f, const struct verb *verb)
{
	char	 line[SYNOPSIS_MAX];

	if (verb == NULL) {
		(void)fprintf(f, USAGE "\"ccmctl help\" lists the "
		    "commands.\n");
		return;
	}
	synopsis(verb, line, sizeof(line));
	(void)fprintf(f, "usage: ccmctl %s\n", line);
}

void
usage_one(FILE *f, const struct verb *verb)
{
	const struct verb_arg	*arg;
	const char		*value;
	size_t			 i;

	usage_short(f, verb);
	(void)fprintf(f, "\n%s\n\n", verb->summary);
	for (i = 0; i < verb->nargs; i++) {
		arg = &verb->args[i];
		if (arg->option == '-')
			continue;
		if (arg->option == 0)
			(void)fprintf(f, "  %-20s", arg->name);
		else
			(void)fprintf(f, "  -%c %-17s", arg->option,
			    arg->check == CHECK_FLAG ? "" : arg->name);
		(void)fprintf(f, "%s", arg->help);
		if ((value = command_default(verb, arg->name)) != NULL)
			(void)fprintf(f, " [%s]", value);
		(void)fputc('\n', f);
	}
	if (strchr(command_flags(verb), 'y') != NULL)
		(void)fputs("  -y                  don't ask\n", f);
	if (strchr(command_flags(verb), 'j') != NULL)
		(void)fputs("  -j                  the answer as JSON\n", f);
}

static void
synopsis(const struct verb *verb, char *buf, size_t size)
{
	const char	*flag;
	char		 word[sizeof(" [-y]")];
	size_t		 i;

	(void)strlcpy(buf, verb->words, size);
	for (flag = command_flags(verb); *flag != '\0'; flag++) {
		(void)snprintf(word, sizeof(word), " [-%c]", *flag);
		(void)strlcat(buf, word, size);
	}
	for (i = 0; i < verb->nargs; i++)
		if (verb->args[i].option != 0)
			append_arg(verb, &verb->args[i], buf, size);
	for (i = 0; i < verb->nargs; i++)
		if (verb->args[i].option == 0)
			append_arg(verb, &verb->args[i], buf, size);
}

static void
append_arg(const struct verb *verb, const struct verb_arg *arg, char *buf,
    size_t size)
{
	char	 word[SYNOPSIS_MAX];
	int	 may = !arg->must || command_default(verb, arg->name) != NULL;

	if (arg->option == '-')
		return;
	if (arg->option == 0)
		(void)strlcpy(word, arg->name, sizeof(word));
	else if (arg->check == CHECK_FLAG)
		(void)snprintf(word, sizeof(word), "-%c", arg->option);
	else
		(void)snprintf(word, sizeof(word), "-%c %s", arg->option,
		    arg->name);
	(void)strlcat(buf, may ? " [" : " ", size);
	(void)strlcat(buf, word, size);
	if (may)
		(void)strlcat(buf, "]", size);
}
