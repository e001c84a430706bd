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
 * The HTTP door: from an HTTP request to an operation's arguments, and from
 * its answer to an HTTP response.  Runs in the api.  Must not read or write
 * a socket.
 */

#include "config.h"

#include <netinet/in.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api.h"
#include "conn.h"
#include "etag.h"
#include "events.h"
#include "json.h"
#include "limit.h"
#include "log.h"
#include "recall.h"
#include "rope.h"

/* An answer that comes in pieces is put together up to that size. */
#define DOOR_BODY_MAX	(64 * 1024 * 1024)

static struct {
	char		 date[40];
	time_t		 date_at;
	const struct http_message *asking;
} env;

static int	 recall(struct conn *, const struct http_message *);
static const char *target(const struct http_message *, size_t *);
static void	 take_match(const struct http_message *, char *, size_t);
static int	 authenticate(const struct http_message *, enum role *, char *,
		    uint64_t *);
static int	 take_query(struct request *, struct http_slice);
static int	 take_body(struct request *, const struct http_message *);
static int	 is_absent(const struct verb_arg *, struct json_object *);
static int	 has_type(const struct verb_arg *, struct json_object *);
static void	 take_last_event_id(struct request *, struct http_slice);
static int	 is_json(struct http_slice);
static void	 on_answer(struct request *, const struct answer *);
static void	 on_stream(struct request *);
static int	 gather(struct conn *, const struct answer *);
static void	 respond(struct conn *, const struct answer *);
static size_t	 make_head(char *, size_t, const struct conn *,
		    const struct answer *);
static void	 respond_error(struct conn *, int, const char *,
		    const char *, const char *);
static const char *reason(int);

void
door_request(struct conn *c, const struct http_message *m)
{
	const struct verb	*verb;
	struct request		*req;
	char			 allow[64];

	c->method = m->method;
	c->verb = NULL;
	c->began = metrics_now();
	c->minor = m->minor;
	if (recall(c, m))
		return;
	if ((req = request_new(on_answer, c)) == NULL) {
		c->dead = 1;
		return;
	}
	c->request = req;
	verb = path_find(http_method_name(m->method), m->path.p,
	    m->path.len, req->args, allow, sizeof(allow));
	if (verb == NULL) {
		c->request = NULL;
		request_free(req);
		if (m->method == HTTP_CONNECT && allow[0] == '\0')
			(void)strlcpy(allow, "GET", sizeof(allow));
		if (allow[0] != '\0')
			respond_error(c, 405, "method_not_allowed",
			    "This method is not allowed here", allow);
		else
			respond_error(c, 404, "not_found", "Not found", NULL);
		return;
	}
	req->verb = verb;
	req->stream = on_stream;
	c->verb = verb;
	if (auth_role_needed(verb) != ROLE_NONE &&
	    authenticate(m, &req->role, req->actor, &req->token) == -1) {
		c->request = NULL;
		request_free(req);
		metrics_refused();
		conn_hold(c, slow_refused(&c->address));
		return;
	}
	if (take_query(req, m->query) == -1 || take_body(req, m) == -1)
		return;
	take_last_event_id(req, m->fields[HTTP_LAST_EVENT_ID]);
	take_match(m, req->match, sizeof(req->match));
	/* What is answered at once may be kept for the next. */
	env.asking = m;
	route_request(req);
	env.asking = NULL;
}

/* The path and the query as they came. */
static const char *
target(const struct http_message *m, size_t *len)
{
	*len = m->query.p == NULL ? m->path.len :
	    (size_t)(m->query.p - m->path.p) + m->query.len;
	return (m->path.p);
}

static void
take_match(const struct http_message *m, char *match, size_t size)
{
	struct http_slice	 s = m->fields[HTTP_IF_NONE_MATCH];

	if (s.p == NULL || s.len >= size)
		s.len = 0;
	else
		memcpy(match, s.p, s.len);
	match[s.len] = '\0';
}

/*
 * Answer with what was answered before and still holds.  Returns 0 where
 * there is no such thing, or any doubt about who asks.
 */
