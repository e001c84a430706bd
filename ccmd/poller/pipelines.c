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
 * Which pipelines there are, as the registry told the poller, and what
 * their runs looked like when last seen.  Runs in the poller.  Must not
 * talk to anybody.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "run.h"
#include "watch.h"

/* A pipeline document nests no deeper than what a client may send. */
#define DOC_MAX		MSG_DOC_MAX
/* Remembered runs that memory grows by. */
#define SEEN_STEP	20

RB_HEAD(pipeline_tree, pipeline);

static struct {
	struct pipeline_tree tree;
} env = { .tree = RB_INITIALIZER(&env.tree) };

static int	 pipeline_cmp(struct pipeline *, struct pipeline *);
static int	 tracked_cmp(struct tracked *, struct tracked *);
static int	 seen_cmp(const void *, const void *);
static struct pipeline *pipeline_new_entry(const char *);
static void	 take_document(struct pipeline *, struct json_object *);
static int64_t	 take_id(struct json_object *, const char *);
static char	*branch_of(const char *);
static char	*take_branch(struct json_object *);
static void	 take_text(char *, size_t, struct json_object *, const char *);
static void	 remember(struct pipeline *, const struct seen *);

TREE_GENERATE(pipeline_tree, pipeline, entry, pipeline_cmp)
TREE_GENERATE(tracked_tree, tracked, entry, tracked_cmp)

static int
pipeline_cmp(struct pipeline *a, struct pipeline *b)
{
	return (strcmp(a->id, b->id));
}

static int
tracked_cmp(struct tracked *a, struct tracked *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static int
seen_cmp(const void *a, const void *b)
{
	const struct seen	*x = a, *y = b;

	return (x->id < y->id ? -1 : x->id > y->id);
}

struct pipeline *
pipelines_put(const void *doc, size_t len, int known)
{
	struct json_error	 err;
	struct json_object	*o;
	struct pipeline		*p = NULL;
	const char		*id;
	char			 why[160];
	int			 was_watched;

	if ((o = json_parse_strict(doc, len, DOC_MAX, &err)) == NULL) {
		log_warn("pipeline document: %s", err.text);
		return (NULL);
	}
	if ((id = json_string(o, "pipeline_id")) == NULL)
		id = "";
	/* Its repository's name becomes a part of addresses. */
	if (pipeline_check(o, id, why, sizeof(why)) == -1)
		log_warn("pipeline document: %s", why);
	else if ((p = pipelines_find(id)) == NULL)
		p = pipeline_new_entry(id);
	if (p != NULL) {
		was_watched = p->state != PIPELINE_INACTIVE;
		take_document(p, o);
		/*
		 * A document may have left the registry before our own
		 * READBACK came there; only a new link starts from nothing.
		 */
		if (!was_watched || known)
			p->known = known;
	}
	json_object_put(o);
	return (p);
}

static struct pipeline *
pipeline_new_entry(const char *id)
{
	struct pipeline	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("pipeline");
	(void)strlcpy(p->id, id, sizeof(p->id));
	p->state = PIPELINE_INACTIVE;
	RB_INIT(&p->tracked);
	RB_INSERT(pipeline_tree, &env.tree, p);
	return (p);
}

static void
take_document(struct pipeline *p, struct json_object *o)
{
	struct json_object	*github = NULL, *teardown = NULL;
	enum pipeline_state	 was;
	char			 status[16];
	int64_t			 workflow = p->workflow_id;

	take_text(status, sizeof(status), o, "status");
	was = p->state;
	p->state = strcmp(status, "inactive") == 0 ? PIPELINE_INACTIVE :
	    strcmp(status, "error") == 0 ? PIPELINE_ERROR : PIPELINE_ACTIVE;
	take_text(p->name, sizeof(p->name), o, "repository");
	take_text(p->workflow_file, sizeof(p->workflow_file), o,
	    "workflow_file");
	free(p->error);
	p->error = json_string(o, "error") == NULL ? NULL :
	    strdup(json_string(o, "error"));
	json_object_object_get_ex(o, "github", &github);
	free(p->default_branch);
	p->default_branch = branch_of(json_string(github, "default_branch"));
	free(p->branch);
	p->branch = take_branch(json_member(o, "config", json_type_object));
	p->repository_id = take_id(github, "repository_id");
	p->workflow_id = take_id(github, "workflow_id");
	if (was == PIPELINE_INACTIVE || p->workflow_id != workflow)
		check_init(p);
	json_object_put(p->teardown);
	p->teardown = NULL;
	if (json_object_object_get_ex(o, "teardown", &teardown) &&
	    json_object_is_type(teardown, json_type_object))
		p->teardown = json_object_get(teardown);
	json_object_put(p->cancelling);
	p->cancelling = json_object_get(json_member(o, "cancelling",
	    json_type_array));
}

/* Not what can't be one: a file may have anything. */
static char *
branch_of(const char *s)
{
	return (s == NULL || s[0] == '\0' || strlen(s) > PIPELINE_BRANCH_MAX ?
	    NULL : strdup(s));
}

/* The first that it is triggered by, unless that is a pattern. */
static char *
take_branch(struct json_object *config)
{
	struct json_object	*list, *first;
	const char		*s;

	list = json_member(config, "trigger_branches", json_type_array);
	if (list == NULL || json_object_array_length(list) == 0)
		return (NULL);
	first = json_object_array_get_idx(list, 0);
	if (!json_object_is_type(first, json_type_string))
		return (NULL);
	s = json_object_get_string(first);
	return (strpbrk(s, "*?+[!") != NULL ? NULL : branch_of(s));
}

static int64_t
take_id(struct json_object *o, const char *name)
{
	struct json_object	*v;
	int64_t			 n;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_int))
		return (0);
	n = json_object_get_int64(v);
	return (n > 0 ? n : 0);
}

