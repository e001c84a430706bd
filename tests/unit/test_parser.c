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
 * Tests of ccmctl's command line: every way to write a command, and what is
 * said about those that are none.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

#define ARGV_MAX	16
#define DEFAULT_WORKFLOW	".github/workflows/deploy.yml"

static struct {
	struct command		 cmd;
	struct verb_error	 err;
	char			 line[512];
} t;

/* Parse a line whose words are separated by blanks; `_` is an empty one. */
static int
parse(const char *line)
{
	char	*argv[ARGV_MAX + 1], *p = t.line, *word;
	int	 argc = 0;

	command_clear(&t.cmd);
	assert_true(strlcpy(t.line, line, sizeof(t.line)) < sizeof(t.line));
	argv[argc++] = (char[]){ "ccmctl" };
	while ((word = strsep(&p, " ")) != NULL) {
		assert_true(argc < ARGV_MAX);
		if (strcmp(word, "_") == 0)
			*word = '\0';
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return (command_parse(argc, argv, &t.cmd, &t.err));
}

static void
assert_args(const char *line, enum verb_id verb, const char *args)
{
	assert_int_equal(parse(line), 0);
	assert_int_equal(t.cmd.local, LOCAL_NONE);
	assert_int_equal(t.cmd.verb->id, verb);
	assert_string_equal(json_object_to_json_string_ext(t.cmd.args,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), args);
}

static void
assert_refused(const char *line, const char *why)
{
	assert_int_equal(parse(line), -1);
	assert_int_equal(t.err.status, 400);
	assert_string_equal(t.err.code, "invalid_argument");
	assert_non_null(strstr(t.err.text, why));
}

static int
clear(void **state)
{
	(void)state;
	command_clear(&t.cmd);
	return (0);
}

static void
test_commands(void **state)
{
	(void)state;
	assert_args("list", VERB_PIPELINE_LIST, "{}");
	assert_args("status", VERB_DAEMON_STATUS, "{}");
	assert_args("show p1", VERB_PIPELINE_SHOW, "{\"id\":\"p1\"}");
	assert_args("provision a/b", VERB_PIPELINE_PROVISION,
	    "{\"repo\":\"a/b\",\"workflow_file\":\"" DEFAULT_WORKFLOW "\"}");
}

static void
test_order_of_options(void **state)
{
	static const char *const	 lines[] = {
		"runs p1 -n 3 -b main",
		"runs -n 3 p1 -b main",
		"runs -n3 -bmain p1",
		"runs -n 3 -b main -- p1",
	};
	const char	*s;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(json_string(t.cmd.args, "id"), "p1");
		assert_string_equal(json_string(t.cmd.args, "branch"),
		    "main");
		s = json_object_to_json_string(json_object_object_get(
		    t.cmd.args, "limit"));
		assert_string_equal(s, "3");
	}
	/* Behind "--" nothing is an option. */
	assert_args("show -- -x", VERB_PIPELINE_SHOW, "{\"id\":\"-x\"}");
	assert_refused("show -- a b", "too many arguments: b");
}

static void
test_flags(void **state)
{
	(void)state;
	assert_args("stats -f p1", VERB_PIPELINE_STATS,
	    "{\"fresh\":true,\"id\":\"p1\"}");
	assert_int_equal(t.cmd.json, 0);
	assert_args("teardown p1 -yj", VERB_PIPELINE_TEARDOWN,
	    "{\"id\":\"p1\"}");
	assert_int_equal(t.cmd.yes, 1);
	assert_int_equal(t.cmd.json, 1);
	assert_args("teardown p1", VERB_PIPELINE_TEARDOWN,
	    "{\"id\":\"p1\"}");
	assert_int_equal(t.cmd.yes, 0);
	assert_refused("show -y p1", "show: unknown option -y");
	/* What is no option of a person's. */
	assert_refused("teardown p1 -- -", "too many arguments");
}

/* The same letter before and behind the command is not the same option. */
static void
test_globals(void **state)
{
	(void)state;
	assert_args("-j -s /a/sock list -s active", VERB_PIPELINE_LIST,
	    "{\"status\":\"active\"}");
	assert_string_equal(t.cmd.socket, "/a/sock");
	assert_int_equal(t.cmd.json, 1);
	assert_args("list -j", VERB_PIPELINE_LIST, "{}");
	assert_null(t.cmd.socket);
	assert_int_equal(t.cmd.json, 1);
	assert_int_equal(t.cmd.ascii, 0);
	assert_args("-A list", VERB_PIPELINE_LIST, "{}");
	assert_int_equal(t.cmd.ascii, 1);
	assert_args("list -A", VERB_PIPELINE_LIST, "{}");
	assert_int_equal(t.cmd.ascii, 1);
	assert_refused("-s", "option -s needs a value");
	assert_refused("-x list", "unknown option -x");
	assert_refused("-j", "a command is missing");
}

