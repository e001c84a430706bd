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
 * githubsim: workflows and runs as GitHub shows them, and what all that is
 * shown has in common.  Must not change anything.  Source of the shapes:
 * GitHub's OpenAPI description.
 */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"
#include "render.h"

static const struct suffix run_urls[] = {
	{ "jobs_url", "/jobs" }, { "logs_url", "/logs" },
	{ "artifacts_url", "/artifacts" }, { "cancel_url", "/cancel" },
	{ "rerun_url", "/rerun" },
	{ NULL, NULL }
};

static struct json_object *run_commit(const struct run *, const char *);
static void	 run_identity(struct call *, struct json_object *,
	    const struct run *, const char *);
static void	 run_overrides(struct json_object *, const struct run *);

struct json_object *
render_string(const char *s)
{
	return (s == NULL ? NULL : STR(s));
}

struct json_object *
render_time(int64_t ms)
{
	char	 buf[SIM_TIMESTAMP];

	return (STR(timestamp(ms, buf)));
}

struct json_object *
render_workflow(struct call *c, const struct workflow *wf)
{
	struct json_object	*o = json_object_new_object();
	const struct repo	*repo = wf->repo;
	char			*name = evhttp_uriencode(wf->name, -1, 0);

	ADD(o, "id", INT(wf->id));
	ADD(o, "node_id", render_text("W_kwDO%lld", (long long)wf->id));
	ADD(o, "name", STR(wf->name));
	ADD(o, "path", STR(wf->path));
	ADD(o, "state", STR(wf->state));
	ADD(o, "created_at", render_time(wf->created));
	ADD(o, "updated_at", render_time(wf->updated));
	ADD(o, "url", render_text("%s/repos/%s/actions/workflows/%lld",
	    c->origin, repo->full_name, (long long)wf->id));
	ADD(o, "html_url", render_text("%s/%s/blob/%s/%s", WEB, repo->full_name,
	    repo->default_branch, wf->path));
	ADD(o, "badge_url", render_text("%s/%s/workflows/%s/badge.svg", WEB,
	    repo->full_name, name));
	free(name);
	return (o);
}

/* An attempt's own status and times: the current one's, or an earlier's. */
const char *
run_attempt_at(const struct run *run, int number, struct attempt *at)
{
	if (number == run->attempt) {
		at->status = run->status;
		at->conclusion = run->conclusion;
		at->started = run->started;
		at->updated = run->updated;
		at->jobs = run->jobs;
		at->carried = run->carried;
		return (at->status);
	}
	if (run->first_attempt == 0 || number < run->first_attempt ||
	    number > run->attempt)
		return (NULL);
	*at = run->attempts[number - run->first_attempt];
	return (at->status);
}

struct json_object *
render_run(struct call *c, const struct run *run, int number)
{
	struct json_object	*o = json_object_new_object(), *actor;
	struct json_object	*repo = render_repo_shared(c, run->repo);
	struct attempt		 at;
	char			 base[SIM_URL_MAX];

	if (run_attempt_at(run, number, &at) == NULL)
		number = run->attempt;
	(void)snprintf(base, sizeof(base), "%s/repos/%s/actions/runs/%lld",
	    c->origin, run->repo->full_name, (long long)run->id);
	run_identity(c, o, run, base);
	ADD(o, "status", STR(at.status));
	ADD(o, "conclusion", render_string(at.conclusion));
	ADD(o, "created_at", render_time(run->created));
	ADD(o, "updated_at", render_time(at.updated));
	ADD(o, "run_started_at", render_time(at.started));
	ADD(o, "run_attempt", INT(number));
	ADD(o, "previous_attempt_url", number > 1 ?
	    render_text("%s/attempts/%d", base, number - 1) : NULL);
	actor = render_owner(c, run->actor);
	ADD(o, "actor", actor);
	ADD(o, "triggering_actor", json_object_get(actor));
	ADD(o, "pull_requests", json_object_new_array());
	ADD(o, "referenced_workflows", json_object_new_array());
	ADD(o, "repository", repo);
	ADD(o, "head_repository", json_object_get(repo));
	run_overrides(o, run);
	if (call_param(c, "exclude_pull_requests") != NULL &&
	    strcmp(call_param(c, "exclude_pull_requests"), "true") == 0)
		ADD(o, "pull_requests", json_object_new_array());
	return (o);
}

