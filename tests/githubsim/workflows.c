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
 * githubsim: workflows: reading, enabling, disabling, dispatching.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define ADD(o, k, v)	json_object_object_add(o, k, v)

static struct workflow *find(struct call *);
static int	 dispatch_allowed(struct call *, const struct workflow *,
	    const char *, struct json_object *);
static int	 inputs_allowed(struct call *, const struct workflow *,
	    struct json_object *);
static struct run *dispatch_run(struct call *, struct workflow *,
	    const char *);
static void	 dispatch_answer(struct call *, const struct run *);

void
workflows_list(struct call *c)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*page = json_object_new_array();
	struct workflow		*wf;
	size_t			 size, first, n = 0;

	first = call_page(c, &size);
	TAILQ_FOREACH(wf, &c->repo->workflows, entry) {
		if (wf->gone)
			continue;
		if (n >= first && n < first + size)
			json_object_array_add(page, render_workflow(c, wf));
		n++;
	}
	ADD(o, "total_count", json_object_new_int64((int64_t)n));
	ADD(o, "workflows", page);
	answer_json(c, 200, o);
	answer_page(c, n, n);
}

void
workflow_get(struct call *c)
{
	struct workflow	*wf = find(c);

	if (wf != NULL)
		answer_json(c, 200, render_workflow(c, wf));
}

/* Enabling what is enabled is no mistake. */
void
workflow_enable(struct call *c)
{
	struct workflow	*wf = find(c);

	if (wf == NULL)
		return;
	if (strcmp(wf->state, "active") != 0) {
		wf->state = intern("active");
		wf->updated = clock_now();
		repo_changed(c->repo);
	}
	answer_empty(c, 204);
}

/* Disabling what is disabled is one. */
void
workflow_disable(struct call *c)
{
	struct workflow	*wf = find(c);

	if (wf == NULL)
		return;
	if (strcmp(wf->state, "active") != 0) {
		answer_error(c, 403, "Unable to disable this workflow.");
		return;
	}
	wf->state = intern("disabled_manually");
	wf->updated = clock_now();
	repo_changed(c->repo);
	answer_empty(c, 204);
}

void
workflow_dispatch(struct call *c)
{
	struct workflow		*wf = find(c);
	struct json_object	*ref, *inputs = NULL, *details;
	struct run		*run;

	if (wf == NULL)
		return;
	if (!json_object_object_get_ex(c->input, "ref", &ref) ||
	    !json_object_is_type(ref, json_type_string)) {
		answer_error(c, 422, "Invalid request.\n\n\"ref\" wasn't "
		    "supplied.");
		return;
	}
	(void)json_object_object_get_ex(c->input, "inputs", &inputs);
	if (!dispatch_allowed(c, wf, json_object_get_string(ref), inputs))
		return;
	run = dispatch_run(c, wf, json_object_get_string(ref));
	if (run == NULL) {
		answer_error(c, 500, "Failed to run workflow dispatch");
		return;
	}
	if (json_object_object_get_ex(c->input, "return_run_details",
	    &details) && json_object_get_boolean(details))
		dispatch_answer(c, run);
	else
		answer_empty(c, 204);
}

static int
dispatch_allowed(struct call *c, const struct workflow *wf, const char *ref,
    struct json_object *inputs)
{
	if (strcmp(wf->state, "active") != 0)
		answer_error(c, 422, "Cannot trigger a 'workflow_dispatch' "
		    "on a disabled workflow");
	else if (!repo_has_ref(c->repo, ref))
		answer_error(c, 422, "No ref found for: %s", ref);
	else if (!wf->dispatch)
		answer_error(c, 422, "Workflow does not have "
		    "'workflow_dispatch' trigger");
	else
		return (inputs_allowed(c, wf, inputs));
	return (0);
}

static int
inputs_allowed(struct call *c, const struct workflow *wf,
    struct json_object *inputs)
{
	struct json_object	*required;

	if (inputs != NULL &&
	    (!json_object_is_type(inputs, json_type_object) ||
	    json_object_object_length(inputs) > SIM_INPUTS_MAX)) {
		answer_error(c, 422, "Invalid request.\n\nNo more than %d "
		    "properties are allowed; %d were supplied.",
		    SIM_INPUTS_MAX, json_object_object_length(inputs));
		return (0);
	}
	if (wf->inputs == NULL)
		return (1);
	if (inputs != NULL) {
		json_object_object_foreach(inputs, key, value) {
			(void)value;
			if (json_object_object_get_ex(wf->inputs, key, NULL))
				continue;
			answer_error(c, 422, "Unexpected inputs provided: "
			    "[\"%s\"]", key);
			return (0);
		}
	}
	json_object_object_foreach(wf->inputs, name, input) {
		if (!json_object_object_get_ex(input, "required", &required) ||
		    !json_object_get_boolean(required) ||
		    json_object_object_get_ex(inputs, name, NULL))
			continue;
		answer_error(c, 422, "Required input '%s' not provided",
		    name);
		return (0);
	}
	return (1);
}

static struct run *
dispatch_run(struct call *c, struct workflow *wf, const char *ref)
{
	struct run	*run;

	if (strncmp(ref, "refs/heads/", 11) == 0)
		ref += 11;
	if ((run = run_new(wf, run_next_id(), clock_now())) == NULL)
		return (NULL);
	run->branch = intern(ref);
	run->event = intern("workflow_dispatch");
	run->actor = c->token->account->owner;
	if (wf->plan != NULL)
		(void)plan_set(run, wf->plan, run->created);
	repo_changed(c->repo);
	return (run);
}

static void
dispatch_answer(struct call *c, const struct run *run)
{
	struct json_object	*o = json_object_new_object();
	char			 url[SIM_URL_MAX];

	ADD(o, "workflow_run_id", json_object_new_int64(run->id));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/actions/runs/%lld",
	    c->origin, c->repo->full_name, (long long)run->id);
	ADD(o, "run_url", json_object_new_string(url));
	(void)snprintf(url, sizeof(url), "https://github.com/%s/actions/"
	    "runs/%lld", c->repo->full_name, (long long)run->id);
	ADD(o, "html_url", json_object_new_string(url));
	answer_json(c, 200, o);
}

static struct workflow *
find(struct call *c)
{
	struct workflow	*wf = workflow_find(c->repo, c->arg[0]);

	if (wf == NULL)
		answer_error(c, 404, "Not Found");
	return (wf);
}
