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
 * projects.json in memory and on disk.  Runs in the registry.  Must not let
 * a secret's value out but into the file and an export that asks for it.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "proc.h"
#include "projects.h"
#include "save.h"
#include "store.h"

static struct {
	struct save	 save;
	struct json_object *top;	/* all of the file */
	struct json_object *list;	/* its `projects` */
	struct json_object *before;	/* staged: the list as it was */
	struct peer	*api;
	char		 why[300];	/* it can't be changed; empty: it can */
} env;

static int	 load(int, struct store_fault *);
static void	 write_file(struct save_out *, int64_t, void *);
static void	 write_project(struct save_out *, const char *,
		    struct json_object *, int);
static struct json_object *without_secrets(const char *,
		    struct json_object *);
static int	 is_scalar(struct json_object *);
static void	 tell(const char *, struct json_object *);
static void	 tell_changes(void);
static void	 copy_members(struct json_object *, struct json_object *,
		    const char *, const char *const *);

void
projects_open(int dirfd)
{
	struct store_fault	 fault;
	int			 fd;

	save_open(&env.save, dirfd, PROJECTS_FILE, PROJECTS_TEMPORARY,
	    PROJECTS_BACKUPS);
	memset(&fault, 0, sizeof(fault));
	fd = openat(dirfd, PROJECTS_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT) {
		/* A save can be cut off where there is only this. */
		fd = openat(dirfd, PROJECTS_TEMPORARY,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd != -1 && load(fd, &fault) == 0)
			(void)save_adopt(&env.save);
		else
			(void)unlinkat(dirfd, PROJECTS_TEMPORARY, 0);
	} else if (fd == -1 || load(fd, &fault) == -1) {
		(void)snprintf(env.why, sizeof(env.why), "%s:%zu:%zu: %s",
		    PROJECTS_FILE, fault.line, fault.column, fd == -1 ?
		    strerror(errno) : fault.text);
		log_err("%s; projects can't be changed", env.why);
	}
	if (fd != -1)
		close(fd);
	if (env.top == NULL) {
		env.top = json_object_new_object();
		env.list = json_object_new_object();
		json_object_object_add(env.top, "projects", env.list);
	}
	save_mark(&env.save);
}

static int
load(int fd, struct store_fault *fault)
{
	struct json_object	*root = NULL, *list;
	struct json_error	 err;
	char			*buf;
	size_t			 len;

	if ((buf = load_read(fd, &len, fault)) == NULL)
		return (-1);
	root = json_parse_strict(buf, len, STORE_FILE_MAX, &err);
	explicit_bzero(buf, len);
	free(buf);
	if (root == NULL) {
		fault->line = err.line;
		fault->column = err.column;
		(void)strlcpy(fault->text, err.text, sizeof(fault->text));
		return (-1);
	}
	list = json_member(root, "projects", json_type_object);
	if (list == NULL) {
		fault->line = fault->column = 1;
		(void)strlcpy(fault->text, "expected an object with the "
		    "member \"projects\", an object", sizeof(fault->text));
		json_object_put(root);
		return (-1);
	}
	env.top = root;
	env.list = list;
	return (0);
}

const char *
projects_why(void)
{
	return (env.why[0] == '\0' ? NULL : env.why);
}

struct backup_set *
projects_backups(void)
{
	return (&env.save.backups);
}

size_t
projects_count(void)
{
	return ((size_t)json_object_object_length(env.list));
}

struct json_object *
projects_find(const char *name)
{
	return (json_member(env.list, name, json_type_object));
}

/* The list is copied before the first change, and put back after a failure. */
void
projects_put(const char *name, struct json_object *project)
{
	if (env.before == NULL) {
		env.before = json_object_new_object();
		json_object_object_foreach(env.list, key, value)
			json_object_object_add(env.before, key,
			    json_object_get(value));
	}
	if (project == NULL)
		json_object_object_del(env.list, name);
	else
		json_object_object_add(env.list, name, project);
}

int
projects_save(int64_t now)
{
	int	 saved;

	if (save_file(&env.save, write_file, NULL, now) == 0) {
		backup_thin(&env.save.backups, now);
		tell_changes();
		json_object_put(env.before);
		env.before = NULL;
		return (0);
	}
	saved = errno;
	if (env.before != NULL) {
		env.list = env.before;
		json_object_object_add(env.top, "projects", env.list);
		env.before = NULL;
	}
	errno = saved;
	return (-1);
}

void
projects_look(void)
{
	if (projects_why() == NULL && save_replaced(&env.save))
		(void)projects_save(time(NULL));
}

/* --- The file. */

static void
write_file(struct save_out *out, int64_t now __attribute__((unused)),
    void *arg __attribute__((unused)))
{
	save_puts(out, "{");
	projects_write(out, 1);
	save_puts(out, "}\n");
}

