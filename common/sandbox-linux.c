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
 * Linux's part of the sandbox, but for Landlock (sandbox-landlock.c) and the
 * system call filter (sandbox-seccomp.c): capabilities, PR_SET_DUMPABLE,
 * PR_SET_NO_NEW_PRIVS, and the order.  Runs in every process.  Must not
 * need a library: the few calls of capabilities(7) are made directly.
 */

#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-system.h"

/* More capabilities than two words hold are not expected soon. */
#define CAP_BOUND	64
#define CAP_BIT(cap)	(UINT64_C(1) << (cap))

/*
 * What the parent needs as root to start a child (which chroots and changes
 * its user after execve) and to end one, which runs as another user.
 */
#define CAPS_PARENT	(CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) |	\
			CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_KILL))

static int	 set_nodump(struct sandbox_level *);
static int	 set_nonewprivs(struct sandbox_level *);
static int	 set_caps(uint64_t, struct sandbox_level *);
static int	 drop_bounding(uint64_t);
static int	 get_permitted(uint64_t *);
static int	 is_single_threaded(void);

int
sandbox_system_start(struct sandbox_level *level)
{
	return (set_nodump(level));
}

/*
 * The filter comes last: it forbids the others.  Landlock and capabilities
 * bind the calling thread, so there must be only one.
 */
int
sandbox_system_apply(enum sandbox_role role, const struct sandbox_config *conf,
    struct sandbox_level *level)
{
	if (!is_single_threaded()) {
		log_warn("sandbox: threads have been started already");
		errno = EBUSY;
		return (-1);
	}
	if (set_nodump(level) == -1 || set_caps(0, level) == -1 ||
	    set_nonewprivs(level) == -1)
		return (-1);
	if (sandbox_landlock(role, conf, level) == -1)
		return (-1);
	return (sandbox_seccomp(role, level));
}

int
sandbox_system_parent(struct sandbox_level *level)
{
	if (set_nodump(level) == -1 ||
	    set_caps(geteuid() == 0 ? CAPS_PARENT : 0, level) == -1)
		return (-1);
	return (set_nonewprivs(level));
}

static int
set_nodump(struct sandbox_level *level)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
		log_warn("sandbox: PR_SET_DUMPABLE: %s", strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_NODUMP;
	return (0);
}

static int
set_nonewprivs(struct sandbox_level *level)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
		log_warn("sandbox: PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_NONEWPRIVS;
	return (0);
}

/*
 * Keep those capabilities of `keep` that there are.  The bounding set first,
 * since that needs one that goes; without it root's execve would bring all
 * of them back.  Who is not root gains nothing by execve, thanks to
 * PR_SET_NO_NEW_PRIVS.
 */
static int
set_caps(uint64_t keep, struct sandbox_level *level)
{
	struct __user_cap_header_struct	 head;
	struct __user_cap_data_struct	 data[_LINUX_CAPABILITY_U32S_3];
	uint64_t			 permitted;

	if (get_permitted(&permitted) == -1)
		goto fail;
	if ((permitted & CAP_BIT(CAP_SETPCAP)) && drop_bounding(keep) == -1)
		goto fail;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		goto fail;
	keep &= permitted;
	memset(&head, 0, sizeof(head));
	head.version = _LINUX_CAPABILITY_VERSION_3;
	memset(data, 0, sizeof(data));
	data[0].effective = data[0].permitted = (uint32_t)keep;
	data[1].effective = data[1].permitted = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &head, data) == -1 ||
	    get_permitted(&permitted) == -1)
		goto fail;
	if (permitted != keep) {
		errno = EPERM;
		goto fail;
	}
	level->have |= SANDBOX_CAPS;
	return (0);

fail:
	log_warn("sandbox: capabilities: %s", strerror(errno));
	return (-1);
}

/* The kernel says with EINVAL where its capabilities end. */
static int
drop_bounding(uint64_t keep)
{
	int	 cap, has;

	for (cap = 0; cap < CAP_BOUND; cap++) {
		if (keep & CAP_BIT(cap))
			continue;
		if ((has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) == -1)
			return (errno == EINVAL ? 0 : -1);
		if (has && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return (-1);
	}
	return (0);
}

static int
get_permitted(uint64_t *permitted)
{
	struct __user_cap_header_struct	 head;
	struct __user_cap_data_struct	 data[_LINUX_CAPABILITY_U32S_3];

	memset(&head, 0, sizeof(head));
	head.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, &head, data) == -1)
		return (-1);
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return (0);
}

/*
 * unshare(2): CLONE_VM has no effect when there is one thread, and is
 * refused with EINVAL when there are more.
 */
static int
is_single_threaded(void)
{
	return (unshare(CLONE_VM) == 0);
}
