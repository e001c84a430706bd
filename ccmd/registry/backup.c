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
 * Hard-link backups of a file and their thinning.  Runs in the
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

#define BACKUP_SUFFIX	".json"
/* More than that are not looked at, and so stay. */
#define BACKUP_LIST_MAX	200000
/* Names that others took in the same second. */
#define BACKUP_TRIES	1000
#define BACKUP_PROBE	".probe"

#define MINUTE		60
#define HOUR		3600
#define DAY		86400


static int	 open_folder(struct backup_set *);
static int	 read_folder(struct backup_set *);
static int	 same_folder(const struct backup_set *);
static void	 first_free(struct backup_set *, struct backup *);
static int	 keep_file(struct backup_set *, const char *, struct backup *,
		    char[BACKUP_NAME_SIZE]);
static int	 move_file(struct backup_set *, const char *, const char *);
static int	 insert(struct backup_set *, const struct backup *);
static void	 forget(struct backup_set *, size_t);
static int	 backup_cmp(const void *, const void *);
static int64_t	 bucket_of(int64_t, const struct backup_policy *, int64_t);

int
backup_open(struct backup_set *set, int dirfd, const char *prefix)
{
	static const struct backup_policy	 usual = { 10, 60, 48, 60 };

	memset(set, 0, sizeof(*set));
	set->dirfd = dirfd;
	set->fd = -1;
	set->prefix = prefix;
	set->policy = usual;
	return (open_folder(set));
}

void
backup_set_policy(struct backup_set *set, const struct backup_policy *policy)
{
	set->policy = *policy;
	if (set->policy.newest == 0)
		set->policy.newest = 1;
}

void
backup_close(struct backup_set *set)
{
	if (set->fd != -1)
		close(set->fd);
	free(set->list);
	set->fd = set->dirfd = -1;
	set->list = NULL;
	set->n = set->size = 0;
}