static void
test_own_commands(void **state)
{
	int64_t	 n;

	(void)state;
	assert_int_equal(parse("monitor -1 -i 5"), 0);
	assert_int_equal(t.cmd.local, LOCAL_MONITOR);
	assert_int_equal(json_flag(t.cmd.args, "once"), 1);
	assert_int_equal(json_int(t.cmd.args, "interval", &n), 1);
	assert_int_equal(n, 5);
	assert_int_equal(parse("monitor"), 0);
	assert_int_equal(json_flag(t.cmd.args, "once"), 0);
	assert_refused("monitor -i 3601", "interval must be");
	assert_refused("monitor -i 0", "interval must be");
	assert_refused("monitor now", "too many arguments: now");
	assert_int_equal(parse("menu"), 0);
	assert_int_equal(t.cmd.local, LOCAL_MENU);
	assert_int_equal(t.cmd.implied, 0);
	assert_refused("menu now", "too many arguments: now");
	assert_refused("menu -j", "menu: unknown option -j");
	assert_refused("-j menu", "menu: unknown option -j");
	/* No command at all. */
	assert_int_equal(parse("-A"), 0);
	assert_int_equal(t.cmd.local, LOCAL_MENU);
	assert_int_equal(t.cmd.implied, 1);
	assert_int_equal(parse("help"), 0);
	assert_int_equal(t.cmd.local, LOCAL_HELP);
	assert_int_equal(parse("help show"), 0);
	assert_string_equal(json_string(t.cmd.args, "command"), "show");
}

static void
test_refused(void **state)
{
	(void)state;
	assert_refused("_", ": no such command");
	assert_refused("lis", "lis: no such command");
	assert_refused("lists", "lists: no such command");
	assert_refused("healthz", "no such command");
	assert_refused("show", "show: id is missing");
	assert_refused("show _", "show: id is empty");
	assert_refused("show a b", "too many arguments: b");
	assert_refused("runs p1 -n", "option -n needs a value");
	assert_refused("runs p1 -n 1001", "limit must be");
	assert_refused("runs p1 -n 3x", "limit must be");
	assert_refused("list -Z", "list: unknown option -Z");
	assert_refused("list -s none", "status must be");
	assert_refused("provision ab", "repo must be");
	assert_refused("provision a/b -w dir/x.yml", "workflow_file must be");
	assert_refused("provision a/b -a .x", "linked_app must be");
}

/* An id that can be none is "not found", as over HTTP, and not usage. */
static void
test_impossible_id(void **state)
{
	(void)state;
	assert_int_equal(parse("show no/id"), -1);
	assert_int_equal(t.err.status, 404);
}

static void
test_table(void **state)
{
	const struct verb	*verb;
	enum local		 local;
	size_t			 i, n = 0, rows = 0;

	(void)state;
	for (i = 0; (verb = verb_at(i)) != NULL; i++)
		rows += verb->words != NULL && (verb->doors & DOOR_CTL) != 0;
	for (i = 0; (verb = command_at(i, &local)) != NULL; i++) {
		assert_ptr_equal(command_by_words(verb->words), verb);
		n++;
	}
	/* The daemon's, menu, monitor, runs watch, token new and help. */
	assert_int_equal(n, rows + 5);
	assert_null(command_at(n + 1, &local));
	assert_null(command_by_words("lis"));
	assert_string_equal(command_default(verb_get(VERB_PIPELINE_PROVISION),
	    "workflow_file"), DEFAULT_WORKFLOW);
	assert_null(command_default(verb_get(VERB_PIPELINE_PROVISION),
	    "repo"));
}

static void
test_usage(void **state)
{
	const struct verb	*verb;
	enum local		 local;
	char			*out = NULL, needle[128];
	size_t			 i, len;
	FILE			*f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	usage_all(f);
	for (i = 0; (verb = command_at(i, &local)) != NULL; i++)
		usage_one(f, verb);
	assert_int_equal(fclose(f), 0);
	for (i = 0; (verb = command_at(i, &local)) != NULL; i++) {
		(void)snprintf(needle, sizeof(needle), "\n  %-16s %s\n",
		    verb->words, verb->summary);
		assert_non_null(strstr(out, needle));
	}
	assert_non_null(strstr(out, "ccmctl teardown [-j] [-y] id\n"));
	assert_non_null(strstr(out, "ccmctl provision [-j] "
	    "[-w workflow_file] [-p project] [-d linked_domain] "
	    "[-a linked_app] [-v vps] repo\n"));
	assert_non_null(strstr(out, "ccmctl menu\n"));
	assert_non_null(strstr(out, "ccmctl monitor [-j] [-1] "
	    "[-i interval]\n"));
	free(out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(test_commands, clear),
		cmocka_unit_test_teardown(test_order_of_options, clear),
		cmocka_unit_test_teardown(test_flags, clear),
		cmocka_unit_test_teardown(test_globals, clear),
		cmocka_unit_test_teardown(test_own_commands, clear),
		cmocka_unit_test_teardown(test_refused, clear),
		cmocka_unit_test_teardown(test_impossible_id, clear),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_usage),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
