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
 * Who the children are, and where they are locked up.  Runs in the parent,
 * as root; an ordinary user's children are that user, without a chroot.
 */

#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

/*
 * Where a user is missing a number is taken that no one has: privileges
 * stay apart all the same, and the log says so.  From 61184 on systemd gives
 * numbers to services while they run (DynamicUser); below that nobody does.
 */
#define SPARE_UID	60801
#define SPARE_TRIES	75
#define COPY_MAX	(256 * 1024)

#define JAILS		RUNSTATEDIR "/ccmd"
#define JAIL_PREFIX	"jails-"
#define JAIL_LOCK	".lock"
#define COPY_SUFFIX	".new"	/* until a copy is whole */
#define COPY_LOOK	2	/* seconds between looks at what is copied */
#define COPIES		(sizeof(copied) / sizeof(copied[0]))

static const char *const names[PROC_MAX] = {
	[PROC_POLLER] = "_ccmdp",
	[PROC_API] = "_ccmda",
	[PROC_REGISTRY] = "_ccmdr",
};

static const char *const copied[] = { "resolv.conf", "hosts",
    "nsswitch.conf" };

static struct {
	char	 dir[MSG_PATH_MAX];	/* of the chroots; "" if none */
	int	 lock;			/* on that, while we live */
	struct event *look;
	const struct jail *poller;	/* whose copies are looked after */
	struct stat source[COPIES];	/* as they were copied */
} env = { .lock = -1 };

static int	 find_user(enum proc_id, int, struct jail *);
static int	 spare_user(enum proc_id, struct jail *);
static int	 make_jails(struct jail *);
static int	 make_dir(void);
static int	 lock_in(const char *, int);
static void	 sweep(void);
static void	 remove_jails(const char *);
static int	 copy_file(const char *, const char *);
static void	 on_look(evutil_socket_t, short, void *);
static int	 has_changed(size_t);

int
users_prepare(const struct conf *conf, struct jail jails[PROC_MAX])
{
	enum proc_id	 p;

	memset(jails, 0, PROC_MAX * sizeof(jails[0]));
	if (geteuid() != 0) {
		for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
			jails[p].uid = geteuid();
			jails[p].gid = getegid();
		}
		return (0);
	}
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (find_user(p, conf->strict, &jails[p]) == -1)
			return (-1);
	if (strlcpy(jails[PROC_REGISTRY].chroot, conf->statedir,
	    MSG_PATH_MAX) >= MSG_PATH_MAX) {
		log_err("%s: the path is too long", conf->statedir);
		return (-1);
	}
	return (make_jails(jails));
}

static int
find_user(enum proc_id p, int strict, struct jail *jail)
{
	const struct passwd	*pw = getpwnam(names[p]);

	if (pw != NULL && pw->pw_uid != 0 && pw->pw_gid != 0) {
		jail->uid = pw->pw_uid;
		jail->gid = pw->pw_gid;
		return (0);
	}
	if (strict) {
		log_err("there is no user %s (useradd --system --no-create-"
		    "home --shell /usr/sbin/nologin --user-group %s)",
		    names[p], names[p]);
		return (-1);
	}
	return (spare_user(p, jail));
}

static int
spare_user(enum proc_id p, struct jail *jail)
{
	uid_t	 uid = SPARE_UID + (uid_t)p;
	int	 i;

	for (i = 0; i < SPARE_TRIES; i++, uid += PROC_MAX)
		if (getpwuid(uid) == NULL && getgrgid(uid) == NULL) {
			jail->uid = uid;
			jail->gid = uid;
			log_warn("there is no user %s: the number %u is "
			    "taken", names[p], (unsigned int)uid);
			return (0);
		}
	log_err("there is no user %s, and no number to spare", names[p]);
	return (-1);
}

/*
 * Each daemon's directory is locked while it lives, so that what one left
 * that was killed is known, and goes.  Who makes one or removes some holds
 * the lock on all of it.
 */
static int
make_dir(void)
{
	int	 all, r = -1, saved;

	if (mkdir(JAILS, 0755) == -1 && errno != EEXIST)
		return (-1);
	if ((all = lock_in(JAILS, LOCK_EX)) == -1)
		return (-1);
	sweep();
	(void)strlcpy(env.dir, JAILS "/" JAIL_PREFIX "XXXXXX",
	    sizeof(env.dir));
	if (mkdtemp(env.dir) == NULL)
		env.dir[0] = '\0';
	else if ((env.lock = lock_in(env.dir, LOCK_EX | LOCK_NB)) != -1)
		r = chmod(env.dir, 0755);
	saved = errno;
	close(all);
	errno = saved;
	return (r);
}

/* A file that is root's: a directory could be locked by anybody. */
static int
lock_in(const char *dir, int how)
{
	char	 path[2 * MSG_PATH_MAX];
	int	 fd, saved;

	(void)snprintf(path, sizeof(path), "%s/" JAIL_LOCK, dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, how) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

/* Nobody holds the lock: whoever made it is gone. */
static void
sweep(void)
{
	struct dirent	*entry;
	DIR		*dir;
	char		 path[MSG_PATH_MAX];
	int		 fd;

	if ((dir = opendir(JAILS)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, JAIL_PREFIX,
		    strlen(JAIL_PREFIX)) != 0 || snprintf(path, sizeof(path),
		    JAILS "/%s", entry->d_name) >= (int)sizeof(path))
			continue;
		if ((fd = lock_in(path, LOCK_EX | LOCK_NB)) == -1)
			continue;
		remove_jails(path);
		close(fd);
	}
	closedir(dir);
}

