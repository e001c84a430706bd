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
 * What GitHub's rate limits leave, as text.  Part of ccmctl.  Must not
 * compute a figure: what is shown is what the answer says.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>

#include "ccmctl.h"
#include "json.h"

static void	 one_budget(const struct view *, struct json_object *);
static void	 one_writes(const struct view *, struct json_object *);
static void	 hour(const struct view *, struct json_object *);
static void	 hour_used(const struct view *, struct json_object *,
		    const char *, int);
static void	 limited(const struct view *, const char *,
		    struct json_object *, const char *, const char *);
static void	 looks(const struct view *, struct json_object *);
static void	 answers(const struct view *, struct json_object *,
		    const char *);

void
view_budget(const struct view *v, struct json_object *answer)
{
	struct json_object	*list;
	size_t			 i, n = 0;

	list = json_member(answer, "budgets", json_type_array);
	if (list != NULL)
		n = json_object_array_length(list);
	if (n == 0)
		(void)fputs("No GitHub is configured.\n", v->f);
	for (i = 0; i < n; i++) {
		if (i > 0)
			(void)fputc('\n', v->f);
		one_budget(v, json_object_array_get_idx(list, i));
	}
}

static void
one_budget(const struct view *v, struct json_object *b)
{
	const char	*name = json_string(b, "credential");
	const char	*reason = json_string(b, "reason");
	struct json_object *writes;
	enum sign	 sign;

	view_field(v, "Credential", SIGN_NONE, "%s", name != NULL ? name :
	    "?");
	sign = json_string(b, "throttled_until") != NULL ? SIGN_BAD :
	    SIGN_WARN;
	if (reason != NULL)
		view_field(v, "Now", sign, "%s", reason);
	hour(v, b);
	limited(v, "Minute", json_member(b, "points", json_type_object),
	    "used", "points");
	limited(v, "At once", json_member(b, "concurrent", json_type_object),
	    "running", "requests");
	looks(v, b);
	answers(v, b, "Answers");
	if ((writes = json_member(b, "writes", json_type_object)) != NULL)
		one_writes(v, writes);
}

/* A token for changes alone has limits of its own. */
static void
one_writes(const struct view *v, struct json_object *b)
{
	const char	*reason = json_string(b, "reason");

	view_field(v, "Changes", reason != NULL ? SIGN_BAD : SIGN_NONE, "%s",
	    reason != NULL ? reason : "with a token of their own");
	hour_used(v, b, "  Hour", 0);
	limited(v, "  Minute", json_member(b, "points", json_type_object),
	    "used", "points");
	limited(v, "  At once", json_member(b, "concurrent",
	    json_type_object), "running", "requests");
	answers(v, b, "  Answers");
}

static void
hour(const struct view *v, struct json_object *b)
{
	hour_used(v, b, "Hour", 1);
	if (view_integer(b, "limit") != -1)
		view_field(v, "Reset", SIGN_NONE, "%s",
		    json_string(b, "reset") != NULL ?
		    json_string(b, "reset") : "-");
	view_field(v, "Projected", SIGN_NONE, "%s an hour",
	    view_number(b, "projected_per_hour"));
}

static void
hour_used(const struct view *v, struct json_object *b, const char *label,
    int reserve)
{
	if (view_integer(b, "limit") == -1)
		view_field(v, label, SIGN_NONE,
		    "GitHub has not said its limit");
	else if (!reserve)
		view_field(v, label, SIGN_NONE, "%s of %s used, %s left",
		    view_number(b, "used"), view_number(b, "limit"),
		    view_number(b, "remaining"));
	else
		view_field(v, label, SIGN_NONE, "%s of %s used, %s left, "
		    "%s of them for commands", view_number(b, "used"),
		    view_number(b, "limit"), view_number(b, "remaining"),
		    view_number(b, "reserve"));
}

static void
limited(const struct view *v, const char *label, struct json_object *o,
    const char *used, const char *what)
{
	if (o == NULL)
		return;
	if (view_integer(o, "limit") == -1)
		view_field(v, label, SIGN_NONE, "%s %s, no limit",
		    view_number(o, used), what);
	else
		view_field(v, label, SIGN_NONE, "%s of %s %s",
		    view_number(o, used), view_number(o, "limit"), what);
}

static void
looks(const struct view *v, struct json_object *b)
{
	struct json_object	*n, *every;

	n = json_member(b, "repositories", json_type_object);
	every = json_member(b, "interval_seconds", json_type_object);
	if (n == NULL || every == NULL)
		return;
	view_field(v, "Repositories", SIGN_NONE, "%s, something runs in %s",
	    view_number(n, "watched"), view_number(n, "active"));
	view_field(v, "Looked at", SIGN_NONE, "every %s s, where something "
	    "runs every %s s", view_number(every, "idle"),
	    view_number(every, "active"));
	view_field(v, "Stretch", SIGN_NONE, "%s", view_number(b, "stretch"));
}

static void
answers(const struct view *v, struct json_object *b, const char *label)
{
	struct json_object	*n;

	n = json_member(b, "answers", json_type_object);
	if (n == NULL)
		return;
	view_field(v, label, SIGN_NONE, "%s not modified, %s ok, "
	    "%s refused, %s limited, %s failed",
	    view_number(n, "not_modified"), view_number(n, "ok"),
	    view_number(n, "refused"), view_number(n, "limited"),
	    view_number(n, "failed"));
}
