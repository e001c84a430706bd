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
 * The ring of events and its subscribers, on a clock of the test's: bounds,
 * what is superseded, what is lost, and who is cut off.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "events.h"
#include "proc.h"
#include "run.h"
#include "subscribe.h"
#include "view.h"

/* Somebody who listens. */
struct listener {
	struct subscriber *s;
	int		 room;		/* events it still takes */
	int		 got;
	int		 idles;
	char		 kinds[512];	/* of the last ones: initials */
	char		 last[EVENT_ID_SIZE];
	const char	*ended;
};

static int64_t	 now_ms = 1000000;
static int	 refused, token_gone;
static struct pipeline *pipe_a, *pipe_b;

/* Stand-ins for auth.c, proc.c and answer.c. */
int
auth_holds(uint64_t number)
{
	return (number == 1 && !token_gone);
}

int64_t
proc_now_ms(void)
{
	return (now_ms);
}

void
answer_error(struct request *req __attribute__((unused)), int status,
    const char *code __attribute__((unused)),
    const char *fmt __attribute__((unused)), ...)
{
	refused = status;
}

static void
on_wake(void *arg)
{
	struct listener	*l = arg;

	(void)subscriber_pump(l->s);
}

static int
on_room(void *arg)
{
	struct listener	*l = arg;

	return (l->room > 0);
}

static void
on_put(void *arg, const char *id, const char *kind,
    const char *data __attribute__((unused)),
    size_t len __attribute__((unused)))
{
	struct listener	*l = arg;
	size_t		 n = strlen(l->kinds);

	l->room--;
	l->got++;
	if (n + 1 < sizeof(l->kinds)) {
		l->kinds[n] = strcmp(kind, "synced") == 0 ? 'y' :
		    strcmp(kind, "reset") == 0 ? 'x' : kind[0];
		l->kinds[n + 1] = '\0';
	}
	if (id[0] != '\0')
		(void)strlcpy(l->last, id, sizeof(l->last));
}

static void
on_idle(void *arg)
{
	struct listener	*l = arg;

	l->idles++;
}

static void
on_end(void *arg, const char *why)
{
	struct listener	*l = arg;

	l->ended = why;
	subscriber_free(l->s);
	l->s = NULL;
}

static const struct subscriber_ops ops = {
	.wake = on_wake,
	.room = on_room,
	.put = on_put,
	.idle = on_idle,
	.end = on_end,
};

static void
listen_to(struct listener *l, const char *args)
{
	struct request	 req;

	memset(&req, 0, sizeof(req));
	req.token = 1;
	memset(l, 0, sizeof(*l));
	l->room = 1 << 30;
	req.args = json_tokener_parse(args);
	assert_non_null(req.args);
	l->s = subscriber_new(&req, &ops, l);
	json_object_put(req.args);
}

static struct pipeline *
add_pipeline(const char *id, const char *note)
{
	struct msg_pipeline	 m;
	char			*doc;

	memset(&m, 0, sizeof(m));
	m.number = 1;
	m.known = 1;
	assert_true(asprintf(&doc, "{\"pipeline_id\":\"%s\",\"repository\":"
	    "\"a/b\",\"status\":\"active\",\"created_at\":"
	    "\"2026-01-05T10:30:00Z\",\"note\":\"%s\"}", id, note) > 0);
	m.doc.data = doc;
	m.doc.len = strlen(doc);
	assert_int_equal(view_pipeline(&m), 0);
	free(doc);
	return (view_find(id));
}

static void
tell_run(struct pipeline *p, int64_t id)
{
	struct run	 run;

	memset(&run, 0, sizeof(run));
	run.id = id;
	run.attempt = 1;
	(void)strlcpy(run.status_text, "queued", sizeof(run.status_text));
	events_run(p, &run);
}

static int
setup(void **state __attribute__((unused)))
{
	struct event_base	*base;

	if (sodium_init() == -1 || (base = event_base_new()) == NULL)
		return (-1);
	if (events_init(base) == -1)
		return (-1);
	pipe_a = add_pipeline("pipe_a", "");
	pipe_b = add_pipeline("pipe_b", "");
	/* Before the start the view fills, and nothing is news. */
	events_flush();
	assert_int_equal(events_last(), 0);
	events_start();
	return (0);
}

