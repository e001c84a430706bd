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
 * Which repository's answer kills the poller.  Runs in the parent, which
 * outlives it.  Must not look at an answer: the poller says whose it is
 * about to parse, and is found dead, or not.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "parent.h"
#include "proc.h"

#define BLAMED_MAX	64	/* repositories */
#define BLAMED_DEATHS	2	/* then it is shunned, */
#define BLAMED_MS	(3600 * 1000)	/* if they are no further apart */

struct blamed {
	char		 github[MSG_URL_MAX + 1];
	char		 repository[MSG_REPOSITORY_MAX + 1];
	unsigned int	 deaths;
	int64_t		 at;		/* of the last one, monotonic ms */
};

static struct {
	/* Whose answer the poller parses; "": none. */
	char		 parsing[MSG_REPOSITORY_MAX + 1];
	char		 github[MSG_URL_MAX + 1];
	struct blamed	 all[BLAMED_MAX];
	size_t		 n;
} env;

static struct blamed *find(const char *, const char *, int64_t);

void
poison_parsing(const char *github, const char *repository)
{
	(void)strlcpy(env.github, github, sizeof(env.github));
	(void)strlcpy(env.parsing, repository, sizeof(env.parsing));
}

void
poison_died(void)
{
	struct blamed	*b;
	int64_t		 now = proc_now_ms();

	if (env.parsing[0] == '\0')
		return;
	b = find(env.github, env.parsing, now);
	b->at = now;
	if (++b->deaths < BLAMED_DEATHS)
		log_warn("%s: the poller died of its answer (%s)",
		    log_visible(b->repository), log_visible(b->github));
	else
		log_err("%s: the poller died of its answer again: it is left "
		    "alone until a reload (%s)", log_visible(b->repository),
		    log_visible(b->github));
	env.parsing[0] = '\0';
}

/* Its entry, else a new one, in the place of the oldest if need be. */
static struct blamed *
find(const char *github, const char *repository, int64_t now)
{
	struct blamed	*b, *oldest = &env.all[0];
	size_t		 i;

	for (i = 0; i < env.n; i++) {
		b = &env.all[i];
		if (strcmp(b->github, github) == 0 &&
		    strcasecmp(b->repository, repository) == 0) {
			if (b->deaths < BLAMED_DEATHS &&
			    now - b->at > BLAMED_MS)
				b->deaths = 0;
			return (b);
		}
		if (b->at < oldest->at)
			oldest = b;
	}
	b = env.n < BLAMED_MAX ? &env.all[env.n++] : oldest;
	(void)strlcpy(b->github, github, sizeof(b->github));
	(void)strlcpy(b->repository, repository, sizeof(b->repository));
	b->deaths = 0;
	return (b);
}

void
poison_tell(struct peer *poller)
{
	union msg	 m;
	size_t		 i;

	memset(&m, 0, sizeof(m));
	m.shun.reason = "GitHub's answer about this repository crashed the "
	    "poller twice: it is not looked at until \"ccmctl reload\"";
	for (i = 0; i < env.n; i++) {
		if (env.all[i].deaths < BLAMED_DEATHS)
			continue;
		m.shun.github = env.all[i].github;
		m.shun.repository = env.all[i].repository;
		peer_send(poller, M_SHUN, &m, -1);
	}
}

void
poison_forget(void)
{
	env.n = 0;
}
