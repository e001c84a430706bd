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
 * The command line, made from the verb table.  Part of ccmctl.  Must not
 * print, nor talk to anybody: what is wrong comes back as a sentence.
 *
 *	ccmctl [-AjV] [-s socket] words [options and arguments in any order]
 */

#include "config.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"

/* A letter and a colon for each argument, "+:A", a command's flags. */
#define OPTSTRING_MAX	128
#define GROUP_MAX	192	/* what may stand behind a word */

static int	 parse_globals(int, char **, struct command *,
		    struct verb_error *);
static int	 imply_menu(struct command *, struct verb_error *);
static int	 find_command(int, char **, struct command *);
static int	 count_words(const char *, int, char **);
static int	 parse_args(int, char **, struct command *,
		    struct verb_error *);
static int	 take_long(struct command *, int, char **,
		    struct verb_error *);
static void	 make_optstring(const struct verb *, char *, size_t);
static int	 take_option(struct command *, int, const char *,
		    struct verb_error *);
static int	 take_positional(struct command *, size_t, const char *,
		    struct verb_error *);
static int	 take_word(struct command *, const char *,
		    struct verb_error *);
static int	 take_pair(struct command *, const struct verb_arg *,
		    const char *, struct verb_error *);
static int	 take(struct command *, const struct verb_arg *, const char *,
		    struct verb_error *);
static int	 take_input(struct command *, const struct verb_arg *,
		    const char *, struct verb_error *);
static const struct verb_arg *arg_by_option(const struct verb *, int);
static int	 lacks_positional(const struct command *,
		    struct verb_error *);
static void	 add_defaults(struct command *);

int
command_parse(int argc, char **argv, struct command *cmd,
    struct verb_error *err)
{
	char	 rest[GROUP_MAX];
	int	 n;

	memset(cmd, 0, sizeof(*cmd));
	memset(err, 0, sizeof(*err));
	cmd->args = json_object_new_object();
	opterr = 0;
	if ((n = parse_globals(argc, argv, cmd, err)) == -1)
		return (-1);
	argc -= n;
	argv += n;
	if (cmd->local == LOCAL_VERSION)
		return (0);
	if (argc == 0)
		return (imply_menu(cmd, err));
	if ((n = find_command(argc, argv, cmd)) == 0)
		return (verb_bad(err, "%s: %s", argv[0],
		    command_group(argv[0], rest, sizeof(rest))));
	/* getopt(3) takes argv[0] for the program's name. */
	if (parse_args(argc - n + 1, argv + n - 1, cmd, err) == -1)
		return (-1);
	if (cmd->local == LOCAL_MENU && cmd->json)
		return (verb_bad(err, "menu: unknown option -j"));
	add_defaults(cmd);
	return (verb_check_args(cmd->verb, cmd->args, err));
}

void
command_clear(struct command *cmd)
{
	json_object_put(cmd->args);
	cmd->args = NULL;
}

/*
 * `+` keeps glibc's getopt(3) from moving arguments about; elsewhere it is
 * what getopt does anyway.  optind 0 makes glibc, musl and OpenBSD forget
 * the former argv.  Returns how many words of argv are done with.
 */
static int
parse_globals(int argc, char **argv, struct command *cmd,
    struct verb_error *err)
{
	int	 ch;

	optind = 0;
	while ((ch = getopt(argc, argv, "+:Ajs:V")) != -1) {
		switch (ch) {
		case 'A':
			cmd->ascii = 1;
			break;
		case 'j':
			cmd->json = 1;
			break;
		case 's':
			/* A script's empty variable is not the default. */
			if (*(cmd->socket = optarg) == '\0')
				return (verb_bad(err, "option -s: a path was "
				    "expected"));
			break;
		case 'V':
			cmd->local = LOCAL_VERSION;
			break;
		case ':':
			return (verb_bad(err, "option -%c needs a value",
			    optopt));
		default:
			if (optopt == '-' && argv[optind] != NULL &&
			    strncmp(argv[optind], "--", 2) == 0)
				return (verb_bad(err, "unknown option %s",
				    argv[optind]));
			return (verb_bad(err, "unknown option -%c", optopt));
		}
	}
	return (optind);
}

/* Who types nothing else wants to be led. */
static int
imply_menu(struct command *cmd, struct verb_error *err)
{
	if (cmd->json)
		return (verb_bad(err, "a command is missing"));
	cmd->verb = command_by_words("menu");
	cmd->local = LOCAL_MENU;
	cmd->implied = 1;
	return (0);
}

