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
 * A new pipeline's past: the pages of its workflow's runs, newest first,
 * until eight days are covered or a thousand runs read.  Runs in the
 * poller.  What it brings goes to the registry page by page; the figures
 * count only from READBACK on.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "github.h"
#include "json.h"
#include "log.h"
#include "run.h"
#include "tell.h"
#include "watch.h"

#define READBACK_PAGES	20	/* whatever GitHub says of a next one */

struct readback {
	struct pipeline	*pipeline;
	struct gh_call	*call;
	int64_t		 since;
	size_t		 runs;
	int		 pages;
	readback_done	 done;
	void		*arg;
};

static int	 ask(struct readback *, const char *);
static void	 on_page(const struct gh_reply *, void *);
static int	 take_page(struct readback *, struct json_object *, int *,
		    const char **);
static void	 end(struct readback *, const char *, int64_t);

struct readback *
readback_start(struct pipeline *p, readback_done done, void *arg)
{
	struct readback	*rb;
	char		 path[GH_PATH_MAX];
	int		 n;

	n = snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%lld/"
	    "runs?per_page=100&exclude_pull_requests=true",
	    p->repository->name, (long long)p->workflow_id);
	if (n < 0 || (size_t)n >= sizeof(path) ||
	    (rb = calloc(1, sizeof(*rb))) == NULL)
		return (NULL);
	rb->pipeline = p;
	rb->since = time(NULL) - READBACK_SECONDS;
	rb->done = done;
	rb->arg = arg;
	if (ask(rb, path) == -1) {
		free(rb);
		return (NULL);
	}
	return (rb);
}

void
readback_cancel(struct readback *rb)
{
	github_cancel(rb->call);
	free(rb);
}

static int
ask(struct readback *rb, const char *path)
{
	rb->call = github_call(rb->pipeline->repository->gh, GH_LOOK, "GET",
	    path, NULL, NULL, 0, on_page, rb);
	return (rb->call == NULL ? -1 : 0);
}

static void
on_page(const struct gh_reply *r, void *arg)
{
	struct readback	*rb = arg;
	const char	*why;
	int		 more;

	rb->call = NULL;
	if (r->result != GH_OK)
		end(rb, r->why, r->wait);
	else if (take_page(rb, r->json, &more, &why) == -1)
		end(rb, why, 0);
	else if (!more || r->next == NULL || ++rb->pages >= READBACK_PAGES)
		end(rb, NULL, 0);
	else if (ask(rb, r->next) == -1)
		end(rb, "out of memory", 0);
}

/* `*more` is 1 while neither bound is reached. */
static int
take_page(struct readback *rb, struct json_object *page, int *more,
    const char **why)
{
	struct json_object	*list, *docs, *doc;
	struct run		 run;
	size_t			 i, n;

	if (!json_object_is_type(page, json_type_object) ||
	    !json_object_object_get_ex(page, "workflow_runs", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		*why = "GitHub's answer is not a list of runs";
		return (-1);
	}
	docs = json_object_new_array();
	n = json_object_array_length(list);
	*more = n > 0;
	for (i = 0; i < n && rb->runs < READBACK_RUNS; i++) {
		if (run_from_github(json_object_array_get_idx(list, i), &doc,
		    why) == -1) {
			json_object_put(docs);
			return (-1);
		}
		if (run_from_document(doc, &run) == -1) {
			*why = "GitHub's answer has a run that is none";
			json_object_put(doc);
			json_object_put(docs);
			return (-1);
		}
		(void)pipeline_saw(rb->pipeline, &run, doc,
		    rb->pipeline->repository->round);
		json_object_array_add(docs, doc);
		rb->runs++;
		if (run.created_at < rb->since)
			*more = 0;
	}
	if (rb->runs >= READBACK_RUNS)
		*more = 0;
	tell_runs(rb->pipeline->id, docs);
	json_object_put(docs);
	return (0);
}

static void
end(struct readback *rb, const char *why, int64_t wait)
{
	rb->done(rb->pipeline, why, wait, rb->arg);
	free(rb);
}
