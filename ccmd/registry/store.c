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
 * pipelines.json in memory: records, staging, loading.  Runs in the
 * registry.  Must not know what an operation is, nor write the file: that
 * is save.c's.
 *
 * A record holds its document as text: it is that text that goes to disk
 * and to the other processes, and a save is mostly concatenation.
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
#include "pipeline.h"
#include "save.h"
#include "store.h"

RB_HEAD(record_tree, record);
TAILQ_HEAD(record_list, record);

static struct {
	int		 dirfd;		/* borrowed */
	struct record_tree tree;
	struct record_list changed;
	size_t		 count;
	struct json_object *top;	/* members but `pipelines` */
} env = {
	.dirfd = -1,
	.tree = RB_INITIALIZER(&env.tree),
	.changed = TAILQ_HEAD_INITIALIZER(env.changed),
};

static int	 record_cmp(struct record *, struct record *);
static int	 load_fd(int, int, struct store_fault *);
static void	 set_reason(const struct json_error *, struct store_fault *);
static char	*read_all(int, size_t *, struct store_fault *);
static int	 check(struct json_object *, const char *, size_t,
		    struct store_fault *);
static int	 check_document(const char *, struct json_object *,
		    struct store_fault *);
static void	 find_place(const char *, size_t, const char *,
		    struct store_fault *);
static void	 set_place(const char *, size_t, struct store_fault *);
static int	 hold(struct json_object *);
static int	 record_set(struct record *, struct json_object *, const char *,
		    size_t);
static void	 record_index(struct record *, struct json_object *);
static void	 record_drop(struct record *);
static void	 record_restore(struct record *);
static void	 mark_changed(struct record *, char *);
static int	 same_workflow(const struct record *, int64_t, int64_t,
		    const char *, const char *);

TREE_GENERATE(record_tree, record, entry, record_cmp)

static int
record_cmp(struct record *a, struct record *b)
{
	return (strcmp(a->id, b->id));
}

int
store_open(int dirfd)
{
	env.dirfd = dirfd;
	if (unlinkat(dirfd, STORE_TEMPORARY, 0) == -1 && errno != ENOENT)
		return (-1);
	return (0);
}

void
store_close(void)
{
	struct record	*r;

	while ((r = RB_ROOT(&env.tree)) != NULL)
		record_drop(r);
	TAILQ_INIT(&env.changed);
	json_object_put(env.top);
	env.top = NULL;
	env.dirfd = -1;
}

