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
 * The view: pipelines and their runs.  Runs in the api.  Must not change
 * but by what the registry says; figures are computed when asked, since
 * their windows slide while GitHub says 304.
 */

#include "config.h"

#include <json-c/json.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "events.h"
#include "fresh.h"
#include "json.h"
#include "log.h"
#include "rope.h"
#include "stats.h"
#include "text.h"
#include "timestamp.h"
#include "view.h"

/* Runs older than that are dropped, but for the newest VIEW_NEWEST. */
#define VIEW_KEEP	(8 * 86400 + 3600)
#define VIEW_NEWEST	50
#define VIEW_TRIM	256	/* looked at every so many new ones */
/* Stale after that many intervals without a look (contract.md). */
#define STALE_INTERVALS	3

RB_HEAD(id_tree, pipeline);
RB_HEAD(time_tree, pipeline);

static struct {
	struct id_tree	 by_id;
	struct time_tree by_time;
	uint64_t	 seen;
	uint64_t	 version;
	uint64_t	 documents;
	uint64_t	 removals;
	size_t		 n;
} env = {
	.by_id = RB_INITIALIZER(&env.by_id),
	.by_time = RB_INITIALIZER(&env.by_time)
};

static int	 id_cmp(struct pipeline *, struct pipeline *);
static int	 time_cmp(struct pipeline *, struct pipeline *);
static struct pipeline *get(const char *, const char *);
static void	 take_document(struct pipeline *, struct json_object *);
static void	 put_run(struct pipeline *, const struct run *, size_t);
static int	 same_state(const struct run *, const struct run *);
static struct run *room_for(struct pipeline *, int64_t, int *);
static void	 trim(struct pipeline *);
static int	 cmp_newest(const void *, const void *);
static void	 drop_stats(struct pipeline *);

TREE_GENERATE(id_tree, pipeline, by_id, id_cmp)
TREE_GENERATE(time_tree, pipeline, by_time, time_cmp)

static int
id_cmp(struct pipeline *a, struct pipeline *b)
{
	return (strcmp(a->id, b->id));
}

static int
time_cmp(struct pipeline *a, struct pipeline *b)
{
	int	 c = strcmp(a->created_at, b->created_at);

	return (c != 0 ? c : strcmp(a->id, b->id));
}

uint64_t
view_seen(void)
{
	return (env.seen);
}

int
view_pipeline(const struct msg_pipeline *m)
{
	struct json_object	*doc;
	struct json_error	 err;
	struct pipeline		*p;
	const char		*id;

	doc = json_parse_strict(m->doc.data, m->doc.len, MSG_DOC_MAX, &err);
	if (doc == NULL) {
		log_warn("pipeline: %s", err.text);
		return (-1);
	}
	id = json_string(doc, "pipeline_id");
	if (id == NULL ||
	    (p = get(id, json_string(doc, "created_at"))) == NULL) {
		json_object_put(doc);
		return (-1);
	}
	take_document(p, doc);
	env.seen = m->number;
	if (!m->known && p->known) {
		/* Linked again: what is known starts anew. */
		p->fetched_at = 0;
	}
	p->known = m->known;
	drop_stats(p);
	events_pipeline(p);
	return (0);
}

/* Whoever holds a pipeline holds it for one turn at most, or by its id. */
void
view_gone(const struct msg_gone *m)
{
	struct pipeline	*p = view_find(m->pipeline_id);
	size_t		 i;

	env.seen = m->number;
	if (p == NULL)
		return;
	events_gone(p);
	text_remove(p);
	env.documents++;
	env.removals++;
	RB_REMOVE(id_tree, &env.by_id, p);
	RB_REMOVE(time_tree, &env.by_time, p);
	env.n--;
	drop_stats(p);
	json_object_put(p->doc);
	for (i = 0; i < p->nruns; i++)
		free((char *)(uintptr_t)p->runs[i].branch);
	free(p->runs);
	free(p->stale_reason);
	free(p);
}

