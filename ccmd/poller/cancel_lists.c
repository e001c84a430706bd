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
 * Which runs of a workflow are not finished: GitHub's lists, by status.  Runs
 * in the poller.  Must not take a run of another workflow in, nor end one.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>

#include "cancel-inside.h"
#include "github.h"

#define CANCEL_PAGES	5	/* of a list, a hundred runs each */

static void	 on_list(const struct gh_reply *, void *);
static void	 take_list(struct cancel *, struct json_object *);

/* Whatever is not completed, also what a first page would not show. */
static const char *const statuses[CANCEL_LISTS] = {
	"queued", "in_progress", "waiting", "requested", "pending"
};

void
cancel_ask_lists(struct cancel *c)
{
	char		 path[GH_PATH_MAX];
	struct list	*l;
	size_t		 i;

	c->failed = 0;
	for (i = 0; i < CANCEL_LISTS; i++) {
		l = &c->lists[i];
		l->cancel = c;
		l->status = statuses[i];
		l->pages = 0;
		if (snprintf(path, sizeof(path), "/repos/%s/actions/"
		    "workflows/%lld/runs?status=%s&per_page=100&"
		    "exclude_pull_requests=true", c->name,
		    (long long)c->workflow_id, l->status) >=
		    (int)sizeof(path) ||
		    (l->call = cancel_ask(c, path, on_list, l)) == NULL)
			c->failed++;
	}
	if (c->failed == CANCEL_LISTS)
		cancel_again_in(c, CANCEL_RETRY_MS);
}

static void
on_list(const struct gh_reply *r, void *arg)
{
	struct list	*l = arg;
	struct cancel	*c = l->cancel;

	l->call = NULL;
	if (r->result == GH_OK) {
		take_list(c, r->json);
		if (r->next != NULL && ++l->pages >= CANCEL_PAGES)
			cancel_left_out(c);
		else if (r->next != NULL &&
		    (l->call = cancel_ask(c, r->next, on_list, l)) == NULL)
			c->failed++;
	} else {
		/* An outage, or access lost: GitHub is asked again. */
		cancel_list_warn(c, "The runs of %s could not be cancelled: "
		    "%s", c->name, r->why);
		c->failed++;
	}
	if (!cancel_lists_pending(c))
		cancel_lists_done(c);
}

int
cancel_lists_pending(const struct cancel *c)
{
	size_t	 i;

	for (i = 0; i < CANCEL_LISTS; i++)
		if (c->lists[i].call != NULL)
			return (1);
	return (0);
}

static void
take_list(struct cancel *c, struct json_object *page)
{
	struct json_object	*list, *run, *id, *wid;
	size_t			 i;

	if (!json_object_is_type(page, json_type_object) ||
	    !json_object_object_get_ex(page, "workflow_runs", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		c->failed++;
		return;
	}
	for (i = 0; i < json_object_array_length(list); i++) {
		run = json_object_array_get_idx(list, i);
		if (!json_object_is_type(run, json_type_object) ||
		    !json_object_object_get_ex(run, "id", &id) ||
		    !json_object_is_type(id, json_type_int))
			continue;
		/* Whatever the list holds: never a run of another one. */
		if (json_object_object_get_ex(run, "workflow_id", &wid) &&
		    json_object_get_int64(wid) != c->workflow_id)
			continue;
		cancel_add(c, json_object_get_int64(id));
	}
}