/* The command with the most words that match; how many, 0 if none. */
static int
find_command(int argc, char **argv, struct command *cmd)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i;
	int			 n, best = 0;

	for (i = 0; (verb = command_at(i, &local)) != NULL; i++) {
		if ((n = count_words(verb->words, argc, argv)) <= best)
			continue;
		best = n;
		cmd->verb = verb;
		cmd->local = local;
	}
	return (best);
}

/* "log brief" and argv's beginning: 2 if these are its words, else 0. */
static int
count_words(const char *words, int argc, char **argv)
{
	size_t	 len;
	int	 n;

	for (n = 0; *words != '\0'; n++) {
		len = strcspn(words, " ");
		if (n == argc || strlen(argv[n]) != len ||
		    strncmp(words, argv[n], len) != 0)
			return (0);
		words += len + (words[len] == ' ');
	}
	return (n);
}

static int
parse_args(int argc, char **argv, struct command *cmd, struct verb_error *err)
{
	char	 optstring[OPTSTRING_MAX];
	size_t	 positionals = 0;
	int	 ch;

	make_optstring(cmd->verb, optstring, sizeof(optstring));
	optind = 0;
	while (optind < argc) {
		if ((ch = take_long(cmd, argc, argv, err)) == -1)
			return (-1);
		if (ch == 1)
			continue;
		if ((ch = getopt(argc, argv, optstring)) != -1) {
			if (take_option(cmd, ch, optarg, err) == -1)
				return (-1);
			continue;
		}
		/* Behind "--" everything is an argument. */
		if (optind == argc || strcmp(argv[optind - 1], "--") == 0)
			break;
		if (take_positional(cmd, positionals++, argv[optind++],
		    err) == -1)
			return (-1);
	}
	while (optind < argc)
		if (take_positional(cmd, positionals++, argv[optind++],
		    err) == -1)
			return (-1);
	return (lacks_positional(cmd, err));
}

/*
 * --name value, --name=value, or --name of a flag, for every argument that
 * has an option.  Returns 1 if it was one, 0 if not, or -1.
 */
static int
take_long(struct command *cmd, int argc, char **argv, struct verb_error *err)
{
	const struct verb_arg	*arg = NULL;
	const char		*name, *value;
	size_t			 i, len;
	int			 at = optind == 0 ? 1 : optind;

	if (at >= argc || strncmp(name = argv[at], "--", 2) != 0 ||
	    name[2] == '\0')
		return (0);
	name += 2;
	len = strcspn(name, "=");
	for (i = 0; i < cmd->verb->nargs && arg == NULL; i++)
		if (cmd->verb->args[i].option != 0 &&
		    cmd->verb->args[i].option != '-' &&
		    strncmp(cmd->verb->args[i].name, name, len) == 0 &&
		    cmd->verb->args[i].name[len] == '\0')
			arg = &cmd->verb->args[i];
	if (arg == NULL)
		return (verb_bad(err, "%s: unknown option --%.*s",
		    cmd->verb->words, (int)len, name));
	optind = at + 1;
	value = name[len] == '=' ? name + len + 1 : NULL;
	if (value == NULL && arg->check != CHECK_FLAG) {
		if (optind == argc)
			return (verb_bad(err, "%s: option --%s needs a value",
			    cmd->verb->words, arg->name));
		value = argv[optind++];
	} else if (value != NULL && arg->check == CHECK_FLAG)
		return (verb_bad(err, "%s: option --%s takes no value",
		    cmd->verb->words, arg->name));
	return (take(cmd, arg, value, err) == -1 ? -1 : 1);
}

static void
make_optstring(const struct verb *verb, char *buf, size_t size)
{
	char	 letter[3];
	size_t	 i;

	(void)strlcpy(buf, "+:A", size);
	(void)strlcat(buf, command_flags(verb), size);
	for (i = 0; i < verb->nargs; i++) {
		if (verb->args[i].option == 0 || verb->args[i].option == '-')
			continue;
		letter[0] = verb->args[i].option;
		letter[1] = verb->args[i].check == CHECK_FLAG ? '\0' : ':';
		letter[2] = '\0';
		(void)strlcat(buf, letter, size);
	}
}

static int
take_option(struct command *cmd, int ch, const char *value,
    struct verb_error *err)
{
	const struct verb_arg	*arg = arg_by_option(cmd->verb, ch);

	if (arg != NULL)
		return (take(cmd, arg, value, err));
	if (ch == 'A')
		cmd->ascii = 1;
	else if (ch == ':')
		return (verb_bad(err, "%s: option -%c needs a value",
		    cmd->verb->words, optopt));
	else if (ch == 'j')
		cmd->json = 1;
	else if (ch == 'y')
		cmd->yes = 1;
	else
		return (verb_bad(err, "%s: unknown option -%c",
		    cmd->verb->words, optopt));
	return (0);
}

