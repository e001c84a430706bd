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
 * Reading pipelines.json: is it a registry, and if not, where is it wrong?
 * Runs in the registry.  Must not hold anything: that is store.c's.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "store.h"

static void	 set_reason(const struct json_error *, struct store_fault *);
static int	 check(struct json_object *, const char *, size_t,
		    struct store_fault *);
static int	 check_document(const char *, struct json_object *,
		    struct store_fault *);
static void	 find_place(const char *, size_t, const char *,
		    struct store_fault *);
static void	 set_place(const char *, size_t, struct store_fault *);

struct json_object *
load_fd(int fd, struct store_fault *fault)
{
	struct json_object	*root;
	char			*buf;
	size_t			 len;

	memset(fault, 0, sizeof(*fault));
	if ((buf = load_read(fd, &len, fault)) == NULL)
		return (NULL);
	root = load_text(buf, len, fault);
	free(buf);
	return (root);
}

struct json_object *
load_text(const char *buf, size_t len, struct store_fault *fault)
{
	struct json_object	*root;
	struct json_error	 err;

	memset(fault, 0, sizeof(*fault));
	root = json_parse_strict(buf, len, STORE_FILE_MAX, &err);
	if (root == NULL) {
		fault->line = err.line;
		fault->column = err.column;
		set_reason(&err, fault);
	} else if (check(root, buf, len, fault) == -1) {
		json_object_put(root);
		return (NULL);
	}
	return (root);
}

/* The sentence without the place, which is told in front of it. */
static void
set_reason(const struct json_error *err, struct store_fault *fault)
{
	char	 place[64];
	int	 n;

	n = snprintf(place, sizeof(place), "line %zu, column %zu: ",
	    err->line, err->column);
	if (n < 0 || (size_t)n >= sizeof(place) ||
	    strncmp(err->text, place, (size_t)n) != 0)
		n = 0;
	(void)strlcpy(fault->text, err->text + n, sizeof(fault->text));
}

char *
load_read(int fd, size_t *len, struct store_fault *fault)
{
	struct stat	 st;
	char		*buf = NULL;
	const char	*why = NULL;
	size_t		 got;
	ssize_t		 n;

	if (fstat(fd, &st) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "expected a regular file";
	else if (st.st_size > STORE_FILE_MAX)
		why = "expected a file of at most 1 GB";
	else if ((buf = malloc((size_t)st.st_size + 1)) == NULL)
		why = "out of memory";
	for (got = 0; why == NULL && got < (size_t)st.st_size;
	    got += (size_t)n) {
		n = pread(fd, buf + got, (size_t)st.st_size - got,
		    (off_t)got);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			why = n == 0 ? "file shrank" : strerror(errno);
	}
	if (why != NULL) {
		(void)strlcpy(fault->text, why, sizeof(fault->text));
		free(buf);
		return (NULL);
	}
	*len = got;
	return (buf);
}

/* Is it a registry?  json-c has no places, so they are found in the text. */
static int
check(struct json_object *root, const char *buf, size_t len,
    struct store_fault *fault)
{
	struct json_object	*list;

	if (!json_object_is_type(root, json_type_object) ||
	    (list = json_member(root, "pipelines", json_type_object)) ==
	    NULL) {
		(void)strlcpy(fault->text, "expected an object with the "
		    "member \"pipelines\", an object", sizeof(fault->text));
		find_place(buf, len, "pipelines", fault);
		return (-1);
	}
	if ((size_t)json_object_object_length(list) > STORE_RECORDS_MAX) {
		(void)snprintf(fault->text, sizeof(fault->text),
		    "expected at most %d pipelines", STORE_RECORDS_MAX);
		find_place(buf, len, "pipelines", fault);
		return (-1);
	}
	json_object_object_foreach(list, id, doc) {
		if (check_document(id, doc, fault) == -1) {
			find_place(buf, len, id, fault);
			return (-1);
		}
	}
	return (0);
}

static int
check_document(const char *id, struct json_object *doc,
    struct store_fault *fault)
{
	char	 why[160];
	size_t	 len;

	if (pipeline_check(doc, id, why, sizeof(why)) == -1) {
		(void)snprintf(fault->text, sizeof(fault->text),
		    "pipeline %s: %s", log_visible(id), why);
		return (-1);
	}
	(void)json_text(doc, &len);
	if (len > MSG_DOC_MAX) {
		(void)snprintf(fault->text, sizeof(fault->text),
		    "pipeline %s: must be of at most %d bytes", id,
		    MSG_DOC_MAX);
		return (-1);
	}
	return (0);
}

/* The first place where `name` is a member's name. */
static void
find_place(const char *buf, size_t len, const char *name,
    struct store_fault *fault)
{
	const char	*p = buf, *q, *end = buf + len;
	size_t		 n = strlen(name);

	while ((p = memmem(p, (size_t)(end - p), name, n)) != NULL) {
		q = p + n;
		if (p > buf && p[-1] == '"' && q < end && *q == '"') {
			for (q++; q < end && strchr(" \t\r\n", *q); q++)
				continue;
			if (q < end && *q == ':')
				break;
		}
		p += n;
	}
	set_place(buf, p == NULL ? 0 : (size_t)(p - 1 - buf), fault);
}

static void
set_place(const char *buf, size_t offset, struct store_fault *fault)
{
	const char	*line, *next, *end = buf + offset;

	fault->line = 1;
	for (line = buf; (next = memchr(line, '\n', (size_t)(end - line))) !=
	    NULL; line = next + 1)
		fault->line++;
	fault->column = (size_t)(end - line) + 1;
}
