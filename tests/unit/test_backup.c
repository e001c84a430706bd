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
 * backup.c: names, thinning against the rule written out plainly, and what
 * it must leave alone.
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

#define NOW		1767609000LL	/* 2026-01-05 10:30:00 UTC */
#define MANY		3000

#define PREFIX		"pipelines-"

static int	 statefd;
static struct backup_set set;

static int
make_state(void **state)
{
	char	 path[] = "/tmp/test_backup.XXXXXX";

	if (mkdtemp(path) == NULL ||
	    (statefd = open(path, O_RDONLY | O_DIRECTORY)) == -1)
		return (-1);
	*state = strdup(path);
	return (backup_open(&set, statefd, PREFIX));
}

static int
remove_state(void **state)
{
	char	 command[128];

	backup_close(&set);
	close(statefd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'",
	    (char *)*state);
	free(*state);
	return (system(command) == 0 ? 0 : -1);
}

static void
put_file(int dirfd, const char *name, const char *text)
{
	int	 fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
test_names(void **state)
{
	static const char *const	 foreign[] = {
		"", "pipelines-", "pipelines.json", "pipelines-2026.json",
		"pipelines-2026-01-05-10-30-00", "pipelines-2026-01-05.json",
		"pipelines-2026-02-30-10-30-00.json",
		"pipelines-2026-01-05-24-30-00.json",
		"pipelines-2026-01-05-10-30-60.json",
		"pipelines-2026-01-05-10-30-00.json.gz",
		"pipelines-2026-01-05-10-30-00-1.json",
		"pipelines-2026-01-05-10-30-00-0.json",
		"pipelines-2026-01-05-10-30-00-02.json",
		"pipelines-2026-01-05-10-30-00-.json",
		"pipelines-2026-01-05-10-30-00--2.json",
		"pipelines-2026-01-05-10-30-00-4294967296.json",
		"pipelines-2026-01-05-10-30-00-2x.json",
		"pipelines-2026-01-05T10-30-00.json",
		"Pipelines-2026-01-05-10-30-00.json",
		"projects-2026-01-05-10-30-00.json",
		"pipelines-2026-01-05-10-30-00-99999999999999999999999.json",
	};
	struct backup	 b;
	char		 name[BACKUP_NAME_SIZE];
	size_t		 i;

	(void)state;
	assert_int_equal(backup_parse(PREFIX,
	    "pipelines-2026-01-05-10-30-00.json",
	    &b), 0);
	assert_int_equal(b.time, NOW);
	assert_int_equal(b.suffix, 1);
	assert_int_equal(backup_parse(PREFIX, "pipelines-2026-01-05-10-30-00-"
	    "4294967295.json", &b), 0);
	assert_true(b.suffix == UINT32_MAX);
	assert_int_equal(backup_name(PREFIX, &b, name), 0);
	assert_string_equal(name,
	    "pipelines-2026-01-05-10-30-00-4294967295.json");
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (backup_parse(PREFIX, foreign[i], &b) != -1)
			fail_msg("taken: %s", foreign[i]);
}

/* The first rule that a backup is young enough for; 3: none. */
static int
zone_of(const struct backup *b, const struct backup_policy *p, int64_t now)
{
	const int64_t	 spans[] = { p->minutely * 60LL, p->hourly * 3600LL,
	    p->daily * 86400LL };
	int64_t		 age = now > b->time ? now - b->time : 0;
	int		 zone;

	for (zone = 0; zone < 3 && age >= spans[zone]; zone++)
		continue;
	return (zone);
}

/* The policy once more, one backup against all that are newer. */
static int
must_stay(const struct backup *list, size_t n, size_t i,
    const struct backup_policy *p, int64_t now)
{
	static const int64_t	 units[] = { 60, 3600, 86400 };
	size_t			 j;
	int			 zone = zone_of(&list[i], p, now);

	if (n - i <= p->newest)
		return (1);
	if (zone == 3)
		return (0);
	for (j = i + 1; n - j > p->newest; j++)
		if (zone_of(&list[j], p, now) == zone &&
		    list[j].time / units[zone] == list[i].time / units[zone])
			return (0);
	return (1);
}

static int
by_time(const void *a, const void *b)
{
	const struct backup	*x = a, *y = b;

	if (x->time != y->time)
		return (x->time < y->time ? -1 : 1);
	return (x->suffix < y->suffix ? -1 : x->suffix > y->suffix);
}

static void
test_choose(void **state)
{
	static const struct backup_policy	 policies[] = {
		{ 10, 60, 48, 60 }, { 1, 0, 0, 0 }, { 3, 5, 1, 2 },
		{ 0, 60, 48, 60 }, { 5000, 1, 1, 1 }, { 2, 120, 1, 400 }
	};
	static struct backup	 list[MANY];
	static const int64_t	 spans[] = { 900, 7200, 300000, 9000000 };
	size_t			 i, p, kept;

	(void)state;
	srandom(5);
	for (i = 0; i < MANY; i++) {
		list[i].time = NOW + 60 - random() % spans[i % 4];
		list[i].suffix = (uint32_t)i + 1;
	}
	qsort(list, MANY, sizeof(list[0]), by_time);
	for (p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		backup_choose(list, MANY, &policies[p], NOW);
		for (i = kept = 0; i < MANY; i++) {
			if (list[i].keep != must_stay(list, MANY, i,
			    &policies[p], NOW))
				fail_msg("policy %zu, age %lld: %d", p,
				    (long long)(NOW - list[i].time),
				    list[i].keep);
			kept += (size_t)list[i].keep;
		}
		if (p == 0)
			assert_in_range(kept, 100, 10 + 61 + 49 + 61);
	}
}

/* What was thinned once is not thinned further by doing it again. */
static void
test_choose_is_stable(void **state)
{
	static const struct backup_policy	 policy = { 10, 60, 48, 60 };
	static struct backup	 list[MANY];
	size_t			 i, n = 0;

	(void)state;
	for (i = 0; i < MANY; i++)
		list[i].time = NOW - (int64_t)(MANY - i) * 97;
	backup_choose(list, MANY, &policy, NOW);
	for (i = 0; i < MANY; i++)
		if (list[i].keep)
			list[n++] = list[i];
	backup_choose(list, n, &policy, NOW);
	for (i = 0; i < n; i++)
		assert_true(list[i].keep);
	backup_choose(list, 0, &policy, NOW);
}

static void
test_link(void **state)
{
	char	 name[BACKUP_NAME_SIZE];

	(void)state;
	assert_int_equal(backup_link(&set, "pipelines.json", NOW, name), 0);
	assert_string_equal(name, "");
	put_file(statefd, "pipelines.json", "1");
	assert_int_equal(backup_link(&set, "pipelines.json", NOW, name), 0);
	assert_string_equal(name, "pipelines-2026-01-05-10-30-00.json");
	assert_int_equal(backup_link(&set, "pipelines.json", NOW, name), 0);
	assert_string_equal(name, "pipelines-2026-01-05-10-30-00-2.json");
	/* Taken by someone else since the folder was read. */
	put_file(set.fd, "pipelines-2026-01-05-10-30-00-3.json", "x");
	assert_int_equal(backup_link(&set, "pipelines.json", NOW, name), 0);
	assert_string_equal(name, "pipelines-2026-01-05-10-30-00-4.json");
	backup_undo(&set, name);
	assert_int_equal(faccessat(set.fd, name, F_OK, 0), -1);
	assert_string_equal(backup_nth(&set, 0),
	    "pipelines-2026-01-05-10-30-00-2.json");
	/* The clock went back: it is filed where it says it belongs. */
	assert_int_equal(backup_link(&set, "pipelines.json", NOW - 60,
	    name), 0);
	assert_string_equal(backup_nth(&set, 2),
	    "pipelines-2026-01-05-10-29-00.json");
	assert_null(backup_nth(&set, 3));
	assert_int_equal(backup_link(&set, "pipelines.json", INT64_MAX,
	    name), -1);
}

static void
test_thin_is_bounded(void **state)
{
	static const struct backup_policy	 policy = { 5, 1, 0, 0 };
	char		 name[BACKUP_NAME_SIZE];
	struct backup	 b = { .suffix = 1 };
	size_t		 i, n;

	(void)state;
	for (i = 0; i < 100; i++) {
		b.time = NOW - 100000 + (int64_t)i;
		assert_int_equal(backup_name(PREFIX, &b, name), 0);
		put_file(set.fd, name, "x");
	}
	put_file(set.fd, "mine", "x");
	/* Gone already, and not removable: neither stops the others. */
	backup_close(&set);
	assert_int_equal(backup_open(&set, statefd, PREFIX), 0);
	backup_set_policy(&set, &policy);
	b.time = NOW - 100000;
	assert_int_equal(backup_name(PREFIX, &b, name), 0);
	assert_int_equal(unlinkat(set.fd, name, 0), 0);
	b.time++;
	assert_int_equal(backup_name(PREFIX, &b, name), 0);
	assert_int_equal(unlinkat(set.fd, name, 0), 0);
	assert_int_equal(mkdirat(set.fd, name, 0700), 0);
	backup_thin(&set, NOW);
	for (n = 0; backup_nth(&set, n) != NULL; n++)
		continue;
	assert_int_equal(n, 100 - BACKUP_UNLINK_MAX);
	for (i = 0; i < 10; i++)
		backup_thin(&set, NOW);
	for (n = 0; backup_nth(&set, n) != NULL; n++)
		assert_int_equal(faccessat(set.fd, backup_nth(&set, n),
		    F_OK, 0), 0);
	assert_int_equal(n, 5);
	assert_int_equal(faccessat(set.fd, "mine", F_OK, 0), 0);
	assert_int_equal(faccessat(set.fd, name, F_OK, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_choose_is_stable),
		cmocka_unit_test_setup_teardown(test_link, make_state,
		    remove_state),
		cmocka_unit_test_setup_teardown(test_thin_is_bounded,
		    make_state, remove_state),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
