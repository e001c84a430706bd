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
 * Stats of a pipeline.  Part of the api.  Must not read a clock, use
 * floating point, or round anything but what is shown: halves go up.
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "round.h"
#include "run.h"
#include "stats.h"
#include "timestamp.h"

/* W of contract.md: the counted runs that health is made of. */
struct window {
	int64_t		 runs;
	int64_t		 successes;
	int64_t		 duration;	/* sum, seconds */
};

/* A fraction that is not negative. */
struct fraction {
	unsigned __int128 num;
	unsigned __int128 den;
};

static void	 look_at(const struct run *, int64_t, struct stats *,
		    struct window *, const struct run **);
static void	 add(struct window *, const struct run *);
static void	 newest_counted(const struct run *, size_t, struct window *);
static int	 baseline(const struct run *, size_t, int64_t, int64_t *);
static int	 cmp_int64(const void *, const void *);
static void	 health(struct stats *, const struct window *,
		    const struct run *, int64_t);
static void	 note_edge(struct stats *, int64_t, int64_t);
static struct fraction speed_part(const struct window *, int64_t);
static struct json_object *short_run(const struct run *, int);
static int64_t	 age(const struct stats_frame *);

int
stats_compute(const struct run *runs, size_t n, int64_t now,
    struct stats *out)
{
	const struct run	*newest = NULL;	/* counted */
	struct window		 w = { 0, 0, 0 };
	int64_t			 twice;	/* of the baseline; -1: none */
	size_t			 i;

	memset(out, 0, sizeof(*out));
	out->until = INT64_MAX;
	if (n > STATS_RUNS_MAX) {
		errno = EINVAL;
		return (-1);
	}
	for (i = 0; i < n; i++)
		look_at(&runs[i], now, out, &w, &newest);
	if (w.runs > 0) {
		out->success_tenths = round_divide(1000 *
		    (unsigned __int128)w.successes, w.runs);
		out->avg_duration = round_divide(w.duration, w.runs);
	} else
		newest_counted(runs, n, &w);
	if (baseline(runs, n, now, &twice) == -1)
		return (-1);
	health(out, &w, newest, twice);
	return (0);
}

/* One run's part in everything but the health score. */
static void
look_at(const struct run *run, int64_t now, struct stats *out,
    struct window *w, const struct run **newest)
{
	int	 recent = run->created_at > now - STATS_WINDOW;

	note_edge(out, run->created_at + STATS_WINDOW, now);
	note_edge(out, run->created_at + STATS_BASELINE, now);
	if (run->status == RUN_COMPLETED) {
		if (out->last == NULL || run_cmp(run, out->last) > 0)
			out->last = run;
	} else {
		if (out->current == NULL || run_cmp(run, out->current) > 0)
			out->current = run;
		if (run->status == RUN_IN_PROGRESS)
			out->active_runs++;
		else if (run->status != RUN_STATUS_UNKNOWN)
			out->queue_length++;
	}
	if (recent)
		out->run_count++;
	if (!run_is_counted(run))
		return;
	if (*newest == NULL || run_cmp(run, *newest) > 0)
		*newest = run;
	if (!recent)
		return;
	add(w, run);
	out->completed_count++;
	if (run->conclusion == RUN_SUCCESS)
		out->success_count++;
	else
		out->failure_count++;
}

/* A window's edge will pass over a run. */
static void
note_edge(struct stats *out, int64_t at, int64_t now)
{
	if (at > now && at < out->until)
		out->until = at;
}

static void
add(struct window *w, const struct run *run)
{
	w->runs++;
	w->successes += run->conclusion == RUN_SUCCESS;
	w->duration += run_duration(run);
}

/* A quiet day: the newest counted runs known, found by insertion. */
static void
newest_counted(const struct run *runs, size_t n, struct window *w)
{
	const struct run	*best[STATS_NEWEST];
	size_t			 i, j, have = 0;

	for (i = 0; i < n; i++) {
		if (!run_is_counted(&runs[i]))
			continue;
		for (j = have; j > 0 && run_cmp(&runs[i], best[j - 1]) > 0;
		    j--)
			if (j < STATS_NEWEST)
				best[j] = best[j - 1];
		if (j < STATS_NEWEST)
			best[j] = &runs[i];
		if (have < STATS_NEWEST)
			have++;
	}
	for (i = 0; i < have; i++)
		add(w, best[i]);
}

/*
 * Twice the median duration of the successes of the week before (twice, so
 * that the mean of two is whole); -1 where there are too few.
 */
