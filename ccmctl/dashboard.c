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
 * The dashboard: a line of counts and a table of pipelines with their
 * figures, made of an answer of pipeline.list with stats.  Part of ccmctl.
 * Must not draw but into the stream it is given: the monitor puts it on a
 * screen, `monitor -1` prints it.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"
#include "pipeline.h"
#include "timestamp.h"

/* Lines beside the rows: title, counts, table's head, frame above, below. */
#define LINES_AROUND	6
/* Where that begins in "2026-01-05T10:30:00Z". */
#define TIME_OF_DAY	11

struct counts {
	size_t	 active;
	size_t	 inactive;
	size_t	 error;
	size_t	 stale;
	int64_t	 running;
	int64_t	 queued;
};

static const struct table_column columns[] = {
	{ "Pipeline", TABLE_SHRINK },
	{ "Repository", TABLE_SHRINK },
	{ "Status", 0 },
	{ "Success", TABLE_RIGHT },
	{ "Duration", TABLE_RIGHT },
	{ "Health", TABLE_RIGHT },
	{ "Last run", TABLE_SHRINK },
	{ "Domain", TABLE_SHRINK },
};

static void	 count(struct counts *, struct json_object *);
static void	 counts_line(FILE *, const struct term *,
		    const struct counts *, size_t, int64_t);
static void	 part(FILE *, const struct term *, enum style, const char *,
		    size_t *);
static void	 row(struct table *, const struct term *,
		    struct json_object *, int64_t);
static void	 status_cell(struct table *, const struct term *,
		    const char *, int);
static void	 figure_cells(struct table *, struct json_object *);
static void	 last_run_cell(struct table *, const struct term *,
		    struct json_object *, int64_t);
static const char *text_or(struct json_object *, const char *, const char *);
static int	 is_stale(struct json_object *);

void
dashboard_print(FILE *f, const struct term *term, struct json_object *answer,
    int64_t now, size_t first)
{
	struct json_object	*list;
	struct counts		 counts = { 0 };
	struct table		 table;
	size_t			 i, n = 0, room = SIZE_MAX;

	list = json_member(answer, "pipelines", json_type_array);
	if (list != NULL)
		n = json_object_array_length(list);
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++) {
		count(&counts, json_object_array_get_idx(list, i));
		row(&table, term, json_object_array_get_idx(list, i), now);
	}
	term_put(f, term, STYLE_TITLE, "Pipeline Status Dashboard");
	(void)fputc('\n', f);
	counts_line(f, term, &counts, n, now);
	if (term->height != 0)
		room = term->height > LINES_AROUND ?
		    term->height - LINES_AROUND : 1;
	if (n == 0)
		(void)fputs("\nNo pipelines: \"ccmctl provision "
		    "owner/name\" links one.\n", f);
	else
		table_print(f, term, &table, first, room, 1);
	if (n > room)
		(void)fprintf(f, "%zu to %zu of %zu\n", first + 1,
		    first + room < n ? first + room : n, n);
	table_clear(&table);
}

static void
count(struct counts *c, struct json_object *p)
{
	struct json_object	*stats;
	const char		*status = text_or(p, "status", "");
	int64_t			 n;

	if (strcmp(status, "active") == 0)
		c->active++;
	else if (strcmp(status, "inactive") == 0)
		c->inactive++;
	else
		c->error++;
	c->stale += is_stale(p);
	stats = json_member(p, "metrics", json_type_object);
	if (stats == NULL)
		return;
	if (json_int(stats, "active_runs", &n) == 1)
		c->running += n;
	if (json_int(stats, "queue_length", &n) == 1)
		c->queued += n;
}

/* Figures of an inactive pipeline are old by nature, and no cause to warn. */
static int
is_stale(struct json_object *p)
{
	struct json_object	*stats;

	stats = json_member(p, "metrics", json_type_object);
	return (stats != NULL && json_flag(stats, "stale") &&
	    strcmp(text_or(p, "status", ""), "inactive") != 0);
}

/* The screen has one line for it: a part that finds no room is left out. */
static void
counts_line(FILE *f, const struct term *term, const struct counts *c,
    size_t total, int64_t now)
{
	char	 stamp[TIMESTAMP_SIZE], text[128];
	size_t	 room = term->width != 0 ? term->width : SIZE_MAX;

	if (strlen(timestamp_format(now, stamp)) > TIME_OF_DAY) {
		(void)snprintf(text, sizeof(text), "%.8s UTC",
		    stamp + TIME_OF_DAY);
		part(f, term, STYLE_DIM, text, &room);
	}
	(void)snprintf(text, sizeof(text), "  %zu pipeline%s: %zu active, "
	    "%zu inactive, %zu error", total, total == 1 ? "" : "s",
	    c->active, c->inactive, c->error);
	part(f, term, STYLE_PLAIN, text, &room);
	if (c->stale > 0) {
		(void)snprintf(text, sizeof(text), "  %s%zu stale",
		    term_sign(term, SIGN_WARN), c->stale);
		part(f, term, STYLE_WARN, text, &room);
	}
	if (c->running > 0) {
		(void)snprintf(text, sizeof(text), "  %lld running",
		    (long long)c->running);
		part(f, term, STYLE_BUSY, text, &room);
	}
	if (c->queued > 0) {
		(void)snprintf(text, sizeof(text), "  %lld queued",
		    (long long)c->queued);
		part(f, term, STYLE_BUSY, text, &room);
	}
	(void)fputc('\n', f);
}

