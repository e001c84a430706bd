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
 * The list's text against one that is put together here, through changes,
 * moves and removals; that a change makes no more anew than it must; and
 * ropes on their way out of an outbox.
 */

#include "config.h"

#include <sys/uio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etag.h"
#include "events.h"
#include "outbox.h"
#include "rope.h"
#include "run.h"
#include "stats.h"
#include "text.h"
#include "view.h"

#define PIPELINES	700

/* What the view was told, kept apart from it. */
struct told {
	int	 there;
	int	 at;		/* its created_at, minutes */
	int	 note;
};

static struct told	 told[PIPELINES];
static uint64_t		 number;

/* Stand-ins for events.c. */
void
events_pipeline(struct pipeline *p __attribute__((unused)))
{
}

void
events_stats(struct pipeline *p __attribute__((unused)))
{
}

void
events_gone(struct pipeline *p __attribute__((unused)))
{
}

void
events_run(const struct pipeline *p __attribute__((unused)),
    const struct run *run __attribute__((unused)))
{
}

static char *
document(int i)
{
	char	*doc;

	assert_true(asprintf(&doc, "{\"pipeline_id\":\"pipe_%d\",\"status\":"
	    "\"active\",\"created_at\":\"2026-01-05T%02d:%02d:00Z\","
	    "\"note\":\"%0*d\"}", i, told[i].at / 60, told[i].at % 60,
	    told[i].note % 900 + 1, told[i].note) > 0);
	return (doc);
}

static void
tell(int i)
{
	struct msg_pipeline	 m;
	char			*doc = document(i);

	memset(&m, 0, sizeof(m));
	m.number = ++number;
	m.known = 1;
	m.doc.data = doc;
	m.doc.len = strlen(doc);
	assert_int_equal(view_pipeline(&m), 0);
	told[i].there = 1;
	free(doc);
}

static void
forget(int i)
{
	struct msg_gone	 m;
	char		 id[32];

	memset(&m, 0, sizeof(m));
	(void)snprintf(id, sizeof(id), "pipe_%d", i);
	m.number = ++number;
	m.pipeline_id = id;
	view_gone(&m);
	told[i].there = 0;
}

static int
order(const void *a, const void *b)
{
	const int	 i = *(const int *)a, j = *(const int *)b;
	char		 x[16], y[16];

	if (told[i].at != told[j].at)
		return (told[i].at < told[j].at ? -1 : 1);
	(void)snprintf(x, sizeof(x), "%d", i);
	(void)snprintf(y, sizeof(y), "%d", j);
	return (strcmp(x, y));
}

static char *
expected(void)
{
	char	*text, *doc;
	size_t	 len = 0, size = PIPELINES * 1200 + 1;
	int	 all[PIPELINES], n = 0, i;

	for (i = 0; i < PIPELINES; i++)
		if (told[i].there)
			all[n++] = i;
	qsort(all, (size_t)n, sizeof(all[0]), order);
	assert_non_null(text = calloc(1, size));
	for (i = 0; i < n; i++) {
		doc = document(all[i]);
		len += (size_t)snprintf(text + len, size - len, "%s%s",
		    i > 0 ? "," : "", doc);
		free(doc);
	}
	return (text);
}

static struct rope *
all(char tag[ETAG_SIZE])
{
	struct rope	*r = rope_new();
	struct etag	 e;

	etag_begin(&e);
	text_put_all(r, &e);
	etag_end(&e, tag);
	return (r);
}

static void
compare(char tag[ETAG_SIZE])
{
	struct rope	*r = all(tag);
	char		*have = rope_flat(r), *want = expected();

	assert_string_equal(have, want);
	assert_int_equal(r->len, strlen(want));
	free(have);
	free(want);
	rope_free(r);
}

static void
test_changes(void **state __attribute__((unused)))
{
	char	 tag[ETAG_SIZE], was[ETAG_SIZE] = "";
	int	 i, k;

	srandom(11);
	for (k = 0; k < 4000; k++) {
		i = (int)(random() % PIPELINES);
		if (told[i].there && random() % 4 == 0)
			forget(i);
		else {
			if (!told[i].there || random() % 8 == 0)
				told[i].at = (int)(random() % 300);
			told[i].note = (int)random() % 1000;
			tell(i);
		}
		if (k % 50 == 0) {
			compare(tag);
			assert_string_not_equal(tag, was);
			compare(was);
			assert_string_equal(tag, was);
		}
	}
	for (i = 0; i < PIPELINES; i++)
		if (told[i].there)
			forget(i);
	compare(tag);
}

