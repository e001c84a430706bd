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
 * Answers as text for people: one function for each verb that has a look of
 * its own.  Part of ccmctl.  Must not ask the daemon anything, nor compute a
 * figure: what is shown is what the answer says.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"
#include "pipeline.h"

/* Where values begin behind names of members. */
#define MEMBER_WIDTH	22
#define NAME_MAX_LEN	256
#define SECONDS_SUFFIX	"_seconds"

typedef void (*show_fn)(const struct view *, struct json_object *);

static void	 show_list(const struct view *, struct json_object *);
static void	 show_pipeline(const struct view *, struct json_object *);
static void	 show_stats(const struct view *, struct json_object *);
static void	 show_runs(const struct view *, struct json_object *);
static void	 show_provisioned(const struct view *, struct json_object *);
static void	 show_torn_down(const struct view *, struct json_object *);
static void	 show_message(const struct view *, struct json_object *);
static void	 show_members(const struct view *, struct json_object *);

static void	 list_row(const struct view *, struct table *,
		    struct json_object *);
static void	 run_row(const struct view *, struct table *,
		    struct json_object *);
static void	 pipeline_info(const struct view *, struct json_object *);
static void	 member(const struct view *, const char *, const char *,
		    struct json_object *);
static void	 members(const struct view *, const char *,
		    struct json_object *);
static void	 done(const struct view *, const char *, const char *);

static const show_fn shows[VERB_MAX] = {
	[VERB_PIPELINE_PROVISION] = show_provisioned,
	[VERB_PIPELINE_LIST] = show_list,
	[VERB_PIPELINE_SHOW] = show_pipeline,
	[VERB_PIPELINE_STATS] = show_stats,
	[VERB_PIPELINE_UPDATE] = show_pipeline,
	[VERB_PIPELINE_RUNS] = show_runs,
	[VERB_PIPELINE_TEARDOWN] = show_torn_down,
	[VERB_RUN_SHOW] = view_run,
	[VERB_REPOSITORY_LIST] = view_repositories,
	[VERB_REPOSITORY_BRANCHES] = view_branches,
	[VERB_REPOSITORY_WORKFLOWS] = view_workflows,
	[VERB_DISCOVERY_SCAN] = view_discovered,
	[VERB_PIPELINE_TRIGGER] = view_triggered,
	[VERB_RUN_CANCEL] = view_cancelled,
	[VERB_RUN_RERUN] = view_rerun,
	[VERB_WORKFLOW_ENABLE] = view_workflow,
	[VERB_WORKFLOW_DISABLE] = view_workflow,
	[VERB_BUDGET_SHOW] = view_budget,
	[VERB_AUDIT_LIST] = view_audit,
	[VERB_PROJECT_LIST] = view_projects,
	[VERB_PROJECT_SHOW] = view_project,
	[VERB_PROJECT_INIT] = view_project,
	[VERB_PROJECT_SET] = view_project,
	[VERB_PROJECT_DELETE] = view_project,
	[VERB_DOCTOR] = view_doctor,
	[VERB_REGISTRY_BACKUPS] = view_backups,
	[VERB_REGISTRY_IMPORT] = view_imported,
	[VERB_PIPELINE_TRENDS] = view_trends,
	[VERB_TRENDS] = view_trends,
	[VERB_DAEMON_RELOAD] = show_message,
	[VERB_DAEMON_LOG] = show_message,
};

static const struct {
	const char	*word;
	enum sign	 sign;
} pipeline_signs[] = {
	{ "active", SIGN_GOOD },
	{ "inactive", SIGN_PAUSED },
	{ "error", SIGN_BAD },
}, run_signs[] = {
	{ "success", SIGN_GOOD },
	{ "failure", SIGN_BAD },
	{ "timed_out", SIGN_BAD },
	{ "startup_failure", SIGN_BAD },
	{ "action_required", SIGN_WARN },
	{ "cancelled", SIGN_PAUSED },
	{ "skipped", SIGN_PAUSED },
	{ "neutral", SIGN_PAUSED },
	{ "stale", SIGN_PAUSED },
	{ "in_progress", SIGN_BUSY },
	{ "queued", SIGN_BUSY },
	{ "requested", SIGN_BUSY },
	{ "waiting", SIGN_BUSY },
	{ "pending", SIGN_BUSY },
};

void
show_answer(const struct view *v, const struct verb *verb,
    struct json_object *answer)
{
	if (shows[verb->id] != NULL)
		shows[verb->id](v, answer);
	else
		show_members(v, answer);
}

enum sign
show_status_sign(const char *status)
{
	size_t	 i;

	for (i = 0; i < sizeof(pipeline_signs) / sizeof(pipeline_signs[0]);
	    i++)
		if (strcmp(pipeline_signs[i].word, status) == 0)
			return (pipeline_signs[i].sign);
	return (SIGN_WARN);
}

enum sign
show_run_sign(const char *status)
{
	size_t	 i;

	for (i = 0; i < sizeof(run_signs) / sizeof(run_signs[0]); i++)
		if (strcmp(run_signs[i].word, status) == 0)
			return (run_signs[i].sign);
	return (SIGN_NONE);
}

