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
 * The sandbox's portable steps: descriptors, chroot, users, limits; the
 * system's own follow (sandbox-system.h).  Runs in every process, before
 * anything from outside is read.  Must not go on after a step that failed,
 * and must not take a step for done without looking.
 */

#include "config.h"

#include <sys/types.h>
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-system.h"

#ifdef SANDBOX_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

#define ROLES	(SANDBOX_REGISTRY + 1)

/* A limit that is left as it is. */
#define AS_IT_IS	RLIM_INFINITY

/*
 * Descriptors: the api has its connections, the poller its requests and its
 * resolver's sockets, the registry some files.  Processes: threads count as
 * such, and the number is the user's, so that the poller gets a limit only
 * with a user of its own.  Files: those who write none can't.  Memory has
 * no limit here: the queues are bounded, and address space says little.
 */
#define POLLER_THREADS	64
#ifdef SANDBOX_SANITIZER
#define NO_THREADS	AS_IT_IS	/* LeakSanitizer starts one */
#else
#define NO_THREADS	0
#endif

static const struct {
	int		 resource;
	const char	*name;
	rlim_t		 limit[ROLES];
} limits[] = {
	{ RLIMIT_NOFILE, "nofile", {
		[SANDBOX_POLLER] = 1024,
		[SANDBOX_API] = 16384,
		[SANDBOX_REGISTRY] = 256 } },
	{ RLIMIT_CORE, "core", { 0 } },
	{ RLIMIT_NPROC, "nproc", {
		[SANDBOX_POLLER] = POLLER_THREADS,
		[SANDBOX_API] = NO_THREADS,
		[SANDBOX_REGISTRY] = NO_THREADS } },
	{ RLIMIT_FSIZE, "fsize", {
		[SANDBOX_REGISTRY] = AS_IT_IS } },
};

static const struct {
	unsigned int	 bit;
	const char	*name;
} parts[] = {
	{ SANDBOX_FDS, "fds" },
	{ SANDBOX_CHROOT, "chroot" },
	{ SANDBOX_UID, "uid" },
	{ SANDBOX_RLIMIT, "rlimit" },
	{ SANDBOX_NODUMP, "nodump" },
	{ SANDBOX_NONEWPRIVS, "nnp" },
	{ SANDBOX_CAPS, "caps" },
	{ SANDBOX_LANDLOCK, "landlock" },
	{ SANDBOX_SECCOMP, "seccomp" },
	{ SANDBOX_UNVEIL, "unveil" },
	{ SANDBOX_PLEDGE, "pledge" },
};

#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

/* What sandbox_start did. */
static struct sandbox_level	 started;

static int	 enter_chroot(const struct sandbox_config *,
		    struct sandbox_level *);
static int	 become_user(const struct sandbox_config *,
		    struct sandbox_level *);
static int	 is_user(uid_t, gid_t);
static int	 can_return(void);
static int	 set_limits(enum sandbox_role, const struct sandbox_config *,
		    int, struct sandbox_level *);
static int	 check_strict(int, const struct sandbox_level *);
static size_t	 append(char *, size_t, const char *);
static size_t	 append_parts(char *, size_t, unsigned int, int);

void
sandbox_start(void)
{
	closefrom(SANDBOX_KEEP_FDS);
	started.have |= SANDBOX_FDS;
	(void)sandbox_system_start(&started);
}

int
sandbox_apply(enum sandbox_role role, const struct sandbox_config *conf,
    struct sandbox_level *level)
{
	int	 root = (geteuid() == 0);

	memset(level, 0, sizeof(*level));
	level->have = started.have & SANDBOX_FDS;
	level->missing = ~started.have & SANDBOX_FDS;
	if (role != SANDBOX_POLLER && role != SANDBOX_API &&
	    role != SANDBOX_REGISTRY) {
		errno = EINVAL;
		return (-1);
	}
	if (root) {
		if (conf->chroot != NULL && enter_chroot(conf, level) == -1)
			return (-1);
		if (become_user(conf, level) == -1)
			return (-1);
	} else if (getuid() != geteuid() || getgid() != getegid()) {
		log_warn("sandbox: refusing to be set-user-id");
		errno = EPERM;
		return (-1);
	}
	if (set_limits(role, conf, root, level) == -1 ||
	    sandbox_system_apply(role, conf, level) == -1)
		return (-1);
	return (check_strict(conf->strict, level));
}

int
sandbox_parent(int strict, struct sandbox_level *level)
{
	memset(level, 0, sizeof(*level));
	if (sandbox_system_parent(level) == -1)
		return (-1);
	return (check_strict(strict, level));
}