static int
baseline(const struct run *runs, size_t n, int64_t now, int64_t *twice)
{
	int64_t	*d;
	size_t	 i, have = 0;

	*twice = -1;
	if (n < STATS_BASELINE_MIN)
		return (0);
	if ((d = calloc(n, sizeof(*d))) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		if (runs[i].status == RUN_COMPLETED &&
		    runs[i].conclusion == RUN_SUCCESS &&
		    runs[i].created_at > now - STATS_BASELINE &&
		    runs[i].created_at <= now - STATS_WINDOW)
			d[have++] = run_duration(&runs[i]);
	if (have >= STATS_BASELINE_MIN) {
		qsort(d, have, sizeof(*d), cmp_int64);
		*twice = d[(have - 1) / 2] + d[have / 2];
	}
	free(d);
	return (0);
}

static int
cmp_int64(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

/*
 * The score is rounded from the sum of the unrounded parts:
 *	60 s / n + last + speed
 * over one denominator.
 */
static void
health(struct stats *out, const struct window *w, const struct run *newest,
    int64_t twice)
{
	struct fraction	 speed;
	unsigned __int128 n = (unsigned __int128)w->runs, sum;
	int64_t		 last;

	if (w->runs == 0)
		return;		/* 0 and unknown */
	speed = speed_part(w, twice);
	last = newest != NULL && newest->conclusion == RUN_SUCCESS ? 25 : 0;
	out->success_part_tenths =
	    round_divide(600 * (unsigned __int128)w->successes, n);
	out->last_part_tenths = last * 10;
	out->speed_part_tenths = round_divide(10 * speed.num, speed.den);
	sum = 60 * (unsigned __int128)w->successes * speed.den +
	    (unsigned __int128)last * n * speed.den + speed.num * n;
	out->health_score = round_divide(sum, n * speed.den);
	out->health = out->health_score < 50 ? HEALTH_FAILING :
	    out->health_score < 80 ? HEALTH_DEGRADED : HEALTH_OK;
}

/*
 * 15 clamp((3 - r) / 2, 0, 1), r = (duration / runs) / (twice / 2)
 *	= 2 duration / (runs twice), so
 * (3 - r) / 2 = (3 runs twice - 2 duration) / (2 runs twice).
 * A median of 0 is r = 1; no baseline is full speed.
 */
static struct fraction
speed_part(const struct window *w, int64_t twice)
{
	struct fraction		 f = { 15, 1 };
	unsigned __int128	 whole, slow;

	if (twice <= 0)
		return (f);
	whole = (unsigned __int128)w->runs * (unsigned __int128)twice;
	slow = 2 * (unsigned __int128)w->duration;
	if (slow <= whole)
		return (f);
	if (slow >= 3 * whole) {
		f.num = 0;
		return (f);
	}
	f.num = 15 * (3 * whole - slow);
	f.den = 2 * whole;
	return (f);
}

struct json_object *
stats_to_json(const struct stats *s, const struct stats_frame *f)
{
	static const char *const states[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_FAILING] = "failing",
		[HEALTH_DEGRADED] = "degraded",
		[HEALTH_OK] = "ok",
	};
	struct json_object	*o, *day, *h;

	o = json_object_new_object();
	json_set_text(o, "pipeline_id", f->pipeline_id);
	json_set_text(o, "status", f->status);
	json_object_object_add(o, "last_run", short_run(s->last, 1));
	json_object_object_add(o, "current_run", short_run(s->current, 0));

	day = json_object_new_object();
	json_set_int(day, "run_count", s->run_count);
	json_set_int(day, "completed_count", s->completed_count);
	json_set_int(day, "success_count", s->success_count);
	json_set_int(day, "failure_count", s->failure_count);
	json_object_object_add(day, "success_rate",
	    round_tenths(s->success_tenths));
	json_set_int(day, "avg_duration_seconds", s->avg_duration);
	json_object_object_add(o, "metrics_24h", day);

	json_set_int(o, "health_score", s->health_score);
	h = json_object_new_object();
	json_set_text(h, "state", states[s->health]);
	json_object_object_add(h, "success",
	    round_tenths(s->success_part_tenths));
	json_object_object_add(h, "last", round_tenths(s->last_part_tenths));
	json_object_object_add(h, "speed", round_tenths(s->speed_part_tenths));
	json_object_object_add(o, "health", h);

	json_set_int(o, "active_runs", s->active_runs);
	json_set_int(o, "queue_length", s->queue_length);
	stats_age_to_json(o, f);
	if (f->stale_reason != NULL)
		json_set_text(o, "stale_reason", f->stale_reason);
	return (o);
}

void
stats_age_to_json(struct json_object *o, const struct stats_frame *f)
{
	char	 buf[TIMESTAMP_SIZE];

	if (f->fetched_at == -1) {
		json_object_object_add(o, "fetched_at", NULL);
		json_object_object_add(o, "age_seconds", NULL);
	} else {
		json_set_text(o, "fetched_at",
		    timestamp_format(f->fetched_at, buf));
		json_set_int(o, "age_seconds", age(f));
	}
	json_object_object_add(o, "stale", json_object_new_boolean(f->stale));
}

static int64_t
age(const struct stats_frame *f)
{
	return (f->now > f->fetched_at ? f->now - f->fetched_at : 0);
}

size_t
stats_age_text(const struct stats_frame *f, char buf[STATS_AGE_SIZE])
{
	const char	*stale = f->stale ? "true" : "false";
	char		 at[TIMESTAMP_SIZE];
	int		 n;

	if (f->fetched_at == -1)
		n = snprintf(buf, STATS_AGE_SIZE, ",\"fetched_at\":null,"
		    "\"age_seconds\":null,\"stale\":%s", stale);
	else
		n = snprintf(buf, STATS_AGE_SIZE, ",\"fetched_at\":\"%s\","
		    "\"age_seconds\":%lld,\"stale\":%s",
		    timestamp_format(f->fetched_at, at), (long long)age(f),
		    stale);
	return ((size_t)n);
}

static struct json_object *
short_run(const struct run *run, int completed)
{
	struct json_object	*o;
	char			 buf[TIMESTAMP_SIZE];
	const char		*word;

	if (run == NULL)
		return (NULL);
	word = completed ? run->conclusion_text : run->status_text;
	o = json_object_new_object();
	json_set_int(o, "run_id", run->id);
	json_set_text(o, "timestamp", timestamp_format(run->created_at, buf));
	json_object_object_add(o, "status",
	    word[0] != '\0' ? json_object_new_string(word) : NULL);
	json_set_int(o, "duration_seconds", run_duration(run));
	json_object_object_add(o, "branch", run->branch != NULL ?
	    json_object_new_string(run->branch) : NULL);
	return (o);
}
