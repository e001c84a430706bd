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
 * githubsim: users and organizations as GitHub shows them.  Must not change
 * anything.
 */

#include "config.h"

#include <stdio.h>

#include "githubsim.h"
#include "render.h"

#define AVATARS		"https://avatars.githubusercontent.com"

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

static const struct suffix org_urls[] = {
	{ "repos_url", "/repos" }, { "events_url", "/events" },
	{ "hooks_url", "/hooks" }, { "issues_url", "/issues" },
	{ "members_url", "/members{/member}" },
	{ "public_members_url", "/public_members{/member}" },
	{ NULL, NULL }
};

static struct json_object *plan(void);

struct json_object *
render_owner(struct call *c, const struct owner *owner)
{
	struct json_object	*o = json_object_new_object();
	char			 base[SIM_URL_MAX];

	(void)snprintf(base, sizeof(base), "%s/%s/%s", c->origin, "users",
	    owner->login);
	ADD(o, "login", STR(owner->login));
	ADD(o, "id", INT(owner->id));
	ADD(o, "node_id", render_text("%s_%lld",
	    owner->organization ? "O" : "U", (long long)owner->id));
	ADD(o, "avatar_url", render_text(AVATARS "/u/%lld?v=4",
	    (long long)owner->id));
	ADD(o, "gravatar_id", STR(""));
	ADD(o, "url", STR(base));
	ADD(o, "html_url", render_text("%s/%s", WEB, owner->login));
	render_urls(o, owner_urls, base);
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

	render_zeros(o, zeros, sizeof(zeros) / sizeof(zeros[0]));
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

	render_nulls(o, nulls, sizeof(nulls) / sizeof(nulls[0]));
	render_zeros(o, zeros, sizeof(zeros) / sizeof(zeros[0]));
	ADD(o, "blog", STR(""));
	ADD(o, "created_at", STR("2011-01-25T18:44:36Z"));
	ADD(o, "updated_at", STR("2024-01-25T18:44:36Z"));
	ADD(o, "two_factor_authentication", BOOL(1));
	ADD(o, "plan", plan());
	return (o);
}

/* An organization, as GET /orgs/{org} shows it to a member. */
struct json_object *
render_org(struct call *c, const struct owner *owner)
{
	static const char *const zeros[] = {
		"public_repos", "public_gists", "followers", "following",
		"total_private_repos", "owned_private_repos",
		"private_gists", "disk_usage", "collaborators",
	};
	static const char *const nulls[] = {
		"description", "company", "location", "email",
		"twitter_username", "billing_email",
		"secret_scanning_push_protection_custom_link",
	};
	static const char *const yes[] = {
		"has_organization_projects", "has_repository_projects",
		"members_can_create_repositories",
		"members_can_create_public_repositories",
		"members_can_create_private_repositories",
		"members_can_create_pages",
		"members_can_create_public_pages",
		"members_can_create_private_pages",
	};
	static const char *const no[] = {
		"is_verified", "two_factor_requirement_enabled",
		"members_can_create_internal_repositories",
		"members_can_fork_private_repositories",
		"web_commit_signoff_required",
		"advanced_security_enabled_for_new_repositories",
		"dependabot_alerts_enabled_for_new_repositories",
		"dependabot_security_updates_enabled_for_new_repositories",
		"dependency_graph_enabled_for_new_repositories",
		"secret_scanning_enabled_for_new_repositories",
		"secret_scanning_push_protection_enabled_for_new_"
		    "repositories",
		"secret_scanning_push_protection_custom_link_enabled",
	};
	struct json_object	*o = json_object_new_object();
	char			 base[SIM_URL_MAX];
	size_t			 i;

	(void)snprintf(base, sizeof(base), "%s/orgs/%s", c->origin,
	    owner->login);
	ADD(o, "login", STR(owner->login));
	ADD(o, "id", INT(owner->id));
	ADD(o, "node_id", render_text("O_%lld", (long long)owner->id));
	ADD(o, "url", STR(base));
	render_urls(o, org_urls, base);
	ADD(o, "avatar_url", render_text(AVATARS "/u/%lld?v=4",
	    (long long)owner->id));
	ADD(o, "html_url", render_text("%s/%s", WEB, owner->login));
	render_nulls(o, nulls, sizeof(nulls) / sizeof(nulls[0]));
	render_zeros(o, zeros, sizeof(zeros) / sizeof(zeros[0]));
	ADD(o, "name", STR(owner->login));
	ADD(o, "blog", STR(""));
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ADD(o, yes[i], BOOL(1));
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ADD(o, no[i], BOOL(0));
	ADD(o, "members_allowed_repository_creation_type", STR("all"));
	ADD(o, "created_at", STR("2011-01-25T18:44:36Z"));
	ADD(o, "updated_at", STR("2024-01-25T18:44:36Z"));
	ADD(o, "type", STR("Organization"));
	ADD(o, "default_repository_permission", STR("read"));
	ADD(o, "plan", plan());
	return (o);
}

static struct json_object *
plan(void)
{
	struct json_object	*o = json_object_new_object();

	ADD(o, "name", STR("free"));
	ADD(o, "space", INT(976562499));
	ADD(o, "collaborators", INT(0));
	ADD(o, "private_repos", INT(10000));
	ADD(o, "filled_seats", INT(1));
	ADD(o, "seats", INT(0));
	return (o);
}
