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
 * Stats of a pipeline: runs and now in, figures out (contract.md, "Stats").
 * Belongs to the api and to tests.  Pure arithmetic on whole numbers and
 * fractions: no clock, no floating point, no I/O.
 */

#ifndef CCM_STATS_H
#define CCM_STATS_H

#include <stddef.h>
#include <stdint.h>

struct json_object;
struct run;

#define STATS_WINDOW	86400		/* metrics_24h, seconds */
#define STATS_BASELINE	(8 * 86400)	/* how far back it reaches */
#define STATS_NEWEST	10	/* runs that count where the day has none */
#define STATS_BASELINE_MIN	5

enum health_state {
	HEALTH_UNKNOWN,
	HEALTH_FAILING,
	HEALTH_DEGRADED,
	HEALTH_OK
};

struct stats {
	const struct run *last;		/* completed, newest; or NULL */
	const struct run *current;	/* not completed, newest; or NULL */
	int64_t		 run_count;	/* of the last 24 h */
	int64_t		 completed_count;
	int64_t		 success_count;
	int64_t		 failure_count;
	int64_t		 success_tenths;	/* per cent, times ten */
	int64_t		 avg_duration;	/* seconds */
	int64_t		 health_score;	/* 0 to 100 */
	enum health_state health;
	int64_t		 success_part_tenths;	/* of 60.0 */
	int64_t		 last_part_tenths;	/* of 25.0 */
	int64_t		 speed_part_tenths;	/* of 15.0 */
	int64_t		 active_runs;
	int64_t		 queue_length;
	int64_t		 until;		/* the same runs make the same before */
};

/*
 * Compute.  `runs` has each run once, by its id, in any order; at most
 * STATS_RUNS_MAX.  `last` and `current` point into it.  Returns 0, or -1
 * with errno ENOMEM.
 */
#define STATS_RUNS_MAX	100000
int stats_compute(const struct run *runs, size_t n, int64_t now,
    struct stats *out);

/* What the answer says besides the figures. */
struct stats_frame {
	const char	*pipeline_id;
	const char	*status;
	int64_t		 fetched_at;	/* seconds; -1: null */
	int64_t		 now;
	int		 stale;
	const char	*stale_reason;	/* NULL: left out */
};

/* The stats object of contract.md, the caller's. */
struct json_object *stats_to_json(const struct stats *stats,
    const struct stats_frame *frame);

/*
 * Put what changes with time alone into such an object, in its place:
 * fetched_at, age_seconds and stale.
 */
void stats_age_to_json(struct json_object *o, const struct stats_frame *frame);

/*
 * The same as text: those three members, each with a comma before it.
 * Returns the length.
 */
#define STATS_AGE_SIZE	128
size_t stats_age_text(const struct stats_frame *frame,
    char buf[STATS_AGE_SIZE]);

#endif
