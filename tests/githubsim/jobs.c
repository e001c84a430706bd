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
 * githubsim: jobs and steps.  They are not kept: a run's status says what
 * its jobs look like, and a job's number says which run it belongs to.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

/* A job's id is the run's, the attempt and the job's place, in digits. */
#define JOB_ATTEMPTS	100
#define JOB_PLACES	SIM_JOBS_MAX
#define JOB_FACTOR	(JOB_ATTEMPTS * JOB_PLACES)

#define ADD(o, k, v)	json_object_object_add(o, k, v)
#define STR(v)		json_object_new_string(v)
#define INT(v)		json_object_new_int64(v)

static const char *const steps[] = {
	"Set up job", "Check out the source", "Build", "Deploy",
	"Complete job",
};
#define FAILING_STEP	3

static void	 jobs_list(struct call *, const struct run *, int, int);
static int	 job_attempt(const struct run *, int, int);
static const char *job_conclusion(const struct run *, const struct attempt *,
	    int);
static struct json_object *render_steps(const struct attempt *);
static void	 job_urls(struct call *, struct json_object *,
	    const struct run *, int64_t);

void
run_jobs(struct call *c)
{
	struct run	*run = run_find(c->repo, c->arg[0]);
	const char	*filter = call_param(c, "filter");
	int		 first;

	if (run == NULL) {
		answer_error(c, 404, "Not Found");
		return;
	}
	first = run->attempt;
	if (filter != NULL && strcmp(filter, "all") == 0 &&
	    run->first_attempt != 0)
		first = run->first_attempt;
	jobs_list(c, run, first, run->attempt);
}

void
run_attempt_jobs(struct call *c)
{
	struct run	*run = run_find(c->repo, c->arg[0]);
	const char	*error;
	struct attempt	 at;
	int		 number;

	number = (int)strtonum(c->arg[1], 1, INT_MAX, &error);
	if (run == NULL || run_attempt_at(run, number, &at) == NULL)
		answer_error(c, 404, "Not Found");
	else
		jobs_list(c, run, number, number);
}

void
job_get(struct call *c)
{
	struct run	*run;
	int		 attempt, place;

	if (job_find(c, &run, &attempt, &place) == 0)
		answer_json(c, 200, render_job(c, run, attempt, place));
}

void
job_logs(struct call *c)
{
	struct run	*run;
	struct attempt	 at;
	int		 attempt, place;
	char		 url[SIM_URL_MAX];

	if (job_find(c, &run, &attempt, &place) == -1)
		return;
	if (run_attempt_at(run, attempt, &at) == NULL ||
	    strcmp(at.status, "completed") != 0 ||
	    storage_url(url, sizeof(url), run, attempt, place) == -1) {
		answer_error(c, 404, "Not Found");
		return;
	}
	answer_text(c, 302, "text/html;charset=utf-8", "", 0);
	answer_header(c, "Location", "%s", url);
}

/* An attempt that could not be started has none. */
int
run_job_count(const struct run *run, int number)
{
	struct attempt	 at;
	size_t		 n = run->workflow->jobs.n;

	if (run_attempt_at(run, number, &at) == NULL ||
	    (at.conclusion != NULL &&
	    strcmp(at.conclusion, "startup_failure") == 0))
		return (0);
	return (n == 0 ? 1 : n > JOB_PLACES ? JOB_PLACES : (int)n);
}

const char *
run_job_name(const struct run *run, int place)
{
	if (run->workflow->jobs.n == 0)
		return ("deploy");
	return (run->workflow->jobs.s[place]);
}

/* As a run's attempt, but of one of its jobs. */
const char *
job_attempt_at(const struct run *run, int number, int place,
    struct attempt *at)
{
	if (run_attempt_at(run, number, at) == NULL)
		return (NULL);
	at->conclusion = job_conclusion(run, at, place);
	return (at->status);
}

