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
 * githubsim: a call's way from the request that evhttp has read to the
 * answer: faults, then the port's own service, then the log and the bytes.
 * Must not know what any path means.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

#define CONTROL_PREFIX	"/_sim/"
#define AUTH_MAX	1024

static struct call *call_new(struct evhttp_request *, enum port_kind);
static void	 call_origin(struct call *);
static void	 call_split(struct call *);
static void	 call_token(struct call *);
static void	 call_input(struct call *);
static void	 call_run(struct call *);
static void	 call_delayed(evutil_socket_t, short, void *);
static const char *method_name(enum evhttp_cmd_type);
static int	 route_match(const char *, struct call *, int);

void
http_request(struct evhttp_request *req, void *arg)
{
	enum port_kind	 port = (enum port_kind)(uintptr_t)arg;
	struct call	*c = call_new(req, port);
	struct timeval	 tv;

	if (port == PORT_HTTP &&
	    strncmp(c->uri, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
		control_serve(c);
		return;
	}
	fault_find(c);
	ratelimit_enter(c);
	if (c->fault.delay == 0) {
		call_run(c);
		return;
	}
	tv.tv_sec = c->fault.delay / 1000;
	tv.tv_usec = c->fault.delay % 1000 * 1000;
	if ((c->timer = evtimer_new(sim.base, call_delayed, c)) == NULL ||
	    evtimer_add(c->timer, &tv) == -1)
		err(1, "evtimer_add");
}

static void
call_delayed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	call_run(arg);
}

static void
call_run(struct call *c)
{
	if (fault_before(c)) {
		call_finish(c);
		return;
	}
	if (c->port == PORT_STORAGE)
		storage_serve(c);
	else
		api_serve(c);
	call_finish(c);
}

void
call_finish(struct call *c)
{
	struct evkeyvalq	*out;
	struct evkeyval		*h;
	struct evbuffer		*body;

	answer_common(c);
	reqlog_add(c);
	if (c->fault.kind > FAULT_GARBAGE) {
		fault_send(c);
		return;
	}
	out = evhttp_request_get_output_headers(c->req);
	TAILQ_FOREACH(h, &c->headers, next)
		(void)evhttp_add_header(out, h->key, h->value);
	if ((body = evbuffer_new()) == NULL)
		err(1, NULL);
	if (c->len > 0)
		(void)evbuffer_add(body, c->body, c->len);
	evhttp_send_reply(c->req, c->status, answer_reason(c->status), body);
	evbuffer_free(body);
	call_free(c);
}

void
call_free(struct call *c)
{
	ratelimit_release(c);
	evhttp_clear_headers(&c->params);
	evhttp_clear_headers(&c->headers);
	fault_act_clear(&c->fault);
	if (c->timer != NULL)
		event_free(c->timer);
	json_object_put(c->input);
	json_object_put(c->shared);
	free(c->segments);
	free(c->body);
	free(c);
}

const char *
call_param(struct call *c, const char *name)
{
	return (evhttp_find_header(&c->params, name));
}

const char *
call_header(struct call *c, const char *name)
{
	return (evhttp_find_header(evhttp_request_get_input_headers(c->req),
	    name));
}

/* A query's number, within bounds as GitHub does it: silently. */
int
call_integer(struct call *c, const char *name, int lo, int hi, int otherwise)
{
	const char	*text = call_param(c, name), *error;
	long long	 n;

	if (text == NULL)
		return (otherwise);
	n = strtonum(text, INT_MIN, INT_MAX, &error);
	if (error != NULL || n < lo)
		return (otherwise);
	return (n > hi ? hi : (int)n);
}

/* Where in a list the page starts that is wanted, and how long it is. */
size_t
call_page(struct call *c, size_t *size)
{
	*size = (size_t)call_integer(c, "per_page", 1, SIM_PAGE_MAX, 30);
	return (*size * ((size_t)call_integer(c, "page", 1,
	    INT_MAX / SIM_PAGE_MAX, 1) - 1));
}

/* The first row whose method and pattern fit the segments from `from` on. */
const struct route *
route_find(const struct route *table, struct call *c, int from)
{
	for (; table->method != NULL; table++)
		if (strcmp(table->method, c->method) == 0 &&
		    route_match(table->pattern, c, from))
			return (table);
	return (NULL);
}

