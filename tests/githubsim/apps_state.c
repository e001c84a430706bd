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
 * githubsim: GitHub Apps and their installations: what there is of them.
 * Must not answer anything.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define TOKEN_LIFETIME	(3600LL * 1000)		/* GitHub's, ms */
#define NAME_BYTES	64

struct app *
app_get(int64_t id)
{
	struct app	*app;
	size_t		 n = 0;

	TAILQ_FOREACH(app, &sim.apps, entry) {
		if (app->id == id)
			return (app);
		n++;
	}
	if (n >= SIM_APPS_MAX) {
		errno = ENOSPC;
		return (NULL);
	}
	if ((app = calloc(1, sizeof(*app))) == NULL ||
	    asprintf(&app->slug, "app-%lld", (long long)id) == -1 ||
	    asprintf(&app->name, "App %lld", (long long)id) == -1 ||
	    asprintf(&app->client_id, "Iv1.%016llx",
	    (unsigned long long)id) == -1)
		err(1, NULL);
	app->id = id;
	app->lifetime = TOKEN_LIFETIME;
	app->created = clock_now();
	app->owner = owner_get("octocat");
	TAILQ_INIT(&app->installations);
	TAILQ_INSERT_TAIL(&sim.apps, app, entry);
	return (app);
}

/* A JWT's issuer is either of the two. */
struct app *
app_find(const char *issuer)
{
	struct app	*app;
	const char	*error;
	long long	 id = strtonum(issuer, 1, INT64_MAX, &error);

	TAILQ_FOREACH(app, &sim.apps, entry)
		if ((error == NULL && app->id == id) ||
		    strcmp(app->client_id, issuer) == 0)
			return (app);
	return (NULL);
}

struct installation *
installation_get(struct app *app, int64_t id)
{
	struct installation	*at;
	char			 name[NAME_BYTES], bot[256];
	size_t			 n = 0;

	TAILQ_FOREACH(at, &app->installations, entry) {
		if (at->id == id)
			return (at);
		n++;
	}
	if (n >= SIM_INSTALLATIONS_MAX || installation_find(id) != NULL) {
		errno = n >= SIM_INSTALLATIONS_MAX ? ENOSPC : EEXIST;
		return (NULL);
	}
	if ((at = calloc(1, sizeof(*at))) == NULL)
		err(1, NULL);
	at->app = app;
	at->id = id;
	at->owner = app->owner;
	at->created = clock_now();
	(void)snprintf(name, sizeof(name), "installation/%lld",
	    (long long)id);
	(void)snprintf(bot, sizeof(bot), "%s[bot]", app->slug);
	at->account = account_named(name, owner_get(bot));
	TAILQ_INSERT_TAIL(&app->installations, at, entry);
	return (at);
}

struct installation *
installation_find(int64_t id)
{
	struct installation	*at;
	struct app		*app;

	TAILQ_FOREACH(app, &sim.apps, entry)
		TAILQ_FOREACH(at, &app->installations, entry)
			if (at->id == id)
				return (at);
	return (NULL);
}

/* Where the app is installed at this owner, or NULL. */
struct installation *
installation_of(struct app *app, const struct owner *owner)
{
	struct installation	*at;

	TAILQ_FOREACH(at, &app->installations, entry)
		if (at->owner == owner && !at->deleted)
			return (at);
	return (NULL);
}
