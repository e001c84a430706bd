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
 * githubsim: faults: which calls they meet and what they do to the answer.
 * Source of nothing: each is something that networks and servers do.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define DELAY_MAX	600000		/* ms */
#define BYTES_MAX	(1024LL * 1024 * 1024)
#define ENDLESS_BYTES	(64LL * 1024 * 1024)

struct fault {
	TAILQ_ENTRY(fault) entry;
	int64_t		 id;
	char		*method;	/* NULL: any */
	char		*prefix;	/* of path and query, or NULL */
	char		*pattern;	/* regular expression, or NULL */
	regex_t		 regex;
	char		*port;		/* NULL: any */
	int64_t		 skip;		/* calls to let pass first */
	int64_t		 count;		/* calls left, -1: until cleared */
	int64_t		 hits;
	struct fault_act act;
};
TAILQ_HEAD(fault_list, fault);

static struct fault_list faults = TAILQ_HEAD_INITIALIZER(faults);
static int64_t	 last_id;
static int	 nfaults;

static const char *const kinds[] = {
	[FAULT_NONE] = NULL, [FAULT_DELAY] = "delay",
	[FAULT_STATUS] = "status", [FAULT_GARBAGE] = "garbage",
	[FAULT_HANG] = "hang", [FAULT_RESET] = "reset",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_ENDLESS_BODY] = "endless_body",
	[FAULT_ENDLESS_HEADER] = "endless_header",
	[FAULT_DRIP] = "drip", [FAULT_CONTENT_LENGTH] = "content_length",
};
#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))
static const char *const port_names[] = { "http", "https", "storage" };

static int	 matches(const struct fault *, const struct call *);
static void	 fault_free(struct fault *);
static int	 fault_read(struct call *, struct fault *);
static int	 act_read(struct call *, struct fault_act *);
static void	 act_answer(struct call *);
static struct json_object *show(const struct fault *);
static char	*copy(struct json_object *, const char *);

/* Gives the call the first fault that fits and is not used up. */
void
fault_find(struct call *c)
{
	struct fault	*f;

	TAILQ_FOREACH(f, &faults, entry) {
		if (f->count == 0 || !matches(f, c))
			continue;
		if (f->skip > 0) {
			f->skip--;
			continue;
		}
		if (f->count > 0)
			f->count--;
		f->hits++;
		c->fault = f->act;
		c->fault.body = json_object_get(f->act.body);
		c->fault.headers = json_object_get(f->act.headers);
		return;
	}
}

/* 1: the call is answered (or will not be) and has no effect. */
int
fault_before(struct call *c)
{
	switch (c->fault.kind) {
	case FAULT_NONE:
	case FAULT_DELAY:
	case FAULT_TRUNCATE:
	case FAULT_DRIP:
	case FAULT_CONTENT_LENGTH:
		return (0);
	case FAULT_STATUS:
	case FAULT_GARBAGE:
	case FAULT_ENDLESS_BODY:
	case FAULT_ENDLESS_HEADER:
		act_answer(c);
		return (1);
	case FAULT_HANG:
	case FAULT_RESET:
		return (!c->fault.effect);
	}
	return (0);
}

static void
act_answer(struct call *c)
{
	static const char	 garbage[] = "{\"total_count\": \xff\xfe 7, "
	    "\"workflow_runs\": [{\"id\": nonsense";
	const char		*text;
	size_t			 len;

	if (json_object_is_type(c->fault.body, json_type_string)) {
		text = json_object_get_string(c->fault.body);
		len = (size_t)json_object_get_string_len(c->fault.body);
		answer_text(c, c->fault.status, "text/html; charset=utf-8",
		    text, len);
	} else if (c->fault.body != NULL) {
		answer_json(c, c->fault.status,
		    json_object_get(c->fault.body));
	} else if (c->fault.kind == FAULT_GARBAGE) {
		answer_text(c, c->fault.status,
		    "application/json; charset=utf-8", garbage,
		    sizeof(garbage) - 1);
	} else if (c->fault.kind == FAULT_STATUS && c->fault.status != 204 &&
	    c->fault.status != 304)
		answer_error(c, c->fault.status, "%s",
		    answer_reason(c->fault.status));
	else
		answer_empty(c, c->fault.status);
	if (c->token != NULL && c->port != PORT_STORAGE)
		ratelimit_headers(c);
	if (c->fault.headers == NULL)
		return;
	json_object_object_foreach(c->fault.headers, key, value) {
		(void)evhttp_remove_header(&c->headers, key);
		if (value != NULL)
			answer_header(c, key, "%s",
			    json_object_get_string(value));
	}
}

