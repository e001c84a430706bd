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
 * githubsim: repositories, workflows and runs as GitHub shows them.  Must
 * not change anything.  Source of the shapes: GitHub's OpenAPI description.
 */

#include "config.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define WEB		"https://github.com"
#define ADD(o, k, v)	json_object_object_add(o, k, v)
#define STR(v)		json_object_new_string(v)
#define INT(v)		json_object_new_int64(v)
#define BOOL(v)		json_object_new_boolean(v)

struct suffix {
	const char	*key, *suffix;
};

static const struct suffix repo_urls[] = {
	{ "forks_url", "/forks" }, { "keys_url", "/keys{/key_id}" },
	{ "collaborators_url", "/collaborators{/collaborator}" },
	{ "teams_url", "/teams" }, { "hooks_url", "/hooks" },
	{ "issue_events_url", "/issues/events{/number}" },
	{ "events_url", "/events" },
	{ "assignees_url", "/assignees{/user}" },
	{ "branches_url", "/branches{/branch}" }, { "tags_url", "/tags" },
	{ "blobs_url", "/git/blobs{/sha}" },
	{ "git_tags_url", "/git/tags{/sha}" },
	{ "git_refs_url", "/git/refs{/sha}" },
	{ "trees_url", "/git/trees{/sha}" },
	{ "statuses_url", "/statuses/{sha}" },
	{ "languages_url", "/languages" },
	{ "stargazers_url", "/stargazers" },
	{ "contributors_url", "/contributors" },
	{ "subscribers_url", "/subscribers" },
	{ "subscription_url", "/subscription" },
	{ "commits_url", "/commits{/sha}" },
	{ "git_commits_url", "/git/commits{/sha}" },
	{ "comments_url", "/comments{/number}" },
	{ "issue_comment_url", "/issues/comments{/number}" },
	{ "contents_url", "/contents/{+path}" },
	{ "compare_url", "/compare/{base}...{head}" },
	{ "merges_url", "/merges" },
	{ "archive_url", "/{archive_format}{/ref}" },
	{ "downloads_url", "/downloads" },
	{ "issues_url", "/issues{/number}" },
	{ "pulls_url", "/pulls{/number}" },
	{ "milestones_url", "/milestones{/number}" },
	{ "notifications_url", "/notifications{?since,all,participating}" },
	{ "labels_url", "/labels{/name}" },
	{ "releases_url", "/releases{/id}" },
	{ "deployments_url", "/deployments" },
	{ NULL, NULL }
};

static const struct suffix owner_urls[] = {
	{ "followers_url", "/followers" },
	{ "following_url", "/following{/other_user}" },
	{ "gists_url", "/gists{/gist_id}" },
	{ "starred_url", "/starred{/owner}{/repo}" },
	{ "subscriptions_url", "/subscriptions" },
	{ "organizations_url", "/orgs" }, { "repos_url", "/repos" },
	{ "events_url", "/events{/privacy}" },
	{ "received_events_url", "/received_events" },
	{ NULL, NULL }
};

static const struct suffix run_urls[] = {
	{ "jobs_url", "/jobs" }, { "logs_url", "/logs" },
	{ "artifacts_url", "/artifacts" }, { "cancel_url", "/cancel" },
	{ "rerun_url", "/rerun" },
	{ NULL, NULL }
};

