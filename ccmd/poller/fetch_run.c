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
 * A run of a pipeline with its jobs and their steps.  Runs in the poller.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "github.h"
#include "jobs.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "watch.h"

struct details {
	struct fetch	*fetch;
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct lookup	*lookup;	/* either of them, or none */
	struct job_list	*list;
	struct json_object *run;	/* as the answer has it */
	int64_t		 id;
	int64_t		 attempt;	/* asked for; 0: the latest */
	int		 completed;
};

static void	 on_run(const struct found_run *, void *);
static void	 on_jobs(struct json_object *, const struct gh_reply *,
		    void *);
static void	 refuse(struct details *, const struct refusal *);
static void	 no_memory(struct details *);
static void	 on_gone(void *);

static const struct fetch_ops ops = { .gone = on_gone };

void
fetch_run(const struct asked *asked, struct json_object *args)
{
	struct refusal	 refusal;
	struct details	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("fetch_run");
	if ((d->fetch = fetch_new(asked, &ops, d)) == NULL) {
		free(d);
		return;
	}
	d->asked = *asked;
	(void)json_int(args, "run", &d->id);
	(void)json_int(args, "attempt", &d->attempt);
	d->gh = lookup_github(asked->target, 0, &d->pipeline, &refusal);
	if (d->gh == NULL)
		refuse(d, &refusal);
	else if ((d->lookup = lookup_run(d->gh, d->pipeline, d->id,
	    d->attempt, asked->deadline, on_run, d)) == NULL)
		no_memory(d);
}

static void
on_run(const struct found_run *found, void *arg)
{
	struct details	*d = arg;

	d->lookup = NULL;
	if (found->refusal != NULL) {
		refuse(d, found->refusal);
		return;
	}
	d->run = run_to_api(found->doc);
	d->completed = found->run.status == RUN_COMPLETED;
	d->attempt = found->run.attempt;
	if (d->run == NULL || (d->list = jobs_ask(d->gh, d->pipeline, d->id,
	    d->attempt, GH_COMMAND, d->asked.deadline, on_jobs, d)) == NULL)
		no_memory(d);
}

static void
on_jobs(struct json_object *jobs, const struct gh_reply *r, void *arg)
{
	struct details		*d = arg;
	struct json_object	*o;
	struct refusal		 refusal;

	d->list = NULL;
	if (jobs == NULL) {
		lookup_refused(r, "The jobs could not be looked at", &refusal);
		refuse(d, &refusal);
		return;
	}
	/* Asked for anyway, they are there for the history as well. */
	if (d->completed)
		tell_jobs(d->pipeline->id, (uint64_t)d->id,
		    (uint32_t)d->attempt, jobs);
	json_object_object_add(d->run, "jobs", json_object_get(jobs));
	o = json_object_new_object();
	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_object_object_add(o, "run", d->run);
	fetch_json(d->fetch, o);
	free(d);
}

static void
refuse(struct details *d, const struct refusal *refusal)
{
	fetch_refuse(d->fetch, refusal);
	json_object_put(d->run);
	free(d);
}

static void
no_memory(struct details *d)
{
	static const struct refusal	 refusal = { .status = 503,
	    .code = "unavailable", .retry_after = 1,
	    .text = "Out of memory" };

	refuse(d, &refusal);
}

static void
on_gone(void *arg)
{
	struct details	*d = arg;

	if (d->lookup != NULL)
		lookup_cancel(d->lookup);
	if (d->list != NULL)
		jobs_cancel(d->list);
	json_object_put(d->run);
	free(d);
}
