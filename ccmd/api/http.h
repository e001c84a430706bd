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
 * From bytes to HTTP/1.1 requests, strictly: what is ambiguous is refused
 * (RFC 9110, RFC 9112, and contract.md, "What is refused").  Runs in the
 * api.  Does no I/O and allocates nothing.
 */

#ifndef CCM_API_HTTP_H
#define CCM_API_HTTP_H

#include <stddef.h>

/* Without http_set_limits, and with them at most. */
#define HTTP_MAX_HEAD	8192
#define HTTP_HEAD_BOUND	32768
#define HTTP_MAX_FIELDS	64
#define HTTP_MAX_TARGET	4096
#define HTTP_MAX_METHOD	16
#define HTTP_MAX_HOST	260
#define HTTP_MAX_BODY	65536
/* The most that one request can take. */
#define HTTP_MAX_REQUEST	(HTTP_HEAD_BOUND + HTTP_MAX_BODY)

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_CONNECT,
	HTTP_TRACE,
	HTTP_METHODS
};

/* Fields that are looked at; each may be there once. */
enum http_field {
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_CONTENT_TYPE,
	HTTP_CCM_TOKEN,
	HTTP_AUTHORIZATION,
	HTTP_IF_NONE_MATCH,
	HTTP_LAST_EVENT_ID,
	HTTP_EXPECT,
	HTTP_FIELDS
};

struct http_slice {
	const char	*p;	/* NULL: not there */
	size_t		 len;
};

enum http_result {
	HTTP_MORE,		/* bytes are missing */
	HTTP_CONTINUE,		/* so is the body, and 100 is waited for */
	HTTP_DONE,
	HTTP_BAD		/* status, code and why; then close */
};

struct http_message {
	/* Kept from call to call. */
	size_t		 max_head;
	size_t		 max_body;
	size_t		 scanned;	/* of the head, found clean so far */
	size_t		 head;		/* its length, once it is complete */
	int		 continued;	/* HTTP_CONTINUE was returned */
	/* Good after HTTP_DONE, while the buffer lies still. */
	enum http_method method;
	struct http_slice path;
	struct http_slice query;	/* behind the `?`; p NULL: none */
	struct http_slice fields[HTTP_FIELDS];
	struct http_slice body;
	int		 minor;		/* HTTP/1.0, HTTP/1.1 */
	int		 close;		/* no request may follow */
	size_t		 consumed;	/* bytes of this request */
	/* After HTTP_BAD. */
	int		 status;
	const char	*code;
	const char	*why;
};

/*
 * How large the heads and bodies of the requests that begin from now on may
 * be, in bytes: at most HTTP_HEAD_BOUND and HTTP_MAX_BODY.
 */
void http_set_limits(size_t head, size_t body);

/* Before the first byte of each request. */
void http_begin(struct http_message *m);

/*
 * Parse what has arrived of a request: the same bytes as last time and
 * more.  What is certain to be bad is refused at once.
 */
enum http_result http_parse(struct http_message *m, const char *buf,
    size_t len);

const char *http_method_name(enum http_method method);

/*
 * The next name and value of a query, percent-decoded into the buffers.
 * Returns 1, 0 at the end, -1 if it is malformed: a bad escape, a control
 * character, too long.
 */
int http_query_next(struct http_slice *query, char *name, size_t name_size,
    char *value, size_t value_size);

#endif
