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
 * The HTTP parser on raw bytes: each case whole, with a good request behind
 * it, one byte at a time, and split at every place; the verdict must be the
 * same each time.
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

#include "http.h"

#define H	"Host: a\r\n"
#define GOOD	"GET /good HTTP/1.1\r\nHost: b\r\n\r\n"
#define S(text)	text, sizeof(text) - 1

struct bad_case {
	const char	*bytes;
	size_t		 len;
	int		 status;
};

/* What is refused, and with which status (contract.md, measured.md). */
static const struct bad_case bad_cases[] = {
	/* Line ends. */
	{ S("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a\nTransfer-Encoding: chunked\r\n\r\n"),
	    400 },
	{ S("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\r\n" H "\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), 400 },
	{ S("\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("\nGET / HTTP/1.1\r\n" H "\r\n"), 400 },
	/* Folded lines. */
	{ S("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400 },
	/* NUL and other control characters. */
	{ S("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "CCM-Token: right\0junk\r\n\r\n"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5\0 5\r\n\r\n12345"),
	    400 },
	{ S("GET / HTTP/1.1\r\n" H "Connection: close\0\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "\0X: a\r\n\r\n"), 400 },
	{ S("GET /\0 HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("G\0ET / HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X: \001\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X: \177\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X: \033[31m\r\n\r\n"), 400 },
	/* The request line. */
	{ S("GET  / HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET /  HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET / HTTP/1.1 \r\n" H "\r\n"), 505 },
	{ S(" GET / HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET /a b HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET /\r\n" H "\r\n"), 400 },
	{ S("GET\r\n" H "\r\n"), 400 },
	{ S("GET / HTTP/01.1\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/1.01\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/+1.+1\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/1.10\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/4294967297.1\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/2.0\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/0.9\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/1.2\r\n" H "\r\n"), 505 },
	{ S("GET / http/1.1\r\n" H "\r\n"), 505 },
	{ S("GET / HTTP/1.\r\n" H "\r\n"), 505 },
	{ S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 501 },
	{ S("BREW / HTTP/1.1\r\n" H "\r\n"), 501 },
	{ S("get / HTTP/1.1\r\n" H "\r\n"), 501 },
	{ S("ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" H "\r\n"), 501 },
	{ S("GE(T / HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET a HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET * HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET http://a/ HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400 },
	{ S("GET /\xc3\xbc HTTP/1.1\r\n" H "\r\n"), 400 },
	/* Fields. */
	{ S("GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H ": a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "X\x80: a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H H "\r\n"), 400 },
	{ S("GET / HTTP/1.0\r\n" H H "\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "CCM-Token: a\r\nCCM-Token: b\r\n\r\n"),
	    400 },
	{ S("GET / HTTP/1.1\r\n" H
	    "Authorization: a\r\nauthorization: b\r\n\r\n"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Expect: magic\r\n\r\n"), 417 },
	/* Bodies. */
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	    "Content-Length: 5\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n12345"),
	    400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n12345"),
	    400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n12345"),
	    400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5a\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n"), 413 },
	{ S("POST / HTTP/1.1\r\n" H
	    "Content-Length: 18446744073709551621\r\n\r\n"), 413 },
	{ S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n"), 411 },
	{ S("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
	    411 },
	{ S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
	    411 },
	{ S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"),
	    411 },
	{ S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	    "Content-Length: 5\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n12345"), 400 },
	{ S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), 400 },
	{ S("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), 400 },
	{ S("HEAD / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), 400 },
	{ S("DELETE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), 400 },
};

/* Feed `bytes` in pieces cut at `cut` (0: one byte at a time). */
static enum http_result
feed(struct http_message *m, const char *bytes, size_t len, size_t cut)
{
	enum http_result	 r = HTTP_MORE;
	char			*copy;
	size_t			 n;

	http_begin(m);
	for (n = cut == 0 ? 1 : cut; ; n = cut == 0 ? n + 1 : len) {
		if (n > len)
			n = len;
		/* Just so many bytes, where a sanitizer sees one more. */
		copy = malloc(n == 0 ? 1 : n);
		memcpy(copy, bytes, n);
		r = http_parse(m, copy, n);
		free(copy);
		if ((r != HTTP_MORE && r != HTTP_CONTINUE) || n == len)
			return (r);
	}
}

static void
expect_bad(const struct bad_case *c, const char *bytes, size_t len)
{
	struct http_message	 m;
	size_t			 cut;

	for (cut = 0; cut <= len; cut++) {
		enum http_result r = feed(&m, bytes, len, cut);

		if (r != HTTP_BAD || m.status != c->status || !m.close)
			fail_msg("%.*s: cut %zu: result %d status %d, not %d",
			    (int)len, bytes, cut, r, m.status, c->status);
		assert_non_null(m.code);
		assert_non_null(m.why);
	}
}

static void
test_bad(void **state)
{
	char	 buf[4096];
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		const struct bad_case *c = &bad_cases[i];

		expect_bad(c, c->bytes, c->len);
		/* A good one behind it changes nothing. */
		memcpy(buf, c->bytes, c->len);
		memcpy(buf + c->len, GOOD, sizeof(GOOD) - 1);
		expect_bad(c, buf, c->len + sizeof(GOOD) - 1);
	}
}

/* A request line, `n` fields, and a field that fills up to `len` bytes. */
static char *
sized(size_t len, size_t fields)
{
	char	*p = calloc(1, len + 1);
	size_t	 i, n;

	n = (size_t)snprintf(p, len + 1, "GET / HTTP/1.1\r\n" H);
	for (i = 0; i < fields; i++)
		n += (size_t)snprintf(p + n, len + 1 - n, "A%zu: b\r\n", i);
	memcpy(p + n, "Z: ", 3);
	memset(p + n + 3, 'z', len - n - 3 - 4);
	memcpy(p + len - 4, "\r\n\r\n", 4);
	return (p);
}

static void
test_sizes(void **state)
{
	struct http_message	 m;
	char			*p, target[5000];

	(void)state;
	p = sized(HTTP_MAX_HEAD, 0);
	assert_int_equal(feed(&m, p, HTTP_MAX_HEAD, HTTP_MAX_HEAD), HTTP_DONE);
	assert_int_equal(m.consumed, HTTP_MAX_HEAD);
	free(p);
	p = sized(HTTP_MAX_HEAD + 1, 0);
	assert_int_equal(feed(&m, p, HTTP_MAX_HEAD + 1, 0), HTTP_BAD);
	assert_int_equal(m.status, 431);
	free(p);
	/* Host, 62 fields, and the filler: 64. */
	p = sized(2000, 62);
	assert_int_equal(feed(&m, p, 2000, 0), HTTP_DONE);
	free(p);
	p = sized(2000, 63);
	assert_int_equal(feed(&m, p, 2000, 0), HTTP_BAD);
	assert_int_equal(m.status, 431);
	free(p);
	memset(target, 'a', sizeof(target));
	memcpy(target, "GET /", 5);
	memcpy(target + 4 + HTTP_MAX_TARGET, " HTTP/1.1\r\n" H "\r\n", 22);
	assert_int_equal(feed(&m, target, 4 + HTTP_MAX_TARGET + 22, 0),
	    HTTP_DONE);
	assert_int_equal(m.path.len, HTTP_MAX_TARGET);
	memcpy(target + 4 + HTTP_MAX_TARGET, "a HTTP/1.1\r\n" H "\r\n", 23);
	assert_int_equal(feed(&m, target, 4 + HTTP_MAX_TARGET + 23, 0),
	    HTTP_BAD);
	assert_int_equal(m.status, 414);
}

static void
slice_equal(struct http_slice s, const char *text)
{
	assert_non_null(s.p);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.p, text, s.len);
}

static void
test_good(void **state)
{
	static const char	 text[] =
	    "POST /a/b?c=d&e HTTP/1.1\r\n"
	    "host: [::1]:5000\r\n"
	    "CCM-TOKEN: \t tok en \t\r\n"
	    "X-Other: \xc3\xbc\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: 0005\r\n"
	    "\r\n"
	    "12345" GOOD;
	struct http_message	 m;
	size_t			 len = sizeof(text) - 1, cut;

	(void)state;
	for (cut = 1; cut <= len - sizeof(GOOD) + 1; cut++) {
		http_begin(&m);
		if (http_parse(&m, text, cut) == HTTP_DONE)
			break;
	}
	assert_int_equal(cut, len - (sizeof(GOOD) - 1));
	http_begin(&m);
	assert_int_equal(http_parse(&m, text, len), HTTP_DONE);
	assert_int_equal(m.method, HTTP_POST);
	assert_int_equal(m.minor, 1);
	assert_false(m.close);
	slice_equal(m.path, "/a/b");
	slice_equal(m.query, "c=d&e");
	slice_equal(m.fields[HTTP_HOST], "[::1]:5000");
	slice_equal(m.fields[HTTP_CCM_TOKEN], "tok en");
	slice_equal(m.fields[HTTP_CONTENT_TYPE], "application/json");
	slice_equal(m.body, "12345");
	assert_int_equal(m.consumed, len - (sizeof(GOOD) - 1));
	http_begin(&m);
	assert_int_equal(http_parse(&m, GOOD, sizeof(GOOD) - 1), HTTP_DONE);
	slice_equal(m.path, "/good");
	assert_null(m.query.p);
	assert_null(m.fields[HTTP_CCM_TOKEN].p);
}

static void
test_closing(void **state)
{
	static const struct {
		const char	*text;
		int		 close;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" H "\r\n", 0 },
		{ "GET / HTTP/1.0\r\n\r\n", 1 },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 1 },
		{ "GET / HTTP/1.1\r\n" H "Connection: a, Close\r\n\r\n", 1 },
		{ "GET / HTTP/1.1\r\n" H
		    "Connection: close\r\nConnection: keep-alive\r\n\r\n", 1 },
		{ "HEAD / HTTP/1.1\r\n" H "\r\n", 1 },
		{ "CONNECT a:1 HTTP/1.1\r\n" H "\r\n", 1 },
		{ "DELETE / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0 },
	};
	struct http_message	 m;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(feed(&m, cases[i].text,
		    strlen(cases[i].text), 0), HTTP_DONE);
		assert_int_equal(m.close, cases[i].close);
	}
}

/* 100 once, when the head is there and the body is not. */
static void
test_continue(void **state)
{
	static const char	 text[] = "POST / HTTP/1.1\r\n" H
	    "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}";
	struct http_message	 m;
	size_t			 len = sizeof(text) - 1;

	(void)state;
	http_begin(&m);
	assert_int_equal(http_parse(&m, text, len - 3), HTTP_MORE);
	assert_int_equal(http_parse(&m, text, len - 2), HTTP_CONTINUE);
	assert_int_equal(http_parse(&m, text, len - 1), HTTP_MORE);
	assert_int_equal(http_parse(&m, text, len), HTTP_DONE);
	http_begin(&m);
	assert_int_equal(http_parse(&m, text, len), HTTP_DONE);
}

static void
test_query(void **state)
{
	static const struct {
		const char	*query;
		int		 result;
		const char	*name;
		const char	*value;
	} cases[] = {
		{ "a=b", 1, "a", "b" },
		{ "&&a=b&", 1, "a", "b" },
		{ "a", 1, "a", "" },
		{ "a=", 1, "a", "" },
		{ "a=b=c", 1, "a", "b=c" },
		{ "a=%2fx+y", 1, "a", "/x y" },
		{ "%61=%C3%bc", 1, "a", "\xc3\xbc" },
		{ "", 0, NULL, NULL },
		{ "&", 0, NULL, NULL },
		{ "a=%", -1, NULL, NULL },
		{ "a=%2", -1, NULL, NULL },
		{ "a=%zz", -1, NULL, NULL },
		{ "a=%00", -1, NULL, NULL },
		{ "a=%0a", -1, NULL, NULL },
		{ "a=%!!", -1, NULL, NULL },
		{ "a=0123456789012345", -1, NULL, NULL },
	};
	struct http_slice	 q;
	char			 name[8], value[16];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		q.p = cases[i].query;
		q.len = strlen(q.p);
		assert_int_equal(http_query_next(&q, name, sizeof(name),
		    value, sizeof(value)), cases[i].result);
		if (cases[i].result != 1)
			continue;
		assert_string_equal(name, cases[i].name);
		assert_string_equal(value, cases[i].value);
		assert_int_equal(http_query_next(&q, name, sizeof(name),
		    value, sizeof(value)), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_query),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
