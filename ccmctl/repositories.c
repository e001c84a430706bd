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
 * What there is on GitHub as tables: repositories, branches, workflows,
 * and what discovery found there.
 * Part of ccmctl.  Must not ask the daemon anything.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

#define COLUMNS_MAX	5

/* A table of one kind: the list's member, and members of each row. */
struct listing {
	const char	*list;
	const char	*none;		/* NULL: nothing to say then */
	size_t		 n;
	struct table_column columns[COLUMNS_MAX];
	const char	*members[COLUMNS_MAX];
};

static void	 view_listing(const struct view *, struct json_object *,
		    const struct listing *);
static void	 add_cell(struct table *, struct json_object *, const char *);

void
view_repositories(const struct view *v, struct json_object *answer)
{
	static const struct listing	 listing = {
		"repositories", "No repositories.", 5,
		{ { "Repository", TABLE_SHRINK }, { "Branch", TABLE_SHRINK },
		    { "Private", 0 }, { "Archived", 0 }, { "Pushed", 0 } },
		{ "full_name", "default_branch", "private", "archived",
		    "pushed_at" }
	};

	view_listing(v, answer, &listing);
}

void
view_branches(const struct view *v, struct json_object *answer)
{
	static const struct listing	 listing = {
		"branches", "No branches.", 3,
		{ { "Branch", TABLE_SHRINK }, { "Protected", 0 },
		    { "Commit", TABLE_SHRINK } },
		{ "name", "protected", "sha" }
	};

	view_listing(v, answer, &listing);
}

void
view_workflows(const struct view *v, struct json_object *answer)
{
	static const struct listing	 listing = {
		"workflows", "No workflows.", 4,
		{ { "Workflow", TABLE_SHRINK }, { "File", TABLE_SHRINK },
		    { "State", 0 }, { "Deploy", 0 } },
		{ "name", "path", "state", "deploy" }
	};

	view_listing(v, answer, &listing);
}

void
view_discovered(const struct view *v, struct json_object *answer)
{
	static const struct listing	 found = {
		"apps", "No apps found.", 4,
		{ { "App", TABLE_SHRINK }, { "Repository", TABLE_SHRINK },
		    { "Workflow", TABLE_SHRINK }, { "Pipeline", 0 } },
		{ "app", "repository", "workflow_file", "pipeline_id" }
	}, others = {
		"unconfigured", NULL, 2,
		{ { "Unconfigured", TABLE_SHRINK },
		    { "Reason", TABLE_SHRINK } },
		{ "app", "reason" }
	};

	view_listing(v, answer, &found);
	view_listing(v, answer, &others);
}

static void
view_listing(const struct view *v, struct json_object *answer,
    const struct listing *l)
{
	struct json_object	*list, *o;
	struct table		 table;
	size_t			 i, j, n = 0;

	list = json_member(answer, l->list, json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		if (l->none != NULL)
			(void)fprintf(v->f, "%s\n", l->none);
		return;
	}
	table_init(&table, l->columns, l->n);
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(list, i);
		for (j = 0; j < l->n; j++)
			add_cell(&table, o, l->members[j]);
	}
	table_print(v->f, v->term, &table, 0, n, v->frame);
	table_clear(&table);
	if (json_flag(answer, "truncated"))
		(void)fprintf(v->f, "There are more than these %zu.\n", n);
}

static void
add_cell(struct table *table, struct json_object *o, const char *name)
{
	struct json_object	*v = NULL;
	const char		*s = json_string(o, name);

	if (s == NULL && json_object_object_get_ex(o, name, &v) &&
	    json_object_is_type(v, json_type_boolean))
		s = json_object_get_boolean(v) ? "yes" : "-";
	table_add(table, STYLE_PLAIN, s != NULL ? s : "-");
}