static void
show_list(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Pipeline ID", 0 },
		{ "Repository", TABLE_SHRINK },
		{ "Status", 0 },
		{ "Domain", TABLE_SHRINK },
		{ "Created", 0 },
	};
	struct json_object	*list;
	struct table		 table;
	size_t			 i, n;

	list = json_member(answer, "pipelines", json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		(void)fputs("No pipelines.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++)
		list_row(v, &table, json_object_array_get_idx(list, i));
	table_print(v->f, v->term, &table, 0, n, v->frame);
	table_clear(&table);
	if (json_string(answer, "next") != NULL)
		(void)fprintf(v->f, "%zu of %s\n", n,
		    view_number(answer, "total"));
}

static void
list_row(const struct view *v, struct table *table, struct json_object *p)
{
	char	 buf[TEXT_TIME_SIZE];

	show_pipeline_cells(v->term, table, p);
	table_add(table, STYLE_PLAIN,
	    text_date(json_string(p, "created_at"), buf));
}

void
show_pipeline_cells(const struct term *term, struct table *table,
    struct json_object *p)
{
	const char	*id = json_string(p, "pipeline_id");
	const char	*repository = json_string(p, "repository");
	const char	*status = json_string(p, "status");
	const char	*domain = pipeline_vps(p, "linked_domain");
	enum sign	 sign;

	if (status == NULL)
		status = "?";
	sign = show_status_sign(status);
	table_add(table, STYLE_PLAIN, id != NULL ? id : "?");
	table_add(table, STYLE_PLAIN, repository != NULL ? repository : "?");
	table_addf(table, term_sign_style(sign), "%s%s",
	    term_sign(term, sign), status);
	table_add(table, STYLE_PLAIN, *domain != '\0' ? domain : "-");
}

static void
show_runs(const struct view *v, struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "Run", TABLE_RIGHT },
		{ "Status", 0 },
		{ "Branch", TABLE_SHRINK },
		{ "Event", TABLE_SHRINK },
		{ "Started", TABLE_RIGHT },
		{ "Duration", TABLE_RIGHT },
		{ "Title", TABLE_SHRINK },
	};
	struct json_object	*list;
	struct table		 table;
	size_t			 i, n;

	list = json_member(answer, "runs", json_type_array);
	if (list == NULL || (n = json_object_array_length(list)) == 0) {
		(void)fputs("No runs.\n", v->f);
		return;
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++)
		run_row(v, &table, json_object_array_get_idx(list, i));
	table_print(v->f, v->term, &table, 0, n, v->frame);
	table_clear(&table);
}

static void
run_row(const struct view *v, struct table *table, struct json_object *run)
{
	const char	*word = run_word(run);
	const char	*branch = json_string(run, "branch");
	const char	*event = json_string(run, "event");
	const char	*title = json_string(run, "title");
	const char	*started = json_string(run, "run_started_at");
	char		 buf[TEXT_TIME_SIZE];
	enum sign	 sign;

	if (started == NULL)
		started = json_string(run, "created_at");
	sign = show_run_sign(word);
	table_add(table, STYLE_PLAIN, view_number(run, "run_id"));
	table_addf(table, term_sign_style(sign), "%s%s",
	    term_sign(v->term, sign), word);
	table_add(table, STYLE_PLAIN, branch != NULL ? branch : "-");
	table_add(table, STYLE_PLAIN, event != NULL ? event : "-");
	table_add(table, STYLE_PLAIN, text_ago(started, v->now, buf));
	table_add(table, STYLE_PLAIN,
	    text_duration(view_integer(run, "duration_seconds"), buf));
	table_add(table, STYLE_PLAIN, title != NULL ? title : "-");
}

static void
show_pipeline(const struct view *v, struct json_object *answer)
{
	struct json_object	*p, *stats;

	p = json_member(answer, "pipeline", json_type_object);
	if (p == NULL) {
		show_members(v, answer);
		return;
	}
	pipeline_info(v, p);
	stats = json_member(p, "metrics", json_type_object);
	if (stats != NULL)
		view_figures(v, stats);
}

static void
pipeline_info(const struct view *v, struct json_object *p)
{
	static const struct {
		const char	*label;
		const char	*name;
	} texts[] = {
		{ "Repository", "repository" },
		{ "Workflow", "workflow_file" },
	}, links[] = {
		{ "Domain", "linked_domain" },
		{ "App", "linked_app" },
		{ "VPS", "vps" },
	};
	const char	*s;
	size_t		 i;

	if ((s = json_string(p, "pipeline_id")) != NULL)
		view_field(v, "Pipeline", SIGN_NONE, "%s", s);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((s = json_string(p, texts[i].name)) != NULL)
			view_field(v, texts[i].label, SIGN_NONE, "%s", s);
	if ((s = json_string(p, "status")) != NULL)
		view_field(v, "Status", show_status_sign(s), "%s", s);
	if ((s = json_string(p, "error")) != NULL)
		view_field(v, "Error", SIGN_NONE, "%s", s);
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (*(s = pipeline_vps(p, links[i].name)) != '\0')
			view_field(v, links[i].label, SIGN_NONE, "%s", s);
	view_time(v, "Created", json_string(p, "created_at"));
	view_time(v, "Updated", json_string(p, "last_updated"));
	view_time(v, "Deactivated", json_string(p, "deactivated_at"));
}

