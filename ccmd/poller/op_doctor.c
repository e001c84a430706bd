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
 * The token doctor: what each credential may do, what each verb needs, and
 * what is wrong with pipelines on GitHub's side, in words.  Runs in the
 * poller.  Changes nothing: to see whether a token may change things it asks
 * to cancel run 0, which no repository has.
 */

#include "config.h"

#include <curl/curl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "doctor-inside.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "watch.h"
#include "workflow_file.h"

/* Pipelines that are looked at when none is named, of each credential. */
#define DOCTOR_PIPELINES	20

struct doctor {
	struct asked	 asked;
	unsigned int	 pending;	/* questions, and one while asking */
	unsigned int	 of;		/* pipelines that there are */
	size_t		 n;
	struct patient	 patients[GITHUB_SLOTS];
	struct json_object *pipelines;
};

/* One request; what is learnt goes into `o` and its `problems`. */
struct question {
	struct doctor	*doctor;
	struct patient	*patient;
	struct json_object *o;
	struct json_object *problems;
	void		(*learn)(struct question *, const struct gh_reply *);
};

typedef void (*learn_fn)(struct question *, const struct gh_reply *);

static void	 take_credentials(struct doctor *);
static void	 take_pipelines(struct doctor *, const char *);
static void	 take_pipeline(struct doctor *, struct patient *,
		    struct pipeline *);
static int	 ask(struct doctor *, struct patient *, struct json_object *,
		    learn_fn, const char *, const char *, ...)
		    __attribute__((format(printf, 6, 7)));
static void	 on_reply(const struct gh_reply *, void *);
static void	 learn_account(struct question *, const struct gh_reply *);
static void	 learn_repository(struct question *, const struct gh_reply *);
static void	 learn_workflow(struct question *, const struct gh_reply *);
static void	 learn_file(struct question *, const struct gh_reply *);
static void	 learn_writes(struct question *, const struct gh_reply *);
static void	 finish(struct doctor *);
static struct json_object *new_object(struct json_object **);

void
op_doctor(const struct asked *asked, struct json_object *args)
{
	const char	*id = json_string(args, "id");
	struct doctor	*d;

	if (id != NULL && pipelines_find(id) == NULL) {
		tell_refused(asked, 404, "pipeline_not_found", 0,
		    "Pipeline not found: %s", id);
		return;
	}
	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("op_doctor");
	d->asked = *asked;
	d->pipelines = json_object_new_array();
	d->pending = 1;
	take_credentials(d);
	take_pipelines(d, id);
	if (--d->pending == 0)
		finish(d);
}

/* Whose is it?  That tells whether it is taken at all, and its headers. */
static void
take_credentials(struct doctor *d)
{
	const struct app	*app;
	struct github		*gh;
	struct patient		*p;

	for (gh = github_next(NULL); gh != NULL && d->n < GITHUB_SLOTS;
	    gh = github_next(gh)) {
		p = &d->patients[d->n++];
		p->gh = gh;
		p->o = new_object(&p->problems);
		p->reads = p->writes = p->contents = UNKNOWN;
		json_set_text(p->o, "credential", github_name(gh));
		json_set_text(p->o, "url", github_url(gh));
		app = github_app(gh);
		if (!github_has_token(gh))
			doctor_problem(p->problems, "no token is configured");
		else
			(void)ask(d, p, p->o, learn_account, "GET",
			    app != NULL ?
			    "/installation/repositories?per_page=1" :
			    "/user");
	}
}

static void
take_pipelines(struct doctor *d, const char *id)
{
	struct pipeline	*p;
	struct github	*gh;
	size_t		 i;

	for (p = pipelines_next(NULL); p != NULL; p = pipelines_next(p)) {
		if (p->state == PIPELINE_INACTIVE && id == NULL)
			continue;
		d->of++;
		if (id != NULL && strcmp(p->id, id) != 0)
			continue;
		gh = github_for(p->name, strcspn(p->name, "/"));
		for (i = 0; i < d->n && d->patients[i].gh != gh; i++)
			;
		if (i < d->n && (id != NULL ||
		    d->patients[i].checked < DOCTOR_PIPELINES))
			take_pipeline(d, &d->patients[i], p);
	}
}

static void
take_pipeline(struct doctor *d, struct patient *patient, struct pipeline *p)
{
	struct json_object	*o, *problems;
	const char		*file = strrchr(p->workflow_file, '/');
	char			 path[GH_PATH_MAX];
	char			*name;

	o = new_object(&problems);
	json_object_array_add(d->pipelines, o);
	json_set_text(o, "pipeline_id", p->id);
	json_set_text(o, "repository", p->name);
	json_set_text(o, "workflow_file", p->workflow_file);
	json_set_text(o, "credential", github_name(patient->gh));
	if (!github_has_token(patient->gh))
		return;
	name = curl_easy_escape(NULL, file != NULL ? file + 1 :
	    p->workflow_file, 0);
	if (name == NULL || ask(d, patient, o, learn_repository, "GET",
	    "/repos/%s", p->name) == -1 ||
	    ask(d, patient, o, learn_workflow, "GET",
	    "/repos/%s/actions/workflows/%s", p->name, name) == -1 ||
	    workflow_file_path(p->name, p->workflow_file, path,
	    sizeof(path)) == -1 ||
	    ask(d, patient, o, learn_file, "GET", "%s", path) == -1)
		doctor_problem(problems, "it could not be asked for");
	curl_free(name);
	/* An App's permissions are told with its token. */
	if (patient->checked++ == 0 && (github_app(patient->gh) == NULL ||
	    github_writes_apart(patient->gh)))
		(void)ask(d, patient, o, learn_writes, "POST",
		    "/repos/%s/actions/runs/0/cancel", p->name);
}

