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
 * githubsim: reading workflow runs: lists with their filters, one run, one
 * attempt, logs.  Must not change a run; cancel.c does.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "githubsim.h"

#define DAY_MS		86400000

struct filter {
	const char	*status;
	const char	*branch;
	const char	*event;
	const char	*actor;
	const char	*sha;
	int64_t		 from;		/* created, both ends included */
	int64_t		 to;
	struct workflow	*workflow;
	int		 any;		/* some filter is set */
};

static void	 list(struct call *, struct workflow *);
static void	 filter_read(struct call *, struct filter *);
static int	 filter_created(const char *, struct filter *);
static int	 filter_fits(const struct filter *, const struct run *);
static struct run *find(struct call *);
static int	 attempt_number(struct call *, const struct run *);
static void	 redirect_logs(struct call *, const struct run *, int);

void
runs_list(struct call *c)
{
	list(c, NULL);
}

void
workflow_runs_list(struct call *c)
{
	struct workflow	*wf = workflow_find(c->repo, c->arg[0]);

	if (wf == NULL)
		answer_error(c, 404, "Not Found");
	else
		list(c, wf);
}

void
run_get(struct call *c)
{
	struct run	*run = find(c);

	if (run != NULL)
		answer_json(c, 200, render_run(c, run, run->attempt));
}

void
run_attempt_get(struct call *c)
{
	struct run	*run = find(c);
	int		 number;

	if (run != NULL && (number = attempt_number(c, run)) != -1)
		answer_json(c, 200, render_run(c, run, number));
}

void
run_logs(struct call *c)
{
	struct run	*run = find(c);

	if (run != NULL)
		redirect_logs(c, run, run->attempt);
}

void
run_attempt_logs(struct call *c)
{
	struct run	*run = find(c);
	int		 number;

	if (run != NULL && (number = attempt_number(c, run)) != -1)
		redirect_logs(c, run, number);
}

static void
list(struct call *c, struct workflow *wf)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*page = json_object_new_array();
	struct filter		 filter;
	struct run		*run;
	size_t			 size, first, n = 0, reachable = SIZE_MAX;

	filter_read(c, &filter);
	filter.workflow = wf;
	if (filter.any)
		reachable = SIM_FILTERED_MAX;
	first = call_page(c, &size);
	RB_FOREACH(run, run_order, &c->repo->runs) {
		if (!filter_fits(&filter, run))
			continue;
		if (n >= first && n < first + size && n < reachable)
			json_object_array_add(page,
			    render_run(c, run, run->attempt));
		n++;
	}
	json_object_object_add(o, "total_count",
	    json_object_new_int64((int64_t)n));
	json_object_object_add(o, "workflow_runs", page);
	answer_json(c, 200, o);
	answer_page(c, n, reachable);
}

static void
filter_read(struct call *c, struct filter *f)
{
	const char	*created = call_param(c, "created");

	memset(f, 0, sizeof(*f));
	f->from = INT64_MIN;
	f->to = INT64_MAX;
	f->status = call_param(c, "status");
	f->branch = call_param(c, "branch");
	f->event = call_param(c, "event");
	f->actor = call_param(c, "actor");
	f->sha = call_param(c, "head_sha");
	if (created != NULL && filter_created(created, f) == -1)
		f->to = INT64_MIN;	/* no run fits what can't be read */
	f->any = f->status != NULL || f->branch != NULL ||
	    f->event != NULL || f->actor != NULL || f->sha != NULL ||
	    created != NULL;
}

/* ">=2024-02-09T10:19:00Z", "2024-02-01..2024-02-09", "*..2024-02-09". */
static int
filter_created(const char *text, struct filter *f)
{
	const char	*dots = strstr(text, "..");
	char		 left[64];
	int64_t		 at;
	int		 day, open;

	if (dots != NULL) {
		(void)snprintf(left, sizeof(left), "%.*s",
		    (int)(dots - text), text);
		if (strcmp(left, "*") != 0 &&
		    timestamp_parse(left, &f->from, NULL) == -1)
			return (-1);
		if (strcmp(dots + 2, "*") == 0)
			return (0);
		if (timestamp_parse(dots + 2, &f->to, &day) == -1)
			return (-1);
		f->to += day ? DAY_MS - 1 : 999;
		return (0);
	}
	open = strchr("<>", *text) != NULL && *text != '\0' &&
	    text[1] != '=';
	if (timestamp_parse(text + strspn(text, "<>="), &at, &day) == -1)
		return (-1);
	/* What is compared is a whole second, or a whole day. */
	if (*text == '>')
		f->from = open ? at + (day ? DAY_MS : 1000) : at;
	else if (*text == '<')
		f->to = open ? at - 1 : at + (day ? DAY_MS - 1 : 999);
	else {
		f->from = at;
		f->to = at + (day ? DAY_MS - 1 : 999);
	}
	return (0);
}

static int
filter_fits(const struct filter *f, const struct run *run)
{
	char	 sha[41];

	if (f->workflow != NULL && run->workflow != f->workflow)
		return (0);
	if (!f->any)
		return (1);
	if (f->status != NULL && strcmp(run->status, f->status) != 0 &&
	    (run->conclusion == NULL ||
	    strcmp(run->conclusion, f->status) != 0))
		return (0);
	if (f->branch != NULL && (run->branch == NULL ||
	    strcmp(run->branch, f->branch) != 0))
		return (0);
	if (f->event != NULL && strcmp(run->event, f->event) != 0)
		return (0);
	if (f->actor != NULL && strcasecmp(run->actor->login, f->actor) != 0)
		return (0);
	if (f->sha != NULL && strcmp(run_sha(run, sha), f->sha) != 0)
		return (0);
	return (run->created >= f->from && run->created <= f->to);
}

static struct run *
find(struct call *c)
{
	struct run	*run = run_find(c->repo, c->arg[0]);

	if (run == NULL)
		answer_error(c, 404, "Not Found");
	return (run);
}

static int
attempt_number(struct call *c, const struct run *run)
{
	const char	*error;
	struct attempt	 at;
	int		 number;

	number = (int)strtonum(c->arg[1], 1, INT_MAX, &error);
	if (error != NULL || run_attempt_at(run, number, &at) == NULL) {
		answer_error(c, 404, "Not Found");
		return (-1);
	}
	return (number);
}

/* There are no logs before a run is over. */
static void
redirect_logs(struct call *c, const struct run *run, int number)
{
	struct attempt	 at;
	char		 url[SIM_URL_MAX];

	if (run->no_logs || run_attempt_at(run, number, &at) == NULL ||
	    strcmp(at.status, "completed") != 0 ||
	    storage_url(url, sizeof(url), run, number, -1) == -1) {
		answer_error(c, 404, "Not Found");
		return;
	}
	answer_text(c, 302, "text/html;charset=utf-8", "", 0);
	answer_header(c, "Location", "%s", url);
}
