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
 * githubsim: the log of requests.  An entry is made when the answer is
 * known, so that a test which has seen n entries has seen n answers.  Who
 * asks for more than there are is kept waiting.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define WAIT_MS_MAX	600000
#define STATUSES	600

struct entry {
	TAILQ_ENTRY(entry) entry;
	int64_t		 index;
	int64_t		 arrived;
	int64_t		 answered;
	const char	*method;
	char		*path;
	char		*match;		/* If-None-Match, or NULL */
	char		*agent;
	char		*body;
	char		 token[SIM_TOKEN_ID];
	struct json_object *headers;	/* or NULL */
	char		*answer;	/* its body, or NULL */
	int		 status;
	enum fault_kind	 fault;
	enum port_kind	 port;
};
TAILQ_HEAD(entry_list, entry);

/* Which entries are asked for. */
struct query {
	int64_t		 since;
	const char	*method;
	const char	*prefix;
	const char	*port;
	const char	*token;
	int		 status;
	int		 regex_set;
	regex_t		 regex;
	int64_t		 limit;
};

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct call	*call;
	struct query	 query;
	int64_t		 want;		/* entries */
	int64_t		 have;
	struct event	*timer;
};
TAILQ_HEAD(waiter_list, waiter);

static struct {
	struct entry_list	 entries;
	struct waiter_list	 waiters;
	int64_t			 next;		/* index */
	int64_t			 kept;
	int			 nwaiters;
	int64_t			 statuses[STATUSES];
	int64_t			 unanswered;
} state = {
	.entries = TAILQ_HEAD_INITIALIZER(state.entries),
	.waiters = TAILQ_HEAD_INITIALIZER(state.waiters),
};

static const char *const ports[] = { "http", "https", "storage" };

static void	 entry_free(struct entry *);
static struct json_object *entry_show(const struct entry *);
static struct json_object *headers_of(struct call *);
static char	*body_of(struct call *);
static char	*copy(const char *);
static int	 query_read(struct call *, struct query *);
static int	 query_fits(const struct query *, const struct entry *);
static void	 waiter_wake(struct waiter *);
static void	 waiter_timeout(evutil_socket_t, short, void *);
static int	 waiter_new(struct call *, struct query *, int64_t, int64_t);
static void	 answer(struct call *, struct query *);

void
reqlog_add(struct call *c)
{
	struct entry	*e;
	struct waiter	*w, *next;

	if (c->held || strncmp(c->uri, "/_sim/", 6) == 0)
		return;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		err(1, NULL);
	e->index = state.next++;
	e->arrived = c->arrived;
	e->answered = clock_real();
	e->method = c->method;
	e->path = copy(c->uri);
	e->match = copy(call_header(c, "If-None-Match"));
	e->agent = copy(call_header(c, "User-Agent"));
	e->body = body_of(c);
	memcpy(e->token, c->token_id, sizeof(e->token));
	if (c->port == PORT_STORAGE || sim.settings.log_headers)
		e->headers = headers_of(c);
	if (sim.settings.log_answers && c->len > 0 && c->body != NULL) {
		c->body[c->len] = '\0';
		e->answer = copy(c->body);
	}
	e->fault = c->fault.kind;
	e->status = e->fault == FAULT_HANG || e->fault == FAULT_RESET ? 0 :
	    c->status;
	e->port = c->port;
	if (e->status > 0 && e->status < STATUSES)
		state.statuses[e->status]++;
	else
		state.unanswered++;
	TAILQ_INSERT_TAIL(&state.entries, e, entry);
	if (++state.kept > SIM_LOG_MAX)
		entry_free(TAILQ_FIRST(&state.entries));
	TAILQ_FOREACH_SAFE(w, &state.waiters, entry, next)
		if (query_fits(&w->query, e) && ++w->have >= w->want)
			waiter_wake(w);
}

/*
 * GET /_sim/requests?since=&method=&path=&prefix=&status=&port=&token=
 * &limit=, and with wait= (entries) and timeout= (ms) not before there are
 * as many.
 */
void
reqlog_get(struct call *c)
{
	struct query	 q;
	struct entry	*e;
	int64_t		 want, have = 0;

	if (query_read(c, &q) == -1)
		return;
	want = call_integer(c, "wait", 0, INT_MAX, 0);
	if (want > 0) {
		TAILQ_FOREACH(e, &state.entries, entry)
			have += query_fits(&q, e);
		if (have < want && waiter_new(c, &q, want, have) == 0)
			return;
	}
	answer(c, &q);
	if (q.regex_set)
		regfree(&q.regex);
}

void
reqlog_delete(struct call *c)
{
	reqlog_clear();
	answer_empty(c, 204);
}

void
reqlog_counts(struct call *c)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*by = json_object_new_object();
	struct account		*account;
	char			 name[16];
	int64_t			 total = state.unanswered, inflight = 0;
	int			 i;

	for (i = 0; i < STATUSES; i++) {
		if (state.statuses[i] == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%d", i);
		json_object_object_add(by, name,
		    json_object_new_int64(state.statuses[i]));
		total += state.statuses[i];
	}
	TAILQ_FOREACH(account, &sim.accounts, entry)
		inflight += account->budget.inflight;
	json_object_object_add(o, "total", json_object_new_int64(total));
	json_object_object_add(o, "unanswered",
	    json_object_new_int64(state.unanswered));
	json_object_object_add(o, "statuses", by);
	json_object_object_add(o, "in_flight",
	    json_object_new_int64(inflight));
	json_object_object_add(o, "next", json_object_new_int64(state.next));
	answer_json(c, 200, o);
}

