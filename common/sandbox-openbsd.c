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
 * OpenBSD's part of the sandbox: unveil(2), then pledge(2).  Runs in every
 * process.  A process that breaks its promise is killed (SIGABRT) and leaves
 * no core, whose limit is 0.
 */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-system.h"

/*
 * recvfd: the sockets to the peers come after READY.  inet and unix: an api
 * that accepts needs the promise of the address family.  dns covers
 * resolv.conf and hosts even when nothing is unveiled.
 */
static const char *const promises[] = {
	[SANDBOX_PARENT] = "stdio rpath wpath cpath flock inet unix dns "
	    "fattr sendfd recvfd proc exec",
	[SANDBOX_POLLER] = "stdio inet dns recvfd",
	[SANDBOX_API] = "stdio inet unix recvfd sendfd",
	[SANDBOX_REGISTRY] = "stdio rpath wpath cpath fattr flock recvfd",
};

static int	 veil(enum sandbox_role, const struct sandbox_config *);
static int	 promise(enum sandbox_role, struct sandbox_level *);

/* ptrace(2) traces a process's own children only (kern.global_ptrace 0). */
int
sandbox_system_start(struct sandbox_level *level)
{
	level->have |= SANDBOX_NODUMP;
	return (0);
}

int
sandbox_system_apply(enum sandbox_role role, const struct sandbox_config *conf,
    struct sandbox_level *level)
{
	level->have |= SANDBOX_NODUMP;
	if (veil(role, conf) == -1) {
		log_warn("sandbox: unveil: %s", strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_UNVEIL;
	return (promise(role, level));
}

/*
 * The parent reads whatever its configuration names: nothing is veiled.  Its
 * promises end at execve, so that children can chroot and change users.
 */
int
sandbox_system_parent(struct sandbox_level *level)
{
	level->have |= SANDBOX_NODUMP;
	return (promise(SANDBOX_PARENT, level));
}

/* An unveil of nothing but "/" with no permission hides everything. */
static int
veil(enum sandbox_role role, const struct sandbox_config *conf)
{
	if (role == SANDBOX_REGISTRY) {
		if (conf->statedir == NULL) {
			errno = EINVAL;
			return (-1);
		}
		if (unveil(conf->statedir, "rwc") == -1)
			return (-1);
	} else if (unveil("/", "") == -1)
		return (-1);
	return (unveil(NULL, NULL));
}

static int
promise(enum sandbox_role role, struct sandbox_level *level)
{
	if (pledge(promises[role], NULL) == -1) {
		log_warn("sandbox: pledge: %s", strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_PLEDGE;
	return (0);
}