static void
show_stats(const struct view *v, struct json_object *answer)
{
	struct json_object	*stats;
	const char		*s;

	stats = json_member(answer, "stats", json_type_object);
	if (stats == NULL) {
		show_members(v, answer);
		return;
	}
	if ((s = json_string(stats, "pipeline_id")) != NULL)
		view_field(v, "Pipeline", SIGN_NONE, "%s", s);
	if ((s = json_string(stats, "status")) != NULL)
		view_field(v, "Status", show_status_sign(s), "%s", s);
	view_figures(v, stats);
}

static void
show_provisioned(const struct view *v, struct json_object *answer)
{
	const char	*s;

	s = json_string(answer, "pipeline_id");
	done(v, "Pipeline provisioned: ", s != NULL ? s : "?");
	if ((s = json_string(answer, "repository")) != NULL)
		view_field(v, "Repository", SIGN_NONE, "%s", s);
	if ((s = json_string(answer, "status")) != NULL)
		view_field(v, "Status", show_status_sign(s), "%s", s);
	view_time(v, "Created", json_string(answer, "created_at"));
	view_warnings(v, answer);
}

static void
show_torn_down(const struct view *v, struct json_object *answer)
{
	const char	*s = json_string(answer, "pipeline_id");

	done(v, "Pipeline deactivated: ", s != NULL ? s : "?");
	show_aftermath(v, answer);
}

void
show_aftermath(const struct view *v, struct json_object *answer)
{
	struct json_object	*runs;
	size_t			 i;

	runs = json_member(answer, "cancelling", json_type_array);
	for (i = 0; runs != NULL && i < json_object_array_length(runs); i++)
		view_field(v, i == 0 ? "Cancelling" : "", SIGN_BUSY, "run %s",
		    json_object_get_string(
		    json_object_array_get_idx(runs, i)));
	view_warnings(v, answer);
}

static void
show_message(const struct view *v, struct json_object *answer)
{
	const char	*s = json_string(answer, "message");

	done(v, s != NULL ? s : "done", "");
	view_warnings(v, answer);
}

/* Errors of several lines, as the daemon has them in its log. */
void
show_lines(FILE *f, struct json_object *list)
{
	const char	*s;
	char		*shown;
	size_t		 i;

	for (i = 0; i < json_object_array_length(list); i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		shown = text_visible(s != NULL ? s : "?");
		(void)fprintf(f, "%s\n", shown);
		free(shown);
	}
}

/*
 * Whatever there is, nested names joined by dots.  The depth is bounded by
 * JSON_DEPTH_MAX when the answer is parsed.
 */
static void
show_members(const struct view *v, struct json_object *answer)
{
	struct view	 wide = *v;

	wide.label = MEMBER_WIDTH;
	json_object_object_foreach(answer, key, child)
		if (strcmp(key, "success") != 0)
			member(&wide, "", key, child);
}

static void
member(const struct view *v, const char *prefix, const char *key,
    struct json_object *o)
{
	char		 name[NAME_MAX_LEN], buf[TEXT_TIME_SIZE];
	const char	*s;
	size_t		 len;

	(void)snprintf(name, sizeof(name), "%s%s%s", prefix,
	    *prefix != '\0' ? "." : "", key);
	if (json_object_is_type(o, json_type_object) ||
	    json_object_is_type(o, json_type_array)) {
		members(v, name, o);
		return;
	}
	len = strlen(name);
	if (json_object_is_type(o, json_type_int) &&
	    len > sizeof(SECONDS_SUFFIX) - 1 &&
	    strcmp(name + len - (sizeof(SECONDS_SUFFIX) - 1),
	    SECONDS_SUFFIX) == 0) {
		name[len - (sizeof(SECONDS_SUFFIX) - 1)] = '\0';
		view_field(v, name, SIGN_NONE, "%s",
		    text_duration(json_object_get_int64(o), buf));
		return;
	}
	s = json_object_get_string(o);
	view_field(v, name, SIGN_NONE, "%s", s != NULL ? s : "-");
}

static void
members(const struct view *v, const char *name, struct json_object *o)
{
	char	 index[32];
	size_t	 i;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, child)
			member(v, name, key, child);
		return;
	}
	for (i = 0; i < json_object_array_length(o); i++) {
		(void)snprintf(index, sizeof(index), "%zu", i);
		member(v, name, index, json_object_array_get_idx(o, i));
	}
}

static void
done(const struct view *v, const char *what, const char *id)
{
	term_put(v->f, v->term, STYLE_GOOD, term_sign(v->term, SIGN_GOOD));
	(void)fputs(what, v->f);
	term_put(v->f, v->term, STYLE_TITLE, id);
	(void)fputc('\n', v->f);
}
