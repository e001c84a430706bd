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
 * From bytes to HTTP/1.1 requests, strictly.  Runs in the api.  Must not do
 * I/O, allocate, or mend anything: of two readings it takes none.
 */

#include "config.h"

#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "http.h"

static enum http_result scan_head(struct http_message *, const char *,
		    size_t);
static enum http_result parse_head(struct http_message *, const char *);
static enum http_result parse_line(struct http_message *, const char *,
		    size_t);
static enum http_result parse_target(struct http_message *, const char *,
		    size_t);
static enum http_result parse_method(struct http_message *, const char *,
		    size_t);
static enum http_result parse_field(struct http_message *, const char *,
		    size_t);
static enum http_result take_field(struct http_message *,
		    struct http_slice, struct http_slice);
static enum http_result check_head(struct http_message *);
static enum http_result check_length(struct http_message *);
static enum http_result parse_body(struct http_message *, const char *,
		    size_t);
static void	 take_connection(struct http_message *, struct http_slice);
static int	 host_ok(struct http_slice);
static int	 ipv6_ok(const char *, size_t);
static int	 name_ok(const char *, size_t);
static int	 port_ok(const char *, size_t);
static int	 is_text(char);
static int	 is_token(const char *, size_t);
static int	 slice_is(struct http_slice, const char *);
static enum http_result bad(struct http_message *, int, const char *,
		    const char *);
static int	 decode(const char *, size_t, char *, size_t);

static const char *const methods[HTTP_METHODS] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH",
	[HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
	[HTTP_CONNECT] = "CONNECT",
	[HTTP_TRACE] = "TRACE",
};

static const char *const field_names[HTTP_FIELDS] = {
	[HTTP_HOST] = "Host",
	[HTTP_CONTENT_LENGTH] = "Content-Length",
	[HTTP_TRANSFER_ENCODING] = "Transfer-Encoding",
	[HTTP_CONTENT_TYPE] = "Content-Type",
	[HTTP_CCM_TOKEN] = "CCM-Token",
	[HTTP_AUTHORIZATION] = "Authorization",
	[HTTP_IF_NONE_MATCH] = "If-None-Match",
	[HTTP_LAST_EVENT_ID] = "Last-Event-ID",
	[HTTP_EXPECT] = "Expect",
};

static struct {
	size_t	 head;
	size_t	 body;
} limits = { HTTP_MAX_HEAD, HTTP_MAX_BODY };

void
http_set_limits(size_t head, size_t body)
{
	limits.head = head < HTTP_HEAD_BOUND ? head : HTTP_HEAD_BOUND;
	limits.body = body < HTTP_MAX_BODY ? body : HTTP_MAX_BODY;
}

void
http_begin(struct http_message *m)
{
	memset(m, 0, sizeof(*m));
	m->max_head = limits.head;
	m->max_body = limits.body;
}

const char *
http_method_name(enum http_method method)
{
	return (methods[method]);
}

static enum http_result
bad(struct http_message *m, int status, const char *code, const char *why)
{
	m->status = status;
	m->code = code;
	m->why = why;
	m->close = 1;
	return (HTTP_BAD);
}

enum http_result
http_parse(struct http_message *m, const char *buf, size_t len)
{
	enum http_result	 r;

	if (m->head == 0 && (r = scan_head(m, buf, len)) != HTTP_DONE)
		return (r);
	/* The buffer may have moved: slices are made anew. */
	memset(&m->fields, 0, sizeof(m->fields));
	m->close = 0;
	if ((r = parse_head(m, buf)) != HTTP_DONE)
		return (r);
	return (parse_body(m, buf, len));
}

/*
 * Look for the end of the head in what is new, and refuse what no head may
 * hold: LF without CR, CR without LF, and other control characters but TAB.
 */
static enum http_result
scan_head(struct http_message *m, const char *buf, size_t len)
{
	size_t	 i, max = len < m->max_head ? len : m->max_head;

	for (i = m->scanned; i < max; i++) {
		if (is_text(buf[i]))
			continue;
		if (buf[i] == '\n')
			return (bad(m, 400, "invalid_request",
			    "A line feed without a carriage return"));
		if (buf[i] != '\r')
			return (bad(m, 400, "invalid_request",
			    "A control character in the head"));
		if (i + 1 == max)
			break;		/* seen again with what follows */
		if (buf[i + 1] != '\n')
			return (bad(m, 400, "invalid_request",
			    "A carriage return without a line feed"));
		if (i == 0)
			return (bad(m, 400, "invalid_request",
			    "An empty request line"));
		if (buf[i - 1] == '\n') {
			m->head = i + 2;
			return (HTTP_DONE);
		}
		i++;
	}
	m->scanned = i;
	if (len < m->max_head)
		return (HTTP_MORE);
	if (memchr(buf, '\n', m->max_head) == NULL)
		return (bad(m, 414, "invalid_request",
		    "The request line is too long"));
	return (bad(m, 431, "invalid_request",
	    "The head is too large"));
}