/* Sends what evhttp would not; the call ends with its connection. */
void
fault_send(struct call *c)
{
	struct evbuffer	*out = evbuffer_new();
	struct fault_act *f = &c->fault;
	int64_t		 fill = 0, len = (int64_t)c->len;
	int		 header = 0, hang = f->kind == FAULT_HANG;

	if (out == NULL)
		err(1, NULL);
	if (f->kind == FAULT_RESET) {
		evbuffer_free(out);
		stream_reset(c);
		return;
	}
	if (f->kind == FAULT_ENDLESS_BODY) {
		answer_header(c, "Transfer-Encoding", "chunked");
		fill = f->bytes;
		len = -1;
	} else if (f->kind == FAULT_ENDLESS_HEADER) {
		header = 1;
		fill = f->bytes;
		len = -1;
	} else if (f->kind == FAULT_CONTENT_LENGTH)
		len = len + f->delta < 0 ? 0 : len + f->delta;
	if (!hang) {
		(void)answer_raw(c, out, len);
		if (!header)
			(void)evbuffer_add(out, "\r\n", 2);
		if (f->kind == FAULT_TRUNCATE && f->bytes < (int64_t)c->len)
			c->len = (size_t)f->bytes;
		if (fill == 0 && c->len > 0)
			(void)evbuffer_add(out, c->body, c->len);
	}
	stream_start(c, out, fill, header, hang);
}

const char *
fault_name(enum fault_kind kind)
{
	return (kinds[kind]);
}

void
fault_act_clear(struct fault_act *act)
{
	json_object_put(act->body);
	json_object_put(act->headers);
	act->body = act->headers = NULL;
}

void
fault_clear(void)
{
	struct fault	*f;

	while ((f = TAILQ_FIRST(&faults)) != NULL)
		fault_free(f);
}

void
fault_post(struct call *c)
{
	struct json_object	*o = json_object_new_object();
	struct fault		*f;

	if (nfaults >= SIM_FAULTS_MAX) {
		control_error(c, 422, "too many faults");
		json_object_put(o);
		return;
	}
	if ((f = calloc(1, sizeof(*f))) == NULL)
		err(1, NULL);
	f->id = ++last_id;
	TAILQ_INSERT_TAIL(&faults, f, entry);
	nfaults++;
	if (fault_read(c, f) == -1) {
		fault_free(f);
		json_object_put(o);
		return;
	}
	json_object_object_add(o, "id", json_object_new_int64(f->id));
	answer_json(c, 201, o);
}

void
fault_list(struct call *c)
{
	struct json_object	*list = json_object_new_array();
	struct fault		*f;

	TAILQ_FOREACH(f, &faults, entry)
		json_object_array_add(list, show(f));
	answer_json(c, 200, list);
}

void
fault_delete(struct call *c)
{
	struct fault	*f, *next;
	int64_t		 id = c->arg[0] == NULL ? 0 :
			    strtoll(c->arg[0], NULL, 10);

	TAILQ_FOREACH_SAFE(f, &faults, entry, next)
		if (id == 0 || f->id == id)
			fault_free(f);
	answer_empty(c, 204);
}

static int
matches(const struct fault *f, const struct call *c)
{
	if (f->method != NULL && strcmp(f->method, c->method) != 0)
		return (0);
	if (f->port != NULL && strcmp(f->port, port_names[c->port]) != 0)
		return (0);
	if (f->prefix != NULL &&
	    strncmp(c->uri, f->prefix, strlen(f->prefix)) != 0)
		return (0);
	return (f->pattern == NULL ||
	    regexec(&f->regex, c->uri, 0, NULL, 0) == 0);
}

