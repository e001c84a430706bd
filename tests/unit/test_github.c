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
 * Calls to GitHub that have to wait go on when those before them end,
 * however these end.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <cmocka.h>

#include "github-inside.h"
#include "poison.h"
#include "poller.h"
#include "proc.h"

#define SOON_MS		50	/* a deadline */
#define POISONED	"/poisoned"

/* The HTTP client: what is begun ends when the test says so. */
struct http_request {
	http_done	 done;
	void		*arg;
};

static struct {
	struct event_base *base;
	struct github	 gh;
	struct http_request *last;	/* begun */
	int		 begun;
	int		 ended;		/* calls */
	enum gh_result	 result;	/* of the last one */
	int		 rooms;		/* told that more may be asked */
} env;

struct event_base *
poller_base(void)
{
	return (env.base);
}

struct http_request *
http_start(const struct http_call *call, http_done done, void *arg)
{
	struct http_request	*req = calloc(1, sizeof(*req));

	(void)call;
	assert_non_null(req);
	req->done = done;
	req->arg = arg;
	env.last = req;
	env.begun++;
	return (req);
}

void
http_cancel(struct http_request *req)
{
	free(req);
}

const char *
app_token(struct github *gh)
{
	return (gh->token);
}

const char *
app_trouble(const struct github *gh)
{
	(void)gh;
	return (NULL);
}

int
app_refused(struct github *gh, uint32_t number)
{
	(void)gh;
	(void)number;
	return (0);
}

int
poison_begin(const char *github, const char *path)
{
	(void)github;
	(void)path;
	return (0);
}

void
poison_end(void)
{
}

const char *
poison_reason_path(const char *github, const char *path)
{
	(void)github;
	return (strcmp(path, POISONED) == 0 ? "poisoned" : NULL);
}

void
token_learn(struct token *t, const char *name,
    const struct http_reply *reply, int64_t now)
{
	(void)t;
	(void)name;
	(void)reply;
	(void)now;
}

int
github_is_secondary(const struct http_reply *http)
{
	(void)http;
	return (0);
}

void
github_classify(const struct github *gh, int moved,
    const struct http_reply *http, struct gh_reply *r)
{
	(void)gh;
	(void)moved;
	r->status = http->status;
	r->result = http->status == 200 ? GH_OK : GH_FAILED;
}

static void
on_room(struct github *gh)
{
	assert_ptr_equal(gh, &env.gh);
	env.rooms++;
}

static void
on_done(const struct gh_reply *r, void *arg)
{
	(void)arg;
	env.ended++;
	env.result = r->result;
}

/* One call at a time. */
static int
set_up(void **state)
{
	int	 i;

	(void)state;
	memset(&env, 0, sizeof(env));
	env.base = event_base_new();
	assert_non_null(env.base);
	env.gh.configured = 1;
	(void)strlcpy(env.gh.url, "https://github.test", sizeof(env.gh.url));
	env.gh.timer = evtimer_new(env.base, github_on_timer, &env.gh);
	for (i = 0; i < GH_PRIORITIES; i++)
		TAILQ_INIT(&env.gh.waiting[i]);
	budget_init(&env.gh.budget);
	budget_limits(&env.gh.budget, 1, 0, 0);
	github_set_hooks(on_room, NULL);
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	event_free(env.gh.timer);
	event_base_free(env.base);
	return (0);
}

static struct gh_call *
call(int priority, int64_t deadline)
{
	struct gh_call	*c = github_call(&env.gh, priority, "GET", "/x",
			    NULL, NULL, deadline, on_done, NULL);

	assert_non_null(c);
	return (c);
}

/* Until something that was begun ends, or nothing happens any more. */
static void
run(int begun)
{
	static const struct timeval	 tv = { 10, 0 };

	event_base_loopexit(env.base, &tv);
	while (env.begun < begun &&
	    event_base_loop(env.base, EVLOOP_ONCE) == 0 &&
	    !event_base_got_exit(env.base))
		;
}

static void
answer(int status)
{
	struct http_request	*req = env.last;
	struct http_reply	 r;

	memset(&r, 0, sizeof(r));
	r.status = status;
	r.body = "";
	r.retry_after = r.limit = r.remaining = r.used = r.reset = r.date =
	    -1;
	env.last = NULL;
	req->done(&r, req->arg);
	free(req);
}

/* The one before is given up at its deadline. */
static void
test_expiry(void **state)
{
	(void)state;
	call(GH_COMMAND, proc_now_ms() + SOON_MS);
	call(GH_LOOK, 0);
	assert_int_equal(env.begun, 1);
	run(2);
	assert_int_equal(env.ended, 1);
	assert_int_equal(env.result, GH_FAILED);
	assert_int_equal(env.begun, 2);
	answer(200);
	assert_int_equal(env.ended, 2);
	assert_int_equal(env.result, GH_OK);
}

/* So that nobody is left waiting who was told that there is no room. */
static void
test_expiry_of_the_last(void **state)
{
	static const struct timeval	 tv = { 10, 0 };

	(void)state;
	call(GH_COMMAND, proc_now_ms() + SOON_MS);
	event_base_loopexit(env.base, &tv);
	while (env.rooms == 0 &&
	    event_base_loop(env.base, EVLOOP_ONCE) == 0 &&
	    !event_base_got_exit(env.base))
		;
	assert_int_equal(env.ended, 1);
	assert_int_equal(env.rooms, 1);
}

/* From the loop, and not when the others that wait have their turn. */
static void
test_hopeless(void **state)
{
	struct http_request	*first;
	int			 i;

	(void)state;
	budget_limits(&env.gh.budget, 10, 0, 0);
	for (i = 0; i < 2; i++)
		assert_non_null(github_write(&env.gh, "POST", "/x", NULL, 0,
		    on_done, NULL));
	assert_int_equal(env.begun, 1);
	first = env.last;
	assert_non_null(github_call(&env.gh, GH_LOOK, "GET", POISONED, NULL,
	    NULL, 0, on_done, NULL));
	assert_int_equal(env.ended, 0);
	event_base_loop(env.base, EVLOOP_NONBLOCK);
	assert_int_equal(env.ended, 1);
	assert_int_equal(env.result, GH_FAILED);
	/* And the other write has its turn all the same. */
	run(2);
	assert_int_equal(env.begun, 2);
	answer(200);
	env.last = first;
	answer(200);
	assert_int_equal(env.ended, 3);
}

static void
test_cancel(void **state)
{
	struct gh_call	*c;

	(void)state;
	c = call(GH_COMMAND, 0);
	call(GH_LOOK, 0);
	github_cancel(c);
	run(2);
	assert_int_equal(env.begun, 2);
	answer(200);
	assert_int_equal(env.ended, 1);
}

static void
test_answer(void **state)
{
	(void)state;
	call(GH_COMMAND, 0);
	call(GH_LOOK, 0);
	answer(500);
	assert_int_equal(env.begun, 2);
	answer(200);
	assert_int_equal(env.ended, 2);
	assert_int_equal(env.rooms, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_expiry, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_expiry_of_the_last,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hopeless, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_answer, set_up,
		    tear_down),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
