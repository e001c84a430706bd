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
 * From names to GitHub's numbers.  Runs in the poller.  Only reads: what is
 * to be changed on GitHub is an operation's affair.
 */

#include "config.h"

#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "budget.h"
#include "github.h"
#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "poller.h"
#include "proc.h"
#include "resolve.h"
#include "tell.h"

/* A failed look-up of a pipeline's numbers is tried again after that. */
#define RESOLVE_RETRY	60
/* Pipelines whose numbers are looked up at a time, of each credential. */
#define RESOLVE_AT_ONCE	8

struct resolve {
	struct github	*gh;
	struct gh_call	*call;
	int		 priority;
	int64_t		 deadline;
	resolve_done	 done;
	void		*arg;
	struct resolved	 result;
};

/* Of one credential: what one GitHub holds up is no other's affair. */
struct turns {
	TAILQ_HEAD(, resolving) queue;
	struct event	*next;
	unsigned int	 running;
};

struct resolving {
	TAILQ_ENTRY(resolving) entry;	/* while it is queued */
	struct pipeline	*pipeline;
	struct github	*gh;
	struct turns	*turns;
	struct resolve	*resolve;
	struct event	*retry;
	int		 queued;
};

static struct {
	struct turns	*all[GITHUB_SLOTS];
} env;

static int	 ask(struct resolve *, const char *, gh_done);
static void	 on_repository(const struct gh_reply *, void *);
static int	 take_repository(struct resolve *, struct json_object *);
static void	 on_workflow(const struct gh_reply *, void *);
static int	 take_workflow(struct resolve *, struct json_object *);
static int	 take_text(char *, size_t, struct json_object *, const char *);
static int64_t	 take_id(struct json_object *);
static void	 fail(struct resolve *, const struct gh_reply *, const char *,
		    const char *);
static void	 finish(struct resolve *);
static void	 on_resolved(const struct resolved *, void *);
static struct turns *turns_of(const struct github *);
static void	 on_retry(evutil_socket_t, short, void *);
static void	 on_next(evutil_socket_t, short, void *);
static void	 pump(struct turns *);
static void	 begin(struct resolving *);
static void	 later(struct resolving *, int64_t);
static int	 tell_resolved(struct pipeline *, const struct resolved *);

struct resolve *
resolve_start(struct github *gh, int64_t id, const char *name,
    const char *file, int priority, int64_t deadline, resolve_done done,
    void *arg)
{
	struct resolve	*r;
	char		 path[GH_PATH_MAX];
	int		 n;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->gh = gh;
	r->priority = priority;
	r->deadline = deadline;
	r->done = done;
	r->arg = arg;
	(void)strlcpy(r->result.name, name, sizeof(r->result.name));
	(void)strlcpy(r->result.workflow_file, file,
	    sizeof(r->result.workflow_file));
	if (id != 0)
		n = snprintf(path, sizeof(path), "/repositories/%lld",
		    (long long)id);
	else
		n = snprintf(path, sizeof(path), "/repos/%s", name);
	if (n >= (int)sizeof(path) || ask(r, path, on_repository) == -1) {
		free(r);
		return (NULL);
	}
	return (r);
}

void
resolve_cancel(struct resolve *r)
{
	if (r->call != NULL)
		github_cancel(r->call);
	free(r);
}

static int
ask(struct resolve *r, const char *path, gh_done done)
{
	r->call = github_call(r->gh, r->priority, "GET", path, NULL, NULL,
	    r->deadline, done, r);
	return (r->call == NULL ? -1 : 0);
}

static void
on_repository(const struct gh_reply *reply, void *arg)
{
	struct resolve	*r = arg;
	char		 path[GH_PATH_MAX], text[MSG_TEXT_MAX];
	const char	*file;
	char		*escaped;
	int		 n;

	r->call = NULL;
	if (reply->result != GH_OK) {
		(void)snprintf(text, sizeof(text), "Repository not found: %s "
		    "(404: it is not there, or the token has no access)",
		    r->result.name);
		fail(r, reply, "repository_not_found", text);
		return;
	}
	if (take_repository(r, reply->json) == -1) {
		fail(r, reply, NULL, NULL);
		return;
	}
	file = strrchr(r->result.workflow_file, '/');
	file = file != NULL ? file + 1 : r->result.workflow_file;
	escaped = curl_easy_escape(NULL, file, 0);
	n = snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%s",
	    r->result.name, escaped != NULL ? escaped : "");
	curl_free(escaped);
	if (n >= (int)sizeof(path) || ask(r, path, on_workflow) == -1)
		fail(r, reply, NULL, NULL);
}

