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
 * Provision: what GitHub has to say before the registry makes a pipeline,
 * and what will be in its way.  Runs in the poller.  Changes nothing on
 * GitHub but to enable a workflow that is disabled, and that only for a
 * pipeline that is not there yet.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "resolve.h"
#include "workflow_file.h"

/* A client does not wait longer than that for a warning, milliseconds. */
#define FILE_WAIT_MS	2000

struct provision {
	struct asked		 asked;
	struct github		*gh;
	struct json_object	*args;
	struct resolved		 found;
	struct json_object	*warnings;
};

static void	 on_resolved(const struct resolved *, void *);
static int	 enable(struct provision *);
static void	 on_enabled(const struct gh_reply *, void *);
static void	 ask_file(struct provision *);
static void	 on_file(const struct gh_reply *, void *);
static void	 done(struct provision *);
static void	 warn(struct provision *, const char *);
static void	 provision_free(struct provision *);

void
op_provision(const struct asked *asked, struct json_object *args)
{
	struct provision	*op;
	const char		*repo = json_string(args, "repo");
	const char		*file = json_string(args, "workflow_file");
	struct github		*gh;

	gh = github_for(repo, strcspn(repo, "/"));
	if (gh == NULL || !github_has_token(gh)) {
		tell_refused(asked, 502, "github_error", 0,
		    "No GitHub token is configured for %.*s",
		    (int)strcspn(repo, "/"), repo);
		return;
	}
	if ((op = calloc(1, sizeof(*op))) == NULL)
		fatal("op_provision");
	op->asked = *asked;
	op->gh = gh;
	op->args = json_object_get(args);
	op->warnings = json_object_new_array();
	if (resolve_start(gh, 0, repo, file, GH_COMMAND, asked->deadline,
	    on_resolved, op) == NULL) {
		tell_refused(asked, 503, "unavailable", 1, "Out of memory");
		provision_free(op);
	}
}

static void
on_resolved(const struct resolved *r, void *arg)
{
	struct provision	*op = arg;

	if (r->status != 200) {
		tell_refused(&op->asked, r->status, r->code, r->retry_after,
		    "%s", r->error);
		provision_free(op);
		return;
	}
	op->found = *r;
	op->found.code = op->found.error = NULL;
	if (pipelines_provisioned(op->gh, r->repository_id,
	    r->workflow_id) != NULL)
		done(op);	/* the registry says that it is there */
	else if (strcmp(r->workflow_state, "active") == 0)
		ask_file(op);
	else if (enable(op) == -1) {
		tell_refused(&op->asked, 503, "unavailable", 1,
		    "Out of memory");
		provision_free(op);
	}
}

static int
enable(struct provision *op)
{
	char	 path[GH_PATH_MAX];

	if (snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%lld/"
	    "enable", op->found.name, (long long)op->found.workflow_id) >=
	    (int)sizeof(path))
		return (-1);
	return (github_write(op->gh, "PUT", path, NULL, op->asked.deadline,
	    on_enabled, op) == NULL ? -1 : 0);
}

static void
on_enabled(const struct gh_reply *r, void *arg)
{
	struct provision	*op = arg;
	char			 text[128];

	if (r->result == GH_LIMITED)
		tell_refused(&op->asked, 503, "unavailable", r->wait,
		    "The workflow could not be enabled: %s", r->why);
	else if (r->result != GH_OK)
		tell_refused(&op->asked, 502, "github_error", 0,
		    "The workflow is %s and could not be enabled: %s",
		    op->found.workflow_state, r->why);
	else {
		(void)snprintf(text, sizeof(text),
		    "The workflow was %s and has been enabled",
		    op->found.workflow_state);
		warn(op, text);
		ask_file(op);
		return;
	}
	provision_free(op);
}

/* Can it be triggered?  Not to know that keeps nobody from provisioning. */
static void
ask_file(struct provision *op)
{
	int64_t	 until = proc_now_ms() + FILE_WAIT_MS;
	char	 path[GH_PATH_MAX];

	if (until > op->asked.deadline)
		until = op->asked.deadline;
	if (!doctor_may_read_files(op->gh) ||
	    workflow_file_path(op->found.name, op->found.workflow_file, path,
	    sizeof(path)) == -1 ||
	    github_call(op->gh, GH_COMMAND, "GET", path, NULL, NULL, until,
	    on_file, op) == NULL)
		done(op);
}

static void
on_file(const struct gh_reply *r, void *arg)
{
	struct provision	*op = arg;

	if (r->result == GH_OK && workflow_dispatches(r->json) == 0)
		warn(op, NO_DISPATCH);
	done(op);
}

/* The registry decides: new, linked again, or there already. */
static void
done(struct provision *op)
{
	static const char *const passed[] = {
		"workflow_file", "config", "linked_domain", "linked_app",
		"vps", "project"
	};
	struct json_object	*result, *v;
	size_t			 i;

	result = json_object_new_object();
	json_set_text(result, "repository", op->found.name);
	json_object_object_add(result, "github", resolved_to_json(&op->found));
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (json_object_object_get_ex(op->args, passed[i], &v))
			json_object_object_add(result, passed[i],
			    json_object_get(v));
	doctor_warn(op->gh, op->found.reads_only, op->warnings);
	json_object_object_add(result, "warnings",
	    json_object_get(op->warnings));
	tell_outcome(&op->asked, 201, result);
	provision_free(op);
}

static void
warn(struct provision *op, const char *text)
{
	json_object_array_add(op->warnings, json_object_new_string(text));
}

static void
provision_free(struct provision *op)
{
	json_object_put(op->args);
	json_object_put(op->warnings);
	free(op);
}
