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
 * Secret files.  Runs in the parent.  What is read here stays in locked
 * memory; it is never logged.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"

#define CREDENTIAL_MAX	1024

static int	 check_file(int, const char *, const char *);

char *
credential_copy(const char *secret, size_t len)
{
	char	*p;

	if ((p = sodium_malloc(len + 1)) == NULL)
		fatal("locked memory");
	/* sodium_malloc does not say whether its lock held. */
	if (sodium_mlock(p, len + 1) == -1)
		log_warn("memory for secrets can't be locked: %s",
		    strerror(errno));
	memcpy(p, secret, len);
	p[len] = '\0';
	return (p);
}

int
credential_open(const char *path, const char *name)
{
	int	 fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		log_err("%s: %s", name, strerror(errno));
		return (-1);
	}
	if (check_file(fd, path, name) == -1) {
		close(fd);
		return (-1);
	}
	return (fd);
}

int
credential_read(const char *path, const char *name, char **secret,
    size_t *len)
{
	char	 buf[CREDENTIAL_MAX + 1];
	ssize_t	 n;
	int	 fd, r = -1;

	if ((fd = credential_open(path, name)) == -1)
		return (-1);
	n = read(fd, buf, sizeof(buf));
	close(fd);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	if (n == -1)
		log_err("%s: %s", name, strerror(errno));
	else if (n == 0 || n > CREDENTIAL_MAX)
		log_err("%s: one line of 1 to %d bytes was expected", name,
		    CREDENTIAL_MAX);
	else if (!credential_text_ok(buf, (size_t)n))
		log_err("%s: one line without blanks was expected", name);
	else {
		*secret = credential_copy(buf, (size_t)n);
		*len = (size_t)n;
		r = 0;
	}
	explicit_bzero(buf, sizeof(buf));
	return (r);
}

static int
check_file(int fd, const char *path, const char *name)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1) {
		log_err("%s: %s", name, strerror(errno));
		return (-1);
	}
	if (!S_ISREG(st.st_mode)) {
		log_err("%s: a regular file was expected", name);
		return (-1);
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		log_err("%s: must belong to root or to us", name);
		return (-1);
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		log_err("%s: others may read or write it (chmod 600 %s)",
		    name, log_visible(path));
		return (-1);
	}
	return (0);
}

int
credential_text_ok(const char *p, size_t len)
{
	for (; len > 0; len--, p++)
		if (*p < 0x21 || *p > 0x7e)
			return (0);
	return (1);
}
