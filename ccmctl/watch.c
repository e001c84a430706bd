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
 * Watch a run until it ends: events say that something changed, a look says
 * what; where no event comes, it is looked at again all the same.  Part of
 * ccmctl.  The outcome of the run is the exit code.
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

/* Each look asks GitHub: milliseconds between those that no event led to, */
#define LOOK_AGAIN	15000
/* ... and between any two. */
#define LOOK_APART	1000
/* A daemon that went away is looked for: tries, and how far apart. */
#define FIND_TRIES	30
#define FIND_APART	1000

struct watch {
	struct client	*client;
	const char	*path;		/* of the socket */
	const struct term *term;
	const char	*id;
	int64_t		 run;
	int		 json;
	struct json_object *args;	/* of run.show */
	struct json_object *last;	/* what was told of the run, or NULL */
	int64_t		 due;		/* the next look, client_now */
	int64_t		 looked;
	char		 conclusion[64];	/* of its end, "" before */
	char		 heard[64];	/* the same, by an event alone */
	char		 complaint[512];	/* the last one */
};

static int	 begin(struct watch *);
static int	 find_daemon(struct watch *);
static int	 look(struct watch *);
static int	 not_looked_at(struct watch *);
static void	 conclude(struct watch *);
static int	 listen_until(struct watch *, int64_t);
static int	 hear(struct watch *, enum client_event);
static void	 on_event(void *);
static void	 take(struct watch *, struct json_object *);
static void	 tell_jobs(struct watch *, struct json_object *,
		    struct json_object *);
static struct json_object *find_job(struct json_object *,
		    struct json_object *);
static void	 tell(struct watch *, const char *, const char *);
static void	 tell_json(struct json_object *);
static int	 ended(struct watch *);

int
watch_run(struct client *c, const char *path, const struct term *term,
    const char *id, int64_t run, int json)
{
	struct watch	 w;
	int		 r = 0;

	memset(&w, 0, sizeof(w));
	w.client = c;
	w.path = path;
	w.term = term;
	w.id = id;
	w.run = run;
	w.json = json;
	w.args = json_object_new_object();
	json_set_text(w.args, "id", id);
	json_set_int(w.args, "run", run);
	if (begin(&w) == -1)
		r = find_daemon(&w);
	while (r == 0 && w.conclusion[0] == '\0') {
		if (client_now() >= w.due)
			r = look(&w);
		else
			r = listen_until(&w, w.due);
		if (r == 0 && ferror(stdout))
			r = client_unwritten(c);
		if (r == -1 && c->exit_code == EXIT_NODAEMON)
			r = find_daemon(&w);
	}
	if (r == 0)
		r = ended(&w);
	else
		r = c->exit_code;
	json_object_put(w.args);
	json_object_put(w.last);
	return (r);
}

/* Events first, so that nothing happens between the look and them. */
static int
begin(struct watch *w)
{
	struct json_object	*args;
	int			 r;

	if (client_greeted(w->client) == -1)
		return (-1);
	client_set_listener(w->client, on_event, w);
	args = json_object_new_object();
	json_set_text(args, "pipeline", w->id);
	r = client_subscribe(w->client, args);
	json_object_put(args);
	if (r == -1 || client_answered(w->client) == -1)
		return (-1);
	if (w->client->status >= 400) {
		(void)strlcpy(w->client->why, "the events were refused",
		    sizeof(w->client->why));
		w->client->exit_code = EXIT_FAILED;
		return (-1);
	}
	w->due = 0;
	return (0);
}

/* It restarts, which takes a second or two. */
static int
find_daemon(struct watch *w)
{
	int	 i;

	for (i = 0; i < FIND_TRIES; i++) {
		client_close(w->client);
		(void)poll(NULL, 0, FIND_APART);
		if (client_open(w->client, w->path) == 0 && begin(w) == 0)
			return (0);
		if (w->client->exit_code != EXIT_NODAEMON)
			break;
	}
	return (-1);
}

static int
look(struct watch *w)
{
	struct client		*c = w->client;
	struct json_object	*run;

	/* Before: what is told meanwhile may be newer than the answer. */
	w->looked = client_now();
	w->due = w->looked + LOOK_AGAIN;
	if (client_call(c, "run.show", w->args) == -1)
		return (-1);
	if (c->status >= 400)
		return (not_looked_at(w));
	run = json_member(c->answer, "run", json_type_object);
	if (run != NULL)
		take(w, run);
	return (0);
}

/* GitHub can't be asked now: events go on.  A run that is gone is an end. */
static int
not_looked_at(struct watch *w)
{
	struct client	*c = w->client;
	const char	*error = json_string(c->answer, "error");
	char		*shown;

	if (error == NULL)
		error = "it failed";
	if (c->status < 500) {
		(void)snprintf(c->why, sizeof(c->why), "%s", error);
		c->exit_code = EXIT_FAILED;
		return (-1);
	}
	if (strcmp(error, w->complaint) != 0) {
		shown = text_visible(error);
		(void)fprintf(stderr, "ccmctl: %s\n", shown);
		free(shown);
		(void)strlcpy(w->complaint, error, sizeof(w->complaint));
	}
	conclude(w);
	return (0);
}

