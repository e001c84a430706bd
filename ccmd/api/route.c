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
 * From a request to its operation, and from the ring's answer back to its
 * client.  Runs in the api.  Must not answer for what only the registry
 * can make durable.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "etag.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "projects.h"
#include "rope.h"
#include "view.h"

/* An answer that does not come is given up that long after its deadline. */
#define GRACE_MS	700
/* The longest is a project's name, of 128 bytes. */
#define PATH_VALUE_SIZE	160

RB_HEAD(request_tree, request);

static struct {
	struct event_base	*base;
	struct event		*sweep;
	struct peer		*parent;
	struct peer		*poller;
	struct peer		*registry;
	struct request_tree	 waiting;
	size_t			 n;
	size_t			 nfetches;
	uint64_t		 last_op;
} env = { .waiting = RB_INITIALIZER(&env.waiting) };

static int	 request_cmp(struct request *, struct request *);
static void	 on_sweep(evutil_socket_t, short, void *);
static int	 check(struct request *);
static void	 send_op(struct request *);
static void	 send_parent(struct request *);
static void	 send_store(struct request *);
static void	 send_ring(struct request *);
static int	 fetches(const struct request *);
static void	 leave(struct request *);
static void	 abandon(uint64_t);
static void	 done(struct request *, const struct answer *);
static int	 match_path(const char *, const char *, size_t,
		    struct json_object *);
static int	 path_value(const char *, size_t, char *, size_t);

TREE_GENERATE(request_tree, request, entry, request_cmp)

static int
request_cmp(struct request *a, struct request *b)
{
	return (a->op < b->op ? -1 : a->op > b->op);
}

int
route_init(struct event_base *base)
{
	static const struct timeval half = { 0, 500000 };

	env.base = base;
	env.sweep = event_new(base, -1, EV_PERSIST, on_sweep, NULL);
	if (env.sweep == NULL)
		return (-1);
	return (event_add(env.sweep, &half));
}

void
route_set_peers(struct peer *parent, struct peer *poller,
    struct peer *registry)
{
	env.parent = parent;
	env.poller = poller;
	env.registry = registry;
}

size_t
route_operations(void)
{
	return (env.n);
}

struct request *
request_new(answer_fn answer, void *arg)
{
	struct request	*req;

	if ((req = calloc(1, sizeof(*req))) == NULL)
		return (NULL);
	if ((req->args = json_object_new_object()) == NULL) {
		free(req);
		return (NULL);
	}
	req->fd = -1;
	req->answer = answer;
	req->arg = arg;
	return (req);
}

void
request_free(struct request *req)
{
	json_object_put(req->args);
	if (req->fd != -1)
		close(req->fd);
	free(req);
}

void
route_request(struct request *req)
{
	if (check(req) == -1)
		return;
	if (req->verb->walk == WALK_STREAM)
		req->stream(req);
	else if (req->verb->walk == WALK_READ &&
	    !(req->verb->id == VERB_PIPELINE_STATS &&
	    json_flag(req->args, "fresh")))
		read_request(req);
	else if (env.poller == NULL || env.registry == NULL)
		/* The set ends; this one was pipelined behind another. */
		answer_error(req, 503, "unavailable", "The daemon restarts");
	else if (env.n >= API_MAX_OPERATIONS ||
	    (fetches(req) && env.nfetches >= API_MAX_FETCHES))
		answer_error(req, 503, "busy", "Too many operations at once");
	else
		send_op(req);
}

