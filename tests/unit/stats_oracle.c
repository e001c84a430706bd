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
 * For the oracle of the figures: reads lines {"now": seconds, "runs":
 * [runs as GitHub gives them]} and prints the stats object of each, or
 * {"refused": why}.  A test program; an independent computation elsewhere
 * says what it has to print.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "run.h"
#include "stats.h"

#define LINE_MAX_BYTES	(64 * 1024 * 1024)

static struct json_object *answer(struct json_object *, const char **);

int
main(void)
{
	struct json_object	*o, *result;
	struct json_error	 err;
	const char		*why;
	char			*line = NULL;
	size_t			 size = 0;
	ssize_t			 n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		o = json_parse_strict(line, (size_t)n, LINE_MAX_BYTES, &err);
		why = err.text;
		result = o != NULL ? answer(o, &why) : NULL;
		if (result == NULL) {
			result = json_object_new_object();
			json_object_object_add(result, "refused",
			    json_object_new_string(why));
		}
		printf("%s\n", json_text(result, NULL));
		json_object_put(result);
		json_object_put(o);
	}
	free(line);
	return (0);
}

/* Through the run document, as in the daemon. */
static struct json_object *
answer(struct json_object *o, const char **why)
{
	struct stats_frame	 frame;
	struct json_object	*list, *result, *doc, *docs;
	struct stats		 stats;
	struct run		*runs;
	size_t			 i, n;

	list = json_member(o, "runs", json_type_array);
	n = json_object_array_length(list);
	runs = calloc(n + 1, sizeof(*runs));
	docs = json_object_new_array();
	memset(&frame, 0, sizeof(frame));
	frame.pipeline_id = "pipe_oracle";
	frame.status = "active";
	frame.fetched_at = -1;
	(void)json_int(o, "now", &frame.now);
	for (i = 0; i < n; i++) {
		if (run_from_github(json_object_array_get_idx(list, i), &doc,
		    why) == -1)
			return (NULL);
		json_object_array_add(docs, doc);
		if (run_from_document(doc, &runs[i]) == -1) {
			*why = "no run document";
			return (NULL);
		}
	}
	if (stats_compute(runs, n, frame.now, &stats) == -1) {
		*why = "stats_compute";
		return (NULL);
	}
	result = stats_to_json(&stats, &frame);
	free(runs);
	json_object_put(docs);
	return (result);
}
