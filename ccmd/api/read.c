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
 * What is answered from the view.  Runs in the api.  Must not change
 * anything, nor wait for anybody.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api.h"
#include "etag.h"
#include "json.h"
#include "pipeline.h"
#include "proc.h"
#include "projects.h"
#include "recall.h"
#include "rope.h"
#include "text.h"
#include "timestamp.h"
#include "view.h"

typedef void (*read_fn)(struct request *);

/* What a list is to be of; NULL: any. */
struct filter {
	const char	*repository;
	const char	*status;
	const char	*domain;
	const char	*app;
	int		 any;		/* there is a filter */
};

struct listing {
	int64_t		 limit;		/* INT64_MAX: none */
	int64_t		 now;
	int		 stats;
	int64_t		 n;		/* so far */
	int		 more;
	struct pipeline	*last;
};

static struct {
	int		 synced;
	int64_t		 started;	/* monotonic ms */
	int64_t		 since;		/* seconds since the epoch */
	size_t		 (*connections)(void);
} env;

static void	 read_list(struct request *);
static void	 read_show(struct request *);
static void	 read_stats(struct request *);
static void	 read_stats_list(struct request *);
static void	 read_status(struct request *);
static void	 read_healthz(struct request *);
static void	 read_readyz(struct request *);
static struct rope *begin(struct etag *, const char *);
static void	 put_page(struct rope *, struct etag *, struct pipeline *,
		    const struct filter *, struct listing *);
static void	 put_end(struct rope *, struct etag *, const struct filter *,
		    const struct listing *);
static void	 set_filter(struct filter *, struct json_object *);
static int	 matches(const struct pipeline *, const struct filter *);
static int	 is(const char *, const char *);
static int	 first_of(struct json_object *, struct pipeline **);
static struct json_object *success(void);
static void	 put_int(struct json_object *, const char *, int64_t);

static const read_fn readers[VERB_MAX] = {
	[VERB_PIPELINE_LIST] = read_list,
	[VERB_PIPELINE_SHOW] = read_show,
	[VERB_PIPELINE_STATS] = read_stats,
	[VERB_STATS_LIST] = read_stats_list,
	[VERB_BUDGET_SHOW] = budget_read,
	[VERB_DAEMON_STATUS] = read_status,
	[VERB_OPENAPI] = openapi_read,
	[VERB_METRICS] = metrics_read,
	[VERB_CCTRAY] = tray_read,
	[VERB_BADGE] = badge_read,
	[VERB_PROJECT_LIST] = projects_list,
	[VERB_PROJECT_SHOW] = projects_show,
	[VERB_HEALTHZ] = read_healthz,
	[VERB_READYZ] = read_readyz,
};

void
read_request(struct request *req)
{
	if (readers[req->verb->id] == NULL)
		answer_error(req, 501, "not_found", "Not implemented");
	else
		readers[req->verb->id](req);
}

int
read_is_tagged(const struct verb *verb)
{
	static const read_fn	 tagged[] = { read_list, read_show, read_stats,
	    read_stats_list };
	size_t			 i;

	for (i = 0; i < sizeof(tagged) / sizeof(tagged[0]); i++)
		if (readers[verb->id] == tagged[i])
			return (1);
	return (0);
}

void
read_set_synced(void)
{
	env.synced = 1;
	env.started = proc_now_ms();
	env.since = time(NULL);
}

int64_t
read_started(void)
{
	return (env.since);
}

int
read_is_synced(void)
{
	return (env.synced);
}

void
read_set_connections(size_t (*count)(void))
{
	env.connections = count;
}

static struct json_object *
success(void)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "success", json_object_new_boolean(1));
	return (o);
}

static void
put_int(struct json_object *o, const char *name, int64_t n)
{
	json_object_object_add(o, name, json_object_new_int64(n));
}

/*
 * Filters, then the page: `total` counts what passes the filters, `next`
 * is the cursor of the last one given when there are more.
 */
