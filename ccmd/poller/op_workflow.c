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
 * Workflows, switched on and off.  Runs in the poller.  Must not touch a
 * workflow that is not a pipeline's.
 *
 * https://docs.github.com/en/rest/actions/workflows
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "verb.h"
#include "watch.h"

struct change {
	struct asked	 asked;
	struct pipeline	*pipeline;
	int		 enable;
};

static void	 on_changed(const struct gh_reply *, void *);

void
op_workflow(const struct asked *asked,
    struct json_object *args __attribute__((unused)))
{
	struct refusal	 refusal;
	struct pipeline	*p;
	struct change	*op;
	struct github	*gh;
	char		 path[GH_PATH_MAX];
	int		 enable = asked->verb == VERB_WORKFLOW_ENABLE;

	if ((gh = lookup_github(asked->target, 1, &p, &refusal)) == NULL) {
		lookup_tell(asked, &refusal);
		return;
	}
	if ((op = calloc(1, sizeof(*op))) == NULL)
		fatal("op_workflow");
	op->asked = *asked;
	op->pipeline = p;
	op->enable = enable;
	if (snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%lld/%s",
	    p->name, (long long)p->workflow_id, enable ? "enable" :
	    "disable") >= (int)sizeof(path) ||
	    github_write(gh, "PUT", path, NULL, asked->deadline, on_changed,
	    op) == NULL) {
		lookup_no_memory(asked);
		free(op);
	}
}

/* Disabling twice is a 403 there, and what was asked for here. */
static void
on_changed(const struct gh_reply *r, void *arg)
{
	struct change		*op = arg;
	struct json_object	*result;
	struct refusal		 refusal;

	if (r->result != GH_OK && (op->enable || r->result != GH_REFUSED ||
	    r->status != 403 || strcasestr(r->why, "disable") == NULL)) {
		lookup_refused(r, op->enable ?
		    "The workflow could not be enabled" :
		    "The workflow could not be disabled", &refusal);
		lookup_tell(&op->asked, &refusal);
		free(op);
		return;
	}
	result = json_object_new_object();
	json_set_text(result, "pipeline_id", op->pipeline->id);
	json_set_text(result, "workflow_file", op->pipeline->workflow_file);
	json_set_text(result, "workflow_state",
	    op->enable ? "active" : "disabled_manually");
	tell_outcome(&op->asked, 200, result);
	free(op);
}
