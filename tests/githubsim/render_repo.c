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
 * githubsim: repositories as GitHub shows them.  Must not change anything.
 */

#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"
#include "render.h"

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

static struct json_object *repo_minimal(struct call *, const struct repo *);
static void	 repo_counts(struct json_object *, const struct repo *);
static void	 repo_settings(struct json_object *);
static struct json_object *repo_analysis(void);
static int	 frozen_print(struct json_object *, struct printbuf *, int,
	    int);

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
	ADD(o, "git_url", render_text("git://github.com/%s.git",
	    repo->full_name));
	ADD(o, "ssh_url", render_text("git@github.com:%s.git",
	    repo->full_name));
	ADD(o, "clone_url", render_text("%s/%s.git", WEB, repo->full_name));
	ADD(o, "svn_url", render_text("%s/%s", WEB, repo->full_name));
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

static struct json_object *
repo_minimal(struct call *c, const struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	char			 base[SIM_URL_MAX];

	(void)snprintf(base, sizeof(base), "%s/repos/%s", c->origin,
	    repo->full_name);
	ADD(o, "id", INT(repo->id));
	ADD(o, "node_id", render_text("R_kgDO%lld", (long long)repo->id));
	ADD(o, "name", STR(repo->name));
	ADD(o, "full_name", STR(repo->full_name));
	ADD(o, "private", BOOL(repo->private));
	ADD(o, "owner", render_owner(c, repo->owner));
	ADD(o, "html_url", render_text("%s/%s", WEB, repo->full_name));
	ADD(o, "description", NULL);
	ADD(o, "fork", BOOL(0));
	ADD(o, "url", STR(base));
	render_urls(o, repo_urls, base);
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

	render_zeros(o, zeros, sizeof(zeros) / sizeof(zeros[0]));
	render_nulls(o, nulls, sizeof(nulls) / sizeof(nulls[0]));
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
struct json_object *
render_repo_shared(struct call *c, const struct repo *repo)
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