int
store_load(struct store_fault *fault)
{
	int	 fd, r;

	fd = openat(env.dirfd, STORE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return (0);
	if (fd == -1) {
		memset(fault, 0, sizeof(*fault));
		(void)snprintf(fault->text, sizeof(fault->text), "%s",
		    strerror(errno));
		return (-1);
	}
	r = load_fd(fd, 1, fault);
	close(fd);
	return (r);
}

int
store_load_fd(int fd, struct store_fault *fault)
{
	return (load_fd(fd, 1, fault));
}

int
store_check_fd(int fd, struct store_fault *fault)
{
	return (load_fd(fd, 0, fault));
}

/* Nothing is held before all of it was found to be good. */
static int
load_fd(int fd, int keep, struct store_fault *fault)
{
	struct json_object	*root = NULL;
	struct json_error	 err;
	char			*buf;
	size_t			 len;
	int			 r = -1;

	memset(fault, 0, sizeof(*fault));
	if ((buf = read_all(fd, &len, fault)) == NULL)
		return (-1);
	root = json_parse_strict(buf, len, STORE_FILE_MAX, &err);
	if (root == NULL) {
		fault->line = err.line;
		fault->column = err.column;
		set_reason(&err, fault);
	} else if (check(root, buf, len, fault) == 0)
		r = keep ? hold(root) : 0;
	json_object_put(root);
	free(buf);
	return (r);
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

static char *
read_all(int fd, size_t *len, struct store_fault *fault)
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

static int
hold(struct json_object *root)
{
	struct json_object	*list;
	struct record		*r;
	const char		*text;
	size_t			 len;

	list = json_member(root, "pipelines", json_type_object);
	json_object_object_foreach(list, id, doc) {
		if ((r = calloc(1, sizeof(*r))) == NULL)
			fatal("store");
		(void)strlcpy(r->id, id, sizeof(r->id));
		text = json_text(doc, &len);
		if (record_set(r, doc, text, len) == -1)
			fatal("store");
		RB_INSERT(record_tree, &env.tree, r);
		env.count++;
	}
	env.top = json_object_get(root);
	json_object_object_del(env.top, "pipelines");
	return (0);
}

/* Copies the text and takes from the document what is looked up often. */
static int
record_set(struct record *r, struct json_object *doc, const char *text,
    size_t len)
{
	char	*copy;

	if ((copy = malloc(len + 1)) == NULL)
		return (-1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	free(r->text);
	r->text = copy;
	r->len = len;
	record_index(r, doc);
	return (0);
}

static void
record_index(struct record *r, struct json_object *doc)
{
	char		 path[256];
	const char	*repo = json_string(doc, "repository");
	const char	*file = json_string(doc, "workflow_file");
	const char	*status = json_string(doc, "status");

	/* Old documents may have a bare name. */
	if (file != NULL && pipeline_workflow_path(file, path,
	    sizeof(path)) == 0)
		file = path;
	r->repository_id = pipeline_github_id(doc, "repository_id");
	r->workflow_id = pipeline_github_id(doc, "workflow_id");
	free(r->repository);
	free(r->workflow_file);
	r->repository = strdup(repo == NULL ? "" : repo);
	r->workflow_file = strdup(file == NULL ? "" : file);
	if (r->repository == NULL || r->workflow_file == NULL)
		fatal("store");
	r->inactive = status != NULL && strcmp(status, "inactive") == 0;
}

static void
record_drop(struct record *r)
{
	RB_REMOVE(record_tree, &env.tree, r);
	env.count--;
	free(r->text);
	free(r->before);
	free(r->repository);
	free(r->workflow_file);
	free(r);
}

struct record *
store_find(const char *id)
{
	struct record	 key;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	return (RB_FIND(record_tree, &env.tree, &key));
}

struct record *
store_next(struct record *after)
{
	return (after == NULL ? RB_MIN(record_tree, &env.tree) :
	    RB_NEXT(record_tree, &env.tree, after));
}

struct record *
store_after(const char *id)
{
	struct record	 key, *r;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	r = RB_NFIND(record_tree, &env.tree, &key);
	return (r != NULL && strcmp(r->id, id) == 0 ?
	    RB_NEXT(record_tree, &env.tree, r) : r);
}

size_t
store_count(void)
{
	return (env.count);
}

struct record *
store_find_workflow(int64_t repository_id, int64_t workflow_id,
    const char *repository, const char *workflow_file)
{
	struct record	*r, *inactive = NULL;

	RB_FOREACH(r, record_tree, &env.tree) {
		if (!same_workflow(r, repository_id, workflow_id, repository,
		    workflow_file))
			continue;
		if (!r->inactive)
			return (r);
		if (inactive == NULL)
			inactive = r;
	}
	return (inactive);
}

static int
same_workflow(const struct record *r, int64_t repository_id,
    int64_t workflow_id, const char *repository, const char *workflow_file)
{
	if (r->repository_id != 0 && r->workflow_id != 0)
		return (r->repository_id == repository_id &&
		    r->workflow_id == workflow_id);
	return (strcasecmp(r->repository, repository) == 0 &&
	    strcmp(r->workflow_file, workflow_file) == 0);
}

struct json_object *
store_document(const struct record *r)
{
	struct json_object	*doc;

	doc = json_parse_strict(r->text, r->len, MSG_DOC_MAX, NULL);
	if (doc == NULL)
		fatalx("pipeline %s: document does not parse", r->id);
	return (doc);
}

int
store_stage(struct json_object *doc, struct record **record)
{
	struct record	*r = store_find(json_string(doc, "pipeline_id"));
	const char	*text;
	char		*before = NULL;
	size_t		 len;

	text = json_text(doc, &len);
	if (record != NULL)
		*record = r;
	if (r != NULL && r->len == len && memcmp(r->text, text, len) == 0)
		return (0);
	if (len > MSG_DOC_MAX) {
		errno = EMSGSIZE;
		return (-1);
	}
	if (r == NULL) {
		if (env.count >= STORE_RECORDS_MAX) {
			errno = ENOSPC;
			return (-1);
		}
		if ((r = calloc(1, sizeof(*r))) == NULL)
			return (-1);
		(void)strlcpy(r->id, json_string(doc, "pipeline_id"),
		    sizeof(r->id));
		RB_INSERT(record_tree, &env.tree, r);
		env.count++;
	} else if (!r->changed && (before = strdup(r->text)) == NULL)
		return (-1);
	if (record_set(r, doc, text, len) == -1)
		fatal("store");
	mark_changed(r, before);
	if (record != NULL)
		*record = r;
	return (1);
}

static void
mark_changed(struct record *r, char *before)
{
	if (r->changed)
		return;
	r->changed = 1;
	r->before = before;
	TAILQ_INSERT_TAIL(&env.changed, r, changed_entry);
}

struct record *
store_next_changed(struct record *after)
{
	return (after == NULL ? TAILQ_FIRST(&env.changed) :
	    TAILQ_NEXT(after, changed_entry));
}

int
store_save(int64_t now)
{
	return (save_file(env.dirfd, env.top, now));
}

void
store_settle(void)
{
	struct record	*r;

	while ((r = TAILQ_FIRST(&env.changed)) != NULL) {
		TAILQ_REMOVE(&env.changed, r, changed_entry);
		free(r->before);
		r->before = NULL;
		r->changed = 0;
	}
}

void
store_rollback(void)
{
	struct record	*r;

	while ((r = TAILQ_FIRST(&env.changed)) != NULL) {
		TAILQ_REMOVE(&env.changed, r, changed_entry);
		r->changed = 0;
		if (r->before == NULL)
			record_drop(r);
		else
			record_restore(r);
	}
}

static void
record_restore(struct record *r)
{
	struct json_object	*doc;

	free(r->text);
	r->text = r->before;
	r->len = strlen(r->text);
	r->before = NULL;
	doc = store_document(r);
	record_index(r, doc);
	json_object_put(doc);
}
