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
 * Hard-link backups of pipelines.json and their thinning.  Runs in the
 * registry.  Must not touch a file whose name is not a backup's, and never
 * removes the newest.
 */

#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "log.h"
#include "timestamp.h"

#define BACKUP_PREFIX	"pipelines-"
#define BACKUP_SUFFIX	".json"
/* More than that are not looked at, and so stay. */
#define BACKUP_LIST_MAX	200000
/* Names that others took in the same second. */
#define BACKUP_TRIES	1000

#define MINUTE		60
#define HOUR		3600
#define DAY		86400

static struct {
	int		 dirfd;		/* the state directory, borrowed */
	int		 fd;		/* backups/ */
	struct backup_policy policy;
	struct backup	*list;		/* sorted, oldest first */
	size_t		 n;
	size_t		 size;
	char		 name[BACKUP_NAME_SIZE];
} env = { .dirfd = -1, .fd = -1, .policy = { 10, 60, 48, 60 } };

static int	 open_folder(void);
static int	 read_folder(void);
static int	 insert(const struct backup *);
static void	 forget(size_t);
static int	 backup_cmp(const void *, const void *);
static int64_t	 bucket_of(int64_t, const struct backup_policy *, int64_t);

int
backup_open(int dirfd)
{
	env.dirfd = dirfd;
	return (open_folder());
}

void
backup_set_policy(const struct backup_policy *policy)
{
	env.policy = *policy;
	if (env.policy.newest == 0)
		env.policy.newest = 1;
}

void
backup_close(void)
{
	if (env.fd != -1)
		close(env.fd);
	free(env.list);
	env.fd = env.dirfd = -1;
	env.list = NULL;
	env.n = env.size = 0;
}

int
backup_dirfd(void)
{
	return (env.fd);
}

