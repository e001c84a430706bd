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
 * Strict JSON, times, names, verbs: what passes and what does not.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "timestamp.h"
#include "verb.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct json_object *
parse(const char *text, struct json_error *err)
{
	return (json_parse_strict(text, strlen(text), 1 << 20, err));
}

static void
test_json_good(void **state)
{
	static const char *const	 good[] = {
		"{}", "[]", "0", "-0", "1.5e3", "\"\"", "true", "[null]",
		" [ 1 , 2 ] ", "{\"a\":{\"a\":[]}}", "\"\\u00e9\\ud83d\\ude00\"",
		"9223372036854775807", "-9223372036854775808",
		"{\"a:b\":\"c:\\\"d\",\"e\":\"\\\\\"}", "[[[[[[[[[[]]]]]]]]]]",
		"\"\xf0\x9f\x98\x80\"",
	};
	struct json_object	*o;
	struct json_error	 err;
	size_t			 i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		memset(&err, 0, sizeof(err));
		o = parse(good[i], &err);
		if (err.text[0] != '\0')
			fail_msg("%s: %s", good[i], err.text);
		json_object_put(o);
	}
}

static void
test_json_bad(void **state)
{
	static const struct {
		const char	*text;
		size_t		 line, column;
	} bad[] = {
		{ "", 1, 1 }, { " ", 1, 2 }, { "{", 1, 2 }, { "[1,]", 1, 4 },
		{ "{\"a\":1,}", 1, 8 }, { "{a:1}", 1, 2 }, { "{'a':1}", 1, 2 },
		{ "NaN", 1, 1 }, { "Infinity", 1, 1 }, { "-Infinity", 1, 2 },
		{ "1e999", 1, 6 }, { "01", 1, 2 }, { "+1", 1, 1 },
		{ ".5", 1, 1 }, { "1.", 1, 3 }, { "1e", 1, 3 },
		{ "9223372036854775808", 1, 20 }, { "tru", 1, 1 },
		{ "{} {}", 1, 4 }, { "1 2", 1, 3 }, { "\"a", 1, 3 },
		{ "\"\t\"", 1, 2 }, { "\"\\x\"", 1, 2 },
		{ "\"\\u12\"", 1, 6 }, { "\"\\u0000\"", 1, 8 },
		{ "\"\\ud800\"", 1, 8 }, { "\"\\udc00\"", 1, 8 },
		{ "\"\xff\"", 1, 2 }, { "\"\xc0\xaf\"", 1, 2 },
		{ "\"\xed\xa0\x80\"", 1, 2 }, { "\"\xf4\x90\x80\x80\"", 1, 2 },
		{ "\"\xe2\x82\"", 1, 2 }, { "[\n1,\n x]", 3, 2 },
		{ "/**/1", 1, 1 }, { "[1 2]", 1, 4 }, { "{\"a\" 1}", 1, 6 },
		{ "]", 1, 1 }, { "[}", 1, 2 }, { "\xef\xbb\xbf{}", 1, 1 },
		{ "null", 1, 1 }, { " null ", 1, 1 },
	};
	struct json_error	 err;
	size_t			 i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		assert_null(parse(bad[i].text, &err));
		if (err.line != bad[i].line || err.column != bad[i].column)
			fail_msg("%s: %zu:%zu: %s", bad[i].text, err.line,
			    err.column, err.text);
	}
}

static void
test_json_doubles_and_depth(void **state)
{
	static const char *const	 twice[] = {
		"{\"a\":1,\"a\":2}", "[{\"b\":{\"a\":1,\"a\":1}}]",
		"{\"a\":1,\"\\u0061\":2}", "{\"\":1,\"\":2}",
	};
	char			 deep[2 * JSON_DEPTH_MAX + 3];
	struct json_error	 err;
	struct json_object	*o;
	size_t			 i;

	(void)state;
	for (i = 0; i < N(twice); i++) {
		assert_null(parse(twice[i], &err));
		assert_non_null(strstr(err.text, "twice"));
	}
	/* One level too many, and without it, for both bounds. */
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse_strict(deep, 130, 200, &err));
	assert_non_null(o = json_parse_strict(deep + 1, 128, 200, &err));
	json_object_put(o);
	assert_null(json_parse_client(deep + 65 - 33, 66, 200, &err));
	assert_non_null(strstr(err.text, "deep"));
	assert_non_null(o = json_parse_client(deep + 65 - 32, 64, 200, &err));
	json_object_put(o);
	assert_null(json_parse_strict("{}", 2, 1, &err));
	assert_null(json_parse_strict("\"a\0b\"", 5, 10, &err));
}

