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
 * How the registry is, kept and told.  Runs in the registry.  Must not try
 * anything itself: whoever tries says how it went.
 */

#include "config.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "health.h"
#include "history.h"
#include "log.h"
#include "proc.h"
#include "registry_health.h"
#include "store.h"

/* Figures are told at most that often, seconds. */
#define HEALTH_PACE	1
#define REASON_MAX	160

static struct {
	struct peer	*api;
	struct event	*later;
	int		 news;		/* something differs */
	int		 urgent;	/* a fault came or went */
	uint64_t	 saves;
	uint64_t	 changes;
	uint64_t	 failures;
	uint32_t	 took;		/* of the last save, ms */
	int64_t		 since;		/* of the fault, 0: none */
	char		 fault[REASON_MAX];
	char		 audit[REASON_MAX];
	char		 history[REASON_MAX];
} env;

static void	 on_later(evutil_socket_t, short, void *);
static void	 tell(void);
static void	 fill(union msg *);
static void	 set_reason(char *, const char *, const char *);

int
health_init(struct event_base *base)
{
	env.later = evtimer_new(base, on_later, NULL);
	return (env.later == NULL ? -1 : 0);
}

void
health_set_api(struct peer *api)
{
	env.api = api;
}

void
health_saved(size_t changes, int64_t took)
{
	env.saves++;
	env.changes += changes;
	env.took = (uint32_t)took;
	env.news = 1;
	health_works();
}

void
health_failed(const char *why)
{
	env.failures++;
	env.news = 1;
	if (env.since == 0)
		env.since = time(NULL);
	set_reason(env.fault, STORE_FILE, why);
}

void
health_works(void)
{
	env.since = 0;
	set_reason(env.fault, STORE_FILE, NULL);
}

int
health_is_failing(void)
{
	return (env.fault[0] != '\0');
}

void
health_audit(const char *why)
{
	set_reason(env.audit, AUDIT_FILE, why);
}

void
health_history(const char *why)
{
	set_reason(env.history, HISTORY_FILE, why);
}

/* Logged when it comes, changes and goes, not each time that it is seen. */
static void
set_reason(char *reason, const char *what, const char *why)
{
	if (strcmp(reason, why == NULL ? "" : why) == 0)
		return;
	if (why == NULL)
		log_info("%s: can be saved again", what);
	else
		log_err("%s: not saved: %s", what, why);
	(void)strlcpy(reason, why == NULL ? "" : why, REASON_MAX);
	env.urgent = 1;
}

void
health_tell(void)
{
	static const struct timeval	 pace = { HEALTH_PACE, 0 };

	if (env.urgent)
		tell();
	else if (env.news && !evtimer_pending(env.later, NULL))
		(void)evtimer_add(env.later, &pace);
}

void
health_put(struct json_object *o)
{
	union msg	 m;

	fill(&m);
	registry_health_put(o, &m.health);
}

static void
fill(union msg *m)
{
	memset(m, 0, sizeof(*m));
	m->health.saves = env.saves;
	m->health.changes = env.changes;
	m->health.failures = env.failures;
	m->health.took = env.took;
	m->health.since = env.since;
	m->health.fault = env.fault;
	m->health.audit = env.audit;
	m->health.history = env.history;
}

static void
on_later(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	if (env.news)
		tell();
}

static void
tell(void)
{
	union msg	 m;

	if (env.api == NULL)
		return;
	fill(&m);
	peer_send(env.api, M_HEALTH, &m, -1);
	env.news = env.urgent = 0;
}
