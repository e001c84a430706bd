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
 * What the monitor shows: the pipelines with their figures, kept up to date
 * by events.  Part of ccmctl.  Must not draw, nor ask anybody.
 *
 * A snapshot (reset, all pipelines and figures, synced) is built up aside,
 * so that what was known stays to be seen until the whole is there.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

/* Pipelines at most; what comes beyond is not shown. */
#define BOARD_MAX	100000

struct rows {
	struct json_object	*answer;	/* as pipeline.list has it */
	struct json_object	*list;		/* in it */
	struct json_object	*places;	/* id to place in the list */
	int			 sorted;
};

static struct {
	struct rows	 shown;
	struct rows	 coming;
} board;

static void	 rows_new(struct rows *);
static void	 rows_free(struct rows *);
static void	 rows_sort(struct rows *);
static int	 compare(const void *, const void *);
static struct json_object *rows_find(struct rows *, const char *, size_t *);
static int	 take_pipeline(struct rows *, struct json_object *);
static int	 take_stats(struct rows *, struct json_object *);

int
board_event(const char *kind, struct json_object *data)
{
	struct rows	*rows;

	if (strcmp(kind, "reset") == 0) {
		rows_free(&board.coming);
		rows_new(&board.coming);
		return (0);
	}
	if (strcmp(kind, "synced") == 0 && board.coming.answer != NULL) {
		rows_free(&board.shown);
		board.shown = board.coming;
		memset(&board.coming, 0, sizeof(board.coming));
		return (1);
	}
	rows = board.coming.answer != NULL ? &board.coming : &board.shown;
	if (rows->answer == NULL)
		return (0);
	if (strcmp(kind, "pipeline") == 0)
		return (take_pipeline(rows, data) && rows == &board.shown);
	if (strcmp(kind, "stats") == 0)
		return (take_stats(rows, data) && rows == &board.shown);
	return (0);
}

struct json_object *
board_answer(void)
{
	if (board.shown.answer != NULL && !board.shown.sorted)
		rows_sort(&board.shown);
	return (board.shown.answer);
}

size_t
board_rows(void)
{
	return (board.shown.list == NULL ? 0 :
	    json_object_array_length(board.shown.list));
}

void
board_clear(void)
{
	rows_free(&board.shown);
	rows_free(&board.coming);
}

static void
rows_new(struct rows *rows)
{
	rows->answer = json_object_new_object();
	rows->list = json_object_new_array();
	rows->places = json_object_new_object();
	rows->sorted = 1;
	json_object_object_add(rows->answer, "pipelines", rows->list);
}

static void
rows_free(struct rows *rows)
{
	json_object_put(rows->answer);
	json_object_put(rows->places);
	memset(rows, 0, sizeof(*rows));
}

/* As pipeline.list orders them; only a new one comes out of order. */
static void
rows_sort(struct rows *rows)
{
	const char	*id;
	size_t		 i, n = json_object_array_length(rows->list);

	json_object_array_sort(rows->list, compare);
	for (i = 0; i < n; i++) {
		id = json_string(json_object_array_get_idx(rows->list, i),
		    "pipeline_id");
		json_set_int(rows->places, id, (int64_t)i);
	}
	rows->sorted = 1;
}

static int
compare(const void *a, const void *b)
{
	struct json_object	*p = *(struct json_object *const *)a;
	struct json_object	*q = *(struct json_object *const *)b;
	const char		*s = json_string(p, "created_at");
	const char		*t = json_string(q, "created_at");
	int			 c;

	c = strcmp(s != NULL ? s : "", t != NULL ? t : "");
	return (c != 0 ? c : strcmp(json_string(p, "pipeline_id"),
	    json_string(q, "pipeline_id")));
}

/* A pipeline by its id, and its place; NULL if it is not known. */
static struct json_object *
rows_find(struct rows *rows, const char *id, size_t *place)
{
	int64_t	 n;

	if (id == NULL || json_int(rows->places, id, &n) != 1)
		return (NULL);
	*place = (size_t)n;
	return (json_object_array_get_idx(rows->list, *place));
}

/* A document, which is without figures: those that are known stay. */
static int
take_pipeline(struct rows *rows, struct json_object *doc)
{
	const char		*id = json_string(doc, "pipeline_id");
	struct json_object	*old, *stats;
	size_t			 place = json_object_array_length(rows->list);

	if (id == NULL)
		return (0);
	if ((old = rows_find(rows, id, &place)) != NULL) {
		stats = json_member(old, "metrics", json_type_object);
		if (stats != NULL)
			json_object_object_add(doc, "metrics",
			    json_object_get(stats));
	} else if (place >= BOARD_MAX)
		return (0);
	else {
		json_set_int(rows->places, id, (int64_t)place);
		rows->sorted = 0;
	}
	json_object_array_put_idx(rows->list, place, json_object_get(doc));
	return (1);
}

static int
take_stats(struct rows *rows, struct json_object *stats)
{
	struct json_object	*p;
	size_t			 place;

	p = rows_find(rows, json_string(stats, "pipeline_id"), &place);
	if (p == NULL)
		return (0);
	json_object_object_add(p, "metrics", json_object_get(stats));
	return (1);
}