static void
test_json_find(void **state)
{
	static const struct {
		const char	*text;
		const char	*found;		/* NULL: not */
	} cases[] = {
		{ "{\"token\":\"ghs_1\"}", "ghs_1" },
		{ " {\n\"a\" : [ {\"token\":\"no\"} ] ,\t\"token\" :\r\"y\" }",
		    "y" },
		{ "{\"a\":\"token\",\"token\":\"\"}", "" },
		{ "{\"a\\\"b\":\"\\\\\",\"token\":\"z\"}", "z" },
		{ "{\"a\":\"\\\"token\\\":\"}", NULL },
		{ "{\"token\":1}", NULL },
		{ "{\"token\":null}", NULL },
		{ "{\"token\":{\"token\":\"x\"}}", NULL },
		{ "{\"a\":{\"token\":\"x\"}}", NULL },
		{ "{\"tokens\":\"x\",\"toke\":\"x\"}", NULL },
		{ "{\"token\":\"x\\u0041\"}", NULL },
		{ "{\"\\u0074oken\":\"x\"}", NULL },
		{ "{\"token\":\"x\",\"token\":\"y\"}", NULL },
		{ "{\"token\":\"x", NULL }, { "{\"token\":\"x\\", NULL },
		{ "{\"token\":", NULL }, { "{\"token", NULL }, { "", NULL },
		{ "\"token\":\"x\"", NULL },
	};
	const char	*text;
	char		*copy;
	size_t		 i, n, len;
	int		 r;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		/* Of just that size: what is read behind it is seen. */
		len = strlen(cases[i].text);
		assert_non_null(copy = malloc(len + 1));
		memcpy(copy, cases[i].text, len);
		assert_non_null(copy = realloc(copy, len > 0 ? len : 1));
		r = json_find_text(copy, len, "token", &text, &n);
		if (r != (cases[i].found != NULL ? 0 : -1))
			fail_msg("%s: %d", cases[i].text, r);
		if (r == 0) {
			assert_int_equal(n, strlen(cases[i].found));
			assert_memory_equal(text, cases[i].found, n);
		}
		free(copy);
	}
}

static void
test_utf8(void **state)
{
	(void)state;
	assert_true(json_utf8("a\xc3\xa9\xf0\x9f\x98\x80", 7));
	assert_true(json_utf8("", 0));
	assert_false(json_utf8("\xff", 1));
	assert_false(json_utf8("a\xc3", 2));
	assert_false(json_utf8("\xed\xa0\x80", 3));
	assert_int_equal(json_cut("a\xc3\xa9z", 2), 1);
	assert_int_equal(json_cut("a\xc3\xa9z", 3), 3);
	assert_int_equal(json_cut("a\xc3\xa9z", 4), 4);
	assert_int_equal(json_cut("a\xc3\xa9z", 9), 4);
	assert_int_equal(json_cut("\xf0\x9f\x98\x80", 3), 0);
}

