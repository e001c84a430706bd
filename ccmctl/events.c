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
 * Events as lines, for people and for scripts.  Part of ccmctl.  Must not
 * end while the connection stands.
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ccmctl.h"
#include "json.h"

static int	 step(struct client *, const struct term *, int);
static void	 print_json(const struct client *);
static void	 print_text(const struct client *, const struct term *);
static void	 describe(const struct client *, char *, size_t);

int
events_run(struct client *c, struct json_object *args,
    const struct term *term, int json)
{
	struct pollfd	 pfd;
	int		 r = 0;

	/* The greeting first, by an operation that costs nothing. */
	if (client_call(c, "daemon.status", NULL) == -1 ||
	    client_subscribe(c, args) == -1)
		return (c->exit_code);
	while (r == 0) {
		pfd.fd = c->fd;
		pfd.events = client_events(c);
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return (c->exit_code = EXIT_FAILED);
		r = step(c, term, json);
	}
	return (r == 1 ? EXIT_OK : c->exit_code);
}

/* Returns 0 to go on, 1 if it was refused, -1 if the connection ended. */
static int
step(struct client *c, const struct term *term, int json)
{
	enum client_event	 event;

	for (event = client_step(c); event != CLIENT_MORE;
	    event = client_next(c)) {
		if (event == CLIENT_FAILED)
			return (-1);
		if (event == CLIENT_ANSWER && c->status >= 400)
			return (1);
		if (event != CLIENT_EVENT)
			continue;
		if (json)
			print_json(c);
		else
			print_text(c, term);
	}
	return (fflush(stdout) == EOF ? client_unwritten(c) : 0);
}

static void
print_json(const struct client *c)
{
	struct json_object	*o = json_object_new_object();
	const char		*text;
	size_t			 len;

	json_set_text(o, "event", c->event_kind);
	json_object_object_add(o, "id", c->event_id[0] == '\0' ? NULL :
	    json_object_new_string(c->event_id));
	json_object_object_add(o, "data", json_object_get(c->event));
	text = json_text(o, &len);
	text_json(stdout, text, len);
	(void)putchar('\n');
	json_object_put(o);
}

/* "10:30:00  run       pipe_0123456789ab  ..." */
static void
print_text(const struct client *c, const struct term *term)
{
	const char	*id = json_string(c->event, "pipeline_id");
	char		 line[512], when[16] = "", what[320] = "";
	time_t		 now = time(NULL);
	struct tm	 tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%H:%M:%S", &tm);
	describe(c, what, sizeof(what));
	(void)snprintf(line, sizeof(line), "%s  %-8s  %s  %s", when,
	    c->event_kind, id != NULL ? id : "", what);
	term_put(stdout, term, STYLE_PLAIN, line);
	(void)putchar('\n');
}

static void
describe(const struct client *c, char *buf, size_t size)
{
	struct json_object	*o = c->event, *day;
	const char		*s, *t;

	if (strcmp(c->event_kind, "pipeline") == 0) {
		s = json_string(o, "repository");
		t = json_string(o, "status");
		(void)snprintf(buf, size, "%s %s", s != NULL ? s : "",
		    t != NULL ? t : "");
	} else if (strcmp(c->event_kind, "stats") == 0) {
		day = json_member(o, "metrics_24h", json_type_object);
		(void)snprintf(buf, size, "health %s, success %s%%, "
		    "active %s, queued %s%s", view_number(o, "health_score"),
		    day != NULL ? view_number(day, "success_rate") : "-",
		    view_number(o, "active_runs"),
		    view_number(o, "queue_length"),
		    json_flag(o, "stale") ? ", stale" : "");
	} else if (strcmp(c->event_kind, "run") == 0) {
		s = json_string(o, "conclusion");
		t = json_string(o, "branch");
		if (s == NULL)
			s = json_string(o, "status");
		(void)snprintf(buf, size, "%s %s on %s",
		    view_number(o, "run_id"), s != NULL ? s : "?",
		    t != NULL ? t : "-");
	}
}
