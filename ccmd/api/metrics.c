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
 * Figures for Prometheus (text format 0.0.4).  Runs in the api.  Must not
 * change what it counts.  A pipeline that is inactive has no series.
 */

#include "config.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "json.h"
#include "limit.h"
#include "log.h"
#include "subscribe.h"
#include "timestamp.h"
#include "view.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"
#define STATUS_MIN	100
#define STATUS_MAX	599
#define NBUCKETS	(sizeof(bounds) / sizeof(bounds[0]))

/* Upper bounds of the latency histogram, microseconds. */
static const uint64_t bounds[] = { 100, 250, 500, 1000, 2500, 5000, 10000,
	25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
	10000000 };

static struct {
	/* Row 0 is what was no verb. */
	uint64_t	 requests[VERB_MAX][STATUS_MAX - STATUS_MIN + 1];
	uint64_t	 buckets[VERB_MAX][NBUCKETS + 1];
	uint64_t	 sum_us[VERB_MAX];
	uint64_t	 refused;
} env;

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
static void	 put_pipelines(FILE *);
static void	 put_figure(FILE *, size_t, struct pipeline *, int64_t);
static void	 put_credential(FILE *, const char *, const char *,
		    const char *, int64_t);
static void	 put_budget(FILE *);
static void	 put_requests(FILE *);
static void	 put_latency(FILE *);
static void	 put_limits(FILE *);
static void	 put_process(FILE *);
static void	 head(FILE *, const char *, const char *, const char *);
static void	 one(FILE *, const char *, const char *, const char *, double);
static void	 label(FILE *, const char *);
static const char *verb_label(unsigned int);

uint64_t
metrics_now(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		return (0);
	return ((uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000);
}

void
metrics_count(const struct verb *verb, int status, uint64_t began)
{
	unsigned int	 id = verb != NULL ? verb->id : VERB_UNKNOWN;
	uint64_t	 took = metrics_now() - began;
	size_t		 i;

	if (status < STATUS_MIN || status > STATUS_MAX)
		return;
	env.requests[id][status - STATUS_MIN]++;
	for (i = 0; i < NBUCKETS && took > bounds[i]; i++)
		;
	env.buckets[id][i]++;
	env.sum_us[id] += took;
}

void
metrics_refused(void)
{
	env.refused++;
}

void
metrics_read(struct request *req)
{
	FILE	*f;
	char	*text = NULL;
	size_t	 len;

	if ((f = open_memstream(&text, &len)) == NULL)
		fatal("metrics");
	head(f, "ccm_build_info", "gauge", "The version of ccmd.");
	(void)fprintf(f, "ccm_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	put_pipelines(f);
	put_budget(f);
	put_requests(f);
	put_latency(f);
	put_limits(f);
	put_process(f);
	if (fclose(f) == EOF)
		fatal("metrics");
	answer_text(req, METRICS_TYPE, text, len);
	free(text);
}

/* All samples of a family stand together. */
static void
put_pipelines(FILE *f)
{
	struct pipeline	*p;
	int64_t		 now = time(NULL);
	size_t		 i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (families[i].help != NULL)
			head(f, families[i].name, "gauge", families[i].help);
		for (p = view_next(NULL); p != NULL; p = view_next(p))
			if (strcmp(p->status, "inactive") != 0)
				put_figure(f, i, p, now);
	}
}

static void
put_figure(FILE *f, size_t i, struct pipeline *p, int64_t now)
{
	struct json_object	*stats = view_stats(p, now);
	double			 value = 0;

	if (families[i].figure(p, stats, &value)) {
		(void)fprintf(f, "%s{pipeline=\"%s\",repository=\"",
		    families[i].name, p->id);
		label(f, json_string(p->doc, "repository"));
		(void)fprintf(f, "\"%s} %.15g\n", families[i].label, value);
	}
	json_object_put(stats);
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

/* What of a credential's budget, and -1 where GitHub has not said. */
static void
put_credential(FILE *f, const char *name, const char *more,
    const char *credential, int64_t value)
{
	if (value == -1 || credential == NULL)
		return;
	(void)fprintf(f, "%s{credential=\"", name);
	label(f, credential);
	(void)fprintf(f, "\"%s} %lld\n", more, (long long)value);
}

static void
put_budget(FILE *f)
{
	const struct msg_budget	*b;
	uint32_t		 i;

	head(f, "ccm_github_requests_limit", "gauge",
	    "Requests an hour that GitHub allows.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_requests_limit", "", b->name,
		    b->limit);
	head(f, "ccm_github_requests_remaining", "gauge",
	    "Requests that are left of this hour.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_requests_remaining", "",
		    b->name, b->remaining);
	head(f, "ccm_github_reset_timestamp_seconds", "gauge",
	    "When the hour begins anew.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_reset_timestamp_seconds", "",
		    b->name, b->reset);
	head(f, "ccm_github_answers_total", "counter",
	    "GitHub's answers by outcome.");
	for (i = 0; (b = budget_at(i)) != NULL; i++) {
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"ok\"", b->name, (int64_t)b->ok);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"not_modified\"", b->name,
		    (int64_t)b->unchanged);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"refused\"", b->name, (int64_t)b->refused);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"limited\"", b->name, (int64_t)b->limited);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"failed\"", b->name, (int64_t)b->failed);
	}
}