/* The attempt in which the job ran that this one shows. */
static int
job_attempt(const struct run *run, int number, int place)
{
	struct attempt	 at;

	while (run_attempt_at(run, number, &at) != NULL &&
	    (at.carried & 1U << place) != 0 &&
	    run_attempt_at(run, number - 1, &at) != NULL)
		number--;
	return (number);
}

/* Its own, or what became of the run; no job is stale. */
static const char *
job_conclusion(const struct run *run, const struct attempt *at, int place)
{
	struct json_object	*v;

	if (at->conclusion != NULL && json_object_object_get_ex(at->jobs,
	    run_job_name(run, place), &v) && v != NULL)
		return (intern(json_object_get_string(v)));
	if (at->conclusion == NULL || strcmp(at->conclusion, "stale") != 0)
		return (at->conclusion);
	return (intern("cancelled"));
}

/* Bits of the jobs that need not run again. */
unsigned int
run_jobs_good(const struct run *run)
{
	unsigned int	 good = 0;
	struct attempt	 at;
	const char	*how;
	int		 i;

	(void)run_attempt_at(run, run->attempt, &at);
	for (i = 0; i < run_job_count(run, run->attempt); i++)
		if ((how = job_conclusion(run, &at, i)) != NULL &&
		    strcmp(how, "success") == 0)
			good |= 1U << i;
	return (good);
}

struct json_object *
render_job(struct call *c, const struct run *run, int number, int place)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*labels = json_object_new_array();
	struct attempt		 at;
	char			 sha[41];
	int64_t			 id;

	number = job_attempt(run, number, place);
	(void)job_attempt_at(run, number, place, &at);
	id = run->id * JOB_FACTOR + number % JOB_ATTEMPTS * JOB_PLACES +
	    place;
	ADD(o, "id", INT(id));
	ADD(o, "run_id", INT(run->id));
	ADD(o, "workflow_name", STR(run->workflow->name));
	ADD(o, "head_branch", render_string(run->branch));
	ADD(o, "run_attempt", INT(number));
	ADD(o, "head_sha", STR(run_sha(run, sha)));
	ADD(o, "name", STR(run_job_name(run, place)));
	ADD(o, "status", STR(at.status));
	ADD(o, "conclusion", render_string(at.conclusion));
	ADD(o, "created_at", render_time(at.started));
	ADD(o, "started_at", render_time(at.started));
	ADD(o, "completed_at", strcmp(at.status, "completed") == 0 ?
	    render_time(at.updated) : NULL);
	ADD(o, "steps", render_steps(&at));
	json_object_array_add(labels, STR("ubuntu-latest"));
	ADD(o, "labels", labels);
	ADD(o, "runner_id", INT(4));
	ADD(o, "runner_name", STR("GitHub Actions 4"));
	ADD(o, "runner_group_id", INT(2));
	ADD(o, "runner_group_name", STR("GitHub Actions"));
	job_urls(c, o, run, id);
	return (o);
}

static void
job_urls(struct call *c, struct json_object *o, const struct run *run,
    int64_t id)
{
	char	 url[SIM_URL_MAX];
	const char *name = run->repo->full_name;

	(void)snprintf(url, sizeof(url), "CR_kwDO%lld", (long long)id);
	ADD(o, "node_id", STR(url));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/actions/runs/%lld",
	    c->origin, name, (long long)run->id);
	ADD(o, "run_url", STR(url));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/actions/jobs/%lld",
	    c->origin, name, (long long)id);
	ADD(o, "url", STR(url));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/check-runs/%lld",
	    c->origin, name, (long long)id);
	ADD(o, "check_run_url", STR(url));
	(void)snprintf(url, sizeof(url), "https://github.com/%s/actions/"
	    "runs/%lld/job/%lld", name, (long long)run->id, (long long)id);
	ADD(o, "html_url", STR(url));
}