/* An empty place for the api, one with /etc for the poller. */
static int
make_jails(struct jail *jails)
{
	char	 etc[MSG_PATH_MAX + 16];

	if (make_dir() == -1)
		goto fail;
	if (snprintf(jails[PROC_API].chroot, MSG_PATH_MAX, "%s/empty",
	    env.dir) >= MSG_PATH_MAX ||
	    snprintf(jails[PROC_POLLER].chroot, MSG_PATH_MAX, "%s/poller",
	    env.dir) >= MSG_PATH_MAX)
		goto fail;
	(void)snprintf(etc, sizeof(etc), "%s/etc",
	    jails[PROC_POLLER].chroot);
	if (mkdir(jails[PROC_API].chroot, 0755) == -1 ||
	    mkdir(jails[PROC_POLLER].chroot, 0755) == -1 ||
	    mkdir(etc, 0755) == -1)
		goto fail;
	users_refresh(&jails[PROC_POLLER]);
	return (0);
fail:
	log_err("%s: %s", env.dir[0] != '\0' ? env.dir : JAILS,
	    strerror(errno));
	return (-1);
}

void
users_refresh(const struct jail *poller)
{
	char	 from[64], to[MSG_PATH_MAX + 64];
	size_t	 i;

	if (poller->chroot[0] == '\0')
		return;
	for (i = 0; i < COPIES; i++) {
		(void)snprintf(from, sizeof(from), "/etc/%s", copied[i]);
		/* Before: what changes meanwhile is seen by the next look. */
		if (stat(from, &env.source[i]) == -1)
			memset(&env.source[i], 0, sizeof(env.source[i]));
		(void)snprintf(to, sizeof(to), "%s/etc/%s", poller->chroot,
		    copied[i]);
		if (copy_file(from, to) == -1 && errno != ENOENT)
			log_warn("%s: %s", from, strerror(errno));
	}
}

/* Networks come and go while we run, and their name servers with them. */
void
users_watch(struct event_base *base, const struct jail *poller)
{
	static const struct timeval	 tv = { COPY_LOOK, 0 };

	if (poller->chroot[0] == '\0')
		return;
	env.poller = poller;
	env.look = event_new(base, -1, EV_PERSIST, on_look, NULL);
	if (env.look == NULL || event_add(env.look, &tv) == -1)
		fatalx("users_watch");
}

static void
on_look(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	size_t	 i;

	for (i = 0; i < COPIES && !has_changed(i); i++)
		;
	if (i == COPIES)
		return;
	log_info("/etc/%s has changed", copied[i]);
	users_refresh(env.poller);
}

/* What is not there for a moment is no change. */
static int
has_changed(size_t i)
{
	const struct stat	*was = &env.source[i];
	struct stat		 st;
	char			 path[64];

	(void)snprintf(path, sizeof(path), "/etc/%s", copied[i]);
	return (stat(path, &st) == 0 && (st.st_dev != was->st_dev ||
	    st.st_ino != was->st_ino || st.st_size != was->st_size ||
	    st.st_mtim.tv_sec != was->st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != was->st_mtim.tv_nsec));
}

/* Whole or not at all: written beside it, then renamed. */
static int
copy_file(const char *from, const char *to)
{
	char	*buf, tmp[MSG_PATH_MAX + 80];
	ssize_t	 n;
	int	 in, out, r = -1, saved;

	if ((in = open(from, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	(void)snprintf(tmp, sizeof(tmp), "%s" COPY_SUFFIX, to);
	if ((buf = malloc(COPY_MAX)) == NULL) {
		close(in);
		return (-1);
	}
	n = read(in, buf, COPY_MAX);
	close(in);
	out = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (n >= 0 && out != -1 && write(out, buf, (size_t)n) == n &&
	    rename(tmp, to) == 0)
		r = 0;
	saved = errno;
	if (out != -1)
		close(out);
	free(buf);
	errno = saved;
	return (r);
}

void
users_cleanup(void)
{
	if (env.dir[0] != '\0')
		remove_jails(env.dir);
	env.dir[0] = '\0';
	if (env.lock != -1)
		close(env.lock);
	env.lock = -1;
}

/* What make_jails and users_refresh made, and nothing else. */
static void
remove_jails(const char *dir)
{
	static const char *const places[] = { "poller/etc", "poller",
	    "empty" };
	char	 path[2 * MSG_PATH_MAX];
	size_t	 i;

	for (i = 0; i < COPIES; i++) {
		(void)snprintf(path, sizeof(path), "%s/poller/etc/%s", dir,
		    copied[i]);
		(void)unlink(path);
		(void)strlcat(path, COPY_SUFFIX, sizeof(path));
		(void)unlink(path);
	}
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		(void)rmdir(path);
	}
	(void)snprintf(path, sizeof(path), "%s/" JAIL_LOCK, dir);
	(void)unlink(path);
	(void)rmdir(dir);
}
