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
 * Trends of one pipeline, or of all: what trends.c makes of the history.
 * Runs in the registry.  Must not change anything.
 *
 * Of all: one pipeline after the other, each merged into the whole; the
 * busiest are listed.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "history.h"
#include "json.h"
#include "log.h"
#include "query.h"
#include "registry.h"
#include "store.h"
#include "timestamp.h"
#include "trends.h"
#include "trends_jobs.h"

#define SINCE_DEFAULT	(30 * 86400)
#define LIMIT_DEFAULT	100
#define LIMIT_MAX	1000

/* One that was counted, and what the list says of it. */
struct counted {
	char		 id[MSG_ID_MAX + 1];
	int64_t		 runs;
	struct json_object *figures;
};

struct of_all {
	char		(*ids)[MSG_ID_MAX + 1];	/* as it was at the start */
	size_t		 n;
	size_t		 next;
	struct counted	*counted;	/* those with runs */
	size_t		 ncounted;
	size_t		 limit;
	struct trends	*whole;
};

struct asked_trends {
	int64_t		 since;
	int64_t		 until;
	enum trends_by	 by;
	struct history_place place;
	struct trends	*trends;	/* of the pipeline at hand */
	struct trends_jobs *jobs;	/* where only one is asked for */
	struct of_all	 all;
};

static enum query_more start(struct query *);
static int	 start_all(struct of_all *);
static enum query_more step(struct query *);
static enum query_more step_one(struct query *);
static enum query_more step_all(struct query *);
static enum query_more read_rows(struct query *, const char *);
static void	 begin(struct asked_trends *);
static int	 add_row(const struct history_time *, void *);
static void	 add_job(const struct history_job *, void *);
static int	 count_one(struct asked_trends *, const char *);
static void	 finish_one(struct query *);
static void	 finish_all(struct query *);
static int	 busier(const void *, const void *);
static void	 put_frame(const struct asked_trends *, struct json_object *);
static void	 end(struct query *);

const struct query_kind query_trends = { start, step, end };

static enum query_more
start(struct query *q)
{
	struct asked_trends	*a;
	const char		*by = json_string(q->args, "by");
	const char		*id = json_string(q->args, "id");
	int64_t			 since = SINCE_DEFAULT, limit = LIMIT_DEFAULT;

	(void)json_int(q->args, "since", &since);
	(void)json_int(q->args, "limit", &limit);
	if (q->target[0] == '\0' && id != NULL)
		(void)strlcpy(q->target, id, sizeof(q->target));
	if (q->target[0] != '\0' && store_find(q->target) == NULL)
		return (query_no_pipeline(q));
	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("query_trends");
	q->state = a;
	a->until = time(NULL);
	a->since = a->until - since;
	a->by = by != NULL && strcmp(by, "week") == 0 ? TRENDS_WEEK :
	    TRENDS_DAY;
	a->all.limit = limit < 1 || limit > LIMIT_MAX ? LIMIT_DEFAULT :
	    (size_t)limit;
	if (q->target[0] == '\0') {
		a->all.whole = trends_new(a->since, a->until, a->by);
		if (a->all.whole == NULL || start_all(&a->all) == -1)
			fatal("query_trends");
	} else if ((a->jobs = trends_jobs_new()) == NULL)
		fatal("query_trends");
	begin(a);
	return (QUERY_MORE);
}

/* Pipelines may come and go between two slices: their ids are kept. */
static int
start_all(struct of_all *all)
{
	struct record	*r;
	size_t		 n = store_count();

	all->ids = calloc(n + 1, sizeof(*all->ids));
	all->counted = calloc(n + 1, sizeof(*all->counted));
	if (all->ids == NULL || all->counted == NULL)
		return (-1);
	for (r = store_next(NULL); r != NULL && all->n < n; r = store_next(r))
		(void)strlcpy(all->ids[all->n++], r->id,
		    sizeof(all->ids[0]));
	return (0);
}

static void
begin(struct asked_trends *a)
{
	trends_free(a->trends);
	if ((a->trends = trends_new(a->since, a->until, a->by)) == NULL)
		fatal("query_trends");
	/* Behind everything that was created at `since`. */
	a->place.created_at = a->since;
	a->place.run_id = INT64_MAX;
}

static enum query_more
step(struct query *q)
{
	struct asked_trends	*a = q->state;

	return (a->all.whole != NULL ? step_all(q) : step_one(q));
}

static enum query_more
step_one(struct query *q)
{
	struct asked_trends	*a = q->state;

	if (a->place.created_at <= a->until)
		return (read_rows(q, q->target));
	if (trends_settle(a->trends))
		return (QUERY_MORE);
	finish_one(q);
	return (QUERY_DONE);
}