/* Again, when the folder was taken away while we ran. */
static int
open_folder(void)
{
	if (env.fd != -1)
		close(env.fd);
	env.n = 0;
	if (mkdirat(env.dirfd, BACKUP_DIR, 0700) == -1 && errno != EEXIST) {
		env.fd = -1;
		return (-1);
	}
	env.fd = openat(env.dirfd, BACKUP_DIR,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (env.fd == -1)
		return (-1);
	return (read_folder());
}

/* Once: from then on the list in memory is the folder. */
static int
read_folder(void)
{
	struct dirent	*entry;
	struct backup	 b;
	DIR		*dir;
	int		 fd;

	if ((fd = openat(env.fd, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (backup_parse(entry->d_name, &b) == -1)
			continue;
		if (insert(&b) == -1) {
			log_warn("%s: too many backups to look at all",
			    BACKUP_DIR);
			break;
		}
	}
	closedir(dir);
	if (env.n > 0)
		qsort(env.list, env.n, sizeof(env.list[0]), backup_cmp);
	return (0);
}

/* At the end: the caller sorts. */
static int
insert(const struct backup *b)
{
	struct backup	*list;
	size_t		 size;

	if (env.n >= BACKUP_LIST_MAX) {
		errno = ENOSPC;
		return (-1);
	}
	if (env.n == env.size) {
		size = env.size == 0 ? 256 : env.size * 2;
		list = reallocarray(env.list, size, sizeof(*list));
		if (list == NULL)
			return (-1);
		env.list = list;
		env.size = size;
	}
	env.list[env.n++] = *b;
	return (0);
}

static void
forget(size_t i)
{
	memmove(&env.list[i], &env.list[i + 1],
	    (env.n - i - 1) * sizeof(env.list[0]));
	env.n--;
}

static int
backup_cmp(const void *a, const void *b)
{
	const struct backup	*x = a, *y = b;

	if (x->time != y->time)
		return (x->time < y->time ? -1 : 1);
	return (x->suffix < y->suffix ? -1 : x->suffix > y->suffix);
}

/* Only what backup_name would give counts: what differs is foreign. */
int
backup_parse(const char *name, struct backup *b)
{
	char		 text[TIMESTAMP_SIZE], again[BACKUP_NAME_SIZE];
	const char	*p = name + strlen(BACKUP_PREFIX), *q;
	char		 digits[12];
	const char	*why;
	size_t		 len = strlen(name);

	if (len >= BACKUP_NAME_SIZE || len < strlen(BACKUP_PREFIX) +
	    TIMESTAMP_FILE_SIZE - 1 + strlen(BACKUP_SUFFIX) ||
	    strncmp(name, BACKUP_PREFIX, strlen(BACKUP_PREFIX)) != 0)
		return (-1);
	(void)snprintf(text, sizeof(text), "%.10sT%.2s:%.2s:%.2sZ", p, p + 11,
	    p + 14, p + 17);
	memset(b, 0, sizeof(*b));
	if (timestamp_parse(text, &b->time) == -1)
		return (-1);
	p += TIMESTAMP_FILE_SIZE - 1;
	b->suffix = 1;
	if (*p == '-') {
		if ((q = strchr(++p, '.')) == NULL ||
		    (size_t)(q - p) >= sizeof(digits))
			return (-1);
		(void)strlcpy(digits, p, (size_t)(q - p) + 1);
		b->suffix = (uint32_t)strtonum(digits, 2, UINT32_MAX, &why);
		if (why != NULL)
			return (-1);
	}
	if (backup_name(b, again) == -1 || strcmp(name, again) != 0)
		return (-1);
	return (0);
}

int
backup_name(const struct backup *b, char name[BACKUP_NAME_SIZE])
{
	char	 stamp[TIMESTAMP_FILE_SIZE];
	int	 n;

	if (timestamp_file(b->time, stamp)[0] == '\0') {
		errno = ERANGE;
		return (-1);
	}
	if (b->suffix < 2)
		n = snprintf(name, BACKUP_NAME_SIZE, BACKUP_PREFIX "%s"
		    BACKUP_SUFFIX, stamp);
	else
		n = snprintf(name, BACKUP_NAME_SIZE, BACKUP_PREFIX "%s-%u"
		    BACKUP_SUFFIX, stamp, b->suffix);
	if (n < 0 || n >= BACKUP_NAME_SIZE) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (0);
}

int
backup_link(const char *file, int64_t now, char name[BACKUP_NAME_SIZE])
{
	struct backup	 b = { .time = now, .suffix = 1 };
	size_t		 i;
	int		 tries, saved, reopened = 0;

	name[0] = '\0';
	if (faccessat(env.dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (env.fd == -1 && open_folder() == -1)
		return (-1);
again:
	for (i = env.n; i > 0 && env.list[i - 1].time >= now; i--)
		if (env.list[i - 1].time == now &&
		    env.list[i - 1].suffix >= b.suffix)
			b.suffix = env.list[i - 1].suffix + 1;
	for (tries = 0; tries < BACKUP_TRIES; tries++, b.suffix++) {
		if (backup_name(&b, name) == -1)
			return (-1);
		if (linkat(env.dirfd, file, env.fd, name, 0) == 0)
			break;
		if (errno == ENOENT && !reopened++ && open_folder() == 0)
			goto again;
		if (errno != EEXIST)
			return (-1);
	}
	if (tries == BACKUP_TRIES)
		return (-1);
	if (fsync(env.fd) == -1) {
		saved = errno;
		(void)unlinkat(env.fd, name, 0);
		errno = saved;
		return (-1);
	}
	if (insert(&b) == 0 && env.n > 1 &&
	    backup_cmp(&env.list[env.n - 2], &b) > 0)
		qsort(env.list, env.n, sizeof(env.list[0]), backup_cmp);
	return (0);
}

void
backup_undo(const char *name)
{
	struct backup	 b;
	size_t		 i;

	if (name[0] == '\0' || backup_parse(name, &b) == -1)
		return;
	(void)unlinkat(env.fd, name, 0);
	for (i = env.n; i > 0; i--)
		if (backup_cmp(&env.list[i - 1], &b) == 0) {
			forget(i - 1);
			return;
		}
}

void
backup_thin(int64_t now)
{
	char	 name[BACKUP_NAME_SIZE];
	size_t	 i;
	int	 removed = 0;

	if (env.fd == -1)
		return;
	backup_choose(env.list, env.n, &env.policy, now);
	for (i = 0; i < env.n && removed < BACKUP_UNLINK_MAX; ) {
		if (env.list[i].keep) {
			i++;
			continue;
		}
		/* What can't be removed is left alone from now on. */
		if (backup_name(&env.list[i], name) == -1)
			log_warn("%s: a name that can't be", BACKUP_DIR);
		else if (unlinkat(env.fd, name, 0) == -1 && errno != ENOENT)
			log_warn("%s/%s: %s", BACKUP_DIR, name,
			    strerror(errno));
		removed++;
		forget(i);
	}
}

const char *
backup_nth(size_t i)
{
	if (i >= env.n ||
	    backup_name(&env.list[env.n - 1 - i], env.name) == -1)
		return (NULL);
	return (env.name);
}

/*
 * From the newest to the oldest: the first in its minute, hour or day is
 * kept.  Zones don't share buckets, so that each rule stands by itself.
 */
void
backup_choose(struct backup *list, size_t n,
    const struct backup_policy *policy, int64_t now)
{
	int64_t	 bucket, last = INT64_MIN;
	size_t	 i;

	for (i = n; i > 0; i--) {
		list[i - 1].keep = 1;
		if (n - i < policy->newest)
			continue;
		bucket = bucket_of(list[i - 1].time, policy, now);
		list[i - 1].keep = bucket != 0 && bucket != last;
		last = bucket;
	}
}

/*
 * A number that two backups share when only one of them is to stay, 0 for
 * what is too old.  A time to come (the clock went back) counts as now.
 */
static int64_t
bucket_of(int64_t t, const struct backup_policy *policy, int64_t now)
{
	int64_t	 age = t > now ? 0 : now - t;

	if (age < (int64_t)policy->minutely * MINUTE)
		return (4 * (t / MINUTE) + 1);
	if (age < (int64_t)policy->hourly * HOUR)
		return (4 * (t / HOUR) + 2);
	if (age < (int64_t)policy->daily * DAY)
		return (4 * (t / DAY) + 3);
	return (0);
}
