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
 * Loaded into the registry by the tests (LD_PRELOAD): counts, records,
 * fails and cuts off what it does to its own files, and sets its clocks;
 * into others for the clocks alone.
 * Not for history.db, which is SQLite's to keep whole.
 *
 * What to do stands in a file that both sides map (CCM_FAULTS); what was
 * done is appended to it.  It is mapped before the sandbox closes.
 */

#define _GNU_SOURCE

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAGIC		0x63636d46
#define FDS		256
#define PATH_SIZE	256

/* The same numbers as in tests/integration/faults.py. */
enum kind {
	CREATE = 1,	/* path */
	WRITE = 2,	/* path, data */
	SYNC = 4,	/* path; of a directory its path and a slash */
	LINK = 8,	/* path, new path */
	RENAME = 16,	/* path, new path */
	UNLINK = 32,	/* path */
	MKDIR = 64,	/* path */
	SEND = 128	/* "", data: what others are told */
};

/* Mapped; all of it volatile, since two processes look at it. */
struct control {
	uint32_t	 magic;
	uint32_t	 calls;		/* so far, without SENDs */
	uint32_t	 kill_before;	/* call number from 1; 0: never */
	uint32_t	 kill_after;
	uint32_t	 fail_from;	/* call number from 1; 0: never */
	uint32_t	 fail_to;	/* the last that fails */
	uint32_t	 fail_kinds;	/* bits; 0: every kind */
	int32_t		 fail_errno;
	char		 fail_path[64];	/* part of a path; empty: every; "/":
					   the state directory */
	uint32_t	 record;
	uint32_t	 failed;	/* how many did */
	int64_t		 clock;		/* seconds to add */
	uint64_t	 used;		/* bytes of records behind this */
	uint64_t	 size;
	int64_t		 monotonic;	/* milliseconds to add */
};

struct entry {
	uint32_t	 kind;
	int32_t		 error;
	uint32_t	 path_len;
	uint32_t	 data_len;
};

static volatile struct control *control;
static char	 paths[FDS][PATH_SIZE];
static char	 known[FDS];

static void setup(void) __attribute__((constructor));

static void
setup(void)
{
	const char	*path = getenv("CCM_FAULTS");
	struct stat	 st;
	void		*p;
	int		 fd;

	if (path == NULL || (fd = open(path, O_RDWR)) == -1 ||
	    fstat(fd, &st) == -1)
		abort();
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	close(fd);
	if (p == MAP_FAILED || ((struct control *)p)->magic != MAGIC)
		abort();
	control = p;
	control->size = (uint64_t)st.st_size - sizeof(*control);
}

/* As kill -9, in the middle of it. */
static void
die(void)
{
	(void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid),
	    SIGKILL);
	_exit(137);
}

/* Before the call; -1 with errno: it fails. */
static int
before(enum kind kind, const char *path)
{
	uint32_t	 n = ++control->calls;
	char		 part[64];
	size_t		 i;

	if (n == control->kill_before)
		die();
	for (i = 0; i < sizeof(part); i++)
		part[i] = control->fail_path[i];
	if (control->fail_from == 0 || n < control->fail_from ||
	    n > control->fail_to || (control->fail_kinds != 0 &&
	    (control->fail_kinds & kind) == 0) || (strcmp(part, "/") == 0 ?
	    strcmp(path, part) != 0 : strstr(path, part) == NULL))
		return (0);
	control->failed++;
	errno = control->fail_errno;
	return (-1);
}

static void
note(enum kind kind, int error, const char *path, const void *data,
    size_t len)
{
	struct entry	 e = { (uint32_t)kind, error,
	    (uint32_t)strlen(path), (uint32_t)len };
	char		*p = (char *)(uintptr_t)control + sizeof(*control) +
	    control->used;

	if (!control->record)
		return;
	if (control->used + sizeof(e) + e.path_len + len > control->size)
		abort();
	memcpy(p, &e, sizeof(e));
	memcpy(p + sizeof(e), path, e.path_len);
	memcpy(p + sizeof(e) + e.path_len, data, len);
	control->used += sizeof(e) + e.path_len + len;
}

/* Behind the call; errno is what it was. */
static void
after(enum kind kind, int ok, const char *path, const void *data, size_t len)
{
	int	 saved = errno;

	note(kind, ok ? 0 : saved, path, data, len);
	if (control->calls == control->kill_after)
		die();
	errno = saved;
}

static void *
next(const char *name)
{
	void	*f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		abort();
	return (f);
}

/* The path below the state directory; NULL: not ours. */
static const char *
join(int dirfd, const char *path, char buf[PATH_SIZE])
{
	if (path[0] == '/' || dirfd < 0 || dirfd >= FDS || !known[dirfd])
		return (NULL);
	(void)snprintf(buf, PATH_SIZE, "%s%s", paths[dirfd], path);
	return (strstr(buf, "history.db") != NULL ? NULL : buf);
}

/* Directories end in a slash; that of the state directory is "". */
static void
learn(int fd, const char *path)
{
	if (fd < 0 || fd >= FDS)
		return;
	known[fd] = 1;
	(void)snprintf(paths[fd], PATH_SIZE, "%s", path);
}