static enum http_result
parse_head(struct http_message *m, const char *buf)
{
	enum http_result	 r;
	const char		*p = buf, *end = buf + m->head - 2, *eol;
	size_t			 n = 0;

	eol = memchr(p, '\r', (size_t)(end - p));
	if ((r = parse_line(m, p, (size_t)(eol - p))) != HTTP_DONE)
		return (r);
	for (p = eol + 2; p < end; p = eol + 2) {
		if (++n > HTTP_MAX_FIELDS)
			return (bad(m, 431, "invalid_request",
			    "More than 64 header fields"));
		eol = memchr(p, '\r', (size_t)(end - p));
		if ((r = parse_field(m, p, (size_t)(eol - p))) != HTTP_DONE)
			return (r);
	}
	return (check_head(m));
}

/* method SP target SP version, RFC 9112, 3 */
static enum http_result
parse_line(struct http_message *m, const char *p, size_t len)
{
	const char	*end = p + len, *target, *version;

	if ((target = memchr(p, ' ', len)) == NULL)
		return (bad(m, 400, "invalid_request",
		    "The request line is malformed"));
	if (parse_method(m, p, (size_t)(target - p)) == HTTP_BAD)
		return (HTTP_BAD);
	target++;
	version = memchr(target, ' ', (size_t)(end - target));
	if (version == NULL)
		return (bad(m, 400, "invalid_request",
		    "The request line is malformed"));
	if (parse_target(m, target, (size_t)(version - target)) == HTTP_BAD)
		return (HTTP_BAD);
	version++;
	len = (size_t)(end - version);
	if (len == 8 && memcmp(version, "HTTP/1.1", 8) == 0)
		m->minor = 1;
	else if (len == 8 && memcmp(version, "HTTP/1.0", 8) == 0)
		m->minor = 0;
	else if (memchr(version, ' ', len) != NULL &&
	    (len < 5 || memcmp(version, "HTTP/", 5) != 0))
		return (bad(m, 400, "invalid_request",
		    "The request line is malformed"));
	else
		return (bad(m, 505, "invalid_request",
		    "The version is neither HTTP/1.0 nor HTTP/1.1"));
	m->close = m->minor == 0;
	return (HTTP_DONE);
}

/* RFC 9112, 3: a method longer than any that is known is a 501. */
static enum http_result
parse_method(struct http_message *m, const char *p, size_t len)
{
	int	 i;

	if (len == 0 || !is_token(p, len))
		return (bad(m, 400, "invalid_request",
		    "The method is malformed"));
	for (i = 0; len <= HTTP_MAX_METHOD && i < HTTP_METHODS; i++)
		if (strlen(methods[i]) == len &&
		    memcmp(methods[i], p, len) == 0) {
			m->method = (enum http_method)i;
			return (HTTP_DONE);
		}
	return (bad(m, 501, "invalid_request", "The method is not known"));
}

static enum http_result
parse_target(struct http_message *m, const char *p, size_t len)
{
	const char	*q;
	size_t		 i;

	if (len > HTTP_MAX_TARGET)
		return (bad(m, 414, "invalid_request",
		    "The target is longer than 4 KB"));
	/* CONNECT names an authority; it is refused later, by its method. */
	if (len == 0 || (p[0] != '/' && m->method != HTTP_CONNECT))
		return (bad(m, 400, "invalid_request",
		    "The target must begin with a slash"));
	for (i = 0; i < len; i++)
		if (p[i] < 0x21 || p[i] > 0x7e || p[i] == '#')
			return (bad(m, 400, "invalid_request",
			    "The target holds a character that it may not"));
	q = memchr(p, '?', len);
	m->path.p = p;
	m->path.len = q != NULL ? (size_t)(q - p) : len;
	m->query.p = q != NULL ? q + 1 : NULL;
	m->query.len = q != NULL ? len - m->path.len - 1 : 0;
	return (HTTP_DONE);
}