static int
recall(struct conn *c, const struct http_message *m)
{
	struct recalled	*r;
	struct answer	 a;
	enum role	 role;
	const char	*name;
	char		 match[sizeof(c->request->match)];
	char		 actor[MSG_ID_MAX + 1];
	uint64_t	 token;
	size_t		 len;
	int64_t		 now = time(NULL);

	if (m->method != HTTP_GET || m->body.len > 0)
		return (0);
	name = target(m, &len);
	if ((r = recall_find(name, len, now)) == NULL ||
	    authenticate(m, &role, actor, &token) == -1 ||
	    role < auth_role_needed(r->verb))
		return (0);
	c->verb = r->verb;
	memset(&a, 0, sizeof(a));
	a.status = 200;
	a.etag = r->etag;
	a.rope = r->rope;
	a.len = r->rope->len;
	take_match(m, match, sizeof(match));
	if (match[0] != '\0' && etag_matches(match, r->etag)) {
		a.status = 304;
		respond(c, &a);
	} else if (c->closing)
		respond(c, &a);
	else {
		if (r->head_at != now) {
			r->head_len = make_head(r->head, sizeof(r->head), c,
			    &a);
			r->head_at = now;
		}
		metrics_count(c->verb, 200, c->began);
		conn_write(c, r->head, r->head_len);
		conn_write_rope(c, r->rope);
	}
	return (1);
}

/* The wrong token has waited long enough. */
void
door_held(struct conn *c)
{
	respond_error(c, 401, "invalid_token", "Invalid CCM-Token", NULL);
}

/* CCM-Token, else Authorization: Bearer. */
static int
authenticate(const struct http_message *m, enum role *role,
    char *actor, uint64_t *number)
{
	struct http_slice	 t = m->fields[HTTP_CCM_TOKEN];

	if (t.p == NULL) {
		t = m->fields[HTTP_AUTHORIZATION];
		if (t.p == NULL || t.len < 7 ||
		    strncasecmp(t.p, "Bearer ", 7) != 0)
			return (-1);
		for (t.p += 7, t.len -= 7; t.len > 0 && *t.p == ' ';
		    t.p++, t.len--)
			;
	}
	if (t.len == 0)
		return (-1);
	*role = auth_check(t.p, t.len, actor, MSG_ID_MAX + 1, number);
	return (*role == ROLE_NONE ? -1 : 0);
}

/* Unknown parameters are ignored, known ones may be there once. */
static int
take_query(struct request *req, struct http_slice query)
{
	const struct verb_arg	*a;
	char			 name[HTTP_MAX_TARGET], value[HTTP_MAX_TARGET];
	size_t			 i;
	int			 r;

	while ((r = http_query_next(&query, name, sizeof(name), value,
	    sizeof(value))) == 1) {
		for (i = 0; i < req->verb->nargs; i++)
			if (strcmp(req->verb->args[i].name, name) == 0)
				break;
		if (i == req->verb->nargs)
			continue;
		a = &req->verb->args[i];
		if (a->place != PLACE_QUERY)
			continue;
		if (json_object_object_get_ex(req->args, name, NULL)) {
			answer_error(req, 400, "invalid_argument",
			    "%s is there twice", name);
			return (-1);
		}
		json_set_text(req->args, name, value);
	}
	if (r == -1) {
		answer_error(req, 400, "invalid_argument",
		    "The query is malformed");
		return (-1);
	}
	return (0);
}

