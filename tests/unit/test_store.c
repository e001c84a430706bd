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
 * store.c and save.c: loading, staging, saving, going back.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup.h"
#include "json.h"
#include "store.h"

#define NOW	1767609000LL	/* 2026-01-05 10:30:00 UTC */
#define FILE_TEXT(docs)	"{\"pipelines\": {" docs "}, \"x\": null}"
#define DOC(id, repo, status)						\
	"\"" id "\": {\"pipeline_id\": \"" id "\", \"repository\": \""	\
	repo "\", \"workflow_file\": \"ci.yml\", \"status\": \"" status	\
	"\", \"created_at\": \"2026-01-05T10:30:00Z\", \"n\": 1.50}"

static int	 statefd;

static int
make_state(void **state)
{
	char	 path[] = "/tmp/test_store.XXXXXX";

	if (mkdtemp(path) == NULL ||
	    (statefd = open(path, O_RDONLY | O_DIRECTORY)) == -1)
		return (-1);
	*state = strdup(path);
	store_open(statefd);
	return (0);
}

static int
remove_state(void **state)
{
	char	 command[128];

	store_close();
	close(statefd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'",
	    (char *)*state);
	free(*state);
	return (system(command) == 0 ? 0 : -1);
}

static void
put_text(const char *text)
{
	int	 fd = openat(statefd, STORE_FILE, O_WRONLY | O_CREAT |
	    O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char *
get_text(void)
{
	static char	 buf[65536];
	int		 fd = openat(statefd, STORE_FILE, O_RDONLY);
	ssize_t		 n;

	assert_int_not_equal(fd, -1);
	n = read(fd, buf, sizeof(buf) - 1);
	assert_in_range(n, 0, sizeof(buf) - 1);
	buf[n] = '\0';
	close(fd);
	return (buf);
}

static void
load(const char *text)
{
	struct store_fault	 fault;

	put_text(text);
	assert_int_equal(store_load(&fault), 0);
}

/* Stage a document with `name` set to `value`. */
static int
stage(const char *id, const char *name, const char *value)
{
	struct record		*r = store_find(id);
	struct json_object	*doc = store_document(r);
	int			 n;

	json_object_object_add(doc, name, json_object_new_string(value));
	n = store_stage(doc, NULL);
	json_object_put(doc);
	return (n);
}

static void
test_faults(void **state)
{
	static const struct {
		const char	*text;
		size_t		 line;
		size_t		 column;
	} cases[] = {
		{ "{\"pipelines\": {}\n, }", 2, 3 },
		{ "{\"x\": 1,\n  \"pipelines\": []}", 2, 3 },
		{ "[]", 1, 1 },
		{ "{\"pipelines\": {\n\n " DOC("a", "o/r", "gone") "}}", 3, 2 },
		{ "{\"pipelines\": {" DOC("a", "o/r", "active") ",\n"
		    DOC("b", "o", "active") "}}", 2, 1 },
		{ "{\"pipelines\": {\n\"a\"  : 1}}", 2, 1 },
	};
	struct store_fault	 fault;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_text(cases[i].text);
		assert_int_equal(store_load(&fault), -1);
		if (fault.line != cases[i].line ||
		    fault.column != cases[i].column || fault.text[0] == '\0')
			fail_msg("case %zu: %zu:%zu %s", i, fault.line,
			    fault.column, fault.text);
		assert_int_equal(store_count(), 0);
		assert_string_equal(get_text(), cases[i].text);
	}
}

static void
test_no_file_is_empty(void **state)
{
	struct store_fault	 fault;

	(void)state;
	assert_int_equal(store_load(&fault), 0);
	assert_int_equal(store_count(), 0);
	assert_null(store_next(NULL));
}

static void
test_save(void **state)
{
	struct stat	 st;
	char		*text;

	(void)state;
	load(FILE_TEXT(DOC("b", "o/r", "active") ","
	    DOC("a", "o/s", "active")));
	assert_int_equal(store_count(), 2);
	assert_int_equal(stage("a", "mine", "\xc3\xa9/\""), 1);
	assert_int_equal(stage("a", "mine", "\xc3\xa9/\""), 0);
	assert_string_equal(store_next_changed(NULL)->id, "a");
	assert_null(store_next_changed(store_next_changed(NULL)));
	assert_int_equal(store_save(NOW), 0);
	store_settle();
	assert_null(store_next_changed(NULL));
	text = get_text();
	assert_non_null(strstr(text, "\"n\":1.50,\"mine\":\"\xc3\xa9/\\\"\""));
	assert_non_null(strstr(text, "\"x\": null"));
	assert_non_null(strstr(text,
	    "\"last_updated\": \"2026-01-05T10:30:00Z\""));
	assert_int_equal(fstatat(statefd, STORE_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_string_equal(backup_nth(store_backups(), 0),
	    "pipelines-2026-01-05-10-30-00.json");
	assert_int_equal(faccessat(statefd, STORE_TEMPORARY, F_OK, 0), -1);
}

static void
test_rollback(void **state)
{
	struct json_object	*doc;
	struct record		*r;

	(void)state;
	load(FILE_TEXT(DOC("a", "o/s", "active")));
	assert_int_equal(stage("a", "status", "inactive"), 1);
	assert_int_equal(stage("a", "repository", "o/t"), 1);
	doc = store_document(store_find("a"));
	json_object_object_add(doc, "pipeline_id",
	    json_object_new_string("new"));
	assert_int_equal(store_stage(doc, &r), 1);
	json_object_put(doc);
	assert_ptr_equal(r, store_find("new"));
	assert_int_equal(store_count(), 2);
	store_rollback();
	assert_int_equal(store_count(), 1);
	assert_null(store_find("new"));
	r = store_find("a");
	assert_int_equal(r->inactive, 0);
	assert_string_equal(r->repository, "o/s");
	assert_int_equal(r->changed, 0);
	assert_null(store_next_changed(NULL));
}

/* Nothing of a save that fails is left, neither of the file nor a link. */
static void
test_save_fails(void **state)
{
	const char	*text = FILE_TEXT(DOC("a", "o/s", "active"));

	(void)state;
	load(text);
	assert_int_equal(stage("a", "mine", "1"), 1);
	assert_int_equal(mkdirat(statefd, STORE_TEMPORARY, 0700), 0);
	assert_int_equal(store_save(NOW), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(unlinkat(statefd, STORE_TEMPORARY, AT_REMOVEDIR), 0);
	assert_string_equal(get_text(), text);
	assert_null(backup_nth(store_backups(), 0));
	/* A time that no name can be made of: after the temporary file. */
	assert_int_equal(store_save(INT64_MAX), -1);
	assert_string_equal(get_text(), text);
	assert_int_equal(faccessat(statefd, STORE_TEMPORARY, F_OK, 0), -1);
	assert_int_equal(store_save(NOW), 0);
}

static void
test_stage_too_large(void **state)
{
	char	*text = malloc(MSG_DOC_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', MSG_DOC_MAX);
	text[MSG_DOC_MAX] = '\0';
	load(FILE_TEXT(DOC("a", "o/s", "active")));
	errno = 0;
	assert_int_equal(stage("a", "mine", text), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_null(store_next_changed(NULL));
	free(text);
}

static void
test_find_workflow(void **state)
{
	struct json_object	*doc, *github;

	(void)state;
	load(FILE_TEXT(DOC("a", "O/Repo", "inactive") ","
	    DOC("b", "o/repo", "active") "," DOC("c", "o/other", "active")));
	assert_string_equal(store_find_workflow("", 1, 2, "o/REPO",
	    ".github/workflows/ci.yml")->id, "b");
	assert_null(store_find_workflow("", 1, 2, "o/repo",
	    ".github/workflows/cd.yml"));
	doc = store_document(store_find("c"));
	github = json_object_new_object();
	json_object_object_add(github, "repository_id",
	    json_object_new_int(7));
	json_object_object_add(github, "workflow_id",
	    json_object_new_int(8));
	json_object_object_add(doc, "github", github);
	assert_int_equal(store_stage(doc, NULL), 1);
	json_object_put(doc);
	assert_string_equal(store_find_workflow("", 7, 8, "renamed/since",
	    "other.yml")->id, "c");
	/* Another GitHub's numbers are others. */
	doc = store_document(store_find("c"));
	json_object_object_add(json_object_object_get(doc, "github"),
	    "html_url", json_object_new_string("https://GitHub.com/o/other"));
	assert_int_equal(store_stage(doc, NULL), 1);
	json_object_put(doc);
	assert_non_null(store_find_workflow("github.com", 7, 8, "o/other",
	    ".github/workflows/ci.yml"));
	assert_null(store_find_workflow("git.example", 7, 8, "o/other",
	    ".github/workflows/ci.yml"));
	/* Another repository has that name now. */
	assert_null(store_find_workflow("", 9, 8, "o/other",
	    ".github/workflows/ci.yml"));
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, make_state, remove_state)
	const struct CMUnitTest	 tests[] = {
		TEST(test_faults),
		TEST(test_no_file_is_empty),
		TEST(test_save),
		TEST(test_rollback),
		TEST(test_save_fails),
		TEST(test_stage_too_large),
		TEST(test_find_workflow),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