static void
take_text(char *dst, size_t size, struct json_object *o, const char *name)
{
	const char	*s = json_string(o, name);

	if (s == NULL || strlcpy(dst, s, size) >= size)
		dst[0] = '\0';
}

struct pipeline *
pipelines_find(const char *id)
{
	struct pipeline	 key;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	return (RB_FIND(pipeline_tree, &env.tree, &key));
}

void
pipelines_gone(struct pipeline *p)
{
	struct tracked	*t;

	p->state = PIPELINE_INACTIVE;
	p->known = 0;
	p->nseen = 0;
	json_object_put(p->teardown);
	json_object_put(p->cancelling);
	p->teardown = p->cancelling = NULL;
	while ((t = pipeline_next_tracked(p, NULL)) != NULL)
		pipeline_untrack(p, t);
}

struct pipeline *
pipelines_next(struct pipeline *after)
{
	return (after == NULL ? RB_MIN(pipeline_tree, &env.tree) :
	    RB_NEXT(pipeline_tree, &env.tree, after));
}

struct pipeline *
pipelines_provisioned(struct github *gh, int64_t repository_id,
    int64_t workflow_id)
{
	struct pipeline	*p;

	RB_FOREACH(p, pipeline_tree, &env.tree)
		if (p->state != PIPELINE_INACTIVE && p->teardown == NULL &&
		    p->repository_id == repository_id &&
		    p->workflow_id == workflow_id &&
		    github_for(p->name, strcspn(p->name, "/")) == gh)
			return (p);
	return (NULL);
}

int
pipeline_saw(struct pipeline *p, const struct run *run,
    struct json_object *doc, uint64_t round)
{
	struct tracked	*t = pipeline_find_tracked(p, run->id);
	struct seen	 now, *then;

	if (run->status == RUN_COMPLETED) {
		if (t != NULL)
			pipeline_untrack(p, t);
	} else {
		if (t == NULL)
			t = pipeline_track(p, run->id, doc);
		if (t != NULL)
			t->round = round;
	}
	memset(&now, 0, sizeof(now));
	now.id = run->id;
	now.updated_at = run->updated_at;
	now.attempt = run->attempt;
	now.status = (uint8_t)run->status;
	now.conclusion = (uint8_t)run->conclusion;
	then = p->nseen == 0 ? NULL : bsearch(&now, p->seen, p->nseen,
	    sizeof(now), seen_cmp);
	if (then != NULL) {
		if (then->updated_at == now.updated_at &&
		    then->attempt == now.attempt &&
		    then->status == now.status &&
		    then->conclusion == now.conclusion)
			return (0);
		*then = now;
	} else
		remember(p, &now);
	return (1);
}

int64_t
pipeline_newest(const struct pipeline *p)
{
	return (p->nseen == 0 ? 0 : p->seen[p->nseen - 1].id);
}

/* Kept sorted by id; the oldest makes room. */
static void
remember(struct pipeline *p, const struct seen *now)
{
	struct seen	*more;
	size_t		 i;

	if (p->nseen == SEEN_MAX) {
		if (now->id < p->seen[0].id)
			return;
		memmove(&p->seen[0], &p->seen[1],
		    (SEEN_MAX - 1) * sizeof(p->seen[0]));
		p->nseen--;
	}
	if (p->nseen == p->seen_size) {
		/* Not remembered, it is told once more: no harm. */
		if ((more = reallocarray(p->seen, p->seen_size + SEEN_STEP,
		    sizeof(*more))) == NULL)
			return;
		p->seen = more;
		p->seen_size += SEEN_STEP;
	}
	for (i = p->nseen; i > 0 && p->seen[i - 1].id > now->id; i--)
		p->seen[i] = p->seen[i - 1];
	p->seen[i] = *now;
	p->nseen++;
}

struct tracked *
pipeline_find_tracked(struct pipeline *p, int64_t id)
{
	struct tracked	 key;

	key.id = id;
	return (RB_FIND(tracked_tree, &p->tracked, &key));
}

struct tracked *
pipeline_track(struct pipeline *p, int64_t id, struct json_object *doc)
{
	struct tracked	*t;

	if ((t = pipeline_find_tracked(p, id)) == NULL) {
		if (p->ntracked >= READBACK_RUNS ||
		    (t = calloc(1, sizeof(*t))) == NULL) {
			log_warn("%s: too many unfinished runs", p->id);
			return (NULL);
		}
		t->id = id;
		RB_INSERT(tracked_tree, &p->tracked, t);
		p->ntracked++;
	}
	if (doc != NULL) {
		json_object_put(t->doc);
		t->doc = json_object_get(doc);
	}
	return (t);
}

void
pipeline_untrack(struct pipeline *p, struct tracked *t)
{
	RB_REMOVE(tracked_tree, &p->tracked, t);
	p->ntracked--;
	json_object_put(t->doc);
	free(t->etag);
	free(t);
}

struct tracked *
pipeline_next_tracked(struct pipeline *p, struct tracked *after)
{
	return (after == NULL ? RB_MIN(tracked_tree, &p->tracked) :
	    RB_NEXT(tracked_tree, &p->tracked, after));
}