/* Role, arguments, and that the pipeline is there. */
static int
check(struct request *req)
{
	struct verb_error	 err;
	const char		*id;

	if (req->role < auth_role_needed(req->verb)) {
		if (req->verb->walk == WALK_RING)
			route_audit(req->verb->name, req->actor, "", 403,
			    "The role does not suffice", 1);
		answer_error(req, 403, "forbidden",
		    "This needs the role %s", role_name(req->verb->role));
		return (-1);
	}
	if (verb_check_args(req->verb, req->args, &err) == -1) {
		answer_error(req, err.status, err.code, "%s", err.text);
		return (-1);
	}
	if (req->verb->role != ROLE_NONE && !read_is_synced()) {
		answer_error(req, 503, "unavailable", "Starting");
		return (-1);
	}
	if (req->verb->id == VERB_PIPELINE_PROVISION &&
	    json_object_object_get_ex(req->args, "project", NULL)) {
		if (projects_complete(req) == -1)
			return (-1);
		if (verb_check_args(req->verb, req->args, &err) == -1) {
			answer_error(req, err.status, err.code, "%s",
			    err.text);
			return (-1);
		}
	}
	if ((id = json_string(req->args, "id")) == NULL)
		return (0);
	if (view_find(id) == NULL) {
		(void)strlcpy(req->target, id, sizeof(req->target));
		answer_error(req, 404, "pipeline_not_found",
		    "Pipeline not found: %s", id);
		return (-1);
	}
	(void)strlcpy(req->target, id, sizeof(req->target));
	return (0);
}

/* What is done where; the answer comes from the registry in any case. */
static void
send_op(struct request *req)
{
	req->op = ++env.last_op;
	req->deadline = proc_now_ms() + (req->fd == -1 ? API_DEADLINE_MS :
	    API_FILE_DEADLINE_MS);
	RB_INSERT(request_tree, &env.waiting, req);
	env.n++;
	env.nfetches += fetches(req);
	if (req->verb->walk == WALK_PARENT)
		send_parent(req);
	else if (req->verb->walk == WALK_STORE)
		send_store(req);
	else
		send_ring(req);
}

static int
fetches(const struct request *req)
{
	return (req->verb->walk == WALK_FETCH);
}

/* It waits no more. */
static void
leave(struct request *req)
{
	RB_REMOVE(request_tree, &env.waiting, req);
	env.n--;
	env.nfetches -= fetches(req);
	req->op = 0;
}