const char *
run_sha(const struct run *run, char buf[41])
{
	unsigned char	 hash[20];

	if (run->sha != NULL)
		return (run->sha);
	(void)crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)&run->id, sizeof(run->id), NULL, 0);
	return (sodium_bin2hex(buf, 41, hash, sizeof(hash)));
}

static void
run_identity(struct call *c, struct json_object *o, const struct run *run,
    const char *base)
{
	const struct workflow	*wf = run->workflow;
	char			 sha[41];
	const char		*title;

	title = run->title != NULL ? run->title : wf->name;
	ADD(o, "id", INT(run->id));
	ADD(o, "name", STR(wf->name));
	ADD(o, "node_id", render_text("WFR_kwLO%lld", (long long)run->id));
	ADD(o, "check_suite_id", INT(run->id + 1000000));
	ADD(o, "check_suite_node_id", render_text("CS_kwDO%lld",
	    (long long)run->id));
	ADD(o, "head_branch", render_string(run->branch));
	ADD(o, "head_sha", STR(run_sha(run, sha)));
	ADD(o, "path", STR(wf->path));
	ADD(o, "display_title", STR(title));
	ADD(o, "run_number", INT(run->number));
	ADD(o, "event", STR(run->event));
	ADD(o, "workflow_id", INT(wf->id));
	ADD(o, "workflow_url", render_text("%s/repos/%s/actions/workflows/%lld",
	    c->origin, run->repo->full_name, (long long)wf->id));
	ADD(o, "url", STR(base));
	ADD(o, "html_url", render_text("%s/%s/actions/runs/%lld", WEB,
	    run->repo->full_name, (long long)run->id));
	ADD(o, "check_suite_url", render_text("%s/repos/%s/check-suites/%lld",
	    c->origin, run->repo->full_name,
	    (long long)run->id + 1000000));
	render_urls(o, run_urls, base);
	ADD(o, "head_commit", run_commit(run, run_sha(run, sha)));
}

static struct json_object *
run_commit(const struct run *run, const char *sha)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*who = json_object_new_object();

	ADD(o, "id", STR(sha));
	ADD(o, "tree_id", STR(sha));
	ADD(o, "message", STR(run->title != NULL ? run->title :
	    "Change something"));
	ADD(o, "timestamp", render_time(run->created));
	ADD(who, "name", STR(run->actor->login));
	ADD(who, "email", render_text("%s@users.noreply.github.com",
	    run->actor->login));
	ADD(o, "author", who);
	ADD(o, "committer", json_object_get(who));
	return (o);
}

/* Any member can be given another value, or be missing. */
static void
run_overrides(struct json_object *o, const struct run *run)
{
	size_t	 i;

	if (run->set != NULL) {
		json_object_object_foreach(run->set, key, value)
			ADD(o, key, json_object_get(value));
	}
	if (run->omit == NULL)
		return;
	for (i = 0; i < json_object_array_length(run->omit); i++)
		json_object_object_del(o, json_object_get_string(
		    json_object_array_get_idx(run->omit, i)));
}

void
render_urls(struct json_object *o, const struct suffix *s, const char *base)
{
	for (; s->key != NULL; s++)
		ADD(o, s->key, render_text("%s%s", base, s->suffix));
}

struct json_object *
render_text(const char *fmt, ...)
{
	char	 buf[SIM_URL_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return (STR(buf));
}

void
render_zeros(struct json_object *o, const char *const *keys, size_t n)
{
	while (n-- > 0)
		ADD(o, *keys++, INT(0));
}

void
render_nulls(struct json_object *o, const char *const *keys, size_t n)
{
	while (n-- > 0)
		ADD(o, *keys++, NULL);
}
