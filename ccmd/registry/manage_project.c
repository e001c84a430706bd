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
 * Making, changing and removing projects.  Runs in the registry.  Must not
 * take a secret's value: only names come this way.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "manage.h"
#include "projects.h"

static int	 may_change(const struct asked *);
static int	 set_members(const struct asked *, struct json_object *,
		    struct json_object *);
static int	 set_environment(const struct asked *, struct json_object *,
		    struct json_object *);
static struct json_object *part_of(struct json_object *, const char *);
static void	 set(struct json_object *, const char *, struct json_object *,
		    const char *, const char *);
static void	 save(const struct asked *, const char *, int);

void
manage_project_init(const struct asked *asked, struct json_object *args,
    int fd __attribute__((unused)))
{
	const char		*name = json_string(args, "name");
	struct json_object	*project;

	if (may_change(asked) == -1)
		return;
	if (projects_find(name) != NULL) {
		apply_refuse(asked, 409, 0, 0, "project_exists",
		    "Project exists already: %s", name);
		return;
	}
	if (projects_count() >= PROJECTS_MAX) {
		apply_refuse(asked, 503, 5, 0, "busy", "Too many projects");
		return;
	}
	project = json_object_new_object();
	if (set_members(asked, project, args) == -1) {
		json_object_put(project);
		return;
	}
	(void)part_of(project, "vps");
	(void)part_of(project, "secrets");
	(void)part_of(project, "environments");
	projects_put(name, project);
	save(asked, name, 201);
}

void
manage_project_set(const struct asked *asked, struct json_object *args,
    int fd __attribute__((unused)))
{
	const char		*name = json_string(args, "name"), *s;
	struct json_object	*project = projects_find(name), *copy = NULL;

	if (may_change(asked) == -1)
		return;
	if (project == NULL ||
	    json_object_deep_copy(project, &copy, NULL) == -1) {
		apply_refuse(asked, 404, 0, 0, "project_not_found",
		    "Project not found: %s", name);
		return;
	}
	if (set_members(asked, copy, args) == -1) {
		json_object_put(copy);
		return;
	}
	if ((s = json_string(args, "drop")) != NULL)
		json_object_object_del(part_of(copy, "environments"), s);
	if ((s = json_string(args, "forget")) != NULL)
		json_object_object_del(part_of(copy, "secrets"), s);
	projects_put(name, copy);
	save(asked, name, 200);
}

void
manage_project_delete(const struct asked *asked, struct json_object *args,
    int fd __attribute__((unused)))
{
	const char	*name = json_string(args, "name");

	if (may_change(asked) == -1)
		return;
	if (projects_find(name) == NULL) {
		apply_refuse(asked, 404, 0, 0, "project_not_found",
		    "Project not found: %s", name);
		return;
	}
	projects_put(name, NULL);
	save(asked, name, 200);
}

static int
may_change(const struct asked *asked)
{
	const char	*why = projects_why();

	if (why == NULL)
		return (0);
	apply_refuse(asked, 503, 60, 0, "unavailable", "%s", why);
	return (-1);
}

static int
set_members(const struct asked *asked, struct json_object *project,
    struct json_object *args)
{
	const char		*repo = json_string(args, "repo"), *secret;
	struct json_object	*github, *secrets;

	if (repo != NULL) {
		github = part_of(project, "github");
		json_object_object_add(github, "owner",
		    json_object_new_string_len(repo,
		    (int)strcspn(repo, "/")));
		json_set_text(github, "repo", strchr(repo, '/') + 1);
	}
	set(project, "github", args, "workflow_file", "workflow_file");
	set(project, "vps", args, "app", "app_name");
	set(project, "vps", args, "path", "app_path");
	set(project, "vps", args, "port", "port");
	/* A name refers to the secret of that name; a value stays. */
	if ((secret = json_string(args, "secret")) != NULL) {
		secrets = part_of(project, "secrets");
		if (!json_object_object_get_ex(secrets, secret, NULL))
			json_set_text(secrets, secret, secret);
	}
	return (set_environment(asked, project, args));
}

static int
set_environment(const struct asked *asked, struct json_object *project,
    struct json_object *args)
{
	const char		*name = json_string(args, "environment");
	struct json_object	*all;

	if (name != NULL) {
		all = part_of(project, "environments");
		(void)part_of(all, name);
		set(all, name, args, "branch", "branch");
		set(all, name, args, "vps_host", "vps_host");
		set(all, name, args, "script", "deployment_script");
		return (0);
	}
	if (json_string(args, "branch") == NULL &&
	    json_string(args, "vps_host") == NULL &&
	    json_string(args, "script") == NULL)
		return (0);
	apply_refuse(asked, 400, 0, 0, "invalid_argument",
	    "branch, vps_host and script are of an environment, which is "
	    "missing");
	return (-1);
}

/* Made where it is not there, or is no object. */
static struct json_object *
part_of(struct json_object *o, const char *name)
{
	struct json_object	*part;

	part = json_member(o, name, json_type_object);
	if (part == NULL) {
		part = json_object_new_object();
		json_object_object_add(o, name, part);
	}
	return (part);
}

static void
set(struct json_object *o, const char *part, struct json_object *args,
    const char *arg, const char *member)
{
	struct json_object	*value;

	if (json_object_object_get_ex(args, arg, &value))
		json_object_object_add(part_of(o, part), member,
		    json_object_get(value));
}

/* It is durable when the answer is held back for the audit log only. */
static void
save(const struct asked *asked, const char *name, int status)
{
	struct asked		 who = *asked;
	struct json_object	*project;
	struct reply		 reply = { .audited = 1, .detail = name };
	char			 target[MSG_ID_MAX + 1];

	/* As much of it as the log has room for. */
	(void)strlcpy(target, name, sizeof(target));
	who.target = target;
	if (projects_save(time(NULL)) == -1) {
		log_err("%s: not saved: %s", PROJECTS_FILE, strerror(errno));
		apply_refuse(&who, 503, 5, 0, "unavailable",
		    "The change could not be saved: %s", strerror(errno));
		return;
	}
	reply.status = status;
	reply.body = apply_success();
	if ((project = projects_find(name)) != NULL)
		json_object_object_add(reply.body, "project",
		    projects_public(name, project));
	commit_answer(&who, &reply);
}
