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
 * Backups of a file of the registry: hard links to what it was, and their
 * thinning.  Runs in the registry.  Must not touch a file in backups/
 * whose name is not one that it gives itself.
 */

#ifndef CCM_REGISTRY_BACKUP_H
#define CCM_REGISTRY_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#define BACKUP_DIR	"backups"
/* "pipelines-2026-01-05-10-30-00-4294967295.json" and its NUL. */
#define BACKUP_NAME_SIZE 48
/* What a save removes at most: unlinking a large file takes 8 ms. */
#define BACKUP_UNLINK_MAX 16

/* How many are kept: contract.md, "The pipeline document". */
struct backup_policy {
	uint32_t	 newest;	/* whatever their age */
	uint32_t	 minutely;	/* minutes with at most one each */
	uint32_t	 hourly;	/* hours with at most one each */
	uint32_t	 daily;		/* days with at most one each */
};

struct backup {
	int64_t		 time;		/* seconds since the epoch */
	uint32_t	 suffix;	/* 1: none; 2: "-2", ... */
	int		 keep;
};

/* The backups of one file.  Its members are backup.c's. */
struct backup_set {
	int		 dirfd;		/* where the file lies, borrowed */
	int		 fd;		/* backups/, -1: not there now */
	const char	*prefix;	/* "pipelines-" */
	struct backup_policy policy;
	struct backup	*list;		/* sorted, oldest first */
	size_t		 n;
	size_t		 size;
	char		 name[BACKUP_NAME_SIZE];
};

/*
 * Begin, in the directory open as `dirfd`, which stays the caller's, with
 * names that begin with `prefix` (a literal).  The folder is made if there
 * is none.  Returns 0, or -1 with errno: it is tried again when needed.
 */
int backup_open(struct backup_set *set, int dirfd, const char *prefix);
void backup_set_policy(struct backup_set *set,
    const struct backup_policy *policy);
void backup_close(struct backup_set *set);

/*
 * Hard-link `file` to a name made of the time `now` and make the link
 * durable.  `name` is that name without the folder, or "" if there is no
 * such file, or only a symbolic link, a socket or the like.  What can't be
 * linked (another user's, a directory) is moved.
 * Returns 0, or -1 with errno.
 */
int backup_link(struct backup_set *set, const char *file, int64_t now,
    char name[BACKUP_NAME_SIZE]);

/* Could `file` be linked there?  Returns 0, or -1 with errno. */
int backup_probe(struct backup_set *set, const char *file);

/* Take a backup back that a failed save has made. */
void backup_undo(struct backup_set *set, const char *name);

/* Remove what need not be kept, at most BACKUP_UNLINK_MAX files. */
void backup_thin(struct backup_set *set, int64_t now);

/*
 * The name of the i-th newest; NULL behind the last.  Good until the next
 * call.
 */
const char *backup_nth(struct backup_set *set, size_t i);

/*
 * A name to its time and suffix and back.  backup_parse returns 0, or -1 if
 * it is no backup's name.
 */
int backup_parse(const char *prefix, const char *name, struct backup *b);
int backup_name(const char *prefix, const struct backup *b,
    char name[BACKUP_NAME_SIZE]);

/*
 * Decide by the policy: sets `keep` in each of `n` backups, which are
 * sorted, oldest first.  Of the several in one minute, hour or day the
 * newest stays.
 */
void backup_choose(struct backup *list, size_t n,
    const struct backup_policy *policy, int64_t now);

#endif
