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
 * Hours of following runs to their end on a virtual clock: cancel.c and
 * cancel_lists.c against a GitHub that fails, and holds more runs than are
 * followed at a time.  The clock, libevent's one timer and GitHub are here.
 */

#include "config.h"

#include <sys/queue.h>
#include <sys/time.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cancel.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "watch.h"

#define MINUTE		(60 * 1000)
#define HOUR		(60 * MINUTE)
#define FAR		INT64_MAX
#define PAGE		100		/* GitHub's longest */
#define READ_MS		50
#define WRITE_MS	1000		/* apart, at least */
#define ENDS_MS		2000		/* after an accepted cancel */
#define WORKFLOW	7

/* Which it is: it is only passed on. */
#define OURS		((struct github *)&env.lists)
#define RENEWED		((struct github *)&env.run)
#define STRANGER	((struct github *)&env.cancel)

/* How GitHub answers: a status, or none at all. */
enum { NO_ANSWER = 0, OK = 200, ACCEPTED = 202, LIMIT = 429 };

struct sim_run {
	int64_t	 id;
	int64_t	 ends;		/* it is completed from then on */
};

struct event {
	event_callback_fn fn;
	void		*arg;
	int64_t		 due;
};

struct gh_call {
	TAILQ_ENTRY(gh_call) entry;
	int		 write;
	char		 path[GH_PATH_MAX];
	gh_done		 done;
	void		*arg;
	int64_t		 due;
};

static struct {
	int64_t		 now;
	int64_t		 last_write;
	struct event	 timer;
	TAILQ_HEAD(, gh_call) calls;
	struct sim_run	*runs;
	size_t		 nruns;
	/* What they are answered with. */
	int		 lists, run, cancel, force;
	/* How often they were. */
	int		 n_lists, n_run, n_cancel, n_force;
	int		 settled;
	struct github	*configured;	/* for the owner, now */
	struct github	*expected;	/* to be asked */
	int		 reused;	/* its place is another GitHub's */
	struct pipeline	 pipeline;
} env;

/* --- In the place of libevent, of the clock, of what else it tells. */

struct event *
event_new(struct event_base *base __attribute__((unused)),
    evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), event_callback_fn fn, void *arg)
{
	env.timer.fn = fn;
	env.timer.arg = arg;
	env.timer.due = FAR;
	return (&env.timer);
}

void
event_free(struct event *ev)
{
	ev->fn = NULL;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	ev->due = env.now + (int64_t)tv->tv_sec * 1000 + tv->tv_usec / 1000;
	return (0);
}

int
event_del(struct event *ev)
{
	ev->due = FAR;
	return (0);
}

static void
to_timeval(int64_t ms, struct timeval *tv)
{
	tv->tv_sec = (time_t)(ms / 1000);
	tv->tv_usec = (suseconds_t)(ms % 1000 * 1000);
}

int
event_pending(const struct event *ev, short what, struct timeval *tv)
{
	if (ev->due == FAR)
		return (0);
	to_timeval(ev->due, tv);
	return (what);
}

int
gettimeofday(struct timeval *tv, void *zone __attribute__((unused)))
{
	to_timeval(env.now, tv);
	return (0);
}

int64_t
proc_now_ms(void)
{
	return (env.now);
}

struct event_base *
poller_base(void)
{
	return (NULL);
}

int
pipeline_saw(struct pipeline *p __attribute__((unused)),
    const struct run *run __attribute__((unused)),
    struct json_object *doc __attribute__((unused)),
    uint64_t round __attribute__((unused)))
{
	return (0);
}

void
tell_run(const char *id __attribute__((unused)),
    struct json_object *doc __attribute__((unused)))
{
}

/* --- In the place of GitHub. */