/* name ":" OWS value OWS, RFC 9112, 5 */
static enum http_result
parse_field(struct http_message *m, const char *p, size_t len)
{
	struct http_slice	 name, value;
	const char		*colon;

	if (p[0] == ' ' || p[0] == '\t')
		return (bad(m, 400, "invalid_request", "A folded line"));
	colon = memchr(p, ':', len);
	if (colon == NULL || colon == p ||
	    !is_token(p, (size_t)(colon - p)))
		return (bad(m, 400, "invalid_request",
		    "A header field's name is malformed"));
	name.p = p;
	name.len = (size_t)(colon - p);
	value.p = colon + 1;
	value.len = len - name.len - 1;
	while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t')) {
		value.p++;
		value.len--;
	}
	while (value.len > 0 && (value.p[value.len - 1] == ' ' ||
	    value.p[value.len - 1] == '\t'))
		value.len--;
	return (take_field(m, name, value));
}

static enum http_result
take_field(struct http_message *m, struct http_slice name,
    struct http_slice value)
{
	int	 i;

	for (i = 0; i < HTTP_FIELDS; i++) {
		if (!slice_is(name, field_names[i]))
			continue;
		if (m->fields[i].p != NULL)
			return (bad(m, 400, "invalid_request",
			    "A header field is there twice"));
		m->fields[i] = value;
		return (HTTP_DONE);
	}
	if (slice_is(name, "Connection"))
		take_connection(m, value);
	return (HTTP_DONE);
}

/* A list of tokens; close wins. */
static void
take_connection(struct http_message *m, struct http_slice v)
{
	struct http_slice	 word;
	const char		*end = v.p + v.len, *p = v.p;
	int			 keep = 0;

	while (p < end) {
		while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
			p++;
		for (word.p = p; p < end && *p != ',' && *p != ' ' &&
		    *p != '\t'; p++)
			;
		word.len = (size_t)(p - word.p);
		if (slice_is(word, "close")) {
			m->close = 1;
			return;
		}
		if (slice_is(word, "keep-alive"))
			keep = 1;
	}
	if (keep && m->minor == 0)
		m->close = 0;
}

static enum http_result
check_head(struct http_message *m)
{
	struct http_slice	 host = m->fields[HTTP_HOST];
	struct http_slice	 expect = m->fields[HTTP_EXPECT];

	if (host.p == NULL ? m->minor == 1 : !host_ok(host))
		return (bad(m, 400, "invalid_request", host.p == NULL ?
		    "The Host field is missing" :
		    "The Host field is malformed"));
	if (m->fields[HTTP_TRANSFER_ENCODING].p != NULL)
		return (m->fields[HTTP_CONTENT_LENGTH].p != NULL ?
		    bad(m, 400, "invalid_request",
		    "Transfer-Encoding beside Content-Length") :
		    bad(m, 411, "invalid_request",
		    "A body needs a Content-Length"));
	if (check_length(m) == HTTP_BAD)
		return (HTTP_BAD);
	if (expect.p != NULL && !slice_is(expect, "100-continue"))
		return (bad(m, 417, "invalid_request",
		    "This expectation can't be met"));
	if (m->method == HTTP_HEAD || m->method == HTTP_CONNECT)
		m->close = 1;
	return (HTTP_DONE);
}

/*
 * RFC 9110, 8.6: digits alone.  A request without the field has no body
 * (RFC 9112, 6.3); whether it needs one is its operation's affair.
 */
