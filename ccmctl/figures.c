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
 * The figures of a pipeline as text: its runs, its last day, its health, and
 * how old all that is.  Part of ccmctl.  Must not compute one.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

static void	 one_run(const struct view *, const char *,
		    struct json_object *);
static void	 day(const struct view *, struct json_object *);
static void	 health(const struct view *, struct json_object *);
static void	 freshness(const struct view *, struct json_object *);

/* Latest run, the last day, health, and how old all that is. */
void
view_figures(const struct view *v, struct json_object *stats)
{
	struct json_object	*o;

	o = json_member(stats, "current_run", json_type_object);
	if (o != NULL)
		one_run(v, "Current run", o);
	one_run(v, "Latest run",
	    json_member(stats, "last_run", json_type_object));
	if ((o = json_member(stats, "metrics_24h", json_type_object)) != NULL)
		day(v, o);
	view_heading(v, "Now");
	health(v, stats);
	view_field(v, "Running", SIGN_NONE, "%s",
	    view_number(stats, "active_runs"));
	view_field(v, "Queued", SIGN_NONE, "%s",
	    view_number(stats, "queue_length"));
	freshness(v, stats);
}

static void
one_run(const struct view *v, const char *title, struct json_object *run)
{
	char		 buf[TEXT_TIME_SIZE];
	const char	*s;

	view_heading(v, title);
	if (run == NULL) {
		(void)fputs("none\n", v->f);
		return;
	}
	view_field(v, "Run", SIGN_NONE, "%s", view_number(run, "run_id"));
	if ((s = json_string(run, "status")) != NULL)
		view_field(v, "Status", show_run_sign(s), "%s", s);
	if ((s = json_string(run, "branch")) != NULL)
		view_field(v, "Branch", SIGN_NONE, "%s", s);
	view_time(v, "Created", json_string(run, "timestamp"));
	view_field(v, "Duration", SIGN_NONE, "%s",
	    text_duration(view_integer(run, "duration_seconds"), buf));
}

static void
day(const struct view *v, struct json_object *m)
{
	char	 buf[TEXT_TIME_SIZE];

	view_heading(v, "Last 24 hours");
	view_field(v, "Runs", SIGN_NONE, "%s, %s completed",
	    view_number(m, "run_count"), view_number(m, "completed_count"));
	if (view_integer(m, "completed_count") <= 0) {
		view_field(v, "Success", SIGN_NONE, "-");
		return;
	}
	view_field(v, "Success", SIGN_NONE, "%s%%, %s of %s",
	    view_number(m, "success_rate"), view_number(m, "success_count"),
	    view_number(m, "completed_count"));
	view_field(v, "Average", SIGN_NONE, "%s",
	    text_duration(view_integer(m, "avg_duration_seconds"), buf));
}

static void
health(const struct view *v, struct json_object *stats)
{
	struct json_object	*h;
	const char		*state;

	h = json_member(stats, "health", json_type_object);
	if (h == NULL || (state = json_string(h, "state")) == NULL) {
		view_field(v, "Health", SIGN_NONE, "%s/100",
		    view_number(stats, "health_score"));
		return;
	}
	if (strcmp(state, "unknown") == 0) {
		view_field(v, "Health", SIGN_NONE,
		    "unknown: no run that counts");
		return;
	}
	view_field(v, "Health", strcmp(state, "ok") == 0 ? SIGN_GOOD :
	    strcmp(state, "failing") == 0 ? SIGN_BAD : SIGN_WARN,
	    "%s/100 %s (success %s, last %s, speed %s)",
	    view_number(stats, "health_score"), state,
	    view_number(h, "success"), view_number(h, "last"),
	    view_number(h, "speed"));
}

static void
freshness(const struct view *v, struct json_object *stats)
{
	const char	*reason = json_string(stats, "stale_reason");
	char		 buf[TEXT_TIME_SIZE];
	int64_t		 age;
	int		 stale = json_flag(stats, "stale");

	if (json_int(stats, "age_seconds", &age) != 1)
		view_field(v, "Looked", SIGN_WARN, "not yet");
	else
		view_field(v, "Looked", stale ? SIGN_WARN : SIGN_NONE,
		    "%s ago%s", text_duration(age, buf),
		    stale ? ", stale" : "");
	if (reason != NULL)
		view_field(v, "Reason", SIGN_NONE, "%s", reason);
}
