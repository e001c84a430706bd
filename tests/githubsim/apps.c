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
 * githubsim: GitHub Apps: what a JWT gets, first of all an installation's
 * token, and what is there for such a token only.
 */

#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define JWT_SECONDS_MAX		600	/* from now to its expiration */
#define TOKEN_BYTES		18	/* random, in hexadecimal digits */
#define APPS			"apps/apps#"
#define ADD(o, k, v)		json_object_object_add(o, k, v)

static int	 authenticate(struct call *);
static int	 claims_good(struct call *, struct json_object *);
static void	 app_show(struct call *);
static void	 installations_list(struct call *);
static void	 installation_show(struct call *);
static void	 installation_show_repo(struct call *);
static void	 installation_show_owner(struct call *);
static void	 token_create(struct call *);
static struct installation *installation_arg(struct call *);
static int	 token_restrict(struct call *, struct token *);
static int	 select_repos(struct call *, struct token *);
static struct repo *select_repo(const struct installation *,
	    struct json_object *);
static struct json_object *render_app(struct call *, const struct app *);
static struct json_object *render_installation(struct call *,
	    const struct installation *);
static struct json_object *render_token(struct call *,
	    const struct token *);
static struct json_object *grants_of(const struct installation *);

static const struct route routes[] = {
	{ "GET", "app", app_show, APPS "get-the-authenticated-app", NULL },
	{ "GET", "app/installations", installations_list,
	    APPS "list-installations-for-the-authenticated-app", NULL },
	{ "GET", "app/installations/{}", installation_show,
	    APPS "get-an-installation-for-the-authenticated-app", NULL },
	{ "POST", "app/installations/{}/access_tokens", token_create,
	    APPS "create-an-installation-access-token-for-an-app", NULL },
	{ "GET", "repos/{}/{}/installation", installation_show_repo,
	    APPS "get-a-repository-installation-for-the-authenticated-app",
	    NULL },
	{ "GET", "orgs/{}/installation", installation_show_owner, APPS
	    "get-an-organization-installation-for-the-authenticated-app",
	    NULL },
	{ "GET", "users/{}/installation", installation_show_owner,
	    APPS "get-a-user-installation-for-the-authenticated-app", NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

int
apps_serve(struct call *c)
{
	const struct route	*route = route_find(routes, c, 0);

	if (route == NULL)
		return (0);
	if (authenticate(c) == -1)
		return (1);
	/* As recorded: nothing is said about limits. */
	c->doc = route->doc;
	route->handler(c);
	if (c->conditional)
		etag_add(c);
	return (1);
}

static int
authenticate(struct call *c)
{
	struct json_object	*claims, *iss;
	int			 rc = -1;

	c->token = NULL;
	if (c->bearer == NULL || (claims = jwt_claims(c->bearer)) == NULL) {
		answer_error(c, 401, "A JSON web token could not be decoded");
		return (-1);
	}
	if (!json_object_object_get_ex(claims, "iss", &iss) || iss == NULL)
		answer_error(c, 401,
		    "'Issuer' claim ('iss') must be an Integer");
	else if ((c->app = app_find(json_object_get_string(iss))) == NULL)
		answer_error(c, 404, "Integration not found");
	else if (!jwt_signed_by(c->bearer, c->app->key))
		answer_error(c, 401, "A JSON web token could not be decoded");
	else if (claims_good(c, claims))
		rc = 0;
	json_object_put(claims);
	return (rc);
}

static int
claims_good(struct call *c, struct json_object *claims)
{
	struct json_object	*exp, *iat;
	int64_t			 now = clock_now() / 1000;

	if (!json_object_object_get_ex(claims, "exp", &exp) ||
	    !json_object_is_type(exp, json_type_int) ||
	    json_object_get_int64(exp) <= now)
		answer_error(c, 401, "'Expiration time' claim ('exp') must "
		    "be a numeric value representing the future time at "
		    "which the assertion expires");
	else if (json_object_get_int64(exp) > now + JWT_SECONDS_MAX)
		answer_error(c, 401, "'Expiration time' claim ('exp') is "
		    "too far in the future");
	else if (!json_object_object_get_ex(claims, "iat", &iat) ||
	    !json_object_is_type(iat, json_type_int) ||
	    json_object_get_int64(iat) > now)
		answer_error(c, 401, "'Issued at' claim ('iat') must be an "
		    "Integer representing the time that the assertion was "
		    "issued");
	else
		return (1);
	return (0);
}

static void
app_show(struct call *c)
{
	answer_json(c, 200, render_app(c, c->app));
}

static void
installations_list(struct call *c)
{
	struct json_object	*page = json_object_new_array();
	struct installation	*at;
	size_t			 first, size, n = 0;

	first = call_page(c, &size);
	TAILQ_FOREACH(at, &c->app->installations, entry) {
		if (at->deleted)
			continue;
		if (n >= first && n < first + size)
			json_object_array_add(page,
			    render_installation(c, at));
		n++;
	}
	answer_json(c, 200, page);
	answer_page(c, n, n);
}

static void
installation_show(struct call *c)
{
	struct installation	*at = installation_arg(c);

	if (at != NULL)
		answer_json(c, 200, render_installation(c, at));
}

static void
installation_show_repo(struct call *c)
{
	struct repo		*repo = repo_find(c->arg[0], c->arg[1]);
	struct installation	*at = NULL;

	if (repo != NULL && !repo->deleted)
		at = installation_of(c->app, repo->owner);
	if (at == NULL || !selection_has(&at->selection, repo->id))
		answer_error(c, 404, "Not Found");
	else
		answer_json(c, 200, render_installation(c, at));
}

static void
installation_show_owner(struct call *c)
{
	const struct owner	*owner = owner_find(c->arg[0]);
	struct installation	*at = NULL;

	if (owner != NULL &&
	    owner->organization == (strcmp(c->seg[0], "orgs") == 0))
		at = installation_of(c->app, owner);
	if (at == NULL)
		answer_error(c, 404, "Not Found");
	else
		answer_json(c, 200, render_installation(c, at));
}

/* Lives for an hour by the simulated clock; may be given less to do. */
static void
token_create(struct call *c)
{
	struct installation	*at = installation_arg(c);
	unsigned char		 random[TOKEN_BYTES];
	char			 text[4 + 2 * TOKEN_BYTES + 1] = "ghs_";
	struct token		*token;

	if (at == NULL)
		return;
	if (at->suspended) {
		answer_error(c, 403, "This installation has been suspended");
		return;
	}
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2hex(text + 4, sizeof(text) - 4, random,
	    sizeof(random));
	if ((token = token_add(text)) == NULL) {
		answer_error(c, 403, "There are too many tokens");
		return;
	}
	token->account = at->account;
	token->installation = at;
	token->expires = clock_now() + at->app->lifetime;
	token->grants = json_object_get(grants_of(at));
	if (token_restrict(c, token) == -1) {
		token_free(token);
		return;
	}
	answer_json(c, 201, render_token(c, token));
}

static struct installation *
installation_arg(struct call *c)
{
	const char		*error;
	struct installation	*at;

	at = installation_find(strtonum(c->arg[0], 1, INT64_MAX, &error));
	if (at == NULL || at->app != c->app || at->deleted) {
		answer_error(c, 404, "Not Found");
		return (NULL);
	}
	return (at);
}

/* Fewer permissions, fewer repositories, as the request wants it. */
static int
token_restrict(struct call *c, struct token *token)
{
	struct json_object	*v;
	char			 needs[128];

	if (json_object_object_get_ex(c->input, "permissions", &v) &&
	    json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, value) {
			(void)snprintf(needs, sizeof(needs), "%s=%s", key,
			    json_object_get_string(value));
			if (permission_covers(token->grants, needs))
				continue;
			answer_error(c, 422, "The permissions requested are "
			    "not granted to this installation.");
			return (-1);
		}
		json_object_put(token->grants);
		token->grants = json_object_get(v);
	}
	return (select_repos(c, token));
}

static int
select_repos(struct call *c, struct token *token)
{
	static const char *const keys[] = {
		"repositories", "repository_ids"
	};
	struct json_object	*v;
	struct repo		*repo;
	size_t			 i, j;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!json_object_object_get_ex(c->input, keys[i], &v) ||
		    !json_object_is_type(v, json_type_array))
			continue;
		for (j = 0; j < json_object_array_length(v); j++) {
			repo = select_repo(token->installation,
			    json_object_array_get_idx(v, j));
			if (repo == NULL) {
				answer_error(c, 422, "There is at least one "
				    "repository that does not exist or is "
				    "not accessible to the parent "
				    "installation.");
				return (-1);
			}
			if (selection_add(&token->selection, repo->id) == -1)
				err(1, NULL);
		}
	}
	return (0);
}