static enum http_result
check_length(struct http_message *m)
{
	struct http_slice	 v = m->fields[HTTP_CONTENT_LENGTH];
	size_t			 i, n = 0;

	m->body.len = 0;
	if (v.p == NULL)
		return (HTTP_DONE);
	if (v.len == 0)
		return (bad(m, 400, "invalid_request",
		    "The Content-Length is malformed"));
	for (i = 0; i < v.len; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return (bad(m, 400, "invalid_request",
			    "The Content-Length is malformed"));
	for (i = 0; i < v.len && n <= m->max_body; i++)
		n = n * 10 + (size_t)(v.p[i] - '0');
	if (n > 0 && (m->method == HTTP_GET || m->method == HTTP_HEAD ||
	    m->method == HTTP_DELETE))
		return (bad(m, 400, "invalid_request",
		    "This method takes no body"));
	if (n > m->max_body)
		return (bad(m, 413, "invalid_request",
		    "The body is too large"));
	m->body.len = n;
	return (HTTP_DONE);
}

static enum http_result
parse_body(struct http_message *m, const char *buf, size_t len)
{
	m->body.p = buf + m->head;
	m->consumed = m->head + m->body.len;
	if (len >= m->consumed)
		return (HTTP_DONE);
	if (m->fields[HTTP_EXPECT].p != NULL && m->minor == 1 &&
	    !m->continued && len == m->head) {
		m->continued = 1;
		return (HTTP_CONTINUE);
	}
	return (HTTP_MORE);
}

/* What may stand anywhere in a line, RFC 9112, 2.2. */
static int
is_text(char c)
{
	return (((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t');
}

/* RFC 9110, 5.6.2 */
static int
is_token(const char *p, size_t len)
{
	static const char	 others[] = "!#$%&'*+-.^_`|~";
	size_t			 i;

	for (i = 0; i < len; i++)
		if (!((p[i] >= '0' && p[i] <= '9') ||
		    (p[i] >= 'a' && p[i] <= 'z') ||
		    (p[i] >= 'A' && p[i] <= 'Z') ||
		    (p[i] != '\0' && strchr(others, p[i]) != NULL)))
			return (0);
	return (1);
}

static int
slice_is(struct http_slice s, const char *text)
{
	return (strlen(text) == s.len &&
	    strncasecmp(s.p, text, s.len) == 0);
}

/* A name or an address, with or without a port (RFC 9110, 7.2). */
static int
host_ok(struct http_slice h)
{
	const char	*end = h.p + h.len, *p;
	int		 ok;

	if (h.len == 0 || h.len > HTTP_MAX_HOST)
		return (0);
	if (h.p[0] == '[') {
		p = memchr(h.p, ']', h.len);
		ok = p != NULL && ipv6_ok(h.p + 1, (size_t)(p++ - h.p - 1));
	} else {
		if ((p = memchr(h.p, ':', h.len)) == NULL)
			p = end;
		ok = name_ok(h.p, (size_t)(p - h.p));
	}
	return (ok && (p == end || port_ok(p, (size_t)(end - p))));
}

/* Without a zone, which has a meaning to its own host alone (RFC 6874). */
static int
ipv6_ok(const char *p, size_t len)
{
	struct in6_addr	 address;
	char		 text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text))
		return (0);
	memcpy(text, p, len);
	text[len] = '\0';
	return (inet_pton(AF_INET6, text, &address) == 1);
}

/* Labels as in RFC 1123, 2.1, with underscores; a dot may end them. */
static int
name_ok(const char *p, size_t len)
{
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (p[i] == '.') {
			if (n == 0 || p[i - 1] == '-')
				return (0);
			n = 0;
			continue;
		}
		if (!((p[i] >= '0' && p[i] <= '9') ||
		    (p[i] >= 'a' && p[i] <= 'z') ||
		    (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_' ||
		    (p[i] == '-' && n > 0)))
			return (0);
		n++;
	}
	return (len > 0 && p[len - 1] != '-');
}

static int
port_ok(const char *p, size_t len)
{
	unsigned long	 n = 0;
	size_t		 i;

	if (p[0] != ':' || len < 2 || len > 6)
		return (0);
	for (i = 1; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return (0);
		n = n * 10 + (unsigned long)(p[i] - '0');
	}
	return (n >= 1 && n <= 65535);
}

int
http_query_next(struct http_slice *query, char *name, size_t name_size,
    char *value, size_t value_size)
{
	const char	*end, *eq, *amp;

	for (;;) {
		if (query->p == NULL || query->len == 0)
			return (0);
		end = query->p + query->len;
		amp = memchr(query->p, '&', query->len);
		if (amp != query->p)
			break;
		query->p++;	/* an empty pair */
		query->len--;
	}
	if (amp == NULL)
		amp = end;
	eq = memchr(query->p, '=', (size_t)(amp - query->p));
	if (eq == NULL)
		eq = amp;
	if (decode(query->p, (size_t)(eq - query->p), name, name_size) ==
	    -1 || decode(eq < amp ? eq + 1 : amp,
	    eq < amp ? (size_t)(amp - eq - 1) : 0, value, value_size) == -1)
		return (-1);
	query->p = amp < end ? amp + 1 : end;
	query->len = (size_t)(end - query->p);
	return (1);
}

static int
decode(const char *p, size_t len, char *dst, size_t size)
{
	static const char	 hex[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i, n = 0;
	unsigned char		 c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)p[i];
		if (c == '+')
			c = ' ';
		else if (c == '%') {
			if (i + 2 >= len || p[i + 1] < '0' ||
			    p[i + 2] < '0' ||
			    (hi = memchr(hex, p[i + 1] | 0x20, 16)) == NULL ||
			    (lo = memchr(hex, p[i + 2] | 0x20, 16)) == NULL)
				return (-1);
			c = (unsigned char)((hi - hex) * 16 + (lo - hex));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return (-1);
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return (0);
}
