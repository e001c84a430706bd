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
 * Teardown, in two steps: the intent is written into the document before
 * the poller cancels anything, so that a restart in between takes it up
 * again.  Runs in the registry.  Must not delete anything.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "registry.h"
#include "store.h"

#define DEACTIVATED	"Pipeline deactivated, repository preserved"

static void	 not_found(const struct asked *);
static void	 deactivate(const struct asked *, struct json_object *,
		    struct json_object *);
static void	 set_teardown(struct json_object *, struct json_object *);
static void	 answer(const struct asked *, const struct record *,
		    struct json_object *, int, const char *);
static void	 add_list(struct json_object *, struct json_object *,
		    const char *);

void
intent_teardown(const struct asked *asked)
{
	struct record		*r = store_find(asked->target);
	struct json_object	*doc, *teardown;

	if (r == NULL) {
		not_found(asked);
		commit_noted(asked, 404, 0);
		return;
	}
	if (r->inactive) {
		answer(asked, r, NULL, r->changed, DEACTIVATED);
		commit_noted(asked, 409, 0);
		return;
	}
	doc = store_document(r);
	/* Two who ask at once share the first's intent. */
	if (json_member(doc, "teardown", json_type_object) == NULL) {
		teardown = json_object_new_object();
		apply_set_now(teardown, "requested_at");
		json_set_text(teardown, "requested_by", asked->actor);
		json_object_object_add(doc, "teardown", teardown);
		apply_set_now(doc, "last_updated");
	}
	if (apply_stage(asked, doc, NULL) == -1)
		commit_noted(asked, 503, 0);
	else
		commit_noted(asked, 200, r->changed);
	json_object_put(doc);
}

static void
not_found(const struct asked *asked)
{
	apply_refuse(asked, 404, 0, 0, "pipeline_not_found",
	    "Pipeline not found: %s", asked->target);
}

void
apply_teardown(const struct asked *asked, struct json_object *result)
{
	struct record		*r = store_find(asked->target);
	struct json_object	*doc;

	if (r == NULL) {
		not_found(asked);
		return;
	}
	doc = store_document(r);
	if (r->inactive)
		answer(asked, r, result, r->changed, DEACTIVATED);
	else if (json_member(doc, "teardown", json_type_object) == NULL)
		/* The intent is gone: it was done, and then undone. */
		answer(asked, r, result, r->changed,
		    "Pipeline was provisioned again meanwhile");
	else
		deactivate(asked, doc, result);
	json_object_put(doc);
}

static void
deactivate(const struct asked *asked, struct json_object *doc,
    struct json_object *result)
{
	struct record	*r;

	json_set_text(doc, "status", "inactive");
	apply_set_now(doc, "deactivated_at");
	apply_set_now(doc, "last_updated");
	json_object_object_del(doc, "error");
	set_teardown(doc, result);
	if (apply_stage(asked, doc, &r) == 0)
		answer(asked, r, result, 1, DEACTIVATED);
}

/* Kept while the poller still follows runs that were not cancelled yet. */
static void
set_teardown(struct json_object *doc, struct json_object *result)
{
	struct json_object	*old, *teardown;
	const char		*at;

	old = json_member(doc, "teardown", json_type_object);
	if (!json_flag(result, "follow")) {
		json_object_object_del(doc, "teardown");
		return;
	}
	teardown = json_object_new_object();
	if (old != NULL && (at = json_string(old, "requested_at")) != NULL)
		json_set_text(teardown, "requested_at", at);
	else
		apply_set_now(teardown, "requested_at");
	add_list(teardown, result, "cancelling");
	json_object_object_add(teardown, "follow",
	    json_object_new_boolean(1));
	json_object_object_add(doc, "teardown", teardown);
}

static void
answer(const struct asked *asked, const struct record *r,
    struct json_object *result, int depends, const char *message)
{
	struct reply	 reply = { .status = 200, .audited = 1 };

	reply.depends = depends;
	reply.body = apply_success();
	json_set_text(reply.body, "pipeline_id", r->id);
	json_set_text(reply.body, "status",
	    r->inactive ? "inactive" : "active");
	json_set_text(reply.body, "message", message);
	add_list(reply.body, result, "cancelled");
	add_list(reply.body, result, "cancelling");
	add_list(reply.body, result, "warnings");
	commit_answer(asked, &reply);
}

static void
add_list(struct json_object *to, struct json_object *from, const char *name)
{
	struct json_object	*list = NULL;

	if (from != NULL)
		list = json_member(from, name, json_type_array);
	json_object_object_add(to, name, list != NULL ?
	    json_object_get(list) : json_object_new_array());
}
