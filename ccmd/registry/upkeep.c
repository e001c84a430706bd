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
 * What is done from time to time: thinning backups, writing last looks,
 * looking whether the registry's file is still ours.  Runs in the registry.
 * Must not save: it asks for a commit.
 */

#include "config.h"

#include <event2/event.h>
#include <time.h>

#include "backup.h"
#include "history.h"
#include "projects.h"
#include "registry.h"
#include "store.h"

/* Seconds between writes of last looks. */
#define UPKEEP_FRESH	60
/* Seconds between looks at the file. */
#define UPKEEP_LOOK	2

static struct {
	struct event	*thin;
	struct event	*fresh;
	struct event	*look;
} env;

static void	 on_thin(evutil_socket_t, short, void *);
static void	 on_fresh(evutil_socket_t, short, void *);
static void	 on_look(evutil_socket_t, short, void *);

int
upkeep_init(struct event_base *base)
{
	env.thin = event_new(base, -1, 0, on_thin, NULL);
	env.fresh = evtimer_new(base, on_fresh, NULL);
	env.look = event_new(base, -1, EV_PERSIST, on_look, NULL);
	if (env.thin == NULL || env.fresh == NULL || env.look == NULL)
		return (-1);
	return (event_priority_set(env.thin, REGISTRY_PRIORITY_LOW));
}

void
upkeep_start(void)
{
	static const struct timeval	 fresh = { UPKEEP_FRESH, 0 };
	static const struct timeval	 look = { UPKEEP_LOOK, 0 };

	(void)evtimer_add(env.fresh, &fresh);
	(void)event_add(env.look, &look);
}

void
upkeep_thin(void)
{
	event_active(env.thin, EV_TIMEOUT, 1);
}

static void
on_thin(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	backup_thin(store_backups(), time(NULL));
}

static void
on_fresh(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct timeval	 wait = { UPKEEP_FRESH, 0 };

	if (history_keep_fresh()) {
		wait.tv_sec = 0;
		wait.tv_usec = 10000;
	}
	(void)evtimer_add(env.fresh, &wait);
}

/*
 * What we know is what was promised: it must be what the next start finds,
 * though nobody may change anything before.
 */
static void
on_look(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	upkeep_look();
}

void
upkeep_look(void)
{
	if (store_replaced())
		commit_rewrite();
	projects_look();
}
