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
 * The save procedure: at every instant a complete file is on disk under its
 * name.  Runs in the registry.  Must not change what it saves.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "save.h"

#define SAVE_BUFFER	(256 * 1024)

struct save_out {
	int	 fd;		/* -1: the buffer grows instead */
	int	 error;		/* the first errno */
	size_t	 n;
	size_t	 size;
	char	*buf;
};

static int	 write_temporary(struct save *, save_fn, void *, int64_t,
		    struct save_mark *);
static int	 put_in_place(struct save *, char[BACKUP_NAME_SIZE], int64_t);
static void	 put_back(struct save *, const char *);
static void	 say_replaced(const struct save *, const char *);
static void	 set_mark(struct save_mark *, const struct stat *);
static int	 out_init(struct save_out *, int);
static void	 make_room(struct save_out *);
static void	 flush(struct save_out *);

void
save_open(struct save *save, int dirfd, const char *file,
    const char *temporary, const char *backup_prefix)
{
	save->dirfd = dirfd;
	save->file = file;
	save->temporary = temporary;
	memset(&save->mark, 0, sizeof(save->mark));
	/* Where there is no file it may be what comes in its place. */
	if (faccessat(dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    unlinkat(dirfd, temporary, 0) == -1 && errno != ENOENT)
		log_warn("%s: %s", temporary, strerror(errno));
	if (backup_open(&save->backups, dirfd, backup_prefix) == -1)
		log_warn("%s: %s", BACKUP_DIR, strerror(errno));
}

void
save_close(struct save *save)
{
	backup_close(&save->backups);
	save->dirfd = -1;
}

int
save_adopt(struct save *save)
{
	if (renameat(save->dirfd, save->temporary, save->dirfd,
	    save->file) == -1 || fsync(save->dirfd) == -1)
		return (-1);
	log_warn("%s: was not there; the save that was under way is taken",
	    save->file);
	return (0);
}

int
save_file(struct save *save, save_fn fn, void *arg, int64_t now)
{
	char			 backup[BACKUP_NAME_SIZE] = "";
	struct save_mark	 mark;
	int			 replaced = save_replaced(save), saved;

	if (write_temporary(save, fn, arg, now, &mark) == -1 ||
	    put_in_place(save, backup, now) == -1) {
		saved = errno;
		(void)unlinkat(save->dirfd, save->temporary, 0);
		backup_undo(&save->backups, backup);
		errno = saved;
		return (-1);
	}
	if (fsync(save->dirfd) == -1) {
		saved = errno;
		put_back(save, backup);
		errno = saved;
		return (-1);
	}
	if (replaced)
		say_replaced(save, backup);
	save->mark = mark;
	return (0);
}

static int
put_in_place(struct save *save, char backup[BACKUP_NAME_SIZE], int64_t now)
{
	if (backup_link(&save->backups, save->file, now, backup) == -1)
		return (-1);
	return (renameat(save->dirfd, save->temporary, save->dirfd,
	    save->file));
}

/*
 * The rename can't be made durable, so those who asked are refused: what
 * they asked for must not be found after a restart.
 */
static void
put_back(struct save *save, const char *backup)
{
	if (backup[0] == '\0')
		(void)unlinkat(save->dirfd, save->file, 0);
	else if (linkat(save->backups.fd, backup, save->dirfd,
	    save->temporary, 0) == -1 ||
	    renameat(save->dirfd, save->temporary, save->dirfd,
	    save->file) == -1)
		log_warn("%s: the former one can't be put back: %s",
		    save->file, strerror(errno));
}

static void
say_replaced(const struct save *save, const char *backup)
{
	if (backup[0] == '\0')
		log_warn("%s: was removed by somebody else; it is there "
		    "again", save->file);
	else
		log_warn("%s: was changed by somebody else; that is now "
		    "%s/%s, and the file holds what this daemon knows",
		    save->file, BACKUP_DIR, backup);
}

int
save_probe(struct save *save, save_fn fn, void *arg, int64_t now)
{
	struct save_mark	 mark;
	int			 r, saved;

	r = write_temporary(save, fn, arg, now, &mark);
	if (r == 0)
		r = backup_probe(&save->backups, save->temporary);
	saved = errno;
	(void)unlinkat(save->dirfd, save->temporary, 0);
	errno = saved;
	return (r);
}

/* --- Whose file is it? */

void
save_mark(struct save *save)
{
	struct stat	 st;

	if (fstatat(save->dirfd, save->file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		set_mark(&save->mark, &st);
	else
		memset(&save->mark, 0, sizeof(save->mark));
}

static void
set_mark(struct save_mark *mark, const struct stat *st)
{
	mark->there = 1;
	mark->dev = st->st_dev;
	mark->ino = st->st_ino;
	mark->size = st->st_size;
	mark->changed = st->st_mtim;
}

int
save_replaced(const struct save *save)
{
	const struct save_mark	*m = &save->mark;
	struct stat		 st;

	if (fstatat(save->dirfd, save->file, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT && m->there);
	return (!m->there || st.st_dev != m->dev || st.st_ino != m->ino ||
	    st.st_size != m->size ||
	    st.st_mtim.tv_sec != m->changed.tv_sec ||
	    st.st_mtim.tv_nsec != m->changed.tv_nsec);
}

/* --- Writing. */

static int
write_temporary(struct save *save, save_fn fn, void *arg, int64_t now,
    struct save_mark *mark)
{
	struct save_out	 out;
	struct stat	 st;
	int		 fd;

	fd = openat(save->dirfd, save->temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return (-1);
	if (out_init(&out, fd) == -1) {
		close(fd);
		return (-1);
	}
	fn(&out, now, arg);
	flush(&out);
	free(out.buf);
	if (out.error == 0) {
		if (fsync(fd) == -1 || fstat(fd, &st) == -1)
			out.error = errno;
		else
			set_mark(mark, &st);
	}
	if (close(fd) == -1 && out.error == 0)
		out.error = errno;
	errno = out.error;
	return (out.error == 0 ? 0 : -1);
}

static int
out_init(struct save_out *out, int fd)
{
	out->fd = fd;
	out->error = 0;
	out->n = 0;
	out->size = SAVE_BUFFER;
	out->buf = malloc(out->size);
	return (out->buf == NULL ? -1 : 0);
}

char *
save_text(save_fn fn, void *arg, int64_t now, size_t *len)
{
	struct save_out	 out;

	if (out_init(&out, -1) == -1)
		return (NULL);
	fn(&out, now, arg);
	*len = out.n;
	if (out.error == 0)
		return (out.buf);
	free(out.buf);
	errno = out.error;
	return (NULL);
}

void
save_member(struct save_out *out, const char *name,
    struct json_object *value)
{
	struct json_object	*key = json_object_new_string(name);
	const char		*text;
	size_t			 len;

	text = json_text(key, &len);
	save_put(out, text, len);
	save_puts(out, ": ");
	/* A null is NULL in json-c. */
	if (value == NULL)
		save_puts(out, "null");
	else {
		text = json_text(value, &len);
		save_put(out, text, len);
	}
	json_object_put(key);
}

void
save_puts(struct save_out *out, const char *s)
{
	save_put(out, s, strlen(s));
}

void
save_put(struct save_out *out, const char *data, size_t len)
{
	size_t	 n;

	while (len > 0 && out->error == 0) {
		if (out->n == out->size)
			make_room(out);
		n = out->size - out->n;
		if (n > len)
			n = len;
		memcpy(out->buf + out->n, data, n);
		out->n += n;
		data += n;
		len -= n;
	}
}

static void
make_room(struct save_out *out)
{
	char	*p;

	if (out->fd != -1)
		flush(out);
	else if ((p = reallocarray(out->buf, out->size, 2)) == NULL) {
		out->error = ENOMEM;
		out->n = 0;
	} else {
		out->buf = p;
		out->size *= 2;
	}
}

static void
flush(struct save_out *out)
{
	const char	*p = out->buf;
	ssize_t		 n;

	while (out->n > 0 && out->error == 0) {
		n = write(out->fd, p, out->n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			out->error = errno;
			break;
		}
		p += n;
		out->n -= (size_t)n;
	}
	out->n = 0;
}
