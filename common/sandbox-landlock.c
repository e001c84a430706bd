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
 * Linux's Landlock: which files a child may touch, and that it takes no TCP
 * port and signals nobody (landlock(7)).  Runs in the children.  Must not
 * trust the system's headers, which may be older than the kernel: numbers,
 * structures and flags are declared here, and what is asked for is cut to
 * what the kernel's ABI knows.
 */

#include "config.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-system.h"

/* The same on all architectures but Alpha. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif

#define CREATE_RULESET_VERSION	1U
#define RULE_PATH_BENEATH	1

#define FS_EXECUTE	(UINT64_C(1) << 0)
#define FS_WRITE_FILE	(UINT64_C(1) << 1)
#define FS_READ_FILE	(UINT64_C(1) << 2)
#define FS_READ_DIR	(UINT64_C(1) << 3)
#define FS_REMOVE_DIR	(UINT64_C(1) << 4)
#define FS_REMOVE_FILE	(UINT64_C(1) << 5)
#define FS_MAKE_DIR	(UINT64_C(1) << 7)
#define FS_MAKE_REG	(UINT64_C(1) << 8)
#define FS_REFER	(UINT64_C(1) << 13)	/* ABI 2 */
#define FS_TRUNCATE	(UINT64_C(1) << 14)	/* ABI 3 */
#define FS_IOCTL_DEV	(UINT64_C(1) << 15)	/* ABI 5 */
#define FS_ALL_ABI_1	(FS_REFER - 1)

#define NET_BIND_TCP	(UINT64_C(1) << 0)	/* ABI 4 */
#define NET_CONNECT_TCP	(UINT64_C(1) << 1)

#define SCOPE_ABSTRACT_UNIX	(UINT64_C(1) << 0)	/* ABI 6 */
#define SCOPE_SIGNAL		(UINT64_C(1) << 1)

/* Between ABI 1 and 6 the attribute grew: 8, 16, 24 bytes. */
struct ruleset_attr {
	uint64_t	 fs;
	uint64_t	 net;
	uint64_t	 scoped;
};

struct path_beneath_attr {
	uint64_t	 access;
	int32_t		 parent;
} __attribute__((packed));

/*
 * What the registry does below its directory.  Links and renames between it
 * and backups/ need FS_REFER handled and granted, else they fail with EXDEV.
 */
#define ACCESS_STATE	(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |	\
			FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |	\
			FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

/*
 * The poller may connect to any port: a domain can't be widened, and a
 * configuration read later may name another.  UDP is not covered.
 */
static const uint64_t net_denied[] = {
	[SANDBOX_POLLER] = NET_BIND_TCP,
	[SANDBOX_API] = NET_BIND_TCP | NET_CONNECT_TCP,
	[SANDBOX_REGISTRY] = NET_BIND_TCP | NET_CONNECT_TCP,
};

/* Without FS_REFER the registry could not keep its backups. */
static const int least_abi[] = {
	[SANDBOX_POLLER] = 1,
	[SANDBOX_API] = 1,
	[SANDBOX_REGISTRY] = 2,
};

/* Beside resolv.conf, where that is not in /etc; each may be missing. */
static const char *const resolver_files[] = {
	"/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf",
	"/etc/services",
};

#define RESOLV_CONF	"/etc/resolv.conf"
#define RESOLV_DIR	"/etc"

#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

static int	 kernel_abi(void);
static int	 make_ruleset(enum sandbox_role, int, uint64_t *);
static int	 allow_registry(int, const struct sandbox_config *, uint64_t);
static int	 allow_poller(int, const struct sandbox_config *, int);
static int	 resolver_directory(const struct sandbox_config *, int,
		    char *, size_t);
static int	 allow_path(int, const char *, uint64_t);

int
sandbox_landlock(enum sandbox_role role, const struct sandbox_config *conf,
    struct sandbox_level *level)
{
	uint64_t	 handled;
	int		 abi, ruleset, r = 0;