int
open(const char *path, int flags, ...)
{
	int	(*f)(const char *, int, ...) = next("open");
	mode_t	 mode = 0;
	va_list	 ap;
	int	 fd;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	fd = f(path, flags, mode);
	if (fd >= 0 && fd < FDS)
		known[fd] = 0;
	if (control != NULL && fd != -1 && strcmp(path, ".") == 0)
		learn(fd, "");
	return (fd);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
	int		(*f)(int, const char *, int, ...) = next("openat");
	char		 buf[PATH_SIZE], dir[PATH_SIZE];
	const char	*full = join(dirfd, path, buf);
	mode_t		 mode = 0;
	va_list		 ap;
	int		 fd;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (full != NULL && (flags & O_CREAT)) {
		if (before(CREATE, full) == -1)
			return (-1);
		fd = f(dirfd, path, flags, mode);
		after(CREATE, fd != -1, full, NULL, 0);
	} else
		fd = f(dirfd, path, flags, mode);
	if (fd >= 0 && fd < FDS)
		known[fd] = 0;
	if (fd == -1 || full == NULL)
		return (fd);
	if (flags & O_DIRECTORY) {
		(void)snprintf(dir, sizeof(dir), "%.200s/", full);
		learn(fd, dir);
	} else
		learn(fd, full);
	return (fd);
}

int
close(int fd)
{
	int	(*f)(int) = next("close");

	if (fd >= 0 && fd < FDS)
		known[fd] = 0;
	return (f(fd));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t	 (*f)(int, const void *, size_t) = next("write");
	ssize_t	 n;

	if (fd < 0 || fd >= FDS || !known[fd])
		return (f(fd, data, len));
	if (before(WRITE, paths[fd]) == -1)
		return (-1);
	n = f(fd, data, len);
	after(WRITE, n != -1, paths[fd], data, n > 0 ? (size_t)n : 0);
	return (n);
}

static int
synced(int fd, const char *name)
{
	int		(*f)(int) = next(name);
	const char	*path;
	int		 r;

	if (fd < 0 || fd >= FDS || !known[fd])
		return (f(fd));
	path = paths[fd][0] == '\0' ? "/" : paths[fd];
	if (before(SYNC, path) == -1)
		return (-1);
	r = f(fd);
	after(SYNC, r == 0, path, NULL, 0);
	return (r);
}

int
fsync(int fd)
{
	return (synced(fd, "fsync"));
}

int
fdatasync(int fd)
{
	return (synced(fd, "fdatasync"));
}

/* A call on one name, or from one name to another, below a directory. */
#define ON_NAME(name, kind, params, dirfd, path, args)			\
int									\
name params								\
{									\
	int		(*f) params = next(#name);			\
	char		 buf[PATH_SIZE];				\
	const char	*p = join(dirfd, path, buf);			\
	int		 r;						\
									\
	if (p == NULL)							\
		return (f args);					\
	if (before(kind, p) == -1)					\
		return (-1);						\
	r = f args;							\
	after(kind, r == 0, p, NULL, 0);				\
	return (r);							\
}

#define FROM_TO(name, kind, params, args)				\
int									\
name params								\
{									\
	int		(*f) params = next(#name);			\
	char		 a[PATH_SIZE], b[PATH_SIZE];			\
	const char	*p = join(from, path, a);			\
	const char	*q = join(to, target, b);			\
	int		 r;						\
									\
	if (p == NULL || q == NULL)					\
		return (f args);					\
	if (before(kind, p) == -1)					\
		return (-1);						\
	r = f args;							\
	after(kind, r == 0, p, q, strlen(q));				\
	return (r);							\
}

FROM_TO(linkat, LINK, (int from, const char *path, int to,
    const char *target, int flags), (from, path, to, target, flags))
FROM_TO(renameat, RENAME, (int from, const char *path, int to,
    const char *target), (from, path, to, target))
ON_NAME(unlinkat, UNLINK, (int dirfd, const char *path, int flags), dirfd,
    path, (dirfd, path, flags))
ON_NAME(mkdirat, MKDIR, (int dirfd, const char *path, mode_t mode), dirfd,
    path, (dirfd, path, mode))

/* What was said before the power went is what was promised. */
static void
note_sent(const struct iovec *iov, size_t n, ssize_t sent)
{
	static char	 data[1024 * 1024];
	size_t		 i, len = 0, part;
	int		 saved = errno;

	for (i = 0; i < n && sent > 0; i++) {
		part = iov[i].iov_len;
		if (part > (size_t)sent - len)
			part = (size_t)sent - len;
		if (len + part > sizeof(data))
			abort();
		memcpy(data + len, iov[i].iov_base, part);
		len += part;
	}
	if (len > 0)
		note(SEND, 0, "", data, len);
	errno = saved;
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t	 (*f)(int, const struct msghdr *, int) = next("sendmsg");
	ssize_t	 n = f(fd, m, flags);

	if (control != NULL)
		note_sent(m->msg_iov, m->msg_iovlen, n);
	return (n);
}

ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	ssize_t	 (*f)(int, const struct iovec *, int) = next("writev");
	ssize_t	 n = f(fd, iov, count);

	if (control != NULL)
		note_sent(iov, (size_t)count, n);
	return (n);
}

time_t
time(time_t *t)
{
	struct timespec	 ts;
	time_t		 now = 0;

	if (syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0)
		now = ts.tv_sec;
	if (control != NULL)
		now += control->clock;
	if (t != NULL)
		*t = now;
	return (now);
}

/* Of libevent's timers, too: a test wakes it up. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int	 r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == -1 || control == NULL || (clock != CLOCK_MONOTONIC &&
	    clock != CLOCK_MONOTONIC_COARSE))
		return (r);
	ts->tv_sec += control->monotonic / 1000;
	ts->tv_nsec += control->monotonic % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
	return (0);
}
