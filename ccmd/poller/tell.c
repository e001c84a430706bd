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
 * What the poller tells the registry.  Runs in the poller.  Must not decide
 * anything: it packs and batches.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fresh.h"
#include "log.h"
#include "proc.h"
#include "tell.h"

/* A FRESH message leaves when that many bytes are together, or a second. */
#define FRESH_BATCH	(MSG_DOC_MAX - FRESH_MAX)

static struct {
	struct peer	*registry;
	struct event	*timer;
	struct ibuf	*fresh;
} env;

/* What documents that travel together are of. */
struct docs_of {
	const char	*pipeline_id;
	uint64_t	 run_id;
	uint32_t	 attempt;
};

/* What the history keeps of a job. */
static const char *const job_members[] = {
	"job_id", "name", "status", "conclusion", "started_at",
	"completed_at"
};

static void	 flush_fresh(evutil_socket_t, short, void *);
static const char *text_of(struct json_object *, size_t *);
static void	 send_docs(struct json_object *, void (*)(
		    const struct docs_of *, const char *, size_t),
		    const struct docs_of *);
static void	 send_runs(const struct docs_of *, const char *, size_t);
static void	 send_jobs(const struct docs_of *, const char *, size_t);

int
tell_init(struct event_base *base)
{
	env.timer = evtimer_new(base, flush_fresh, NULL);
	env.fresh = ibuf_dynamic(0, MSG_DOC_MAX);
	return (env.timer == NULL || env.fresh == NULL ? -1 : 0);
}

void
tell_set_registry(struct peer *registry)
{
	env.registry = registry;
}

static const char *
text_of(struct json_object *o, size_t *len)
{
	return (json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE, len));
}

void
tell_outcome(const struct asked *asked, int status,
    struct json_object *result)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.outcome.op = asked->op;
	m.outcome.verb = asked->verb;
	m.outcome.status = (uint16_t)status;
	m.outcome.actor = asked->actor;
	m.outcome.target = asked->target;
	m.outcome.result.data = text_of(result, &m.outcome.result.len);
	if (m.outcome.result.len > MSG_DOC_MAX)
		tell_refused(asked, 502, "github_error", 0,
		    "GitHub's answer is too large");
	else
		peer_send(env.registry, M_OUTCOME, &m, -1);
	json_object_put(result);
}

void
tell_refused(const struct asked *asked, int status, const char *code,
    int64_t retry_after, const char *fmt, ...)
{
	char		 text[MSG_TEXT_MAX];
	union msg	 m;
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(&m, 0, sizeof(m));
	m.outcome.op = asked->op;
	m.outcome.verb = asked->verb;
	m.outcome.status = (uint16_t)status;
	m.outcome.retry_after = (uint32_t)retry_after;
	m.outcome.actor = asked->actor;
	m.outcome.target = asked->target;
	m.outcome.code = code;
	m.outcome.error = text;
	peer_send(env.registry, M_OUTCOME, &m, -1);
}

void
tell_intent(const struct asked *asked)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.intent.op = asked->op;
	m.intent.verb = asked->verb;
	m.intent.actor = asked->actor;
	m.intent.target = asked->target;
	peer_send(env.registry, M_INTENT, &m, -1);
}

/*
 * An array of documents as one or more texts, each to `send`.  What is too
 * long for a message by itself is left out: others bound their strings.
 */
static void
send_docs(struct json_object *docs, void (*send)(const struct docs_of *,
    const char *, size_t), const struct docs_of *of)
{
	struct ibuf	*buf;
	const char	*text;
	size_t		 i, len;

	if ((buf = ibuf_dynamic(0, MSG_DOC_MAX)) == NULL)
		fatal("tell");
	for (i = 0; i < json_object_array_length(docs); i++) {
		text = text_of(json_object_array_get_idx(docs, i), &len);
		if (len > MSG_DOC_MAX - 2)
			continue;
		if (ibuf_size(buf) + len + 2 > MSG_DOC_MAX) {
			ibuf_add(buf, "]", 1);
			send(of, ibuf_data(buf), ibuf_size(buf));
			ibuf_truncate(buf, 0);
		}
		if (ibuf_add(buf, ibuf_size(buf) == 0 ? "[" : ",", 1) == -1 ||
		    ibuf_add(buf, text, len) == -1)
			fatal("tell");
	}
	if (ibuf_size(buf) > 0) {
		ibuf_add(buf, "]", 1);
		send(of, ibuf_data(buf), ibuf_size(buf));
	}
	ibuf_free(buf);
}

