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
 * Wrong tokens by address: how long an answer waits, and one line a minute
 * and address in the audit log.  Runs in the api.  Must not slow down a
 * right token: behind a reverse proxy all come from one address.  Nothing
 * outlives the minute.
 */

#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "limit.h"

#define SLOW_ADDRESSES	64	/* of a minute; the others are one */

struct guesser {
	unsigned char	 key[LIMIT_KEY];
	char		 name[INET6_ADDRSTRLEN];
	uint32_t	 n;
};

static struct {
	struct guesser	 all[SLOW_ADDRESSES + 1];
	size_t		 n;
	time_t		 minute;
} env;

static struct guesser *find(const struct sockaddr_storage *);
static void	 report(const struct guesser *);

int
slow_refused(const struct sockaddr_storage *from)
{
	struct guesser	*g = find(from);

	return (++g->n > SLOW_FREE ? SLOW_MS : 0);
}

static struct guesser *
find(const struct sockaddr_storage *from)
{
	unsigned char	 key[LIMIT_KEY];
	struct guesser	*g;
	size_t		 i;

	limit_key(from, key);
	for (i = 0; i < env.n; i++)
		if (memcmp(env.all[i].key, key, LIMIT_KEY) == 0)
			return (&env.all[i]);
	g = &env.all[SLOW_ADDRESSES];
	if (env.n == SLOW_ADDRESSES) {
		(void)strlcpy(g->name, "others", sizeof(g->name));
		return (g);
	}
	g = &env.all[env.n++];
	memcpy(g->key, key, LIMIT_KEY);
	g->n = 0;
	if (getnameinfo((const struct sockaddr *)from, sizeof(*from), g->name,
	    sizeof(g->name), NULL, 0, NI_NUMERICHOST) != 0)
		(void)strlcpy(g->name, "?", sizeof(g->name));
	return (g);
}

void
slow_tick(void)
{
	time_t	 now = time(NULL);
	size_t	 i;

	if (now / 60 == env.minute)
		return;
	env.minute = now / 60;
	for (i = 0; i < env.n; i++)
		report(&env.all[i]);
	report(&env.all[SLOW_ADDRESSES]);
	memset(env.all, 0, sizeof(env.all));
	env.n = 0;
}

static void
report(const struct guesser *g)
{
	char	 detail[96];

	if (g->n == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "Invalid CCM-Token from %s",
	    g->name);
	operation_audit("authenticate", "", "", 401, detail, g->n);
}
