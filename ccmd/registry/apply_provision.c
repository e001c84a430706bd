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
 * Provisioning: a new pipeline, one linked again, or one that is there
 * already.  Runs in the registry.  Must not believe that the poller saw the
 * newest state: it is here that two requests for the same workflow meet.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "registry.h"
#include "store.h"

#define ID_BYTES	6

/* What the poller found, and what the client asked for. */
struct found {
	const char	*repository;
	const char	*workflow_file;
	struct json_object *github;
	struct json_object *result;
};

static int	 read_result(struct json_object *, struct found *);
static void	 already(const struct asked *, const struct record *);
static void	 provision_new(const struct asked *, const struct found *);
static void	 link_again(const struct asked *, const struct found *,
		    struct record *);
static void	 too_much(const struct asked *);
static void	 set_github(struct json_object *, const struct found *);
static void	 set_project(struct json_object *, const struct found *);
static int	 set_config(struct json_object *, const struct found *);
static void	 set_vps(struct json_object *, const struct found *,
		    const char *);
static void	 answer(const struct asked *, const struct found *,
		    struct json_object *, int);

void
apply_provision(const struct asked *asked, struct json_object *result)
{
	char		 host[PIPELINE_HOST_SIZE];
	struct found	 f;
	struct record	*r;

	if (read_result(result, &f) == -1) {
		log_err("poller: provision: result makes no sense");
		apply_refuse(asked, 500, 0, 0, "internal",
		    "The outcome makes no sense");
		return;
	}
	r = store_find_workflow(pipeline_github_host(result, host),
	    pipeline_github_id(result, "repository_id"),
	    pipeline_github_id(result, "workflow_id"), f.repository,
	    f.workflow_file);
	if (r == NULL)
		provision_new(asked, &f);
	else if (r->inactive)
		link_again(asked, &f, r);
	else
		already(asked, r);
}

static int
read_result(struct json_object *result, struct found *f)
{
	f->result = result;
	f->repository = json_string(result, "repository");
	f->workflow_file = json_string(result, "workflow_file");
	f->github = json_member(result, "github", json_type_object);
	if (f->repository == NULL || f->workflow_file == NULL ||
	    f->github == NULL ||
	    pipeline_github_id(result, "repository_id") == 0 ||
	    pipeline_github_id(result, "workflow_id") == 0)
		return (-1);
	return (0);
}

static void
already(const struct asked *asked, const struct record *r)
{
	char		 text[128];
	struct asked	 who = *asked;
	struct reply	 reply = { .status = 409, .audited = 1 };

	who.target = r->id;
	(void)snprintf(text, sizeof(text), "Pipeline already provisioned: %s",
	    r->id);
	reply.detail = text;
	reply.body = apply_error("already_provisioned", text);
	json_set_text(reply.body, "pipeline_id", r->id);
	/* It may be there since a moment ago, and not durable yet. */
	reply.depends = r->changed;
	commit_answer(&who, &reply);
}

static void
provision_new(const struct asked *asked, const struct found *f)
{
	char			 id[MSG_ID_MAX + 1];
	struct json_object	*doc;

	if (provision_id(id, sizeof(id)) == -1) {
		apply_refuse(asked, 500, 0, 0, "internal", "No free id");
		return;
	}
	doc = json_object_new_object();
	json_set_text(doc, "pipeline_id", id);
	json_set_text(doc, "repository", f->repository);
	json_set_text(doc, "workflow_file", f->workflow_file);
	json_set_text(doc, "status", "active");
	apply_set_now(doc, "created_at");
	apply_set_now(doc, "last_updated");
	json_object_object_add(doc, "config", pipeline_default_config());
	set_project(doc, f);
	set_vps(doc, f, asked->actor);
	set_github(doc, f);
	if (set_config(doc, f) == -1)
		too_much(asked);
	else if (apply_stage(asked, doc, NULL) == 0)
		answer(asked, f, doc, 0);
	json_object_put(doc);
}

/* The same pipeline: its id, its history, what is not given anew. */
static void
link_again(const struct asked *asked, const struct found *f,
    struct record *r)
{
	struct json_object	*doc = store_document(r);

