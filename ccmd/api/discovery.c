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
 * Discovery: which apps have a workflow that could be their pipeline, and,
 * if it is asked for, pipelines for them.  The apps are those of the
 * projects.  It is made of other operations: the workflows of a repository
 * are fetched, a pipeline is provisioned, and each is checked, audited and
 * answered as if a client had asked.  Runs in the api.  Must not change
 * anything by itself.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api.h"
#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "projects.h"
#include "view.h"

#define SCANS_MAX	4	/* at a time */
#define SCAN_APPS_MAX	200	/* of one scan */
#define SCAN_AT_ONCE	4	/* apps of a scan that wait for an answer */
#define SCAN_SECONDS	8	/* who asked waits for 10 */
#define SCAN_BODY_MAX	(4 * 1024 * 1024)	/* a list of workflows */

enum app_state {
	APP_NEW,
	APP_ASKED,		/* an operation is under way */
	APP_FOUND,		/* it has a workflow */
	APP_UNCONFIGURED	/* `reason` says why not */
};

struct app {
	struct scan	*scan;
	enum app_state	 state;
	struct request	*request;	/* what is under way, or NULL */
	char		*project;
	char		*name;
	char		 repository[256];	/* empty: none is said */
	char		 file[256];	/* its workflow; empty: to be found */
	char		 pipeline[MSG_ID_MAX + 1];	/* empty: none yet */
	char		 reason[512];
	char		*body;		/* of an answer, so far */
	size_t		 len;
};

struct scan {
	struct request	*request;
	struct event	*late;
	struct app	*apps;
	size_t		 n;
	size_t		 asked;		/* that wait for an answer */
	int		 registers;
	int		 truncated;	/* there are more apps */
	int		 busy;		/* somebody on the stack goes on */
};

static struct {
	struct event_base *base;
	size_t		 n;
} env;

static void	 take_apps(struct scan *, const char *);
static void	 take_app(struct app *, const char *, struct json_object *);
static int	 is_on(struct json_object *, const char *);
static void	 take_repository(struct app *, struct json_object *);
static void	 find_pipelines(struct scan *);
static void	 advance(struct scan *);
static struct request *ask(struct app *, enum verb_id, enum role);
static void	 ask_workflows(struct app *);
static void	 ask_pipeline(struct app *);
static void	 on_answer(struct request *, const struct answer *);
static int	 gather(struct app *, const struct answer *);
static void	 take_workflows(struct app *, struct json_object *);
static int	 is_likelier(const char *, const char *);
static void	 take_pipeline(struct app *, int, struct json_object *);
static void	 refuse(struct app *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
static void	 on_late(evutil_socket_t, short, void *);
static void	 finish(struct scan *);
static int	 is_told(const struct scan *, size_t);
static struct json_object *app_to_json(const struct app *);

void
discovery_init(struct event_base *base)
{
	env.base = base;
}

void
discovery_scan(struct request *req)
{
	static const struct timeval	 limit = { SCAN_SECONDS, 0 };
	struct scan			*s;

	if (env.n >= SCANS_MAX) {
		answer_error(req, 503, "busy", "Too many scans at once");
		return;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->apps = calloc(SCAN_APPS_MAX, sizeof(*s->apps))) == NULL ||
	    (s->late = evtimer_new(env.base, on_late, s)) == NULL)
		fatal("discovery");
	evtimer_add(s->late, &limit);
	env.n++;
	s->request = req;
	s->registers = json_flag(req->args, "register");
	take_apps(s, json_string(req->args, "vps"));
	find_pipelines(s);
	advance(s);
}

static void
take_apps(struct scan *s, const char *vps)
{
	struct json_object	*projects = projects_all();

	if (projects == NULL)
		return;
	json_object_object_foreach(projects, name, project) {
		if (vps != NULL && !is_on(project, vps))
			continue;
		if ((s->truncated = s->n == SCAN_APPS_MAX))
			break;
		s->apps[s->n].scan = s;
		take_app(&s->apps[s->n++], name, project);
	}
}

/* One of its environments is there. */
static int
is_on(struct json_object *project, const char *vps)
{
	struct json_object	*all;
	const char		*host;

	all = json_member(project, "environments", json_type_object);
	if (all == NULL)
		return (0);
	json_object_object_foreach(all, name, environment) {
		(void)name;
		host = json_string(environment, "vps_host");
		if (host != NULL && strcasecmp(host, vps) == 0)
			return (1);
	}
	return (0);
}

static void
take_app(struct app *a, const char *project, struct json_object *o)
{
	const char	*name, *file;

	name = json_string(json_member(o, "vps", json_type_object),
	    "app_name");
	if ((a->project = strdup(project)) == NULL ||
	    (a->name = strdup(name != NULL ? name : project)) == NULL)
		fatal("discovery");
	o = json_member(o, "github", json_type_object);
	take_repository(a, o);
	file = json_string(o, "workflow_file");
	if (a->repository[0] == '\0')
		refuse(a, "The project %s names no repository", project);
	else if (file != NULL && pipeline_workflow_path(file, a->file,
	    sizeof(a->file)) == -1)
		refuse(a, "The project's workflow must be a .yml or .yaml "
		    "file in .github/workflows");
}

