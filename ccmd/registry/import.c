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
 * Adding what a file holds to what is there: nothing is overwritten, and
 * for each thing that is not taken it is said why.  Takes an export, and
 * the pipelines.json and projects.json of a Python CCM.  Runs in the
 * registry.  Must not believe anything of the file.
 */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "manage.h"
#include "pipeline.h"
#include "projects.h"
#include "store.h"
#include "transfer.h"

/* Of the skipped and the renamed so many are listed; all are counted. */
#define LISTED_MAX	1000
/* name-2 to name-999 are tried for a project. */
#define NAMES_MAX	1000

struct report {
	struct json_object *skipped;
	struct json_object *renamed;
	int64_t		 taken;
	int64_t		 nskipped;
	int64_t		 nrenamed;
};

static int	 import_root(const struct asked *, struct json_object *,
		    struct report *);
static int	 take_projects(const struct asked *, struct json_object *,
		    struct report *);
static void	 take_project(const char *, struct json_object *,
		    struct report *);
static void	 take_pipelines(struct json_object *, struct report *);
static void	 take_pipeline(const char *, struct json_object *,
		    struct report *);
static int	 is_there(const char *, struct json_object *,
		    struct report *);
static struct record *find_same(struct json_object *);
static int	 is_elsewhere(const char *, struct json_object *,
		    struct report *);
static int	 same_workflow(const struct record *, struct json_object *);
static int	 other_has_it(const char *, struct json_object *,
		    struct report *);
