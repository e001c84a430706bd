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
 * GitHub's REST API: a queue of calls per credential, and redirects by our
 * own rules.  Runs in the poller.  Must not send a token to another host than
 * the one it was leased for, nor know what pipelines are.
 */

#include "config.h"

#include <sys/queue.h>

#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "budget.h"
#include "github.h"
#include "github-inside.h"
#include "log.h"
#include "poison.h"
#include "poller.h"
#include "proc.h"

#define GH_URL_MAX		3072
#define GH_HOPS_MAX		3	/* redirects */
/* Calls for people at a time: more than all that the api admits make. */
#define GH_COMMANDS_MAX		(8 * MSG_OPERATIONS_MAX)
#define GH_TIMEOUT_MS		30000

struct gh_call {
	TAILQ_ENTRY(gh_call) entry;
	struct github	*gh;
	struct http_request *req;	/* NULL: waiting */
	struct event	*expiry;
	const char	*method;	/* static text */
	char		*etag;
	char		*body;
	int64_t		 deadline;
	struct budget	*charged;	/* while it runs */
	uint32_t	 token;		/* an App's: which one it was sent */
	int		 retried;	/* with another token */
	int		 priority;
	int		 hops;
	int		 moved;
	int		 locate;	/* a 302 is the answer */
	gh_done		 done;
	void		*arg;
	char		*url;
};

static struct {
	void		(*room)(struct github *);
	void		(*learnt)(void);
	size_t		 commands;	/* calls of GH_COMMAND */
} env;

static void	 pump(struct github *);
static void	 start_waiting(struct github *);
static void	 drop_hopeless(struct github *);
static const char *hopeless(const struct gh_call *);
static const char *path_of(const struct gh_call *);
static void	 was_not_asked(struct gh_call *, struct gh_reply *);
static void	 on_expiry(evutil_socket_t, short, void *);
static int	 start(struct gh_call *, int64_t);
static void	 on_reply(const struct http_reply *, void *);
static int	 follow(struct gh_call *, const struct http_reply *,
		    struct gh_reply *);
static int	 learn(struct gh_call *, const struct http_reply *);
static void	 refused_now(const struct gh_call *, struct gh_reply *);
static void	 not_asked(const struct gh_call *, struct gh_reply *);
static void	 finish(struct gh_call *, const struct gh_reply *);
static void	 call_free(struct gh_call *);
static int	 again(struct gh_call *, const struct http_reply *);
static int	 is_write(const struct gh_call *);
static int	 writes_apart(const struct gh_call *);
static const char *token_of(const struct gh_call *);
static struct budget *budget_of(const struct gh_call *);
static enum budget_kind kind_of(const struct gh_call *);

void
github_set_hooks(void (*room)(struct github *), void (*learnt)(void))
{
	env.room = room;
	env.learnt = learnt;
}

struct gh_call *
github_call(struct github *gh, int priority, const char *method,
    const char *path, const char *etag, const char *body, int64_t deadline,
    gh_done done, void *arg)
{
	struct gh_call	*call;
	struct timeval	 tv;
	int64_t		 left;
	int		 n;

	if (priority == GH_COMMAND && env.commands >= GH_COMMANDS_MAX) {
		errno = ENOMEM;
		return (NULL);
	}
	if ((call = calloc(1, sizeof(*call))) == NULL)
		return (NULL);
	n = asprintf(&call->url, "%s%s", gh->url, path);
	if (n < 0 || n >= GH_URL_MAX) {
		if (n >= 0)
			free(call->url);
		free(call);
		errno = n < 0 ? ENOMEM : ENAMETOOLONG;
		return (NULL);
	}
	call->gh = gh;
	call->method = method;
	call->priority = priority;
	call->done = done;
	call->arg = arg;
	call->deadline = deadline;
	TAILQ_INSERT_TAIL(&gh->waiting[priority], call, entry);
	env.commands += priority == GH_COMMAND;
	if ((etag != NULL && (call->etag = strdup(etag)) == NULL) ||
	    (body != NULL && (call->body = strdup(body)) == NULL) ||
	    (deadline != 0 && (call->expiry =
	    evtimer_new(poller_base(), on_expiry, call)) == NULL)) {
		call_free(call);
		errno = ENOMEM;
		return (NULL);
	}
	if (deadline != 0) {
		if ((left = deadline - proc_now_ms()) < 0)
			left = 0;
		tv.tv_sec = left / 1000;
		tv.tv_usec = (left % 1000) * 1000;
		evtimer_add(call->expiry, &tv);
	}
	/* `done` comes from the loop: the caller has its pointer by then. */
	start_waiting(gh);
	return (call);
}

