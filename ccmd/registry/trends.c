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
 * Trends.  Runs in the registry.  Must not read a clock, do I/O, or round
 * anything but what is shown: halves go up.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "round.h"
#include "timestamp.h"
#include "trends.h"
#include "values.h"

#define DAY		86400
#define WEEK		(7 * DAY)
/* 1970-01-01 was a Thursday: weeks begin on Monday, three days before. */
#define MONDAY		(-3 * DAY)

struct counts {
	int64_t		 runs;
	int64_t		 successes;
	int64_t		 failures;
};

struct bucket {
	struct counts	 counts;
	struct values	 duration;	/* of counted runs */
	struct values	 queue;		/* of first attempts that began */
};

struct trends {
	int64_t		 since;
	int64_t		 until;
	int64_t		 length;	/* of a bucket, seconds */
	int64_t		 first;		/* where the first one begins */
	struct counts	 counts;
	int64_t		 recoveries;
	int64_t		 recovery;	/* sum, seconds */
	int64_t		 failed_at;	/* of what is not recovered; -1 */
	int64_t		 streak;	/* failures are negative */
	int64_t		 best;		/* longest streaks */
	int64_t		 worst;
	size_t		 settled;	/* buckets that are sorted */
	size_t		 nbuckets;
	struct bucket	 buckets[];
};

static int64_t	 bucket_start(int64_t, int64_t);
static void	 count(struct counts *, const struct trends_run *);
static void	 follow(struct trends *, const struct trends_run *);
static const struct values *values_of(const struct trends *, size_t, int);
static struct json_object *percentile(const struct trends *, size_t, size_t,
		    int, unsigned int);
static void	 put_counts(struct json_object *, const struct counts *);
static void	 put_percentiles(struct json_object *, const struct trends *,
		    size_t, size_t);

struct trends *
trends_new(int64_t since, int64_t until, enum trends_by by)
{
	struct trends	*t;
	int64_t		 length = by == TRENDS_WEEK ? WEEK : DAY, first;
	size_t		 n;

	/* Nothing lies at `since` itself: the next second is the first. */
	first = bucket_start(since + 1, length);
	n = (size_t)((until - first) / length) + 1;
	t = calloc(1, sizeof(*t) + n * sizeof(t->buckets[0]));
	if (t == NULL)
		return (NULL);
	t->since = since;
	t->until = until;
	t->length = length;
	t->first = first;
	t->nbuckets = n;
	t->failed_at = -1;
	return (t);
}

void
trends_free(struct trends *t)
{
	size_t	 i;

	if (t == NULL)
		return;
	for (i = 0; i < t->nbuckets; i++) {
		values_free(&t->buckets[i].duration);
		values_free(&t->buckets[i].queue);
	}
	free(t);
}

/* Rounded down, also before 1970. */
static int64_t
bucket_start(int64_t at, int64_t length)
{
	int64_t	 from = length == WEEK ? MONDAY : 0;
	int64_t	 past = (at - from) % length;

	return (at - (past < 0 ? past + length : past));
}

int
trends_add(struct trends *t, const struct trends_run *run)
{
	struct bucket	*b;

	if (run->created_at <= t->since || run->created_at > t->until)
		return (0);
	b = &t->buckets[(run->created_at - t->first) / t->length];
	count(&t->counts, run);
	count(&b->counts, run);
	if (run->counted) {
		follow(t, run);
		if (values_add(&b->duration, run->updated_at -
		    run->started_at) == -1)
			return (-1);
	}
	/*
	 * A later attempt began when somebody asked for it: how long that
	 * one waited GitHub does not say.
	 */
	if (run->attempt <= 1 && (run->counted ||
	    run->started_at > run->created_at))
		return (values_add(&b->queue, run->started_at -
		    run->created_at));
	return (0);
}

static void
count(struct counts *c, const struct trends_run *run)
{
	c->runs++;
	if (!run->counted)
		return;
	if (run->success)
		c->successes++;
	else
		c->failures++;
}

/* Streaks, and from the first failure of one to the success after it. */
static void
follow(struct trends *t, const struct trends_run *run)
{
	if (run->success) {
		t->streak = t->streak > 0 ? t->streak + 1 : 1;
		if (t->streak > t->best)
			t->best = t->streak;
		if (t->failed_at == -1)
			return;
		t->recoveries++;
		if (run->updated_at > t->failed_at)
			t->recovery += run->updated_at - t->failed_at;
		t->failed_at = -1;
	} else {
		if (t->streak >= 0)
			t->failed_at = run->updated_at;
		t->streak = t->streak < 0 ? t->streak - 1 : -1;
		if (-t->streak > t->worst)
			t->worst = -t->streak;
	}
}

