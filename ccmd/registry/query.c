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
 * Questions about history: a table of handlers by verb.  Runs in the
 * registry.  Must not change anything.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "history.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "registry.h"
#include "run.h"
#include "store.h"
#include "verb.h"

#define RUNS_DEFAULT	10
#define RUNS_MAX	1000

/* Returns the status and the body, the caller's. */
typedef int (*query_fn)(const struct msg_query *, struct json_object *,
    struct json_object **);

static int	 query_runs(const struct msg_query *, struct json_object *,
		    struct json_object **);
static void	 add_run(const char *, size_t, void *);

/* A verb without an entry is a violation. */
static const query_fn queries[VERB_MAX] = {
	[VERB_PIPELINE_RUNS] = query_runs,
};

void
query_answer(struct peer *api, const struct msg_query *m)
{
	struct json_object	*args, *body = NULL;
	int			 status;

	if (m->verb >= VERB_MAX || queries[m->verb] == NULL)
		fatalx("api: query of verb %u", m->verb);
	args = json_parse_strict(m->args.data, m->args.len, MSG_DOC_MAX,
	    NULL);
	if (!json_object_is_type(args, json_type_object))
		fatalx("api: query without arguments");
	/* What is told is durable. */
	if (history_pending())
		commit_now();
	status = queries[m->verb](m, args, &body);
	answer_send(api, m->op, status, status == 503 ? 5 : 0, body);
	json_object_put(body);
	json_object_put(args);
}

void
answer_send(struct peer *api, uint64_t op, int status, uint32_t retry_after,
    struct json_object *body)
{
	union msg	 m;
	const char	*text;
	size_t		 len;

	text = json_text(body, &len);
	memset(&m, 0, sizeof(m));
	m.answer.op = op;
	m.answer.status = (uint16_t)status;
	m.answer.retry_after = retry_after;
	do {
		m.answer.body.data = text;
		m.answer.body.len = len < MSG_CHUNK_MAX ? len : MSG_CHUNK_MAX;
		text += m.answer.body.len;
		len -= m.answer.body.len;
		m.answer.more = len > 0;
		peer_send(api, M_ANSWER, &m, -1);
	} while (len > 0);
}

static int
query_runs(const struct msg_query *m, struct json_object *args,
    struct json_object **body)
{
	struct json_object	*runs;
	char			 text[128];
	int64_t			 limit = RUNS_DEFAULT;

	if (store_find(m->target) == NULL) {
		(void)snprintf(text, sizeof(text), "Pipeline not found: %s",
		    m->target);
		*body = apply_error("pipeline_not_found", text);
		return (404);
	}
	if (json_int(args, "limit", &limit) == -1 || limit < 1 ||
	    limit > RUNS_MAX)
		limit = RUNS_DEFAULT;
	runs = json_object_new_array();
	if (history_each_run(m->target, (int)limit,
	    json_string(args, "branch"), json_string(args, "status"), add_run,
	    runs) == -1) {
		json_object_put(runs);
		*body = apply_error("unavailable",
		    "The history can't be read now");
		return (503);
	}
	*body = apply_success();
	json_object_object_add(*body, "runs", runs);
	json_object_object_add(*body, "count",
	    json_object_new_int64((int64_t)json_object_array_length(runs)));
	return (200);
}

static void
add_run(const char *text, size_t len, void *arg)
{
	struct json_object	*doc, *run;

	doc = json_parse_strict(text, len, MSG_DOC_MAX, NULL);
	if (doc != NULL && (run = run_to_api(doc)) != NULL)
		json_object_array_add(arg, run);
	json_object_put(doc);
}
