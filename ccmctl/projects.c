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
 * Projects as text.  Part of ccmctl.  Must not ask for a secret's value,
 * nor could it: the daemon gives none.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>

#include "ccmctl.h"
#include "json.h"

static const char *text_of(struct json_object *, const char *);
static void	 show_environments(const struct view *,
		    struct json_object *);
static size_t	 count(struct json_object *, const char *);

void
view_projects(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Project", TABLE_SHRINK },
		{ "Repository", TABLE_SHRINK },
		{ "App", 0 },
		{ "Environments", TABLE_RIGHT },
		{ "Secrets", TABLE_RIGHT },
	};
	struct json_object	*list, *p, *github;
	struct table		 table;
	size_t			 i, n;

	list = json_member(answer, "projects", json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		(void)fputs("No projects.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++) {
		p = json_object_array_get_idx(list, i);
		github = json_member(p, "github", json_type_object);
		table_add(&table, STYLE_PLAIN, text_of(p, "name"));
		table_addf(&table, STYLE_PLAIN, "%s/%s",
		    text_of(github, "owner"), text_of(github, "repo"));
		table_add(&table, STYLE_PLAIN, text_of(json_member(p, "vps",
		    json_type_object), "app_name"));
		table_addf(&table, STYLE_PLAIN, "%zu",
		    count(p, "environments"));
		table_addf(&table, STYLE_PLAIN, "%zu", count(p, "secrets"));
	}
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
}

static size_t
count(struct json_object *p, const char *name)
{
	struct json_object	*o;

	if (!json_object_object_get_ex(p, name, &o))
		return (0);
	if (json_object_is_type(o, json_type_array))
		return (json_object_array_length(o));
	return (json_object_is_type(o, json_type_object) ?
	    (size_t)json_object_object_length(o) : 0);
}

static const char *
text_of(struct json_object *o, const char *name)
{
	const char	*s = o != NULL ? json_string(o, name) : NULL;

	return (s != NULL && *s != '\0' ? s : "-");
}

void
view_project(const struct view *v, struct json_object *answer)
{
	struct json_object	*p, *github, *vps, *list;
	size_t			 i, n;

	p = json_member(answer, "project", json_type_object);
	if (p == NULL) {
		(void)fputs("The project is gone\n", v->f);
		return;
	}
	github = json_member(p, "github", json_type_object);
	vps = json_member(p, "vps", json_type_object);
	view_field(v, "Project", SIGN_NONE, "%s", text_of(p, "name"));
	view_field(v, "Repository", SIGN_NONE, "%s/%s",
	    text_of(github, "owner"), text_of(github, "repo"));
	view_field(v, "Workflow", SIGN_NONE, "%s",
	    text_of(github, "workflow_file"));
	view_field(v, "App", SIGN_NONE, "%s", text_of(vps, "app_name"));
	view_field(v, "Directory", SIGN_NONE, "%s",
	    text_of(vps, "app_path"));
	if (vps != NULL)
		view_field(v, "Port", SIGN_NONE, "%s",
		    view_number(vps, "port"));
	list = json_member(p, "secrets", json_type_array);
	n = list != NULL ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++)
		view_field(v, i == 0 ? "Secrets" : "", SIGN_NONE, "%s",
		    json_object_get_string(json_object_array_get_idx(list,
		    i)));
	show_environments(v, p);
}

static void
show_environments(const struct view *v, struct json_object *p)
{
	struct json_object	*all;

	all = json_member(p, "environments", json_type_object);
	if (all == NULL)
		return;
	json_object_object_foreach(all, name, e) {
		view_heading(v, name);
		view_field(v, "Branch", SIGN_NONE, "%s",
		    text_of(e, "branch"));
		view_field(v, "VPS", SIGN_NONE, "%s", text_of(e, "vps_host"));
		view_field(v, "Script", SIGN_NONE, "%s",
		    text_of(e, "deployment_script"));
	}
}