void
tell_run(const char *pipeline_id, struct json_object *doc)
{
	struct json_object	*docs = json_object_new_array();

	json_object_array_add(docs, json_object_get(doc));
	tell_runs(pipeline_id, docs);
	json_object_put(docs);
}

void
tell_runs(const char *pipeline_id, struct json_object *docs)
{
	struct docs_of	 of = { .pipeline_id = pipeline_id };

	send_docs(docs, send_runs, &of);
}

static void
send_runs(const struct docs_of *of, const char *text, size_t len)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.runs.pipeline_id = of->pipeline_id;
	m.runs.docs.data = text;
	m.runs.docs.len = len;
	peer_send(env.registry, M_RUNS, &m, -1);
}

void
tell_jobs(const char *pipeline_id, uint64_t run_id, uint32_t attempt,
    struct json_object *docs)
{
	struct docs_of		 of = { pipeline_id, run_id, attempt };
	struct json_object	*bare = json_object_new_array(), *doc, *o, *v;
	size_t			 i, j;

	for (i = 0; i < json_object_array_length(docs); i++) {
		doc = json_object_array_get_idx(docs, i);
		o = json_object_new_object();
		for (j = 0; j < sizeof(job_members) / sizeof(job_members[0]);
		    j++)
			if (json_object_object_get_ex(doc, job_members[j], &v))
				json_object_object_add(o, job_members[j],
				    json_object_get(v));
		json_object_array_add(bare, o);
	}
	send_docs(bare, send_jobs, &of);
	json_object_put(bare);
}

static void
send_jobs(const struct docs_of *of, const char *text, size_t len)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.jobs.pipeline_id = of->pipeline_id;
	m.jobs.run_id = of->run_id;
	m.jobs.attempt = of->attempt;
	m.jobs.docs.data = text;
	m.jobs.docs.len = len;
	peer_send(env.registry, M_JOBS, &m, -1);
}

void
tell_looked(const char *url, const char *etag, uint64_t newest)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.looked.url = url;
	m.looked.etag = etag;
	m.looked.newest = newest;
	peer_send(env.registry, M_LOOKED, &m, -1);
}

void
tell_readback(const char *pipeline_id, int64_t at, uint32_t interval)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.readback.pipeline_id = pipeline_id;
	m.readback.at = at;
	m.readback.interval = interval;
	peer_send(env.registry, M_READBACK, &m, -1);
}

void
tell_stale(const char *pipeline_id, const char *reason)
{
	union msg	 m;

	/* What went well before must not come in behind it. */
	flush_fresh(-1, 0, NULL);
	memset(&m, 0, sizeof(m));
	m.stale.pipeline_id = pipeline_id;
	m.stale.reason = reason;
	peer_send(env.registry, M_STALE, &m, -1);
}

void
tell_change(const char *pipeline_id, struct json_object *patch,
    const char *reason)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.change.pipeline_id = pipeline_id;
	m.change.reason = reason;
	m.change.patch.data = text_of(patch, &m.change.patch.len);
	if (m.change.patch.len > MSG_DOC_MAX)
		log_warn("%s: change too large, dropped", pipeline_id);
	else
		peer_send(env.registry, M_CHANGE, &m, -1);
	json_object_put(patch);
}

void
tell_fresh(const char *pipeline_id, int64_t at, uint32_t interval)
{
	static const struct timeval second = { 1, 0 };
	struct fresh	 f;

	memset(&f, 0, sizeof(f));
	if (strlcpy(f.pipeline_id, pipeline_id, sizeof(f.pipeline_id)) >=
	    sizeof(f.pipeline_id))
		return;
	f.at = at;
	f.interval = interval;
	if (ibuf_size(env.fresh) > FRESH_BATCH)
		flush_fresh(-1, 0, NULL);
	if (fresh_put(env.fresh, &f) == -1)
		fatal("tell_fresh");
	if (!evtimer_pending(env.timer, NULL))
		evtimer_add(env.timer, &second);
}

void
tell_fresh_now(void)
{
	flush_fresh(-1, 0, NULL);
}

static void
flush_fresh(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	union msg	 m;

	if (ibuf_size(env.fresh) == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.fresh.looks.data = ibuf_data(env.fresh);
	m.fresh.looks.len = ibuf_size(env.fresh);
	peer_send(env.registry, M_FRESH, &m, -1);
	if (ibuf_truncate(env.fresh, 0) == -1)
		fatal("flush_fresh");
}