static int
enter_chroot(const struct sandbox_config *conf, struct sandbox_level *level)
{
	if (chroot(conf->chroot) == -1 || chdir("/") == -1) {
		log_warn("sandbox: chroot %s: %s", conf->chroot,
		    strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_CHROOT;
	return (0);
}

static int
become_user(const struct sandbox_config *conf, struct sandbox_level *level)
{
	gid_t	 gid = conf->gid;

	if (conf->uid == 0 || conf->gid == 0) {
		log_warn("sandbox: a child does not run as root");
		errno = EINVAL;
		return (-1);
	}
	if (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(conf->uid, conf->uid, conf->uid) == -1) {
		log_warn("sandbox: user %u, group %u: %s",
		    (unsigned int)conf->uid, (unsigned int)gid,
		    strerror(errno));
		return (-1);
	}
	if (!is_user(conf->uid, gid) || can_return()) {
		log_warn("sandbox: root could be regained");
		errno = EPERM;
		return (-1);
	}
	level->have |= SANDBOX_UID;
	return (0);
}

/* Real, effective and saved, and no other group. */
static int
is_user(uid_t uid, gid_t gid)
{
	uid_t	 ruid, euid, suid;
	gid_t	 rgid, egid, sgid, group;

	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1)
		return (0);
	if (ruid != uid || euid != uid || suid != uid ||
	    rgid != gid || egid != gid || sgid != gid)
		return (0);
	return (getgroups(1, &group) == 1 && group == gid);
}

static int
can_return(void)
{
	return (setuid(0) != -1 || seteuid(0) != -1 ||
	    setgid(0) != -1 || setegid(0) != -1);
}

static int
set_limits(enum sandbox_role role, const struct sandbox_config *conf,
    int own_user, struct sandbox_level *level)
{
	struct rlimit	 rl;
	rlim_t		 limit;
	size_t		 i;

	for (i = 0; i < NITEMS(limits); i++) {
		limit = limits[i].limit[role];
		if (limits[i].resource == RLIMIT_NOFILE && conf->nofile != 0)
			limit = conf->nofile;
		if (limits[i].resource == RLIMIT_NPROC && limit != 0 &&
		    !own_user)
			continue;
		if (limit == AS_IT_IS)
			continue;
		if (getrlimit(limits[i].resource, &rl) == -1)
			goto fail;
		if (rl.rlim_max != RLIM_INFINITY && limit > rl.rlim_max)
			limit = rl.rlim_max;
		rl.rlim_cur = rl.rlim_max = limit;
		if (setrlimit(limits[i].resource, &rl) == -1)
			goto fail;
	}
	/* Should stderr be a file after all, a lost line is not fatal. */
	(void)signal(SIGXFSZ, SIG_IGN);
	level->have |= SANDBOX_RLIMIT;
	return (0);

fail:
	log_warn("sandbox: limit %s: %s", limits[i].name, strerror(errno));
	return (-1);
}

static int
check_strict(int strict, const struct sandbox_level *level)
{
	if (!strict || level->missing == 0)
		return (0);
	log_warn("sandbox: strict, but: %s", sandbox_level_string(level));
	errno = ENOTSUP;
	return (-1);
}

const char *
sandbox_level_string(const struct sandbox_level *level)
{
	static char	 text[SANDBOX_LEVEL_MAX];
	size_t		 len;

	text[0] = '\0';
	len = append_parts(text, 0, level->have, level->landlock_abi);
	if (level->missing != 0) {
		len = append(text, len, "missing:");
		append_parts(text, len, level->missing, 0);
	}
	return (text);
}

static size_t
append_parts(char *text, size_t len, unsigned int bits, int abi)
{
	char	 name[32];
	size_t	 i;

	for (i = 0; i < NITEMS(parts); i++) {
		if (!(bits & parts[i].bit))
			continue;
		if (parts[i].bit == SANDBOX_LANDLOCK && abi > 0) {
			(void)snprintf(name, sizeof(name), "%s-%d",
			    parts[i].name, abi);
			len = append(text, len, name);
		} else
			len = append(text, len, parts[i].name);
	}
	return (len);
}

/* One more word; the names of all parts fit (sandbox.h). */
static size_t
append(char *text, size_t len, const char *word)
{
	int	 n;

	n = snprintf(text + len, SANDBOX_LEVEL_MAX - len, "%s%s",
	    len > 0 ? " " : "", word);
	if (n < 0 || (size_t)n >= SANDBOX_LEVEL_MAX - len)
		fatalx("sandbox: level");
	return (len + (size_t)n);
}

#ifdef SANDBOX_SANITIZER

/*
 * A sanitizer build is for tests.  The children have no environment, so that
 * what it says elsewhere stands here.  The exit status is none of ours.
 */
const char *
__asan_default_options(void)
{
	return ("exitcode=99");
}

/* It works by /proc, which is not there in a chroot. */
int
__lsan_is_turned_off(void)
{
	return (access("/proc/self/task", X_OK) == -1);
}

#endif