/* Nothing yet while queued; one step is at work while in progress. */
static struct json_object *
render_steps(const struct attempt *at)
{
	struct json_object	*list = json_object_new_array(), *o;
	int			 over = strcmp(at->status, "completed") == 0;
	int			 i, done;

	if (!over && strcmp(at->status, "in_progress") != 0)
		return (list);
	for (i = 0; i < SIM_STEPS; i++) {
		o = json_object_new_object();
		done = over || i < 2;
		ADD(o, "name", STR(steps[i]));
		ADD(o, "status", STR(done ? "completed" :
		    i == 2 ? "in_progress" : "queued"));
		ADD(o, "conclusion", done ?
		    STR(job_step_conclusion(at, i)) : NULL);
		ADD(o, "number", INT(i + 1));
		ADD(o, "started_at", done || i == 2 ?
		    render_time(at->started) : NULL);
		ADD(o, "completed_at", done ?
		    render_time(over ? at->updated : at->started) : NULL);
		json_object_array_add(list, o);
	}
	return (list);
}

const char *
job_step_name(int step)
{
	return (steps[step]);
}

/* at: of the job, not of the run. */
const char *
job_step_conclusion(const struct attempt *at, int step)
{
	if (at->conclusion == NULL || step < FAILING_STEP ||
	    step == SIM_STEPS - 1 || strcmp(at->conclusion, "success") == 0)
		return ("success");
	return (strcmp(at->conclusion, "cancelled") == 0 ? "cancelled" :
	    "failure");
}

static void
jobs_list(struct call *c, const struct run *run, int from, int to)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*page = json_object_new_array();
	size_t			 size, first, n = 0;
	int			 i;

	first = call_page(c, &size);
	for (; to >= from; to--)
		for (i = 0; i < run_job_count(run, to); i++) {
			/* Of many attempts each job once. */
			if (to > from && job_attempt(run, to, i) != to)
				continue;
			if (n >= first && n < first + size)
				json_object_array_add(page,
				    render_job(c, run, to, i));
			n++;
		}
	ADD(o, "total_count", INT((int64_t)n));
	ADD(o, "jobs", page);
	answer_json(c, 200, o);
	answer_page(c, n, n);
}

/* Numbers of run, attempt and place; else 404, and -1. */
int
job_find(struct call *c, struct run **run, int *attempt, int *place)
{
	const char	*error;
	int64_t		 id = strtonum(c->arg[0], 1, INT64_MAX, &error);

	*run = error == NULL ? run_find_id(id / JOB_FACTOR) : NULL;
	*attempt = (int)(id % JOB_FACTOR / JOB_PLACES);
	*place = (int)(id % JOB_PLACES);
	if (*run == NULL || (*run)->repo != c->repo ||
	    *place >= run_job_count(*run, *attempt)) {
		answer_error(c, 404, "Not Found");
		return (-1);
	}
	return (0);
}

/* There are none, whatever the run. */
void
run_artifacts(struct call *c)
{
	struct json_object	*o;

	if (run_find(c->repo, c->arg[0]) == NULL) {
		answer_error(c, 404, "Not Found");
		return;
	}
	o = json_object_new_object();
	ADD(o, "total_count", INT(0));
	ADD(o, "artifacts", json_object_new_array());
	answer_json(c, 200, o);
}

/* A job's check run has its number.  There are no annotations. */
void
job_annotations(struct call *c)
{
	struct run	*run;
	int		 attempt, place;

	if (job_find(c, &run, &attempt, &place) == 0)
		answer_json(c, 200, json_object_new_array());
}

/* Public runners are free: nothing is billed. */
void
run_timing(struct call *c)
{
	struct run		*run = run_find(c->repo, c->arg[0]);
	struct json_object	*o;

	if (run == NULL) {
		answer_error(c, 404, "Not Found");
		return;
	}
	o = json_object_new_object();
	ADD(o, "billable", json_object_new_object());
	if (strcmp(run->status, "completed") == 0)
		ADD(o, "run_duration_ms", INT(run->updated - run->started));
	answer_json(c, 200, o);
}
