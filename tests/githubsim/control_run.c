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
 * githubsim: the control interface's part on runs.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

static const char *const run_members[] = {
	"workflow", "id", "status", "conclusion", "event", "head_branch",
	"head_sha", "created_at", "run_started_at", "updated_at", "age",
	"duration", "run_number", "run_attempt", "actor", "display_title",
	"plan", "on_cancel", "on_force_cancel", "set", "omit", "jobs",
	"log_bytes", NULL
};

static int	 run_read(struct call *, struct run *, struct json_object *);
static void	 run_read_texts(struct run *, struct json_object *);
static int	 run_read_times(struct call *, struct run *,
	    struct json_object *);
static int	 run_read_overrides(struct call *, struct run *,
	    struct json_object *);
static int	 run_read_time(struct call *, struct json_object *,
	    const char *, int64_t *);
static int	 behaviour(struct json_object *, const char *, int);
static struct workflow *run_workflow(struct call *, struct repo *,
	    struct json_object *);
static struct run *run_arg(struct call *);

struct run *
control_make_run(struct call *c, struct repo *repo, struct workflow *wf,
    struct json_object *o)
{
	struct run	*run;
	int64_t		 at = clock_now();

	if (control_members(c, o, run_members) == -1)
		return (NULL);
	if (wf == NULL && (wf = run_workflow(c, repo, o)) == NULL)
		return (NULL);
	run = run_new(wf, control_integer(o, "id", run_next_id()), at);
	if (run == NULL) {
		control_error(c, 422, "run: %s", strerror(errno));
		return (NULL);
	}
	/* A run that says how it ended is over. */
	if (control_string(o, "conclusion", NULL) != NULL)
		run->status = intern("completed");
	if (run_read(c, run, o) == -1) {
		run_free(run);
		return (NULL);
	}
	return (run);
}

void
control_runs_post(struct call *c)
{
	struct repo		*repo = control_find_repo(c);
	struct json_object	*list, *o;
	struct run		*run;
	size_t			 i, n = 1;
	int			 many;

	if (repo == NULL)
		return;
	list = json_object_new_array();
	many = json_object_is_type(c->input, json_type_array);
	if (many)
		n = json_object_array_length(c->input);
	for (i = 0; i < n; i++) {
		run = control_make_run(c, repo, NULL, many ?
		    json_object_array_get_idx(c->input, i) : c->input);
		if (run == NULL) {
			json_object_put(list);
			return;
		}
		json_object_array_add(list, json_object_new_int64(run->id));
	}
	o = json_object_new_object();
	json_object_object_add(o, "ids", list);
	answer_json(c, 201, o);
}

void
control_run_patch(struct call *c)
{
	struct run	*run = run_arg(c);

	if (run == NULL || control_members(c, c->input, run_members) == -1)
		return;
	/* Whoever sets a status by hand wants it to stay. */
	if (json_object_object_get_ex(c->input, "status", NULL) ||
	    json_object_object_get_ex(c->input, "conclusion", NULL)) {
		plan_drop(run);
		run->updated = clock_now();
	}
	if (run_read(c, run, c->input) == 0)
		answer_json(c, 200, render_run(c, run, run->attempt));
}

void
control_run_delete(struct call *c)
{
	struct run	*run = run_arg(c);
	struct repo	*repo;

	if (run == NULL)
		return;
	repo = run->repo;
	run_free(run);
	repo_changed(repo);
	answer_empty(c, 204);
}

static int
run_read(struct call *c, struct run *run, struct json_object *o)
{
	struct json_object	*v;

	run_read_texts(run, o);
	if (run_read_overrides(c, run, o) == -1 ||
	    control_object(c, o, "jobs", &run->jobs) == -1)
		return (-1);
	run->log_bytes = control_integer(o, "log_bytes", run->log_bytes);
	if (run->log_bytes < 0 || run->log_bytes > SIM_LOG_TEXT_MAX) {
		control_error(c, 422, "log_bytes: out of bounds");
		return (-1);
	}
	run->number = control_integer(o, "run_number", run->number);
	if (run->number > run->workflow->last_number)
		run->workflow->last_number = run->number;
	run->attempt = (int)control_integer(o, "run_attempt", run->attempt);
	run->on_cancel = behaviour(o, "on_cancel", run->on_cancel);
	run->on_force = behaviour(o, "on_force_cancel", run->on_force);
	if (run_read_times(c, run, o) == -1)
		return (-1);
	if (json_object_object_get_ex(o, "plan", &v) &&
	    plan_set(run, v, clock_now()) == -1) {
		control_error(c, 422, "plan: %s", strerror(errno));
		return (-1);
	}
	repo_changed(run->repo);
	return (0);
}

