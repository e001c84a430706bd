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
 * Why calls to GitHub have to wait, and until when, in words.  Runs in the
 * poller.  Must not decide it: budget.c does.
 */

#include "config.h"

#include <stdio.h>
#include <time.h>

#include "github-inside.h"
#include "proc.h"
#include "timestamp.h"

static int	 paused(struct budget *, enum budget_kind, int64_t *, char *,
		    size_t);

/* GH_LIMITED, for how long and why, if there is a pause. */
void
github_limited(struct budget *b, enum budget_kind kind, struct gh_reply *r)
{
	int64_t	 left;

	if (paused(b, kind, &left, r->why, sizeof(r->why)) == 0)
		return;
	r->result = GH_LIMITED;
	r->wait = (left + 999) / 1000;
}

int
github_throttled(struct github *gh, int priority, int64_t *left, char *why,
    size_t size)
{
	return (paused(&gh->budget, priority == GH_COMMAND ? BUDGET_COMMAND :
	    BUDGET_LOOK, left, why, size));
}

int
github_writes_throttled(struct github *gh, int64_t *left, char *why,
    size_t size)
{
	return (paused(&gh->write_budget, BUDGET_COMMAND, left, why, size));
}

static int
paused(struct budget *b, enum budget_kind kind, int64_t *left, char *why,
    size_t size)
{
	static const char *const whys[] = {
		[BUDGET_PAUSE_REFUSED] = "GitHub refused by a rate limit",
		[BUDGET_PAUSE_SPENT] = "the hour's requests are used up",
		[BUDGET_PAUSE_RESERVE] = "what is left of the hour's "
		    "requests is kept for commands",
	};
	enum budget_pause	 pause = budget_paused(b, proc_now_ms(),
				    kind, left);
	char			 until[TIMESTAMP_SIZE];
	struct timespec		 ts;

	if (pause == BUDGET_NOT_PAUSED)
		return (0);
	/* Rounded as a whole, so that it is the same text each time. */
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	timestamp_format(ts.tv_sec + (ts.tv_nsec / 1000000 + *left + 500) /
	    1000, until);
	(void)snprintf(why, size, "throttled until %s: %s", until,
	    whys[pause]);
	return (1);
}