static void
test_timestamps(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 seconds;	/* -1: refused */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-01-05T10:30:00Z", 1767609000 },
		{ "2026-01-05T10:30:00.999Z", 1767609000 },
		{ "2026-01-05T12:30:00+02:00", 1767609000 },
		{ "2026-01-05T05:00:00-05:30", 1767609000 },
		{ "2026-01-05T10:30:00.123456", 1767609000 },
		{ "2026-01-05 10:30:00", 1767609000 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2023-02-29T00:00:00Z", -1 }, { "2026-13-01T00:00:00Z", -1 },
		{ "2026-00-01T00:00:00Z", -1 }, { "2026-01-32T00:00:00Z", -1 },
		{ "2026-01-05T24:00:00Z", -1 }, { "2026-01-05T10:60:00Z", -1 },
		{ "2026-01-05", -1 }, { "", -1 }, { "2026-01-05T10:30:00ZZ", -1 },
		{ "2026-01-05T10:30:00.Z", -1 }, { "26-01-05T10:30:00Z", -1 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2026-01-05T10:30:00+2:00", -1 },
	};
	char	 buf[TIMESTAMP_SIZE], file[TIMESTAMP_FILE_SIZE];
	int64_t	 t;
	size_t	 i;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		int r = timestamp_parse(cases[i].text, &t);

		if (r == 0 ? t != cases[i].seconds : cases[i].seconds != -1)
			fail_msg("%s: %d %lld", cases[i].text, r,
			    (long long)t);
	}
	assert_string_equal(timestamp_format(1767609000, buf),
	    "2026-01-05T10:30:00Z");
	assert_string_equal(timestamp_file(1767609000, file),
	    "2026-01-05-10-30-00");
	assert_string_equal(timestamp_format(INT64_MAX / 2, buf), "");
}

static void
test_names(void **state)
{
	static const char *const	 files[] = {
		"my deploy.yml", "d\xc3\xa9ploy.yml", "a&b<c>.yaml", "a#b.yml",
		"100%25.yml", "a?b;c:d'e\"f.yml", "\xf0\x9f\x9a\x80.yml"
	};
	static const char *const	 no_files[] = {
		"\xff.yml", "a\\b.yml", "a\nb.yml", "a\x7f.yml", "a.YML",
		"..yml", ".github/workflows/../a.yml",
		".github/workflows/a/b.yml", "\xc0\xaf.yml"
	};
	char	 path[64], small[20];
	size_t	 i;

	(void)state;
	assert_true(pipeline_repository_ok("a/b"));
	assert_true(pipeline_repository_ok("My-Org/x.y_z-1"));
	assert_true(pipeline_repository_ok("a_short/.github"));
	assert_false(pipeline_repository_ok("a"));
	assert_false(pipeline_repository_ok("a/b/c"));
	assert_false(pipeline_repository_ok("/b"));
	assert_false(pipeline_repository_ok("a/"));
	assert_false(pipeline_repository_ok("a--b/c"));
	assert_false(pipeline_repository_ok("a-/c"));
	assert_false(pipeline_repository_ok("a/.."));
	assert_false(pipeline_repository_ok("a/b.git"));
	assert_false(pipeline_repository_ok("a/b c"));
	assert_false(pipeline_repository_ok("a/b%2f"));
	assert_int_equal(pipeline_workflow_path("deploy.yml", path,
	    sizeof(path)), 0);
	assert_string_equal(path, ".github/workflows/deploy.yml");
	assert_int_equal(pipeline_workflow_path(
	    ".github/workflows/d.yaml", path, sizeof(path)), 0);
	assert_int_equal(pipeline_workflow_path(".yml", path, sizeof(path)),
	    -1);
	assert_int_equal(pipeline_workflow_path("a/b.yml", path,
	    sizeof(path)), -1);
	assert_int_equal(pipeline_workflow_path("../b.yml", path,
	    sizeof(path)), -1);
	assert_int_equal(pipeline_workflow_path("b.txt", path, sizeof(path)),
	    -1);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(pipeline_workflow_path(files[i], path,
		    sizeof(path)), 0);
	for (i = 0; i < sizeof(no_files) / sizeof(no_files[0]); i++)
		assert_int_equal(pipeline_workflow_path(no_files[i], path,
		    sizeof(path)), -1);
	assert_int_equal(pipeline_workflow_path("deploy.yml", small,
	    sizeof(small)), -1);
	assert_true(pipeline_domain_ok("example.com"));
	assert_true(pipeline_domain_ok("a"));
	assert_true(pipeline_domain_ok("xn--bcher-kva.example"));
	assert_false(pipeline_domain_ok("a..b"));
	assert_false(pipeline_domain_ok("-a.de"));
	assert_false(pipeline_domain_ok("a_b.de"));
	assert_false(pipeline_domain_ok("a.de."));
	assert_false(pipeline_domain_ok("a/b"));
	assert_true(pipeline_name_ok("my-app_1.2"));
	assert_false(pipeline_name_ok(".hidden"));
	assert_false(pipeline_name_ok(""));
	assert_true(pipeline_id_ok("pipe_0123456789ab"));
	assert_false(pipeline_id_ok("a.b"));
}

