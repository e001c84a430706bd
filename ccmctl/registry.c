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
 * Answers about the registry, as text.  Part of ccmctl.  Must not compute
 * anything: what is shown is what the answer says.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "ccmctl.h"
#include "json.h"

static const char *text_of(struct json_object *, const char *);
static void	 listed(const struct view *, struct json_object *,
		    const char *, const char *, const char *);

void
view_backups(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Backup", 0 },
		{ "Made", 0 },
		{ "Age", 0 },
		{ "Bytes", TABLE_RIGHT },
	};
	struct json_object	*list, *b;
	struct table		 table;
	const char		*s;
	char			 date[TEXT_TIME_SIZE], ago[TEXT_TIME_SIZE];
	size_t			 i, n;

	list = json_member(answer, "backups", json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		(void)fputs("No backups.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++) {
		b = json_object_array_get_idx(list, i);
		s = json_string(b, "name");
		table_add(&table, STYLE_PLAIN, s != NULL ? s : "?");
		s = json_string(b, "time");
		table_add(&table, STYLE_PLAIN,
		    s != NULL ? text_date(s, date) : "-");
		table_add(&table, STYLE_PLAIN,
		    s != NULL ? text_ago(s, v->now, ago) : "-");
		table_add(&table, STYLE_PLAIN, view_number(b, "bytes"));
	}
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
	if (view_integer(answer, "total") > (int64_t)n)
		(void)fprintf(v->f, "and %lld older ones\n", (long long)
		    (view_integer(answer, "total") - (int64_t)n));
}

void
view_audit(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Time (UTC)", 0 },
		{ "Actor", TABLE_SHRINK },
		{ "Operation", 0 },
		{ "Target", 0 },
		{ "Outcome", 0 },
		{ "Detail", TABLE_SHRINK },
	};
	struct json_object	*list, *e;
	struct table		 table;
	const char		*s;
	char			 date[TEXT_TIME_SIZE];
	size_t			 i, n;

	list = json_member(answer, "entries", json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		(void)fputs("Nothing.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++) {
		e = json_object_array_get_idx(list, i);
		s = json_string(e, "time");
		table_add(&table, STYLE_PLAIN,
		    s != NULL ? text_date(s, date) : "-");
		table_add(&table, STYLE_PLAIN, text_of(e, "actor"));
		table_add(&table, STYLE_PLAIN, text_of(e, "verb"));
		table_add(&table, STYLE_PLAIN, text_of(e, "target"));
		table_addf(&table, STYLE_PLAIN, "%s %s",
		    text_of(e, "outcome"), view_number(e, "status"));
		table_add(&table, STYLE_PLAIN, text_of(e, "detail"));
	}
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
	if (json_flag(answer, "more"))
		(void)fputs("There are older ones.\n", v->f);
}

static const char *
text_of(struct json_object *o, const char *name)
{
	const char	*s = json_string(o, name);

	return (s != NULL && *s != '\0' ? s : "-");
}

void
view_imported(const struct view *v, struct json_object *answer)
{
	(void)fprintf(v->f, "%lld taken, %lld skipped, %lld renamed\n",
	    (long long)view_integer(answer, "taken"),
	    (long long)view_integer(answer, "skipped_count"),
	    (long long)view_integer(answer, "renamed_count"));
	listed(v, answer, "skipped", "name", NULL);
	listed(v, answer, "renamed", "from", "to");
}

static void
listed(const struct view *v, struct json_object *answer, const char *name,
    const char *from, const char *to)
{
	struct json_object	*list, *o;
	char			*a, *b, *why;
	const char		*s;
	size_t			 i;

	list = json_member(answer, name, json_type_array);
	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		s = json_string(o, from);
		a = text_visible(s != NULL ? s : "?");
		s = to != NULL ? json_string(o, to) : NULL;
		b = text_visible(s != NULL ? s : "");
		s = json_string(o, "reason");
		why = text_visible(s != NULL ? s : "");
		(void)fprintf(v->f, "%s %s%s%s: %s\n", name, a,
		    *b != '\0' ? " to " : "", b, why);
		free(a);
		free(b);
		free(why);
	}
}