/* A repository of the installation's, by its number or its own name. */
static struct repo *
select_repo(const struct installation *at, struct json_object *v)
{
	struct repo	*repo;

	if (json_object_is_type(v, json_type_int))
		repo = repo_find_id(json_object_get_int64(v));
	else
		repo = repo_find(at->owner->login,
		    v == NULL ? "" : json_object_get_string(v));
	if (repo == NULL || repo->deleted || repo->owner != at->owner ||
	    !selection_has(&at->selection, repo->id))
		return (NULL);
	return (repo);
}

void
installation_repos(struct call *c)
{
	struct json_object	*o, *page;
	struct repo		*repo;
	size_t			 first, size, n = 0;

	if (c->token->installation == NULL) {
		answer_error(c, 403, "You must authenticate with an "
		    "installation access token in order to list "
		    "repositories for an installation.");
		return;
	}
	o = json_object_new_object();
	page = json_object_new_array();
	first = call_page(c, &size);
	for (repo = repo_next(NULL); repo != NULL; repo = repo_next(repo)) {
		if (!repo_visible(repo, c->token) ||
		    !token_reaches(c->token, repo))
			continue;
		if (n >= first && n < first + size)
			json_object_array_add(page, render_repo(c, repo));
		n++;
	}
	ADD(o, "total_count", json_object_new_int64((int64_t)n));
	ADD(o, "repository_selection", json_object_new_string(
	    c->token->selection.some ||
	    c->token->installation->selection.some ? "selected" : "all"));
	ADD(o, "repositories", page);
	answer_json(c, 200, o);
	answer_page(c, n, n);
}