struct gh_call *
github_call(struct github *gh, int priority,
    const char *method, const char *path, const char *etag, const char *body,
    int64_t deadline, gh_done done, void *arg)
{
	struct gh_call	*call = calloc(1, sizeof(*call));

	assert_non_null(call);
	assert_ptr_equal(gh, env.expected);
	assert_int_equal(priority, GH_COMMAND);
	assert_null(etag);
	assert_null(body);
	assert_int_equal(deadline, 0);
	call->write = strcmp(method, "POST") == 0;
	assert_true(call->write || strcmp(method, "GET") == 0);
	(void)strlcpy(call->path, path, sizeof(call->path));
	call->done = done;
	call->arg = arg;
	call->due = env.now + READ_MS;
	if (call->write) {
		if (env.last_write + WRITE_MS > call->due)
			call->due = env.last_write + WRITE_MS;
		env.last_write = call->due;
	}
	TAILQ_INSERT_TAIL(&env.calls, call, entry);
	return (call);
}

struct github *
github_for(const char *owner, size_t len)
{
	assert_int_equal(len, strlen("acme"));
	assert_memory_equal(owner, "acme", len);
	return (env.configured);
}

int
github_has_token(const struct github *gh)
{
	assert_ptr_not_equal(gh, NULL);
	return (1);
}

/* Another's address is another GitHub's. */
const char *
github_url(const struct github *gh)
{
	return (gh == STRANGER || (gh == env.expected && env.reused) ?
	    "https://b.example" : "https://a.example");
}

struct gh_call *
github_write(struct github *gh, const char *method, const char *path,
    const char *body, int64_t deadline, gh_done done, void *arg)
{
	return (github_call(gh, GH_COMMAND, method, path, NULL, body,
	    deadline, done, arg));
}

void
github_cancel(struct gh_call *call)
{
	TAILQ_REMOVE(&env.calls, call, entry);
	free(call);
}

static struct json_object *
run_json(const struct sim_run *run)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "id", json_object_new_int64(run->id));
	json_object_object_add(o, "workflow_id",
	    json_object_new_int64(WORKFLOW));
	json_object_object_add(o, "status", json_object_new_string(
	    run->ends <= env.now ? "completed" : "queued"));
	return (o);
}

/* All of them are queued: the other lists are empty. */
static void
answer_list(const char *path, struct gh_reply *r)
{
	static char		 next[GH_PATH_MAX];
	struct json_object	*list = json_object_new_array();
	const char		*page = strstr(path, "&page=");
	size_t			 i, n = 0, first = 0;

	if (page != NULL)
		first = (size_t)strtol(page + 6, NULL, 10) * PAGE - PAGE;
	for (i = 0; strstr(path, "=queued") != NULL && i < env.nruns; i++) {
		if (env.runs[i].ends <= env.now)
			continue;
		if (n++ < first)
			continue;
		if (n > first + PAGE) {
			(void)snprintf(next, sizeof(next),
			    "/runs?status=queued&page=%zu", first / PAGE + 2);
			r->next = next;
			break;
		}
		json_object_array_add(list, run_json(&env.runs[i]));
	}
	r->json = json_object_new_object();
	json_object_object_add(r->json, "workflow_runs", list);
}

static struct sim_run *
run_of(const char *path)
{
	const char	*p = strstr(path, "/actions/runs/");
	size_t		 i;

	assert_non_null(p);
	for (i = 0; i < env.nruns; i++)
		if (env.runs[i].id == strtoll(p + 14, NULL, 10))
			return (&env.runs[i]);
	fail_msg("%s: no such run", path);
	return (NULL);
}

static int
answer(const struct gh_call *call, struct gh_reply *r)
{
	if (strstr(call->path, "status=") != NULL) {
		env.n_lists++;
		if (env.lists == OK)
			answer_list(call->path, r);
		return (env.lists);
	}
	if (!call->write) {
		env.n_run++;
		if (env.run == OK)
			r->json = run_json(run_of(call->path));
		return (env.run);
	}
	if (strstr(call->path, "/force-cancel") != NULL) {
		env.n_force++;
		return (env.force);
	}
	env.n_cancel++;
	if (env.cancel == ACCEPTED)
		run_of(call->path)->ends = env.now + ENDS_MS;
	return (env.cancel);
}

