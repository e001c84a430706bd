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
 * What the token doctor found, as text.  Part of ccmctl.  Must not judge:
 * what is shown is what the answer says.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

static const struct table_column need_columns[] = {
	{ "Verbs", TABLE_SHRINK }, { "Permission", 0 }, { "Scope", 0 },
	{ "Has", 0 },
};

static void	 credential(const struct view *, struct json_object *);
static void	 token(const struct view *, const char *,
		    struct json_object *);
static void	 needs(const struct view *, struct json_object *);
static void	 pipeline(const struct view *, struct json_object *);
static size_t	 problems(const struct view *, struct json_object *);
static const char *text(struct json_object *, const char *);

void
view_doctor(const struct view *v, struct json_object *answer)
{
	struct json_object	*list, *o;
	size_t			 i, n, wrong = 0;

	list = json_member(answer, "credentials", json_type_array);
	n = list != NULL ? json_object_array_length(list) : 0;
	if (n == 0)
		(void)fputs("No GitHub is configured.\n", v->f);
	for (i = 0; i < n; i++) {
		if (i > 0)
			(void)fputc('\n', v->f);
		credential(v, json_object_array_get_idx(list, i));
	}
	list = json_member(answer, "pipelines", json_type_array);
	n = list != NULL ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(list, i);
		pipeline(v, o);
		wrong += json_object_array_length(json_member(o, "problems",
		    json_type_array)) > 0;
	}
	(void)fputc('\n', v->f);
	view_say(v, wrong > 0 ? SIGN_WARN : SIGN_GOOD, "%s of %s pipelines "
	    "looked at, something is wrong with %zu",
	    view_number(answer, "checked"), view_number(answer, "total"),
	    wrong);
}

static void
credential(const struct view *v, struct json_object *c)
{
	view_field(v, "Credential", SIGN_NONE, "%s", text(c, "credential"));
	view_field(v, "URL", SIGN_NONE, "%s", text(c, "url"));
	if (json_string(c, "account") != NULL)
		view_field(v, "Account", SIGN_NONE, "%s", text(c, "account"));
	token(v, "Token", json_member(c, "token", json_type_object));
	token(v, "For changes", json_member(c, "write_token",
	    json_type_object));
	if (problems(v, c) == 0)
		view_field(v, "Problems", SIGN_GOOD, "none");
	needs(v, json_member(c, "needs", json_type_array));
}

static void
token(const struct view *v, const char *label, struct json_object *t)
{
	if (t == NULL)
		return;
	if (json_string(t, "permissions") != NULL)
		view_field(v, label, SIGN_NONE, "App %s, installation %s:%s",
		    view_number(t, "app"), view_number(t, "installation"),
		    text(t, "permissions"));
	else if (json_string(t, "scopes") != NULL)
		view_field(v, label, SIGN_NONE, "%s, with the scopes %s",
		    text(t, "kind"), json_string(t, "scopes")[0] != '\0' ?
		    text(t, "scopes") : "none");
	else
		view_field(v, label, SIGN_NONE, "%s", text(t, "kind"));
	view_time(v, "Ends", json_string(t, "ends"));
}

static void
needs(const struct view *v, struct json_object *list)
{
	struct table		 table;
	struct json_object	*need, *has;
	size_t			 i;
	int			 yes;

	if (list == NULL)
		return;
	table_init(&table, need_columns, sizeof(need_columns) /
	    sizeof(need_columns[0]));
	for (i = 0; i < json_object_array_length(list); i++) {
		need = json_object_array_get_idx(list, i);
		has = NULL;
		(void)json_object_object_get_ex(need, "has", &has);
		yes = json_object_get_boolean(has);
		table_add(&table, STYLE_PLAIN, text(need, "verbs"));
		table_add(&table, STYLE_PLAIN, text(need, "permission"));
		table_add(&table, STYLE_PLAIN, text(need, "scope"));
		table_add(&table, has == NULL ? STYLE_DIM : yes ? STYLE_GOOD :
		    STYLE_BAD, has == NULL ? "?" : yes ? "yes" : "no");
	}
	table_print(v->f, v->term, &table, 0, table_rows(&table),
	    v->frame);
	table_clear(&table);
}

/* Only what there is something to say of. */
static void
pipeline(const struct view *v, struct json_object *p)
{
	if (json_object_array_length(json_member(p, "problems",
	    json_type_array)) == 0)
		return;
	(void)fputc('\n', v->f);
	view_field(v, "Pipeline", SIGN_NONE, "%s  %s", text(p, "pipeline_id"),
	    text(p, "repository"));
	(void)problems(v, p);
}

static size_t
problems(const struct view *v, struct json_object *o)
{
	struct json_object	*list;
	size_t			 i, n;

	list = json_member(o, "problems", json_type_array);
	n = list != NULL ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++)
		view_field(v, i == 0 ? "Problems" : "", SIGN_BAD, "%s",
		    json_object_get_string(json_object_array_get_idx(list,
		    i)));
	return (n);
}

static const char *
text(struct json_object *o, const char *name)
{
	const char	*s = json_string(o, name);

	return (s != NULL ? s : "-");
}
