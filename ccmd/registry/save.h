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
 * The durable save of a file of the registry: a temporary file, fsync, the
 * old file linked into backups/, rename, fsync of the directory.  Runs in
 * the registry, for pipelines.json and projects.json alike.  Must not know
 * what it saves.
 */

#ifndef CCM_REGISTRY_SAVE_H
#define CCM_REGISTRY_SAVE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "backup.h"

struct json_object;
struct save_out;

/* What the file was when it was read or written. */
struct save_mark {
	int		 there;
	dev_t		 dev;
	ino_t		 ino;
	off_t		 size;
	struct timespec	 changed;	/* its content */
};

/* One file.  Its members are save.c's. */
struct save {
	int		 dirfd;		/* borrowed */
	const char	*file;
	const char	*temporary;
	struct backup_set backups;
	struct save_mark mark;
};

/* Writes the file's text by save_put and the like. */
typedef void (*save_fn)(struct save_out *out, int64_t now, void *arg);

/*
 * Begin, with names (literals) in the directory open as `dirfd`; removes a
 * temporary file that a crash left, unless there is only that.  Never fails:
 * what is wrong is logged, and shows again with a save.
 */
void save_open(struct save *save, int dirfd, const char *file,
    const char *temporary, const char *backup_prefix);
void save_close(struct save *save);

/*
 * There is no file, and the temporary one is good: make it the file.
 * Returns 0, or -1 with errno.
 */
int save_adopt(struct save *save);

/*
 * Save what `fn` writes.  Returns 0, or -1 with errno; then the file is
 * what it was.
 */
int save_file(struct save *save, save_fn fn, void *arg, int64_t now);

/* Could it be saved now?  Writes all of it, and takes it away again. */
int save_probe(struct save *save, save_fn fn, void *arg, int64_t now);

/*
 * The file that is there is the one that was read; and is it still the one
 * that was read or written last, or did somebody replace it?
 */
void save_mark(struct save *save);
int save_replaced(const struct save *save);

/*
 * What `fn` writes, in memory: the caller's to free.  NULL with errno when
 * there is too little.
 */
char *save_text(save_fn fn, void *arg, int64_t now, size_t *len);

void save_put(struct save_out *out, const char *data, size_t len);
void save_puts(struct save_out *out, const char *s);
/* "name": value, with json-c's NULL for null. */
void save_member(struct save_out *out, const char *name,
    struct json_object *value);

#endif