struct gh_call *
github_write(struct github *gh, const char *method, const char *path,
    const char *body, int64_t deadline, gh_done done, void *arg)
{
	return (github_call(gh, GH_COMMAND, method, path, NULL, body,
	    deadline, done, arg));
}

struct gh_call *
github_locate(struct github *gh, const char *path, int64_t deadline,
    gh_done done, void *arg)
{
	struct gh_call	*call;

	call = github_call(gh, GH_COMMAND, "GET", path, NULL, NULL, deadline,
	    done, arg);
	if (call != NULL)
		call->locate = 1;
	return (call);
}

void
github_cancel(struct gh_call *call)
{
	struct github	*gh = call->gh;

	if (call->req != NULL) {
		http_cancel(call->req);
		budget_end(call->charged, kind_of(call));
		github_wake(gh);
	}
	call_free(call);
}

static void
call_free(struct gh_call *call)
{
	if (call->req == NULL)
		TAILQ_REMOVE(&call->gh->waiting[call->priority], call, entry);
	env.commands -= call->priority == GH_COMMAND;
	if (call->expiry != NULL)
		event_free(call->expiry);
	free(call->url);
	free(call->etag);
	free(call->body);
	free(call);
}

static int
is_write(const struct gh_call *call)
{
	return (strcmp(call->method, "GET") != 0);
}

/* Does it go with the token that is for changes alone? */
static int
writes_apart(const struct gh_call *call)
{
	return (is_write(call) && call->gh->write_token != NULL);
}

static const char *
token_of(const struct gh_call *call)
{
	return (writes_apart(call) ? call->gh->write_token :
	    app_token(call->gh));
}

/* Of whoever's token it is sent with. */
static struct budget *
budget_of(const struct gh_call *call)
{
	return (writes_apart(call) ? &call->gh->write_budget :
	    &call->gh->budget);
}

static enum budget_kind
kind_of(const struct gh_call *call)
{
	return (call->priority == GH_COMMAND ? BUDGET_COMMAND : BUDGET_LOOK);
}

void
github_on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	pump(arg);
}

/* Not as by its timer, whose next setting would take that back. */
void
github_wake(struct github *gh)
{
	event_active(gh->timer, EV_READ, 1);
}

/*
 * What held it up until now: a pause, or what else was asked of GitHub in
 * the last minute; else it is GitHub's affair (a token, all those under way).
 */
static void
was_not_asked(struct gh_call *call, struct gh_reply *r)
{
	int64_t	 wait;

	github_limited(budget_of(call), kind_of(call), r);
	if (r->result == GH_LIMITED || (token_of(call) == NULL &&
	    call->gh->app.id != 0))
		return;
	wait = budget_wait(budget_of(call), proc_now_ms(), kind_of(call),
	    is_write(call));
	if (wait == -1)
		return;
	r->result = GH_LIMITED;
	r->wait = wait > 1000 ? (wait + 999) / 1000 : 1;
	(void)strlcpy(r->why, "GitHub was not asked: its limits leave no "
	    "room for more now", sizeof(r->why));
}

/* The client's patience is at its end before GitHub answered. */
static void
on_expiry(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct gh_call	*call = arg;
	struct gh_reply	 r;

	memset(&r, 0, sizeof(r));
	if (call->req == NULL)
		was_not_asked(call, &r);
	if (r.result != GH_LIMITED) {
		r.result = GH_FAILED;
		(void)snprintf(r.why, sizeof(r.why),
		    "GitHub did not answer in time");
	}
	if (call->req != NULL) {
		http_cancel(call->req);
		call->req = NULL;
		budget_end(call->charged, kind_of(call));
		TAILQ_INSERT_TAIL(&call->gh->waiting[call->priority], call,
		    entry);
		/* Who waits for its end may begin. */
		github_wake(call->gh);
	}
	finish(call, &r);
}

