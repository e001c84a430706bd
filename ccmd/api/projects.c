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
 * Projects: shown, and as defaults of a provision.  Runs in the api.  Must
 * not change one: that is the registry's.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "json.h"
#include "pipeline.h"
#include "projects.h"

#define WORKFLOW_DEFAULT	".github/workflows/deploy.yml"
#define ENVIRONMENT_DEFAULT	"production"

static struct json_object	*projects;

static struct json_object *find(const char *);
static void	 not_found(struct request *, const char *);
static int	 complete_repository(struct request *, struct json_object *);
static void	 complete_environment(struct json_object *,
		    struct json_object *);
static void	 complete_name(struct json_object *, const char *,
		    struct json_object *, const char *);
static int	 has(struct json_object *, const char *);

int
projects_take(const struct msg_project *m)
{
	struct json_object	*doc;

	if (projects == NULL)
		projects = json_object_new_object();
	if (m->doc.len == 0) {
		json_object_object_del(projects, m->name);
		return (0);
	}
	doc = json_parse_strict(m->doc.data, m->doc.len, MSG_DOC_MAX, NULL);
	if (!json_object_is_type(doc, json_type_object)) {
		json_object_put(doc);
		return (-1);
	}
	json_object_object_add(projects, m->name, doc);
	return (0);
}

struct json_object *
projects_all(void)
{
	return (projects);
}

static struct json_object *
find(const char *name)
{
	return (projects == NULL ? NULL :
	    json_member(projects, name, json_type_object));
}

static void
not_found(struct request *req, const char *name)
{
	answer_error(req, 404, "project_not_found", "Project not found: %s",
	    name);
}

void
projects_list(struct request *req)
{
	struct json_object	*o = json_object_new_object(), *list;

	list = json_object_new_array();
	if (projects != NULL) {
		json_object_object_foreach(projects, name, project) {
			(void)name;
			json_object_array_add(list,
			    json_object_get(project));
		}
	}
	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_set_int(o, "count", (int64_t)json_object_array_length(list));
	json_object_object_add(o, "projects", list);
	answer_json(req, 200, o);
}

void
projects_show(struct request *req)
{
	const char		*name = json_string(req->args, "name");
	struct json_object	*project = find(name), *o;

	if (project == NULL) {
		not_found(req, name);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_object_object_add(o, "project", json_object_get(project));
	answer_json(req, 200, o);
}

int
projects_complete(struct request *req)
{
	const char		*name = json_string(req->args, "project");
	struct json_object	*project, *github, *args = req->args;

	if ((project = find(name)) == NULL) {
		not_found(req, name);
		return (-1);
	}
	if (!has(args, "repo") && complete_repository(req, project) == -1)
		return (-1);
	github = json_member(project, "github", json_type_object);
	if (!has(args, "workflow_file"))
		json_object_object_add(args, "workflow_file",
		    json_object_new_string(
		    json_string(github, "workflow_file") != NULL ?
		    json_string(github, "workflow_file") :
		    WORKFLOW_DEFAULT));
	complete_name(args, "linked_app",
	    json_member(project, "vps", json_type_object), "app_name");
	complete_environment(args, project);
	return (0);
}

static int
complete_repository(struct request *req, struct json_object *project)
{
	struct json_object	*github;
	const char		*owner, *repo;
	char			 name[300];
	int			 n;

	github = json_member(project, "github", json_type_object);
	owner = json_string(github, "owner");
	repo = json_string(github, "repo");
	n = owner == NULL || repo == NULL ? -1 :
	    snprintf(name, sizeof(name), "%s/%s", owner, repo);
	if (n < 0 || (size_t)n >= sizeof(name) ||
	    !pipeline_repository_ok(name)) {
		answer_error(req, 400, "invalid_argument",
		    "The project names no repository");
		return (-1);
	}
	json_set_text(req->args, "repo", name);
	return (0);
}

/* That of the given configuration, else production. */
static void
complete_environment(struct json_object *args, struct json_object *project)
{
	struct json_object	*config, *environment, *branches;
	const char		*name, *branch;

	config = json_member(args, "config", json_type_object);
	name = config != NULL ? json_string(config, "environment") : NULL;
	environment = json_member(json_member(project, "environments",
	    json_type_object), name != NULL ? name : ENVIRONMENT_DEFAULT,
	    json_type_object);
	if (environment == NULL)
		return;
	complete_name(args, "vps", environment, "vps_host");
	branch = json_string(environment, "branch");
	if (branch == NULL || (config != NULL &&
	    has(config, "trigger_branches")))
		return;
	if (config == NULL) {
		config = json_object_new_object();
		json_object_object_add(args, "config", config);
	}
	branches = json_object_new_array();
	json_object_array_add(branches, json_object_new_string(branch));
	json_object_object_add(config, "trigger_branches", branches);
}

/* What is no name here is not taken. */
static void
complete_name(struct json_object *args, const char *arg,
    struct json_object *part, const char *member)
{
	const char	*s = part != NULL ? json_string(part, member) : NULL;

	if (s != NULL && !has(args, arg) && pipeline_name_ok(s))
		json_set_text(args, arg, s);
}

static int
has(struct json_object *o, const char *name)
{
	return (json_object_object_get_ex(o, name, NULL));
}
