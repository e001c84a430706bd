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
 * Figures of pipelines for Prometheus.  Runs in the api.  Must not change
 * what it shows.  A pipeline that is inactive has no series.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "metrics.h"
#include "rope.h"
#include "timestamp.h"
#include "view.h"

/* A figure of a pipeline: 1 and the value, 0 if it has none. */
typedef int (*figure_fn)(const struct pipeline *, struct json_object *,
    double *);

static int	 is_active(const struct pipeline *, struct json_object *,
		    double *);
static int	 is_error(const struct pipeline *, struct json_object *,
		    double *);
static int	 last_at(const struct pipeline *, struct json_object *,
		    double *);
static int	 last_success(const struct pipeline *, struct json_object *,
		    double *);
static int	 last_duration(const struct pipeline *, struct json_object *,
		    double *);
static int	 success_ratio(const struct pipeline *, struct json_object *,
		    double *);
static int	 average(const struct pipeline *, struct json_object *,
		    double *);
static int	 health(const struct pipeline *, struct json_object *,
		    double *);
static int	 running(const struct pipeline *, struct json_object *,
		    double *);
static int	 queued(const struct pipeline *, struct json_object *,
		    double *);
static int	 stale(const struct pipeline *, struct json_object *,
		    double *);
static int	 looked_at(const struct pipeline *, struct json_object *,
		    double *);

static const struct {
	const char	*name;
	const char	*help;
	const char	*label;		/* one more, or "" */
	figure_fn	 figure;
} families[] = {
	{ "ccm_pipeline_state", "1 for the state that the pipeline is in.",
	    ",state=\"active\"", is_active },
	{ "ccm_pipeline_state", NULL, ",state=\"error\"", is_error },
	{ "ccm_pipeline_last_run_timestamp_seconds",
	    "When the last completed run was created.", "", last_at },
	{ "ccm_pipeline_last_run_success",
	    "Whether the last completed run was a success.", "",
	    last_success },
	{ "ccm_pipeline_last_run_duration_seconds",
	    "How long the last completed run took.", "", last_duration },
	{ "ccm_pipeline_success_ratio",
	    "Successes of the counted runs of the last 24 hours.", "",
	    success_ratio },
	{ "ccm_pipeline_average_duration_seconds",
	    "Mean duration of the counted runs of the last 24 hours.", "",
	    average },
	{ "ccm_pipeline_health_score", "Health from 0 to 100.", "", health },
	{ "ccm_pipeline_active_runs", "Runs in progress.", "", running },
	{ "ccm_pipeline_queued_runs", "Runs waiting.", "", queued },
	{ "ccm_pipeline_stale", "Whether the figures are out of date.", "",
	    stale },
	{ "ccm_pipeline_last_look_timestamp_seconds",
	    "When GitHub was last looked at with success.", "", looked_at },
};

static int	 number(struct json_object *, const char *, const char *,
		    double *);
static int	 moment(struct json_object *, const char *, const char *,
		    double *);
static void	 put_sample(size_t, const char *, double);

#define NFAMILIES	(sizeof(families) / sizeof(families[0]))

static struct {
	struct rope	*text[NFAMILIES];	/* that of its family */
} env;

/* All samples of a family stand together: each has a text of its own. */
void
metrics_pipelines_begin(void)
{
	char	*text = NULL;
	size_t	 len, i;
	FILE	*f;

	for (i = 0; i < NFAMILIES; i++) {
		if (families[i].help == NULL) {
			env.text[i] = rope_hold(env.text[i - 1]);
			continue;
		}
		env.text[i] = rope_new();
		if ((f = open_memstream(&text, &len)) == NULL)
			fatal("metrics");
		metrics_head(f, families[i].name, "gauge", families[i].help);
		if (fclose(f) == EOF)
			fatal("metrics");
		rope_copy(env.text[i], text, len);
		free(text);
	}
}

void
metrics_pipelines_end(struct rope *r)
{
	struct rope	*text;
	size_t		 i, k;

	for (i = 0; i < NFAMILIES; i++) {
		text = env.text[i];
		for (k = 0; families[i].help != NULL && k < text->npieces; k++)
			rope_share(r, text->pieces[k].bytes,
			    text->pieces[k].p, text->pieces[k].len);
	}
	for (i = 0; i < NFAMILIES; i++) {
		rope_free(env.text[i]);
		env.text[i] = NULL;
	}
}

