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
 * Locking a process up.  Each child calls sandbox_start() first of all,
 * sandbox_apply() before it reads one byte that came from outside; the
 * parent calls sandbox_parent() once it listens.
 *
 * What the system does not have is left out and said in the level, so that
 * it can be logged; with `strict` it is an error.  What the system has but
 * what fails nevertheless (no such chroot directory) is always an error.
 */

#ifndef CCM_SANDBOX_H
#define CCM_SANDBOX_H

#include <sys/types.h>

/*
 * What a role may still do afterwards.  All: work with the descriptors they
 * have (read, write, pass them on, epoll), memory that is never executable,
 * clocks, random numbers, raise a signal for itself (abort).
 *
 *	SANDBOX_POLLER		TCP and UDP over IPv4 and IPv6 as a client;
 *				threads; socketpairs; reading resolver files.
 *				bind and other socket families are refused
 *				with EACCES and EAFNOSUPPORT.
 *	SANDBOX_API		accept on listeners that it was given.  Every
 *				open is refused with EACCES.
 *	SANDBOX_REGISTRY	files below its state directory.
 *
 * Whatever else they try kills them (SIGSYS; audit message type=1326 in the
 * kernel log).  Compiled with SANDBOX_TRAP the call is named on stderr
 * first.  With AddressSanitizer the filter also lets through what that and
 * LeakSanitizer need: such a build is for tests.
 */
enum sandbox_role {
	SANDBOX_PARENT,
	SANDBOX_POLLER,
	SANDBOX_API,
	SANDBOX_REGISTRY
};

/* All zero is valid for an ordinary user, but for the registry's statedir. */
struct sandbox_config {
	/*
	 * Started by root: the user and group to become, neither may be 0
	 * (EINVAL).  Started by anyone else: ignored.
	 */
	uid_t		 uid;
	gid_t		 gid;
	/* Directory to be locked into; NULL: none.  Only root can. */
	const char	*chroot;
	/*
	 * Registry: the only directory that it may touch, as seen inside
	 * the chroot, with all that is below it.  It must exist.
	 */
	const char	*statedir;
	/*
	 * Poller: the directory in which resolv.conf is replaced, as seen
	 * inside the chroot.  Everything below it can be read.  NULL: /etc
	 * in a chroot, else the directory where /etc/resolv.conf really is,
	 * which is /etc itself unless that is a symbolic link.
	 */
	const char	*resolvdir;
	/* 1: what the system lacks is an error. */
	int		 strict;
	/*
	 * Descriptors that may be open, at most the hard limit; 0: what is
	 * usual for the role.  A child can't raise the hard limit: that is
	 * for the parent, before sandbox_parent().
	 */
	unsigned int	 nofile;
};

/* The parts, as bits. */
#define SANDBOX_FDS		0x0001	/* inherited descriptors closed */
#define SANDBOX_CHROOT		0x0002
#define SANDBOX_UID		0x0004
#define SANDBOX_RLIMIT		0x0008
#define SANDBOX_NODUMP		0x0010	/* no core, no ptrace by the user */
#define SANDBOX_NONEWPRIVS	0x0020
#define SANDBOX_CAPS		0x0040	/* capabilities dropped */
#define SANDBOX_LANDLOCK	0x0080
#define SANDBOX_SECCOMP		0x0100
#define SANDBOX_UNVEIL		0x0200
#define SANDBOX_PLEDGE		0x0400

struct sandbox_level {
	unsigned int	 have;		/* parts in force */
	unsigned int	 missing;	/* parts that the system lacks */
	int		 landlock_abi;	/* the kernel's; 0: none */
};

/* The longest text of sandbox_level_string, with its NUL. */
#define SANDBOX_LEVEL_MAX	192

/* 0 to 2, and the socket to the parent (PROC_PARENT_FD). */
#define SANDBOX_KEEP_FDS	4

/*
 * First thing in a child's main(), before a library opens something: closes
 * every descriptor from SANDBOX_KEEP_FDS on and makes the process
 * undumpable, which execve had undone.
 */
void sandbox_start(void);

/*
 * Enter the sandbox of a child, for good.  There must be one thread
 * (EBUSY).  Before: whatever reads files of its own (OpenSSL's and
 * libcurl's global initialisation, sqlite3_initialize and a first
 * sqlite3_randomness, a CA bundle); in the poller
 * __nss_configure_lookup("hosts", "files dns"), which keeps nss modules
 * from being loaded later.  Event bases may be made before and after.
 *
 * `level` is filled in either case.  Returns 0, or -1 with errno after the
 * reason was logged; the process must end then, since part of the sandbox
 * may be in force.  ENOTSUP: strict, and something is missing.
 */
int sandbox_apply(enum sandbox_role role, const struct sandbox_config *conf,
    struct sandbox_level *level);

/*
 * The parent, once it listens: as root keeps only the capabilities SETUID,
 * SETGID, SYS_CHROOT and KILL, also across execve, so that it can start its
 * children again; it opens files as their owner then, not as one who may
 * everything.  As an ordinary user drops what it has.  Becomes undumpable,
 * without new privileges.  Result as sandbox_apply.
 */
int sandbox_parent(int strict, struct sandbox_level *level);

/*
 * The level in words: "fds chroot uid rlimit nodump nnp caps landlock-6
 * seccomp", then "missing:" and what is.  A static buffer, good until the
 * next call.
 */
const char *sandbox_level_string(const struct sandbox_level *level);

#endif