static void
run_read_texts(struct run *run, struct json_object *o)
{
	struct json_object	*v;
	const char		*text;

	run->status = intern(control_string(o, "status", run->status));
	if (json_object_object_get_ex(o, "conclusion", &v))
		run->conclusion = intern(json_object_get_string(v));
	if (json_object_object_get_ex(o, "head_branch", &v))
		run->branch = intern(json_object_get_string(v));
	run->event = intern(control_string(o, "event", run->event));
	if ((text = control_string(o, "head_sha", NULL)) != NULL)
		run->sha = intern(text);
	if ((text = control_string(o, "actor", NULL)) != NULL)
		run->actor = owner_get(text);
	if ((text = control_string(o, "display_title", NULL)) == NULL)
		return;
	free(run->title);
	if ((run->title = strdup(text)) == NULL)
		err(1, NULL);
}

static int
run_read_overrides(struct call *c, struct run *run, struct json_object *o)
{
	struct json_object	*v;
	struct sim_strings	 names = { 0, NULL };
	int			 good;

	if (control_object(c, o, "set", &run->set) == -1)
		return (-1);
	if (!json_object_object_get_ex(o, "omit", &v))
		return (0);
	good = v == NULL || control_strings(v, &names) == 0;
	strings_clear(&names);
	if (!good) {
		control_error(c, 422, "omit: an array of strings, or null");
		return (-1);
	}
	json_object_put(run->omit);
	run->omit = json_object_get(v);
	return (0);
}

/*
 * "created_at", or "age" in seconds before now; the start follows it, the
 * end is "duration" seconds behind the start unless it is given.
 */
static int
run_read_times(struct call *c, struct run *run, struct json_object *o)
{
	struct json_object	*v;
	int64_t			 created = run->created;
	int			 moved;

	if (json_object_object_get_ex(o, "age", &v))
		created = clock_now() -
		    seconds_ms(json_object_get_double(v));
	if (run_read_time(c, o, "created_at", &created) == -1)
		return (-1);
	moved = created != run->created;
	if (moved) {
		(void)run_move(run, created);
		run->started = run->updated = created;
	}
	if (run_read_time(c, o, "run_started_at", &run->started) == -1)
		return (-1);
	if (json_object_object_get_ex(o, "duration", &v))
		run->updated = run->started +
		    seconds_ms(json_object_get_double(v));
	return (run_read_time(c, o, "updated_at", &run->updated));
}

static int
run_read_time(struct call *c, struct json_object *o, const char *key,
    int64_t *ms)
{
	struct json_object	*v;

	if (!json_object_object_get_ex(o, key, &v))
		return (0);
	if (json_object_is_type(v, json_type_string)) {
		if (timestamp_parse(json_object_get_string(v), ms, NULL) ==
		    0)
			return (0);
	} else if (json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double)) {
		*ms = seconds_ms(json_object_get_double(v));
		return (0);
	}
	control_error(c, 422, "%s: not a time (use \"set\" for what is "
	    "none)", key);
	return (-1);
}

/* "complete", "ignore", or the status to answer with. */
static int
behaviour(struct json_object *o, const char *key, int otherwise)
{
	struct json_object	*v;

	if (!json_object_object_get_ex(o, key, &v))
		return (otherwise);
	if (json_object_is_type(v, json_type_int))
		return (json_object_get_int(v));
	return (v != NULL && strcmp(json_object_get_string(v), "ignore") ==
	    0 ? CANCEL_IGNORE : CANCEL_COMPLETE);
}

/* The workflow that the run names, else the repository's first. */
static struct workflow *
run_workflow(struct call *c, struct repo *repo, struct json_object *o)
{
	struct workflow	*wf;
	const char	*name = control_string(o, "workflow", NULL);

	wf = name == NULL ? TAILQ_FIRST(&repo->workflows) :
	    workflow_find(repo, name);
	if (wf == NULL)
		control_error(c, 422, "workflow: no such one");
	return (wf);
}

static struct run *
run_arg(struct call *c)
{
	struct repo	*repo = control_find_repo(c);
	struct run	*run;

	if (repo == NULL)
		return (NULL);
	if ((run = run_find(repo, c->arg[2])) == NULL)
		control_error(c, 404, "no such run");
	return (run);
}
