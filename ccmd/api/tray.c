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
 * The last run of each pipeline for those who show it: cctray's XML, as
 * CCMenu and Nevergreen read it, and badges.  Runs in the api.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "json.h"
#include "log.h"
#include "pass.h"
#include "rope.h"
#include "view.h"

#define BADGE_CHAR	7	/* pixels of a character, about */
#define BADGE_PAD	10

/* The text of cctray, while it is made. */
static struct {
	FILE	*f;
	char	*text;
	size_t	 len;
} tray;

static void	 tray_begin(void);
static void	 tray_end(struct rope *);
static void	 project(struct pipeline *, int64_t);
static const char *build_status(const struct pipeline *, struct json_object *);
static void	 badge_state(const struct pipeline *, struct json_object *,
		    const char **, const char **);
static void	 badge(FILE *, const char *, const char *, const char *);
static void	 put(FILE *, const char *);
static const char *base_name(const char *);

void
tray_read(struct request *req)
{
	static struct pass	 pass = {
		.type = "application/xml",
		.begin = tray_begin,
		.put = project,
		.end = tray_end,
	};

	pass_read(&pass, req);
}

static void
tray_begin(void)
{
	tray.f = open_memstream(&tray.text, &tray.len);
	if (tray.f == NULL)
		fatal("cctray");
	(void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Projects>\n",
	    tray.f);
}

static void
tray_end(struct rope *r)
{
	(void)fputs("</Projects>\n", tray.f);
	if (fclose(tray.f) == EOF)
		fatal("cctray");
	rope_copy(r, tray.text, tray.len);
	free(tray.text);
	tray.text = NULL;
}

static void
project(struct pipeline *p, int64_t now)
{
	struct json_object	*stats, *last, *gh;
	const char		*s, *file;
	int64_t			 run = 0;
	FILE			*f = tray.f;

	if (strcmp(p->status, "inactive") == 0)
		return;
	stats = view_stats(p, now);
	file = base_name(json_string(p->doc, "workflow_file"));
	(void)fputs("  <Project name=\"", f);
	put(f, json_string(p->doc, "repository"));
	(void)fputc(' ', f);
	put(f, file);
	(void)fprintf(f, "\" activity=\"%s\" lastBuildStatus=\"%s\"",
	    json_member(stats, "current_run", json_type_object) != NULL ?
	    "Building" : "Sleeping", build_status(p, stats));
	last = json_member(stats, "last_run", json_type_object);
	if (last != NULL && json_int(last, "run_id", &run) == 1)
		(void)fprintf(f, " lastBuildLabel=\"%lld\"", (long long)run);
	if (last != NULL && (s = json_string(last, "timestamp")) != NULL) {
		(void)fputs(" lastBuildTime=\"", f);
		put(f, s);
		(void)fputc('"', f);
	}
	(void)fputs(" webUrl=\"", f);
	gh = json_member(p->doc, "github", json_type_object);
	if (gh != NULL && (s = json_string(gh, "html_url")) != NULL) {
		put(f, s);
		(void)fputs("/actions/workflows/", f);
		put(f, file);
	}
	(void)fputs("\"/>\n", f);
	json_object_put(stats);
}

static const char *
build_status(const struct pipeline *p, struct json_object *stats)
{
	static const struct {
		const char	*conclusion;
		const char	*status;
	} words[] = {
		{ "success", "Success" }, { "failure", "Failure" },
		{ "timed_out", "Failure" }, { "startup_failure", "Exception" },
	};
	struct json_object	*last;
	const char		*s;
	size_t			 i;

	if (strcmp(p->status, "error") == 0)
		return ("Exception");
	last = json_member(stats, "last_run", json_type_object);
	s = last != NULL ? json_string(last, "status") : NULL;
	for (i = 0; s != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].conclusion, s) == 0)
			return (words[i].status);
	return ("Unknown");
}