/* Of all pieces one is new, and what is on its way stays what it was. */
static void
test_no_more_than_it_must(void **state __attribute__((unused)))
{
	char		 was[ETAG_SIZE], now[ETAG_SIZE];
	struct rope	*before, *after;
	char		*text, *again;
	size_t		 i, new = 0;
	int		 k;

	for (k = 0; k < PIPELINES; k++) {
		told[k].at = k;
		told[k].note = 400;
		tell(k);
	}
	before = all(was);
	text = rope_flat(before);
	assert_in_range(before->npieces, PIPELINES / 64, PIPELINES / 20);
	told[333].note = 401;
	tell(333);
	after = all(now);
	assert_string_not_equal(was, now);
	assert_int_equal(before->npieces, after->npieces);
	for (i = 0; i < before->npieces; i++)
		new += before->pieces[i].p != after->pieces[i].p;
	assert_int_equal(new, 1);
	assert_int_equal(after->own, 0);
	again = rope_flat(before);
	assert_string_equal(text, again);
	free(again);
	rope_free(before);
	free(text);
	/* The former text makes the former tag. */
	told[333].note = 400;
	tell(333);
	rope_free(after);
	rope_free(all(now));
	assert_string_equal(was, now);
}

/* Neighbours are given as one piece. */
static void
test_page(void **state __attribute__((unused)))
{
	struct rope	*r = rope_new();
	struct pipeline	*p = view_next(NULL);
	struct etag	 e;
	int		 i;

	etag_begin(&e);
	for (i = 0; i < 60; i++, p = view_next(p))
		text_put_document(r, &e, p, i == 0);
	assert_in_range(r->npieces, 1, 2);
	rope_free(r);
}

/* The same as json-c makes of the object, at any moment. */
static void
test_figures(void **state __attribute__((unused)))
{
	struct pipeline		*p = view_next(NULL);
	struct msg_readback	 m;
	struct msg_stale	 stale;
	struct json_object	*o;
	struct rope		*r;
	struct etag		 e;
	char			*text;
	int64_t			 now;

	memset(&m, 0, sizeof(m));
	memset(&stale, 0, sizeof(stale));
	for (now = 1767609000; now < 1767609000 + 200; now += 7) {
		if (now == 1767609000 + 70) {
			m.pipeline_id = p->id;
			m.at = now - 3;
			m.interval = 10;
			assert_int_equal(view_readback(&m), 0);
		}
		if (now == 1767609000 + 140) {
			stale.pipeline_id = p->id;
			stale.reason = "a \",\"stale\":\" in it";
			assert_int_equal(view_stale(&stale), 0);
		}
		r = rope_new();
		etag_begin(&e);
		text_put_stats(r, &e, p, 1, now);
		text = rope_flat(r);
		o = view_stats(p, now);
		assert_string_equal(text, json_object_to_json_string_ext(o,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
		free(text);
		rope_free(r);
	}
}

/* Whatever goes out at a time, it comes out whole and in order. */
static void
test_outbox(void **state __attribute__((unused)))
{
	struct outbox	 o;
	struct rope	*r = rope_new();
	struct iovec	 iov[3];
	static char	 want[32768], have[32768];
	char		 part[64];
	size_t		 k, n, left, len = 0;
	int		 i, parts;

	memset(&o, 0, sizeof(o));
	for (i = 0; i < 80; i++) {
		struct bytes *b = bytes_new(8);

		memcpy(b->data, "(shared)", 8);
		rope_share(r, b, b->data + i % 8, 8 - (size_t)i % 8);
		bytes_free(b);
		rope_copy(r, "copied", 6);
	}
	srandom(12);
	for (k = 0; k < 40; k++) {
		if (k % 3 == 2) {
			char *flat = rope_flat(r);

			assert_int_equal(outbox_rope(&o, r), 0);
			(void)strlcat(want, flat, sizeof(want));
			free(flat);
		} else {
			n = (size_t)snprintf(part, sizeof(part), "<own %zu>",
			    k);
			assert_int_equal(outbox_copy(&o, part, n), 0);
			(void)strlcat(want, part, sizeof(want));
		}
		if (k % 2 == 0 && k < 38)
			continue;
		parts = outbox_next(&o, iov, 3);
		assert_in_range(parts, 1, 3);
		left = k == 39 ? SIZE_MAX : (size_t)random() % 400;
		for (n = 0, i = 0; i < parts && left > 0; i++) {
			size_t take = iov[i].iov_len < left ?
			    iov[i].iov_len : left;

			memcpy(have + len, iov[i].iov_base, take);
			len += take;
			left -= take;
			n += take;
		}
		outbox_sent(&o, n);
	}
	while (o.left > 0) {
		parts = outbox_next(&o, iov, 1);
		assert_int_equal(parts, 1);
		memcpy(have + len, iov[0].iov_base, iov[0].iov_len);
		len += iov[0].iov_len;
		outbox_sent(&o, iov[0].iov_len);
	}
	assert_string_equal(have, want);
	assert_int_equal(r->refs, 1);
	assert_true(r->len >= OUTBOX_COPY);
	assert_int_equal(outbox_rope(&o, r), 0);
	assert_int_equal(r->refs, 2);
	outbox_clear(&o);
	assert_int_equal(r->refs, 1);
	rope_free(r);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_no_more_than_it_must),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_outbox),
	};

	if (sodium_init() == -1)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
