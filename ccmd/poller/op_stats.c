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
 * Fresh figures: a look at GitHub now, for stats?fresh=1.  Runs in the
 * poller.  The figures themselves are the api's: this only looks.
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdlib.h>

#include "github.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "watch.h"

/* Told of what was not looked at; what failed has told its own reason. */
#define TOO_SLOW	"GitHub has not answered in the time that there was"
#define NOT_YET		"its repository and workflow are yet to be found"

struct fresh_look {
	struct waiter		 waiter;	/* first */
	struct asked		 asked;
	struct event		*expiry;
	struct pipeline		*pipeline;
	struct repository	*repository;	/* that it was in */
};

static void	 looked(struct waiter *, const char *);
static void	 on_expiry(evutil_socket_t, short, void *);

void
op_stats(const struct asked *asked,
    struct json_object *args __attribute__((unused)))
{
	struct pipeline		*p = pipelines_find(asked->target);
	struct fresh_look	*f;
	struct timeval		 tv;
	int64_t			 left;

	if (p == NULL || p->repository == NULL) {
		/* Nothing to look at: the figures stand as they are. */
		if (p != NULL && p->state != PIPELINE_INACTIVE &&
		    p->told_stale == 0)
			watch_stale(p, NOT_YET);
		tell_outcome(asked, 200, json_object_new_object());
		return;
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->expiry = evtimer_new(poller_base(), on_expiry, f)) == NULL)
		fatal("op_stats");
	f->asked = *asked;
	f->pipeline = p;
	f->repository = p->repository;
	f->waiter.done = looked;
	if ((left = asked->deadline - proc_now_ms()) < 0)
		left = 0;
	tv.tv_sec = left / 1000;
	tv.tv_usec = (left % 1000) * 1000;
	evtimer_add(f->expiry, &tv);
	watch_now(p, &f->waiter);
}

/*
 * Well or not: the figures say themselves how old they are, and why.  The
 * reason went to the registry before this, and so comes to the api first.
 */
static void
looked(struct waiter *w, const char *why __attribute__((unused)))
{
	struct fresh_look	*f = (struct fresh_look *)(void *)w;

	/* Before the answer, which is about when that look was. */
	tell_fresh_now();
	tell_outcome(&f->asked, 200, json_object_new_object());
	event_free(f->expiry);
	free(f);
}

static void
on_expiry(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct fresh_look	*f = arg;

	watch_forget(f->repository, &f->waiter);
	watch_stale(f->pipeline, TOO_SLOW);
	looked(&f->waiter, TOO_SLOW);
}
