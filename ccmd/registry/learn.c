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
 * What the poller learned from GitHub: runs and looks, into the history and
 * on to the api.  Runs in the registry.  Must not believe that a run
 * document is one.
 */

#include "config.h"

#include <string.h>

#include "fresh.h"
#include "history.h"
#include "imsg.h"
#include "json.h"
#include "log.h"
#include "registry.h"
#include "run.h"
#include "store.h"
#include "timestamp.h"

/* As TRACK can carry it. */
#define RUN_DOC_MAX	(16 * 1024)
/*
 * Looks that are kept: a pipeline has one at its repository's runs and one
 * at its workflow, and some more by other names and addresses of GitHub.
 */
#define LOOKS_EACH	8
#define LOOKS_SPARE	1024

static int	 learn_run(const char *, struct json_object *, struct ibuf *);

void
learn_runs(const struct msg_runs *m)
{
	struct json_object	*docs;
	struct ibuf		*rows;
	size_t			 i, bad = 0;

	docs = json_parse_strict(m->docs.data, m->docs.len, MSG_DOC_MAX, NULL);
	if (store_find(m->pipeline_id) == NULL ||
	    !json_object_is_type(docs, json_type_array)) {
		log_warn("%s: runs that make no sense",
		    log_visible(m->pipeline_id));
		json_object_put(docs);
		return;
	}
	if ((rows = ibuf_dynamic(0, MSG_DOC_MAX)) == NULL)
		fatal("learn");
	for (i = 0; i < json_object_array_length(docs); i++) {
		if (learn_run(m->pipeline_id,
		    json_object_array_get_idx(docs, i), rows) == -1)
			bad++;
		if (ibuf_size(rows) + RUN_PACKED_MAX > MSG_DOC_MAX) {
			commit_rows(m->pipeline_id, ibuf_data(rows),
			    ibuf_size(rows));
			(void)ibuf_truncate(rows, 0);
		}
	}
	if (bad > 0)
		log_warn("%s: %zu documents that are no runs",
		    m->pipeline_id, bad);
	if (ibuf_size(rows) > 0)
		commit_rows(m->pipeline_id, ibuf_data(rows), ibuf_size(rows));
	ibuf_free(rows);
	json_object_put(docs);
}

/*
 * The api is told what is new, and during a read-back everything: it forgot
 * what it knew of a pipeline that is linked again.
 */
static int
learn_run(const char *id, struct json_object *doc, struct ibuf *rows)
{
	struct run	 run;
	const char	*text;
	size_t		 len;
	int		 news;

	if (!json_object_is_type(doc, json_type_object) ||
	    run_from_document(doc, &run) == -1)
		return (-1);
	text = json_text(doc, &len);
	if (len > RUN_DOC_MAX)
		return (-1);
	news = history_put(id, &run, text, len);
	if ((news || !history_known(id)) && run_pack(rows, &run) == -1)
		fatal("learn");
	return (0);
}

/* Only what is finished has a duration. */
void
learn_jobs(const struct msg_jobs *m)
{
	struct json_object	*docs, *doc;
	struct history_job	 job;
	const char		*started, *completed;
	size_t			 i;

	docs = json_parse_strict(m->docs.data, m->docs.len, MSG_DOC_MAX, NULL);
	if (!json_object_is_type(docs, json_type_array)) {
		log_warn("%s: jobs that make no sense",
		    log_visible(m->pipeline_id));
		json_object_put(docs);
		return;
	}
	for (i = 0; i < json_object_array_length(docs); i++) {
		doc = json_object_array_get_idx(docs, i);
		if (!json_object_is_type(doc, json_type_object))
			continue;
		job.run_id = (int64_t)m->run_id;
		job.attempt = (int32_t)m->attempt;
		job.name = json_string(doc, "name");
		job.conclusion = json_string(doc, "conclusion");
		started = json_string(doc, "started_at");
		completed = json_string(doc, "completed_at");
		if (json_int(doc, "job_id", &job.id) == 1 &&
		    job.name != NULL && job.conclusion != NULL &&
		    started != NULL && completed != NULL &&
		    timestamp_parse(started, &job.started_at) == 0 &&
		    timestamp_parse(completed, &job.completed_at) == 0)
			history_put_job(m->pipeline_id, &job);
	}
	json_object_put(docs);
}

void
learn_readback(const struct msg_readback *m)
{
	if (store_find(m->pipeline_id) == NULL)
		return;
	history_set_known(m->pipeline_id, 1);
	history_fresh(m->pipeline_id, m->at, m->interval);
	commit_readback(m);
}

void
learn_looked(const struct msg_looked *m)
{
	history_looked(m->url, m->etag, m->newest, LOOKS_SPARE +
	    LOOKS_EACH * (int64_t)store_count());
}

void
learn_fresh(const struct msg_fresh *m)
{
	struct ibuf	 buf;
	struct fresh	 f;
	int		 r;

	ibuf_from_buffer(&buf, (void *)(uintptr_t)m->looks.data,
	    m->looks.len);
	while ((r = fresh_get(&buf, &f)) == 1)
		if (store_find(f.pipeline_id) != NULL)
			history_fresh(f.pipeline_id, f.at, f.interval);
	if (r == -1)
		log_warn("poller: malformed looks");
	else
		commit_fresh(m);
}

void
learn_stale(const struct msg_stale *m)
{
	if (store_find(m->pipeline_id) != NULL)
		commit_stale(m);
}
