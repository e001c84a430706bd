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
#include "json.h"
#include "pipeline.h"
#include "proc.h"
#include "projects.h"
#include "timestamp.h"
#include "view.h"

typedef void (*read_fn)(struct request *);

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
static int	 matches(const struct pipeline *, struct json_object *);
static int	 member_is(struct json_object *, const char *, const char *);
static int	 first_of(struct json_object *, struct pipeline **);
static struct json_object *success(void);
static void	 put_int(struct json_object *, const char *, int64_t);
static struct json_object *listed(struct pipeline *, int, int64_t);

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
	struct json_object	*o, *list;
	struct pipeline		*p, *last = NULL;
	const char		*include = json_string(req->args, "include");
	char			 cursor[128];
	int64_t			 limit = INT64_MAX, now = time(NULL);
	int64_t			 n = 0, total = 0, more = 0;

	if (first_of(req->args, &p) == -1) {
		answer_error(req, 400, "invalid_argument", "after must be "
		    "the `next` of an answer");
		return;
	}
	(void)json_int(req->args, "limit", &limit);
	o = success();
	list = json_object_new_array();
	for (; p != NULL; p = view_next(p)) {
		if (!matches(p, req->args))
			continue;
		if (n == limit) {
			more = 1;
			break;
		}
		json_object_array_add(list, listed(p, include != NULL, now));
		last = p;
		n++;
	}
	json_object_object_add(o, "pipelines", list);
	put_int(o, "count", n);
	if (limit != INT64_MAX) {
		for (p = view_next(NULL); p != NULL; p = view_next(p))
			total += matches(p, req->args);
		put_int(o, "total", total);
		if (more) {
			(void)snprintf(cursor, sizeof(cursor), "%s,%s",
			    last->created_at, last->id);
			json_object_object_add(o, "next",
			    json_object_new_string(cursor));
		}
	}
	answer_tagged(req, o);
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

static int
matches(const struct pipeline *p, struct json_object *args)
{
	const char	*s = json_string(args, "repository");

	if (s != NULL) {
		const char *name = json_string(p->doc, "repository");

		if (name == NULL || strcasecmp(name, s) != 0)
			return (0);
	}
	return (member_is(args, "status", p->status) &&
	    member_is(args, "domain", pipeline_vps(p->doc, "linked_domain")) &&
	    member_is(args, "app", pipeline_vps(p->doc, "linked_app")));
}

static int
member_is(struct json_object *args, const char *name, const char *value)
{
	const char	*s = json_string(args, name);

	return (s == NULL || strcasecmp(s, value) == 0);
}

/* The document itself, or a copy that has its stats as well. */
static struct json_object *
listed(struct pipeline *p, int with_stats, int64_t now)
{
	struct json_object	*o;

	if (!with_stats)
		return (json_object_get(p->doc));
	o = json_object_new_object();
	json_object_object_foreach(p->doc, key, value)
		json_object_object_add(o, key, json_object_get(value));
	json_object_object_add(o, "metrics", view_stats(p, now));
	return (o);
}

static void
read_show(struct request *req)
{
	struct json_object	*o = success();
	struct pipeline		*p = view_find(req->target);

	json_object_object_add(o, "pipeline", listed(p, 1, time(NULL)));
	answer_tagged(req, o);
}

static void
read_stats(struct request *req)
{
	struct json_object	*o = success();
	struct pipeline		*p = view_find(req->target);

	json_object_object_add(o, "stats", view_stats(p, time(NULL)));
	answer_tagged(req, o);
}

static void
read_stats_list(struct request *req)
{
	struct json_object	*o = success(), *list;
	struct pipeline		*p;
	int64_t			 n = 0, now = time(NULL);

	list = json_object_new_array();
	for (p = view_next(NULL); p != NULL; p = view_next(p), n++)
		json_object_array_add(list, view_stats(p, now));
	json_object_object_add(o, "stats", list);
	put_int(o, "count", n);
	answer_tagged(req, o);
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
	put_int(o, "operations", (int64_t)route_operations());
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
