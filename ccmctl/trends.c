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
 * Trends as text: figures, sparklines, a table by day or week, or by
 * pipeline.  Part of ccmctl.  Must not compute a figure: what is shown is
 * what the answer says.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

/* A sparkline of more columns is cut at its old end. */
#define SPARK_MAX	60
#define DATE_LEN	10	/* of a timestamp */

static void	 figures(const struct view *, struct json_object *);
static void	 streaks(const struct view *, struct json_object *);
static void	 by_time(const struct view *, struct json_object *);
static void	 by_job(const struct view *, struct json_object *);
static void	 by_pipeline(const struct view *, struct json_object *);
static void	 pipeline_row(const struct view *, struct table *,
		    struct json_object *);
static void	 add_seconds(struct table *, struct json_object *,
		    const char *);
static void	 add_per_cent(struct table *, struct json_object *,
		    const char *);
static const char *seconds(struct json_object *, const char *, char *);
static char	*spark(const struct view *, struct json_object *,
		    const char *);
static int64_t	 value_at(struct json_object *, size_t, const char *);

void
view_trends(const struct view *v, struct json_object *answer)
{
	struct json_object	*t, *list;

	t = json_member(answer, "trends", json_type_object);
	if (t == NULL)
		return;
	figures(v, t);
	list = json_member(answer, "pipelines", json_type_array);
	if (list != NULL)
		by_pipeline(v, list);
	else {
		by_time(v, t);
		by_job(v, t);
	}
}

static void
figures(const struct view *v, struct json_object *t)
{
	struct json_object	*buckets;
	char			 from[TEXT_TIME_SIZE], to[TEXT_TIME_SIZE];
	const char		*id = json_string(t, "pipeline_id");
	const char		*by = json_string(t, "by");
	char			*line;

	if (id != NULL)
		view_field(v, "Pipeline", SIGN_NONE, "%s", id);
	view_field(v, "Period", SIGN_NONE, "%s to %s UTC, by %s",
	    text_date(json_string(t, "since"), from),
	    text_date(json_string(t, "until"), to), by != NULL ? by : "?");
	buckets = json_member(t, "buckets", json_type_array);
	line = spark(v, buckets, "run_count");
	view_field(v, "Runs", SIGN_NONE, "%s  %s",
	    view_number(t, "run_count"), line);
	free(line);
	view_field(v, "Success", SIGN_NONE, "%s %%  (%s of %s)",
	    view_number(t, "success_rate"), view_number(t, "success_count"),
	    view_number(t, "completed_count"));
	line = spark(v, buckets, "p50_duration_seconds");
	view_field(v, "Duration", SIGN_NONE, "p50 %s, p95 %s  %s",
	    seconds(t, "p50_duration_seconds", from),
	    seconds(t, "p95_duration_seconds", to), line);
	free(line);
	view_field(v, "Queue", SIGN_NONE, "p50 %s, p95 %s",
	    seconds(t, "p50_queue_seconds", from),
	    seconds(t, "p95_queue_seconds", to));
	view_field(v, "Deployments", SIGN_NONE, "%s a day",
	    view_number(t, "deployments_per_day"));
	view_field(v, "Failures", SIGN_NONE, "%s %% of changes",
	    view_number(t, "change_failure_rate"));
	view_field(v, "Recovery", SIGN_NONE, "%s on average, %s of them",
	    seconds(t, "mean_time_to_recovery_seconds", from),
	    view_number(t, "recoveries"));
	streaks(v, t);
}

/* Failures are counted downwards. */
static void
streaks(const struct view *v, struct json_object *t)
{
	struct json_object	*o;
	int64_t			 now;

	if (!json_object_object_get_ex(t, "current_streak", &o))
		return;
	now = json_object_get_int64(o);
	view_field(v, "Streaks", SIGN_NONE, "longest %s successes, %s "
	    "failures; now %lld %s", view_number(t, "longest_success_streak"),
	    view_number(t, "longest_failure_streak"),
	    (long long)(now < 0 ? -now : now),
	    now < 0 ? "failures" : "successes");
}

/* Days and weeks without a run are left out. */
static void
by_time(const struct view *v, struct json_object *t)
{
	static const struct table_column columns[] = {
		{ "From", 0 },
		{ "Runs", TABLE_RIGHT },
		{ "Success", TABLE_RIGHT },
		{ "p50", TABLE_RIGHT },
		{ "p95", TABLE_RIGHT },
		{ "Queue p50", TABLE_RIGHT },
		{ "Queue p95", TABLE_RIGHT },
	};
	struct json_object	*list, *b;
	struct table		 table;
	const char		*from;
	size_t			 i;

	list = json_member(t, "buckets", json_type_array);
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		b = json_object_array_get_idx(list, i);
		if (view_integer(b, "run_count") <= 0)
			continue;
		from = json_string(b, "start");
		table_addf(&table, STYLE_PLAIN, "%.*s", DATE_LEN,
		    from != NULL ? from : "?");
		table_add(&table, STYLE_PLAIN, view_number(b, "run_count"));
		add_per_cent(&table, b, "success_rate");
		add_seconds(&table, b, "p50_duration_seconds");
		add_seconds(&table, b, "p95_duration_seconds");
		add_seconds(&table, b, "p50_queue_seconds");
		add_seconds(&table, b, "p95_queue_seconds");
	}
	if (table_rows(&table) > 0)
		table_print(v->f, v->term, &table, 0, table_rows(&table), 0);
	table_clear(&table);
}