/* Whoever has more to ask is told when nothing waits any more. */
static void
pump(struct github *gh)
{
	drop_hopeless(gh);
	start_waiting(gh);
	if (TAILQ_EMPTY(&gh->waiting[GH_LOOK]) && env.room != NULL)
		env.room(gh);
}

/* Start whatever the budget lets start, people's calls first. */
static void
start_waiting(struct github *gh)
{
	struct gh_call	*call, *next;
	struct timeval	 tv;
	int64_t		 now = proc_now_ms(), wait, soonest = -1;
	int		 i;

	for (i = 0; i < GH_PRIORITIES; i++)
		TAILQ_FOREACH_SAFE(call, &gh->waiting[i], entry, next) {
			if (hopeless(call) != NULL) {
				github_wake(gh);
				continue;
			}
			if (token_of(call) == NULL && gh->app.id != 0)
				continue;
			wait = budget_wait(budget_of(call), now,
			    kind_of(call), is_write(call));
			if (wait == 0) {
				if (start(call, now) == -1)
					wait = 1000;	/* no memory now */
			}
			if (wait > 0 && (soonest == -1 || wait < soonest))
				soonest = wait;
			/* Reads wait only for what makes all wait. */
			if (budget_of(call) == &gh->budget && (wait == -1 ||
			    (wait > 0 && !is_write(call))))
				break;
		}
	if (soonest > 0) {
		tv.tv_sec = soonest / 1000;
		tv.tv_usec = (soonest % 1000) * 1000;
		evtimer_add(gh->timer, &tv);
	}
}

/*
 * Calls that can't be made any more fail, from the loop.  Whoever is told
 * may begin new ones, or cancel others: those that are there now are looked
 * at anew after each, and not more than those.
 */
static void
drop_hopeless(struct github *gh)
{
	struct gh_call	*call, *found;
	struct gh_reply	 r;
	const char	*why = NULL;
	size_t		 n = 0;
	int		 i;

	for (i = 0; i < GH_PRIORITIES; i++)
		TAILQ_FOREACH(call, &gh->waiting[i], entry)
			n += hopeless(call) != NULL;
	for (; n > 0; n--) {
		found = NULL;
		for (i = 0; i < GH_PRIORITIES && found == NULL; i++)
			TAILQ_FOREACH(call, &gh->waiting[i], entry)
				if ((why = hopeless(call)) != NULL) {
					found = call;
					break;
				}
		if (found == NULL)
			return;
		memset(&r, 0, sizeof(r));
		r.result = GH_FAILED;
		(void)strlcpy(r.why, why, sizeof(r.why));
		finish(found, &r);
	}
}

static const char *
hopeless(const struct gh_call *call)
{
	if (!call->gh->configured)
		return ("this GitHub is not configured any more");
	if (app_trouble(call->gh) != NULL && !writes_apart(call))
		return (app_trouble(call->gh));
	return (poison_reason_path(call->gh->url, path_of(call)));
}

/* What is behind the API's base, also after a redirect. */
static const char *
path_of(const struct gh_call *call)
{
	size_t	 n = strlen(call->gh->url);

	if (strncasecmp(call->url, call->gh->url, n) != 0)
		n = call->gh->origin;
	return (call->url + n);
}

static int
start(struct gh_call *call, int64_t now)
{
	struct github		*gh = call->gh;
	struct http_call	 hc;
	struct http_request	*req;
	int64_t			 left = GH_TIMEOUT_MS;

	if (call->deadline != 0 && call->deadline - now < left)
		left = call->deadline - now;
	memset(&hc, 0, sizeof(hc));
	hc.method = call->method;
	hc.url = call->url;
	hc.token = token_of(call);
	hc.etag = call->etag;
	hc.body = call->body;
	hc.store = gh->store;
	hc.timeout_ms = left < 1 ? 1 : (long)left;
	if ((req = http_start(&hc, on_reply, call)) == NULL) {
		log_warn("github %s: %s", gh->name, strerror(errno));
		return (-1);
	}
	TAILQ_REMOVE(&gh->waiting[call->priority], call, entry);
	call->req = req;
	call->token = hc.token == gh->token ? gh->app.number : 0;
	call->charged = budget_of(call);
	budget_start(call->charged, now, kind_of(call), is_write(call));
	return (0);
}