void
projects_write(struct save_out *out, int with_secrets)
{
	struct json_object	*key;
	const char		*sep = "\n", *text;
	size_t			 len;

	save_puts(out, "\"projects\": {");
	json_object_object_foreach(env.list, name, project) {
		save_puts(out, sep);
		key = json_object_new_string(name);
		text = json_text(key, &len);
		save_put(out, text, len);
		json_object_put(key);
		save_puts(out, ": ");
		write_project(out, name, project, with_secrets);
		sep = ",\n";
	}
	save_puts(out, "\n}");
	if (!with_secrets)
		return;
	json_object_object_foreach(env.top, member, value) {
		if (strcmp(member, "projects") == 0)
			continue;
		save_puts(out, ",\n");
		save_member(out, member, value);
	}
}

/*
 * Without secrets only what is known goes out: whether something else is one
 * can't be told.  The value of each is null, which import leaves alone.
 */
static void
write_project(struct save_out *out, const char *name,
    struct json_object *project, int with_secrets)
{
	struct json_object	*o;
	const char		*text;
	size_t			 len;

	if (project == NULL) {
		save_puts(out, "null");
		return;
	}
	o = with_secrets ? json_object_get(project) :
	    without_secrets(name, project);
	text = json_text(o, &len);
	save_put(out, text, len);
	json_object_put(o);
}

static struct json_object *
without_secrets(const char *name, struct json_object *project)
{
	struct json_object	*o = projects_public(name, project);
	struct json_object	*names, *secrets;
	size_t			 i;

	json_object_object_del(o, "name");
	names = json_member(o, "secrets", json_type_array);
	secrets = json_object_new_object();
	for (i = 0; i < json_object_array_length(names); i++)
		json_object_object_add(secrets, json_object_get_string(
		    json_object_array_get_idx(names, i)), NULL);
	json_object_object_add(o, "secrets", secrets);
	return (o);
}

/* --- What others are told. */

void
projects_sync(struct peer *api)
{
	env.api = api;
	json_object_object_foreach(env.list, name, project)
		tell(name, project);
}

static void
tell_changes(void)
{
	struct json_object	*was;

	if (env.before == NULL)
		return;
	json_object_object_foreach(env.list, name, project)
		if (!json_object_object_get_ex(env.before, name, &was) ||
		    was != project)
			tell(name, project);
	json_object_object_foreach(env.before, key, old) {
		(void)old;
		if (!json_object_object_get_ex(env.list, key, NULL))
			tell(key, NULL);
	}
}

static void
tell(const char *name, struct json_object *project)
{
	struct json_object	*public = NULL;
	union msg		 m;

	if (env.api == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.project.name = name;
	m.project.doc.data = "";
	if (project != NULL) {
		public = projects_public(name, project);
		m.project.doc.data = json_text(public, &m.project.doc.len);
	}
	if (strlen(name) > MSG_PROJECT_MAX || m.project.doc.len > MSG_DOC_MAX)
		log_warn("%s: project %.*s: too large to be shown",
		    PROJECTS_FILE, MSG_PROJECT_MAX, log_visible(name));
	else
		peer_send(env.api, M_PROJECT, &m, -1);
	json_object_put(public);
}

/* Members that are known, and nothing that may be a secret. */
struct json_object *
projects_public(const char *name, struct json_object *project)
{
	static const char *const	 github[] = { "owner", "repo",
	    "workflow_file", NULL };
	static const char *const	 vps[] = { "app_name", "app_path",
	    "port", NULL };
	static const char *const	 environment[] = { "branch",
	    "vps_host", "deployment_script", NULL };
	struct json_object		*o, *list, *all;

	o = json_object_new_object();
	json_set_text(o, "name", name);
	copy_members(o, project, "github", github);
	copy_members(o, project, "vps", vps);
	list = json_object_new_array();
	if ((all = json_member(project, "secrets", json_type_object)) !=
	    NULL) {
		json_object_object_foreach(all, secret, value) {
			(void)value;
			json_object_array_add(list,
			    json_object_new_string(secret));
		}
	}
	json_object_object_add(o, "secrets", list);
	all = json_member(project, "environments", json_type_object);
	list = json_object_new_object();
	if (all != NULL) {
		json_object_object_foreach(all, env_name, env_value) {
			(void)env_value;
			copy_members(list, all, env_name, environment);
		}
	}
	json_object_object_add(o, "environments", list);
	return (o);
}

/* What is made of more than one value is not known any more. */
static int
is_scalar(struct json_object *o)
{
	return (!json_object_is_type(o, json_type_object) &&
	    !json_object_is_type(o, json_type_array));
}

static void
copy_members(struct json_object *to, struct json_object *from,
    const char *name, const char *const *members)
{
	struct json_object	*o = json_object_new_object(), *part, *value;
	size_t			 i;

	part = json_member(from, name, json_type_object);
	for (i = 0; members[i] != NULL; i++)
		if (part != NULL && json_object_object_get_ex(part,
		    members[i], &value) && is_scalar(value))
			json_object_object_add(o, members[i],
			    json_object_get(value));
	json_object_object_add(to, name, o);
}
