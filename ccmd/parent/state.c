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
 * The state directory: made, handed over, locked.  Runs in the parent,
 * before it drops its privileges.  Must not read or write what the registry
 * keeps in it.
 */

#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define LOCK_FILE	".lock"
/* How long the registry of a daemon that was killed may still write. */
#define LOCK_WAIT_MS	5000
#define LOCK_STEP_MS	20

static int	 make_path(char *);
static int	 make_inside(int, const char *, uid_t, gid_t);
static int	 hand_over(int, const char *, uid_t, gid_t);
static void	 close_to_others(int, const char *, uid_t);
static pid_t	 holder(int);
static int	 is_foreign_link(const char *);

int
state_prepare(const char *path, uid_t uid, gid_t gid)
{
	static const char *const	 files[] = { "pipelines.json",
	    "projects.json", "history.db", "history.db-wal",
	    "history.db-shm", "logs/audit.log" };
	char	*copy = strdup(path);
	int	 fd, r = -1;
	size_t	 i;

	if (copy == NULL || make_path(copy) == -1) {
		log_err("%s: %s", path, strerror(errno));
		free(copy);
		return (-1);
	}
	free(copy);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || make_inside(fd, "backups", uid, gid) == -1 ||
	    make_inside(fd, "logs", uid, gid) == -1)
		goto fail;
	if (geteuid() == 0) {
		for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
			if (hand_over(fd, files[i], uid, gid) == -1)
				goto fail;
		/*
		 * Root's group may pass through: the registry is still root
		 * when it goes in there, but has no capability to override
		 * permissions any more.
		 */
		if (fchown(fd, uid, 0) == -1 || fchmod(fd, 0710) == -1)
			goto fail;
	}
	close_to_others(fd, "backups", uid);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		close_to_others(fd, files[i], uid);
	r = 0;
fail:
	if (r == -1)
		log_err("%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return (r);
}

/* mkdir -p, each 0700. */
static int
make_path(char *path)
{
	char	*p = path;

	for (;;) {
		if ((p = strchr(p + 1, '/')) != NULL)
			*p = '\0';
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return (-1);
		if (p == NULL)
			return (0);
		*p = '/';
	}
}

static int
make_inside(int dir, const char *name, uid_t uid, gid_t gid)
{
	if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		return (-1);
	return (geteuid() == 0 ? hand_over(dir, name, uid, gid) : 0);
}

/*
 * What root's Python CCM left becomes the registry's.  Only what is root's
 * and no link: whoever owned the directory before must not be able to hand
 * us a file of somebody else.
 */
static int
hand_over(int dir, const char *name, uid_t uid, gid_t gid)
{
	struct stat	 st;
	int		 fd, r = 0;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (errno == ENOENT ? 0 : -1);
	if (fstat(fd, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		r = -1;
	else if (st.st_uid != uid && (S_ISDIR(st.st_mode) ||
	    st.st_nlink <= 2))
		r = fchown(fd, uid, gid);
	close(fd);
	return (r);
}

/*
 * The Python CCM left its files, with secrets of projects, as the umask had
 * them; a backup is a link to one.
 */
static void
close_to_others(int dir, const char *name, uid_t uid)
{
	struct stat	 st;
	int		 fd;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == uid && (S_ISDIR(st.st_mode) ||
	    (S_ISREG(st.st_mode) && st.st_nlink <= 2)) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 &&
	    fchmod(fd, st.st_mode & S_IRWXU) == -1)
		log_warn("%s: %s", name, strerror(errno));
	close(fd);
}

int
state_lock(const char *path)
{
	const struct timespec	 step = { 0, LOCK_STEP_MS * 1000000L };
	char			 name[1100];
	pid_t			 pid;
	int			 fd, waited = 0;

	if (snprintf(name, sizeof(name), "%s/%s", path, LOCK_FILE) >=
	    (int)sizeof(name)) {
		log_err("%s: the path is too long", path);
		return (-1);
	}
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		log_err("%s: %s", name, strerror(errno));
		return (-1);
	}
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		pid = holder(fd);
		if (errno != EWOULDBLOCK) {
			log_err("%s: %s", name, strerror(errno));
			close(fd);
			return (-1);
		}
		if ((pid > 0 && kill(pid, 0) == 0) || waited >= LOCK_WAIT_MS) {
			log_err("%s: in use by another ccmd (pid %d)", path,
			    (int)pid);
			close(fd);
			return (-1);
		}
		nanosleep(&step, NULL);
		waited += LOCK_STEP_MS;
	}
	state_write_pid(fd);
	return (fd);
}

static pid_t
holder(int fd)
{
	char	 text[16];
	ssize_t	 n;
	int	 saved = errno;
	pid_t	 pid = 0;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n > 0) {
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		pid = (pid_t)strtonum(text, 1, INT32_MAX, NULL);
	}
	errno = saved;
	return (pid);
}

int
state_open_file(const char *path)
{
	char		 part[2 * MSG_PATH_MAX];
	struct stat	 st;
	size_t		 n = 0;
	int		 fd;

	do {
		n += strspn(path + n, "/");
		n += strcspn(path + n, "/");
		if (n >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return (-1);
		}
		memcpy(part, path, n);
		part[n] = '\0';
		if (is_foreign_link(part)) {
			errno = ELOOP;
			return (-1);
		}
	} while (path[n] != '\0');
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
		errno = EINVAL;
	}
	return (fd);
}

static int
is_foreign_link(const char *path)
{
	struct stat	 st;

	return (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) &&
	    st.st_uid != 0 && st.st_uid != geteuid());
}

void
state_write_pid(int fd)
{
	char	 text[16];
	int	 n;

	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t)n, 0) != n)
		log_warn("lock: %s", strerror(errno));
}