static void
test_superseded_is_told_once(void **state __attribute__((unused)))
{
	struct listener	 l;
	int		 i;

	listen_to(&l, "{}");
	l.room = 0;
	for (i = 0; i < 5; i++)
		tell_run(pipe_a, 7);
	tell_run(pipe_b, 7);
	tell_run(pipe_a, 8);
	subscribers_wake();
	assert_int_equal(l.got, 0);
	l.room = 100;
	assert_int_equal(subscriber_pump(l.s), 0);
	assert_string_equal(l.kinds, "rrr");
	subscriber_free(l.s);
}

static void
test_only_changes_are_told(void **state __attribute__((unused)))
{
	struct listener	 l;

	(void)add_pipeline("pipe_a", "one");
	events_flush();
	listen_to(&l, "{}");
	(void)add_pipeline("pipe_a", "one");
	events_flush();
	assert_string_equal(l.kinds, "");
	(void)add_pipeline("pipe_a", "two");
	events_flush();
	assert_string_equal(l.kinds, "p");
	subscriber_free(l.s);
}

static void
test_filter_and_snapshot(void **state __attribute__((unused)))
{
	struct listener	 l;
	uint64_t	 n;

	listen_to(&l, "{\"pipeline\":\"pipe_b\",\"snapshot\":true}");
	l.room = 2;
	assert_int_equal(subscriber_pump(l.s), 1);
	assert_string_equal(l.kinds, "xp");
	/* Nothing to resume from while it has only half. */
	assert_string_equal(l.last, "");
	tell_run(pipe_a, 100);
	tell_run(pipe_b, 100);
	l.room = 100;
	assert_int_equal(subscriber_pump(l.s), 0);
	assert_string_equal(l.kinds, "xpsyr");
	assert_int_equal(events_number(l.last, &n), 0);
	assert_int_equal(n, events_last());
	subscriber_free(l.s);
	refused = 0;
	listen_to(&l, "{\"pipeline\":\"pipe_c\"}");
	assert_null(l.s);
	assert_int_equal(refused, 404);
}

/* A snapshot goes on where it was, though the last one told went. */
static void
test_snapshot_over_a_removal(void **state __attribute__((unused)))
{
	struct listener	 l;
	struct msg_gone	 m;

	(void)add_pipeline("pipe_c", "");
	(void)add_pipeline("pipe_d", "");
	listen_to(&l, "{\"snapshot\":true}");
	/* a, b and c with their figures. */
	l.room = 7;
	assert_int_equal(subscriber_pump(l.s), 1);
	memset(&m, 0, sizeof(m));
	m.pipeline_id = "pipe_c";
	view_gone(&m);
	l.room = 100;
	assert_int_equal(subscriber_pump(l.s), 0);
	/* d, the end, and then that c went. */
	assert_string_equal(l.kinds, "xpspspspsyp");
	subscriber_free(l.s);
}

static void
test_stalled_is_cut_off(void **state __attribute__((unused)))
{
	struct listener	 l, well;

	listen_to(&l, "{}");
	listen_to(&well, "{}");
	l.room = 1;
	tell_run(pipe_a, 200);
	tell_run(pipe_a, 201);
	subscribers_wake();
	now_ms += SUBSCRIBER_STALL_MS;
	subscribers_tick();
	assert_null(l.ended);
	now_ms += 1;
	subscribers_tick();
	assert_non_null(l.ended);
	assert_null(well.ended);
	assert_int_equal(well.got, 2);
	subscriber_free(well.s);
}

static void
test_taking_a_little_is_no_stall(void **state __attribute__((unused)))
{
	struct listener	 l;
	int		 i;

	listen_to(&l, "{}");
	l.room = 0;
	for (i = 0; i < 20; i++)
		tell_run(pipe_a, 300 + i);
	for (i = 0; i < 20; i++) {
		l.room = 1;
		(void)subscriber_pump(l.s);
		now_ms += SUBSCRIBER_STALL_MS - 1;
		subscribers_tick();
		assert_null(l.ended);
	}
	subscriber_free(l.s);
}

static void
test_idle_gets_a_sign_of_life(void **state __attribute__((unused)))
{
	struct listener	 l;

	listen_to(&l, "{}");
	now_ms += SUBSCRIBER_IDLE_MS - 1;
	subscribers_tick();
	assert_int_equal(l.idles, 0);
	now_ms += 1;
	subscribers_tick();
	subscribers_tick();
	assert_int_equal(l.idles, 1);
	subscriber_free(l.s);
}