	json_set_text(doc, "status", "active");
	json_object_object_del(doc, "deactivated_at");
	json_object_object_del(doc, "teardown");
	json_object_object_del(doc, "error");
	json_set_text(doc, "repository", f->repository);
	json_set_text(doc, "workflow_file", f->workflow_file);
	apply_set_now(doc, "last_updated");
	set_project(doc, f);
	set_vps(doc, f, NULL);
	set_github(doc, f);
	if (set_config(doc, f) == -1)
		too_much(asked);
	else if (apply_stage(asked, doc, NULL) == 0) {
		/* Nobody looked meanwhile: it is read back once more. */
		history_set_known(r->id, 0);
		sync_rows_again(r->id);
		answer(asked, f, doc, 1);
	}
	json_object_put(doc);
}

static void
too_much(const struct asked *asked)
{
	apply_refuse(asked, 400, 0, 0, "invalid_argument", "config would hold "
	    "more than 16 KB of what is not known");
}

int
provision_id(char *id, size_t size)
{
	unsigned char	 raw[ID_BYTES];
	int		 tries, n;

	for (tries = 0; tries < 100; tries++) {
		arc4random_buf(raw, sizeof(raw));
		n = snprintf(id, size, "pipe_%02x%02x%02x%02x%02x%02x",
		    raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]);
		if (n < 0 || (size_t)n >= size)
			return (-1);
		if (store_find(id) == NULL)
			return (0);
	}
	return (-1);
}

/* Members that are not ours to know stay. */
static void
set_github(struct json_object *doc, const struct found *f)
{
	struct json_object	*github;

	github = json_member(doc, "github", json_type_object);
	if (github == NULL) {
		github = json_object_new_object();
		json_object_object_add(doc, "github", github);
	}
	json_set_all(github, f->github);
}

/*
 * What is given, over what was there.  Returns -1 if there would be too
 * much: each link adds its own unknown members.
 */
static int
set_config(struct json_object *doc, const struct found *f)
{
	struct json_object	*config, *given;

	given = json_member(f->result, "config", json_type_object);
	if (given == NULL)
		return (0);
	config = json_member(doc, "config", json_type_object);
	if (config == NULL) {
		config = json_object_new_object();
		json_object_object_add(doc, "config", config);
	}
	json_set_all(config, given);
	return (pipeline_config_fits(config) ? 0 : -1);
}

/* `requested_by` NULL: as it was. */
static void
set_project(struct json_object *doc, const struct found *f)
{
	const char	*name = json_string(f->result, "project");

	if (name != NULL)
		json_set_text(doc, "project", name);
}

static void
set_vps(struct json_object *doc, const struct found *f,
    const char *requested_by)
{
	static const char *const	 names[] = {
		"vps", "linked_domain", "linked_app"
	};
	struct json_object		*vps;
	const char			*s;
	size_t				 i;

	vps = json_member(doc, "vps_integration", json_type_object);
	if (vps == NULL) {
		vps = json_object_new_object();
		json_object_object_add(doc, "vps_integration", vps);
	}
	if (requested_by != NULL)
		json_set_text(vps, "requested_by", requested_by);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((s = json_string(f->result, names[i])) != NULL)
			json_set_text(vps, names[i], s);
}

static void
answer(const struct asked *asked, const struct found *f,
    struct json_object *doc, int relinked)
{
	static const char *const	 told[] = {
		"pipeline_id", "status", "created_at", "repository",
		"workflow_file"
	};
	struct json_object		*warnings;
	struct asked			 who = *asked;
	struct reply			 reply = { .status = 201,
	    .depends = 1, .audited = 1 };
	size_t				 i;

	reply.body = apply_success();
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		json_set_text(reply.body, told[i], json_string(doc, told[i]));
	if (relinked)
		json_object_object_add(reply.body, "relinked",
		    json_object_new_boolean(1));
	warnings = json_member(f->result, "warnings", json_type_array);
	if (warnings != NULL && json_object_array_length(warnings) > 0)
		json_object_object_add(reply.body, "warnings",
		    json_object_get(warnings));
	who.target = json_string(doc, "pipeline_id");
	reply.detail = json_string(doc, "repository");
	commit_answer(&who, &reply);
}
