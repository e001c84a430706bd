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
 * What the jobs of a run wrote, one job behind the other, streamed as far as
 * it is taken.  Runs in the poller.  Must not hold more of a log than libcurl
 * gives in one piece.
 *
 * GitHub answers with a redirect to its storage: download.c goes there.
 * https://docs.github.com/en/rest/actions/workflow-jobs
 *	#download-job-logs-for-a-workflow-run
 */

#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "download.h"
#include "fetch.h"
#include "github.h"
#include "jobs.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "proc.h"
#include "watch.h"

/* For a minute's limit a client waits between two jobs, milliseconds. */
#define LOGS_NEXT_MS	65000

struct logs {
	struct fetch	*fetch;
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct lookup	*lookup;	/* one of these at a time */
	struct job_list	*list;
	struct gh_call	*call;
	struct download	*download;
	struct event	*resume;	/* from the loop */
	struct json_object *jobs;
	size_t		 next;		/* job */
	int64_t		 id;
	int64_t		 attempt;
	int		 failed_only;
	int		 begun;		/* something was sent */
	int		 newline;	/* the last byte was none */
};

static void	 on_run(const struct found_run *, void *);
static void	 on_jobs(struct json_object *, const struct gh_reply *,
		    void *);
static void	 next_job(struct logs *);
static int	 is_wanted(const struct logs *, struct json_object *);
static int	 has_to_wait(const struct logs *, char *, size_t);
static int	 locate(struct logs *, struct json_object *);
static void	 on_located(const struct gh_reply *, void *);
static int	 on_piece(const char *, size_t, void *);
static void	 on_downloaded(const char *, void *);
static void	 cut_off(struct logs *, const char *);
static void	 refuse(struct logs *, const struct refusal *);
static void	 say(struct logs *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
static void	 on_room(void *);
static void	 on_resume(evutil_socket_t, short, void *);
static void	 on_gone(void *);
static void	 logs_free(struct logs *);

static const struct fetch_ops fetch_ops = { on_room, on_gone };
static const struct download_ops download_ops = { on_piece, on_downloaded };

static const struct refusal no_memory = { .status = 503,
    .code = "unavailable", .retry_after = 1, .text = "Out of memory" };

void
fetch_logs(const struct asked *asked, struct json_object *args)
{
	struct refusal	 refusal;
	struct logs	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->resume = evtimer_new(poller_base(), on_resume, l)) == NULL)
		fatal("fetch_logs");
	if ((l->fetch = fetch_new(asked, &fetch_ops, l)) == NULL) {
		logs_free(l);
		return;
	}
	l->asked = *asked;
	l->failed_only = json_flag(args, "failed");
	(void)json_int(args, "run", &l->id);
	(void)json_int(args, "attempt", &l->attempt);
	l->gh = lookup_github(asked->target, 0, &l->pipeline, &refusal);
	if (l->gh == NULL)
		refuse(l, &refusal);
	else if ((l->lookup = lookup_run(l->gh, l->pipeline, l->id,
	    l->attempt, asked->deadline, on_run, l)) == NULL)
		refuse(l, &no_memory);
}

static void
on_run(const struct found_run *found, void *arg)
{
	struct logs	*l = arg;

	l->lookup = NULL;
	if (found->refusal != NULL)
		refuse(l, found->refusal);
	else if ((l->list = jobs_ask(l->gh, l->pipeline, l->id,
	    found->run.attempt, GH_COMMAND, l->asked.deadline, on_jobs, l)) ==
	    NULL)
		refuse(l, &no_memory);
}

static void
on_jobs(struct json_object *jobs, const struct gh_reply *r, void *arg)
{
	struct logs	*l = arg;
	struct refusal	 refusal;

	l->list = NULL;
	if (jobs == NULL) {
		lookup_refused(r, "The jobs could not be looked at", &refusal);
		refuse(l, &refusal);
		return;
	}
	l->jobs = json_object_get(jobs);
	next_job(l);
}

static void
next_job(struct logs *l)
{
	struct json_object	*job;
	char			 why[MSG_TEXT_MAX];

	while (l->next < json_object_array_length(l->jobs)) {
		job = json_object_array_get_idx(l->jobs, l->next++);
		if (!is_wanted(l, job))
			continue;
		if (has_to_wait(l, why, sizeof(why)))
			cut_off(l, why);
		else if (locate(l, job) == -1)
			cut_off(l, no_memory.text);
		return;
	}
	fetch_end(l->fetch);
	logs_free(l);
}