static void
read_list(struct request *req)
{
	struct listing	 l;
	struct filter	 f;
	struct pipeline	*p;
	struct rope	*r;
	struct etag	 e;
	struct hold	 hold = { HOLD_DOCUMENTS, NULL, 0 };

	memset(&l, 0, sizeof(l));
	l.limit = INT64_MAX;
	l.now = time(NULL);
	l.stats = json_string(req->args, "include") != NULL;
	if (first_of(req->args, &p) == -1) {
		answer_error(req, 400, "invalid_argument", "after must be "
		    "the `next` of an answer");
		return;
	}
	(void)json_int(req->args, "limit", &l.limit);
	set_filter(&f, req->args);
	r = begin(&e, "pipelines\":[");
	if (!f.any && !l.stats && l.limit == INT64_MAX &&
	    p == view_next(NULL)) {
		text_put_all(r, &e);
		l.n = (int64_t)view_count();
	} else
		put_page(r, &e, p, &f, &l);
	if (l.stats) {
		hold.by = HOLD_VIEW;
		hold.second = l.now;
	}
	put_end(r, &e, &f, &l);
	answer_tagged(req, r, &e, &hold);
}

/* The beginning of an answer, and of its tag. */
static struct rope *
begin(struct etag *e, const char *member)
{
	static const char	 success[] = "{\"success\":true,\"";
	struct rope		*r = rope_new();

	etag_begin(e);
	rope_copy(r, success, sizeof(success) - 1);
	rope_copy(r, member, strlen(member));
	return (r);
}

static void
put_page(struct rope *r, struct etag *e, struct pipeline *p,
    const struct filter *f, struct listing *l)
{
	for (; p != NULL; p = view_next(p)) {
		if (!matches(p, f))
			continue;
		if (l->n == l->limit) {
			l->more = 1;
			return;
		}
		if (l->stats)
			text_put_whole(r, e, p, l->n == 0, l->now);
		else
			text_put_document(r, e, p, l->n == 0);
		l->last = p;
		l->n++;
	}
}

/* What follows the list; ids and times need no escapes. */
static void
put_end(struct rope *r, struct etag *e, const struct filter *f,
    const struct listing *l)
{
	struct pipeline	*p;
	char		 end[256];
	size_t		 n;
	long long	 total = 0;

	n = (size_t)snprintf(end, sizeof(end), "],\"count\":%lld",
	    (long long)l->n);
	if (l->limit != INT64_MAX) {
		if (!f->any)
			total = (long long)view_count();
		else
			for (p = view_next(NULL); p != NULL; p = view_next(p))
				total += matches(p, f);
		n += (size_t)snprintf(end + n, sizeof(end) - n,
		    ",\"total\":%lld", total);
		if (l->more)
			n += (size_t)snprintf(end + n, sizeof(end) - n,
			    ",\"next\":\"%s,%s\"", l->last->created_at,
			    l->last->id);
	}
	n += (size_t)snprintf(end + n, sizeof(end) - n, "}");
	rope_copy(r, end, n);
	etag_add(e, end, n);
}

/*
 * The cursor is "created_at,id"; one of a pipeline long gone works too.
 * Returns -1 for what never was one.
 */
static int
first_of(struct json_object *args, struct pipeline **p)
{
	const char	*after = json_string(args, "after"), *comma;
	char		 created[64], *zone;
	int64_t		 t;

	if (after == NULL) {
		*p = view_next(NULL);
		return (0);
	}
	if ((comma = strchr(after, ',')) == NULL ||
	    (size_t)(comma - after) >= sizeof(created) ||
	    !pipeline_id_ok(comma + 1))
		return (-1);
	memcpy(created, after, (size_t)(comma - after));
	created[comma - after] = '\0';
	/* The zone's plus is a blank to who does not encode it. */
	if ((zone = strrchr(created, ' ')) != NULL && zone > created + 10)
		*zone = '+';
	if (timestamp_parse(created, &t) == -1)
		return (-1);
	*p = view_after(created, comma + 1);
	return (0);
}

static void
set_filter(struct filter *f, struct json_object *args)
{
	f->repository = json_string(args, "repository");
	f->status = json_string(args, "status");
	f->domain = json_string(args, "domain");
	f->app = json_string(args, "app");
	f->any = f->repository != NULL || f->status != NULL ||
	    f->domain != NULL || f->app != NULL;
}

