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
 * Repositories whose answers kill the poller.  Runs in the poller.  Must not
 * look into an answer: it only says whose is next.
 */

#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "msg.h"
#include "poison.h"
#include "proc.h"

#define SHUNNED_MAX	64	/* as many as the parent blames */

struct shunned {
	char	 github[MSG_URL_MAX + 1];
	char	 repository[MSG_REPOSITORY_MAX + 1];
	char	 reason[MSG_TEXT_MAX + 1];
};

struct shunned_list {
	struct shunned	 all[SHUNNED_MAX];
	size_t		 n;
};

static struct {
	struct peer		*parent;
	struct shunned_list	 now;
	struct shunned_list	 next;	/* being told */
} env;

static int	 name_of(const char *, char *, size_t);
static const char *reason_of(const char *, const char *);
static void	 say(const char *, const char *);

void
poison_set_parent(struct peer *parent)
{
	env.parent = parent;
}

/* It must be there before the worst can happen: no waiting for the loop. */
int
poison_begin(const char *github, const char *path)
{
	char	 name[MSG_REPOSITORY_MAX + 1];

	if (name_of(path, name, sizeof(name)) == -1)
		return (0);
	say(github, name);
	(void)peer_flush(env.parent, 0);
	return (1);
}

/* This has time: it goes out when the loop is back at its sockets. */
void
poison_end(void)
{
	say("", "");
}

static void
say(const char *github, const char *name)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.parsing.github = github;
	m.parsing.repository = name;
	peer_send(env.parent, M_PARSING, &m, -1);
}

/* /repos/owner/name/... is owner/name, /repositories/1/... as it is. */
static int
name_of(const char *path, char *name, size_t size)
{
	size_t	 n;
	int	 numbered = strncmp(path, "/repositories/", 14) == 0;

	if (!numbered && strncmp(path, "/repos/", 7) != 0)
		return (-1);
	path += numbered ? 1 : 7;
	n = strcspn(path, "/?");
	if (path[n] != '/')
		return (-1);
	n += 1 + strcspn(path + n + 1, "/?");
	if (n >= size)
		return (-1);
	memcpy(name, path, n);
	name[n] = '\0';
	return (0);
}

void
poison_begin_list(void)
{
	env.next.n = 0;
}

void
poison_add(const char *github, const char *repository, const char *reason)
{
	struct shunned	*s;

	if (env.next.n == SHUNNED_MAX)
		return;
	s = &env.next.all[env.next.n];
	if (strlcpy(s->github, github, sizeof(s->github)) <
	    sizeof(s->github) &&
	    strlcpy(s->repository, repository, sizeof(s->repository)) <
	    sizeof(s->repository) && strlcpy(s->reason, reason,
	    sizeof(s->reason)) < sizeof(s->reason))
		env.next.n++;
}

void
poison_commit(void)
{
	memcpy(env.now.all, env.next.all,
	    env.next.n * sizeof(env.next.all[0]));
	env.now.n = env.next.n;
	env.next.n = 0;
}

const char *
poison_reason(const char *github, const char *name, int64_t id)
{
	char		 numbered[40];
	const char	*why;

	if (env.now.n == 0)
		return (NULL);
	if ((why = reason_of(github, name)) != NULL || id == 0)
		return (why);
	(void)snprintf(numbered, sizeof(numbered), "repositories/%lld",
	    (long long)id);
	return (reason_of(github, numbered));
}

const char *
poison_reason_path(const char *github, const char *path)
{
	char	 name[MSG_REPOSITORY_MAX + 1];

	if (env.now.n == 0 || name_of(path, name, sizeof(name)) == -1)
		return (NULL);
	return (reason_of(github, name));
}

static const char *
reason_of(const char *github, const char *name)
{
	size_t	 i;

	for (i = 0; i < env.now.n; i++)
		if (strcmp(env.now.all[i].github, github) == 0 &&
		    strcasecmp(env.now.all[i].repository, name) == 0)
			return (env.now.all[i].reason);
	return (NULL);
}