static void
take_repository(struct app *a, struct json_object *github)
{
	const char	*owner = json_string(github, "owner");
	const char	*repo = json_string(github, "repo");
	int		 n;

	if (owner == NULL || repo == NULL)
		return;
	n = snprintf(a->repository, sizeof(a->repository), "%s/%s", owner,
	    repo);
	if (n < 0 || (size_t)n >= sizeof(a->repository) ||
	    !pipeline_repository_ok(a->repository))
		a->repository[0] = '\0';
}

/* Those that have one: their repository's, on the workflow if they say it. */
static void
find_pipelines(struct scan *s)
{
	struct pipeline	*p;
	struct app	*a;
	const char	*name, *file;
	size_t		 i;

	for (p = view_next(NULL); p != NULL; p = view_next(p)) {
		name = json_string(p->doc, "repository");
		file = json_string(p->doc, "workflow_file");
		if (name == NULL || file == NULL ||
		    strcmp(p->status, "inactive") == 0)
			continue;
		for (i = 0; i < s->n; i++) {
			a = &s->apps[i];
			if (a->state != APP_NEW ||
			    strcasecmp(name, a->repository) != 0 ||
			    (a->file[0] != '\0' && strcmp(a->file, file) != 0))
				continue;
			a->state = APP_FOUND;
			(void)strlcpy(a->file, file, sizeof(a->file));
			(void)strlcpy(a->pipeline, p->id, sizeof(a->pipeline));
		}
	}
}

/*
 * Ask for those that are next.  Answers may come before the question
 * returns: then the one on the stack goes on.
 */
static void
advance(struct scan *s)
{
	size_t	 i;

	if (s->busy)
		return;
	s->busy = 1;
	for (i = 0; i < s->n && s->asked < SCAN_AT_ONCE; i++)
		if (s->apps[i].state == APP_NEW)
			ask_workflows(&s->apps[i]);
	s->busy = 0;
	if (s->asked == 0)
		finish(s);
}

static struct request *
ask(struct app *a, enum verb_id verb, enum role role)
{
	struct request	*req = request_new(on_answer, a);

	if (req == NULL)
		fatal("discovery");
	req->verb = verb_get(verb);
	req->role = role;
	(void)strlcpy(req->actor, a->scan->request->actor,
	    sizeof(req->actor));
	a->request = req;
	return (req);
}

/* The list itself is an administrator's; of it this tells one name. */
static void
ask_workflows(struct app *a)
{
	struct request	*req = ask(a, VERB_REPOSITORY_WORKFLOWS, ROLE_ADMIN);
	char		*slash = strchr(a->repository, '/');

	json_object_object_add(req->args, "owner",
	    json_object_new_string_len(a->repository,
	    (int)(slash - a->repository)));
	json_set_text(req->args, "repo", slash + 1);
	a->state = APP_ASKED;
	a->scan->asked++;
	route_request(req);
}

static void
ask_pipeline(struct app *a)
{
	struct request	*req = ask(a, VERB_PIPELINE_PROVISION,
	    a->scan->request->role);

	json_set_text(req->args, "project", a->project);
	json_set_text(req->args, "repo", a->repository);
	json_set_text(req->args, "workflow_file", a->file);
	a->state = APP_ASKED;
	a->scan->asked++;
	route_request(req);
}

static void
on_answer(struct request *req, const struct answer *answer)
{
	struct app		*a = req->arg;
	struct scan		*s = a->scan;
	struct json_object	*o;
	int			 busy = s->busy;

	if (gather(a, answer) == -1)
		fatal("discovery");
	if (answer->more) {
		operation_credit(req, answer->len);
		return;
	}
	/* The next question may be answered before it returns. */
	s->busy = 1;
	a->request = NULL;
	s->asked--;
	o = a->body == NULL ? NULL : json_parse_strict(a->body, a->len,
	    SCAN_BODY_MAX, NULL);
	free(a->body);
	a->body = NULL;
	a->len = 0;
	if (req->verb->id == VERB_PIPELINE_PROVISION)
		take_pipeline(a, answer->status, o);
	else if (answer->status == 200)
		take_workflows(a, o);
	else
		refuse(a, "%s", json_string(o, "error") != NULL ?
		    json_string(o, "error") : "no answer");
	json_object_put(o);
	s->busy = busy;
	advance(s);
}

static int
gather(struct app *a, const struct answer *answer)
{
	char	*p;

	if (answer->len == 0 || a->len + answer->len > SCAN_BODY_MAX)
		return (0);	/* what is cut off does not parse */
	if ((p = realloc(a->body, a->len + answer->len)) == NULL)
		return (-1);
	a->body = p;
	memcpy(p + a->len, answer->body, answer->len);
	a->len += answer->len;
	return (0);
}

