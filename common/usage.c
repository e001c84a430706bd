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
 * What this process takes up of the machine, for whoever watches over it.
 * Belongs to every process.  Must not look at any other one.
 */

#include "config.h"

#include <sys/resource.h>

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "msg.h"
#include "proc.h"
#include "usage.h"

/* Descriptors are given from the lowest on: above that none is looked for. */
#define FDS_MAX		16384
#define FDS_AT_ONCE	256

static struct {
	int		 statm;		/* proc(5), open; -1: there is none */
	int64_t		 started;
	struct event	*timer;
	struct peer	*api;
} env = { .statm = -1 };

static void	 on_timer(evutil_socket_t, short, void *);
static void	 take_memory(struct msg_usage *);
static void	 take_descriptors(struct msg_usage *);

void
usage_init(void)
{
	env.started = time(NULL);
	env.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

void
usage_get(struct msg_usage *u)
{
	struct timespec	 ts;

	memset(u, 0, sizeof(*u));
	u->started = env.started;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0)
		u->cpu = (uint64_t)ts.tv_sec * 1000000 +
		    (uint64_t)ts.tv_nsec / 1000;
	take_memory(u);
	take_descriptors(u);
}

/* The first two numbers, in pages: all, and what of it is resident. */
static void
take_memory(struct msg_usage *u)
{
	unsigned long long	 size, resident;
	char			 text[128], *end;
	ssize_t			 n;
	long			 page = sysconf(_SC_PAGESIZE);

	if (env.statm == -1 || page <= 0)
		return;
	if ((n = pread(env.statm, text, sizeof(text) - 1, 0)) <= 0)
		return;
	text[n] = '\0';
	size = strtoull(text, &end, 10);
	if (*end != ' ')
		return;
	resident = strtoull(end, &end, 10);
	if (*end != ' ')
		return;
	u->virtual = size * (uint64_t)page;
	u->resident = resident * (uint64_t)page;
}

/* Asking poll(2) takes one call for many; what is not open it calls so. */
static void
take_descriptors(struct msg_usage *u)
{
	struct pollfd	 fds[FDS_AT_ONCE];
	struct rlimit	 rl;
	rlim_t		 first, max;
	nfds_t		 i, n;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	u->max_fds = rl.rlim_cur;
	max = rl.rlim_cur < FDS_MAX ? rl.rlim_cur : FDS_MAX;
	for (first = 0; first < max; first += n) {
		n = max - first < FDS_AT_ONCE ? max - first : FDS_AT_ONCE;
		memset(fds, 0, sizeof(fds));
		for (i = 0; i < n; i++)
			fds[i].fd = (int)(first + i);
		if (poll(fds, n, 0) == -1)
			return;
		for (i = 0; i < n; i++)
			u->fds += (fds[i].revents & POLLNVAL) == 0;
	}
}

int
usage_tell(struct event_base *base, struct peer *api)
{
	static const struct timeval	 tv = { USAGE_SECONDS, 0 };

	env.api = api;
	if (env.timer == NULL) {
		env.timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
		if (env.timer == NULL)
			return (-1);
	}
	if (api == NULL)
		return (event_del(env.timer));
	on_timer(-1, 0, NULL);
	return (event_add(env.timer, &tv));
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	union msg	 m;

	usage_get(&m.usage);
	peer_send(env.api, M_USAGE, &m, -1);
}