/* Indices go on: who waits must not take a new entry for an old one. */
void
reqlog_clear(void)
{
	struct entry	*e;

	while ((e = TAILQ_FIRST(&state.entries)) != NULL)
		entry_free(e);
	memset(state.statuses, 0, sizeof(state.statuses));
	state.unanswered = 0;
}

static void
answer(struct call *c, struct query *q)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*list = json_object_new_array();
	struct entry		*e;
	int64_t			 n = 0;

	TAILQ_FOREACH(e, &state.entries, entry) {
		if (!query_fits(q, e))
			continue;
		if (n++ < q->limit)
			json_object_array_add(list, entry_show(e));
	}
	json_object_object_add(o, "next", json_object_new_int64(state.next));
	json_object_object_add(o, "count", json_object_new_int64(n));
	json_object_object_add(o, "requests", list);
	answer_json(c, 200, o);
}

static int
query_read(struct call *c, struct query *q)
{
	const char	*path = call_param(c, "path");

	memset(q, 0, sizeof(*q));
	q->since = call_integer(c, "since", 0, INT_MAX, 0);
	q->method = call_param(c, "method");
	q->prefix = call_param(c, "prefix");
	q->port = call_param(c, "port");
	q->token = call_param(c, "token");
	q->status = call_integer(c, "status", 0, STATUSES, -1);
	q->limit = call_integer(c, "limit", 0, INT_MAX, INT_MAX);
	if (path == NULL)
		return (0);
	if (regcomp(&q->regex, path, REG_EXTENDED | REG_NOSUB) != 0) {
		control_error(c, 422, "path: not a regular expression");
		return (-1);
	}
	q->regex_set = 1;
	return (0);
}

static int
query_fits(const struct query *q, const struct entry *e)
{
	return (e->index >= q->since &&
	    (q->method == NULL || strcmp(q->method, e->method) == 0) &&
	    (q->prefix == NULL ||
	    strncmp(q->prefix, e->path, strlen(q->prefix)) == 0) &&
	    (q->port == NULL || strcmp(q->port, ports[e->port]) == 0) &&
	    (q->token == NULL || strcmp(q->token, e->token) == 0) &&
	    (q->status == -1 || q->status == e->status) &&
	    (!q->regex_set ||
	    regexec(&q->regex, e->path, 0, NULL, 0) == 0));
}

static int
waiter_new(struct call *c, struct query *q, int64_t want, int64_t have)
{
	int		 ms = call_integer(c, "timeout", 0, WAIT_MS_MAX,
			    10000);
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };
	struct waiter	*w;

	if (state.nwaiters >= SIM_WAITERS_MAX)
		return (-1);
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (w->timer = evtimer_new(sim.base, waiter_timeout, w)) == NULL ||
	    evtimer_add(w->timer, &tv) == -1)
		err(1, NULL);
	w->call = c;
	w->query = *q;
	w->want = want;
	w->have = have;
	c->held = 1;
	TAILQ_INSERT_TAIL(&state.waiters, w, entry);
	state.nwaiters++;
	return (0);
}

static void
waiter_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	waiter_wake(arg);
}

static void
waiter_wake(struct waiter *w)
{
	TAILQ_REMOVE(&state.waiters, w, entry);
	state.nwaiters--;
	event_free(w->timer);
	answer(w->call, &w->query);
	if (w->query.regex_set)
		regfree(&w->query.regex);
	call_finish(w->call);
	free(w);
}

static struct json_object *
entry_show(const struct entry *e)
{
	struct json_object	*o = json_object_new_object();

#define ADD(k, v)	json_object_object_add(o, k, v)
	ADD("index", json_object_new_int64(e->index));
	ADD("time", json_object_new_int64(e->arrived));
	ADD("answered", json_object_new_int64(e->answered));
	ADD("port", json_object_new_string(ports[e->port]));
	ADD("method", json_object_new_string(e->method));
	ADD("path", json_object_new_string(e->path));
	ADD("token", render_string(e->token[0] == '\0' ? NULL : e->token));
	ADD("if_none_match", render_string(e->match));
	ADD("user_agent", render_string(e->agent));
	ADD("body", render_string(e->body));
	ADD("status", e->status == 0 ? NULL :
	    json_object_new_int(e->status));
	ADD("fault", render_string(fault_name(e->fault)));
	if (e->headers != NULL)
		ADD("headers", json_object_get(e->headers));
	if (e->answer != NULL)
		ADD("answer", json_object_new_string(e->answer));
#undef ADD
	return (o);
}

static void
entry_free(struct entry *e)
{
	TAILQ_REMOVE(&state.entries, e, entry);
	state.kept--;
	json_object_put(e->headers);
	free(e->path);
	free(e->match);
	free(e->agent);
	free(e->body);
	free(e->answer);
	free(e);
}

static struct json_object *
headers_of(struct call *c)
{
	struct evkeyvalq	*in;
	struct evkeyval		*h;
	struct json_object	*o = json_object_new_object();

	in = evhttp_request_get_input_headers(c->req);
	TAILQ_FOREACH(h, in, next)
		json_object_object_add(o, h->key,
		    json_object_new_string(h->value));
	return (o);
}

static char *
body_of(struct call *c)
{
	struct evbuffer	*in = evhttp_request_get_input_buffer(c->req);
	size_t		 len = evbuffer_get_length(in);
	char		*body;

	if (len == 0)
		return (NULL);
	if (len > SIM_LOG_BODY_MAX)
		len = SIM_LOG_BODY_MAX;
	if ((body = calloc(1, len + 1)) == NULL)
		err(1, NULL);
	(void)evbuffer_copyout(in, body, len);
	return (body);
}

static char *
copy(const char *s)
{
	char	*new;

	if (s == NULL)
		return (NULL);
	if ((new = strdup(s)) == NULL)
		err(1, NULL);
	return (new);
}