/* What has ended is told, whether GitHub can be asked or not. */
static void
conclude(struct watch *w)
{
	if (w->last != NULL && w->complaint[0] != '\0')
		(void)strlcpy(w->conclusion, w->heard, sizeof(w->conclusion));
}

/* Events, for as long as nothing is due; first those already here. */
static int
listen_until(struct watch *w, int64_t until)
{
	struct client		*c = w->client;
	enum client_event	 event;
	struct pollfd		 pfd;
	int64_t			 left = until - client_now();

	if ((event = client_next(c)) != CLIENT_MORE)
		return (hear(w, event));
	pfd.fd = c->fd;
	pfd.events = client_events(c);
	if (poll(&pfd, 1, left < 0 ? 0 : (int)left) == -1 && errno != EINTR)
		return (-1);
	return (hear(w, client_step(c)));
}

static int
hear(struct watch *w, enum client_event event)
{
	for (; event != CLIENT_MORE; event = client_next(w->client)) {
		if (event == CLIENT_FAILED)
			return (-1);
		if (event == CLIENT_EVENT)
			on_event(w);
	}
	return (0);
}

/* An event knows no jobs: where the run goes on it leads to a look. */
static void
on_event(void *arg)
{
	struct watch		*w = arg;
	struct json_object	*o = w->client->event;
	const char		*status = json_string(o, "status"), *s;
	int64_t			 run, soon = w->looked + LOOK_APART;

	if (strcmp(w->client->event_kind, "reset") != 0 &&
	    (strcmp(w->client->event_kind, "run") != 0 ||
	    json_int(o, "run_id", &run) != 1 || run != w->run))
		return;
	w->heard[0] = '\0';
	if (status != NULL && strcmp(status, "completed") == 0 &&
	    (s = json_string(o, "conclusion")) != NULL)
		(void)strlcpy(w->heard, s, sizeof(w->heard));
	conclude(w);
	if (soon < w->due)
		w->due = soon;
}

static void
take(struct watch *w, struct json_object *run)
{
	const char	*word = run_word(run), *status, *s;
	int		 news;

	w->complaint[0] = w->heard[0] = '\0';
	news = w->last == NULL || !json_object_equal(w->last, run);
	if (news && w->json)
		tell_json(run);
	if (news && !w->json) {
		if (w->last == NULL || strcmp(run_word(w->last), word) != 0)
			tell(w, "run", word);
		tell_jobs(w, json_member(run, "jobs", json_type_array),
		    w->last == NULL ? NULL :
		    json_member(w->last, "jobs", json_type_array));
	}
	json_object_put(w->last);
	w->last = json_object_get(run);
	status = json_string(run, "status");
	if (status != NULL && strcmp(status, "completed") == 0) {
		s = json_string(run, "conclusion");
		(void)strlcpy(w->conclusion, s != NULL ? s : "?",
		    sizeof(w->conclusion));
	}
}

static void
tell_jobs(struct watch *w, struct json_object *jobs,
    struct json_object *before)
{
	struct json_object	*job, *old;
	const char		*name;
	size_t			 i;

	for (i = 0; jobs != NULL && i < json_object_array_length(jobs); i++) {
		job = json_object_array_get_idx(jobs, i);
		old = find_job(before, job);
		if (old != NULL && strcmp(run_word(old), run_word(job)) == 0)
			continue;
		name = json_string(job, "name");
		tell(w, name != NULL ? name : "?", run_word(job));
	}
}

static struct json_object *
find_job(struct json_object *jobs, struct json_object *wanted)
{
	struct json_object	*job;
	size_t			 i;

	for (i = 0; jobs != NULL && i < json_object_array_length(jobs); i++) {
		job = json_object_array_get_idx(jobs, i);
		if (view_integer(job, "job_id") ==
		    view_integer(wanted, "job_id"))
			return (job);
	}
	return (NULL);
}

/* "10:30:00  in_progress  build" */
static void
tell(struct watch *w, const char *what, const char *word)
{
	struct view	 view = { stdout, w->term, 0, VIEW_LABEL, 0 };
	char		 when[16] = "";
	time_t		 now = time(NULL);
	struct tm	 tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%H:%M:%S", &tm);
	view.label = sizeof("10:30:00") + 1;
	view_field(&view, when, show_run_sign(word), "%-12s %s", word, what);
	(void)fflush(stdout);
}

static void
tell_json(struct json_object *run)
{
	const char	*text;
	size_t		 len;

	text = json_text(run, &len);
	text_json(stdout, text, len);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static int
ended(struct watch *w)
{
	struct view	 view = { stdout, w->term, 0, VIEW_LABEL, 0 };
	char		 took[TEXT_TIME_SIZE];

	if (!w->json)
		view_say(&view, show_run_sign(w->conclusion),
		    "Run %lld: %s, %s", (long long)w->run, w->conclusion,
		    text_duration(view_integer(w->last, "duration_seconds"),
		    took));
	return (strcmp(w->conclusion, "success") == 0 ? EXIT_OK :
	    EXIT_FAILED);
}