/* The rows fit together: unique names, and args that the path names. */
static void
test_verbs(void **state)
{
	const struct verb	*v;
	size_t			 i, j;

	(void)state;
	for (i = 0; (v = verb_at(i)) != NULL; i++) {
		assert_ptr_equal(verb_by_name(v->name), v);
		assert_ptr_equal(verb_get(v->id), v);
		assert_int_equal(v->id, i + 1);
		assert_true(v->doors != 0);
		assert_int_equal((v->doors & DOOR_HTTP) != 0,
		    v->path != NULL);
		assert_int_equal(v->path == NULL, v->method == NULL);
		for (j = 0; j < v->nargs; j++) {
			char brace[64];

			(void)snprintf(brace, sizeof(brace), "{%s}",
			    v->args[j].name);
			if (v->path != NULL &&
			    v->args[j].place == PLACE_PATH)
				assert_non_null(strstr(v->path, brace));
		}
	}
	assert_null(verb_by_name("nothing"));
	assert_null(verb_get(0));
	assert_null(verb_get(VERB_MAX));
	assert_int_equal(role_parse("api"), ROLE_API);
	assert_int_equal(role_parse("none"), ROLE_NONE);
	assert_int_equal(role_parse("root"), ROLE_NONE);
}

static void
test_arguments(void **state)
{
	const struct verb	*v = verb_get(VERB_PIPELINE_PROVISION);
	struct verb_error	 err;
	struct json_object	*o;

	(void)state;
	o = parse("{\"repo\":\"a/b\",\"workflow_file\":\"d.yml\",\"vps\":\"\","
	    "\"linked_app\":null,\"more\":1}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), 0);
	assert_string_equal(json_text(o, NULL), "{\"repo\":\"a/b\","
	    "\"workflow_file\":\".github/workflows/d.yml\"}");
	json_object_put(o);
	o = parse("{\"repo\":\"\",\"workflow_file\":\"d.yml\"}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), -1);
	assert_int_equal(err.status, 400);
	json_object_put(o);
	o = parse("{\"workflow_file\":\"d.yml\"}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), -1);
	assert_string_equal(err.text,
	    "Missing required fields: repo, workflow_file");
	json_object_put(o);
	v = verb_get(VERB_PIPELINE_RUNS);
	o = parse("{\"id\":\"p\",\"limit\":\"25\"}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), 0);
	assert_string_equal(json_text(o, NULL), "{\"id\":\"p\",\"limit\":25}");
	json_object_put(o);
	o = parse("{\"id\":\"p\",\"limit\":1001}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), -1);
	json_object_put(o);
	o = parse("{\"id\":\"../x\"}", NULL);
	assert_int_equal(verb_check_args(v, o, &err), -1);
	assert_int_equal(err.status, 404);
	json_object_put(o);
}

static int	 said_priority;
static char	 said[64];

static void
say(int priority, const char *name, const char *text)
{
	(void)name;
	said_priority = priority;
	(void)snprintf(said, sizeof(said), "%s", text);
}

/* Nothing that a child writes is an emergency, shown on all terminals. */
static void
test_child_lines(void **state)
{
	static const struct {
		const char	*line;
		int		 priority;
		const char	*text;
	} c[] = {
		{ "<0>x", 3, "x" }, { "<2>x", 3, "x" }, { "<3>x", 3, "x" },
		{ "<6>x", 6, "x" }, { "<7>x", 7, "x" }, { "<8>x", 4, "<8>x" },
		{ "x", 4, "x" }, { "<6>a\rb\033[2J", 6, "a\\rb^[[2J" },
	};
	size_t	 i;

	(void)state;
	log_set_output(say);
	for (i = 0; i < N(c); i++) {
		log_child_line("api", c[i].line);
		assert_int_equal(said_priority, c[i].priority);
		assert_string_equal(said, c[i].text);
	}
	log_set_output(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_lines),
		cmocka_unit_test(test_json_good),
		cmocka_unit_test(test_json_bad),
		cmocka_unit_test(test_json_doubles_and_depth),
		cmocka_unit_test(test_json_find),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_arguments),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
