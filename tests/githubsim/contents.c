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
 * githubsim: contents of a repository: its workflow files, and nothing else.
 */

#include "config.h"

#include <err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"
#include "render.h"

#define YAML_MAX	1024

static void	 write_yaml(const struct workflow *, char *, size_t);
static struct json_object *render(struct call *, const struct workflow *,
		    const char *);

/* GET contents/{}/{}/{}: .github/workflows/deploy.yml */
void
contents_get(struct call *c)
{
	struct workflow	*wf = NULL;
	char		 yaml[YAML_MAX];

	if (strcmp(c->arg[0], ".github") == 0 &&
	    strcmp(c->arg[1], "workflows") == 0)
		wf = workflow_find(c->repo, c->arg[2]);
	if (wf == NULL || wf->gone) {
		answer_error(c, 404, "Not Found");
		return;
	}
	write_yaml(wf, yaml, sizeof(yaml));
	answer_json(c, 200, render(c, wf, yaml));
}

static void
write_yaml(const struct workflow *wf, char *buf, size_t size)
{
	if (snprintf(buf, size, "name: \"%s\"\n"
	    "# workflow_dispatch is what lets it be started by hand\n"
	    "on:\n  push:\n%sjobs:\n  build:\n    runs-on: ubuntu-latest\n"
	    "    steps:\n      - run: \"true\"\n", wf->name,
	    wf->dispatch ? "  workflow_dispatch:\n" : "") >= (int)size)
		errx(1, "a workflow's name is too long");
}

static struct json_object *
render(struct call *c, const struct workflow *wf, const char *yaml)
{
	struct json_object	*o = json_object_new_object(), *links;
	unsigned char		 hash[20];
	char			 sha[41], url[SIM_URL_MAX], web[SIM_URL_MAX];
	char			 text[2 * YAML_MAX];
	const char		*slash = strrchr(wf->path, '/');

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)yaml,
	    strlen(yaml), NULL, 0);
	(void)sodium_bin2hex(sha, sizeof(sha), hash, sizeof(hash));
	(void)sodium_bin2base64(text, sizeof(text),
	    (const unsigned char *)yaml, strlen(yaml),
	    sodium_base64_VARIANT_ORIGINAL);
	(void)strlcat(text, "\n", sizeof(text));
	(void)snprintf(url, sizeof(url), "%s/repos/%s/contents/%s?ref=%s",
	    c->origin, c->repo->full_name, wf->path,
	    c->repo->default_branch);
	(void)snprintf(web, sizeof(web), "%s/%s/blob/%s/%s", WEB,
	    c->repo->full_name, c->repo->default_branch, wf->path);
	ADD(o, "name", STR(slash != NULL ? slash + 1 : wf->path));
	ADD(o, "path", STR(wf->path));
	ADD(o, "sha", STR(sha));
	ADD(o, "size", json_object_new_int64((int64_t)strlen(yaml)));
	ADD(o, "url", STR(url));
	ADD(o, "html_url", STR(web));
	ADD(o, "git_url", render_text("%s/repos/%s/git/blobs/%s", c->origin,
	    c->repo->full_name, sha));
	ADD(o, "download_url", render_text("%s/%s/raw/%s/%s", WEB,
	    c->repo->full_name, c->repo->default_branch, wf->path));
	ADD(o, "type", STR("file"));
	ADD(o, "content", STR(text));
	ADD(o, "encoding", STR("base64"));
	links = json_object_new_object();
	ADD(links, "self", STR(url));
	ADD(links, "git", render_text("%s/repos/%s/git/blobs/%s", c->origin,
	    c->repo->full_name, sha));
	ADD(links, "html", STR(web));
	ADD(o, "_links", links);
	return (o);
}
