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
 * Refusals that the api tells of, for the audit log: so many lines for each
 * actor in a minute, and what is more in one line at its end.  A token that
 * may do nothing could else push everybody's lines out of the last file, as
 * an api that was taken over could.  Runs in the registry.  Must not touch
 * what changed something: that is never the api's to tell.
 */

#include "config.h"

#include <event2/event.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "refusals.h"
#include "registry.h"

#define REFUSALS_ACTORS	32	/* of a minute; the others are one */
#define REFUSALS_EACH	100	/* lines of each */

struct refused {
	char		 actor[MSG_ID_MAX + 1];
	unsigned int	 lines;
	uint64_t	 more;		/* that have no line of their own */
};

static struct {
	struct event	*minute;	/* runs from the first line on */
	struct refused	 all[REFUSALS_ACTORS + 1];
	size_t		 n;
} env;

static void	 on_minute(evutil_socket_t, short, void *);
static struct refused *find(const char *);

int
refusals_init(struct event_base *base)
{
	env.minute = evtimer_new(base, on_minute, NULL);
	return (env.minute == NULL ? -1 : 0);
}

void
refusals_add(const struct msg_audit *m, int64_t now)
{
	static const struct timeval	 minute = { 60, 0 };
	struct refused			*r = find(m->actor);
	struct audit			 a;

	if (!evtimer_pending(env.minute, NULL))
		(void)evtimer_add(env.minute, &minute);
	if (r->lines >= REFUSALS_EACH) {
		r->more += m->count > 1 ? m->count : 1;
		return;
	}
	r->lines++;
	memset(&a, 0, sizeof(a));
	a.op = m->op;
	a.verb = m->verb;
	a.actor = m->actor;
	a.target = m->target;
	a.status = m->status;
	a.detail = m->detail;
	a.count = m->count;
	audit_add(&a, now);
}

static struct refused *
find(const char *actor)
{
	struct refused	*r;
	size_t		 i;

	for (i = 0; i < env.n; i++)
		if (strcmp(env.all[i].actor, actor) == 0)
			return (&env.all[i]);
	r = &env.all[REFUSALS_ACTORS];
	if (env.n == REFUSALS_ACTORS) {
		(void)strlcpy(r->actor, "others", sizeof(r->actor));
		return (r);
	}
	r = &env.all[env.n++];
	(void)strlcpy(r->actor, actor, sizeof(r->actor));
	return (r);
}

static void
on_minute(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	refusals_sum_up(time(NULL));
	commit_soon();
}

void
refusals_sum_up(int64_t now)
{
	const struct refused	*r;
	struct audit		 a;
	size_t			 i;

	for (i = 0; i <= REFUSALS_ACTORS; i++) {
		r = &env.all[i];
		if (r->more == 0)
			continue;
		memset(&a, 0, sizeof(a));
		a.verb = "audit.refusals";
		a.actor = r->actor;
		a.target = "";
		a.status = 429;
		a.detail = "So many more were refused within a minute";
		a.count = r->more > UINT32_MAX ? UINT32_MAX :
		    (uint32_t)r->more;
		audit_add(&a, now);
	}
	memset(env.all, 0, sizeof(env.all));
	env.n = 0;
}
