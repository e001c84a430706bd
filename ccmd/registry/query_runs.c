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
 * The newest runs of one pipeline, as they are in the history.  Runs in
 * the registry.  Must not change anything.
 *
 * The filters are applied to rows read in order, a few at a time: a filter
 * that nothing passes costs as many slices as there are rows, and no
 * commit has to wait for it.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "json.h"
#include "log.h"
#include "query.h"
#include "registry.h"
#include "run.h"
#include "store.h"
#include "timestamp.h"

#define RUNS_DEFAULT	10
#define RUNS_MAX	1000

struct runs {
	struct history_place place;	/* read so far */
	const char	*branch;	/* in the arguments; NULL: any */
	const char	*status;
	const char	*id;
	size_t		 limit;
	struct json_object *list;
};

static enum query_more start(struct query *);
static enum query_more step(struct query *);
static void	 end(struct query *);
static int	 add_run(const struct history_run *, void *);
static void	 add_attempts(const struct runs *, const struct history_run *,
		    struct json_object *);
static void	 add_attempt(const struct history_attempt *, void *);
static int	 passes(const struct runs *, const struct history_run *);

const struct query_kind query_runs = { start, step, end };

static enum query_more
start(struct query *q)
{
	struct runs	*r;
	int64_t		 limit;

	if (store_find(q->target) == NULL)
		return (query_no_pipeline(q));
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("query_runs");
	q->state = r;
	if (json_int(q->args, "limit", &limit) != 1 || limit < 1 ||
	    limit > RUNS_MAX)
		limit = RUNS_DEFAULT;
	r->limit = (size_t)limit;
	r->branch = json_string(q->args, "branch");
	r->status = json_string(q->args, "status");
	r->id = q->target;
	r->place = HISTORY_NEWEST;
	q->body = apply_success();
	r->list = json_object_new_array();
	json_object_object_add(q->body, "runs", r->list);
	return (QUERY_MORE);
}

static enum query_more
step(struct query *q)
{
	struct runs	*r = q->state;
	int		 n;

	n = history_each_run(q->target, &r->place, QUERY_STEP_ROWS, add_run,
	    r);
	if (n == -1)
		return (query_no_history(q));
	if (n == QUERY_STEP_ROWS &&
	    json_object_array_length(r->list) < r->limit)
		return (QUERY_MORE);
	q->status = 200;
	json_set_int(q->body, "count",
	    (int64_t)json_object_array_length(r->list));
	return (QUERY_DONE);
}

static void
end(struct query *q)
{
	free(q->state);
}

/* Returns 1 when there are enough of them. */
static int
add_run(const struct history_run *row, void *arg)
{
	struct runs		*r = arg;
	struct json_object	*doc, *run;

	if (passes(r, row)) {
		doc = json_parse_strict(row->doc, row->len, MSG_DOC_MAX,
		    NULL);
		if (doc != NULL && (run = run_to_api(doc)) != NULL) {
			if (row->attempt > 1)
				add_attempts(r, row, run);
			json_object_array_add(r->list, run);
		}
		json_object_put(doc);
	}
	return (json_object_array_length(r->list) == r->limit);
}

/* Former ones, as far as they were seen. */
static void
add_attempts(const struct runs *r, const struct history_run *row,
    struct json_object *run)
{
	struct json_object	*list = json_object_new_array();

	(void)history_each_attempt(r->id, row->run_id, add_attempt, list);
	json_object_object_add(run, "attempts", list);
}

static void
add_attempt(const struct history_attempt *a, void *arg)
{
	struct json_object	*o = json_object_new_object();
	char			 buf[TIMESTAMP_SIZE];

	json_set_int(o, "run_attempt", a->attempt);
	json_set_text(o, "status", a->status);
	json_object_object_add(o, "conclusion", a->conclusion[0] != '\0' ?
	    json_object_new_string(a->conclusion) : NULL);
	json_set_text(o, "run_started_at",
	    timestamp_format(a->started_at, buf));
	json_set_text(o, "updated_at", timestamp_format(a->updated_at, buf));
	json_set_int(o, "duration_seconds",
	    a->updated_at > a->started_at ? a->updated_at - a->started_at : 0);
	json_object_array_add(arg, o);
}

/* `status` is a status or a conclusion, as on GitHub. */
static int
passes(const struct runs *r, const struct history_run *row)
{
	if (r->branch != NULL &&
	    (row->branch == NULL || strcmp(row->branch, r->branch) != 0))
		return (0);
	return (r->status == NULL || strcmp(row->status, r->status) == 0 ||
	    strcmp(row->conclusion, r->status) == 0);
}