/* Members of the body, for the arguments that belong there. */
static int
take_body(struct request *req, const struct http_message *m)
{
	const struct verb_arg	*a;
	struct json_object	*body, *v;
	struct json_error	 err;
	size_t			 i;

	if (m->body.len == 0)
		return (0);
	if (m->fields[HTTP_CONTENT_TYPE].p != NULL &&
	    !is_json(m->fields[HTTP_CONTENT_TYPE])) {
		answer_error(req, 415, "invalid_request",
		    "The body must be application/json");
		return (-1);
	}
	body = json_parse_client(m->body.p, m->body.len, HTTP_MAX_BODY, &err);
	if (!json_object_is_type(body, json_type_object)) {
		answer_error(req, 400, "invalid_json", body != NULL ?
		    "The body must be a JSON object" :
		    "The body is not JSON: %s", err.text);
		json_object_put(body);
		return (-1);
	}
	for (i = 0; i < req->verb->nargs; i++) {
		a = &req->verb->args[i];
		if (a->place != PLACE_BODY ||
		    !json_object_object_get_ex(body, a->name, &v) ||
		    is_absent(a, v))
			continue;
		if (!has_type(a, v)) {
			json_object_put(body);
			answer_error(req, 400, "invalid_argument",
			    "%s must be %s", a->name, a->check == CHECK_FLAG ?
			    "true or false" : "a number");
			return (-1);
		}
		json_object_object_add(req->args, a->name,
		    json_object_get(v));
	}
	json_object_put(body);
	return (0);
}

/* An empty link counts as absent (contract.md); ccmctl's removes it. */
static int
is_absent(const struct verb_arg *a, struct json_object *v)
{
	return (a->min == -1 && json_object_is_type(v, json_type_string) &&
	    json_object_get_string_len(v) == 0);
}

/* JSON has types: text of a flag or number is for queries and ccmctl. */
static int
has_type(const struct verb_arg *a, struct json_object *v)
{
	if (v == NULL)
		return (1);
	if (a->check == CHECK_FLAG)
		return (json_object_is_type(v, json_type_boolean));
	return (a->check != CHECK_INT ||
	    json_object_is_type(v, json_type_int));
}

/*
 * The header field wins: that is how an EventSource resumes.  It takes an
 * error for the end of all, and may have an id of another server: what can't
 * be an id is one that is not known, and none is none.
 */
static void
take_last_event_id(struct request *req, struct http_slice id)
{
	size_t	 i;

	if (id.p == NULL || id.len == 0 || req->verb->walk != WALK_STREAM)
		return;
	for (i = 0; i < id.len && i < EVENT_ID_SIZE; i++)
		if (id.p[i] < 0x21 || id.p[i] > 0x7e)
			break;
	if (i < id.len)
		json_set_text(req->args, "last_event_id", "-");
	else
		json_object_object_add(req->args, "last_event_id",
		    json_object_new_string_len(id.p, (int)id.len));
}

/* application/json, with or without parameters. */
static int
is_json(struct http_slice v)
{
	static const char	 type[] = "application/json";
	size_t			 n = sizeof(type) - 1;

	return (v.len >= n && strncasecmp(v.p, type, n) == 0 &&
	    (v.len == n || v.p[n] == ';' || v.p[n] == ' '));
}

void
door_bad(struct conn *c, const struct http_message *m)
{
	/* Also a refused HEAD is answered without a body. */
	c->method = m->method;
	c->verb = NULL;
	c->began = metrics_now();
	c->closing = 1;
	if (m->status == 413)
		limit_reached(LIMIT_BODY);
	else if (m->status == 414 || m->status == 431)
		limit_reached(LIMIT_HEADER);
	respond_error(c, m->status, m->code, m->why, NULL);
}

void
door_timeout(struct conn *c)
{
	c->verb = NULL;
	c->began = metrics_now();
	c->closing = 1;
	respond_error(c, 408, "invalid_request",
	    "The request took too long", NULL);
}

void
door_closed(struct conn *c)
{
	if (c->request != NULL)
		operation_forget(c->request);
	c->request = NULL;
	free(c->body);
	c->body = NULL;
}

void
door_tick(void)
{
	slow_tick();
	relays_check();
	recall_tick(time(NULL));
}