static int
route_match(const char *pattern, struct call *c, int from)
{
	size_t	 len;
	int	 args = 0;

	for (; *pattern != '\0' && from < c->nseg; from++) {
		len = strcspn(pattern, "/");
		if (len == 2 && strncmp(pattern, "{}", 2) == 0) {
			if (args == SIM_ARGS)
				return (0);
			c->arg[args++] = c->seg[from];
		} else if (strlen(c->seg[from]) != len ||
		    strncmp(pattern, c->seg[from], len) != 0)
			return (0);
		pattern += len;
		if (*pattern == '/')
			pattern++;
	}
	return (*pattern == '\0' && from == c->nseg);
}

static struct call *
call_new(struct evhttp_request *req, enum port_kind port)
{
	struct call	*c;
	const char	*query;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		err(1, NULL);
	c->req = req;
	c->port = port;
	c->method = method_name(evhttp_request_get_command(req));
	c->uri = evhttp_request_get_uri(req);
	c->arrived = clock_real();
	TAILQ_INIT(&c->params);
	TAILQ_INIT(&c->headers);
	query = strchr(c->uri, '?');
	if (query != NULL)
		(void)evhttp_parse_query_str(query + 1, &c->params);
	call_origin(c);
	call_split(c);
	call_token(c);
	call_input(c);
	return (c);
}

static void
call_origin(struct call *c)
{
	const char	*host = call_header(c, "Host");

	(void)snprintf(c->origin, sizeof(c->origin), "%s://%s%s",
	    c->port == PORT_HTTPS ? "https" : "http",
	    host != NULL ? host : "localhost", sim.prefix);
}

/* The path's segments, decoded; the prefix is taken off by the router. */
static void
call_split(struct call *c)
{
	char	*p, *word, *decoded;
	size_t	 n;

	if ((c->segments = strdup(c->uri)) == NULL)
		err(1, NULL);
	c->segments[strcspn(c->segments, "?#")] = '\0';
	p = c->segments;
	while ((word = strsep(&p, "/")) != NULL) {
		if (*word == '\0')
			continue;
		if (c->nseg == SIM_SEGMENTS) {
			c->nseg = 0;	/* nothing is as deep as that */
			return;
		}
		/* Decoding makes a segment shorter, never longer. */
		if ((decoded = evhttp_uridecode(word, 0, &n)) != NULL)
			(void)strlcpy(word, decoded, strlen(word) + 1);
		free(decoded);
		c->seg[c->nseg++] = word;
	}
}

static void
call_token(struct call *c)
{
	const char	*auth = call_header(c, "Authorization");

	if (auth == NULL || strlen(auth) > AUTH_MAX)
		return;
	if (strncasecmp(auth, "bearer ", 7) == 0)
		auth += 7;
	else if (strncasecmp(auth, "token ", 6) == 0)
		auth += 6;
	token_hash(auth, c->token_id);
	c->bearer = auth;
	c->token = token_find(auth);
	/* A JWT is no token; an app's path looks at it. */
	if (c->token == NULL && sim.any_token && *auth != '\0' &&
	    strncmp(auth, "ghs_", 4) != 0 &&
	    (strncmp(auth, "eyJ", 3) != 0 || strchr(auth, '.') == NULL))
		c->token = token_add(auth);
	if (c->token != NULL && token_good(c->token))
		c->account = c->token->account;
}

static void
call_input(struct call *c)
{
	struct evbuffer		*in = evhttp_request_get_input_buffer(c->req);
	struct json_tokener	*tok;
	size_t			 len = evbuffer_get_length(in);

	if (len == 0 || len > INT_MAX)
		return;
	if ((tok = json_tokener_new()) == NULL)
		err(1, NULL);
	c->input = json_tokener_parse_ex(tok,
	    (const char *)evbuffer_pullup(in, -1), (int)len);
	json_tokener_free(tok);
}

static const char *
method_name(enum evhttp_cmd_type cmd)
{
	static const struct {
		enum evhttp_cmd_type	 cmd;
		const char		*name;
	} names[] = {
		{ EVHTTP_REQ_GET, "GET" }, { EVHTTP_REQ_POST, "POST" },
		{ EVHTTP_REQ_HEAD, "HEAD" }, { EVHTTP_REQ_PUT, "PUT" },
		{ EVHTTP_REQ_DELETE, "DELETE" },
		{ EVHTTP_REQ_OPTIONS, "OPTIONS" },
		{ EVHTTP_REQ_PATCH, "PATCH" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].cmd == cmd)
			return (names[i].name);
	return ("?");
}
