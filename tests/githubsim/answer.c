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
 * githubsim: what a call is answered with: status, headers, body, errors in
 * GitHub's words, the Link header of a list.  Must not send anything.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "githubsim.h"

#define JSON_FLAGS \
	(JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define DOCS		"https://docs.github.com/rest"

static void	 link_add(struct call *, char *, size_t, int, const char *);
static int	 link_url(struct call *, char *, size_t, int);

void
answer_json(struct call *c, int status, struct json_object *body)
{
	const char	*text;
	size_t		 len;

	text = json_object_to_json_string_length(body, JSON_FLAGS, &len);
	answer_text(c, status, "application/json; charset=utf-8", text, len);
	c->conditional = (status == 200 && strcmp(c->method, "GET") == 0);
	json_object_put(body);
}

void
answer_text(struct call *c, int status, const char *type, const void *data,
    size_t len)
{
	free(c->body);
	if ((c->body = malloc(len + 1)) == NULL)
		err(1, NULL);
	memcpy(c->body, data, len);
	c->len = len;
	c->status = status;
	answer_header(c, "Content-Type", "%s", type);
}

void
answer_empty(struct call *c, int status)
{
	c->len = 0;
	c->status = status;
}

void
answer_error(struct call *c, int status, const char *fmt, ...)
{
	struct json_object	*o = json_object_new_object();
	char			 text[512], number[16];
	va_list			 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(o, "message", json_object_new_string(text));
	(void)snprintf(text, sizeof(text), "%s%s%s", DOCS,
	    c->doc == NULL ? "" : "/", c->doc == NULL ? "" : c->doc);
	json_object_object_add(o, "documentation_url",
	    json_object_new_string(text));
	(void)snprintf(number, sizeof(number), "%d", status);
	json_object_object_add(o, "status", json_object_new_string(number));
	answer_json(c, status, o);
}

/* Sets a header; the last one of a name holds. */
void
answer_header(struct call *c, const char *name, const char *fmt, ...)
{
	char	 value[SIM_URL_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	(void)evhttp_remove_header(&c->headers, name);
	(void)evhttp_add_header(&c->headers, name, value);
}

/* What each answer of GitHub has.  Runs last: what is there stays. */
void
answer_common(struct call *c)
{
	char		 date[64];
	unsigned char	 id[10];
	char		 hex[2 * sizeof(id) + 1];
	time_t		 now = (time_t)(clock_now() / 1000);
	struct tm	 tm;

	if (evhttp_find_header(&c->headers, "Date") == NULL &&
	    gmtime_r(&now, &tm) != NULL && strftime(date, sizeof(date),
	    "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		answer_header(c, "Date", "%s", date);
	if (c->port == PORT_STORAGE || c->status == 0)
		return;
	answer_header(c, "Server", "github.com");
	randombytes_buf(id, sizeof(id));
	(void)sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
	answer_header(c, "X-GitHub-Request-Id", "%.4s:%.6s:%.5s:%.5s", hex,
	    hex + 4, hex + 10, hex + 15);
	answer_header(c, "X-GitHub-Media-Type", "github.v3; format=json");
	if (evhttp_find_header(&c->headers, "Vary") == NULL)
		answer_header(c, "Vary", "Accept, Authorization, Cookie, "
		    "X-GitHub-OTP, Accept-Encoding, Accept, "
		    "X-Requested-With");
}

/* Status line, headers, the body: for faults, which send bytes. */
int
answer_raw(struct call *c, struct evbuffer *out, int64_t length)
{
	struct evkeyval	*h;

	if (evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", c->status,
	    answer_reason(c->status)) == -1)
		return (-1);
	TAILQ_FOREACH(h, &c->headers, next)
		if (evbuffer_add_printf(out, "%s: %s\r\n", h->key,
		    h->value) == -1)
			return (-1);
	if (length >= 0 && evbuffer_add_printf(out,
	    "Content-Length: %lld\r\n", (long long)length) == -1)
		return (-1);
	return (0);
}

/*
 * The Link header of a list of which this page is shown: `reachable` of
 * its `total` results can be paged through.
 */
void
answer_page(struct call *c, size_t total, size_t reachable)
{
	int	 size = call_integer(c, "per_page", 1, SIM_PAGE_MAX, 30);
	int	 page = call_integer(c, "page", 1, INT_MAX / SIM_PAGE_MAX, 1);
	int	 last;
	char	 link[SIM_URL_MAX] = "";

	if (reachable > total)
		reachable = total;
	last = (int)((reachable + (size_t)size - 1) / (size_t)size);
	if (page > 1)
		link_add(c, link, sizeof(link), page - 1, "prev");
	if (page < last) {
		link_add(c, link, sizeof(link), page + 1, "next");
		link_add(c, link, sizeof(link), last, "last");
	}
	if (page > 1)
		link_add(c, link, sizeof(link), 1, "first");
	if (link[0] != '\0')
		answer_header(c, "Link", "%s", link);
}

static void
link_add(struct call *c, char *buf, size_t size, int page, const char *rel)
{
	char	 url[SIM_URL_MAX];
	size_t	 len = strlen(buf);

	if (link_url(c, url, sizeof(url), page) == -1)
		return;
	(void)snprintf(buf + len, size - len, "%s<%s>; rel=\"%s\"",
	    len == 0 ? "" : ", ", url, rel);
}

/* This list's URL by the repository's number, with another page. */
static int
link_url(struct call *c, char *buf, size_t size, int page)
{
	struct evkeyval	*param;
	char		*value;
	size_t		 len;
	int		 i, paged = 0;

	len = strlcpy(buf, c->origin, size);
	if (c->repo != NULL)
		len += (size_t)snprintf(buf + len, size - len,
		    "/repositories/%lld", (long long)c->repo->id);
	for (i = c->rest; i < c->nseg && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "/%s",
		    c->seg[i]);
	TAILQ_FOREACH(param, &c->params, next) {
		char	 number[16];

		if (len >= size)
			return (-1);
		(void)snprintf(number, sizeof(number), "%d", page);
		if (strcmp(param->key, "page") == 0) {
			value = strdup(number);
			paged = 1;
		} else
			value = evhttp_uriencode(param->value, -1, 0);
		len += (size_t)snprintf(buf + len, size - len, "%c%s=%s",
		    param == TAILQ_FIRST(&c->params) ? '?' : '&', param->key,
		    value);
		free(value);
	}
	if (!paged && len < size)
		len += (size_t)snprintf(buf + len, size - len, "%cpage=%d",
		    TAILQ_EMPTY(&c->params) ? '?' : '&', page);
	return (len < size ? 0 : -1);
}

const char *
answer_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 301, "Moved Permanently" },
		{ 302, "Found" }, { 304, "Not Modified" },
		{ 307, "Temporary Redirect" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 409, "Conflict" },
		{ 422, "Unprocessable Entity" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return (reasons[i].reason);
	return ("Status");
}