static void
test_not_allowed_any_more(void **state __attribute__((unused)))
{
	struct listener	 l;

	listen_to(&l, "{}");
	subscribers_check();
	assert_null(l.ended);
	token_gone = 1;
	subscribers_check();
	token_gone = 0;
	assert_non_null(l.ended);
}

static size_t
ring_bytes(size_t *n)
{
	const struct ring_event	*e;
	size_t			 bytes = 0;
	uint64_t		 at = 0;

	for (*n = 0; (e = events_next(at)) != NULL; (*n)++) {
		at = e->number;
		bytes += e->len;
	}
	return (bytes);
}

static void
test_overrun(void **state __attribute__((unused)))
{
	struct listener	 l, late;
	char		 before[EVENT_ID_SIZE], args[EVENT_ID_SIZE + 32];
	uint64_t	 n, first = events_last();
	size_t		 held;
	int		 i;

	events_id(first, before);
	listen_to(&l, "{}");
	l.room = 0;
	for (i = 0; i < EVENTS_MAX + 10; i++)
		tell_run(pipe_a, 100000 + i);
	assert_true(ring_bytes(&held) <= EVENTS_BYTES);
	assert_int_equal(held, EVENTS_MAX);
	assert_true(events_lost() > first);
	/* Who asks for what is lost is told, not left with a gap. */
	assert_int_equal(events_number(before, &n), -1);
	(void)snprintf(args, sizeof(args), "{\"last_event_id\":\"%s\"}",
	    before);
	listen_to(&late, args);
	assert_int_equal(subscriber_pump(late.s), 0);
	assert_string_equal(late.kinds, "x");
	/* From the oldest that is still there on nothing is missing. */
	events_id(events_lost(), before);
	(void)snprintf(args, sizeof(args), "{\"last_event_id\":\"%s\"}",
	    before);
	subscriber_free(late.s);
	listen_to(&late, args);
	assert_int_equal(subscriber_pump(late.s), 0);
	assert_int_equal(late.got, EVENTS_MAX);
	assert_int_equal(late.kinds[0], 'r');
	subscriber_free(late.s);
	l.room = 1 << 30;
	(void)subscriber_pump(l.s);
	assert_non_null(l.ended);
	assert_int_equal(l.got, 0);
	/* Whoever kept up is told all of it. */
	listen_to(&l, "{}");
	for (i = 0; i < 2 * EVENTS_MAX; i++) {
		tell_run(pipe_a, 200000 + i);
		subscribers_wake();
	}
	assert_null(l.ended);
	assert_int_equal(l.got, 2 * EVENTS_MAX);
	subscriber_free(l.s);
}

/* Documents of 100 KB: the bytes bound the ring before their number does. */
static void
test_bytes_are_bounded(void **state __attribute__((unused)))
{
	char	*note, id[32];
	size_t	 held;
	int	 i;

	assert_non_null(note = malloc(100001));
	memset(note, 'x', 100000);
	note[100000] = '\0';
	for (i = 0; i < 300; i++) {
		(void)snprintf(id, sizeof(id), "pipe_%d", i);
		(void)add_pipeline(id, note);
		events_flush();
	}
	free(note);
	assert_true(ring_bytes(&held) <= EVENTS_BYTES);
	assert_true(held > 100);
}

static void
test_subscribers_are_bounded(void **state __attribute__((unused)))
{
	struct listener	*all;
	size_t		 i;

	assert_int_equal(subscribers_count(), 0);
	assert_non_null(all = calloc(SUBSCRIBERS_MAX + 1, sizeof(*all)));
	for (i = 0; i < SUBSCRIBERS_MAX; i++) {
		listen_to(&all[i], "{}");
		assert_non_null(all[i].s);
	}
	refused = 0;
	listen_to(&all[SUBSCRIBERS_MAX], "{}");
	assert_null(all[SUBSCRIBERS_MAX].s);
	assert_int_equal(refused, 503);
	for (i = 0; i < SUBSCRIBERS_MAX; i++)
		subscriber_free(all[i].s);
	free(all);
	assert_int_equal(subscribers_count(), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_superseded_is_told_once),
		cmocka_unit_test(test_only_changes_are_told),
		cmocka_unit_test(test_filter_and_snapshot),
		cmocka_unit_test(test_snapshot_over_a_removal),
		cmocka_unit_test(test_stalled_is_cut_off),
		cmocka_unit_test(test_taking_a_little_is_no_stall),
		cmocka_unit_test(test_idle_gets_a_sign_of_life),
		cmocka_unit_test(test_not_allowed_any_more),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_subscribers_are_bounded),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