static void	 take_top(struct json_object *);
static void	 skip(struct report *, const char *, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
static void	 renamed(struct report *, const char *, const char *,
		    const char *);
static void	 answer(const struct asked *, struct report *);

void
import_text(const struct asked *asked, const char *text, size_t len)
{
	struct json_object	*root;
	struct json_error	 err;
	struct report		 report;

	if ((root = json_parse_strict(text, len, TRANSFER_MAX, &err)) ==
	    NULL) {
		apply_refuse(asked, 400, 0, 0, "invalid_file", "%s",
		    err.text);
		return;
	}
	memset(&report, 0, sizeof(report));
	report.skipped = json_object_new_array();
	report.renamed = json_object_new_array();
	if (import_root(asked, root, &report) == 0)
		answer(asked, &report);
	json_object_put(report.skipped);
	json_object_put(report.renamed);
	json_object_put(root);
}

/* An export has both files in it; else it is one of them. */
static int
import_root(const struct asked *asked, struct json_object *root,
    struct report *report)
{
	struct json_object	*pipelines = root, *projects = root;

	if (json_object_is_type(root, json_type_object) &&
	    json_object_object_get_ex(root, EXPORT_MARK, NULL)) {
		pipelines = json_member(root, EXPORT_PIPELINES,
		    json_type_object);
		projects = json_member(root, EXPORT_PROJECTS,
		    json_type_object);
	}
	pipelines = json_member(pipelines, "pipelines", json_type_object) !=
	    NULL ? pipelines : NULL;
	projects = json_member(projects, "projects", json_type_object);
	if (pipelines == NULL && projects == NULL) {
		apply_refuse(asked, 400, 0, 0, "invalid_file",
		    "Expected an export, a pipelines.json or a "
		    "projects.json");
		return (-1);
	}
	if (projects != NULL && take_projects(asked, projects, report) == -1)
		return (-1);
	if (pipelines != NULL)
		take_pipelines(pipelines, report);
	return (0);
}

static void
take_pipelines(struct json_object *file, struct report *report)
{
	struct json_object	*list;

	list = json_member(file, "pipelines", json_type_object);
	json_object_object_foreach(list, id, doc)
		take_pipeline(id, doc, report);
	take_top(file);
}

/* Durable before a pipeline is staged: one answer tells of both. */
static int
take_projects(const struct asked *asked, struct json_object *list,
    struct report *report)
{
	int64_t		 taken = report->taken;

	if (projects_why() != NULL) {
		apply_refuse(asked, 503, 60, 0, "unavailable", "%s",
		    projects_why());
		return (-1);
	}
	json_object_object_foreach(list, name, project)
		take_project(name, project, report);
	if (report->taken == taken || projects_save(time(NULL)) == 0)
		return (0);
	apply_refuse(asked, 503, 5, 0, "unavailable",
	    "The change could not be saved: %s", strerror(errno));
	return (-1);
}

static void
take_project(const char *name, struct json_object *project,
    struct report *report)
{
	char			 other[MSG_PROJECT_MAX + 1];
	struct json_object	*there = projects_find(name), *copy = NULL;
	int			 n;

	if (!json_object_is_type(project, json_type_object))
		skip(report, name, "a project must be an object");
	else if (*name == '\0' || strlen(name) > MSG_PROJECT_MAX)
		skip(report, name, "a name must be of 1 to %d bytes",
		    MSG_PROJECT_MAX);
	else if (there != NULL && json_object_equal(there, project))
		skip(report, name, "it is there already");
	else if (projects_count() >= PROJECTS_MAX)
		skip(report, name, "there are too many projects");
	else if (json_object_deep_copy(project, &copy, NULL) == -1)
		skip(report, name, "out of memory");
	if (copy == NULL)
		return;
	(void)strlcpy(other, name, sizeof(other));
	for (n = 2; projects_find(other) != NULL && n < NAMES_MAX; n++)
		(void)snprintf(other, sizeof(other), "%.*s-%d",
		    MSG_PROJECT_MAX - 4, name, n);
	if (projects_find(other) != NULL) {
		json_object_put(copy);
		skip(report, name, "its name is taken");
		return;
	}
	projects_put(other, copy);
	report->taken++;
	if (strcmp(other, name) != 0)
		renamed(report, name, other,
		    "another project has that name");
}

static void
take_pipeline(const char *key, struct json_object *doc,
    struct report *report)
{
	struct json_object	*copy = NULL;
	struct record		*r;
	char			 id[MSG_ID_MAX + 1], why[160];

	if (!json_object_is_type(doc, json_type_object) ||
	    json_object_deep_copy(doc, &copy, NULL) == -1) {
		skip(report, key, "a pipeline must be an object");
		return;
	}
	if (strlcpy(id, key, sizeof(id)) >= sizeof(id) ||
	    !pipeline_id_ok(key) || ((r = store_find(key)) != NULL &&
	    !same_workflow(r, copy))) {
		if (is_elsewhere(key, copy, report))
			goto done;
		if (provision_id(id, sizeof(id)) == -1) {
			skip(report, key, "no free id");
			goto done;
		}
	} else if (is_there(key, copy, report))
		goto done;
	json_set_text(copy, "pipeline_id", id);
	if (pipeline_check(copy, id, why, sizeof(why)) == -1)
		skip(report, key, "%s", why);
	else if (other_has_it(key, copy, report))
		;
	else if (store_stage(copy, NULL) == -1)
		skip(report, key, "%s", errno == EMSGSIZE ?
		    "it is too large" : strerror(errno));
	else {
		report->taken++;
		if (strcmp(id, key) != 0)
			renamed(report, key, id, store_find(key) != NULL ?
			    "another pipeline has that id" :
			    "that is no id");
	}
done:
	json_object_put(copy);
}

static int
is_there(const char *key, struct json_object *doc, struct report *report)
{
	struct record	*r = store_find(key);
	const char	*text;
	size_t		 len;

	if (r == NULL)
		return (0);
	text = json_text(doc, &len);
	if (len == r->len && memcmp(text, r->text, len) == 0)
		skip(report, key, "it is there already");
	else
		skip(report, key, "it is there already, in another state");
	return (1);
}

/* It came before, and got another id then. */
static int
is_elsewhere(const char *key, struct json_object *doc,
    struct report *report)
{
	struct record	*r = find_same(doc);

	if (r == NULL)
		return (0);
	skip(report, key, "its workflow is there already: %s", r->id);
	return (1);
}

/* One workflow has one pipeline that is not inactive. */
static int
other_has_it(const char *key, struct json_object *doc,
    struct report *report)
{
	struct record	*r;

	if (strcmp(json_string(doc, "status"), "inactive") == 0 ||
	    (r = find_same(doc)) == NULL || r->inactive)
		return (0);
	skip(report, key, "its workflow is provisioned already: %s", r->id);
	return (1);
}

/* The pipeline of the same workflow; one that is not inactive first. */
static struct record *
find_same(struct json_object *doc)
{
	struct record	*r, *inactive = NULL;

	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		if (!same_workflow(r, doc))
			continue;
		if (!r->inactive)
			return (r);
		inactive = r;
	}
	return (inactive);
}