void
installation_revoke(struct call *c)
{
	if (c->token->installation == NULL) {
		answer_error(c, 403, "You must authenticate with an "
		    "installation access token in order to revoke it.");
		return;
	}
	c->token->valid = 0;
	answer_empty(c, 204);
}

static struct json_object *
render_app(struct call *c, const struct app *app)
{
	struct json_object	*o = json_object_new_object();
	struct installation	*at;
	char			 url[SIM_URL_MAX];
	int64_t			 n = 0;

	ADD(o, "id", json_object_new_int64(app->id));
	ADD(o, "slug", json_object_new_string(app->slug));
	(void)snprintf(url, sizeof(url), "A_kwDO%lld", (long long)app->id);
	ADD(o, "node_id", json_object_new_string(url));
	ADD(o, "client_id", json_object_new_string(app->client_id));
	ADD(o, "owner", render_owner(c, app->owner));
	ADD(o, "name", json_object_new_string(app->name));
	ADD(o, "description", NULL);
	ADD(o, "external_url", json_object_new_string("https://example.com"));
	(void)snprintf(url, sizeof(url), "https://github.com/apps/%s",
	    app->slug);
	ADD(o, "html_url", json_object_new_string(url));
	ADD(o, "created_at", render_time(app->created));
	ADD(o, "updated_at", render_time(app->created));
	ADD(o, "permissions", json_object_get(app->grants));
	ADD(o, "events", json_object_new_array());
	TAILQ_FOREACH(at, &app->installations, entry)
		n += !at->deleted;
	ADD(o, "installations_count", json_object_new_int64(n));
	return (o);
}

static struct json_object *
render_installation(struct call *c, const struct installation *at)
{
	struct json_object	*o = json_object_new_object();
	char			 url[SIM_URL_MAX];
	int			 n;

	ADD(o, "id", json_object_new_int64(at->id));
	ADD(o, "account", render_owner(c, at->owner));
	ADD(o, "repository_selection", json_object_new_string(
	    at->selection.some ? "selected" : "all"));
	n = snprintf(url, sizeof(url), "%s/app/installations/%lld", c->origin,
	    (long long)at->id);
	if (n > 0 && (size_t)n < sizeof(url))
		(void)strlcat(url, "/access_tokens", sizeof(url));
	ADD(o, "access_tokens_url", json_object_new_string(url));
	(void)snprintf(url, sizeof(url), "%s/installation/repositories",
	    c->origin);
	ADD(o, "repositories_url", json_object_new_string(url));
	(void)snprintf(url, sizeof(url),
	    "https://github.com/settings/installations/%lld",
	    (long long)at->id);
	ADD(o, "html_url", json_object_new_string(url));
	ADD(o, "app_id", json_object_new_int64(at->app->id));
	ADD(o, "app_slug", json_object_new_string(at->app->slug));
	ADD(o, "target_id", json_object_new_int64(at->owner->id));
	ADD(o, "target_type", json_object_new_string(
	    at->owner->organization ? "Organization" : "User"));
	ADD(o, "permissions", json_object_get(grants_of(at)));
	ADD(o, "events", json_object_new_array());
	ADD(o, "created_at", render_time(at->created));
	ADD(o, "updated_at", render_time(at->created));
	ADD(o, "single_file_name", NULL);
	ADD(o, "has_multiple_single_files", json_object_new_boolean(0));
	ADD(o, "single_file_paths", json_object_new_array());
	ADD(o, "suspended_at", at->suspended ? render_time(at->created) :
	    NULL);
	ADD(o, "suspended_by", NULL);
	return (o);
}

static struct json_object *
render_token(struct call *c, const struct token *token)
{
	struct json_object	*o = json_object_new_object(), *list;
	const struct installation *at = token->installation;
	struct repo		*repo;
	size_t			 i;

	ADD(o, "token", json_object_new_string(token->text));
	ADD(o, "expires_at", render_time(token->expires));
	ADD(o, "permissions", json_object_get(token->grants));
	ADD(o, "repository_selection", json_object_new_string(
	    token->selection.some || at->selection.some ?
	    "selected" : "all"));
	if (!token->selection.some)
		return (o);
	list = json_object_new_array();
	for (i = 0; i < token->selection.n; i++)
		if ((repo = repo_find_id(token->selection.id[i])) != NULL)
			json_object_array_add(list, render_repo(c, repo));
	ADD(o, "repositories", list);
	return (o);
}

static struct json_object *
grants_of(const struct installation *at)
{
	return (at->grants != NULL ? at->grants : at->app->grants);
}