static int
matches(const struct pipeline *p, const struct filter *f)
{
	return (!f->any || (is(f->status, p->status) &&
	    (f->repository == NULL ||
	    is(f->repository, json_string(p->doc, "repository"))) &&
	    (f->domain == NULL ||
	    is(f->domain, pipeline_vps(p->doc, "linked_domain"))) &&
	    (f->app == NULL ||
	    is(f->app, pipeline_vps(p->doc, "linked_app")))));
}

static int
is(const char *wanted, const char *value)
{
	return (wanted == NULL ||
	    (value != NULL && strcasecmp(wanted, value) == 0));
}

static void
read_show(struct request *req)
{
	struct pipeline	*p = view_find(req->target);
	struct hold	 hold = { HOLD_PIPELINE, p, time(NULL) };
	struct etag	 e;
	struct rope	*r = begin(&e, "pipeline\":");

	text_put_whole(r, &e, p, 1, hold.second);
	rope_copy(r, "}", 1);
	answer_tagged(req, r, &e, &hold);
}

static void
read_stats(struct request *req)
{
	struct pipeline	*p = view_find(req->target);
	struct hold	 hold = { HOLD_PIPELINE, p, time(NULL) };
	struct etag	 e;
	struct rope	*r = begin(&e, "stats\":");

	text_put_stats(r, &e, p, 1, hold.second);
	rope_copy(r, "}", 1);
	answer_tagged(req, r, &e, &hold);
}

static void
read_stats_list(struct request *req)
{
	struct hold	 hold = { HOLD_VIEW, NULL, time(NULL) };
	struct pipeline	*p;
	struct etag	 e;
	struct rope	*r = begin(&e, "stats\":[");
	char		 end[48];
	int		 n;
	int		 first = 1;

	for (p = view_next(NULL); p != NULL; p = view_next(p), first = 0)
		text_put_stats(r, &e, p, first, hold.second);
	n = snprintf(end, sizeof(end), "],\"count\":%zu}", view_count());
	rope_copy(r, end, (size_t)n);
	etag_add(&e, end, (size_t)n);
	answer_tagged(req, r, &e, &hold);
}

static void
read_status(struct request *req)
{
	struct json_object	*o = success(), *counts;
	struct pipeline		*p;
	int64_t			 active = 0, inactive = 0, error = 0, stale = 0;
	int64_t			 now = time(NULL);
	struct json_object	*stats;

	for (p = view_next(NULL); p != NULL; p = view_next(p)) {
		if (strcmp(p->status, "active") == 0)
			active++;
		else if (strcmp(p->status, "inactive") == 0)
			inactive++;
		else
			error++;
		stats = view_stats(p, now);
		stale += strcmp(p->status, "inactive") != 0 &&
		    json_flag(stats, "stale");
		json_object_put(stats);
	}
	json_object_object_add(o, "version",
	    json_object_new_string(PACKAGE_VERSION));
	put_int(o, "uptime_seconds", (proc_now_ms() - env.started) / 1000);
	counts = json_object_new_object();
	put_int(counts, "active", active);
	put_int(counts, "inactive", inactive);
	put_int(counts, "error", error);
	put_int(counts, "stale", stale);
	json_object_object_add(o, "pipelines", counts);
	json_object_object_add(o, "registry", health_to_json());
	json_object_object_add(o, "warnings", budget_warnings());
	put_int(o, "operations", (int64_t)operations_count());
	put_int(o, "connections", env.connections == NULL ? 0 :
	    (int64_t)env.connections());
	answer_json(req, 200, o);
}

static void
read_healthz(struct request *req)
{
	struct json_object	*o = success();

	json_object_object_add(o, "status", json_object_new_string("ok"));
	answer_json(req, 200, o);
}

static void
read_readyz(struct request *req)
{
	struct json_object	*o;

	if (!env.synced) {
		answer_error(req, 503, "unavailable", "Starting");
		return;
	}
	if (health_get()->fault[0] != '\0') {
		answer_error(req, 503, "unavailable",
		    "Changes can't be saved: %s", health_get()->fault);
		return;
	}
	o = success();
	json_object_object_add(o, "status", json_object_new_string("ready"));
	answer_json(req, 200, o);
}