/* Again, when the folder was taken away while we ran. */
static int
open_folder(struct backup_set *set)
{
	if (set->fd != -1)
		close(set->fd);
	set->n = 0;
	if (mkdirat(set->dirfd, BACKUP_DIR, 0700) == -1 && errno != EEXIST) {
		set->fd = -1;
		return (-1);
	}
	set->fd = openat(set->dirfd, BACKUP_DIR,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (set->fd == -1)
		return (-1);
	return (read_folder(set));
}

/* Once: from then on the list in memory is the folder. */
static int
read_folder(struct backup_set *set)
{
	struct dirent	*entry;
	struct backup	 b;
	DIR		*dir;
	int		 fd;

	if ((fd = openat(set->fd, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (backup_parse(set->prefix, entry->d_name, &b) == -1)
			continue;
		if (insert(set, &b) == -1) {
			log_warn("%s: too many backups to look at all",
			    BACKUP_DIR);
			break;
		}
	}
	closedir(dir);
	if (set->n > 0)
		qsort(set->list, set->n, sizeof(set->list[0]), backup_cmp);
	return (0);
}

/* At the end: the caller sorts. */
static int
insert(struct backup_set *set, const struct backup *b)
{
	struct backup	*list;
	size_t		 size;

	if (set->n >= BACKUP_LIST_MAX) {
		errno = ENOSPC;
		return (-1);
	}
	if (set->n == set->size) {
		size = set->size == 0 ? 256 : set->size * 2;
		list = reallocarray(set->list, size, sizeof(*list));
		if (list == NULL)
			return (-1);
		set->list = list;
		set->size = size;
	}
	set->list[set->n++] = *b;
	return (0);
}

static void
forget(struct backup_set *set, size_t i)
{
	memmove(&set->list[i], &set->list[i + 1],
	    (set->n - i - 1) * sizeof(set->list[0]));
	set->n--;
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
backup_parse(const char *prefix, const char *name, struct backup *b)
{
	char		 text[TIMESTAMP_SIZE], again[BACKUP_NAME_SIZE];
	const char	*p = name + strlen(prefix), *q;
	char		 digits[12];
	const char	*why;
	size_t		 len = strlen(name);

	if (len >= BACKUP_NAME_SIZE || len < strlen(prefix) +
	    TIMESTAMP_FILE_SIZE - 1 + strlen(BACKUP_SUFFIX) ||
	    strncmp(name, prefix, strlen(prefix)) != 0)
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
	if (backup_name(prefix, b, again) == -1 || strcmp(name, again) != 0)
		return (-1);
	return (0);
}

int
backup_name(const char *prefix, const struct backup *b,
    char name[BACKUP_NAME_SIZE])
{
	char	 stamp[TIMESTAMP_FILE_SIZE];
	int	 n;

	if (timestamp_file(b->time, stamp)[0] == '\0') {
		errno = ERANGE;
		return (-1);
	}
	if (b->suffix < 2)
		n = snprintf(name, BACKUP_NAME_SIZE, "%s%s" BACKUP_SUFFIX,
		    prefix, stamp);
	else
		n = snprintf(name, BACKUP_NAME_SIZE, "%s%s-%u" BACKUP_SUFFIX,
		    prefix, stamp, b->suffix);
	if (n < 0 || n >= BACKUP_NAME_SIZE) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (0);
}

int
backup_link(struct backup_set *set, const char *file, int64_t now,
    char name[BACKUP_NAME_SIZE])
{
	struct backup	 b = { .time = now };
	struct stat	 st;
	int		 saved;

	name[0] = '\0';
	if (fstatat(set->dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? 0 : -1);
	/* The sandbox lets us make neither links nor sockets. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		log_warn("%s: neither file nor directory, and not kept",
		    file);
		return (0);
	}
	if (!same_folder(set) && open_folder(set) == -1)
		return (-1);
	first_free(set, &b);
	if (keep_file(set, file, &b, name) == -1) {
		name[0] = '\0';
		return (-1);
	}
	if (fsync(set->fd) == -1) {
		saved = errno;
		backup_undo(set, name);
		name[0] = '\0';
		errno = saved;
		return (-1);
	}
	if (insert(set, &b) == 0 && set->n > 1 &&
	    backup_cmp(&set->list[set->n - 2], &b) > 0)
		qsort(set->list, set->n, sizeof(set->list[0]), backup_cmp);
	return (0);
}

/* Is it still the one of that name? */
static int
same_folder(const struct backup_set *set)
{
	struct stat	 ours, there;

	return (set->fd != -1 && fstat(set->fd, &ours) == 0 &&
	    fstatat(set->dirfd, BACKUP_DIR, &there, AT_SYMLINK_NOFOLLOW) ==
	    0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino);
}

static void
first_free(struct backup_set *set, struct backup *b)
{
	size_t	 i;

	b->suffix = 1;
	for (i = set->n; i > 0 && set->list[i - 1].time >= b->time; i--)
		if (set->list[i - 1].time == b->time &&
		    set->list[i - 1].suffix >= b->suffix)
			b->suffix = set->list[i - 1].suffix + 1;
}

/*
 * By a link, so that the file is there all the time.  What somebody put in
 * its place can be of another user, or no file, and is moved where it can't
 * be linked.  In between there is only the temporary file, which the next
 * start takes (save_adopt).
 */
static int
keep_file(struct backup_set *set, const char *file, struct backup *b,
    char name[BACKUP_NAME_SIZE])
{
	int	 tries;

	for (tries = 0; tries < BACKUP_TRIES; tries++, b->suffix++) {
		if (backup_name(set->prefix, b, name) == -1)
			return (-1);
		if (linkat(set->dirfd, file, set->fd, name, 0) == 0)
			return (0);
		if (errno == EPERM)
			return (move_file(set, file, name));
		if (errno != EEXIST)
			return (-1);
	}
	return (-1);
}

static int
move_file(struct backup_set *set, const char *file, const char *name)
{
	if (faccessat(set->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return (-1);
	}
	/* The temporary file's name must not be lost with it. */
	if (fsync(set->dirfd) == -1)
		return (-1);
	return (renameat(set->dirfd, file, set->fd, name));
}

int
backup_probe(struct backup_set *set, const char *file)
{
	if (!same_folder(set) && open_folder(set) == -1)
		return (-1);
	(void)unlinkat(set->fd, BACKUP_PROBE, 0);
	if (linkat(set->dirfd, file, set->fd, BACKUP_PROBE, 0) == -1)
		return (-1);
	return (unlinkat(set->fd, BACKUP_PROBE, 0));
}

void
backup_undo(struct backup_set *set, const char *name)
{
	struct backup	 b;
	size_t		 i;

	if (name[0] == '\0' ||
	    backup_parse(set->prefix, name, &b) == -1)
		return;
	(void)unlinkat(set->fd, name, 0);
	for (i = set->n; i > 0; i--)
		if (backup_cmp(&set->list[i - 1], &b) == 0) {
			forget(set, i - 1);
			return;
		}
}

void
backup_thin(struct backup_set *set, int64_t now)
{
	char	 name[BACKUP_NAME_SIZE];
	size_t	 i;
	int	 removed = 0;

	if (set->fd == -1)
		return;
	backup_choose(set->list, set->n, &set->policy, now);
	for (i = 0; i < set->n && removed < BACKUP_UNLINK_MAX; ) {
		if (set->list[i].keep) {
			i++;
			continue;
		}
		/* What can't be removed is left alone from now on. */
		if (backup_name(set->prefix, &set->list[i], name) == -1)
			log_warn("%s: a name that can't be", BACKUP_DIR);
		else if (unlinkat(set->fd, name, 0) == -1 && errno != ENOENT)
			log_warn("%s/%s: %s", BACKUP_DIR, name,
			    strerror(errno));
		removed++;
		forget(set, i);
	}
}

const char *
backup_nth(struct backup_set *set, size_t i)
{
	if (i >= set->n ||
	    backup_name(set->prefix, &set->list[set->n - 1 - i],
	    set->name) == -1)
		return (NULL);
	return (set->name);
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