static void
on_answer(struct request *req, const struct answer *a)
{
	struct conn	*c = req->arg;
	struct answer	 whole;
	const char	*name;
	size_t		 len;

	if (a->text) {
		relay_piece(c, req, a);
		return;
	}
	/* It went wrong on the way: what came before means nothing. */
	if (a->status >= 400 && c->body != NULL) {
		free(c->body);
		c->body = NULL;
		c->body_len = 0;
	}
	if (a->more || c->body != NULL) {
		if (gather(c, a) == -1)
			c->dead = 1;
		else if (req->verb->walk == WALK_FETCH)
			operation_credit(req, a->len);
		if (a->more)
			return;
		whole = *a;
		whole.body = c->body;
		whole.len = c->body_len;
		respond(c, &whole);
		free(c->body);
		c->body = NULL;
		c->body_len = 0;
	} else {
		if (a->hold != NULL && env.asking != NULL &&
		    env.asking->method == HTTP_GET) {
			name = target(env.asking, &len);
			recall_put(name, len, req->verb, a->rope, a->etag,
			    a->hold);
		}
		respond(c, a);
	}
	c->request = NULL;
	conn_answered(c);
}

static void
on_stream(struct request *req)
{
	sse_begin(req->arg, req);
}

static int
gather(struct conn *c, const struct answer *a)
{
	char	*p;

	if (c->body_len + a->len > DOOR_BODY_MAX ||
	    (p = realloc(c->body, c->body_len + a->len + 1)) == NULL)
		return (-1);
	c->body = p;
	memcpy(p + c->body_len, a->body, a->len);
	c->body_len += a->len;
	return (0);
}

static void
respond(struct conn *c, const struct answer *a)
{
	char	 head[RECALL_HEAD_MAX + 192];

	metrics_count(c->verb, a->status, c->began);
	conn_write(c, head, make_head(head, sizeof(head), c, a));
	if (c->method == HTTP_HEAD || a->status == 304)
		return;
	if (a->rope != NULL)
		conn_write_rope(c, a->rope);
	else
		conn_write(c, a->body, a->len);
}

/* 304 has neither a body nor its length (RFC 9112, 6.3). */
static size_t
make_head(char *head, size_t size, const struct conn *c,
    const struct answer *a)
{
	char	 more[192] = "", body[128] = "";
	size_t	 n = 0;

	if (a->retry_after > 0)
		n += (size_t)snprintf(more + n, sizeof(more) - n,
		    "Retry-After: %u\r\n", a->retry_after);
	if (a->allow != NULL && n < sizeof(more))
		n += (size_t)snprintf(more + n, sizeof(more) - n,
		    "Allow: %s\r\n", a->allow);
	/* RFC 9110, 11.6.1: a 401 says how to authenticate. */
	if (a->status == 401 && n < sizeof(more))
		n += (size_t)snprintf(more + n, sizeof(more) - n,
		    "WWW-Authenticate: Bearer realm=\"ccm\"\r\n");
	if (a->etag != NULL && n < sizeof(more))
		(void)snprintf(more + n, sizeof(more) - n, "ETag: %s\r\n",
		    a->etag);
	if (a->status != 304)
		(void)snprintf(body, sizeof(body),
		    "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    a->type != NULL ? a->type : "application/json", a->len);
	n = (size_t)snprintf(head, size,
	    "HTTP/1.1 %d %s\r\nDate: %s\r\n%s"
	    "Cache-Control: %s\r\n%s%s\r\n",
	    a->status, reason(a->status), door_date(), body,
	    a->etag != NULL ? "no-cache" : "no-store", more,
	    c->closing ? "Connection: close\r\n" : "");
	return (n);
}

static void
respond_error(struct conn *c, int status, const char *code,
    const char *text, const char *allow)
{
	struct answer	 a;
	char		 body[512];

	memset(&a, 0, sizeof(a));
	a.status = status;
	a.body = body;
	a.len = error_body(body, sizeof(body), code, text);
	a.allow = allow;
	respond(c, &a);
}

static const char *
reason(int status)
{
	static const struct {
		int		 status;
		const char	*text;
	} reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return (reasons[i].text);
	return ("Unknown");
}

/* RFC 9110, 5.6.7; made once a second. */
const char *
door_date(void)
{
	time_t		 now = time(NULL);
	struct tm	 tm;

	if (now != env.date_at && gmtime_r(&now, &tm) != NULL) {
		env.date_at = now;
		(void)strftime(env.date, sizeof(env.date),
		    "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return (env.date);
}
