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
 * Is a pipeline's workflow still there?  A list of runs does not say, and
 * goes on when it was deleted.  Asked within each hour, when somebody asks
 * for fresh figures, and more often while it is gone; by a conditional
 * request, so that it is free as long as nothing changes.  Runs in the
 * poller.  Must not decide when to look.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github.h"
#include "json.h"
#include "proc.h"
#include "resolve.h"
#include "tell.h"
#include "watch.h"

#define CHECK_EVERY	(3600 * (int64_t)1000)	/* milliseconds */
#define CHECK_GONE	(300 * (int64_t)1000)
#define CHECK_FIRST	(360 * (int64_t)1000)	/* after a start */

static int	 check_url(const struct pipeline *, char *, size_t);
static void	 is_gone(struct pipeline *, const char *);
static int	 is_there(struct pipeline *, struct json_object *);

/*
 * One that was in error before a restart is asked for at once, the others
 * over the hour, but for its beginning: there is enough to be asked then, and
 * what was provisioned just now was seen just now.
 */
void
check_init(struct pipeline *p)
{
	free(p->check_etag);
	p->check_etag = NULL;
	p->gone = 0;
	p->check_at = p->state == PIPELINE_ERROR ? 0 : proc_now_ms() +
	    CHECK_FIRST + arc4random_uniform((uint32_t)(CHECK_EVERY -
	    CHECK_FIRST));
}

int
check_due(const struct pipeline *p, int urgent)
{
	return (urgent || proc_now_ms() >= p->check_at);
}

struct gh_call *
check_start(struct pipeline *p, gh_done done, void *arg)
{
	char		 url[MSG_URL_MAX];
	uint64_t	 none;

	if (check_url(p, url, sizeof(url)) == -1)
		return (NULL);
	/* What is in error is asked for as it is. */
	if (p->check_etag == NULL && !p->gone && p->state != PIPELINE_ERROR)
		p->check_etag = etags_take(url, &none);
	p->check_at = proc_now_ms() + (p->gone ? CHECK_GONE : CHECK_EVERY);
	return (github_call(p->repository->gh, GH_LOOK, "GET",
	    url + strlen(github_url(p->repository->gh)), p->check_etag, NULL,
	    0, done, arg));
}

/* By its file: one that comes back may have another number. */
static int
check_url(const struct pipeline *p, char *url, size_t size)
{
	const char	*file = strrchr(p->workflow_file, '/');
	char		 escaped[GH_PATH_MAX];
	int		 n;

	file = file != NULL ? file + 1 : p->workflow_file;
	if (http_escape(file, escaped, sizeof(escaped)) == -1)
		return (-1);
	n = snprintf(url, size, "%s/repos/%s/actions/workflows/%s",
	    github_url(p->repository->gh), p->repository->name, escaped);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

int
check_take(struct pipeline *p, const struct gh_reply *r)
{
	char	 url[MSG_URL_MAX];

	if (r->result == GH_UNCHANGED)
		return (0);
	if (r->result == GH_REFUSED && r->status == 404) {
		is_gone(p, "404: it is not there, or the token has no "
		    "access");
		return (0);
	}
	if (r->result != GH_OK || is_there(p, r->json) == -1) {
		p->check_at = proc_now_ms() + CHECK_GONE;
		return (-1);
	}
	free(p->check_etag);
	p->check_etag = r->etag[0] != '\0' ? strdup(r->etag) : NULL;
	/* A restart costs GitHub nothing. */
	if (p->check_etag != NULL && !p->gone &&
	    check_url(p, url, sizeof(url)) == 0)
		tell_looked(url, p->check_etag, 0);
	return (0);
}

static void
is_gone(struct pipeline *p, const char *why)
{
	char	 text[MSG_TEXT_MAX];

	free(p->check_etag);
	p->check_etag = NULL;
	p->gone = 1;
	p->check_at = proc_now_ms() + CHECK_GONE;
	(void)snprintf(text, sizeof(text), "Workflow not found: %s in %s (%s)",
	    p->workflow_file, p->name, why);
	watch_error(p, text);
}

static int
is_there(struct pipeline *p, struct json_object *o)
{
	const char	*state;
	int64_t		 id;

	if (!json_object_is_type(o, json_type_object) ||
	    json_int(o, "id", &id) != 1 ||
	    (state = json_string(o, "state")) == NULL)
		return (-1);
	if (strcmp(state, "deleted") == 0) {
		is_gone(p, "deleted on GitHub");
		return (0);
	}
	/* The look that ends now says so. */
	p->gone = 0;
	if (id != p->workflow_id)
		resolve_pipeline(p, p->repository->gh);
	return (0);
}
