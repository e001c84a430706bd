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
 * history.c, history_read.c and database.c: what is kept, and what happens
 * when it can't be.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include <cmocka.h>

#include "history.h"
#include "imsg.h"
#include "run.h"

#define NOW	1767609000LL

static int
make_state(void **state)
{
	char	 path[] = "/tmp/test_history.XXXXXX";

	if (mkdtemp(path) == NULL || chdir(path) == -1)
		return (-1);
	*state = strdup(path);
	return (history_open());
}

static int
remove_state(void **state)
{
	char	 command[128];

	history_close();
	(void)snprintf(command, sizeof(command), "rm -rf '%s'",
	    (char *)*state);
	free(*state);
	return (chdir("/") == 0 && system(command) == 0 ? 0 : -1);
}

static struct run
make_run(int64_t id, int64_t created)
{
	struct run	 run;

	memset(&run, 0, sizeof(run));
	run.id = id;
	run.workflow_id = 1;
	run.created_at = run.started_at = created;
	run.updated_at = created + 60;
	run.attempt = 1;
	run.status = RUN_COMPLETED;
	run.conclusion = RUN_SUCCESS;
	(void)strlcpy(run.status_text, "completed", sizeof(run.status_text));
	(void)strlcpy(run.conclusion_text, "success",
	    sizeof(run.conclusion_text));
	run.branch = "main";
	return (run);
}

static int
put(const char *id, const struct run *run)
{
	return (history_put(id, run, "{}", 2));
}

static void
count_row(const void *row, size_t len, void *arg)
{
	(void)row;
	(void)len;
	++*(int *)arg;
}

static int
rows_of(const char *id, int64_t since)
{
	int	 n = 0;

	assert_int_equal(history_each_row(id, since, count_row, &n), 0);
	return (n);
}

static void
keep_look(const char *url, const char *etag, uint64_t newest, void *arg)
{
	(void)snprintf(arg, 64, "%s %s %llu", url, etag,
	    (unsigned long long)newest);
}

static void
count_lost(const char *id, void *arg)
{
	(void)id;
	++*(int *)arg;
}

static void
test_restart(void **state)
{
	struct run	 run = make_run(1, NOW);
	char		 look[64] = "";
	int64_t		 at;
	uint32_t	 interval;

	(void)state;
	assert_int_equal(put("a", &run), 1);
	assert_int_equal(put("a", &run), 0);
	assert_int_equal(put("b", &run), 1);
	history_set_known("a", 1);
	history_looked("u", "e", 9, 9);
	assert_int_equal(history_pending(), 1);
	assert_int_equal(history_commit(), 0);
	assert_int_equal(history_pending(), 0);
	history_fresh("a", NOW, 60);
	history_close();
	assert_int_equal(history_open(), 0);
	assert_int_equal(history_known("a"), 1);
	assert_int_equal(history_known("b"), 0);
	assert_int_equal(history_known("c"), 0);
	assert_int_equal(history_last_look("a", &at, &interval), 0);
	assert_int_equal(at, NOW);
	assert_int_equal(interval, 60);
	assert_int_equal(history_last_look("b", &at, &interval), -1);
	assert_int_equal(history_each_look(keep_look, look), 0);
	assert_string_equal(look, "u e 9");
	assert_int_equal(rows_of("a", 0), 1);
	assert_int_equal(rows_of("c", 0), 0);
}

static void
count_look(const char *url, const char *etag, uint64_t newest, void *arg)
{
	(void)url;
	(void)etag;
	(void)newest;
	++*(int *)arg;
}

/* However many somebody makes up: there is an end. */
static void
test_looks(void **state)
{
	char	 url[32];
	int	 i, n = 0;

	(void)state;
	for (i = 0; i < 25; i++) {
		(void)snprintf(url, sizeof(url), "u%d", i);
		history_looked(url, "e", 1, 10);
		history_looked(url, "f", 2, 10);
	}
	assert_int_equal(history_commit(), 0);
	assert_int_equal(history_each_look(count_look, &n), 0);
	assert_int_equal(n, 5);
	/* The count is that of the file. */
	history_close();
	assert_int_equal(history_open(), 0);
	for (i = 25; i < 32; i++) {
		(void)snprintf(url, sizeof(url), "u%d", i);
		history_looked(url, "e", 1, 10);
	}
	assert_int_equal(history_commit(), 0);
	n = 0;
	assert_int_equal(history_each_look(count_look, &n), 0);
	assert_int_equal(n, 2);
}

