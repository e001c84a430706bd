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
 * Update applied to the store: the members given replace those of the
 * document, a configuration member by member (RFC 7396).  Runs in the
 * registry.
 */

#include "config.h"

#include <json-c/json.h>
#include <string.h>

#include "json.h"
#include "pipeline.h"
#include "registry.h"
#include "store.h"

static void	 update_config(struct json_object *, struct json_object *);
static void	 update_vps(struct json_object *, struct json_object *);
static int	 is_in(struct json_object *, const char *);
static void	 answer(const struct asked *, struct json_object *, int);

void
apply_update(const struct asked *asked, struct json_object *args)
{
	struct record		*r = store_find(asked->target);
	struct json_object	*doc, *before;

	if (r == NULL) {
		apply_refuse(asked, 404, 0, 0, "pipeline_not_found",
		    "Pipeline not found: %s", asked->target);
		return;
	}
	before = store_document(r);
	doc = store_document(r);
	update_config(doc, json_member(args, "config", json_type_object));
	update_vps(doc, args);
	if (json_object_equal(doc, before))
		answer(asked, doc, r->changed);
	else if (!pipeline_config_fits(json_member(doc, "config",
	    json_type_object)))
		apply_refuse(asked, 400, 0, 0, "invalid_argument",
		    "config must hold at most 16 KB of what is not known");
	else {
		apply_set_now(doc, "last_updated");
		if (apply_stage(asked, doc, NULL) == 0)
			answer(asked, doc, 1);
	}
	json_object_put(before);
	json_object_put(doc);
}

static void
update_config(struct json_object *doc, struct json_object *patch)
{
	struct json_object	*now = NULL;

	if (patch == NULL)
		return;
	(void)json_object_object_get_ex(doc, "config", &now);
	json_object_object_add(doc, "config", apply_merge(now, patch));
}

/* To none any more: what `unlink` names, and an empty text of ccmctl's. */
static void
update_vps(struct json_object *doc, struct json_object *args)
{
	static const char *const	 names[] = {
		"vps", "linked_domain", "linked_app"
	};
	struct json_object		*vps, *gone;
	const char			*s;
	size_t				 i;

	vps = json_member(doc, "vps_integration", json_type_object);
	gone = json_member(args, "unlink", json_type_array);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		s = json_string(args, names[i]);
		if (s == NULL && is_in(gone, names[i]))
			s = "";
		if (s == NULL)
			continue;
		if (vps == NULL) {
			vps = json_object_new_object();
			json_object_object_add(doc, "vps_integration", vps);
		}
		if (s[0] != '\0')
			json_set_text(vps, names[i], s);
		else
			json_object_object_del(vps, names[i]);
	}
}

static int
is_in(struct json_object *list, const char *name)
{
	const char	*s;
	size_t		 i, n = list == NULL ? 0 :
			    json_object_array_length(list);

	for (i = 0; i < n; i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		if (s != NULL && strcmp(s, name) == 0)
			return (1);
	}
	return (0);
}

static void
answer(const struct asked *asked, struct json_object *doc, int depends)
{
	struct reply	 reply = { .status = 200, .audited = 1 };

	reply.depends = depends;
	reply.body = apply_success();
	/* As the api shows it: there that name is of its figures. */
	json_object_object_del(doc, "metrics");
	json_object_object_add(reply.body, "pipeline", json_object_get(doc));
	commit_answer(asked, &reply);
}