void
metrics_pipeline(struct pipeline *p, int64_t now)
{
	struct json_object	*stats;
	char			*labels = NULL;
	double			 value;
	size_t			 len, i;
	FILE			*f;

	if (strcmp(p->status, "inactive") == 0)
		return;
	stats = view_stats(p, now);
	if ((f = open_memstream(&labels, &len)) == NULL)
		fatal("metrics");
	(void)fprintf(f, "{pipeline=\"%s\",repository=\"", p->id);
	metrics_label(f, json_string(p->doc, "repository"));
	(void)fputc('"', f);
	if (fclose(f) == EOF)
		fatal("metrics");
	for (i = 0; i < NFAMILIES; i++) {
		value = 0;
		if (families[i].figure(p, stats, &value))
			put_sample(i, labels, value);
	}
	free(labels);
	json_object_put(stats);
}

/* Most are whole numbers: those need no arithmetic to be written. */
static void
put_sample(size_t i, const char *labels, double value)
{
	struct rope	*r = env.text[i];
	char		 text[64];
	int		 n;

	rope_copy(r, families[i].name, strlen(families[i].name));
	rope_copy(r, labels, strlen(labels));
	rope_copy(r, families[i].label, strlen(families[i].label));
	if (value >= 0 && value < 1e15 && value == (double)(int64_t)value)
		n = snprintf(text, sizeof(text), "} %lld\n",
		    (long long)value);
	else
		n = snprintf(text, sizeof(text), "} %.15g\n", value);
	rope_copy(r, text, (size_t)n);
}

static int
is_active(const struct pipeline *p,
    struct json_object *s __attribute__((unused)), double *value)
{
	*value = strcmp(p->status, "active") == 0;
	return (1);
}

static int
is_error(const struct pipeline *p,
    struct json_object *s __attribute__((unused)), double *value)
{
	*value = strcmp(p->status, "error") == 0;
	return (1);
}

/* A number of an object of the stats, or of the stats themselves. */
static int
number(struct json_object *s, const char *object, const char *name,
    double *value)
{
	struct json_object	*o = s, *v;

	if (object != NULL &&
	    (o = json_member(s, object, json_type_object)) == NULL)
		return (0);
	if (!json_object_object_get_ex(o, name, &v) || v == NULL)
		return (0);
	*value = json_object_get_double(v);
	return (1);
}

/* A time of an object of the stats, or of the stats themselves. */
static int
moment(struct json_object *s, const char *object, const char *name,
    double *value)
{
	struct json_object	*o = s;
	const char		*text;
	int64_t			 t;

	if (object != NULL &&
	    (o = json_member(s, object, json_type_object)) == NULL)
		return (0);
	if ((text = json_string(o, name)) == NULL ||
	    timestamp_parse(text, &t) == -1)
		return (0);
	*value = (double)t;
	return (1);
}

static int
last_at(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (moment(s, "last_run", "timestamp", value));
}

static int
last_success(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	struct json_object	*o;
	const char		*status;

	o = json_member(s, "last_run", json_type_object);
	if (o == NULL || (status = json_string(o, "status")) == NULL)
		return (0);
	*value = strcmp(status, "success") == 0;
	return (1);
}

static int
last_duration(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (number(s, "last_run", "duration_seconds", value));
}

/* None of no runs: that is not 0. */
static int
success_ratio(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	double	 of;

	if (!number(s, "metrics_24h", "completed_count", &of) || of == 0 ||
	    !number(s, "metrics_24h", "success_count", value))
		return (0);
	*value /= of;
	return (1);
}

static int
average(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	double	 of;

	return (number(s, "metrics_24h", "completed_count", &of) && of > 0 &&
	    number(s, "metrics_24h", "avg_duration_seconds", value));
}

static int
health(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (number(s, NULL, "health_score", value));
}

static int
running(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (number(s, NULL, "active_runs", value));
}

static int
queued(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (number(s, NULL, "queue_length", value));
}

static int
stale(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	*value = json_flag(s, "stale");
	return (1);
}

static int
looked_at(const struct pipeline *p __attribute__((unused)),
    struct json_object *s, double *value)
{
	return (moment(s, NULL, "fetched_at", value));
}