static void
part(FILE *f, const struct term *term, enum style style, const char *text,
    size_t *room)
{
	size_t	 width = text_width(text);

	if (width > *room)
		return;
	term_put(f, term, style, text);
	*room -= width;
}

static void
row(struct table *table, const struct term *term, struct json_object *p,
    int64_t now)
{
	struct json_object	*stats;
	const char		*domain = pipeline_vps(p, "linked_domain");

	stats = json_member(p, "metrics", json_type_object);
	table_add(table, STYLE_PLAIN, text_or(p, "pipeline_id", "?"));
	table_add(table, STYLE_PLAIN, text_or(p, "repository", "?"));
	status_cell(table, term, text_or(p, "status", "?"), is_stale(p));
	figure_cells(table, stats);
	last_run_cell(table, term, stats, now);
	table_add(table, STYLE_PLAIN, *domain != '\0' ? domain : "-");
}

static void
status_cell(struct table *table, const struct term *term, const char *status,
    int stale)
{
	enum sign	 sign = stale ? SIGN_WARN : show_status_sign(status);
	const char	*word = status;

	if (stale && strcmp(status, "active") == 0)
		word = "stale";
	if (!term->signs) {
		table_add(table, term_sign_style(sign), word);
		return;
	}
	table_addf(table, term_sign_style(sign), "%s%c%s",
	    term_sign(term, sign), *word >= 'a' && *word <= 'z' ?
	    *word - 'a' + 'A' : *word, *word != '\0' ? word + 1 : "");
}

/* Success, duration, health: of no run there is none to show. */
static void
figure_cells(struct table *table, struct json_object *stats)
{
	static const struct {
		const char	*state;
		enum style	 style;
	} styles[] = {
		{ "ok", STYLE_GOOD },
		{ "degraded", STYLE_WARN },
		{ "failing", STYLE_BAD },
	};
	struct json_object	*m = NULL, *h = NULL;
	enum style		 style = STYLE_PLAIN;
	const char		*state;
	char			 buf[TEXT_TIME_SIZE];
	int64_t			 n;
	size_t			 i;

	if (stats != NULL) {
		m = json_member(stats, "metrics_24h", json_type_object);
		h = json_member(stats, "health", json_type_object);
	}
	if (m != NULL && json_int(m, "completed_count", &n) == 1 && n > 0) {
		table_addf(table, STYLE_PLAIN, "%s%%", json_object_get_string(
		    json_object_object_get(m, "success_rate")));
		if (json_int(m, "avg_duration_seconds", &n) != 1)
			n = -1;
		table_add(table, STYLE_PLAIN, text_duration(n, buf));
	} else {
		table_add(table, STYLE_DIM, "-");
		table_add(table, STYLE_DIM, "-");
	}
	state = h != NULL ? text_or(h, "state", "unknown") : "unknown";
	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(styles[i].state, state) == 0)
			style = styles[i].style;
	if (style != STYLE_PLAIN && json_int(stats, "health_score", &n) == 1)
		table_addf(table, style, "%lld", (long long)n);
	else
		table_add(table, STYLE_DIM, "-");
}

/* What runs now, else what ran last. */
static void
last_run_cell(struct table *table, const struct term *term,
    struct json_object *stats, int64_t now)
{
	struct json_object	*run = NULL;
	const char		*status, *word;
	char			 buf[TEXT_TIME_SIZE];
	enum sign		 sign;

	if (stats != NULL) {
		run = json_member(stats, "current_run", json_type_object);
		if (run == NULL)
			run = json_member(stats, "last_run",
			    json_type_object);
	}
	if (run == NULL) {
		table_add(table, STYLE_DIM, "-");
		return;
	}
	status = text_or(run, "status", "?");
	sign = show_run_sign(status);
	/* The sign says it all, but not what no sign is known for. */
	word = term->signs && sign != SIGN_NONE ? "" : status;
	table_addf(table, term_sign_style(sign), "%s%s%s%s",
	    term_sign(term, sign), word, *word != '\0' ? " " : "",
	    text_ago(json_string(run, "timestamp"), now, buf));
}

static const char *
text_or(struct json_object *o, const char *name, const char *otherwise)
{
	const char	*s = json_string(o, name);

	return (s != NULL ? s : otherwise);
}
