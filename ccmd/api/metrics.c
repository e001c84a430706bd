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
 * Figures for Prometheus (text format 0.0.4): the answer, and what the api
 * counts of requests.  Runs in the api.  Must not change what it counts.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "limit.h"
#include "log.h"
#include "metrics.h"
#include "pass.h"
#include "rope.h"
#include "subscribe.h"

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

static void	 put_all(struct rope *);
static void	 put_requests(FILE *);
static void	 put_latency(FILE *);
static void	 put_limits(FILE *);
static void	 put_clients(FILE *);
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
	static struct pass	 pass = {
		.type = METRICS_TYPE,
		.begin = metrics_pipelines_begin,
		.put = metrics_pipeline,
		.end = put_all,
	};

	pass_read(&pass, req);
}

static void
put_all(struct rope *r)
{
	char	*text = NULL;
	size_t	 len;
	FILE	*f;

	metrics_pipelines_end(r);
	if ((f = open_memstream(&text, &len)) == NULL)
		fatal("metrics");
	metrics_head(f, "ccm_build_info", "gauge", "The version of ccmd.");
	(void)fprintf(f, "ccm_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	metrics_budget(f);
	put_requests(f);
	put_latency(f);
	put_limits(f);
	put_clients(f);
	metrics_registry(f);
	metrics_process(f);
	if (fclose(f) == EOF)
		fatal("metrics");
	rope_copy(r, text, len);
	free(text);
}

static void
put_requests(FILE *f)
{
	unsigned int	 v;
	int		 s;

	metrics_head(f, "ccm_http_requests_total", "counter",
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

	metrics_head(f, name, "histogram",
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

	metrics_head(f, "ccm_limit_reached_total", "counter",
	    "How often clients reached one of the limits.");
	for (i = 0; i < LIMIT_MAX; i++)
		(void)fprintf(f, "ccm_limit_reached_total{limit=\"%s\"} "
		    "%llu\n", limit_name((enum limit)i),
		    (unsigned long long)limit_times((enum limit)i));
}

static void
put_clients(FILE *f)
{
	metrics_one(f, "ccm_http_connections", "gauge",
	    "Connections open over HTTP.", (double)conn_count());
	metrics_one(f, "ccm_event_subscribers", "gauge",
	    "Who listens to events.", (double)subscribers_count());
	metrics_one(f, "ccm_operations", "gauge", "Operations under way.",
	    (double)operations_count());
	metrics_one(f, "ccm_http_refused_tokens_total", "counter",
	    "Requests with a wrong token, or none.", (double)env.refused);
}

void
metrics_head(FILE *f, const char *name, const char *type, const char *help)
{
	(void)fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

void
metrics_one(FILE *f, const char *name, const char *type, const char *help,
    double value)
{
	metrics_head(f, name, type, help);
	(void)fprintf(f, "%s %.15g\n", name, value);
}

void
metrics_label(FILE *f, const char *s)
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