static void
by_job(const struct view *v, struct json_object *t)
{
	static const struct table_column columns[] = {
		{ "Job", TABLE_SHRINK },
		{ "Successes", TABLE_RIGHT },
		{ "Failures", TABLE_RIGHT },
		{ "p50", TABLE_RIGHT },
		{ "p95", TABLE_RIGHT },
	};
	struct json_object	*list, *job;
	struct table		 table;
	const char		*name;
	size_t			 i;

	list = json_member(t, "jobs", json_type_array);
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		job = json_object_array_get_idx(list, i);
		name = json_string(job, "name");
		table_add(&table, STYLE_PLAIN, name != NULL ? name : "?");
		table_add(&table, STYLE_PLAIN,
		    view_number(job, "success_count"));
		table_add(&table, STYLE_PLAIN,
		    view_number(job, "failure_count"));
		add_seconds(&table, job, "p50_duration_seconds");
		add_seconds(&table, job, "p95_duration_seconds");
	}
	if (table_rows(&table) > 0)
		table_print(v->f, v->term, &table, 0, table_rows(&table), 0);
	table_clear(&table);
}

static void
by_pipeline(const struct view *v, struct json_object *list)
{
	static const struct table_column columns[] = {
		{ "Pipeline", 0 },
		{ "Repository", TABLE_SHRINK },
		{ "Runs", TABLE_RIGHT },
		{ "Success", TABLE_RIGHT },
		{ "p50", TABLE_RIGHT },
		{ "p95", TABLE_RIGHT },
		{ "A day", TABLE_RIGHT },
		{ "Recovery", TABLE_RIGHT },
		{ "Trend", 0 },
	};
	struct table	 table;
	size_t		 i, n = json_object_array_length(list);

	if (n == 0) {
		(void)fputs("No runs.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++)
		pipeline_row(v, &table, json_object_array_get_idx(list, i));
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
}

static void
pipeline_row(const struct view *v, struct table *table, struct json_object *p)
{
	const char	*id = json_string(p, "pipeline_id");
	const char	*repository = json_string(p, "repository");
	char		*line;

	table_add(table, STYLE_PLAIN, id != NULL ? id : "?");
	table_add(table, STYLE_PLAIN, repository != NULL ? repository : "-");
	table_add(table, STYLE_PLAIN, view_number(p, "run_count"));
	add_per_cent(table, p, "success_rate");
	add_seconds(table, p, "p50_duration_seconds");
	add_seconds(table, p, "p95_duration_seconds");
	table_add(table, STYLE_PLAIN, view_number(p, "deployments_per_day"));
	add_seconds(table, p, "mean_time_to_recovery_seconds");
	line = spark(v, json_member(p, "run_counts", json_type_array), NULL);
	table_add(table, STYLE_PLAIN, line);
	free(line);
}

static void
add_seconds(struct table *table, struct json_object *o, const char *name)
{
	char	 buf[TEXT_TIME_SIZE];

	table_add(table, STYLE_PLAIN, seconds(o, name, buf));
}

static void
add_per_cent(struct table *table, struct json_object *o, const char *name)
{
	table_addf(table, STYLE_PLAIN, "%s%%", view_number(o, name));
}

static const char *
seconds(struct json_object *o, const char *name, char *buf)
{
	return (text_duration(view_integer(o, name), buf));
}

/*
 * One column for each number, the newest on the right: blank for none, else
 * its share of the greatest.  The caller's to free.
 */
static char *
spark(const struct view *v, struct json_object *list, const char *name)
{
	static const char *const utf8[] = { " ", "\xe2\x96\x81",
	    "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85",
	    "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const ascii[] = { " ", ".", ":", "-", "=", "+",
	    "*", "#", "@" };
	const char *const	*marks = v->term->signs ? utf8 : ascii;
	size_t			 n, i, first, size = SPARK_MAX * 3 + 1;
	int64_t			 most = 1, value;
	char			*line;

	if ((line = calloc(1, size)) == NULL)
		abort();
	n = list == NULL ? 0 : json_object_array_length(list);
	first = n > SPARK_MAX ? n - SPARK_MAX : 0;
	for (i = first; i < n; i++)
		if ((value = value_at(list, i, name)) > most)
			most = value;
	for (i = first; i < n; i++) {
		value = value_at(list, i, name);
		(void)strlcat(line, marks[value <= 0 ? 0 :
		    1 + value * 7 / most], size);
	}
	return (line);
}

/* A number of the list, or that member of an object in it. */
static int64_t
value_at(struct json_object *list, size_t i, const char *name)
{
	struct json_object	*o = json_object_array_get_idx(list, i);

	if (name != NULL)
		return (view_integer(o, name));
	return (json_object_is_type(o, json_type_int) ?
	    json_object_get_int64(o) : -1);
}
