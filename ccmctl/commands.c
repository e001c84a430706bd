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
 * The commands: the daemon's, which are the verb table's rows, and ccmctl's
 * own, which are rows of the same kind, so that parser and usage text treat
 * them alike.  Part of ccmctl.  Must not print, nor talk to anybody.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "ccmctl.h"

#define NARGS(args)	(sizeof(args) / sizeof((args)[0]))

static const struct verb_arg args_monitor[] = {
	{ "once", CHECK_FLAG, PLACE_QUERY, 0, '1', 1, 5,
	    "print it once and end" },
	{ "interval", CHECK_INT, PLACE_QUERY, 0, 'i', 1, 3600,
	    "seconds until times are shown anew, 2" },
};

static const struct verb_arg args_watch[] = {
	{ "id", CHECK_ID, PLACE_QUERY, 1, 0, 1, 64, "a pipeline's id" },
	{ "run", CHECK_RUN, PLACE_QUERY, 0, 0, 1, INT64_MAX,
	    "a run's id; the one that runs, or the last one" },
};

static const struct verb_arg args_help[] = {
	{ "command", CHECK_TEXT, PLACE_QUERY, 0, 0, 1, COMMAND_WORDS_MAX,
	    "a command" },
};

static const struct verb_arg args_token[] = {
	{ "role", CHECK_TEXT, PLACE_QUERY, 1, 'r', 1, 16,
	    "viewer, api or admin" },
	{ "expires", CHECK_TEXT, PLACE_QUERY, 0, 'e', 1, 10,
	    "the day on which it ends, as 2027-01-31" },
	{ "name", CHECK_NAME, PLACE_QUERY, 1, 0, 1, 64, "its name" },
};

static const struct {
	enum local	 local;
	struct verb	 verb;
} own[] = {
	{ LOCAL_MENU, { .name = "ctl.menu", .words = "menu",
	    .doors = DOOR_CTL, .summary = "do it all by menus" } },
	{ LOCAL_MONITOR, { .name = "ctl.monitor", .words = "monitor",
	    .doors = DOOR_CTL, .summary = "show all pipelines, again and again",
	    .args = args_monitor, .nargs = NARGS(args_monitor) } },
	{ LOCAL_TOKEN, { .name = "ctl.token.new", .words = "token new",
	    .doors = DOOR_CTL, .summary = "make a token for the HTTP API",
	    .args = args_token, .nargs = NARGS(args_token) } },
	{ LOCAL_WATCH, { .name = "ctl.watch", .words = "runs watch",
	    .doors = DOOR_CTL, .summary = "watch a run until it ends",
	    .args = args_watch, .nargs = NARGS(args_watch) } },
	{ LOCAL_HELP, { .name = "ctl.help", .words = "help",
	    .doors = DOOR_CTL, .summary = "explain a command, or list them",
	    .args = args_help, .nargs = NARGS(args_help) } },
};

static const struct verb *const menu = &own[0].verb;

/* What a person may leave out though the daemon must have it. */
static const struct {
	enum verb_id	 verb;
	const char	*arg;
	const char	*value;
} defaults[] = {
	{ VERB_PIPELINE_PROVISION, "workflow_file",
	    ".github/workflows/deploy.yml" },
};

const struct verb *
command_at(size_t i, enum local *local)
{
	const struct verb	*verb;
	size_t			 row, n = 0;

	for (row = 0; (verb = verb_at(row)) != NULL; row++) {
		if (verb->words == NULL || (verb->doors & DOOR_CTL) == 0)
			continue;
		*local = LOCAL_NONE;
		if (n++ == i)
			return (verb);
	}
	if (i - n >= sizeof(own) / sizeof(own[0]))
		return (NULL);
	*local = own[i - n].local;
	return (&own[i - n].verb);
}

const struct verb *
command_by_words(const char *words)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i;

	for (i = 0; (verb = command_at(i, &local)) != NULL; i++)
		if (strcmp(verb->words, words) == 0)
			return (verb);
	return (NULL);
}

const char *
command_flags(const struct verb *verb)
{
	if (verb == menu)
		return ("");
	return (verb->id == VERB_PIPELINE_TEARDOWN ||
	    verb->id == VERB_REGISTRY_RESTORE ? "jy" : "j");
}

const char *
command_default(const struct verb *verb, const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (defaults[i].verb == verb->id &&
		    strcmp(defaults[i].arg, name) == 0)
			return (defaults[i].value);
	return (NULL);
}

const char *
command_group(const char *word, char *buf, size_t size)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i, len = strlen(word);
	int			 n = 0;

	(void)strlcpy(buf, "one of ", size);
	for (i = 0; (verb = command_at(i, &local)) != NULL; i++) {
		if (strncmp(verb->words, word, len) != 0 ||
		    verb->words[len] != ' ')
			continue;
		(void)strlcat(buf, n++ > 0 ? ", " : "", size);
		(void)strlcat(buf, verb->words + len + 1, size);
	}
	(void)strlcat(buf, " was expected behind it", size);
	return (n > 0 ? buf : "no such command");
}
