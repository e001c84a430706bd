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

static struct sim_strings branches(const struct repo *);
static int	 cmp(const void *, const void *);
static struct json_object *render(struct call *, const char *);

void
branches_list(struct call *c)
{
	struct json_object	*page = json_object_new_array();
	struct sim_strings	 all = branches(c->repo);
	size_t			 first, size, i, n = all.n;

	first = call_page(c, &size);
	for (i = first; i < n && i < first + size; i++)
		json_object_array_add(page, render(c, all.s[i]));
	strings_clear(&all);
	answer_json(c, 200, page);
	answer_page(c, n, n);
}

void
branch_get(struct call *c)
{
	struct sim_strings	 all = branches(c->repo);

	if (strings_has(&all, c->arg[0]))
		answer_json(c, 200, render(c, c->arg[0]));
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

static struct json_object *
render(struct call *c, const char *name)
{
	struct json_object	*o = json_object_new_object();
	struct json_object	*commit = json_object_new_object();
	unsigned char		 hash[20];
	char			 sha[2 * sizeof(hash) + 1];
	char			 url[SIM_URL_MAX];

	(void)crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)name, strlen(name),
	    (const unsigned char *)c->repo->full_name,
	    strlen(c->repo->full_name) < crypto_generichash_KEYBYTES_MAX ?
	    strlen(c->repo->full_name) : crypto_generichash_KEYBYTES_MAX);
	(void)sodium_bin2hex(sha, sizeof(sha), hash, sizeof(hash));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/commits/%s", c->origin,
	    c->repo->full_name, sha);
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(commit, "sha", json_object_new_string(sha));
	json_object_object_add(commit, "url", json_object_new_string(url));
	json_object_object_add(o, "commit", commit);
	json_object_object_add(o, "protected", json_object_new_boolean(0));
	return (o);
}
