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
 * Trigger: start a run of a pipeline's workflow, and find out which one it
 * is, whether GitHub says so or not.  Runs in the poller.
 *
 * https://docs.github.com/en/rest/actions/workflows
 *	#create-a-workflow-dispatch-event
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "github.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "lookup.h"
#include "poller.h"
#include "proc.h"
#include "timestamp.h"
#include "watch.h"

#define FIND_FIRST_MS	300	/* GitHub takes a moment */
#define FIND_AGAIN_MS	1000
#define FIND_TIME_MS	1500	/* kept for one more search */
/* Runs given to somebody: not given to the next one as well. */
#define GIVEN_MAX	64

struct trigger {
	struct asked	 asked;
	struct pipeline	*pipeline;
	struct github	*gh;
	struct event	*timer;
	struct json_object *inputs;	/* or NULL */
	struct json_object *warnings;
	char		 branch[256];
	int		 chosen;	/* by the client */
	int		 plain;		/* ask for no details: an old server */
	int64_t		 newest;	/* run known before */
	int64_t		 sent;		/* monotonic ms */
	int64_t		 since;		/* GitHub's clock, seconds */
};

static struct {
	int64_t		 given[GIVEN_MAX];
	size_t		 next;
} env;

static int	 dispatch(struct trigger *);
static void	 on_dispatched(const struct gh_reply *, void *);
static int	 try_otherwise(struct trigger *, const struct gh_reply *);
static void	 refuse(struct trigger *, const struct gh_reply *);
static void	 find_later(struct trigger *, int);
static void	 on_timer(evutil_socket_t, short, void *);
static int	 find(struct trigger *);
static void	 on_found(const struct gh_reply *, void *);
static int64_t	 take_list(const struct trigger *, struct json_object *);
static int	 is_ours(const struct trigger *, struct json_object *,
		    int64_t *);
static void	 done(struct trigger *, int64_t);
static void	 warn(struct trigger *, const char *, const char *);
static void	 trigger_free(struct trigger *);

void
op_trigger(const struct asked *asked, struct json_object *args)
{
	const char	*branch = json_string(args, "branch");
	struct refusal	 refusal;
	struct trigger	*t;
	struct pipeline	*p;
	struct github	*gh;

	if ((gh = lookup_github(asked->target, 1, &p, &refusal)) == NULL) {
		lookup_tell(asked, &refusal);
		return;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->timer = evtimer_new(poller_base(), on_timer, t)) == NULL)
		fatal("op_trigger");
	t->asked = *asked;
	t->pipeline = p;
	t->gh = gh;
	t->chosen = branch != NULL;
	t->newest = pipeline_newest(p);
	t->warnings = json_object_new_array();
	t->inputs = json_object_get(json_member(args, "inputs",
	    json_type_object));
	if (branch == NULL)
		branch = p->branch != NULL ? p->branch : p->default_branch;
	if (branch == NULL || strlcpy(t->branch, branch, sizeof(t->branch)) >=
	    sizeof(t->branch)) {
		tell_refused(asked, 400, "invalid_argument", 0,
		    "branch is needed: the repository's own is not known");
		trigger_free(t);
	} else if (dispatch(t) == -1) {
		lookup_no_memory(asked);
		trigger_free(t);
	}
}

static int
dispatch(struct trigger *t)
{
	struct json_object	*body;
	struct gh_call		*call;
	char			 path[GH_PATH_MAX];
	size_t			 len;

	if (snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%lld/"
	    "dispatches", t->pipeline->name,
	    (long long)t->pipeline->workflow_id) >= (int)sizeof(path))
		return (-1);
	body = json_object_new_object();
	json_set_text(body, "ref", t->branch);
	if (t->inputs != NULL)
		json_object_object_add(body, "inputs",
		    json_object_get(t->inputs));
	if (!t->plain)
		json_object_object_add(body, "return_run_details",
		    json_object_new_boolean(1));
	t->sent = proc_now_ms();
	call = github_write(t->gh, "POST", path, json_text(body, &len),
	    t->asked.deadline, on_dispatched, t);
	json_object_put(body);
	return (call == NULL ? -1 : 0);
}

static void
on_dispatched(const struct gh_reply *r, void *arg)
{
	struct trigger	*t = arg;
	int64_t		 id;

	if (r->result != GH_OK) {
		if (!try_otherwise(t, r))
			refuse(t, r);
		return;
	}
	watch_asked(t->pipeline);
	if (r->json != NULL && json_int(r->json, "workflow_run_id", &id) == 1 &&
	    id > 0) {
		done(t, id);
		return;
	}
	/* What it took to answer, and a second that the clock cuts off. */
	if (r->date > 0)
		t->since = r->date - (proc_now_ms() - t->sent) / 1000 - 2;
	find_later(t, FIND_FIRST_MS);
}

/*
 * A server that does not know of run details yet; and a pipeline whose
 * branch is not there, while nobody has named one.  Returns 1 if it is tried
 * again.
 */