static enum query_more
step_all(struct query *q)
{
	struct asked_trends	*a = q->state;
	struct of_all		*all = &a->all;

	if (all->next == all->n) {
		if (trends_settle(all->whole))
			return (QUERY_MORE);
		finish_all(q);
		return (QUERY_DONE);
	}
	if (a->place.created_at <= a->until)
		return (read_rows(q, all->ids[all->next]));
	if (trends_settle(a->trends))
		return (QUERY_MORE);
	if (count_one(a, all->ids[all->next]) == -1)
		return (query_refuse(q, 503, "unavailable", "Out of memory"));
	all->next++;
	begin(a);
	return (QUERY_MORE);
}

/* Some more rows; behind the last the place is behind `until`. */
static enum query_more
read_rows(struct query *q, const char *id)
{
	struct asked_trends	*a = q->state;
	int			 n;

	n = history_each_time(id, &a->place, a->until, QUERY_STEP_ROWS,
	    add_row, q);
	if (n == -1)
		return (query_no_history(q));
	if (n < QUERY_STEP_ROWS)
		a->place.created_at = INT64_MAX;
	return (QUERY_MORE);
}

static int
add_row(const struct history_time *row, void *arg)
{
	struct query		*q = arg;
	struct asked_trends	*a = q->state;
	const struct trends_run	 run = {
		.created_at = row->created_at,
		.started_at = row->started_at,
		.updated_at = row->updated_at,
		.attempt = row->attempt,
		.counted = row->counted,
		.success = strcmp(row->conclusion, "success") == 0,
	};

	if (trends_add(a->trends, &run) == -1)
		fatal("query_trends");
	if (a->jobs != NULL)
		(void)history_each_job(q->target, row->run_id, add_job,
		    a->jobs);
	return (0);
}

static void
add_job(const struct history_job *job, void *arg)
{
	if (trends_jobs_add(arg, job) == -1)
		fatal("query_trends");
}

static int
count_one(struct asked_trends *a, const char *id)
{
	struct counted	*c = &a->all.counted[a->all.ncounted];

	if (trends_run_count(a->trends) == 0)
		return (0);
	(void)strlcpy(c->id, id, sizeof(c->id));
	c->runs = trends_run_count(a->trends);
	c->figures = json_object_new_object();
	trends_put_figures(a->trends, c->figures, 1);
	json_object_object_add(c->figures, "run_counts",
	    trends_run_counts(a->trends));
	a->all.ncounted++;
	return (trends_merge(a->all.whole, a->trends));
}

static void
finish_one(struct query *q)
{
	struct asked_trends	*a = q->state;
	struct json_object	*t = json_object_new_object();

	json_set_text(t, "pipeline_id", q->target);
	put_frame(a, t);
	trends_put_figures(a->trends, t, 1);
	json_object_object_add(t, "buckets", trends_buckets(a->trends));
	json_object_object_add(t, "jobs", trends_jobs_to_json(a->jobs));
	q->status = 200;
	q->body = apply_success();
	json_object_object_add(q->body, "trends", t);
}

static void
finish_all(struct query *q)
{
	struct asked_trends	*a = q->state;
	struct of_all		*all = &a->all;
	struct json_object	*t = json_object_new_object();
	struct json_object	*list = json_object_new_array(), *o;
	struct record		*r;
	size_t			 i;

	put_frame(a, t);
	trends_put_figures(all->whole, t, 0);
	json_object_object_add(t, "buckets", trends_buckets(all->whole));
	qsort(all->counted, all->ncounted, sizeof(*all->counted), busier);
	for (i = 0; i < all->ncounted && i < all->limit; i++) {
		o = all->counted[i].figures;
		all->counted[i].figures = NULL;
		json_set_text(o, "pipeline_id", all->counted[i].id);
		if ((r = store_find(all->counted[i].id)) != NULL &&
		    r->repository != NULL)
			json_set_text(o, "repository", r->repository);
		json_object_array_add(list, o);
	}
	q->status = 200;
	q->body = apply_success();
	json_object_object_add(q->body, "trends", t);
	json_object_object_add(q->body, "pipelines", list);
	json_set_int(q->body, "count", (int64_t)i);
	json_set_int(q->body, "total", (int64_t)all->ncounted);
}

/* More runs first, then by id. */
static int
busier(const void *a, const void *b)
{
	const struct counted	*x = a, *y = b;

	if (x->runs != y->runs)
		return (x->runs > y->runs ? -1 : 1);
	return (strcmp(x->id, y->id));
}

static void
put_frame(const struct asked_trends *a, struct json_object *o)
{
	char	 buf[TIMESTAMP_SIZE];

	json_set_text(o, "since", timestamp_format(a->since, buf));
	json_set_text(o, "until", timestamp_format(a->until, buf));
	json_set_text(o, "by", a->by == TRENDS_WEEK ? "week" : "day");
}

static void
end(struct query *q)
{
	struct asked_trends	*a = q->state;
	size_t			 i;

	if (a == NULL)
		return;
	for (i = 0; i < a->all.ncounted; i++)
		json_object_put(a->all.counted[i].figures);
	free(a->all.counted);
	free(a->all.ids);
	trends_free(a->all.whole);
	trends_free(a->trends);
	trends_jobs_free(a->jobs);
	free(a);
}