static int
ask(struct doctor *d, struct patient *patient, struct json_object *o,
    learn_fn learn, const char *method, const char *fmt, ...)
{
	struct question	*q;
	char		 path[GH_PATH_MAX];
	va_list		 ap;
	int		 n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path) ||
	    (q = calloc(1, sizeof(*q))) == NULL)
		return (-1);
	q->doctor = d;
	q->patient = patient;
	q->o = o;
	q->problems = json_member(o, "problems", json_type_array);
	q->learn = learn;
	if (github_call(patient->gh, GH_COMMAND, method, path, NULL, NULL,
	    d->asked.deadline, on_reply, q) == NULL) {
		free(q);
		return (-1);
	}
	d->pending++;
	return (0);
}

static void
on_reply(const struct gh_reply *r, void *arg)
{
	struct question	*q = arg;
	struct doctor	*d = q->doctor;

	q->learn(q, r);
	free(q);
	if (--d->pending == 0)
		finish(d);
}

/* --- What an answer says. */

static void
learn_account(struct question *q, const struct gh_reply *r)
{
	const char	*login;
	int64_t		 n;

	if (r->result == GH_OK) {
		if ((login = json_string(r->json, "login")) != NULL)
			json_set_text(q->o, "account", login);
		if (json_int(r->json, "total_count", &n) == 1)
			json_set_int(q->o, "repositories", n);
	} else if (r->status == 401)
		doctor_problem(q->problems, "GitHub does not take the token: "
		    "it is wrong, has ended, or was revoked");
	else
		doctor_problem(q->problems, "%s", r->why);
}

static void
learn_repository(struct question *q, const struct gh_reply *r)
{
	struct json_object	*may, *v;

	if (r->status == 404)
		doctor_problem(q->problems, "404: the repository is not there, "
		    "or the token has no access to it");
	else if (r->result != GH_OK)
		doctor_problem(q->problems, "%s", r->why);
	else if ((may = json_member(r->json, "permissions",
	    json_type_object)) != NULL &&
	    json_object_object_get_ex(may, "push", &v) &&
	    !json_object_get_boolean(v) &&
	    !github_writes_apart(q->patient->gh) &&
	    github_app(q->patient->gh) == NULL)
		doctor_problem(q->problems, READS_ONLY);
}

static void
learn_workflow(struct question *q, const struct gh_reply *r)
{
	static const struct {
		const char	*state;
		const char	*text;
	} states[] = {
		{ "disabled_inactivity", "GitHub has disabled the workflow "
		    "after 60 days without activity (disabled_inactivity): "
		    "its schedules do not run" },
		{ "disabled_manually", "the workflow is disabled" },
		{ "disabled_fork", "the workflow is disabled, since this is "
		    "a fork" },
		{ "deleted", "the workflow file is deleted" },
	};
	const char	*state;
	size_t		 i;

	if (r->result == GH_OK)
		q->patient->reads = YES;
	else if (r->status == 403 && q->patient->reads == UNKNOWN)
		q->patient->reads = NO;
	if (r->result != GH_OK) {
		doctor_problem(q->problems, r->status == 404 ? "404: the "
		    "workflow is not there, or the token has no access to it" :
		    "%s", r->why);
		return;
	}
	if ((state = json_string(r->json, "state")) == NULL)
		return;
	json_set_text(q->o, "state", state);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i].state, state) == 0)
			doctor_problem(q->problems, "%s", states[i].text);
}

static void
learn_file(struct question *q, const struct gh_reply *r)
{
	enum known	 has = UNKNOWN;

	if (r->result == GH_OK) {
		q->patient->contents = YES;
		has = (enum known)workflow_dispatches(r->json);
	} else if (r->status == 403 && q->patient->contents == UNKNOWN)
		q->patient->contents = NO;
	doctor_put_known(q->o, "dispatch", has);
	if (has == NO)
		doctor_problem(q->problems, "%s", NO_DISPATCH);
}

/* No such run: it was looked for, so that it may.  403: it may not. */
static void
learn_writes(struct question *q, const struct gh_reply *r)
{
	if (r->status == 404 || r->status == 409)
		q->patient->writes = YES;
	else if (r->status == 403 && r->result == GH_REFUSED)
		q->patient->writes = NO;
	else if (r->status == 401)
		doctor_problem(q->patient->problems, "GitHub does not take the "
		    "token for changes: it is wrong, has ended, or was "
		    "revoked");
}

/* --- The end. */

static void
finish(struct doctor *d)
{
	struct json_object	*result = json_object_new_object(), *list;
	size_t			 i;

	list = json_object_new_array();
	for (i = 0; i < d->n; i++) {
		doctor_diagnose(&d->patients[i]);
		json_object_array_add(list, d->patients[i].o);
	}
	json_object_object_add(result, "credentials", list);
	json_object_object_add(result, "pipelines", d->pipelines);
	json_set_int(result, "checked",
	    (int64_t)json_object_array_length(d->pipelines));
	json_set_int(result, "total", d->of);
	tell_outcome(&d->asked, 200, result);
	free(d);
}

static struct json_object *
new_object(struct json_object **problems)
{
	struct json_object	*o = json_object_new_object();

	*problems = json_object_new_array();
	json_object_object_add(o, "problems", *problems);
	return (o);
}
