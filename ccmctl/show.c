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

#include <err.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"
#include "pipeline.h"

/* Where the values of "label  value" lines begin. */
#define LABEL_WIDTH	14
/* Below this much room values are not folded. */
#define FOLD_MIN	20
#define NAME_MAX_LEN	256
#define SECONDS_SUFFIX	"_seconds"

struct view {
	FILE			*f;
	const struct term	*term;
	int64_t			 now;
};

typedef void (*show_fn)(const struct view *, struct json_object *);

static void	 show_list(const struct view *, struct json_object *);
static void	 show_pipeline(const struct view *, struct json_object *);
static void	 show_stats(const struct view *, struct json_object *);
static void	 show_runs(const struct view *, struct json_object *);
static void	 show_provisioned(const struct view *, struct json_object *);
static void	 show_torn_down(const struct view *, struct json_object *);
static void	 show_members(const struct view *, struct json_object *);

static void	 list_row(const struct view *, struct table *,
		    struct json_object *);
static void	 run_row(const struct view *, struct table *,
		    struct json_object *);
static void	 pipeline_info(const struct view *, struct json_object *);
static void	 figures(const struct view *, struct json_object *);
static void	 one_run(const struct view *, const char *,
		    struct json_object *);
static void	 day(const struct view *, struct json_object *);
static void	 health(const struct view *, struct json_object *);
static void	 freshness(const struct view *, struct json_object *);
static void	 warnings(const struct view *, struct json_object *);
static void	 member(const struct view *, const char *, const char *,
		    struct json_object *);
static void	 members(const struct view *, const char *,
		    struct json_object *);
static void	 heading(const struct view *, const char *);
static void	 done(const struct view *, const char *, const char *);
static void	 field(const struct view *, const char *, enum sign,
		    const char *, ...) __attribute__((format(printf, 4, 5)));
static void	 time_field(const struct view *, const char *, const char *);
static void	 value(const struct view *, size_t, enum style, const char *);
static size_t	 fold(const char *, size_t);
static int64_t	 number(struct json_object *, const char *);
static const char *plain_number(struct json_object *, const char *);

