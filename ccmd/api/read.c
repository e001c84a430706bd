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
#include <time.h>

#include "api.h"
#include "etag.h"
#include "json.h"
#include "proc.h"
#include "projects.h"
#include "recall.h"
#include "rope.h"
#include "stats.h"
#include "text.h"
#include "view.h"

typedef void (*read_fn)(struct request *);

static struct {
	int		 synced;
	int64_t		 started;	/* monotonic ms */
	size_t		 (*connections)(void);
} env;

static void	 read_show(struct request *);
static void	 read_stats(struct request *);
static void	 read_status(struct request *);
static void	 read_healthz(struct request *);
static void	 read_readyz(struct request *);
static struct json_object *success(void);

static const read_fn readers[VERB_MAX] = {
	[VERB_PIPELINE_LIST] = list_read,
	[VERB_PIPELINE_SHOW] = read_show,
	[VERB_PIPELINE_STATS] = read_stats,
	[VERB_STATS_LIST] = list_read_stats,
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
	static const read_fn	 tagged[] = { list_read, read_show, read_stats,
	    list_read_stats };
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
read_show(struct request *req)
{
	struct pipeline	*p = view_find(req->target);
	struct hold	 hold = { HOLD_PIPELINE, p, time(NULL) };
	struct etag	 e;
	struct rope	*r = answer_begin(&e, "pipeline\":");

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
	struct rope	*r = answer_begin(&e, "stats\":");

	text_put_stats(r, &e, p, 1, hold.second);
	rope_copy(r, "}", 1);
	answer_tagged(req, r, &e, &hold);
}

static void
read_status(struct request *req)
{
	struct json_object	*o = success(), *counts;
	struct pipeline		*p;
	int64_t			 active = 0, inactive = 0, error = 0, stale = 0;
	int64_t			 now = time(NULL);
	struct stats_frame	 frame;

	for (p = view_next(NULL); p != NULL; p = view_next(p)) {
		if (strcmp(p->status, "active") == 0)
			active++;
		else if (strcmp(p->status, "inactive") == 0)
			inactive++;
		else
			error++;
		view_frame(p, now, &frame);
		stale += strcmp(p->status, "inactive") != 0 && frame.stale;
	}
	json_set_text(o, "version", PACKAGE_VERSION);
	json_set_int(o, "uptime_seconds", (proc_now_ms() - env.started) / 1000);
	counts = json_object_new_object();
	json_set_int(counts, "active", active);
	json_set_int(counts, "inactive", inactive);
	json_set_int(counts, "error", error);
	json_set_int(counts, "stale", stale);
	json_object_object_add(o, "pipelines", counts);
	json_object_object_add(o, "registry", health_to_json());
	json_object_object_add(o, "warnings", budget_warnings());
	json_set_int(o, "operations", (int64_t)operations_count());
	json_set_int(o, "connections",
	    env.connections == NULL ? 0 : (int64_t)env.connections());
	answer_json(req, 200, o);
}

static void
read_healthz(struct request *req)
{
	struct json_object	*o = success();

	json_set_text(o, "status", "ok");
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
	json_set_text(o, "status", "ready");
	answer_json(req, 200, o);
}
