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
 * The audit log.  Runs in the registry.  Must not decide what is audited,
 * and must not keep the registry from working when it can't be written.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "imsg.h"
#include "json.h"
#include "log.h"
#include "timestamp.h"

/* Lines not yet written; when the disk takes none, more are dropped. */
/* "logs/audit.log.99" and its NUL. */
#define AUDIT_NAME	32
#define AUDIT_PENDING_MAX (8 * 1024 * 1024)

static struct {
	int		 dirfd;
	int		 fd;
	int		 torn;		/* a line may be incomplete */
	int64_t		 began;		/* the time of its first line */
	struct ibuf	*lines;
	uint64_t	 dropped;
} env = { .dirfd = -1, .fd = -1 };

static int	 open_log(void);
static int	 close_line(void);
static int64_t	 first_time(void);
static int	 is_full(void);
static void	 rotate(void);
static const char *file_name(int, char[AUDIT_NAME]);
static const char *outcome(int);
static struct json_object *text(const char *);
static void	 put_line(const char *, size_t);
static int	 write_lines(void);

int
audit_open(int dirfd)
{
	env.dirfd = dirfd;
	if ((env.lines = ibuf_dynamic(0, AUDIT_PENDING_MAX)) == NULL)
		return (-1);
	return (open_log());
}

void
audit_close(void)
{
	if (env.fd != -1)
		close(env.fd);
	ibuf_free(env.lines);
	env.lines = NULL;
	env.fd = env.dirfd = -1;
}