static const show_fn shows[VERB_MAX] = {
	[VERB_PIPELINE_PROVISION] = show_provisioned,
	[VERB_PIPELINE_LIST] = show_list,
	[VERB_PIPELINE_SHOW] = show_pipeline,
	[VERB_PIPELINE_STATS] = show_stats,
	[VERB_PIPELINE_RUNS] = show_runs,
	[VERB_PIPELINE_TEARDOWN] = show_torn_down,
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
show_answer(FILE *f, const struct term *term, const struct verb *verb,
    struct json_object *answer, int64_t now)
{
	const struct view	 v = { f, term, now };

	if (shows[verb->id] != NULL)
		shows[verb->id](&v, answer);
	else
		show_members(&v, answer);
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
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
	if (json_string(answer, "next") != NULL)
		(void)fprintf(v->f, "%zu of %s\n", n,
		    plain_number(answer, "total"));
}

static void
list_row(const struct view *v, struct table *table, struct json_object *p)
{
	const char	*id = json_string(p, "pipeline_id");
	const char	*repository = json_string(p, "repository");
	const char	*status = json_string(p, "status");
	const char	*domain = pipeline_vps(p, "linked_domain");
	char		 buf[TEXT_TIME_SIZE];
	enum sign	 sign;

	if (status == NULL)
		status = "?";
	sign = show_status_sign(status);
	table_add(table, STYLE_PLAIN, id != NULL ? id : "?");
	table_add(table, STYLE_PLAIN, repository != NULL ? repository : "?");
	table_addf(table, term_sign_style(sign), "%s%s",
	    term_sign(v->term, sign), status);
	table_add(table, STYLE_PLAIN, *domain != '\0' ? domain : "-");
	table_add(table, STYLE_PLAIN,
	    text_date(json_string(p, "created_at"), buf));
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
	table_print(v->f, v->term, &table, 0, n, 0);
	table_clear(&table);
}

static void
run_row(const struct view *v, struct table *table, struct json_object *run)
{
	const char	*word = json_string(run, "conclusion");
	const char	*branch = json_string(run, "branch");
	const char	*event = json_string(run, "event");
	const char	*title = json_string(run, "title");
	const char	*started = json_string(run, "run_started_at");
	char		 buf[TEXT_TIME_SIZE];
	enum sign	 sign;

	if (word == NULL && (word = json_string(run, "status")) == NULL)
		word = "?";
	if (started == NULL)
		started = json_string(run, "created_at");
	sign = show_run_sign(word);
	table_add(table, STYLE_PLAIN, plain_number(run, "run_id"));
	table_addf(table, term_sign_style(sign), "%s%s",
	    term_sign(v->term, sign), word);
	table_add(table, STYLE_PLAIN, branch != NULL ? branch : "-");
	table_add(table, STYLE_PLAIN, event != NULL ? event : "-");
	table_add(table, STYLE_PLAIN, text_ago(started, v->now, buf));
	table_add(table, STYLE_PLAIN,
	    text_duration(number(run, "duration_seconds"), buf));
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
		figures(v, stats);
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
		field(v, "Pipeline", SIGN_NONE, "%s", s);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((s = json_string(p, texts[i].name)) != NULL)
			field(v, texts[i].label, SIGN_NONE, "%s", s);
	if ((s = json_string(p, "status")) != NULL)
		field(v, "Status", show_status_sign(s), "%s", s);
	if ((s = json_string(p, "error")) != NULL)
		field(v, "Error", SIGN_NONE, "%s", s);
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (*(s = pipeline_vps(p, links[i].name)) != '\0')
			field(v, links[i].label, SIGN_NONE, "%s", s);
	time_field(v, "Created", json_string(p, "created_at"));
	time_field(v, "Updated", json_string(p, "last_updated"));
	time_field(v, "Deactivated", json_string(p, "deactivated_at"));
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
		field(v, "Pipeline", SIGN_NONE, "%s", s);
	if ((s = json_string(stats, "status")) != NULL)
		field(v, "Status", show_status_sign(s), "%s", s);
	figures(v, stats);
}

/* Latest run, the last day, health, and how old all that is. */
static void
figures(const struct view *v, struct json_object *stats)
{
	struct json_object	*o;

	o = json_member(stats, "current_run", json_type_object);
	if (o != NULL)
		one_run(v, "Current run", o);
	one_run(v, "Latest run",
	    json_member(stats, "last_run", json_type_object));
	if ((o = json_member(stats, "metrics_24h", json_type_object)) != NULL)
		day(v, o);
	heading(v, "Now");
	health(v, stats);
	field(v, "Running", SIGN_NONE, "%s",
	    plain_number(stats, "active_runs"));
	field(v, "Queued", SIGN_NONE, "%s",
	    plain_number(stats, "queue_length"));
	freshness(v, stats);
}

static void
one_run(const struct view *v, const char *title, struct json_object *run)
{
	char		 buf[TEXT_TIME_SIZE];
	const char	*s;

	heading(v, title);
	if (run == NULL) {
		(void)fputs("none\n", v->f);
		return;
	}
	field(v, "Run", SIGN_NONE, "%s", plain_number(run, "run_id"));
	if ((s = json_string(run, "status")) != NULL)
		field(v, "Status", show_run_sign(s), "%s", s);
	if ((s = json_string(run, "branch")) != NULL)
		field(v, "Branch", SIGN_NONE, "%s", s);
	time_field(v, "Created", json_string(run, "timestamp"));
	field(v, "Duration", SIGN_NONE, "%s",
	    text_duration(number(run, "duration_seconds"), buf));
}

static void
day(const struct view *v, struct json_object *m)
{
	char	 buf[TEXT_TIME_SIZE];

	heading(v, "Last 24 hours");
	field(v, "Runs", SIGN_NONE, "%s, %s completed",
	    plain_number(m, "run_count"), plain_number(m, "completed_count"));
	if (number(m, "completed_count") <= 0) {
		field(v, "Success", SIGN_NONE, "-");
		return;
	}
	field(v, "Success", SIGN_NONE, "%s%%, %s of %s",
	    plain_number(m, "success_rate"), plain_number(m, "success_count"),
	    plain_number(m, "completed_count"));
	field(v, "Average", SIGN_NONE, "%s",
	    text_duration(number(m, "avg_duration_seconds"), buf));
}

static void
health(const struct view *v, struct json_object *stats)
{
	struct json_object	*h;
	const char		*state;

	h = json_member(stats, "health", json_type_object);
	if (h == NULL || (state = json_string(h, "state")) == NULL) {
		field(v, "Health", SIGN_NONE, "%s/100",
		    plain_number(stats, "health_score"));
		return;
	}
	if (strcmp(state, "unknown") == 0) {
		field(v, "Health", SIGN_NONE, "unknown: no run that counts");
		return;
	}
	field(v, "Health", strcmp(state, "ok") == 0 ? SIGN_GOOD :
	    strcmp(state, "failing") == 0 ? SIGN_BAD : SIGN_WARN,
	    "%s/100 %s (success %s, last %s, speed %s)",
	    plain_number(stats, "health_score"), state,
	    plain_number(h, "success"), plain_number(h, "last"),
	    plain_number(h, "speed"));
}

static void
freshness(const struct view *v, struct json_object *stats)
{
	const char	*reason = json_string(stats, "stale_reason");
	char		 buf[TEXT_TIME_SIZE];
	int64_t		 age;
	int		 stale = json_flag(stats, "stale");

	if (json_int(stats, "age_seconds", &age) != 1)
		field(v, "Looked", SIGN_WARN, "not yet");
	else
		field(v, "Looked", stale ? SIGN_WARN : SIGN_NONE,
		    "%s ago%s", text_duration(age, buf),
		    stale ? ", stale" : "");
	if (stale && reason != NULL)
		field(v, "Reason", SIGN_NONE, "%s", reason);
}

static void
show_provisioned(const struct view *v, struct json_object *answer)
{
	const char	*s;

	s = json_string(answer, "pipeline_id");
	done(v, "Pipeline provisioned: ", s != NULL ? s : "?");
	if ((s = json_string(answer, "repository")) != NULL)
		field(v, "Repository", SIGN_NONE, "%s", s);
	if ((s = json_string(answer, "status")) != NULL)
		field(v, "Status", show_status_sign(s), "%s", s);
	time_field(v, "Created", json_string(answer, "created_at"));
	warnings(v, answer);
}

static void
show_torn_down(const struct view *v, struct json_object *answer)
{
	struct json_object	*runs;
	const char		*s = json_string(answer, "pipeline_id");
	size_t			 i;

	done(v, "Pipeline deactivated: ", s != NULL ? s : "?");
	runs = json_member(answer, "cancelling", json_type_array);
	for (i = 0; runs != NULL && i < json_object_array_length(runs); i++)
		field(v, i == 0 ? "Cancelling" : "", SIGN_BUSY, "run %s",
		    json_object_get_string(
		    json_object_array_get_idx(runs, i)));
	warnings(v, answer);
}

static void
warnings(const struct view *v, struct json_object *answer)
{
	struct json_object	*list;
	const char		*s;
	size_t			 i;

	list = json_member(answer, "warnings", json_type_array);
	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		field(v, "Warning", SIGN_WARN, "%s", s != NULL ? s : "?");
	}
}

