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
 * What jobs took, by name.  Runs in the registry.  Must not read a clock or
 * do I/O.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "json.h"
#include "tree.h"
#include "trends_jobs.h"
#include "values.h"

struct job_times {
	RB_ENTRY(job_times) entry;
	char		*name;
	struct values	 duration;
	int64_t		 successes;
	int64_t		 failures;
};

RB_HEAD(job_tree, job_times);

struct trends_jobs {
	struct job_tree	 tree;
	size_t		 n;
};

static int	 job_cmp(struct job_times *, struct job_times *);
static struct job_times *job_new(struct trends_jobs *, const char *);

TREE_GENERATE(job_tree, job_times, entry, job_cmp)

static int
job_cmp(struct job_times *a, struct job_times *b)
{
	return (strcmp(a->name, b->name));
}

struct trends_jobs *
trends_jobs_new(void)
{
	return (calloc(1, sizeof(struct trends_jobs)));
}

void
trends_jobs_free(struct trends_jobs *jobs)
{
	struct job_times	*j;

	if (jobs == NULL)
		return;
	while ((j = RB_ROOT(&jobs->tree)) != NULL) {
		RB_REMOVE(job_tree, &jobs->tree, j);
		values_free(&j->duration);
		free(j->name);
		free(j);
	}
	free(jobs);
}

/* What was skipped or cancelled says nothing of how long the job takes. */
int
trends_jobs_add(struct trends_jobs *jobs, const struct history_job *job)
{
	struct job_times	*j, key;
	int			 good = strcmp(job->conclusion, "success") == 0;

	if (!good && strcmp(job->conclusion, "failure") != 0 &&
	    strcmp(job->conclusion, "timed_out") != 0)
		return (0);
	key.name = (char *)(uintptr_t)job->name;
	if ((j = RB_FIND(job_tree, &jobs->tree, &key)) == NULL) {
		if (jobs->n == TRENDS_JOBS_MAX)
			return (0);
		if ((j = job_new(jobs, job->name)) == NULL)
			return (-1);
	}
	if (good)
		j->successes++;
	else
		j->failures++;
	return (values_add(&j->duration, job->completed_at -
	    job->started_at));
}

static struct job_times *
job_new(struct trends_jobs *jobs, const char *name)
{
	struct job_times	*j;

	if ((j = calloc(1, sizeof(*j))) == NULL ||
	    (j->name = strdup(name)) == NULL) {
		free(j);
		return (NULL);
	}
	RB_INSERT(job_tree, &jobs->tree, j);
	jobs->n++;
	return (j);
}

struct json_object *
trends_jobs_to_json(struct trends_jobs *jobs)
{
	struct json_object	*list = json_object_new_array(), *o;
	struct job_times	*j;

	RB_FOREACH(j, job_tree, &jobs->tree) {
		values_sort(&j->duration);
		o = json_object_new_object();
		json_set_text(o, "name", j->name);
		json_set_int(o, "success_count", j->successes);
		json_set_int(o, "failure_count", j->failures);
		json_set_int(o, "p50_duration_seconds",
		    values_percentile(&j->duration, 50));
		json_set_int(o, "p95_duration_seconds",
		    values_percentile(&j->duration, 95));
		json_object_array_add(list, o);
	}
	return (list);
}