/* The one that the project names, else the likeliest to deploy. */
static void
take_workflows(struct app *a, struct json_object *answer)
{
	struct json_object	*list, *o;
	const char		*path, *best = NULL, *state;
	size_t			 i, n = 0;

	list = json_member(answer, "workflows", json_type_array);
	n = list == NULL ? 0 : json_object_array_length(list);
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(list, i);
		path = json_string(o, "path");
		state = json_string(o, "state");
		if (path == NULL || (state != NULL &&
		    strcmp(state, "deleted") == 0))
			continue;
		if (a->file[0] != '\0' ? strcmp(path, a->file) == 0 :
		    json_flag(o, "deploy") && is_likelier(path, best))
			best = path;
	}
	if (best == NULL && a->file[0] != '\0')
		refuse(a, "Workflow not found: %s in %s", a->file,
		    a->repository);
	else if (best == NULL)
		refuse(a, "No workflow of %s is called deploy, release, "
		    "production or cd", a->repository);
	else if (pipeline_workflow_path(best, a->file,
	    sizeof(a->file)) == -1)
		refuse(a, "Its workflow can't be a pipeline: %s", best);
	else {
		a->state = APP_FOUND;
		if (a->scan->registers)
			ask_pipeline(a);
	}
}

/* deploy.yml above all, then the shortest name, then by name. */
static int
is_likelier(const char *path, const char *than)
{
	static const char	 usual[] = ".github/workflows/deploy.yml";
	size_t			 a = strlen(path), b;

	if (than == NULL || strcmp(path, usual) == 0)
		return (1);
	b = strlen(than);
	return (strcmp(than, usual) != 0 &&
	    (a < b || (a == b && strcmp(path, than) < 0)));
}

/* A renamed repository's is found by its number: 409 says which it is. */
static void
take_pipeline(struct app *a, int status, struct json_object *answer)
{
	const char	*id = json_string(answer, "pipeline_id");

	if ((status == 201 || status == 409) && id != NULL) {
		a->state = APP_FOUND;
		(void)strlcpy(a->pipeline, id, sizeof(a->pipeline));
	} else
		refuse(a, "%s", json_string(answer, "error") != NULL ?
		    json_string(answer, "error") : "no answer");
}

static void
refuse(struct app *a, const char *fmt, ...)
{
	va_list	 ap;

	a->state = APP_UNCONFIGURED;
	va_start(ap, fmt);
	(void)vsnprintf(a->reason, sizeof(a->reason), fmt, ap);
	va_end(ap);
}

/* What is under way goes on without us; what it comes to is in the list. */
static void
on_late(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct scan	*s = arg;
	size_t		 i;

	for (i = 0; i < s->n; i++) {
		if (s->apps[i].request != NULL)
			operation_forget(s->apps[i].request);
		if (s->apps[i].state == APP_NEW ||
		    s->apps[i].state == APP_ASKED)
			refuse(&s->apps[i], "GitHub did not answer in time; "
			    "scan again");
	}
	finish(s);
}

static void
finish(struct scan *s)
{
	struct json_object	*o = json_object_new_object(), *ids, *apps;
	struct json_object	*others;
	struct app		*a;
	int64_t			 found = 0;
	size_t			 i;

	ids = json_object_new_array();
	apps = json_object_new_array();
	others = json_object_new_array();
	for (i = 0; i < s->n; i++) {
		a = &s->apps[i];
		found += a->state == APP_FOUND;
		json_object_array_add(a->state == APP_FOUND ? apps : others,
		    app_to_json(a));
		if (a->pipeline[0] != '\0' && !is_told(s, i))
			json_object_array_add(ids,
			    json_object_new_string(a->pipeline));
		free(a->project);
		free(a->name);
		free(a->body);
	}
	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_set_int(o, "discovered", found);
	json_object_object_add(o, "pipeline_ids", ids);
	json_object_object_add(o, "unconfigured", others);
	json_object_object_add(o, "apps", apps);
	json_object_object_add(o, "truncated",
	    json_object_new_boolean(s->truncated));
	answer_json(s->request, 200, o);
	event_free(s->late);
	free(s->apps);
	free(s);
	env.n--;
}

/* Two projects may be of one repository, and so of one pipeline. */
static int
is_told(const struct scan *s, size_t i)
{
	size_t	 j;

	for (j = 0; j < i; j++)
		if (strcmp(s->apps[j].pipeline, s->apps[i].pipeline) == 0)
			return (1);
	return (0);
}

static struct json_object *
app_to_json(const struct app *a)
{
	struct json_object	*o = json_object_new_object();

	json_set_text(o, "app", a->name);
	if (a->state != APP_FOUND) {
		json_set_text(o, "reason", a->reason);
		return (o);
	}
	json_set_text(o, "project", a->project);
	json_set_text(o, "repository", a->repository);
	json_set_text(o, "workflow_file", a->file);
	json_object_object_add(o, "pipeline_id", a->pipeline[0] == '\0' ?
	    NULL : json_object_new_string(a->pipeline));
	return (o);
}