	level->landlock_abi = abi = kernel_abi();
	if (abi < least_abi[role]) {
		level->missing |= SANDBOX_LANDLOCK;
		return (0);
	}
	if ((ruleset = make_ruleset(role, abi, &handled)) == -1) {
		log_warn("sandbox: landlock_create_ruleset: %s",
		    strerror(errno));
		return (-1);
	}
	if (role == SANDBOX_REGISTRY)
		r = allow_registry(ruleset, conf, handled);
	else if (role == SANDBOX_POLLER)
		r = allow_poller(ruleset, conf,
		    level->have & SANDBOX_CHROOT);
#ifdef SANDBOX_SANITIZER
	/* LeakSanitizer looks at its own threads and mappings. */
	(void)allow_path(ruleset, "/proc", FS_READ_FILE | FS_READ_DIR);
#endif
	if (r == 0 && (r = (int)syscall(SYS_landlock_restrict_self, ruleset,
	    0)) == -1)
		log_warn("sandbox: landlock_restrict_self: %s",
		    strerror(errno));
	close(ruleset);
	if (r == 0)
		level->have |= SANDBOX_LANDLOCK;
	return (r);
}

/* 0: not compiled in (ENOSYS) or not among the booted ones (EOPNOTSUPP). */
static int
kernel_abi(void)
{
	long	 abi;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    CREATE_RULESET_VERSION);
	return (abi > 0 && abi <= INT_MAX ? (int)abi : 0);
}

/* Everything that this kernel can deny is denied; rules make exceptions. */
static int
make_ruleset(enum sandbox_role role, int abi, uint64_t *handled)
{
	struct ruleset_attr	 attr;
	size_t			 size = 8;

	memset(&attr, 0, sizeof(attr));
	attr.fs = FS_ALL_ABI_1;
	if (abi >= 2)
		attr.fs |= FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.net = net_denied[role];
		size = 16;
	}
	if (abi >= 5)
		attr.fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = 24;
	}
	*handled = attr.fs;
	return ((int)syscall(SYS_landlock_create_ruleset, &attr, size, 0));
}

static int
allow_registry(int ruleset, const struct sandbox_config *conf,
    uint64_t handled)
{
	if (conf->statedir == NULL) {
		log_warn("sandbox: no state directory");
		errno = EINVAL;
		return (-1);
	}
	if (allow_path(ruleset, conf->statedir,
	    ACCESS_STATE & handled) == -1) {
		log_warn("sandbox: %s: %s", conf->statedir, strerror(errno));
		return (-1);
	}
	return (0);
}

/*
 * A rule on a file ends with the file's inode, and resolv.conf is usually
 * replaced, so that its directory has to be allowed.
 */
static int
allow_poller(int ruleset, const struct sandbox_config *conf, int in_chroot)
{
	char	 dir[PATH_MAX];
	size_t	 i;

	if (resolver_directory(conf, in_chroot, dir, sizeof(dir)) == -1 ||
	    (allow_path(ruleset, dir, FS_READ_FILE) == -1 &&
	    errno != ENOENT)) {
		log_warn("sandbox: directory of resolv.conf: %s",
		    strerror(errno));
		return (-1);
	}
	for (i = 0; i < NITEMS(resolver_files); i++)
		if (allow_path(ruleset, resolver_files[i],
		    FS_READ_FILE) == -1 && errno != ENOENT &&
		    errno != EACCES) {
			log_warn("sandbox: %s: %s", resolver_files[i],
			    strerror(errno));
			return (-1);
		}
	return (0);
}

static int
resolver_directory(const struct sandbox_config *conf, int in_chroot,
    char *dir, size_t size)
{
	char		 real[PATH_MAX], *slash;
	const char	*from = RESOLV_DIR;

	if (conf->resolvdir != NULL)
		from = conf->resolvdir;
	else if (!in_chroot && realpath(RESOLV_CONF, real) != NULL) {
		if ((slash = strrchr(real, '/')) != NULL && slash != real)
			*slash = '\0';
		from = real;
	}
	if (strlcpy(dir, from, size) >= size) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (0);
}

/* The path itself must be reachable for the user that the child now is. */
static int
allow_path(int ruleset, const char *path, uint64_t access)
{
	struct path_beneath_attr	 attr;
	int				 r, saved;

	memset(&attr, 0, sizeof(attr));
	attr.access = access;
	if ((attr.parent = open(path, O_PATH | O_CLOEXEC)) == -1)
		return (-1);
	r = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH,
	    &attr, 0);
	saved = errno;
	close(attr.parent);
	errno = saved;
	return (r);
}
