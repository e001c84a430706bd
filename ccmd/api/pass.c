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
 * Answers about every pipeline, made in turns.  Runs in the api.  Must not
 * know what they say of a pipeline.
 */

#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "log.h"
#include "pass.h"
#include "proc.h"
#include "rope.h"
#include "view.h"

static struct event_base	*base;

static void	 start(struct pass *);
static void	 soon(struct pass *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 turn(struct pass *);
static void	 finish(struct pass *);
static void	 give(struct pass *);

void
pass_init(struct event_base *b)
{
	base = b;
}

void
pass_read(struct pass *pass, struct request *req)
{
	if (pass->n == pass->size) {
		pass->size = pass->size == 0 ? 4 : pass->size * 2;
		pass->waiting = reallocarray(pass->waiting, pass->size,
		    sizeof(*pass->waiting));
		if (pass->waiting == NULL)
			fatal("pass");
	}
	pass->waiting[pass->n++] = req;
	if (pass->n > 1)
		return;
	if (pass->timer == NULL &&
	    (pass->timer = evtimer_new(base, on_timer, pass)) == NULL)
		fatal("pass");
	start(pass);
	turn(pass);
}

static void
start(struct pass *pass)
{
	pass->id[0] = '\0';
	if (pass->begin != NULL)
		pass->begin();
}

static void
soon(struct pass *pass)
{
	static const struct timeval	 at_once = { 0, 0 };

	if (evtimer_add(pass->timer, &at_once) == -1)
		fatalx("event_add: pass");
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct pass	*pass = arg;

	if (pass->ready > 0)
		give(pass);
	else
		turn(pass);
}

/* Where it came to may be gone: what is behind that is found all the same. */
static void
turn(struct pass *pass)
{
	struct pipeline	*p;
	int64_t		 now = time(NULL), began = proc_now_ms();
	int		 i;

	p = pass->id[0] == '\0' ? view_next(NULL) :
	    view_after(pass->created_at, pass->id);
	for (i = 0; p != NULL && (i == 0 || (i < PASS_TURN &&
	    proc_now_ms() - began < PASS_TURN_MS)); i++) {
		pass->put(p, now);
		(void)strlcpy(pass->id, p->id, sizeof(pass->id));
		(void)strlcpy(pass->created_at, p->created_at,
		    sizeof(pass->created_at));
		p = view_next(p);
	}
	if (p != NULL)
		soon(pass);
	else if (pass->give == NULL)
		finish(pass);
	else {
		pass->ready = pass->n;
		soon(pass);
	}
}

static void
finish(struct pass *pass)
{
	struct request	**waiting = pass->waiting;
	struct rope	*r = rope_new();
	size_t		 i, n = pass->n;

	pass->end(r);
	/* An answer may bring the next request, and that begins anew. */
	pass->waiting = NULL;
	pass->n = pass->size = 0;
	for (i = 0; i < n; i++)
		answer_rope(waiting[i], pass->type, r);
	free(waiting);
	rope_free(r);
}

/*
 * One in each turn.  Who came since then is gone round for once more: too
 * much may have changed.
 */
static void
give(struct pass *pass)
{
	struct request	*req = pass->waiting[pass->given++];

	if (pass->given == pass->ready) {
		pass->n -= pass->ready;
		memmove(pass->waiting, pass->waiting + pass->ready,
		    pass->n * sizeof(*pass->waiting));
		pass->ready = pass->given = 0;
		if (pass->n > 0)
			start(pass);
	}
	if (pass->n > 0)
		soon(pass);
	pass->give(req);
}