static void
give_answer(struct gh_call *call)
{
	struct gh_reply	 r;

	memset(&r, 0, sizeof(r));
	r.status = answer(call, &r);
	if (r.status == LIMIT)
		r.result = GH_LIMITED;
	else if (r.status >= 400 && r.status < 500)
		r.result = GH_REFUSED;
	else if (r.status == NO_ANSWER || r.status >= 500)
		r.result = GH_FAILED;
	if (r.result != GH_OK)
		(void)snprintf(r.why, sizeof(r.why), "GitHub answered %d",
		    r.status);
	TAILQ_REMOVE(&env.calls, call, entry);
	call->done(&r, call->arg);
	json_object_put(r.json);
	free(call);
}

/* --- The tests. */

static int
setup(void **state __attribute__((unused)))
{
	memset(&env, 0, sizeof(env));
	env.now = HOUR;
	env.timer.due = FAR;
	TAILQ_INIT(&env.calls);
	env.configured = env.expected = OURS;
	env.lists = env.run = OK;
	env.cancel = env.force = ACCEPTED;
	(void)strlcpy(env.pipeline.id, "pipe_1", sizeof(env.pipeline.id));
	(void)strlcpy(env.pipeline.name, "acme/shop",
	    sizeof(env.pipeline.name));
	env.pipeline.workflow_id = WORKFLOW;
	return (0);
}

static int
teardown(void **state __attribute__((unused)))
{
	assert_true(TAILQ_EMPTY(&env.calls));
	assert_null(env.timer.fn);
	free(env.runs);
	return (0);
}

static void
with_runs(size_t n)
{
	size_t	 i;

	env.runs = calloc(n, sizeof(*env.runs));
	assert_non_null(env.runs);
	for (i = 0; i < n; i++) {
		env.runs[i].id = (int64_t)i + 1;
		env.runs[i].ends = FAR;
	}
	env.nruns = n;
}

static void
on_done(struct cancel *c, void *arg __attribute__((unused)))
{
	env.settled = cancel_settled(c);
}

/* Until it has settled, or that moment.  Returns how long it took. */
static int64_t
live(int64_t until)
{
	struct gh_call	*call, *first;
	int64_t		 began = env.now;

	while (!env.settled) {
		first = NULL;
		TAILQ_FOREACH(call, &env.calls, entry)
			if (first == NULL || call->due < first->due)
				first = call;
		if ((first == NULL ? FAR : first->due) > until &&
		    env.timer.due > until) {
			env.now = until;
			break;
		}
		if (first != NULL && first->due <= env.timer.due) {
			env.now = first->due;
			give_answer(first);
			continue;
		}
		env.now = env.timer.due;
		env.timer.due = FAR;
		env.timer.fn(-1, EV_TIMEOUT, env.timer.arg);
	}
	return (env.now - began);
}

static struct cancel *
follow_one(void)
{
	struct cancel_run	 run = { .id = 1 };
	struct cancel		*c;

	with_runs(1);
	c = cancel_follow(OURS, &env.pipeline, &run, on_done, NULL);
	assert_non_null(c);
	return (c);
}

/* What is said in the end: how many of each, and the first warning. */
static void
reports(const struct cancel *c, size_t cancelled, size_t cancelling,
    size_t nwarnings, const char *warning)
{
	struct json_object	*o = json_object_new_object(), *w;

	assert_int_equal(cancel_report(c, o), !env.settled);
	assert_int_equal(json_object_array_length(json_member(o, "cancelled",
	    json_type_array)), cancelled);
	assert_int_equal(json_object_array_length(json_member(o,
	    "cancelling", json_type_array)), cancelling);
	w = json_member(o, "warnings", json_type_array);
	assert_int_equal(json_object_array_length(w), nwarnings);
	if (nwarnings > 0)
		assert_string_equal(json_object_get_string(
		    json_object_array_get_idx(w, 0)), warning);
	json_object_put(o);
}