static void
put_requests(FILE *f)
{
	unsigned int	 v;
	int		 s;

	head(f, "ccm_http_requests_total", "counter",
	    "Requests answered, by verb and status.");
	for (v = 0; v < VERB_MAX; v++)
		for (s = 0; s <= STATUS_MAX - STATUS_MIN; s++)
			if (env.requests[v][s] > 0)
				(void)fprintf(f, "ccm_http_requests_total{"
				    "verb=\"%s\",code=\"%d\"} %llu\n",
				    verb_label(v), s + STATUS_MIN,
				    (unsigned long long)env.requests[v][s]);
}

static void
put_latency(FILE *f)
{
	static const char	 name[] = "ccm_http_request_duration_seconds";
	unsigned long long	 n;
	unsigned int		 v;
	size_t			 i;

	head(f, name, "histogram",
	    "From a whole request to its answer in the output queue.");
	for (v = 0; v < VERB_MAX; v++) {
		for (n = 0, i = 0; i <= NBUCKETS; i++)
			n += env.buckets[v][i];
		if (n == 0)
			continue;
		for (n = 0, i = 0; i < NBUCKETS; i++) {
			n += env.buckets[v][i];
			(void)fprintf(f, "%s_bucket{verb=\"%s\",le=\"%g\"} "
			    "%llu\n", name, verb_label(v), (double)bounds[i] /
			    1e6, n);
		}
		n += env.buckets[v][NBUCKETS];
		(void)fprintf(f, "%s_bucket{verb=\"%s\",le=\"+Inf\"} %llu\n"
		    "%s_sum{verb=\"%s\"} %.6f\n%s_count{verb=\"%s\"} %llu\n",
		    name, verb_label(v), n, name, verb_label(v),
		    (double)env.sum_us[v] / 1e6, name, verb_label(v), n);
	}
}

/* Of the api, which is who answers. */
static void
put_limits(FILE *f)
{
	int	 i;

	head(f, "ccm_limit_reached_total", "counter",
	    "How often clients reached one of the limits.");
	for (i = 0; i < LIMIT_MAX; i++)
		(void)fprintf(f, "ccm_limit_reached_total{limit=\"%s\"} "
		    "%llu\n", limit_name((enum limit)i),
		    (unsigned long long)limit_times((enum limit)i));
}

static void
put_process(FILE *f)
{
	struct timespec	 ts;
	struct rlimit	 rl;
	int		 fd, open = 0;

	one(f, "ccm_http_connections", "gauge", "Connections open over HTTP.",
	    (double)conn_count());
	one(f, "ccm_event_subscribers", "gauge", "Who listens to events.",
	    (double)subscribers_count());
	one(f, "ccm_operations", "gauge", "Operations under way.",
	    (double)route_operations());
	one(f, "ccm_http_refused_tokens_total", "counter",
	    "Requests with a wrong token, or none.", (double)env.refused);
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0)
		one(f, "process_cpu_seconds_total", "counter",
		    "User and system time of the api.", (double)ts.tv_sec +
		    (double)ts.tv_nsec / 1e9);
	one(f, "process_start_time_seconds", "gauge",
	    "When the api began to answer.", (double)read_started());
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	for (fd = 0; fd < (int)rl.rlim_cur; fd++)
		open += fcntl(fd, F_GETFD) != -1;
	one(f, "process_open_fds", "gauge", "Descriptors of the api.", open);
	one(f, "process_max_fds", "gauge", "And how many it may have.",
	    (double)rl.rlim_cur);
}

static void
head(FILE *f, const char *name, const char *type, const char *help)
{
	(void)fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

static void
one(FILE *f, const char *name, const char *type, const char *help,
    double value)
{
	head(f, name, type, help);
	(void)fprintf(f, "%s %.15g\n", name, value);
}

static void
label(FILE *f, const char *s)
{
	for (; s != NULL && *s != '\0'; s++) {
		if (*s == '\\' || *s == '"')
			(void)fputc('\\', f);
		if (*s == '\n')
			(void)fputs("\\n", f);
		else
			(void)fputc(*s, f);
	}
}

static const char *
verb_label(unsigned int id)
{
	return (id == VERB_UNKNOWN ? "none" : verb_get(id)->name);
}
