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
 * The jobs of a run, as GitHub has them.  Runs in the poller.  Must not know
 * what they are for.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "jobs.h"
#include "json.h"
#include "timestamp.h"
#include "watch.h"

struct job_list {
	struct github	*gh;
	struct gh_call	*call;
	struct json_object *jobs;
	int		 priority;
	int64_t		 deadline;
	jobs_done	 done;
	void		*arg;
};

static int	 ask(struct job_list *, const char *);
static void	 on_page(const struct gh_reply *, void *);
static void	 end(struct job_list *, struct json_object *,
		    const struct gh_reply *);
static int	 take_page(struct job_list *, struct json_object *);
static struct json_object *job_document(struct json_object *);
static struct json_object *steps_of(struct json_object *);
static void	 copy_text(struct json_object *, const char *,
		    struct json_object *, const char *);
static void	 copy_number(struct json_object *, const char *,
		    struct json_object *, const char *);
static void	 copy_times(struct json_object *, struct json_object *);

struct job_list *
jobs_ask(struct github *gh, struct pipeline *p, int64_t run, int64_t attempt,
    int priority, int64_t deadline, jobs_done done, void *arg)
{
	struct job_list	*l;
	char		 path[GH_PATH_MAX], which[48] = "";

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->gh = gh;
	l->priority = priority;
	l->deadline = deadline;
	l->done = done;
	l->arg = arg;
	l->jobs = json_object_new_array();
	if (attempt != 0)
		(void)snprintf(which, sizeof(which), "/attempts/%lld",
		    (long long)attempt);
	if (snprintf(path, sizeof(path), "/repos/%s/actions/runs/%lld%s/jobs?"
	    "per_page=100", p->name, (long long)run, which) >=
	    (int)sizeof(path) || ask(l, path) == -1) {
		json_object_put(l->jobs);
		free(l);
		return (NULL);
	}
	return (l);
}

void
jobs_cancel(struct job_list *l)
{
	github_cancel(l->call);
	json_object_put(l->jobs);
	free(l);
}

static int
ask(struct job_list *l, const char *path)
{
	l->call = github_call(l->gh, l->priority, "GET", path, NULL, NULL,
	    l->deadline, on_page, l);
	return (l->call == NULL ? -1 : 0);
}

static void
on_page(const struct gh_reply *r, void *arg)
{
	struct job_list	*l = arg;
	struct gh_reply	 bad = *r;

	if (r->result != GH_OK)
		end(l, NULL, r);
	else if (take_page(l, r->json) == -1) {
		bad.result = GH_FAILED;
		(void)strlcpy(bad.why, "GitHub's answer is not a list of jobs",
		    sizeof(bad.why));
		end(l, NULL, &bad);
	} else if (r->next == NULL ||
	    json_object_array_length(l->jobs) >= JOBS_MAX ||
	    ask(l, r->next) == -1)
		end(l, l->jobs, r);
}

static void
end(struct job_list *l, struct json_object *jobs, const struct gh_reply *r)
{
	l->done(jobs, r, l->arg);
	json_object_put(l->jobs);
	free(l);
}

static int
take_page(struct job_list *l, struct json_object *page)
{
	struct json_object	*list, *job;
	size_t			 i;
	int64_t			 id;

	if ((list = json_member(page, "jobs", json_type_array)) == NULL)
		return (-1);
	for (i = 0; i < json_object_array_length(list) &&
	    json_object_array_length(l->jobs) < JOBS_MAX; i++) {
		job = json_object_array_get_idx(list, i);
		if (json_int(job, "id", &id) != 1 || id <= 0)
			return (-1);
		json_object_array_add(l->jobs, job_document(job));
	}
	return (0);
}

static struct json_object *
job_document(struct json_object *job)
{
	struct json_object	*o = json_object_new_object();

	copy_number(o, "job_id", job, "id");
	copy_text(o, "name", job, "name");
	copy_text(o, "status", job, "status");
	copy_text(o, "conclusion", job, "conclusion");
	copy_times(o, job);
	copy_text(o, "runner", job, "runner_name");
	copy_text(o, "html_url", job, "html_url");
	json_object_object_add(o, "steps", steps_of(job));
	return (o);
}

static struct json_object *
steps_of(struct json_object *job)
{
	struct json_object	*steps, *step, *to, *list;
	size_t			 i;

	steps = json_object_new_array();
	list = json_member(job, "steps", json_type_array);
	for (i = 0; list != NULL && i < json_object_array_length(list) &&
	    i < JOB_STEPS_MAX; i++) {
		step = json_object_array_get_idx(list, i);
		to = json_object_new_object();
		copy_number(to, "number", step, "number");
		copy_text(to, "name", step, "name");
		copy_text(to, "status", step, "status");
		copy_text(to, "conclusion", step, "conclusion");
		copy_times(to, step);
		json_object_array_add(steps, to);
	}
	return (steps);
}

/* With what it took, where it ended. */
static void
copy_times(struct json_object *to, struct json_object *from)
{
	const char	*started, *completed;
	int64_t		 a, b;

	copy_text(to, "started_at", from, "started_at");
	copy_text(to, "completed_at", from, "completed_at");
	started = json_string(from, "started_at");
	completed = json_string(from, "completed_at");
	json_object_object_add(to, "duration_seconds", started == NULL ||
	    completed == NULL || timestamp_parse(started, &a) == -1 ||
	    timestamp_parse(completed, &b) == -1 ? NULL :
	    json_object_new_int64(b < a ? 0 : b - a));
}

static void
copy_text(struct json_object *to, const char *name, struct json_object *from,
    const char *theirs)
{
	const char	*s = json_string(from, theirs);

	json_object_object_add(to, name, s == NULL ? NULL :
	    json_object_new_string_len(s, (int)json_cut(s, JOB_TEXT_MAX)));
}

static void
copy_number(struct json_object *to, const char *name,
    struct json_object *from, const char *theirs)
{
	int64_t	 n;

	json_object_object_add(to, name, json_int(from, theirs, &n) == 1 ?
	    json_object_new_int64(n) : NULL);
}