static int
open_log(void)
{
	if (mkdirat(env.dirfd, AUDIT_DIR, 0700) == -1 && errno != EEXIST)
		return (-1);
	env.fd = openat(env.dirfd, AUDIT_DIR "/" AUDIT_FILE,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (env.fd == -1)
		return (-1);
	env.torn = 1;
	if (close_line() == -1)
		return (-1);
	env.began = first_time();
	return (0);
}

/* {"time":"2026-01-05T10:30:00Z",...}: else it begins now. */
static int64_t
first_time(void)
{
	static const char	 begin[] = "{\"time\":\"";
	char			 buf[sizeof(begin) + TIMESTAMP_SIZE];
	int64_t			 t;
	ssize_t			 n;

	n = pread(env.fd, buf, sizeof(buf) - 1, 0);
	if (n < (ssize_t)(sizeof(begin) - 1 + TIMESTAMP_SIZE - 1) ||
	    strncmp(buf, begin, sizeof(begin) - 1) != 0)
		return (time(NULL));
	buf[sizeof(begin) - 1 + TIMESTAMP_SIZE - 1] = '\0';
	return (timestamp_parse(buf + sizeof(begin) - 1, &t) == -1 ?
	    time(NULL) : t);
}

/* Nothing is ever appended to half a line. */
static int
close_line(void)
{
	struct stat	 st;
	char		 c;

	if (fstat(env.fd, &st) == -1)
		return (-1);
	if (st.st_size > 0) {
		if (pread(env.fd, &c, 1, st.st_size - 1) != 1)
			return (-1);
		if (c != '\n' && write(env.fd, "\n", 1) != 1)
			return (-1);
	}
	env.torn = 0;
	return (0);
}

void
audit_add(const struct audit *a, int64_t now)
{
	char			 stamp[TIMESTAMP_SIZE];
	struct json_object	*o = json_object_new_object();
	const char		*line;
	size_t			 len;

	json_object_object_add(o, "time",
	    text(timestamp_format(now, stamp)));
	json_object_object_add(o, "op", json_object_new_uint64(a->op));
	json_object_object_add(o, "actor", text(a->actor));
	json_object_object_add(o, "verb", text(a->verb));
	json_object_object_add(o, "target", text(a->target));
	json_object_object_add(o, "status", json_object_new_int(a->status));
	json_object_object_add(o, "outcome", text(outcome(a->status)));
	if (a->detail != NULL && a->detail[0] != '\0')
		json_object_object_add(o, "detail", text(a->detail));
	if (a->count > 1)
		json_set_int(o, "count", a->count);
	line = json_text(o, &len);
	put_line(line, len);
	json_object_put(o);
}

static const char *
outcome(int status)
{
	return (status < 400 ? "ok" : status < 500 ? "refused" : "failed");
}

static struct json_object *
text(const char *s)
{
	return (json_object_new_string(s));
}

/*
 * json-c escapes control bytes, but lets pass what is no UTF-8: such a line
 * would be none that a JSON reader takes, so it loses its 8-bit bytes.
 */
static void
put_line(const char *line, size_t len)
{
	struct json_object	*o;
	char			*p;
	size_t			 i;

	if (ibuf_size(env.lines) + len + 1 > AUDIT_PENDING_MAX ||
	    (p = ibuf_reserve(env.lines, len + 1)) == NULL) {
		if (env.dropped++ == 0)
			log_warn("%s: lines are dropped", AUDIT_FILE);
		return;
	}
	memcpy(p, line, len);
	p[len] = '\n';
	if ((o = json_parse_strict(line, len, len, NULL)) == NULL)
		for (i = 0; i < len; i++)
			if ((unsigned char)p[i] >= 0x80)
				p[i] = '?';
	json_object_put(o);
}

int
audit_pending(void)
{
	return (env.lines != NULL && ibuf_size(env.lines) > 0);
}

int
audit_commit(void)
{
	struct stat	 st;
	int		 saved;

	if (!audit_pending())
		return (0);
	if (env.fd == -1 && open_log() == -1)
		return (-1);
	if (env.torn && close_line() == -1)
		return (-1);
	if (fstat(env.fd, &st) == -1)
		return (-1);
	if (write_lines() == 0 && fdatasync(env.fd) == 0) {
		env.dropped = 0;
		if (is_full())
			rotate();
		ibuf_rewind(env.lines);
		return (ibuf_truncate(env.lines, 0));
	}
	/*
	 * What an fsync that failed leaves on the disk nobody knows: the
	 * lines are taken out again and written anew the next time.
	 */
	saved = errno;
	if (ftruncate(env.fd, st.st_size) == -1)
		env.torn = 1;
	errno = saved;
	return (-1);
}

static int
write_lines(void)
{
	const char	*p = ibuf_data(env.lines);
	size_t		 left = ibuf_size(env.lines);
	ssize_t		 n;

	while (left > 0) {
		n = write(env.fd, p, left);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		p += n;
		left -= (size_t)n;
	}
	return (0);
}

/* --- Files put aside. */

static int
is_full(void)
{
	struct stat	 st;

	return (fstat(env.fd, &st) == 0 && (st.st_size >= AUDIT_SIZE ||
	    time(NULL) - env.began >= AUDIT_DAYS * 86400LL));
}

/*
 * From the oldest on, so that none is lost when it ends in between.  What
 * can't be renamed stays, and the present file grows on.
 */
static void
rotate(void)
{
	char	 from[AUDIT_NAME], to[AUDIT_NAME];
	int	 i, dir;

	for (i = AUDIT_FILES - 2; i >= 0; i--)
		if (renameat(env.dirfd, file_name(i, from), env.dirfd,
		    file_name(i + 1, to)) == -1 && errno != ENOENT) {
			log_warn("%s: %s", from, strerror(errno));
			return;
		}
	close(env.fd);
	env.fd = -1;
	dir = openat(env.dirfd, AUDIT_DIR,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (open_log() == -1 || dir == -1 || fsync(dir) == -1)
		log_warn("%s: %s", AUDIT_DIR, strerror(errno));
	if (dir != -1)
		close(dir);
}

static const char *
file_name(int i, char name[AUDIT_NAME])
{
	if (i == 0)
		(void)snprintf(name, AUDIT_NAME, AUDIT_DIR "/" AUDIT_FILE);
	else
		(void)snprintf(name, AUDIT_NAME, AUDIT_DIR "/" AUDIT_FILE
		    ".%d", i);
	return (name);
}

int
audit_open_file(int i)
{
	char	 name[AUDIT_NAME];

	return (openat(env.dirfd, file_name(i, name),
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
}
