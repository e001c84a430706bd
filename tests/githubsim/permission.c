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
 * githubsim: what a token may do: GitHub's fine-grained permissions and
 * the classic scopes.  Must not know any path: a route says what it needs.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "githubsim.h"

#define NEEDS_MAX	64

static int	 level(const char *);
static int	 classic(struct call *, int write);
static int	 fine_grained(struct call *, const char *, int write);
static const char *refusal(const struct call *);

/*
 * "actions=write" is covered by {"actions": "write"} or more.  Metadata may
 * be read with any grant.
 */
int
permission_covers(struct json_object *grants, const char *needs)
{
	struct json_object	*v;
	char			 name[NEEDS_MAX];
	size_t			 len = strcspn(needs, "=");

	if (needs[len] != '=' || len >= sizeof(name))
		return (0);
	if (strcmp(needs, "metadata=read") == 0)
		return (1);
	memcpy(name, needs, len);
	name[len] = '\0';
	return (json_object_object_get_ex(grants, name, &v) &&
	    level(json_object_get_string(v)) >= level(needs + len + 1));
}

int
permission_check(struct call *c, const struct route *route)
{
	const char	*needs = route->needs;
	int		 write = strcmp(c->method, "GET") != 0;

	if (c->token->grants != NULL && needs != NULL &&
	    c->token->permissions == NULL)
		answer_header(c, "X-Accepted-GitHub-Permissions", "%s",
		    needs);
	if (write && c->token->readonly) {
		answer_error(c, 403, "%s", refusal(c));
		return (0);
	}
	if (c->token->grants != NULL)
		return (needs == NULL || fine_grained(c, needs, write));
	return (c->token->scopes == NULL || c->repo == NULL ||
	    classic(c, write));
}

/* What is public may be read without a grant, secrets excepted. */
static int
fine_grained(struct call *c, const char *needs, int write)
{
	int	 reaches = c->repo == NULL ||
		    token_reaches(c->token, c->repo);

	if (reaches && permission_covers(c->token->grants, needs))
		return (1);
	if (!write && c->repo != NULL && !c->repo->private &&
	    strncmp(needs, "secrets=", 8) != 0 &&
	    strncmp(needs, "environments=", 13) != 0)
		return (1);
	answer_error(c, 403, "%s", refusal(c));
	return (0);
}

/* A private repository was not there already for a token without "repo". */
static int
classic(struct call *c, int write)
{
	if (!write || token_scope(c->token, "repo") ||
	    (!c->repo->private && token_scope(c->token, "public_repo")))
		return (1);
	answer_error(c, 403, "Must have admin rights to Repository.");
	return (0);
}

static const char *
refusal(const struct call *c)
{
	return (c->token->installation != NULL ?
	    "Resource not accessible by integration" :
	    "Resource not accessible by personal access token");
}

static int
level(const char *text)
{
	static const char *const levels[] = { "read", "write", "admin" };
	size_t	 i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i], text) == 0)
			return ((int)i + 1);
	return (0);
}
