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
 * Runs as text for people: one with its jobs and steps, and what was done to
 * one.  Part of ccmctl.  Must not ask the daemon anything.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

static void	 show_job(const struct view *, struct table *,
		    struct json_object *);
static void	 add_row(const struct view *, struct table *, const char *,
		    struct json_object *);

void
view_run(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Job", TABLE_SHRINK },
		{ "Status", 0 },
		{ "Started", TABLE_RIGHT },
		{ "Duration", TABLE_RIGHT },
	};
	struct json_object	*run, *jobs;
	struct table		 table;
	size_t			 i, n;

	run = json_member(answer, "run", json_type_object);
	if (run == NULL)
		return;
	view_run_head(v, run);
	jobs = json_member(run, "jobs", json_type_array);
	if (jobs == NULL || (n = json_object_array_length(jobs)) == 0)
		return;
	view_heading(v, "Jobs");
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++)
		show_job(v, &table, json_object_array_get_idx(jobs, i));
	table_print(v->f, v->term, &table, 0, table.ncells / table.ncolumns,
	    v->frame);
	table_clear(&table);
}

void
view_run_head(const struct view *v, struct json_object *run)
{
	static const struct {
		const char	*label;
		const char	*name;
	} texts[] = {
		{ "Title", "title" },
		{ "Branch", "branch" },
		{ "Event", "event" },
		{ "Actor", "actor" },
		{ "Commit", "head_sha" },
		{ "Page", "html_url" },
	};
	const char	*s;
	char		 buf[TEXT_TIME_SIZE];
	size_t		 i;

	view_field(v, "Run", SIGN_NONE, "%s, attempt %s",
	    view_number(run, "run_id"), view_number(run, "run_attempt"));
	s = run_word(run);
	view_field(v, "Status", show_run_sign(s), "%s", s);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((s = json_string(run, texts[i].name)) != NULL)
			view_field(v, texts[i].label, SIGN_NONE, "%s", s);
	view_time(v, "Started", json_string(run, "run_started_at"));
	view_field(v, "Duration", SIGN_NONE, "%s",
	    text_duration(view_integer(run, "duration_seconds"), buf));
}

const char *
run_word(struct json_object *o)
{
	const char	*s = json_string(o, "conclusion");

	if (s == NULL && (s = json_string(o, "status")) == NULL)
		s = "?";
	return (s);
}

/* Steps are indented below their job. */
static void
show_job(const struct view *v, struct table *table, struct json_object *job)
{
	struct json_object	*steps;
	size_t			 i;

	add_row(v, table, "", job);
	steps = json_member(job, "steps", json_type_array);
	for (i = 0; steps != NULL && i < json_object_array_length(steps); i++)
		add_row(v, table, "  ", json_object_array_get_idx(steps, i));
}

static void
add_row(const struct view *v, struct table *table, const char *indent,
    struct json_object *o)
{
	const char	*name = json_string(o, "name"), *word = run_word(o);
	enum sign	 sign = show_run_sign(word);
	char		 buf[TEXT_TIME_SIZE];

	table_addf(table, STYLE_PLAIN, "%s%s", indent,
	    name != NULL ? name : "?");
	table_addf(table, term_sign_style(sign), "%s%s",
	    term_sign(v->term, sign), word);
	table_add(table, STYLE_PLAIN,
	    text_ago(json_string(o, "started_at"), v->now, buf));
	table_add(table, STYLE_PLAIN,
	    text_duration(view_integer(o, "duration_seconds"), buf));
}

void
view_triggered(const struct view *v, struct json_object *answer)
{
	const char	*s;

	view_say(v, SIGN_GOOD, "Run started: %s",
	    view_number(answer, "run_id"));
	if ((s = json_string(answer, "branch")) != NULL)
		view_field(v, "Branch", SIGN_NONE, "%s", s);
	view_warnings(v, answer);
}

/* Accepted is not done: a run that does not end yet is said to go on. */
void
view_cancelled(const struct view *v, struct json_object *answer)
{
	if (json_flag(answer, "cancelled"))
		view_say(v, SIGN_GOOD, "Run cancelled: %s",
		    view_number(answer, "run_id"));
	else
		view_say(v, SIGN_BUSY, "Run %s is being cancelled, and has "
		    "not ended yet", view_number(answer, "run_id"));
	view_warnings(v, answer);
}

void
view_rerun(const struct view *v, struct json_object *answer)
{
	view_say(v, SIGN_GOOD, "Run started again: %s",
	    view_number(answer, "run_id"));
	view_field(v, "Attempt", SIGN_NONE, "%s",
	    view_number(answer, "run_attempt"));
}

void
view_workflow(const struct view *v, struct json_object *answer)
{
	const char	*state = json_string(answer, "workflow_state");
	const char	*file = json_string(answer, "workflow_file");

	view_say(v, SIGN_GOOD, "%s: %s", state != NULL &&
	    strcmp(state, "active") == 0 ? "Workflow enabled" :
	    "Workflow disabled", file != NULL ? file : "?");
}