int
trends_merge(struct trends *all, const struct trends *one)
{
	size_t	 i;

	all->counts.runs += one->counts.runs;
	all->counts.successes += one->counts.successes;
	all->counts.failures += one->counts.failures;
	all->recoveries += one->recoveries;
	all->recovery += one->recovery;
	for (i = 0; i < all->nbuckets && i < one->nbuckets; i++) {
		all->buckets[i].counts.runs += one->buckets[i].counts.runs;
		all->buckets[i].counts.successes +=
		    one->buckets[i].counts.successes;
		all->buckets[i].counts.failures +=
		    one->buckets[i].counts.failures;
		if (values_merge(&all->buckets[i].duration,
		    &one->buckets[i].duration) == -1 ||
		    values_merge(&all->buckets[i].queue,
		    &one->buckets[i].queue) == -1)
			return (-1);
	}
	return (0);
}

int
trends_settle(struct trends *t)
{
	if (t->settled < t->nbuckets) {
		values_sort(&t->buckets[t->settled].duration);
		values_sort(&t->buckets[t->settled].queue);
		t->settled++;
	}
	return (t->settled < t->nbuckets);
}

static const struct values *
values_of(const struct trends *t, size_t i, int queue)
{
	return (queue ? &t->buckets[i].queue : &t->buckets[i].duration);
}

/*
 * The percentile of the values in n buckets from the i-th on.  They are
 * sorted each by itself: the value is looked for by bisection, counting in
 * all of them what is not above it.  JSON null if there is none.
 */
static struct json_object *
percentile(const struct trends *t, size_t i, size_t n, int queue,
    unsigned int per_cent)
{
	uint32_t	 low = 0, high = VALUES_MAX, middle;
	size_t		 have = 0, rank, upto, j;

	for (j = i; j < i + n; j++)
		have += values_of(t, j, queue)->n;
	if (have == 0)
		return (NULL);
	rank = (have * per_cent + 99) / 100;
	while (low < high) {
		middle = low + (high - low) / 2;
		for (upto = 0, j = i; j < i + n; j++)
			upto += values_upto(values_of(t, j, queue), middle);
		if (upto >= rank)
			high = middle;
		else
			low = middle + 1;
	}
	return (json_object_new_int64(low));
}

/* --- Figures. */

int64_t
trends_run_count(const struct trends *t)
{
	return (t->counts.runs);
}

static void
put_counts(struct json_object *o, const struct counts *c)
{
	int64_t	 counted = c->successes + c->failures;

	json_set_int(o, "run_count", c->runs);
	json_set_int(o, "completed_count", counted);
	json_set_int(o, "success_count", c->successes);
	json_set_int(o, "failure_count", c->failures);
	json_object_object_add(o, "success_rate", round_tenths(counted == 0 ?
	    0 : round_divide(1000 * (unsigned __int128)c->successes,
	    (unsigned __int128)counted)));
}

static void
put_percentiles(struct json_object *o, const struct trends *t, size_t i,
    size_t n)
{
	json_object_object_add(o, "p50_duration_seconds",
	    percentile(t, i, n, 0, 50));
	json_object_object_add(o, "p95_duration_seconds",
	    percentile(t, i, n, 0, 95));
	json_object_object_add(o, "p50_queue_seconds",
	    percentile(t, i, n, 1, 50));
	json_object_object_add(o, "p95_queue_seconds",
	    percentile(t, i, n, 1, 95));
}

void
trends_put_figures(const struct trends *t, struct json_object *o,
    int streaks)
{
	unsigned __int128	 length = (unsigned __int128)
	    (t->until > t->since ? t->until - t->since : 1);
	int64_t			 counted = t->counts.successes +
	    t->counts.failures;

	put_counts(o, &t->counts);
	put_percentiles(o, t, 0, t->nbuckets);
	json_object_object_add(o, "deployments_per_day", round_hundredths(
	    round_divide((unsigned __int128)t->counts.successes * 100 * DAY,
	    length)));
	json_object_object_add(o, "change_failure_rate", counted == 0 ? NULL :
	    round_tenths(round_divide(1000 *
	    (unsigned __int128)t->counts.failures,
	    (unsigned __int128)counted)));
	json_set_int(o, "recoveries", t->recoveries);
	json_object_object_add(o, "mean_time_to_recovery_seconds",
	    t->recoveries == 0 ? NULL : json_object_new_int64(round_divide(
	    (unsigned __int128)t->recovery,
	    (unsigned __int128)t->recoveries)));
	if (!streaks)
		return;
	json_set_int(o, "longest_success_streak", t->best);
	json_set_int(o, "longest_failure_streak", t->worst);
	json_set_int(o, "current_streak", t->streak);
}

struct json_object *
trends_buckets(const struct trends *t)
{
	struct json_object	*list = json_object_new_array(), *o;
	char			 buf[TIMESTAMP_SIZE];
	size_t			 i;

	for (i = 0; i < t->nbuckets; i++) {
		o = json_object_new_object();
		json_set_text(o, "start",
		    timestamp_format(t->first + (int64_t)i * t->length, buf));
		put_counts(o, &t->buckets[i].counts);
		put_percentiles(o, t, i, 1);
		json_object_array_add(list, o);
	}
	return (list);
}

struct json_object *
trends_run_counts(const struct trends *t)
{
	struct json_object	*list = json_object_new_array();
	size_t			 i;

	for (i = 0; i < t->nbuckets; i++)
		json_object_array_add(list,
		    json_object_new_int64(t->buckets[i].counts.runs));
	return (list);
}
