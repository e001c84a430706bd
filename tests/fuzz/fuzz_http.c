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
 * Any bytes to the HTTP parser: however they arrive, whole, cut at any
 * place, or one at a time, the requests in them are the same, and each lies
 * within what has arrived.
 */

#include <string.h>

#include "fuzz.h"
#include "http.h"

/* A larger input is not cut at every place. */
#define EVERY_MAX	512
#define CUTS		32

struct outcome {
	enum http_result result;
	int		 status;
	enum http_method method;
	int		 minor;
	int		 close;
	size_t		 head;
	size_t		 consumed;
	uint64_t	 content;	/* a sum over all slices */
};

static struct outcome step(struct http_message *, const uint8_t *, size_t);
static void	 check(const struct http_message *, struct outcome *,
		    const char *, size_t);
static void	 check_head(const char *, size_t);
static void	 check_slice(struct http_slice, const char *, size_t,
		    uint64_t *);
static void	 check_query(struct http_slice);
static void	 same(const struct outcome *, const struct outcome *);
static size_t	 try_request(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t	 used;

	while (len > 0 && (used = try_request(data, len)) > 0) {
		data += used;
		len -= used;
	}
	return (0);
}

/* Returns what the first request takes, 0 if there is none. */
static size_t
try_request(const uint8_t *data, size_t len)
{
	struct http_message	 m;
	struct outcome		 whole, o;
	size_t			 n, every = len > EVERY_MAX ? len / CUTS : 1;

	http_begin(&m);
	whole = step(&m, data, len);
	/* One byte at a time: it ends where it says that it does. */
	http_begin(&m);
	for (n = every; ; n = n + every < len ? n + every : len)
		if ((o = step(&m, data, n)).result != HTTP_MORE || n == len)
			break;
	same(&whole, &o);
	EXPECT(o.result != HTTP_DONE || n - every < whole.consumed);
	for (n = 1; n < len; n += every) {
		http_begin(&m);
		if ((o = step(&m, data, n)).result == HTTP_MORE)
			o = step(&m, data, len);
		same(&whole, &o);
	}
	return (whole.result == HTTP_DONE ? whole.consumed : 0);
}

/* A copy of just that size, where a sanitizer sees one byte more. */
static struct outcome
step(struct http_message *m, const uint8_t *data, size_t len)
{
	struct outcome	 o;
	char		*copy;

	EXPECT((copy = malloc(len)) != NULL);
	memcpy(copy, data, len);
	memset(&o, 0, sizeof(o));
	if ((o.result = http_parse(m, copy, len)) == HTTP_CONTINUE) {
		EXPECT(len == m->head && m->minor == 1);
		o.result = http_parse(m, copy, len);
		EXPECT(o.result == HTTP_MORE);
	}
	check(m, &o, copy, len);
	free(copy);
	return (o);
}

static void
check(const struct http_message *m, struct outcome *o, const char *buf,
    size_t len)
{
	int	 i;

	if (o->result == HTTP_BAD) {
		EXPECT(m->status >= 400 && m->status <= 505);
		EXPECT(m->code != NULL && m->why != NULL && m->close);
		o->status = m->status;
		return;
	}
	if (o->result != HTTP_DONE)
		return;
	EXPECT(m->head >= 18 && m->head <= HTTP_MAX_HEAD);
	EXPECT(m->body.len <= HTTP_MAX_BODY);
	EXPECT(m->consumed == m->head + m->body.len && m->consumed <= len);
	EXPECT(m->body.p == buf + m->head);
	EXPECT((unsigned int)m->method < HTTP_METHODS);
	EXPECT(m->minor == 1 || m->minor == 0);
	EXPECT(m->minor == 0 || m->fields[HTTP_HOST].p != NULL);
	EXPECT(m->fields[HTTP_TRANSFER_ENCODING].p == NULL);
	check_head(buf, m->head);
	o->method = m->method;
	o->minor = m->minor;
	o->close = m->close;
	o->head = m->head;
	o->consumed = m->consumed;
	check_slice(m->path, buf, m->head, &o->content);
	if (m->query.p != NULL)
		check_slice(m->query, buf, m->head, &o->content);
	for (i = 0; i < HTTP_FIELDS; i++)
		if (m->fields[i].p != NULL)
			check_slice(m->fields[i], buf, m->head, &o->content);
	check_query(m->query);
}

/* No line ends but CRLF, no control character but TAB, no folded line. */
static void
check_head(const char *buf, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++) {
		EXPECT((buf[i] == '\n') == (i > 0 && buf[i - 1] == '\r'));
		EXPECT((unsigned char)buf[i] >= 0x20 || buf[i] == '\r' ||
		    buf[i] == '\n' || buf[i] == '\t');
		EXPECT(buf[i] != 0x7f);
		if (i > 0 && buf[i - 1] == '\n')
			EXPECT(buf[i] != ' ' && buf[i] != '\t' &&
			    buf[i] != ':');
	}
	EXPECT(memcmp(buf + len - 4, "\r\n\r\n", 4) == 0);
}

static void
check_slice(struct http_slice s, const char *buf, size_t len, uint64_t *sum)
{
	size_t	 i;

	EXPECT(s.p > buf && s.p + s.len < buf + len);
	for (i = 0; i < s.len; i++) {
		EXPECT(s.p[i] != '\r' && s.p[i] != '\n');
		*sum = (*sum ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	}
	*sum = (*sum ^ 0x100) * 0x100000001b3u;
}

static void
check_query(struct http_slice q)
{
	char	 name[32], value[64];
	size_t	 n = 0, i, all = q.len;
	int	 r;

	while ((r = http_query_next(&q, name, sizeof(name), value,
	    sizeof(value))) == 1) {
		EXPECT(++n <= all);
		for (i = 0; name[i] != '\0'; i++)
			EXPECT((unsigned char)name[i] >= 0x20);
		for (i = 0; value[i] != '\0'; i++)
			EXPECT((unsigned char)value[i] >= 0x20);
	}
	EXPECT(r == 0 || r == -1);
}

static void
same(const struct outcome *a, const struct outcome *b)
{
	EXPECT(a->result == b->result);
	EXPECT(a->status == b->status);
	EXPECT(a->method == b->method && a->minor == b->minor);
	EXPECT(a->close == b->close);
	EXPECT(a->head == b->head && a->consumed == b->consumed);
	EXPECT(a->content == b->content);
}