static const struct verb_arg *
arg_by_option(const struct verb *verb, int option)
{
	size_t	 i;

	for (i = 0; i < verb->nargs; i++)
		if (verb->args[i].option == option && option != '-')
			return (&verb->args[i]);
	return (NULL);
}

/* owner/name, for an owner and a name. */
static int
take_pair(struct command *cmd, const struct verb_arg *owner,
    const char *value, struct verb_error *err)
{
	const char	*slash = strchr(value, '/');
	char		*first = strndup(value, (size_t)(slash - value));

	if (first == NULL)
		return (verb_bad(err, "out of memory"));
	(void)take(cmd, owner, first, err);
	free(first);
	return (take(cmd, owner + 1, slash + 1, err));
}

static int
take_positional(struct command *cmd, size_t n, const char *value,
    struct verb_error *err)
{
	const struct verb	*verb = cmd->verb;
	size_t			 i;

	if (cmd->local == LOCAL_HELP && n > 0)
		return (take_word(cmd, value, err));
	for (i = 0; i < verb->nargs; i++) {
		if (verb->args[i].option != 0 || n-- > 0)
			continue;
		if (*value == '\0')
			return (verb_bad(err, "%s: %s is empty", verb->words,
			    verb->args[i].name));
		if (verb->args[i].check == CHECK_OWNER && i + 1 <
		    verb->nargs && strchr(value, '/') != NULL)
			return (take_pair(cmd, &verb->args[i], value, err));
		return (take(cmd, &verb->args[i], value, err));
	}
	return (verb_bad(err, "%s: too many arguments: %s", verb->words,
	    value));
}

/* One more word of the command that is to be explained. */
static int
take_word(struct command *cmd, const char *value, struct verb_error *err)
{
	struct json_object	*words;
	char			 all[COMMAND_WORDS_MAX + 1];

	if (!json_object_object_get_ex(cmd->args, "command", &words) ||
	    snprintf(all, sizeof(all), "%s %s",
	    json_object_get_string(words), value) >= (int)sizeof(all))
		return (verb_bad(err, "%s: no such command", value));
	return (take(cmd, &cmd->verb->args[0], all, err));
}

static int
take(struct command *cmd, const struct verb_arg *arg, const char *value,
    struct verb_error *err)
{
	if (arg->check == CHECK_INPUTS)
		return (take_input(cmd, arg, value, err));
	json_object_object_add(cmd->args, arg->name,
	    arg->check == CHECK_FLAG ? json_object_new_boolean(1) :
	    json_object_new_string(value));
	return (0);
}

/* name=value: one more member of the object. */
static int
take_input(struct command *cmd, const struct verb_arg *arg,
    const char *value, struct verb_error *err)
{
	struct json_object	*o;
	const char		*equal = strchr(value, '=');
	char			*name;

	if (equal == NULL || equal == value)
		return (verb_bad(err, "%s: -%c needs name=value: %s",
		    cmd->verb->words, arg->option, value));
	if (!json_object_object_get_ex(cmd->args, arg->name, &o)) {
		o = json_object_new_object();
		json_object_object_add(cmd->args, arg->name, o);
	}
	if ((name = strndup(value, (size_t)(equal - value))) == NULL)
		return (verb_bad(err, "out of memory"));
	json_set_text(o, name, equal + 1);
	free(name);
	return (0);
}

static int
lacks_positional(const struct command *cmd, struct verb_error *err)
{
	const struct verb	*verb = cmd->verb;
	size_t			 i;

	for (i = 0; i < verb->nargs; i++)
		if (verb_needs(&verb->args[i], cmd->args) &&
		    verb->args[i].option == 0 &&
		    !json_object_object_get_ex(cmd->args, verb->args[i].name,
		    NULL))
			return (verb_bad(err, "%s: %s is missing", verb->words,
			    verb->args[i].name));
	return (0);
}

static void
add_defaults(struct command *cmd)
{
	const struct verb_arg	*arg;
	const char		*value;
	size_t			 i;

	for (i = 0; i < cmd->verb->nargs; i++) {
		arg = &cmd->verb->args[i];
		value = command_default(cmd->verb, arg->name);
		if (!verb_needs(arg, cmd->args))
			continue;	/* a project may say it */
		if (value != NULL && !json_object_object_get_ex(cmd->args,
		    arg->name, NULL))
			(void)take(cmd, arg, value, NULL);
	}
}
