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
 * Trends: the runs of a stretch of time in, figures out, in all and by the
 * day or week.  Runs in the registry.  Pure arithmetic on whole numbers and
 * fractions: no clock, no I/O.
 *
 * Times are UTC, a day is 86,400 s, a week begins on Monday.  Percentiles
 * are of the nearest rank: the smallest value that at least p per cent of
 * all values do not exceed.  The order of runs is that of their creation,
 * then of their ids: a run that was run again keeps its place.
 */

#ifndef CCM_REGISTRY_TRENDS_H
#define CCM_REGISTRY_TRENDS_H

#include <stddef.h>
#include <stdint.h>

struct json_object;
struct trends;

enum trends_by {
	TRENDS_DAY,
	TRENDS_WEEK
};

/* As run.h has it: `counted` is completed and a success or a failure. */
struct trends_run {
	int64_t		 created_at;	/* seconds since the epoch */
	int64_t		 started_at;
	int64_t		 updated_at;
	int32_t		 attempt;
	int		 counted;
	int		 success;
};

/*
 * For runs created after `since`, up to and including `until` (seconds
 * since the epoch).  The caller's, freed by trends_free; NULL with errno
 * ENOMEM.
 */
struct trends *trends_new(int64_t since, int64_t until, enum trends_by by);
void trends_free(struct trends *t);

/*
 * Add a run of one pipeline, in the order of their creation; those outside
 * the stretch are left out.  Returns 0, or -1 with errno ENOMEM.
 */
int trends_add(struct trends *t, const struct trends_run *run);

/*
 * Add all of a pipeline's, over the same stretch, to those of many.
 * Returns 0, or -1 with errno ENOMEM.
 */
int trends_merge(struct trends *all, const struct trends *one);

/*
 * Sort what percentiles are taken from, a bucket at a time.  Returns 1
 * while there is more to do, 0 when the figures can be asked for.
 */
int trends_settle(struct trends *t);

int64_t trends_run_count(const struct trends *t);

/*
 * Add the figures to an object; with `streaks` also those that only the
 * runs of one pipeline have.
 */
void trends_put_figures(const struct trends *t, struct json_object *o,
    int streaks);

/* Every bucket with its start and figures / only its count of runs. */
struct json_object *trends_buckets(const struct trends *t);
struct json_object *trends_run_counts(const struct trends *t);

#endif