/*
 * Whatever there is, nested names joined by dots.  The depth is bounded by
 * JSON_DEPTH_MAX when the answer is parsed.
 */
static void
show_members(const struct view *v, struct json_object *answer)
{
	json_object_object_foreach(answer, key, child)
		if (strcmp(key, "success") != 0)
			member(v, "", key, child);
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
		field(v, name, SIGN_NONE, "%s",
		    text_duration(json_object_get_int64(o), buf));
		return;
	}
	s = json_object_get_string(o);
	field(v, name, SIGN_NONE, "%s", s != NULL ? s : "-");
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
heading(const struct view *v, const char *title)
{
	(void)fputc('\n', v->f);
	term_put(v->f, v->term, STYLE_TITLE, title);
	(void)fputc('\n', v->f);
}

static void
done(const struct view *v, const char *what, const char *id)
{
	term_put(v->f, v->term, STYLE_GOOD, term_sign(v->term, SIGN_GOOD));
	(void)fputs(what, v->f);
	term_put(v->f, v->term, STYLE_TITLE, id);
	(void)fputc('\n', v->f);
}

static void
time_field(const struct view *v, const char *label, const char *stamp)
{
	char	 date[TEXT_TIME_SIZE], ago[TEXT_TIME_SIZE];

	if (stamp != NULL)
		field(v, label, SIGN_NONE, "%s UTC (%s)",
		    text_date(stamp, date), text_ago(stamp, v->now, ago));
}

/* "label   value", the value folded to the terminal's width. */
static void
field(const struct view *v, const char *label, enum sign sign,
    const char *fmt, ...)
{
	char	*text, *shown;
	size_t	 used;
	va_list	 ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		err(EXIT_FAILED, NULL);
	va_end(ap);
	shown = text_visible(label);
	used = text_width(shown);
	(void)fprintf(v->f, "%s%*s", shown,
	    used < LABEL_WIDTH ? (int)(LABEL_WIDTH - used) : 1, "");
	free(shown);
	if (used < LABEL_WIDTH)
		used = LABEL_WIDTH;
	else
		used++;
	if (asprintf(&shown, "%s%s", term_sign(v->term, sign), text) == -1)
		err(EXIT_FAILED, NULL);
	free(text);
	text = text_visible(shown);
	free(shown);
	value(v, used, term_sign_style(sign), text);
	free(text);
}

static void
value(const struct view *v, size_t indent, enum style style, const char *text)
{
	size_t	 width = v->term->width, n;
	char	*part;

	for (;;) {
		n = width < indent + FOLD_MIN ? strlen(text) :
		    fold(text, width - indent);
		if ((part = strndup(text, n)) == NULL)
			err(EXIT_FAILED, NULL);
		term_put(v->f, v->term, style, part);
		(void)fputc('\n', v->f);
		free(part);
		text += n;
		text += strspn(text, " ");
		if (*text == '\0')
			return;
		(void)fprintf(v->f, "%*s", (int)indent, "");
	}
}

/* Bytes of text for one line: up to the last blank that fits, if any. */
static size_t
fold(const char *text, size_t width)
{
	size_t	 used, n = text_fit(text, width, &used), i;

	if (text[n] == '\0')
		return (n);
	for (i = n; i > 0; i--)
		if (text[i] == ' ')
			return (i);
	return (n);
}

/* A member that is a whole number, -1 if it is none. */
static int64_t
number(struct json_object *o, const char *name)
{
	int64_t	 n;

	return (json_int(o, name, &n) == 1 ? n : -1);
}

/* A number as the answer wrote it, "-" if it is none. */
static const char *
plain_number(struct json_object *o, const char *name)
{
	struct json_object	*n;

	if (!json_object_object_get_ex(o, name, &n) ||
	    (!json_object_is_type(n, json_type_int) &&
	    !json_object_is_type(n, json_type_double)))
		return ("-");
	return (json_object_get_string(n));
}
