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
 * May a pipeline be acted on, and is that run one of its own?  Runs in the
 * poller.  Must not know who asks.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "lookup.h"
#include "watch.h"

struct lookup {
	struct pipeline	*pipeline;
	struct gh_call	*call;
	int64_t		 id;
	lookup_done	 done;
	void		*arg;
};

static void	 on_run(const struct gh_reply *, void *);
static int	 take_run(const struct lookup *, struct json_object *,
		    struct found_run *, const char **);
static void	 not_found(int64_t, struct refusal *);

struct github *
lookup_github(const char *id, int write, struct pipeline **p,
    struct refusal *refusal)
{
	struct github	*gh;
	int		 owner;

	memset(refusal, 0, sizeof(*refusal));
	if ((*p = pipelines_find(id)) == NULL) {
		refusal->status = 404;
		refusal->code = "pipeline_not_found";
		(void)snprintf(refusal->text, sizeof(refusal->text),
		    "Pipeline not found: %s", id);
		return (NULL);
	}
	if (write && (*p)->state == PIPELINE_INACTIVE) {
		refusal->status = 409;
		refusal->code = "pipeline_inactive";
		(void)snprintf(refusal->text, sizeof(refusal->text),
		    "Pipeline is inactive: %s", id);
		return (NULL);
	}
	owner = (int)strcspn((*p)->name, "/");
	gh = github_for((*p)->name, (size_t)owner);
	if (gh != NULL && github_has_token(gh) && (*p)->workflow_id != 0)
		return (gh);
	refusal->status = 502;
	refusal->code = "github_error";
	if (gh == NULL || !github_has_token(gh))
		(void)snprintf(refusal->text, sizeof(refusal->text),
		    "No GitHub token is configured for %.*s", owner,
		    (*p)->name);
	else
		(void)snprintf(refusal->text, sizeof(refusal->text),
		    "The workflow of %s could not be looked up on GitHub yet",
		    id);
	return (NULL);
}

void
lookup_refused(const struct gh_reply *r, const char *what,
    struct refusal *refusal)
{
	memset(refusal, 0, sizeof(*refusal));
	if (r->result == GH_LIMITED) {
		refusal->status = 503;
		refusal->code = "unavailable";
		refusal->retry_after = r->wait;
	} else {
		refusal->status = 502;
		refusal->code = "github_error";
	}
	(void)snprintf(refusal->text, sizeof(refusal->text), "%s: %s", what,
	    r->why);
}

struct lookup *
lookup_run(struct github *gh, struct pipeline *p, int64_t run,
    int64_t attempt, int64_t deadline, lookup_done done, void *arg)
{
	struct lookup	*l;
	char		 path[GH_PATH_MAX], which[48] = "";

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->pipeline = p;
	l->id = run;
	l->done = done;
	l->arg = arg;
	if (attempt != 0)
		(void)snprintf(which, sizeof(which), "/attempts/%lld",
		    (long long)attempt);
	if (snprintf(path, sizeof(path), "/repos/%s/actions/runs/%lld%s?"
	    "exclude_pull_requests=true", p->name, (long long)run, which) >=
	    (int)sizeof(path) ||
	    (l->call = github_call(gh, GH_COMMAND, "GET", path, NULL, NULL,
	    deadline, on_run, l)) == NULL) {
		free(l);
		return (NULL);
	}
	return (l);
}

void
lookup_cancel(struct lookup *l)
{
	github_cancel(l->call);
	free(l);
}

static void
on_run(const struct gh_reply *r, void *arg)
{
	struct lookup		*l = arg;
	struct found_run	 found;
	struct refusal		 refusal;
	struct gh_reply		 bad = *r;
	const char		*why;

	memset(&found, 0, sizeof(found));
	if (r->result == GH_OK && take_run(l, r->json, &found, &why) == -1) {
		bad.result = GH_FAILED;
		(void)strlcpy(bad.why, why, sizeof(bad.why));
	}
	/* The path names the repository; the workflow is told by the run. */
	if ((bad.result == GH_REFUSED && bad.status == 404) ||
	    (bad.result == GH_OK &&
	    found.run.workflow_id != l->pipeline->workflow_id))
		not_found(l->id, &refusal);
	else if (bad.result != GH_OK)
		lookup_refused(&bad, "The run could not be looked at",
		    &refusal);
	else {
		l->done(&found, l->arg);
		json_object_put(found.doc);
		free(l);
		return;
	}
	found.refusal = &refusal;
	l->done(&found, l->arg);
	json_object_put(found.doc);
	free(l);
}

static int
take_run(const struct lookup *l, struct json_object *o,
    struct found_run *found, const char **why)
{
	if (run_from_github(o, &found->doc, why) == -1)
		return (-1);
	if (run_from_document(found->doc, &found->run) == -1) {
		*why = "GitHub's answer has a run that is none";
		return (-1);
	}
	if (found->run.id != l->id) {
		*why = "GitHub's answer is another run than asked for";
		return (-1);
	}
	return (0);
}

static void
not_found(int64_t id, struct refusal *refusal)
{
	memset(refusal, 0, sizeof(*refusal));
	refusal->status = 404;
	refusal->code = "run_not_found";
	(void)snprintf(refusal->text, sizeof(refusal->text),
	    "Run not found: %lld", (long long)id);
}

void
lookup_tell(const struct asked *asked, const struct refusal *refusal)
{
	tell_refused(asked, refusal->status, refusal->code,
	    refusal->retry_after, "%s", refusal->text);
}

void
lookup_no_memory(const struct asked *asked)
{
	tell_refused(asked, 503, "unavailable", 1, "Out of memory");
}