static struct pipeline *
get(const char *id, const char *created_at)
{
	struct pipeline	*p;

	if ((p = view_find(id)) != NULL)
		return (p);
	if (strlen(id) > MSG_ID_MAX || (p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	(void)strlcpy(p->id, id, sizeof(p->id));
	(void)strlcpy(p->created_at, created_at != NULL ? created_at : "",
	    sizeof(p->created_at));
	RB_INSERT(id_tree, &env.by_id, p);
	env.n++;
	RB_INSERT(time_tree, &env.by_time, p);
	text_insert(p, RB_PREV(time_tree, &env.by_time, p));
	return (p);
}

/* The order is kept: taken out before its key changes. */
static void
take_document(struct pipeline *p, struct json_object *doc)
{
	char		 at[sizeof(p->created_at)];
	const char	*s;

	s = json_string(doc, "created_at");
	(void)strlcpy(at, s != NULL ? s : "", sizeof(at));
	if (strcmp(at, p->created_at) != 0) {
		text_remove(p);
		RB_REMOVE(time_tree, &env.by_time, p);
		(void)strlcpy(p->created_at, at, sizeof(p->created_at));
		RB_INSERT(time_tree, &env.by_time, p);
		text_insert(p, RB_PREV(time_tree, &env.by_time, p));
	}
	text_changed(p);
	env.documents++;
	s = json_string(doc, "status");
	(void)strlcpy(p->status, s != NULL ? s : "error", sizeof(p->status));
	/* A member of that name is the answer's: figures (contract.md). */
	json_object_object_del(doc, "metrics");
	json_object_put(p->doc);
	p->doc = doc;
}

int
view_rows(const struct msg_rows *m)
{
	struct pipeline	*p = view_find(m->pipeline_id);
	struct run	 run;
	struct ibuf	 buf;
	size_t		 branch_len;
	int		 r;

	if (p == NULL)
		return (-1);
	ibuf_from_buffer(&buf, (void *)(uintptr_t)m->rows.data, m->rows.len);
	while ((r = run_unpack(&buf, &run, &branch_len)) == 1)
		put_run(p, &run, branch_len);
	drop_stats(p);
	events_stats(p);
	return (r);
}

/* Each run once, by its id: the newer attempt or the newer state stays. */
static void
put_run(struct pipeline *p, const struct run *run, size_t branch_len)
{
	struct run	*slot;
	int		 found, news;

	slot = room_for(p, run->id, &found);
	news = !found || !same_state(slot, run);
	if (found) {
		if (run->attempt < slot->attempt ||
		    (run->attempt == slot->attempt &&
		    run->updated_at < slot->updated_at))
			return;
		free((char *)(uintptr_t)slot->branch);
	}
	*slot = *run;
	if (run->branch != NULL &&
	    (slot->branch = strndup(run->branch, branch_len)) == NULL)
		fatal("view");
	if (news)
		events_run(p, slot);
	if (!found && p->nruns % VIEW_TRIM == 0)
		trim(p);
}

static int
same_state(const struct run *a, const struct run *b)
{
	return (a->attempt == b->attempt && a->updated_at == b->updated_at &&
	    strcmp(a->status_text, b->status_text) == 0 &&
	    strcmp(a->conclusion_text, b->conclusion_text) == 0);
}

static struct run *
room_for(struct pipeline *p, int64_t id, int *found)
{
	size_t	 low = 0, high = p->nruns, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (p->runs[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	*found = low < p->nruns && p->runs[low].id == id;
	if (*found)
		return (&p->runs[low]);
	if (p->nruns == p->size) {
		p->size = p->size == 0 ? 16 : p->size * 2;
		p->runs = reallocarray(p->runs, p->size, sizeof(*p->runs));
		if (p->runs == NULL)
			fatal("view");
	}
	memmove(&p->runs[low + 1], &p->runs[low],
	    (p->nruns - low) * sizeof(*p->runs));
	p->nruns++;
	return (&p->runs[low]);
}

/*
 * What no figure needs any more goes: completed, older than the baseline
 * reaches, and not among the newest.
 */
static void
trim(struct pipeline *p)
{
	int64_t		 now = time(NULL);
	const struct run	**order;
	struct run	 edge;		/* the oldest of the newest */
	size_t		 i, kept = 0;

	if (p->nruns <= VIEW_NEWEST ||
	    (order = calloc(p->nruns, sizeof(*order))) == NULL)
		return;
	for (i = 0; i < p->nruns; i++)
		if (run_is_counted(&p->runs[i]))
			order[kept++] = &p->runs[i];
	qsort(order, kept, sizeof(*order), cmp_newest);
	if (kept <= VIEW_NEWEST) {
		free(order);
		return;
	}
	edge = *order[VIEW_NEWEST - 1];
	free(order);
	for (i = kept = 0; i < p->nruns; i++) {
		if (p->runs[i].status == RUN_COMPLETED &&
		    p->runs[i].created_at < now - VIEW_KEEP &&
		    run_cmp(&p->runs[i], &edge) < 0)
			free((char *)(uintptr_t)p->runs[i].branch);
		else
			p->runs[kept++] = p->runs[i];
	}
	p->nruns = kept;
}

static int
cmp_newest(const void *a, const void *b)
{
	const struct run *const	*x = a, *const *y = b;

	return (run_cmp(*y, *x));
}

int
view_fresh(const struct msg_fresh *m)
{
	struct pipeline	*p;
	struct fresh	 f;
	struct ibuf	 buf;
	int		 r, was_stale;

	ibuf_from_buffer(&buf, (void *)(uintptr_t)m->looks.data,
	    m->looks.len);
	while ((r = fresh_get(&buf, &f)) == 1) {
		if ((p = view_find(f.pipeline_id)) == NULL)
			continue;
		was_stale = p->stale_reason != NULL || f.at - p->fetched_at >
		    (int64_t)p->interval * STALE_INTERVALS;
		p->fetched_at = f.at;
		p->interval = f.interval;
		if (p->stale_reason != NULL)
			drop_stats(p);
		free(p->stale_reason);
		p->stale_reason = NULL;
		p->stats_at = 0;	/* its age only */
		p->changed = ++env.version;
		if (was_stale)
			events_stats(p);
	}
	return (r);
}

int
view_readback(const struct msg_readback *m)
{
	struct pipeline	*p = view_find(m->pipeline_id);

	if (p == NULL)
		return (-1);
	p->known = 1;
	p->fetched_at = m->at;
	p->interval = m->interval;
	free(p->stale_reason);
	p->stale_reason = NULL;
	drop_stats(p);
	events_stats(p);
	return (0);
}

int
view_stale(const struct msg_stale *m)
{
	struct pipeline	*p = view_find(m->pipeline_id);

	if (p == NULL)
		return (-1);
	free(p->stale_reason);
	p->stale_reason = strdup(m->reason);
	drop_stats(p);
	events_stats(p);
	return (0);
}

struct pipeline *
view_find(const char *id)
{
	struct pipeline	 key;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	return (RB_FIND(id_tree, &env.by_id, &key));
}

struct pipeline *
view_next(struct pipeline *after)
{
	return (after == NULL ? RB_MIN(time_tree, &env.by_time) :
	    RB_NEXT(time_tree, &env.by_time, after));
}

struct pipeline *
view_after(const char *created_at, const char *id)
{
	struct pipeline	 key, *p;

	if (strlcpy(key.created_at, created_at, sizeof(key.created_at)) >=
	    sizeof(key.created_at) ||
	    strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	p = RB_NFIND(time_tree, &env.by_time, &key);
	if (p != NULL && time_cmp(p, &key) == 0)
		p = view_next(p);
	return (p);
}

static void
drop_stats(struct pipeline *p)
{
	json_object_put(p->stats);
	p->stats = NULL;
	bytes_free(p->figures);
	p->figures = NULL;
	p->changed = ++env.version;
}

uint64_t
view_version(void)
{
	return (env.version);
}

uint64_t
view_documents_version(void)
{
	return (env.documents);
}

uint64_t
view_removals(void)
{
	return (env.removals);
}

void
view_frame(const struct pipeline *p, int64_t now, struct stats_frame *frame)
{
	int	 seen = p->known && p->fetched_at > 0;

	memset(frame, 0, sizeof(*frame));
	frame->pipeline_id = p->id;
	frame->status = p->status;
	frame->fetched_at = seen ? p->fetched_at : -1;
	frame->now = now;
	frame->stale = !seen || now - p->fetched_at >
	    (int64_t)p->interval * STALE_INTERVALS;
	frame->stale_reason = p->stale_reason;
}

struct json_object *
view_stats(struct pipeline *p, int64_t now)
{
	struct stats_frame	 frame;
	struct stats		 stats;

	if (p->stats != NULL && now >= p->stats_from && now < p->stats_until) {
		if (p->stats_at != now) {
			view_frame(p, now, &frame);
			stats_age_to_json(p->stats, &frame);
			p->stats_at = now;
		}
		return (json_object_get(p->stats));
	}
	json_object_put(p->stats);
	bytes_free(p->figures);
	p->figures = NULL;
	/* Never figures of half a read-back. */
	if (stats_compute(p->runs, p->known ? p->nruns : 0, now, &stats) ==
	    -1)
		fatal("stats");
	view_frame(p, now, &frame);
	p->stats = stats_to_json(&stats, &frame);
	p->stats_at = p->stats_from = now;
	p->stats_until = stats.until;
	return (json_object_get(p->stats));
}

void
view_stats_digest(struct json_object *stats,
    unsigned char digest[VIEW_DIGEST_LEN])
{
	crypto_generichash_state	 state;
	struct json_object_iter		 it;
	const char			*text;
	size_t				 len;

	crypto_generichash_init(&state, NULL, 0, VIEW_DIGEST_LEN);
	json_object_object_foreachC(stats, it) {
		if (strcmp(it.key, "fetched_at") == 0 ||
		    strcmp(it.key, "age_seconds") == 0)
			continue;
		crypto_generichash_update(&state,
		    (const unsigned char *)it.key, strlen(it.key) + 1);
		text = json_text(it.val, &len);
		crypto_generichash_update(&state,
		    (const unsigned char *)text, len + 1);
	}
	crypto_generichash_final(&state, digest, VIEW_DIGEST_LEN);
}

size_t
view_count(void)
{
	return (env.n);
}