static struct json_object *text(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
static void	 add_urls(struct json_object *, const struct suffix *,
	    const char *);
static struct json_object *repo_minimal(struct call *, const struct repo *);
static void	 repo_counts(struct json_object *, const struct repo *);
static void	 repo_settings(struct json_object *);
static struct json_object *repo_analysis(void);
static struct json_object *repo_shared(struct call *, const struct repo *);
static int	 frozen_print(struct json_object *, struct printbuf *, int,
	    int);
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
render_owner(struct call *c, const struct owner *owner)
{
	struct json_object	*o = json_object_new_object();
	char			 base[SIM_URL_MAX];

	(void)snprintf(base, sizeof(base), "%s/%s/%s", c->origin, "users",
	    owner->login);
	ADD(o, "login", STR(owner->login));
	ADD(o, "id", INT(owner->id));
	ADD(o, "node_id", text("%s_%lld", owner->organization ? "O" : "U",
	    (long long)owner->id));
	ADD(o, "avatar_url", text("https://avatars.githubusercontent.com/u/"
	    "%lld?v=4", (long long)owner->id));
	ADD(o, "gravatar_id", STR(""));
	ADD(o, "url", STR(base));
	ADD(o, "html_url", text("%s/%s", WEB, owner->login));
	add_urls(o, owner_urls, base);
	ADD(o, "type", STR(owner->organization ? "Organization" : "User"));
	ADD(o, "site_admin", BOOL(0));
	return (o);
}

/* An owner as everyone sees it. */
struct json_object *
render_public(struct call *c, const struct owner *owner)
{
	struct json_object	*o = render_owner(c, owner);
	static const char *const zeros[] = {
		"public_repos", "public_gists", "followers", "following",
	};
	size_t			 i;

	for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		ADD(o, zeros[i], INT(0));
	ADD(o, "name", STR(owner->login));
	ADD(o, "created_at", STR("2011-01-25T18:44:36Z"));
	ADD(o, "updated_at", STR("2024-01-25T18:44:36Z"));
	return (o);
}

/* The user whom a token belongs to, as GET /user shows it. */
struct json_object *
render_viewer(struct call *c, const struct owner *owner)
{
	struct json_object	*o = render_owner(c, owner);
	static const char *const zeros[] = {
		"public_repos", "public_gists", "followers", "following",
		"private_gists", "total_private_repos",
		"owned_private_repos", "disk_usage", "collaborators",
	};
	static const char *const nulls[] = {
		"name", "company", "location", "email", "hireable", "bio",
		"twitter_username", "notification_email",
	};
	struct json_object	*plan = json_object_new_object();
	size_t			 i;

	for (i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		ADD(o, nulls[i], NULL);
	for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		ADD(o, zeros[i], INT(0));
	ADD(o, "blog", STR(""));
	ADD(o, "created_at", STR("2011-01-25T18:44:36Z"));
	ADD(o, "updated_at", STR("2024-01-25T18:44:36Z"));
	ADD(o, "two_factor_authentication", BOOL(1));
	ADD(plan, "name", STR("free"));
	ADD(plan, "space", INT(976562499));
	ADD(plan, "collaborators", INT(0));
	ADD(plan, "private_repos", INT(10000));
	ADD(o, "plan", plan);
	return (o);
}

struct json_object *
render_repo(struct call *c, const struct repo *repo)
{
	struct json_object	*o = repo_minimal(c, repo);
	struct json_object	*may = json_object_new_object();
	int			 admin = c->token == NULL ||
				    !c->token->readonly;

	ADD(o, "created_at", render_time(repo->created));
	ADD(o, "updated_at", render_time(repo->updated));
	ADD(o, "pushed_at", render_time(repo->updated));
	ADD(o, "git_url", text("git://github.com/%s.git", repo->full_name));
	ADD(o, "ssh_url", text("git@github.com:%s.git", repo->full_name));
	ADD(o, "clone_url", text("%s/%s.git", WEB, repo->full_name));
	ADD(o, "svn_url", text("%s/%s", WEB, repo->full_name));
	repo_counts(o, repo);
	repo_settings(o);
	ADD(o, "default_branch", STR(repo->default_branch));
	ADD(may, "admin", BOOL(admin));
	ADD(may, "maintain", BOOL(admin));
	ADD(may, "push", BOOL(admin));
	ADD(may, "triage", BOOL(1));
	ADD(may, "pull", BOOL(1));
	ADD(o, "permissions", may);
	if (repo->owner->organization)
		ADD(o, "organization", render_owner(c, repo->owner));
	return (o);
}

struct json_object *
render_workflow(struct call *c, const struct workflow *wf)
{
	struct json_object	*o = json_object_new_object();
	const struct repo	*repo = wf->repo;
	char			*name = evhttp_uriencode(wf->name, -1, 0);

	ADD(o, "id", INT(wf->id));
	ADD(o, "node_id", text("W_kwDO%lld", (long long)wf->id));
	ADD(o, "name", STR(wf->name));
	ADD(o, "path", STR(wf->path));
	ADD(o, "state", STR(wf->state));
	ADD(o, "created_at", render_time(wf->created));
	ADD(o, "updated_at", render_time(wf->updated));
	ADD(o, "url", text("%s/repos/%s/actions/workflows/%lld", c->origin,
	    repo->full_name, (long long)wf->id));
	ADD(o, "html_url", text("%s/%s/blob/%s/%s", WEB, repo->full_name,
	    repo->default_branch, wf->path));
	ADD(o, "badge_url", text("%s/%s/workflows/%s/badge.svg", WEB,
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
	struct json_object	*repo = repo_shared(c, run->repo);
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
	    text("%s/attempts/%d", base, number - 1) : NULL);
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
	ADD(o, "node_id", text("WFR_kwLO%lld", (long long)run->id));
	ADD(o, "check_suite_id", INT(run->id + 1000000));
	ADD(o, "check_suite_node_id", text("CS_kwDO%lld",
	    (long long)run->id));
	ADD(o, "head_branch", render_string(run->branch));
	ADD(o, "head_sha", STR(run_sha(run, sha)));
	ADD(o, "path", STR(wf->path));
	ADD(o, "display_title", STR(title));
	ADD(o, "run_number", INT(run->number));
	ADD(o, "event", STR(run->event));
	ADD(o, "workflow_id", INT(wf->id));
	ADD(o, "workflow_url", text("%s/repos/%s/actions/workflows/%lld",
	    c->origin, run->repo->full_name, (long long)wf->id));
	ADD(o, "url", STR(base));
	ADD(o, "html_url", text("%s/%s/actions/runs/%lld", WEB,
	    run->repo->full_name, (long long)run->id));
	ADD(o, "check_suite_url", text("%s/repos/%s/check-suites/%lld",
	    c->origin, run->repo->full_name,
	    (long long)run->id + 1000000));
	add_urls(o, run_urls, base);
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
	ADD(who, "email", text("%s@users.noreply.github.com",
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

static struct json_object *
repo_minimal(struct call *c, const struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	char			 base[SIM_URL_MAX];

	(void)snprintf(base, sizeof(base), "%s/repos/%s", c->origin,
	    repo->full_name);
	ADD(o, "id", INT(repo->id));
	ADD(o, "node_id", text("R_kgDO%lld", (long long)repo->id));
	ADD(o, "name", STR(repo->name));
	ADD(o, "full_name", STR(repo->full_name));
	ADD(o, "private", BOOL(repo->private));
	ADD(o, "owner", render_owner(c, repo->owner));
	ADD(o, "html_url", text("%s/%s", WEB, repo->full_name));
	ADD(o, "description", NULL);
	ADD(o, "fork", BOOL(0));
	ADD(o, "url", STR(base));
	add_urls(o, repo_urls, base);
	return (o);
}

static void
repo_counts(struct json_object *o, const struct repo *repo)
{
	static const char *const zeros[] = {
		"stargazers_count", "watchers_count", "forks_count",
		"open_issues_count", "forks", "open_issues", "watchers",
		"network_count", "subscribers_count",
	};
	static const char *const nulls[] = {
		"homepage", "language", "mirror_url", "license",
	};
	size_t	 i;

	for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		ADD(o, zeros[i], INT(0));
	for (i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		ADD(o, nulls[i], NULL);
	ADD(o, "size", INT(108));
	ADD(o, "archived", BOOL(repo->archived));
	ADD(o, "disabled", BOOL(0));
	ADD(o, "visibility", STR(repo->private ? "private" : "public"));
	ADD(o, "topics", json_object_new_array());
}

static void
repo_settings(struct json_object *o)
{
	static const char *const on[] = {
		"has_issues", "has_projects", "has_downloads", "has_wiki",
		"allow_squash_merge", "allow_merge_commit",
		"allow_rebase_merge", "allow_forking",
	};
	static const char *const off[] = {
		"has_pages", "has_discussions", "is_template",
		"web_commit_signoff_required", "allow_auto_merge",
		"delete_branch_on_merge", "allow_update_branch",
		"use_squash_pr_title_as_default",
	};
	size_t	 i;

	for (i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		ADD(o, on[i], BOOL(1));
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		ADD(o, off[i], BOOL(0));
	ADD(o, "squash_merge_commit_message", STR("COMMIT_MESSAGES"));
	ADD(o, "squash_merge_commit_title", STR("COMMIT_OR_PR_TITLE"));
	ADD(o, "merge_commit_message", STR("PR_TITLE"));
	ADD(o, "merge_commit_title", STR("MERGE_MESSAGE"));
	ADD(o, "temp_clone_token", STR(""));
	ADD(o, "custom_properties", json_object_new_object());
	ADD(o, "security_and_analysis", repo_analysis());
}

static struct json_object *
repo_analysis(void)
{
	static const char *const features[] = {
		"secret_scanning", "secret_scanning_push_protection",
		"secret_scanning_validity_checks",
		"dependabot_security_updates",
	};
	struct json_object	*o = json_object_new_object(), *state;
	size_t			 i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		state = json_object_new_object();
		ADD(state, "status", STR("disabled"));
		ADD(o, features[i], state);
	}
	return (o);
}

/*
 * The same repository stands twice in each run of a page: its text is made
 * once and copied.
 */
static struct json_object *
repo_shared(struct call *c, const struct repo *repo)
{
	struct json_object	*o;
	char			*copy;

	if (c->shared == NULL) {
		o = repo_minimal(c, repo);
		copy = strdup(json_object_to_json_string_ext(o,
		    JSON_C_TO_STRING_PLAIN |
		    JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
		c->shared = json_object_new_object();
		if (copy == NULL || c->shared == NULL)
			err(1, NULL);
		json_object_set_serializer(c->shared, frozen_print, copy,
		    json_object_free_userdata);
	}
	return (json_object_get(c->shared));
}

static int
frozen_print(struct json_object *o, struct printbuf *pb, int level, int flags)
{
	const char	*copy = json_object_get_userdata(o);

	(void)level;
	(void)flags;
	return (printbuf_memappend(pb, copy, (int)strlen(copy)));
}

static void
add_urls(struct json_object *o, const struct suffix *s, const char *base)
{
	for (; s->key != NULL; s++)
		ADD(o, s->key, text("%s%s", base, s->suffix));
}

static struct json_object *
text(const char *fmt, ...)
{
	char	 buf[SIM_URL_MAX];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return (STR(buf));
}