static int
fault_read(struct call *c, struct fault *f)
{
	static const char *const known[] = {
		"method", "prefix", "path", "port", "skip", "count", "kind",
		"ms", "bytes", "interval", "delta", "status", "effect",
		"body", "headers", NULL
	};
	char	*pattern;

	if (control_members(c, c->input, known) == -1 ||
	    act_read(c, &f->act) == -1)
		return (-1);
	f->method = copy(c->input, "method");
	f->prefix = copy(c->input, "prefix");
	f->port = copy(c->input, "port");
	f->skip = control_integer(c->input, "skip", 0);
	f->count = control_integer(c->input, "count", -1);
	if ((pattern = copy(c->input, "path")) == NULL)
		return (0);
	if (regcomp(&f->regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		control_error(c, 422, "path: not a regular expression");
		free(pattern);
		return (-1);
	}
	f->pattern = pattern;
	return (0);
}

static int
act_read(struct call *c, struct fault_act *act)
{
	const char	*kind = control_string(c->input, "kind", "status");
	size_t		 i;

	for (i = 1; i < NKINDS; i++)
		if (strcmp(kinds[i], kind) == 0)
			break;
	if (i == NKINDS) {
		control_error(c, 422, "kind: unknown");
		return (-1);
	}
	act->kind = (enum fault_kind)i;
	act->delay = control_integer(c->input, "ms", 0);
	act->bytes = control_integer(c->input, "bytes",
	    act->kind == FAULT_ENDLESS_BODY ||
	    act->kind == FAULT_ENDLESS_HEADER ? ENDLESS_BYTES :
	    act->kind == FAULT_DRIP ? 1 : 0);
	if (act->kind == FAULT_DRIP)
		act->interval = control_integer(c->input, "interval", 100);
	act->delta = control_integer(c->input, "delta", 1);
	act->status = (int)control_integer(c->input, "status",
	    act->kind == FAULT_STATUS ? 500 : 200);
	act->effect = control_boolean(c->input, "effect", 0);
	act->body = NULL;
	if (json_object_object_get_ex(c->input, "body", &act->body))
		(void)json_object_get(act->body);
	if (json_object_object_get_ex(c->input, "headers", &act->headers))
		(void)json_object_get(act->headers);
	if (act->delay < 0 || act->delay > DELAY_MAX || act->bytes < 0 ||
	    act->bytes > BYTES_MAX || act->interval < 0 ||
	    act->interval > DELAY_MAX || act->status < 200 ||
	    act->status > 599 || (act->headers != NULL &&
	    !json_object_is_type(act->headers, json_type_object))) {
		control_error(c, 422, "a value is out of range");
		return (-1);
	}
	return (0);
}

static void
fault_free(struct fault *f)
{
	TAILQ_REMOVE(&faults, f, entry);
	nfaults--;
	fault_act_clear(&f->act);
	if (f->pattern != NULL)
		regfree(&f->regex);
	free(f->method);
	free(f->prefix);
	free(f->pattern);
	free(f->port);
	free(f);
}

static struct json_object *
show(const struct fault *f)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "id", json_object_new_int64(f->id));
	json_object_object_add(o, "kind",
	    json_object_new_string(kinds[f->act.kind]));
	json_object_object_add(o, "method", render_string(f->method));
	json_object_object_add(o, "prefix", render_string(f->prefix));
	json_object_object_add(o, "path", render_string(f->pattern));
	json_object_object_add(o, "count", json_object_new_int64(f->count));
	json_object_object_add(o, "hits", json_object_new_int64(f->hits));
	return (o);
}

static char *
copy(struct json_object *o, const char *key)
{
	const char	*text = control_string(o, key, NULL);
	char		*s;

	if (text == NULL)
		return (NULL);
	if ((s = strdup(text)) == NULL)
		err(1, NULL);
	return (s);
}