static int
try_otherwise(struct trigger *t, const struct gh_reply *r)
{
	const char	*standard = t->pipeline->default_branch;

	if (r->result != GH_REFUSED || r->status != 422)
		return (0);
	if (!t->plain && strstr(r->why, "return_run_details") != NULL) {
		t->plain = 1;
		return (dispatch(t) == 0);
	}
	if (t->chosen || strstr(r->why, "No ref found") == NULL ||
	    standard == NULL || strcmp(standard, t->branch) == 0)
		return (0);
	warn(t, "The pipeline's branch is not there: %s; the default branch "
	    "was taken", t->branch);
	(void)strlcpy(t->branch, standard, sizeof(t->branch));
	return (dispatch(t) == 0);
}

static void
refuse(struct trigger *t, const struct gh_reply *r)
{
	struct refusal	 refusal;

	lookup_refused(r, "The workflow could not be triggered", &refusal);
	if (r->status == 422 && strcasestr(r->why, "does not have") != NULL) {
		refusal.code = "not_dispatchable";
		(void)snprintf(refusal.text, sizeof(refusal.text),
		    "The workflow %s can't be triggered: it lacks "
		    "\"workflow_dispatch\" under \"on\" on the default "
		    "branch (%s)", t->pipeline->workflow_file, r->why);
	} else if (r->result == GH_FAILED && r->status == 0)
		(void)strlcat(refusal.text, "; whether a run was started is "
		    "not known", sizeof(refusal.text));
	lookup_tell(&t->asked, &refusal);
	trigger_free(t);
}

static void
find_later(struct trigger *t, int ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	if (t->since == 0 || proc_now_ms() + ms + FIND_TIME_MS >
	    t->asked.deadline) {
		warn(t, "The run was started; which one it is could not be "
		    "found out in time%s", "");
		done(t, 0);
		return;
	}
	evtimer_add(t->timer, &tv);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct trigger	*t = arg;

	if (find(t) == -1)
		find_later(t, FIND_AGAIN_MS);
}

/* The run's branch is the bare name of what was asked for. */
static int
find(struct trigger *t)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/" };
	const char	*name = t->branch;
	char		 path[GH_PATH_MAX], branch[768];
	size_t		 i, n;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		n = strlen(prefixes[i]);
		if (strncmp(t->branch, prefixes[i], n) == 0)
			name = t->branch + n;
	}
	if (http_escape(name, branch, sizeof(branch)) == -1 ||
	    snprintf(path, sizeof(path), "/repos/%s/actions/workflows/%lld/"
	    "runs?event=workflow_dispatch&branch=%s&per_page=20&"
	    "exclude_pull_requests=true", t->pipeline->name,
	    (long long)t->pipeline->workflow_id, branch) >= (int)sizeof(path))
		return (-1);
	return (github_call(t->gh, GH_COMMAND, "GET", path, NULL, NULL,
	    t->asked.deadline, on_found, t) == NULL ? -1 : 0);
}

static void
on_found(const struct gh_reply *r, void *arg)
{
	struct trigger	*t = arg;
	int64_t		 id = 0;

	if (r->result == GH_OK)
		id = take_list(t, r->json);
	if (id != 0)
		done(t, id);
	else
		find_later(t, FIND_AGAIN_MS);
}

/* The oldest that may be ours: a later one is somebody else's. */
static int64_t
take_list(const struct trigger *t, struct json_object *page)
{
	struct json_object	*list;
	int64_t			 id, found = 0;
	size_t			 i;

	list = json_member(page, "workflow_runs", json_type_array);
	for (i = 0; list != NULL && i < json_object_array_length(list); i++)
		if (is_ours(t, json_object_array_get_idx(list, i), &id) &&
		    (found == 0 || id < found))
			found = id;
	return (found);
}

static int
is_ours(const struct trigger *t, struct json_object *o, int64_t *id)
{
	const char	*created;
	int64_t		 at;
	size_t		 i;

	if (!json_object_is_type(o, json_type_object) ||
	    json_int(o, "id", id) != 1 || *id <= t->newest ||
	    (created = json_string(o, "created_at")) == NULL ||
	    timestamp_parse(created, &at) == -1 || at < t->since)
		return (0);
	for (i = 0; i < GIVEN_MAX; i++)
		if (env.given[i] == *id)
			return (0);
	return (1);
}

/* `id` 0: it is not known. */
static void
done(struct trigger *t, int64_t id)
{
	struct json_object	*result = json_object_new_object();
	char			 stamp[TIMESTAMP_SIZE];

	if (id != 0) {
		env.given[env.next++] = id;
		env.next %= GIVEN_MAX;
	}
	json_set_text(result, "pipeline_id", t->pipeline->id);
	json_object_object_add(result, "run_id", id == 0 ? NULL :
	    json_object_new_int64(id));
	json_set_text(result, "triggered_at",
	    timestamp_format(time(NULL), stamp));
	json_set_text(result, "branch", t->branch);
	json_object_object_add(result, "warnings",
	    json_object_get(t->warnings));
	tell_outcome(&t->asked, 202, result);
	trigger_free(t);
}

static void
warn(struct trigger *t, const char *fmt, const char *value)
{
	char	 text[MSG_TEXT_MAX];

	(void)snprintf(text, sizeof(text), fmt, value);
	json_object_array_add(t->warnings, json_object_new_string(text));
}

static void
trigger_free(struct trigger *t)
{
	event_free(t->timer);
	json_object_put(t->inputs);
	json_object_put(t->warnings);
	free(t);
}