/* What the view gets, of a history that is mostly older than its window. */
static void
test_rows(void **state)
{
	struct run	 run;
	int64_t		 id;

	(void)state;
	for (id = 1; id <= 100; id++) {
		run = make_run(id, NOW - 1000000 + id);
		if (id > 90) {
			run.conclusion = RUN_CANCELLED;
			(void)strlcpy(run.conclusion_text, "cancelled",
			    sizeof(run.conclusion_text));
		}
		assert_int_equal(put("a", &run), 1);
	}
	/* Twenty counted, and the newest completed. */
	assert_int_equal(rows_of("a", NOW), 21);
	/* Ten inside, of which the newest completed is one. */
	assert_int_equal(rows_of("a", NOW - 1000000 + 90), 30);
	run = make_run(101, 5);
	run.status = RUN_QUEUED;
	assert_int_equal(put("a", &run), 1);
	assert_int_equal(rows_of("a", NOW), 22);
	/* Re-run lately: by when it started it is the newest. */
	run = make_run(1, NOW - 1000000 + 1);
	run.attempt = 2;
	run.started_at = NOW - 5;
	run.updated_at = NOW - 1;
	assert_int_equal(put("a", &run), 1);
	assert_int_equal(rows_of("a", NOW), 21);
}

/* A disk that takes no more, by RLIMIT_FSIZE. */
static void
limit(rlim_t size)
{
	struct rlimit	 rl;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
	rl.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void
test_a_failed_commit_is_made_good(void **state)
{
	struct run	 run = make_run(1, NOW);
	char		 look[64] = "";
	int		 lost = 0;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	history_set_known("a", 1);
	history_set_known("b", 1);
	assert_int_equal(history_commit(), 0);
	limit(1);
	assert_int_equal(put("a", &run), 1);
	history_looked("u", "lost", 1, 9);
	assert_int_equal(history_commit(), -1);
	assert_int_equal(history_is_behind(), 1);
	assert_int_equal(history_recover(count_lost, &lost), -1);
	assert_int_equal(lost, 0);
	limit(RLIM_INFINITY);
	/*
	 * An ETag may be stored again, but not without saying that what was
	 * before it is to be read back: also when we die now.
	 */
	history_looked("u", "next", 2, 9);
	assert_int_equal(history_commit(), 0);
	assert_int_equal(history_is_behind(), 1);
	assert_int_equal(history_known("a"), 1);
	history_close();
	assert_int_equal(history_open(), 0);
	assert_int_equal(history_known("a"), 0);
	assert_int_equal(history_known("b"), 1);
	assert_int_equal(history_each_look(keep_look, look), 0);
	assert_string_equal(look, "u next 2");
	assert_int_equal(rows_of("a", 0), 0);
}

static void
test_recover(void **state)
{
	struct run	 run = make_run(1, NOW);
	int		 lost = 0;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	history_set_known("b", 1);
	assert_int_equal(history_commit(), 0);
	limit(1);
	assert_int_equal(put("a", &run), 1);
	history_set_known("a", 1);
	assert_int_equal(history_commit(), -1);
	limit(RLIM_INFINITY);
	assert_int_equal(history_recover(count_lost, &lost), 0);
	assert_int_equal(lost, 1);
	assert_int_equal(history_is_behind(), 0);
	assert_int_equal(history_known("a"), 0);
	assert_int_equal(history_known("b"), 1);
	assert_int_equal(put("a", &run), 1);
	assert_int_equal(history_commit(), 0);
	assert_int_equal(rows_of("a", 0), 1);
}

static void
test_garbage_is_set_aside(void **state)
{
	struct run	 run = make_run(1, NOW);
	char		 garbage[4096];
	int		 fd;

	(void)state;
	history_close();
	memset(garbage, 'x', sizeof(garbage));
	assert_int_not_equal(fd = open(HISTORY_FILE, O_WRONLY | O_TRUNC), -1);
	assert_int_equal(write(fd, garbage, sizeof(garbage)),
	    sizeof(garbage));
	close(fd);
	assert_int_equal(history_open(), 0);
	assert_int_equal(put("a", &run), 1);
	assert_int_equal(history_commit(), 0);
	assert_int_equal(system("test $(ls history.db.broken-* | wc -l) = 1"),
	    0);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, make_state, remove_state)
	const struct CMUnitTest	 tests[] = {
		TEST(test_restart),
		TEST(test_looks),
		TEST(test_rows),
		TEST(test_a_failed_commit_is_made_good),
		TEST(test_recover),
		TEST(test_garbage_is_set_aside),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
