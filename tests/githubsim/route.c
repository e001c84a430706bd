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
 * githubsim: GitHub's paths: who may ask, which repository is meant, which
 * handler answers.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define RUNS		"actions/workflow-runs#"
#define JOBS		"actions/workflow-jobs#"
#define WORKFLOWS	"actions/workflows#"
#define SECRETS		"actions/secrets#"

/* Below /repos/{owner}/{repo} and /repositories/{id}. */
static const struct route repo_routes[] = {
	{ "GET", "", repo_get, "repos/repos#get-a-repository",
	    "metadata=read" },
	{ "GET", "branches", branches_list,
	    "branches/branches#list-branches", "contents=read" },
	{ "GET", "branches/{}", branch_get, "branches/branches#get-a-branch",
	    "contents=read" },
	{ "GET", "contents/{}/{}/{}", contents_get,
	    "repos/contents#get-repository-content", "contents=read" },
	{ "GET", "actions/runs", runs_list,
	    RUNS "list-workflow-runs-for-a-repository", "actions=read" },
	{ "GET", "actions/runs/{}", run_get, RUNS "get-a-workflow-run",
	    "actions=read" },
	{ "DELETE", "actions/runs/{}", run_delete,
	    RUNS "delete-a-workflow-run", "actions=write" },
	{ "GET", "actions/runs/{}/attempts/{}", run_attempt_get,
	    RUNS "get-a-workflow-run-attempt", "actions=read" },
	{ "GET", "actions/runs/{}/attempts/{}/jobs", run_attempt_jobs,
	    JOBS "list-jobs-for-a-workflow-run-attempt", "actions=read" },
	{ "GET", "actions/runs/{}/attempts/{}/logs", run_attempt_logs,
	    RUNS "download-workflow-run-attempt-logs", "actions=read" },
	{ "GET", "actions/runs/{}/jobs", run_jobs,
	    JOBS "list-jobs-for-a-workflow-run", "actions=read" },
	{ "GET", "actions/runs/{}/logs", run_logs,
	    RUNS "download-workflow-run-logs", "actions=read" },
	{ "DELETE", "actions/runs/{}/logs", run_delete_logs,
	    RUNS "delete-workflow-run-logs", "actions=write" },
	{ "POST", "actions/runs/{}/cancel", run_cancel,
	    RUNS "cancel-a-workflow-run", "actions=write" },
	{ "POST", "actions/runs/{}/force-cancel", run_force_cancel,
	    RUNS "force-cancel-a-workflow-run", "actions=write" },
	{ "POST", "actions/runs/{}/rerun", run_rerun,
	    RUNS "re-run-a-workflow", "actions=write" },
	{ "POST", "actions/runs/{}/rerun-failed-jobs", run_rerun_failed,
	    RUNS "re-run-failed-jobs-from-a-workflow-run", "actions=write" },
	{ "GET", "actions/runs/{}/artifacts", run_artifacts,
	    "actions/artifacts#list-workflow-run-artifacts",
	    "actions=read" },
	{ "GET", "actions/runs/{}/timing", run_timing,
	    RUNS "get-workflow-run-usage", "actions=read" },
	{ "POST", "actions/jobs/{}/rerun", job_rerun,
	    RUNS "re-run-a-job-from-a-workflow-run", "actions=write" },
	{ "GET", "check-runs/{}/annotations", job_annotations,
	    "checks/runs#list-check-run-annotations", "checks=read" },
	{ "GET", "actions/jobs/{}", job_get,
	    JOBS "get-a-job-for-a-workflow-run", "actions=read" },
	{ "GET", "actions/jobs/{}/logs", job_logs,
	    JOBS "download-job-logs-for-a-workflow-run", "actions=read" },
	{ "GET", "actions/workflows", workflows_list,
	    WORKFLOWS "list-repository-workflows", "actions=read" },
	{ "GET", "actions/workflows/{}", workflow_get,
	    WORKFLOWS "get-a-workflow", "actions=read" },
	{ "GET", "actions/workflows/{}/runs", workflow_runs_list,
	    RUNS "list-workflow-runs-for-a-workflow", "actions=read" },
	{ "PUT", "actions/workflows/{}/enable", workflow_enable,
	    WORKFLOWS "enable-a-workflow", "actions=write" },
	{ "PUT", "actions/workflows/{}/disable", workflow_disable,
	    WORKFLOWS "disable-a-workflow", "actions=write" },
	{ "POST", "actions/workflows/{}/dispatches", workflow_dispatch,
	    WORKFLOWS "create-a-workflow-dispatch-event", "actions=write" },
	{ "GET", "actions/secrets/public-key", secrets_key,
	    SECRETS "get-a-repository-public-key", "secrets=read" },
	{ "GET", "actions/secrets", secrets_list,
	    SECRETS "list-repository-secrets", "secrets=read" },
	{ "GET", "actions/secrets/{}", secret_get,
	    SECRETS "get-a-repository-secret", "secrets=read" },
	{ "PUT", "actions/secrets/{}", secret_put,
	    SECRETS "create-or-update-a-repository-secret", "secrets=write" },
	{ "DELETE", "actions/secrets/{}", secret_delete,
	    SECRETS "delete-a-repository-secret", "secrets=write" },
	{ "GET", "environments/{}/secrets/public-key", secrets_key,
	    SECRETS "get-an-environment-public-key", "environments=read" },
	{ "GET", "environments/{}/secrets", secrets_list,
	    SECRETS "list-environment-secrets", "environments=read" },
	{ "GET", "environments/{}/secrets/{}", secret_get,
	    SECRETS "get-an-environment-secret", "environments=read" },
	{ "PUT", "environments/{}/secrets/{}", secret_put,
	    SECRETS "create-or-update-an-environment-secret",
	    "environments=write" },
	{ "DELETE", "environments/{}/secrets/{}", secret_delete,
	    SECRETS "delete-an-environment-secret", "environments=write" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct route other_routes[] = {
	{ "GET", "user", user_get, "users/users#get-the-authenticated-user",
	    "metadata=read" },
	{ "GET", "user/repos", user_repos,
	    "repos/repos#list-repositories-for-the-authenticated-user",
	    "metadata=read" },
	{ "GET", "orgs/{}/repos", org_repos,
	    "repos/repos#list-organization-repositories", "metadata=read" },
	{ "GET", "orgs/{}", org_get, "orgs/orgs#get-an-organization",
	    "metadata=read" },
	{ "GET", "users/{}", owner_show, "users/users#get-a-user",
	    "metadata=read" },
	{ "GET", "users/{}/repos", owner_repos,
	    "repos/repos#list-repositories-for-a-user", "metadata=read" },
	{ "GET", "installation/repositories", installation_repos,
	    "apps/installations#list-repositories-accessible-to-the-app-"
	    "installation", NULL },
	{ "DELETE", "installation/token", installation_revoke,
	    "apps/installations#revoke-an-installation-access-token", NULL },
	{ "GET", "rate_limit", rate_limit_get,
	    "rate-limit/rate-limit#get-rate-limit-status-for-the-"
	    "authenticated-user", "metadata=read" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static int	 strip_prefix(struct call *);
static int	 authenticate(struct call *);
static int	 find_repo(struct call *);
static void	 moved(struct call *, struct repo *);
static void	 serve_repo(struct call *);

void
api_serve(struct call *c)
{
	const struct route	*route;

	if (call_header(c, "User-Agent") == NULL) {
		static const char text[] = "Request forbidden by "
		    "administrative rules. Please make sure your request has "
		    "a User-Agent header (https://docs.github.com/en/rest/"
		    "overview/resources-in-the-rest-api#user-agent-required)."
		    " Check https://developer.github.com for other possible "
		    "causes.\n";

		answer_text(c, 403, "text/html; charset=utf-8", text,
		    sizeof(text) - 1);
		return;
	}
	if (graphql_path(c)) {
		if (authenticate(c) == 0 && ratelimit_admit(c) == 0) {
			graphql_serve(c);
			ratelimit_headers(c);
		}
		return;
	}
	if (strip_prefix(c) == -1) {
		answer_error(c, 404, "Not Found");
		return;
	}
	if (apps_serve(c) || authenticate(c) == -1 ||
	    ratelimit_admit(c) == -1)
		return;
	if (c->nseg > 0 && (strcmp(c->seg[0], "repos") == 0 ||
	    strcmp(c->seg[0], "repositories") == 0))
		serve_repo(c);
	else if ((route = route_find(other_routes, c, 0)) != NULL) {
		c->doc = route->doc;
		if (permission_check(c, route) && !etag_fresh(c))
			route->handler(c);
	} else
		answer_error(c, 404, "Not Found");
	if (c->conditional)
		etag_add(c);
	ratelimit_charge(c);
	ratelimit_headers(c);
}

static void
serve_repo(struct call *c)
{
	const struct route	*route;

	if (find_repo(c) == -1)
		return;
	repo_advance(c->repo);
	if ((route = route_find(repo_routes, c, c->rest)) == NULL) {
		answer_error(c, 404, "Not Found");
		return;
	}
	c->doc = route->doc;
	if (!permission_check(c, route) || etag_fresh(c))
		return;
	if (strcmp(c->method, "GET") != 0 && c->repo->archived)
		answer_error(c, 403, "Repository was archived so is "
		    "read-only.");
	else
		route->handler(c);
}

/* GitHub Enterprise Server serves its API below /api/v3. */
static int
strip_prefix(struct call *c)
{
	size_t	 len = strlen(sim.prefix);
	int	 n = 0, i;
	const char *p;

	if (strncmp(c->uri, sim.prefix, len) != 0 ||
	    (c->uri[len] != '/' && c->uri[len] != '?' && c->uri[len] != '\0'))
		return (-1);
	for (p = sim.prefix; *p != '\0'; p++)
		n += *p == '/';
	if (c->nseg < n)
		return (-1);
	for (i = n; i < c->nseg; i++)
		c->seg[i - n] = c->seg[i];
	c->nseg -= n;
	return (0);
}

static int
authenticate(struct call *c)
{
	if (c->token_id[0] == '\0') {
		answer_error(c, 401, "Requires authentication");
		return (-1);
	}
	if (c->token == NULL || c->account == NULL) {
		c->token = NULL;
		answer_error(c, 401, "Bad credentials");
		return (-1);
	}
	if (c->token->installation != NULL &&
	    c->token->installation->suspended) {
		answer_error(c, 403, "This installation has been suspended");
		return (-1);
	}
	if (c->token->scopes != NULL) {
		answer_header(c, "X-OAuth-Scopes", "%s", c->token->scopes);
		answer_header(c, "X-Accepted-OAuth-Scopes", "repo");
	}
	if (c->token->permissions != NULL)
		answer_header(c, "X-Accepted-GitHub-Permissions", "%s",
		    c->token->permissions);
	if (c->token->expiration != NULL)
		answer_header(c, "GitHub-Authentication-Token-Expiration",
		    "%s", c->token->expiration);
	answer_header(c, "X-GitHub-Api-Version-Selected", "2022-11-28");
	return (0);
}

static int
find_repo(struct call *c)
{
	struct repo	*repo = NULL, *old;
	const char	*error;

	if (strcmp(c->seg[0], "repositories") == 0 && c->nseg >= 2) {
		c->rest = 2;
		repo = repo_find_id(strtonum(c->seg[1], 1, INT64_MAX,
		    &error));
	} else if (c->nseg >= 3) {
		c->rest = 3;
		repo = repo_find(c->seg[1], c->seg[2]);
		if (repo == NULL && (old = repo_find_alias(c->seg[1],
		    c->seg[2])) != NULL && repo_visible(old, c->token)) {
			moved(c, old);
			return (-1);
		}
	}
	if (repo == NULL || !repo_visible(repo, c->token)) {
		c->doc = repo_routes[0].doc;
		answer_error(c, 404, "Not Found");
		return (-1);
	}
	c->repo = repo;
	return (0);
}

/* A former name: 301, or 307 where the method must stay what it is. */
static void
moved(struct call *c, struct repo *repo)
{
	struct json_object	*o = json_object_new_object();
	const char		*query = strchr(c->uri, '?');
	char			 url[SIM_URL_MAX];
	size_t			 len;
	int			 i;

	len = (size_t)snprintf(url, sizeof(url), "%s/repositories/%lld",
	    c->origin, (long long)repo->id);
	for (i = c->rest; i < c->nseg && len < sizeof(url); i++)
		len += (size_t)snprintf(url + len, sizeof(url) - len, "/%s",
		    c->seg[i]);
	if (query != NULL && len < sizeof(url))
		(void)strlcat(url, query, sizeof(url));
	json_object_object_add(o, "message",
	    json_object_new_string("Moved Permanently"));
	json_object_object_add(o, "url", json_object_new_string(url));
	json_object_object_add(o, "documentation_url",
	    json_object_new_string("https://docs.github.com/rest/guides/"
	    "best-practices-for-using-the-rest-api#follow-redirects"));
	answer_json(c, strcmp(c->method, "GET") == 0 ? 301 : 307, o);
	answer_header(c, "Location", "%s", url);
}