static int
is_wanted(const struct logs *l, struct json_object *job)
{
	static const char *const failed[] = {
		"failure", "timed_out", "startup_failure"
	};
	const char	*conclusion = json_string(job, "conclusion");
	size_t		 i;

	if (!l->failed_only)
		return (1);
	for (i = 0; conclusion != NULL &&
	    i < sizeof(failed) / sizeof(failed[0]); i++)
		if (strcmp(conclusion, failed[i]) == 0)
			return (1);
	return (0);
}

/* For the next hour, say: nobody holds an answer open for that. */
static int
has_to_wait(const struct logs *l, char *why, size_t size)
{
	int64_t	 left;

	return (l->begun && github_throttled(l->gh, GH_COMMAND, &left, why,
	    size) && left > LOGS_NEXT_MS);
}

static int
locate(struct logs *l, struct json_object *job)
{
	char	 path[GH_PATH_MAX];
	int64_t	 deadline, id = 0;

	(void)json_int(job, "job_id", &id);
	if (snprintf(path, sizeof(path), "/repos/%s/actions/jobs/%lld/logs",
	    l->pipeline->name, (long long)id) >= (int)sizeof(path))
		return (-1);
	deadline = l->begun ? proc_now_ms() + LOGS_NEXT_MS :
	    l->asked.deadline;
	l->call = github_locate(l->gh, path, deadline, on_located, l);
	return (l->call == NULL ? -1 : 0);
}

/* One that did not run, or still runs, or ran long ago, has no log. */
static void
on_located(const struct gh_reply *r, void *arg)
{
	struct logs		*l = arg;
	struct json_object	*job;
	struct refusal		 refusal;
	const char		*name, *how;

	l->call = NULL;
	job = json_object_array_get_idx(l->jobs, l->next - 1);
	if ((how = json_string(job, "conclusion")) == NULL &&
	    (how = json_string(job, "status")) == NULL)
		how = "?";
	if ((name = json_string(job, "name")) == NULL)
		name = "?";
	if (r->result == GH_REFUSED && (r->status == 404 ||
	    r->status == 410)) {
		say(l, "==> %s (%s): no log\n", name, how);
		next_job(l);
	} else if (r->result != GH_OK || r->location == NULL) {
		lookup_refused(r, "The log could not be fetched", &refusal);
		if (l->begun)
			cut_off(l, refusal.text);
		else
			refuse(l, &refusal);
	} else {
		say(l, "==> %s (%s)\n", name, how);
		l->download = download_start(l->gh, r->location,
		    &download_ops, l);
		if (l->download == NULL)
			cut_off(l, errno == EINVAL ? "GitHub redirects where "
			    "we don't go" : no_memory.text);
	}
}

static int
on_piece(const char *data, size_t len, void *arg)
{
	struct logs	*l = arg;

	if (fetch_room(l->fetch) < len)
		return (0);
	l->newline = data[len - 1] != '\n';
	fetch_send(l->fetch, data, len);
	return (1);
}

static void
on_downloaded(const char *why, void *arg)
{
	struct logs	*l = arg;

	l->download = NULL;
	if (why != NULL)
		cut_off(l, why);
	else
		next_job(l);
}

/* libcurl may call back while it is told to go on: not from in here. */
static void
on_room(void *arg)
{
	struct logs	*l = arg;

	if (l->download != NULL)
		event_active(l->resume, EV_TIMEOUT, 1);
}

static void
on_resume(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct logs	*l = arg;

	if (l->download != NULL)
		download_resume(l->download);
}

/* A line of our own. */
static void
say(struct logs *l, const char *fmt, ...)
{
	char	 line[FETCH_OVERDRAFT];
	va_list	 ap;
	size_t	 n = 0;

	if (l->newline)
		line[n++] = '\n';
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	fetch_send(l->fetch, line, strlen(line));
	l->begun = 1;
	l->newline = 0;
}

/* Some of it was sent: that the rest is missing must not go unnoticed. */
static void
cut_off(struct logs *l, const char *why)
{
	say(l, "==> cut off: %s\n", why);
	fetch_fail(l->fetch, why);
	logs_free(l);
}

static void
refuse(struct logs *l, const struct refusal *refusal)
{
	fetch_refuse(l->fetch, refusal);
	logs_free(l);
}

static void
on_gone(void *arg)
{
	struct logs	*l = arg;

	if (l->lookup != NULL)
		lookup_cancel(l->lookup);
	if (l->list != NULL)
		jobs_cancel(l->list);
	if (l->call != NULL)
		github_cancel(l->call);
	if (l->download != NULL)
		download_cancel(l->download);
	logs_free(l);
}

static void
logs_free(struct logs *l)
{
	event_free(l->resume);
	json_object_put(l->jobs);
	free(l);
}