static void
abandon(uint64_t op)
{
	union msg	 m;

	if (env.poller == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.abandon.op = op;
	peer_send(env.poller, M_ABANDON, &m, -1);
}

void
route_credit(struct request *req, size_t bytes)
{
	union msg	 m;

	if (env.poller == NULL || req->op == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.credit.op = req->op;
	m.credit.bytes = (uint32_t)bytes;
	peer_send(env.poller, M_CREDIT, &m, -1);
}

static void
send_parent(struct request *req)
{
	const char	*level = json_string(req->args, "level");
	union msg	 m;

	memset(&m, 0, sizeof(m));
	if (req->verb->id == VERB_DAEMON_RELOAD) {
		m.reload.op = req->op;
		m.reload.actor = req->actor;
		peer_send(env.parent, M_RELOAD, &m, -1);
	} else {
		m.log_level.op = req->op;
		m.log_level.actor = req->actor;
		m.log_level.verbose = strcmp(level, "verbose") == 0;
		peer_send(env.parent, M_LOG_LEVEL, &m, -1);
	}
}

static void
send_store(struct request *req)
{
	union msg	 m;
	int		 fd = req->fd;

	memset(&m, 0, sizeof(m));
	/* STORE_FILE has the same members. */
	m.store.op = req->op;
	m.store.verb = req->verb->id;
	m.store.actor = req->actor;
	m.store.target = req->target;
	m.store.args.data = json_text(req->args, &m.store.args.len);
	req->fd = -1;
	peer_send(env.registry, fd == -1 ? M_STORE : M_STORE_FILE, &m, fd);
}

static void
send_ring(struct request *req)
{
	struct msg_blob	 args;
	union msg	 m;

	args.data = json_text(req->args, &args.len);
	memset(&m, 0, sizeof(m));
	if (req->verb->walk == WALK_QUERY) {
		m.query.op = req->op;
		m.query.verb = req->verb->id;
		m.query.actor = req->actor;
		m.query.target = req->target;
		m.query.args = args;
		peer_send(env.registry, M_QUERY, &m, -1);
	} else {
		m.op.op = req->op;
		m.op.seen = view_seen();
		m.op.verb = req->verb->id;
		m.op.deadline = req->deadline;
		m.op.actor = req->actor;
		m.op.target = req->target;
		m.op.args = args;
		peer_send(env.poller, M_OP, &m, -1);
	}
}

void
route_answer(const struct msg_answer *m, enum proc_id from)
{
	struct request	*req, key;
	struct answer	 a;

	key.op = m->op;
	if ((req = RB_FIND(request_tree, &env.waiting, &key)) == NULL) {
		log_debug("op %llu: answer after its time",
		    (unsigned long long)m->op);
		return;
	}
	if (fetches(req) != (from == PROC_POLLER))
		fatalx("%s: answer to op %llu, which is not its to give",
		    proc_name(from), (unsigned long long)m->op);
	if (!m->more)
		leave(req);
	else if (fetches(req))
		req->deadline = INT64_MAX;	/* the poller sees to its end */
	/* A fresh look is done: now the figures are read. */
	if (req->verb->id == VERB_PIPELINE_STATS && m->status < 300 &&
	    req->answer != NULL) {
		read_request(req);
		return;
	}
	memset(&a, 0, sizeof(a));
	a.status = m->status;
	a.retry_after = m->retry_after;
	a.more = m->more;
	a.text = req->verb->id == VERB_RUN_LOGS && (m->status == 200 ||
	    req->deadline == INT64_MAX);
	a.body = m->body.data;
	a.len = m->body.len;
	done(req, &a);
}

/* Hand a piece on; behind the last one the request goes. */
static void
done(struct request *req, const struct answer *a)
{
	if (req->answer != NULL)
		req->answer(req, a);
	if (!a->more)
		request_free(req);
}

void
route_forget(struct request *req)
{
	uint64_t	 op = req->op;

	if (op != 0 && fetches(req)) {
		leave(req);
		abandon(op);
		request_free(req);
		return;
	}
	req->answer = NULL;
	req->arg = NULL;
}

static void
on_sweep(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct request	*req, *next;
	int64_t		 now = proc_now_ms();

	RB_FOREACH_SAFE(req, request_tree, &env.waiting, next) {
		if (req->deadline == INT64_MAX)
			continue;	/* its answer has begun */
		if (req->deadline + GRACE_MS > now)
			continue;
		if (fetches(req))
			abandon(req->op);
		leave(req);
		answer_error(req, 503, "unavailable", "No answer in time; "
		    "whether it was carried out is not known");
	}
}

void
route_give_up(void)
{
	struct request	*req, *next;

	RB_FOREACH_SAFE(req, request_tree, &env.waiting, next) {
		leave(req);
		answer_error(req, 503, "unavailable", "The daemon restarts; "
		    "whether it was carried out is not known");
	}
}

size_t
error_body(char *buf, size_t size, const char *code, const char *text)
{
	struct json_object	*o = json_object_new_object();
	const char		*s;
	size_t			 len;

	json_object_object_add(o, "success", json_object_new_boolean(0));
	json_object_object_add(o, "error", json_object_new_string(text));
	json_object_object_add(o, "code", json_object_new_string(code));
	s = json_text(o, &len);
	if (len >= size)
		len = size - 1;
	memcpy(buf, s, len);
	buf[len] = '\0';
	json_object_put(o);
	return (len);
}

void
answer_error(struct request *req, int status, const char *code,
    const char *fmt, ...)
{
	char		 text[MSG_TEXT_MAX], body[2 * MSG_TEXT_MAX];
	struct answer	 a;
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(&a, 0, sizeof(a));
	a.status = status;
	a.retry_after = status == 503 || status == 429 ? 1 : 0;
	a.body = body;
	a.len = error_body(body, sizeof(body), code, text);
	/* What was refused here never reaches the registry's own audit. */
	if (req->verb != NULL && (req->verb->walk == WALK_RING ||
	    req->verb->walk == WALK_STORE || req->verb->walk == WALK_PARENT))
		route_audit(req->verb->name, req->actor, req->target, status,
		    text, 1);
	done(req, &a);
}

void
answer_json(struct request *req, int status, struct json_object *o)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	a.status = status;
	a.body = json_text(o, &a.len);
	done(req, &a);
	json_object_put(o);
}

void
answer_tagged(struct request *req, struct rope *r, struct etag *e,
    const struct hold *hold)
{
	char		 tag[ETAG_SIZE];
	struct answer	 a;

	etag_end(e, tag);
	memset(&a, 0, sizeof(a));
	a.status = etag_matches(req->match, tag) ? 304 : 200;
	a.etag = tag;
	a.rope = r;
	a.hold = hold;
	a.len = a.status == 304 ? 0 : r->len;
	done(req, &a);
	rope_free(r);
}

void
answer_text(struct request *req, const char *type, const char *text,
    size_t len)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	a.status = 200;
	a.type = type;
	a.body = text;
	a.len = len;
	done(req, &a);
}

