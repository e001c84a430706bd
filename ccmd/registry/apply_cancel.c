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
 * A run whose cancel was accepted and that goes on: its document says so, so
 * that it is followed to its end whatever is restarted meanwhile.  Runs in
 * the registry.  Must not take an accepted cancel for a done one.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>

#include "json.h"
#include "log.h"
#include "registry.h"
#include "store.h"

/* Of one pipeline; the poller follows no more than that in all. */
#define CANCELLING_MAX	256

static int	 note(const struct asked *, struct record *,
		    struct json_object *, struct json_object *);
static void	 warn_full(struct json_object *, int64_t);
static int	 is_noted(struct json_object *, int64_t);
static void	 answer(const struct asked *, struct json_object *, int);

void
apply_cancel(const struct asked *asked, struct json_object *result)
{
	struct record		*r = store_find(asked->target);
	struct json_object	*follow;

	follow = json_member(result, "follow", json_type_object);
	if (r == NULL)
		apply_refuse(asked, 404, 0, 0, "pipeline_not_found",
		    "Pipeline not found: %s", asked->target);
	else if (follow == NULL)
		answer(asked, result, 0);
	else if (note(asked, r, follow, result) == 0)
		answer(asked, result, 1);
}

static int
note(const struct asked *asked, struct record *r, struct json_object *follow,
    struct json_object *result)
{
	struct json_object	*doc = store_document(r), *list;
	int64_t			 run;
	int			 error = 0;

	if (json_int(follow, "run_id", &run) != 1) {
		log_err("poller: %s: no run to follow", asked->verb);
		json_object_put(doc);
		return (0);
	}
	if ((list = json_member(doc, "cancelling", json_type_array)) == NULL) {
		list = json_object_new_array();
		json_object_object_add(doc, "cancelling", list);
	}
	if (is_noted(list, run))
		;
	else if (json_object_array_length(list) < CANCELLING_MAX) {
		json_object_array_add(list, json_object_get(follow));
		apply_set_now(doc, "last_updated");
		error = apply_stage(asked, doc, NULL);
	} else
		warn_full(result, run);
	json_object_put(doc);
	return (error);
}

/* It is cancelled all the same, and followed as long as nothing ends. */
static void
warn_full(struct json_object *result, int64_t run)
{
	struct json_object	*warnings;
	char			 text[MSG_TEXT_MAX];

	warnings = json_member(result, "warnings", json_type_array);
	if (warnings == NULL) {
		warnings = json_object_new_array();
		json_object_object_add(result, "warnings", warnings);
	}
	(void)snprintf(text, sizeof(text), "Run %lld is followed to its end "
	    "only until the daemon restarts: %d others that are being "
	    "cancelled are noted already", (long long)run, CANCELLING_MAX);
	json_object_array_add(warnings, json_object_new_string(text));
}

static int
is_noted(struct json_object *list, int64_t run)
{
	int64_t	 id;
	size_t	 i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (json_int(json_object_array_get_idx(list, i), "run_id",
		    &id) == 1 && id == run)
			return (1);
	return (0);
}

static void
answer(const struct asked *asked, struct json_object *result, int depends)
{
	static const char *const members[] = {
		"pipeline_id", "run_id", "cancelled", "warnings"
	};
	struct reply		 reply = { .status = 202, .audited = 1 };
	struct json_object	*value;
	char			 detail[APPLY_RUN_DETAIL];
	size_t			 i;

	reply.depends = depends;
	reply.body = apply_success();
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_object_get_ex(result, members[i], &value))
			json_object_object_add(reply.body, members[i],
			    json_object_get(value));
	reply.detail = apply_run_detail(result, detail, sizeof(detail));
	commit_answer(asked, &reply);
}