static int
take_repository(struct resolve *r, struct json_object *o)
{
	struct resolved		*d = &r->result;
	struct json_object	*may, *push;

	may = json_member(o, "permissions", json_type_object);
	d->reads_only = may != NULL &&
	    json_object_object_get_ex(may, "push", &push) &&
	    !json_object_get_boolean(push);
	if ((d->repository_id = take_id(o)) == 0 ||
	    take_text(d->name, sizeof(d->name), o, "full_name") == -1 ||
	    !pipeline_repository_ok(d->name))
		return (-1);
	(void)take_text(d->default_branch, sizeof(d->default_branch), o,
	    "default_branch");
	(void)take_text(d->html_url, sizeof(d->html_url), o, "html_url");
	return (0);
}

static void
on_workflow(const struct gh_reply *reply, void *arg)
{
	struct resolve	*r = arg;
	char		 text[MSG_TEXT_MAX];

	r->call = NULL;
	(void)snprintf(text, sizeof(text), "Workflow not found: %s in %s "
	    "(404: it is not there, or the token has no access)",
	    r->result.workflow_file, r->result.name);
	if (reply->result != GH_OK ||
	    take_workflow(r, reply->json) == -1) {
		fail(r, reply, "workflow_not_found", text);
		return;
	}
	r->result.status = 200;
	if (strcmp(r->result.workflow_state, "deleted") == 0) {
		r->result.status = 404;
		r->result.code = "workflow_not_found";
		r->result.error = text;
		r->result.final = 1;
	}
	finish(r);
}

static int
take_workflow(struct resolve *r, struct json_object *o)
{
	struct resolved	*d = &r->result;

	if ((d->workflow_id = take_id(o)) == 0)
		return (-1);
	if (take_text(d->workflow_state, sizeof(d->workflow_state), o,
	    "state") == -1)
		(void)strlcpy(d->workflow_state, "active",
		    sizeof(d->workflow_state));
	return (0);
}

static int
take_text(char *dst, size_t size, struct json_object *o, const char *name)
{
	const char	*s = json_string(o, name);

	if (s == NULL || strlcpy(dst, s, size) >= size) {
		dst[0] = '\0';
		return (-1);
	}
	return (0);
}

static int64_t
take_id(struct json_object *o)
{
	struct json_object	*id;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, "id", &id) ||
	    !json_object_is_type(id, json_type_int))
		return (0);
	return (json_object_get_int64(id) > 0 ? json_object_get_int64(id) : 0);
}

/* `code` and `text` are what a 404 means here. */
static void
fail(struct resolve *r, const struct gh_reply *reply, const char *code,
    const char *text)
{
	struct resolved	*d = &r->result;

	d->code = "github_error";
	d->error = reply->why;
	d->status = 502;
	switch (reply->result) {
	case GH_OK:
	case GH_UNCHANGED:
		d->error = "GitHub's answer is not what it should be";
		break;
	case GH_REFUSED:
		d->final = 1;
		if (reply->status == 404 && code != NULL) {
			d->status = 404;
			d->code = code;
			d->error = text;
		}
		break;
	case GH_LIMITED:
		d->status = 503;
		d->code = "unavailable";
		d->retry_after = reply->wait;
		break;
	case GH_FAILED:
		break;
	}
	finish(r);
}

static void
finish(struct resolve *r)
{
	r->done(&r->result, r->arg);
	free(r);
}

struct json_object *
resolved_to_json(const struct resolved *r)
{
	struct json_object	*o = json_object_new_object();

	json_set_int(o, "repository_id", r->repository_id);
	json_set_int(o, "workflow_id", r->workflow_id);
	json_set_text(o, "default_branch", r->default_branch);
	json_set_text(o, "html_url", r->html_url);
	return (o);
}

void
resolve_pipeline(struct pipeline *p, struct github *gh)
{
	struct resolving	*s;

	if (p->resolving != NULL)
		return;
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->retry = evtimer_new(poller_base(), on_retry, s)) == NULL)
		fatal("resolve_pipeline");
	s->pipeline = p;
	s->gh = gh;
	s->turns = turns_of(gh);
	p->resolving = s;
	on_retry(-1, 0, s);
}