void
route_audit(const char *verb, const char *actor, const char *target,
    int status, const char *detail, uint32_t count)
{
	union msg	 m;

	if (env.registry == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.audit.verb = verb;
	m.audit.actor = actor;
	m.audit.target = target;
	m.audit.status = (uint16_t)status;
	m.audit.detail = detail;
	m.audit.count = count;
	peer_send(env.registry, M_AUDIT, &m, -1);
}

const struct verb *
route_find(const char *method, const char *path, size_t len,
    struct json_object *args, char *allow, size_t size)
{
	const struct verb	*v, *found = NULL;
	size_t			 i, fixed, best = 0;

	allow[0] = '\0';
	for (i = 0; (v = verb_at(i)) != NULL; i++) {
		if (v->method == NULL || !match_path(v->path, path, len, NULL))
			continue;
		/* Fixed text wins over an argument: provision is no id. */
		fixed = strcspn(v->path, "{");
		if (fixed < best)
			continue;
		if (fixed > best) {
			best = fixed;
			found = NULL;
			allow[0] = '\0';
		}
		if (allow[0] != '\0')
			(void)strlcat(allow, ", ", size);
		(void)strlcat(allow, v->method, size);
		if (strcmp(v->method, method) == 0)
			found = v;
	}
	if (found != NULL)
		(void)match_path(found->path, path, len, args);
	return (found);
}

/*
 * "/api/pipelines/{id}/runs" against a path.  With `args` the values are
 * added; one that is no proper text becomes "", which no check lets pass.
 */
static int
match_path(const char *row, const char *path, size_t len,
    struct json_object *args)
{
	const char	*end = path + len;
	char		 name[32], value[PATH_VALUE_SIZE];
	size_t		 n, fixed;

	while (*row != '\0') {
		if (*row != '{') {
			if (path == end || *path++ != *row++)
				return (0);
			continue;
		}
		n = strcspn(++row, "}");
		if (n >= sizeof(name))
			return (0);
		memcpy(name, row, n);
		name[n] = '\0';
		row += n + 1;
		for (n = 0; path + n < end && path[n] != '/'; n++)
			;
		/* What follows in the row up to the next slash: ".svg". */
		fixed = strcspn(row, "/");
		if (n <= fixed || memcmp(path + n - fixed, row, fixed) != 0)
			return (0);
		n -= fixed;
		if (args != NULL) {
			if (path_value(path, n, value, sizeof(value)) == -1)
				value[0] = '\0';
			json_object_object_add(args, name,
			    json_object_new_string(value));
		}
		path += n;
	}
	return (path == end);
}

/* Percent-decoded once; what does not fit or is no plain UTF-8 is refused. */
static int
path_value(const char *p, size_t len, char *dst, size_t size)
{
	static const char	 hex[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i, n = 0;
	int			 c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)p[i];
		if (c == '%') {
			if (i + 2 >= len ||
			    (hi = memchr(hex, p[i + 1] | 0x20, 16)) == NULL ||
			    (lo = memchr(hex, p[i + 2] | 0x20, 16)) == NULL)
				return (-1);
			c = (int)((hi - hex) * 16 + (lo - hex));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return (-1);
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return (json_utf8(dst, n) ? 0 : -1);
}