/* As long as an outage may last; one answer, and it counts from anew. */
static void
test_a_run_that_cannot_be_verified(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();
	int64_t		 took;

	env.run = NO_ANSWER;
	(void)live(env.now + 55 * MINUTE);
	reports(c, 0, 1, 0, NULL);
	env.run = OK;
	(void)live(env.now + MINUTE);
	assert_int_equal(env.n_force, 1);
	env.run = 503;
	took = live(FAR);
	assert_in_range(took, 55 * MINUTE, 65 * MINUTE);
	reports(c, 0, 0, 1, "Run 1 could not be cancelled: "
	    "GitHub answered 503");
	assert_int_equal(env.n_force, 1);
	cancel_free(c);
}

/* Nor is it looked at more often for that. */
static void
test_verdict_of_access_lost(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();

	env.run = 403;
	assert_in_range(live(FAR), 55 * MINUTE, 65 * MINUTE);
	assert_in_range(env.n_run, 300, 400);
	reports(c, 0, 0, 1, "Run 1 could not be cancelled: "
	    "GitHub answered 403");
	cancel_free(c);
}

/* Its credential changes places; but never to another GitHub. */
static void
test_another_configuration(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();

	(void)live(env.now + 3000);
	env.configured = env.expected = RENEWED;
	(void)live(env.now + 3000);
	env.configured = STRANGER;
	(void)live(env.now + 3000);
	env.configured = NULL;
	(void)live(env.now + 3000);
	assert_in_range(env.n_run, 9, 14);
	env.reused = 1;
	env.n_run = 0;
	(void)live(env.now + MINUTE);
	assert_int_equal(env.n_run, 0);
	env.reused = 0;
	env.runs[0].ends = 0;
	(void)live(FAR);
	reports(c, 1, 0, 0, NULL);
	cancel_free(c);
}

/* A zombie: force-cancelled, and that is not taken, or of no use. */
static void
test_a_run_that_does_not_end(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();

	env.force = 500;
	assert_in_range(live(FAR), MINUTE, 2 * MINUTE);
	assert_int_equal(env.n_force, 1);
	reports(c, 0, 0, 1, "Run 1 could not be cancelled: "
	    "GitHub answered 500");
	cancel_free(c);
	free(env.runs);
	setup(NULL);
	c = follow_one();
	assert_in_range(live(FAR), 2 * MINUTE, 3 * MINUTE);
	assert_int_equal(env.n_force, 1);
	reports(c, 0, 0, 1, "Run 1 could not be cancelled: "
	    "it was force-cancelled and does not end");
	cancel_free(c);
}

/* It is seen to go on, and no answer comes to what would end it. */
static void
test_a_force_cancel_that_gets_no_answer(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();

	env.force = NO_ANSWER;
	assert_in_range(live(env.now + 24 * HOUR), 55 * MINUTE, 75 * MINUTE);
	assert_in_range(env.n_force, 12, 20);
	reports(c, 0, 0, 1, "Run 1 could not be cancelled: "
	    "GitHub answered 0");
	cancel_free(c);
}

/* A limit is no failure, however long it is in force. */
static void
test_limited_for_hours(void **state __attribute__((unused)))
{
	struct cancel	*c = follow_one();

	env.run = LIMIT;
	(void)live(env.now + 3 * HOUR);
	reports(c, 0, 1, 0, NULL);
	env.runs[0].ends = 0;
	env.run = OK;
	assert_in_range(live(FAR), 0, MINUTE);
	reports(c, 1, 0, 0, NULL);
	cancel_free(c);
}