static void
on_reply(const struct http_reply *http, void *arg)
{
	struct gh_call	*call = arg;
	struct github	*gh = call->gh;
	struct gh_reply	 r;
	int		 limited, told = 0;

	memset(&r, 0, sizeof(r));
	budget_end(call->charged, kind_of(call));
	call->req = NULL;
	TAILQ_INSERT_HEAD(&gh->waiting[call->priority], call, entry);
	limited = learn(call, http);
	if (limited) {
		refused_now(call, &r);
		r.status = http->status;
	} else {
		if (again(call, http) || follow(call, http, &r)) {
			pump(gh);
			return;
		}
		told = http->len > 0 && poison_begin(gh->url, path_of(call));
		if (r.result != GH_FAILED)
			github_classify(gh, call->moved, http, &r);
		not_asked(call, &r);
	}
	finish(call, &r);
	if (r.json != NULL)
		json_object_put(r.json);
	if (told)
		poison_end();
	pump(gh);
}

/* A limit, even one that GitHub says is over at once. */
static void
refused_now(const struct gh_call *call, struct gh_reply *r)
{
	github_limited(call->charged, kind_of(call), r);
	if (r->result == GH_LIMITED)
		return;
	r->result = GH_LIMITED;
	r->wait = 1;
	(void)strlcpy(r->why, "GitHub refused by a rate limit",
	    sizeof(r->why));
}

/* What only makes sense where it was asked for. */
static void
not_asked(const struct gh_call *call, struct gh_reply *r)
{
	const char	*why = NULL;

	if (r->result == GH_UNCHANGED && call->etag == NULL)
		why = "GitHub answered 304 without a condition";
	else if (r->result == GH_OK && call->locate && r->location == NULL)
		why = "GitHub's answer does not say where it is";
	if (why == NULL)
		return;
	r->result = GH_FAILED;
	(void)strlcpy(r->why, why, sizeof(r->why));
}

static int
learn(struct gh_call *call, const struct http_reply *http)
{
	struct budget_answer	 a;

	a.status = http->status;
	a.retry_after = http->retry_after;
	a.limit = http->limit;
	a.remaining = http->remaining;
	a.used = http->used;
	a.reset = http->reset;
	a.date = http->date;
	a.secondary = github_is_secondary(http);
	token_learn(&call->gh->about[call->charged ==
	    &call->gh->write_budget], call->gh->name, http, time(NULL));
	if (env.learnt != NULL)
		env.learnt();
	return (budget_learn(call->charged, &a, proc_now_ms(),
	    time(NULL)));
}

/* An App's token that is not taken any more: once more with another. */
static int
again(struct gh_call *call, const struct http_reply *http)
{
	if (http->status != 401 || call->retried || call->token == 0 ||
	    !app_refused(call->gh, call->token))
		return (0);
	call->retried = 1;
	return (1);
}

/*
 * A redirect within the same host is followed, the call waiting anew.
 * Returns 1 if so.  One to elsewhere makes the call fail.
 */
static int
follow(struct gh_call *call, const struct http_reply *http,
    struct gh_reply *r)
{
	struct github	*gh = call->gh;
	char		*url;

	if (http->status != 301 && http->status != 302 &&
	    http->status != 307 && http->status != 308)
		return (0);
	if (call->locate && http->status == 302) {
		r->location = http->location;
		return (0);
	}
	if (strncasecmp(http->location, gh->url, gh->origin) != 0 ||
	    http->location[gh->origin] != '/') {
		r->result = GH_FAILED;
		r->status = http->status;
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub redirects to another host");
		return (0);
	}
	url = ++call->hops > GH_HOPS_MAX ? NULL : strdup(http->location);
	if (url == NULL) {
		r->result = GH_FAILED;
		r->status = http->status;
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub redirects without end");
		return (0);
	}
	free(call->url);
	call->url = url;
	if (http->status == 301 || http->status == 308)
		call->moved = 1;
	/* An ETag belongs to the URL that gave it. */
	free(call->etag);
	call->etag = NULL;
	return (1);
}

static void
finish(struct gh_call *call, const struct gh_reply *r)
{
	gh_done	 done = call->done;
	void	*arg = call->arg;

	call_free(call);
	done(r, arg);
}
