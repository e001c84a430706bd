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
 * Ending a workflow's unfinished runs.  Runs in the poller.  Must not touch
 * a run of another workflow, nor take an accepted cancel for a done one.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel-inside.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "run.h"
#include "watch.h"

#define CANCEL_RUNS	500	/* followed at a time */
#define VERIFY_SOON_MS	1000	/* while a client waits */
#define VERIFY_LATE_MS	10000
#define VERIFY_SOON	10	/* rounds at the short interval */
#define FORCE_AFTER_MS	60000	/* accepted, and still not completed */
#define GIVE_UP_MS	(60 * 60 * 1000)	/* of nothing but failures */
#define WARNINGS_MAX	20	/* what else there is, the log says */

static struct cancel *cancel_new(struct github *, struct pipeline *,
		    void (*)(struct cancel *, void *), void *);
static struct github *github_of(struct cancel *);
static int	 make_room(struct cancel *);
static int	 order(struct victim *, const char *, gh_done);
static void	 on_cancelled(const struct gh_reply *, void *);
static void	 on_forced(const struct gh_reply *, void *);
static void	 verify(struct victim *);
static void	 on_verified(const struct gh_reply *, void *);
static int	 is_another(const struct victim *, struct json_object *);
static void	 take_completed(struct victim *, struct json_object *);
static void	 warn_of(struct cancel *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
static void	 give_up(struct victim *, const char *);
static void	 on_timer(evutil_socket_t, short, void *);
static int	 verify_in(const struct cancel *);
static int	 retry_in(const struct cancel *);
static int	 failed(struct cancel *, struct trial *,
		    const struct gh_reply *, int);
static int	 is_due(const struct trial *);
static void	 forgive(struct trial *);
static void	 check_settled(struct cancel *);

struct cancel *
cancel_start(struct github *gh, struct pipeline *p,
    void (*settled)(struct cancel *, void *), void *arg)
{
	struct cancel	*c = cancel_new(gh, p, settled, arg);

	if (c != NULL)
		cancel_ask_lists(c);
	return (c);
}

struct cancel *
cancel_follow(struct github *gh, struct pipeline *p,
    const struct cancel_run *run,
    void (*settled)(struct cancel *, void *), void *arg)
{
	struct cancel	*c = cancel_new(gh, p, settled, arg);
	struct victim	*v;

	if (c == NULL)
		return (NULL);
	cancel_add(c, run->id);
	if ((v = TAILQ_FIRST(&c->victims)) == NULL) {
		cancel_free(c);
		return (NULL);
	}
	v->state = VICTIM_ACCEPTED;
	v->attempt = run->attempt;
	v->asked_at = proc_now_ms() - run->age;
	cancel_again_in(c, VERIFY_SOON_MS / 4);
	return (c);
}

static struct cancel *
cancel_new(struct github *gh, struct pipeline *p,
    void (*settled)(struct cancel *, void *), void *arg)
{
	struct cancel	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->gh = gh;
	c->url = strdup(github_url(gh));
	c->pipeline = p;
	c->workflow_id = p->workflow_id;
	c->done = settled;
	c->arg = arg;
	(void)strlcpy(c->name, p->name, sizeof(c->name));
	TAILQ_INIT(&c->victims);
	c->warnings = json_object_new_array();
	c->timer = evtimer_new(poller_base(), on_timer, c);
	if (c->url == NULL || c->timer == NULL || c->warnings == NULL) {
		cancel_free(c);
		return (NULL);
	}
	return (c);
}

void
cancel_free(struct cancel *c)
{
	struct victim	*v;
	size_t		 i;

	for (i = 0; i < CANCEL_LISTS; i++)
		if (c->lists[i].call != NULL)
			github_cancel(c->lists[i].call);
	while ((v = TAILQ_FIRST(&c->victims)) != NULL) {
		TAILQ_REMOVE(&c->victims, v, entry);
		if (v->call != NULL)
			github_cancel(v->call);
		free(v);
	}
	if (c->timer != NULL)
		event_free(c->timer);
	json_object_put(c->warnings);
	free(c->list_warning);
	free(c->url);
	free(c);
}

/*
 * Hours may go by, and reloads may give the owner another credential, and
 * the place of ours to another GitHub's; but the numbers are those of one.
 * NULL: that can't be asked.
 */
static struct github *
github_of(struct cancel *c)
{
	struct github	*gh = github_for(c->name, strcspn(c->name, "/"));

	if (gh != NULL && github_has_token(gh) &&
	    strcmp(github_url(gh), c->url) == 0)
		c->gh = gh;
	return (strcmp(github_url(c->gh), c->url) == 0 ? c->gh : NULL);
}

struct gh_call *
cancel_ask(struct cancel *c, const char *path, gh_done done, void *arg)
{
	struct github	*gh = github_of(c);

	return (gh == NULL ? NULL : github_call(gh, GH_COMMAND, "GET", path,
	    NULL, NULL, 0, done, arg));
}

int
cancel_report(const struct cancel *c, struct json_object *o)
{
	struct json_object	*cancelled, *cancelling, *warnings;
	const struct victim	*v;
	char			 text[MSG_TEXT_MAX];
	size_t			 i;

	cancelled = json_object_new_array();
	cancelling = json_object_new_array();
	TAILQ_FOREACH(v, &c->victims, entry)
		if (v->state == VICTIM_COMPLETED)
			json_object_array_add(cancelled,
			    json_object_new_int64(v->id));
		else if (v->state != VICTIM_GIVEN_UP)
			json_object_array_add(cancelling,
			    json_object_new_int64(v->id));
	json_object_object_add(o, "cancelled", cancelled);
	json_object_object_add(o, "cancelling", cancelling);
	warnings = json_object_new_array();
	if (c->list_warning != NULL) {
		json_object_array_add(warnings,
		    json_object_new_string(c->list_warning));
	} else if (cancel_lists_pending(c)) {
		(void)snprintf(text, sizeof(text), "GitHub did not tell the "
		    "unfinished runs of %s in time", c->name);
		json_object_array_add(warnings, json_object_new_string(text));
	}
	for (i = 0; i < json_object_array_length(c->warnings); i++)
		json_object_array_add(warnings, json_object_get(
		    json_object_array_get_idx(c->warnings, i)));
	json_object_object_add(o, "warnings", warnings);
	return (!c->settled);
}

void
cancel_lists_done(struct cancel *c)
{
	struct victim	*v;

	if (c->failed > 0 && failed(c, &c->trial, NULL, retry_in(c))) {
		warn_of(c, "Not all unfinished runs of %s could be "
		    "found; given up", c->name);
		c->failed = 0;
	} else if (c->failed == 0) {
		/* The outage is over: what it kept from us is here now. */
		forgive(&c->trial);
		free(c->list_warning);
		c->list_warning = NULL;
	}
	TAILQ_FOREACH(v, &c->victims, entry)
		if (v->state == VICTIM_FOUND && v->call == NULL &&
		    is_due(&v->trial) &&
		    order(v, "/cancel", on_cancelled) == -1) {
			(void)failed(c, &c->trial, NULL, retry_in(c));
			c->failed++;
		}
	check_settled(c);
	if (c->failed == 0 && !c->settled)
		cancel_again_in(c, verify_in(c));
	/* Nothing to wait for before GitHub is asked again. */
	if (!c->settled && TAILQ_EMPTY(&c->victims))
		c->done(c, c->arg);
}

int
cancel_settled(const struct cancel *c)
{
	return (c->settled);
}

void
cancel_add(struct cancel *c, int64_t id)
{
	struct victim	*v;

	TAILQ_FOREACH(v, &c->victims, entry)
		if (v->id == id)
			return;
	if ((c->nvictims >= CANCEL_RUNS && !make_room(c)) ||
	    (v = calloc(1, sizeof(*v))) == NULL) {
		cancel_left_out(c);
		return;
	}
	v->cancel = c;
	v->id = id;
	c->nvictims++;
	TAILQ_INSERT_TAIL(&c->victims, v, entry);
}

/* One that has ended makes room for the next: that is progress, too. */
static int
make_room(struct cancel *c)
{
	struct victim	*v;

	TAILQ_FOREACH(v, &c->victims, entry)
		if (v->state == VICTIM_COMPLETED && v->call == NULL)
			break;
	if (v == NULL)
		return (0);
	TAILQ_REMOVE(&c->victims, v, entry);
	free(v);
	c->nvictims--;
	forgive(&c->trial);
	return (1);
}

void
cancel_left_out(struct cancel *c)
{
	cancel_list_warn(c, "%s has more unfinished runs than are cancelled "
	    "at a time: the others are when these have ended", c->name);
	c->failed++;	/* so that the lists are asked again */
}

static int
order(struct victim *v, const char *what, gh_done done)
{
	struct cancel	*c = v->cancel;
	struct github	*gh = github_of(c);
	char		 path[GH_PATH_MAX];

	if (gh == NULL || snprintf(path, sizeof(path),
	    "/repos/%s/actions/runs/%lld%s", c->name, (long long)v->id,
	    what) >= (int)sizeof(path))
		return (-1);
	v->call = github_write(gh, "POST", path, NULL, 0, done, v);
	return (v->call == NULL ? -1 : 0);
}

/* 202 is not done, and 409 is completed or stuck: verified both. */
static void
on_cancelled(const struct gh_reply *r, void *arg)
{
	struct victim	*v = arg;
	struct cancel	*c = v->cancel;

	v->call = NULL;
	v->asked_at = proc_now_ms();
	if (r->result == GH_OK || r->status == 409) {
		v->state = VICTIM_ACCEPTED;
		forgive(&v->trial);
	} else if (r->result == GH_REFUSED && r->status == 404)
		v->state = VICTIM_COMPLETED;
	else if (r->result == GH_REFUSED || failed(c, &v->trial, r,
	    retry_in(c)))
		give_up(v, r->why);
	if (v->state != VICTIM_FOUND)
		cancel_again_in(c, c->rounds < VERIFY_SOON ?
		    VERIFY_SOON_MS / 4 : VERIFY_LATE_MS);
	check_settled(c);
}

static void
verify(struct victim *v)
{
	struct cancel	*c = v->cancel;
	char		 path[GH_PATH_MAX];

	if (v->call == NULL && snprintf(path, sizeof(path),
	    "/repos/%s/actions/runs/%lld", c->name, (long long)v->id) <
	    (int)sizeof(path))
		v->call = cancel_ask(c, path, on_verified, v);
}

static void
on_verified(const struct gh_reply *r, void *arg)
{
	struct victim		*v = arg;
	struct cancel		*c = v->cancel;
	const char		*status;

	v->call = NULL;
	if (r->result == GH_REFUSED && r->status == 404)
		v->state = VICTIM_COMPLETED;
	else if (r->result != GH_OK &&
	    failed(c, &v->trial, r, VERIFY_LATE_MS))
		give_up(v, r->why);
	if (r->result == GH_OK) {
		forgive(&v->trial);
		status = json_string(r->json, "status");
		if (is_another(v, r->json)) {
			v->state = VICTIM_COMPLETED;
		} else if (status != NULL && strcmp(status, "completed") == 0) {
			v->state = VICTIM_COMPLETED;
			take_completed(v, r->json);
		} else if (proc_now_ms() - v->asked_at >= FORCE_AFTER_MS &&
		    is_due(&v->force)) {
			if (v->state == VICTIM_FORCED)
				give_up(v, "it was force-cancelled and does "
				    "not end");
			else
				(void)order(v, "/force-cancel", on_forced);
		}
	}
	check_settled(c);
}

/* Run again meanwhile, by somebody who means it; or not ours at all. */
static int
is_another(const struct victim *v, struct json_object *run)
{
	int64_t	 n;

	return ((v->attempt != 0 && json_int(run, "run_attempt", &n) == 1 &&
	    n != v->attempt) || (json_int(run, "workflow_id", &n) == 1 &&
	    n != v->cancel->workflow_id));
}

/* The view and the history shall know how it ended. */
static void
take_completed(struct victim *v, struct json_object *o)
{
	struct json_object	*doc;
	struct run		 run;
	const char		*why;

	if (run_from_github(o, &doc, &why) == -1)
		return;
	if (run_from_document(doc, &run) == 0 && run.id == v->id &&
	    pipeline_saw(v->cancel->pipeline, &run, doc, 0))
		tell_run(v->cancel->pipeline->id, doc);
	json_object_put(doc);
}

/* A zombie answers 409 or 500: that is the verdict. */
static void
on_forced(const struct gh_reply *r, void *arg)
{
	struct victim	*v = arg;

	v->call = NULL;
	v->asked_at = proc_now_ms();
	if (r->result == GH_OK)
		v->state = VICTIM_FORCED;
	else if (r->status == 409 || r->status >= 500 ||
	    r->result == GH_REFUSED ||
	    failed(v->cancel, &v->force, r, FORCE_AFTER_MS))
		give_up(v, r->why);
	check_settled(v->cancel);
}

static void
give_up(struct victim *v, const char *why)
{
	v->state = VICTIM_GIVEN_UP;
	warn_of(v->cancel, "Run %lld could not be cancelled: %s",
	    (long long)v->id, why);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct cancel	*c = arg;
	struct victim	*v;
	int		 found = 0;

	TAILQ_FOREACH(v, &c->victims, entry) {
		if (v->state == VICTIM_ACCEPTED || v->state == VICTIM_FORCED)
			verify(v);
		else if (v->state == VICTIM_FOUND && v->call == NULL &&
		    is_due(&v->trial))
			found = 1;
	}
	c->rounds++;
	/* Not while they are asked for: their end goes on by itself. */
	if ((found || (c->failed > 0 && is_due(&c->trial))) &&
	    !cancel_lists_pending(c)) {
		cancel_ask_lists(c);
		return;
	}
	cancel_again_in(c, verify_in(c));
}

static int
verify_in(const struct cancel *c)
{
	return (c->rounds < VERIFY_SOON ? VERIFY_SOON_MS : VERIFY_LATE_MS);
}

/* What failed: soon while a client may wait for runs. */
static int
retry_in(const struct cancel *c)
{
	return (c->rounds < VERIFY_SOON && !TAILQ_EMPTY(&c->victims) ?
	    VERIFY_SOON_MS : CANCEL_RETRY_MS);
}

/*
 * Once more in so many milliseconds, or twice as long as the last time.
 * Returns 1 if that went on for long enough; a limit is no failure, however
 * long.
 */
static int
failed(struct cancel *c, struct trial *t, const struct gh_reply *r, int ms)
{
	int64_t	 now = proc_now_ms();

	if (r != NULL && r->result == GH_LIMITED)
		forgive(t);
	if (t->since == 0)
		t->since = now;
	if (ms < CANCEL_RETRY_MS || t->wait < CANCEL_RETRY_MS)
		t->wait = ms;
	else if ((t->wait *= 2) > CANCEL_RETRY_MAX_MS)
		t->wait = CANCEL_RETRY_MAX_MS;
	t->due = now + t->wait;
	cancel_again_in(c, t->wait);
	return (now - t->since >= GIVE_UP_MS);
}

static int
is_due(const struct trial *t)
{
	return (proc_now_ms() >= t->due);
}

static void
forgive(struct trial *t)
{
	memset(t, 0, sizeof(*t));
}

/* The sooner of two wishes counts. */
void
cancel_again_in(struct cancel *c, int ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };
	struct timeval	 at, now;

	if (evtimer_pending(c->timer, &at)) {
		evutil_gettimeofday(&now, NULL);
		evutil_timersub(&at, &now, &at);
		if (evutil_timercmp(&at, &tv, <))
			return;
	}
	evtimer_add(c->timer, &tv);
}

static void
check_settled(struct cancel *c)
{
	struct victim	*v;

	if (c->settled || c->failed > 0)
		return;
	TAILQ_FOREACH(v, &c->victims, entry)
		if (v->state != VICTIM_COMPLETED &&
		    v->state != VICTIM_GIVEN_UP)
			return;
	c->settled = 1;
	evtimer_del(c->timer);
	c->done(c, c->arg);
}

static void
warn_of(struct cancel *c, const char *fmt, ...)
{
	size_t	 n = json_object_array_length(c->warnings);
	char	 text[MSG_TEXT_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_info("%s: %s", c->pipeline->id, log_visible(text));
	if (n <= WARNINGS_MAX)
		json_object_array_add(c->warnings, json_object_new_string(
		    n < WARNINGS_MAX ? text : "There is more that could not "
		    "be cancelled: the log says what"));
}

void
cancel_list_warn(struct cancel *c, const char *fmt, ...)
{
	char	 text[MSG_TEXT_MAX];
	va_list	 ap;

	if (c->list_warning != NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_info("%s: %s", c->pipeline->id, log_visible(text));
	c->list_warning = strdup(text);
}