/* By GitHub's numbers where both have them; those of a CCM had none. */
static int
same_workflow(const struct record *r, struct json_object *doc)
{
	const char	*repository = json_string(doc, "repository");
	const char	*file = json_string(doc, "workflow_file");
	int64_t		 id = pipeline_github_id(doc, "repository_id");
	char		 path[256], host[PIPELINE_HOST_SIZE];

	if (repository == NULL || file == NULL ||
	    !pipeline_same_host(r->host, pipeline_github_host(doc, host)))
		return (0);
	if (r->repository_id != 0 && id != 0)
		return (r->repository_id == id && r->workflow_id ==
		    pipeline_github_id(doc, "workflow_id"));
	if (strcasecmp(r->repository, repository) != 0)
		return (0);
	if (pipeline_workflow_path(file, path, sizeof(path)) == 0)
		file = path;
	return (strcmp(r->workflow_file, file) == 0);
}

/* What else stands in the file is kept where nothing has that name. */
static void
take_top(struct json_object *file)
{
	struct json_object	*top, *now = store_top();
	int			 news = 0;

	top = json_object_new_object();
	if (now != NULL)
		json_set_all(top, now);
	json_object_object_foreach(file, key, member) {
		if (strcmp(key, "pipelines") == 0 ||
		    strcmp(key, "projects") == 0 ||
		    strcmp(key, "registry_version") == 0 ||
		    strcmp(key, "last_updated") == 0 ||
		    json_object_object_get_ex(top, key, NULL))
			continue;
		json_object_object_add(top, key, json_object_get(member));
		news = 1;
	}
	if (news)
		store_stage_top(top);
	json_object_put(top);
}

static void
skip(struct report *report, const char *name, const char *fmt, ...)
{
	struct json_object	*o;
	char			 why[256];
	va_list			 ap;

	if (report->nskipped++ >= LISTED_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	o = json_object_new_object();
	json_set_text(o, "name", name);
	json_set_text(o, "reason", why);
	json_object_array_add(report->skipped, o);
}

static void
renamed(struct report *report, const char *from, const char *to,
    const char *why)
{
	struct json_object	*o;

	if (report->nrenamed++ >= LISTED_MAX)
		return;
	o = json_object_new_object();
	json_set_text(o, "from", from);
	json_set_text(o, "to", to);
	json_set_text(o, "reason", why);
	json_object_array_add(report->renamed, o);
}

static void
answer(const struct asked *asked, struct report *report)
{
	char		 text[128];
	struct reply	 reply = { .status = 200, .depends = 1, .audited = 1,
	    .detail = text };

	(void)snprintf(text, sizeof(text),
	    "%lld taken, %lld skipped, %lld renamed",
	    (long long)report->taken, (long long)report->nskipped,
	    (long long)report->nrenamed);
	reply.body = apply_success();
	json_set_int(reply.body, "taken", report->taken);
	json_set_int(reply.body, "skipped_count", report->nskipped);
	json_object_object_add(reply.body, "skipped",
	    json_object_get(report->skipped));
	json_set_int(reply.body, "renamed_count", report->nrenamed);
	json_object_object_add(reply.body, "renamed",
	    json_object_get(report->renamed));
	commit_answer(asked, &reply);
}
