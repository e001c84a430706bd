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
 * The save procedure of pipelines.json: at every instant a complete
 * registry is on disk under its name.  Runs in the registry.  Must not
 * change what it saves.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "json.h"
#include "log.h"
#include "save.h"
#include "store.h"
#include "timestamp.h"

#define SAVE_BUFFER	(256 * 1024)

struct out {
	int	 fd;
	int	 error;		/* the first errno */
	size_t	 n;
	char	 buf[SAVE_BUFFER];
};

static int	 write_temporary(int, struct json_object *, int64_t);
static void	 write_registry(struct out *, struct json_object *, int64_t);
static void	 put(struct out *, const char *, size_t);
static void	 put_string(struct out *, const char *);
static void	 put_member(struct out *, const char *, struct json_object *);
static void	 flush(struct out *);
static void	 put_back(int, const char *);

int
save_file(int dirfd, struct json_object *top, int64_t now)
{
	char	 backup[BACKUP_NAME_SIZE] = "";
	int	 saved;

	if (write_temporary(dirfd, top, now) == -1)
		goto fail;
	if (backup_link(STORE_FILE, now, backup) == -1)
		goto fail;
	if (renameat(dirfd, STORE_TEMPORARY, dirfd, STORE_FILE) == -1)
		goto fail;
	if (fsync(dirfd) == 0)
		return (0);
	saved = errno;
	put_back(dirfd, backup);
	errno = saved;
	return (-1);
fail:
	saved = errno;
	(void)unlinkat(dirfd, STORE_TEMPORARY, 0);
	backup_undo(backup);
	errno = saved;
	return (-1);
}

/*
 * The rename can't be made durable, so those who asked are refused: what
 * they asked for must not be found after a restart.
 */
static void
put_back(int dirfd, const char *backup)
{
	if (backup[0] == '\0')
		(void)unlinkat(dirfd, STORE_FILE, 0);
	else if (linkat(backup_dirfd(), backup, dirfd, STORE_TEMPORARY,
	    0) == -1 ||
	    renameat(dirfd, STORE_TEMPORARY, dirfd, STORE_FILE) == -1)
		log_warn("%s: the former one can't be put back: %s",
		    STORE_FILE, strerror(errno));
}

static int
write_temporary(int dirfd, struct json_object *top, int64_t now)
{
	struct out	*out;
	int		 error;

	if ((out = malloc(sizeof(*out))) == NULL)
		return (-1);
	out->error = 0;
	out->n = 0;
	out->fd = openat(dirfd, STORE_TEMPORARY,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->fd == -1) {
		free(out);
		return (-1);
	}
	write_registry(out, top, now);
	flush(out);
	if (out->error == 0 && fsync(out->fd) == -1)
		out->error = errno;
	if (close(out->fd) == -1 && out->error == 0)
		out->error = errno;
	error = out->error;
	free(out);
	errno = error;
	return (error == 0 ? 0 : -1);
}

/* A line for each pipeline: it reads well, and so does a diff. */
static void
write_registry(struct out *out, struct json_object *top, int64_t now)
{
	char		 stamp[TIMESTAMP_SIZE];
	struct record	*r;
	const char	*sep = "\n";

	put_string(out, "{\"pipelines\": {");
	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		put_string(out, sep);
		put_string(out, "\"");
		put_string(out, r->id);
		put_string(out, "\": ");
		put(out, r->text, r->len);
		sep = ",\n";
	}
	put_string(out, "\n}");
	if (top != NULL) {
		json_object_object_foreach(top, name, value) {
			if (strcmp(name, "registry_version") != 0 &&
			    strcmp(name, "last_updated") != 0)
				put_member(out, name, value);
		}
	}
	put_string(out, ",\n\"registry_version\": \"" STORE_VERSION "\"");
	put_string(out, ",\n\"last_updated\": \"");
	put_string(out, timestamp_format(now, stamp));
	put_string(out, "\"}\n");
}

static void
put_member(struct out *out, const char *name, struct json_object *value)
{
	struct json_object	*key = json_object_new_string(name);
	const char		*text;
	size_t			 len;

	put_string(out, ",\n");
	text = json_text(key, &len);
	put(out, text, len);
	put_string(out, ": ");
	/* A null is NULL in json-c. */
	if (value == NULL)
		put_string(out, "null");
	else {
		text = json_text(value, &len);
		put(out, text, len);
	}
	json_object_put(key);
}

static void
put_string(struct out *out, const char *s)
{
	put(out, s, strlen(s));
}

static void
put(struct out *out, const char *data, size_t len)
{
	size_t	 n;

	while (len > 0 && out->error == 0) {
		if (out->n == sizeof(out->buf))
			flush(out);
		n = sizeof(out->buf) - out->n;
		if (n > len)
			n = len;
		memcpy(out->buf + out->n, data, n);
		out->n += n;
		data += n;
		len -= n;
	}
}

static void
flush(struct out *out)
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
