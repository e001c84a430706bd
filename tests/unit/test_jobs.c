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
 * Jobs of runs that ended are asked for one after the other, of all GitHubs:
 * one that does not answer, or may not be asked for an hour, holds up nobody
 * else's for long.  GitHub and what is around the queue are here.
 */

#include "config.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "github.h"
#include "jobs.h"
#include "log.h"
#include "proc.h"
#include "run.h"
#include "tell.h"
#include "watch.h"

#define NOW		1000000	/* milliseconds */
#define PATIENCE_MAX	(2 * 60 * 1000)

static struct {
	struct repository repository;
	struct pipeline	 pipeline;
	const char	*short_of;	/* why looks are stretched */
	int		 asked;
	int64_t		 run;		/* the last one that was */
	int64_t		 deadline;
	jobs_done	 done;
	void		*arg;
	int		 told;
} env;

/* --- In the place of the others. */

int64_t
proc_now_ms(void)
{
	return (NOW);
}

struct pipeline *
pipelines_find(const char *id)
{
	return (strcmp(id, env.pipeline.id) == 0 ? &env.pipeline : NULL);
}

void
watch_figures(const struct github *gh __attribute__((unused)),
    struct watch_figures *f)
{
	memset(f, 0, sizeof(*f));
	f->why = env.short_of;
}

int
github_throttled(struct github *gh __attribute__((unused)),
    int priority __attribute__((unused)),
    int64_t *left __attribute__((unused)), char *why __attribute__((unused)),
    size_t size __attribute__((unused)))
{
	return (0);
}

struct job_list *
jobs_ask(struct github *gh __attribute__((unused)),
    struct pipeline *p __attribute__((unused)), int64_t run,
    int64_t attempt __attribute__((unused)), int priority, int64_t deadline,
    jobs_done done, void *arg)
{
	assert_int_equal(priority, GH_LOOK);
	env.asked++;
	env.run = run;
	env.deadline = deadline;
	env.done = done;
	env.arg = arg;
	return ((struct job_list *)&env);
}

void
tell_jobs(const char *id __attribute__((unused)),
    uint64_t run __attribute__((unused)),
    uint32_t attempt __attribute__((unused)),
    struct json_object *docs __attribute__((unused)))
{
	env.told++;
}

/* --- The tests. */

static int
setup(void **state __attribute__((unused)))
{
	memset(&env, 0, sizeof(env));
	(void)strlcpy(env.pipeline.id, "pipe_1", sizeof(env.pipeline.id));
	env.pipeline.repository = &env.repository;
	return (0);
}

static void
want(int64_t id)
{
	struct run	 run = { .id = id, .attempt = 1 };

	jobs_wanted(&env.pipeline, &run);
}

/* What comes, or that nothing did. */
static void
answer(int well)
{
	struct json_object	*docs = well ? json_object_new_array() : NULL;
	struct gh_reply		 r = { .result = well ? GH_OK : GH_FAILED };

	env.done(docs, &r, env.arg);
	json_object_put(docs);
}

static void
test_one_after_the_other(void **state __attribute__((unused)))
{
	want(1);
	want(2);
	want(2);
	want(3);
	assert_int_equal(env.asked, 1);
	answer(1);
	assert_int_equal(env.run, 2);
	answer(0);
	assert_int_equal(env.run, 3);
	answer(1);
	assert_int_equal(env.asked, 3);
	assert_int_equal(env.told, 2);
}

/* Whoever holds up the others does so for a while only. */
static void
test_patience(void **state __attribute__((unused)))
{
	want(1);
	assert_in_range(env.deadline, NOW + 1, NOW + PATIENCE_MAX);
	answer(0);
}

/* Of more than fit the newest are asked for. */
static void
test_too_many(void **state __attribute__((unused)))
{
	int64_t	 id;

	for (id = 1; id <= JOBS_QUEUE_MAX + 11; id++)
		want(id);
	answer(1);
	assert_int_equal(env.run, 12);
	while (env.asked <= JOBS_QUEUE_MAX)
		answer(1);
	assert_int_equal(env.run, JOBS_QUEUE_MAX + 11);
	answer(1);
	assert_int_equal(env.told, JOBS_QUEUE_MAX + 1);
}

/* Nobody waits for them: looks go first. */
static void
test_a_short_budget(void **state __attribute__((unused)))
{
	env.short_of = "the limit";
	want(1);
	env.short_of = NULL;
	env.pipeline.repository = NULL;
	want(2);
	assert_int_equal(env.asked, 0);
	env.pipeline.repository = &env.repository;
	want(3);
	assert_int_equal(env.run, 3);
	answer(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_after_the_other, setup),
		cmocka_unit_test_setup(test_patience, setup),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_a_short_budget, setup),
	};

	log_init("test_jobs", 0, 0);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