static void
test_lists_that_are_not_given(void **state __attribute__((unused)))
{
	struct cancel	*c = cancel_start(OURS, &env.pipeline, on_done, NULL);

	assert_non_null(c);
	env.lists = 502;
	assert_in_range(live(FAR), 55 * MINUTE, 65 * MINUTE);
	assert_in_range(env.n_lists, 5 * 12, 5 * 20);
	reports(c, 0, 0, 2, "The runs of acme/shop could not be cancelled: "
	    "GitHub answered 502");
	cancel_free(c);
}

/* GitHub lists it, and each time fails to take its cancel. */
static void
test_a_cancel_that_always_fails(void **state __attribute__((unused)))
{
	struct cancel	*c;

	with_runs(2);
	c = cancel_start(OURS, &env.pipeline, on_done, NULL);
	assert_non_null(c);
	env.cancel = 500;
	assert_in_range(live(env.now + 24 * HOUR), 55 * MINUTE, 85 * MINUTE);
	reports(c, 0, 0, 2, "Run 1 could not be cancelled: "
	    "GitHub answered 500");
	assert_int_equal(env.n_force, 0);
	/* Soon while a client waits, then ever more seldom. */
	assert_in_range(env.n_cancel, 2 * 15, 2 * 30);
	assert_in_range(env.n_lists, 5 * 15, 5 * 60);
	cancel_free(c);
}

/* An outage that ends is waited out, and not for long. */
static void
test_an_outage_that_ends(void **state __attribute__((unused)))
{
	struct cancel	*c;

	with_runs(2);
	c = cancel_start(OURS, &env.pipeline, on_done, NULL);
	assert_non_null(c);
	env.cancel = 500;
	env.lists = 502;
	(void)live(env.now + 20 * MINUTE);
	env.lists = OK;
	(void)live(env.now + 25 * MINUTE);
	reports(c, 0, 2, 0, NULL);
	env.cancel = ACCEPTED;
	assert_in_range(live(FAR), 0, 6 * MINUTE);
	reports(c, 2, 0, 0, NULL);
	cancel_free(c);
}

/* More than are followed at a time, than five pages: all the same. */
static void
test_hundreds_of_runs(void **state __attribute__((unused)))
{
	struct cancel	*c;
	size_t		 i;

	with_runs(1234);
	c = cancel_start(OURS, &env.pipeline, on_done, NULL);
	assert_non_null(c);
	assert_in_range(live(env.now + 24 * HOUR), 20 * MINUTE, HOUR);
	for (i = 0; i < env.nruns; i++)
		assert_in_range(env.runs[i].ends, 0, env.now);
	assert_int_equal(env.n_cancel, env.nruns);
	/* Those that are still known. */
	reports(c, 500, 0, 0, NULL);
	cancel_free(c);
}

/* They must fit into a message, and a document. */
static void
test_hundreds_of_verdicts(void **state __attribute__((unused)))
{
	struct cancel	*c;

	with_runs(1234);
	c = cancel_start(OURS, &env.pipeline, on_done, NULL);
	assert_non_null(c);
	env.cancel = 403;
	assert_in_range(live(env.now + 24 * HOUR), 0, 2 * HOUR);
	/* None of those that were refused is asked for again. */
	assert_int_equal(env.n_cancel, 500);
	reports(c, 0, 0, 22, "acme/shop has more unfinished runs than are "
	    "cancelled at a time: the others are when these have ended");
	cancel_free(c);
}

static void
quiet(int priority __attribute__((unused)),
    const char *name __attribute__((unused)),
    const char *text __attribute__((unused)))
{
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_run_that_cannot_be_verified, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_verdict_of_access_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_another_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_run_that_does_not_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_force_cancel_that_gets_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_limited_for_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_lists_that_are_not_given, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_cancel_that_always_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_an_outage_that_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_hundreds_of_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_hundreds_of_verdicts, setup, teardown),
	};

	log_set_output(quiet);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
