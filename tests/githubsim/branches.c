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
 * githubsim: a repository's branches: the default one, those that it was
 * given, and those that runs are on.
 */

#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"
#include "render.h"

#define SHA_BYTES	20
#define SHA_TEXT	(2 * SHA_BYTES + 1)

static struct sim_strings branches(const struct repo *);
static int	 cmp(const void *, const void *);
static struct json_object *render(struct call *, const char *, int);
static struct json_object *commit_short(const char *, const char *);
static struct json_object *commit_full(struct call *, const char *,
	    const char *);
static void	 branch_sha(const struct repo *, const char *,
	    char [SHA_TEXT]);

void
branches_list(struct call *c)
{
	struct json_object	*page = json_object_new_array();
	struct sim_strings	 all = branches(c->repo);
	size_t			 first, size, i, n = all.n;

	first = call_page(c, &size);
	for (i = first; i < n && i < first + size; i++)
		json_object_array_add(page, render(c, all.s[i], 0));
	strings_clear(&all);
	answer_json(c, 200, page);
	answer_page(c, n, n);
}

void
branch_get(struct call *c)
{
	struct sim_strings	 all = branches(c->repo);

	if (strings_has(&all, c->arg[0]))
		answer_json(c, 200, render(c, c->arg[0], 1));
	else
		answer_error(c, 404, "Branch not found");
	strings_clear(&all);
}

/* By name, each once. */
static struct sim_strings
branches(const struct repo *repo)
{
	struct sim_strings	 all = { 0, NULL };
	const char		*last = NULL;
	struct run		*run;
	size_t			 i;
	int			 rc = strings_add(&all,
				    repo->default_branch);

	for (i = 0; i < repo->branches.n && rc == 0; i++)
		if (!strings_has(&all, repo->branches.s[i]))
			rc = strings_add(&all, repo->branches.s[i]);
	RB_FOREACH(run, run_order, (struct run_order *)(uintptr_t)&repo->runs) {
		if (rc == -1)
			break;
		/* Interned: most are the same as the one before. */
		if (run->branch == NULL || run->branch == last)
			continue;
		last = run->branch;
		if (!strings_has(&all, last))
			rc = strings_add(&all, last);
	}
	if (rc == -1)
		err(1, NULL);
	qsort(all.s, all.n, sizeof(*all.s), cmp);
	return (all);
}

static int
cmp(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* full: as GET /branches/{branch} shows it, with the commit in it. */
static struct json_object *
render(struct call *c, const char *name, int full)
{
	struct json_object	*o = json_object_new_object(), *links;
	char			 sha[SHA_TEXT], url[SIM_URL_MAX];

	branch_sha(c->repo, name, sha);
	(void)snprintf(url, sizeof(url), "%s/repos/%s", c->origin,
	    c->repo->full_name);
	ADD(o, "name", STR(name));
	ADD(o, "commit", full ? commit_full(c, url, sha) :
	    commit_short(url, sha));
	ADD(o, "protected", BOOL(0));
	if (!full)
		return (o);
	links = json_object_new_object();
	ADD(links, "self", render_text("%s/branches/%s", url, name));
	ADD(links, "html", render_text("%s/%s/tree/%s", WEB,
	    c->repo->full_name, name));
	ADD(o, "_links", links);
	ADD(o, "protection", json_tokener_parse("{\"enabled\": false, "
	    "\"required_status_checks\": {\"enforcement_level\": \"off\","
	    " \"contexts\": [], \"checks\": []}}"));
	ADD(o, "protection_url", render_text("%s/branches/%s/protection",
	    url, name));
	return (o);
}

static struct json_object *
commit_short(const char *url, const char *sha)
{
	struct json_object	*o = json_object_new_object();

	ADD(o, "sha", STR(sha));
	ADD(o, "url", render_text("%s/commits/%s", url, sha));
	return (o);
}

static struct json_object *
commit_full(struct call *c, const char *url, const char *sha)
{
	struct json_object	*o = commit_short(url, sha), *git, *who;
	struct json_object	*tree, *parent, *parents;
	struct owner		*owner = owner_get("octocat");

	who = json_object_new_object();
	ADD(who, "name", STR(owner->login));
	ADD(who, "email", STR("octocat@users.noreply.github.com"));
	ADD(who, "date", render_time(c->repo->updated));
	tree = json_object_new_object();
	ADD(tree, "sha", STR(sha));
	ADD(tree, "url", render_text("%s/git/trees/%s", url, sha));
	git = json_object_new_object();
	ADD(git, "author", who);
	ADD(git, "committer", json_object_get(who));
	ADD(git, "message", STR("Change something"));
	ADD(git, "tree", tree);
	ADD(git, "url", render_text("%s/git/commits/%s", url, sha));
	ADD(git, "comment_count", INT(0));
	ADD(git, "verification", json_tokener_parse("{\"verified\": false, "
	    "\"reason\": \"unsigned\", \"signature\": null, "
	    "\"payload\": null, \"verified_at\": null}"));
	ADD(o, "node_id", render_text("C_kwDO%s", sha));
	ADD(o, "commit", git);
	ADD(o, "html_url", render_text("%s/%s/commit/%s", WEB,
	    c->repo->full_name, sha));
	ADD(o, "comments_url", render_text("%s/commits/%s/comments", url,
	    sha));
	ADD(o, "author", render_owner(c, owner));
	ADD(o, "committer", render_owner(c, owner));
	parent = commit_short(url, sha);
	ADD(parent, "html_url", render_text("%s/%s/commit/%s", WEB,
	    c->repo->full_name, sha));
	parents = json_object_new_array();
	json_object_array_add(parents, parent);
	ADD(o, "parents", parents);
	return (o);
}

/* Made from both names. */
static void
branch_sha(const struct repo *repo, const char *name, char sha[SHA_TEXT])
{
	crypto_generichash_state	 hash;
	unsigned char			 bytes[SHA_BYTES];

	(void)crypto_generichash_init(&hash, NULL, 0, sizeof(bytes));
	(void)crypto_generichash_update(&hash,
	    (const unsigned char *)repo->full_name,
	    strlen(repo->full_name) + 1);
	(void)crypto_generichash_update(&hash, (const unsigned char *)name,
	    strlen(name));
	(void)crypto_generichash_final(&hash, bytes, sizeof(bytes));
	(void)sodium_bin2hex(sha, SHA_TEXT, bytes, sizeof(bytes));
}