static struct turns *
turns_of(const struct github *gh)
{
	uint32_t	 i = github_slot(gh);
	struct turns	*t;

	if (i >= GITHUB_SLOTS)
		fatalx("more credentials than turns");
	if ((t = env.all[i]) != NULL)
		return (t);
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->next = evtimer_new(poller_base(), on_next, t)) == NULL)
		fatal("turns");
	TAILQ_INIT(&t->queue);
	env.all[i] = t;
	return (t);
}

void
resolve_forget(struct pipeline *p)
{
	struct resolving	*s = p->resolving;

	if (s == NULL)
		return;
	if (s->resolve != NULL) {
		resolve_cancel(s->resolve);
		s->turns->running--;
		/* From the loop: a reload forgets all of them in a row. */
		event_active(s->turns->next, EV_TIMEOUT, 1);
	}
	if (s->queued)
		TAILQ_REMOVE(&s->turns->queue, s, entry);
	event_free(s->retry);
	free(s);
	p->resolving = NULL;
}

static void
on_retry(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct resolving	*s = arg;

	TAILQ_INSERT_TAIL(&s->turns->queue, s, entry);
	s->queued = 1;
	pump(s->turns);
}

static void
on_next(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	pump(arg);
}

/*
 * A few at a time.  What was never looked up is new, as what was never
 * looked at, and leaves the hour to what is watched.
 */
static void
pump(struct turns *t)
{
	struct resolving	*s;
	int64_t			 pause;

	while (t->running < RESOLVE_AT_ONCE &&
	    (s = TAILQ_FIRST(&t->queue)) != NULL) {
		TAILQ_REMOVE(&t->queue, s, entry);
		s->queued = 0;
		pause = s->pipeline->repository_id != 0 ? 0 :
		    budget_first_pause(github_budget(s->gh), proc_now_ms());
		if (pause == 0)
			begin(s);
		else {
			watch_stale(s->pipeline, WATCH_UNREAD);
			later(s, pause);
		}
	}
}

static void
begin(struct resolving *s)
{
	/* By its number, whoever has its name now. */
	s->resolve = resolve_start(s->gh, s->pipeline->repository_id,
	    s->pipeline->name, s->pipeline->workflow_file, GH_LOOK, 0,
	    on_resolved, s);
	if (s->resolve == NULL)
		later(s, RESOLVE_RETRY * 1000);
	else
		s->turns->running++;
}

static void
later(struct resolving *s, int64_t ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	evtimer_add(s->retry, &tv);
}

static void
on_resolved(const struct resolved *r, void *arg)
{
	struct resolving	*s = arg;
	struct turns		*t = s->turns;
	struct pipeline		*p = s->pipeline;

	s->resolve = NULL;
	t->running--;
	if (r->status == 200 && tell_resolved(p, r) == 0) {
		/* The registry's PIPELINE brings the numbers back. */
		resolve_forget(p);
	} else {
		if (r->status != 200 && r->final)
			watch_error(p, r->error);
		else if (r->status != 200)
			watch_stale(p, r->error);
		later(s, (r->retry_after > RESOLVE_RETRY ? r->retry_after :
		    RESOLVE_RETRY) * 1000);
	}
	pump(t);
}

/* A repository with another id took the old name: not ours. */
static int
tell_resolved(struct pipeline *p, const struct resolved *r)
{
	struct json_object	*patch;
	char			 why[MSG_TEXT_MAX] = "GitHub's ids looked up";

	if (p->repository_id != 0 && p->repository_id != r->repository_id) {
		watch_error(p, "another repository has its name now");
		return (-1);
	}
	if (p->repository_id == r->repository_id &&
	    p->workflow_id == r->workflow_id && strcmp(p->name, r->name) == 0)
		return (0);
	patch = json_object_new_object();
	json_set_text(patch, "repository", r->name);
	json_object_object_add(patch, "github", resolved_to_json(r));
	if (strcasecmp(p->name, r->name) != 0)
		log_info("%s: %s is %s now", p->id, p->name, r->name);
	if (strcmp(p->name, r->name) != 0)
		(void)snprintf(why, sizeof(why), "renamed or transferred: "
		    "%s is %s now", p->name, r->name);
	tell_change(p->id, patch, why);
	return (0);
}