void
badge_read(struct request *req)
{
	struct pipeline		*p = view_find(req->target);
	struct json_object	*stats = view_stats(p, time(NULL));
	const char		*word, *colour;
	FILE			*f;
	char			*text = NULL;
	size_t			 len;

	if ((f = open_memstream(&text, &len)) == NULL)
		fatal("badge");
	badge_state(p, stats, &word, &colour);
	badge(f, base_name(json_string(p->doc, "repository")), word, colour);
	if (fclose(f) == EOF)
		fatal("badge");
	answer_text(req, "image/svg+xml", text, len);
	free(text);
	json_object_put(stats);
}

static void
badge_state(const struct pipeline *p, struct json_object *stats,
    const char **word, const char **colour)
{
	static const struct {
		const char	*conclusion;
		const char	*word;
		const char	*colour;
	} states[] = {
		{ "success", "passing", "#2e7d32" },
		{ "failure", "failing", "#c62828" },
		{ "timed_out", "timed out", "#c62828" },
		{ "startup_failure", "failing", "#c62828" },
		{ "cancelled", "cancelled", "#616161" },
		{ "skipped", "skipped", "#616161" },
	};
	struct json_object	*last;
	const char		*s;
	size_t			 i;

	*word = "no runs";
	*colour = "#616161";
	last = json_member(stats, "last_run", json_type_object);
	if (strcmp(p->status, "active") != 0) {
		*word = strcmp(p->status, "error") == 0 ? "error" :
		    "inactive";
		if (strcmp(p->status, "error") == 0)
			*colour = "#c62828";
	} else if (last != NULL) {
		*word = "unknown";
		s = json_string(last, "status");
		for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			if (s != NULL && strcmp(states[i].conclusion, s) == 0) {
				*word = states[i].word;
				*colour = states[i].colour;
			}
	} else if (json_member(stats, "current_run", json_type_object) !=
	    NULL) {
		*word = "running";
		*colour = "#1565c0";
	}
}

static void
badge(FILE *f, const char *label, const char *word, const char *colour)
{
	size_t	 left = strlen(label) * BADGE_CHAR + BADGE_PAD;
	size_t	 right = strlen(word) * BADGE_CHAR + BADGE_PAD;

	(void)fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
	    "width=\"%zu\" height=\"20\" role=\"img\" aria-label=\"",
	    left + right);
	put(f, label);
	(void)fprintf(f, ": %s\">\n<title>", word);
	put(f, label);
	(void)fprintf(f, ": %s</title>\n"
	    "<rect width=\"%zu\" height=\"20\" fill=\"#424242\"/>\n"
	    "<rect x=\"%zu\" width=\"%zu\" height=\"20\" fill=\"%s\"/>\n"
	    "<g fill=\"#fff\" font-family=\"Verdana,sans-serif\" "
	    "font-size=\"11\" text-anchor=\"middle\">\n"
	    "<text x=\"%zu\" y=\"14\">", word, left, left, right, colour,
	    left / 2);
	put(f, label);
	(void)fprintf(f, "</text>\n<text x=\"%zu\" y=\"14\">%s</text>\n"
	    "</g>\n</svg>\n", left + right / 2, word);
}

/* Text in XML 1.0; what that does not have is left out. */
static void
put(FILE *f, const char *s)
{
	for (; s != NULL && *s != '\0'; s++) {
		if (*s == '&')
			(void)fputs("&amp;", f);
		else if (*s == '<')
			(void)fputs("&lt;", f);
		else if (*s == '>')
			(void)fputs("&gt;", f);
		else if (*s == '"')
			(void)fputs("&quot;", f);
		else if ((unsigned char)*s >= 0x20 && *s != 0x7f)
			(void)fputc(*s, f);
	}
}

/* Behind the last slash. */
static const char *
base_name(const char *path)
{
	const char	*slash = path != NULL ? strrchr(path, '/') : NULL;

	return (slash != NULL ? slash + 1 : path != NULL ? path : "");
}
