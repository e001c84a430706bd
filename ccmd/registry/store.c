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
 * pipelines.json in memory: records, staging.  Runs in the registry.  Must
 * not know what an operation is, nor how a file is read (load.c) or made
 * durable (save.c).
 *
 * A record holds its document as text: it is that text that goes to disk
 * and to the other processes, and a save is mostly concatenation.
 */

#include "config.h"

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
#include "timestamp.h"

RB_HEAD(record_tree, record);
TAILQ_HEAD(record_list, record);

static struct {
	struct save	 save;
	struct record_tree tree;
	struct record_list changed;
	size_t		 count;
	struct json_object *top;	/* members but `pipelines` */
	struct json_object *top_before;	/* staged: what it was */
} env = {
	.tree = RB_INITIALIZER(&env.tree),
	.changed = TAILQ_HEAD_INITIALIZER(env.changed),
};

static int	 record_cmp(struct record *, struct record *);
static int	 load_temporary(struct store_fault *);
static void	 hold(struct json_object *);
static void	 write_registry(struct save_out *, int64_t, void *);
static int	 record_set(struct record *, struct json_object *, const char *,
		    size_t);
static void	 record_index(struct record *, struct json_object *);
static void	 record_drop(struct record *);
static void	 record_free(struct record *);
static void	 record_restore(struct record *);
static void	 mark_changed(struct record *, char *);
static int	 same_workflow(const struct record *, const char *, int64_t,
		    int64_t, const char *, const char *);

TREE_GENERATE(record_tree, record, entry, record_cmp)

static int
record_cmp(struct record *a, struct record *b)
{
	return (strcmp(a->id, b->id));
}

void
store_open(int dirfd)
{
	save_open(&env.save, dirfd, STORE_FILE, STORE_TEMPORARY,
	    STORE_BACKUPS);
}

struct backup_set *
store_backups(void)
{
	return (&env.save.backups);
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
	save_close(&env.save);
}

int
store_load(struct store_fault *fault)
{
	struct json_object	*root;
	int			 fd;

	fd = openat(env.save.dirfd, STORE_FILE,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return (load_temporary(fault));
	if (fd == -1) {
		memset(fault, 0, sizeof(*fault));
		(void)snprintf(fault->text, sizeof(fault->text), "%s",
		    strerror(errno));
		return (-1);
	}
	save_mark(&env.save);
	root = load_fd(fd, fault);
	close(fd);
	if (root == NULL)
		return (-1);
	hold(root);
	json_object_put(root);
	return (0);
}

/* A save can be cut off where there is nothing but its temporary file. */
static int
load_temporary(struct store_fault *fault)
{
	struct json_object	*root;
	int			 fd;

	fd = openat(env.save.dirfd, STORE_TEMPORARY,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (0);
	root = load_fd(fd, fault);
	close(fd);
	if (root == NULL) {
		(void)unlinkat(env.save.dirfd, STORE_TEMPORARY, 0);
		return (0);
	}
	if (save_adopt(&env.save) == -1) {
		(void)snprintf(fault->text, sizeof(fault->text), "%s",
		    strerror(errno));
		json_object_put(root);
		return (-1);
	}
	save_mark(&env.save);
	hold(root);
	json_object_put(root);
	return (0);
}

int
store_load_fd(int fd, struct store_fault *fault)
{
	struct json_object	*root;

	if ((root = load_fd(fd, fault)) == NULL)
		return (-1);
	save_mark(&env.save);
	hold(root);
	json_object_put(root);
	return (0);
}

/* Nothing is held before all of it was found to be good. */
static void
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
	char		 path[256], host[PIPELINE_HOST_SIZE];
	const char	*repo = json_string(doc, "repository");
	const char	*file = json_string(doc, "workflow_file");
	const char	*status = json_string(doc, "status");

	/* Old documents may have a bare name. */
	if (file != NULL && pipeline_workflow_path(file, path,
	    sizeof(path)) == 0)
		file = path;
	r->repository_id = pipeline_github_id(doc, "repository_id");
	r->workflow_id = pipeline_github_id(doc, "workflow_id");
	free(r->host);
	free(r->repository);
	free(r->workflow_file);
	r->host = strdup(pipeline_github_host(doc, host));
	r->repository = strdup(repo == NULL ? "" : repo);
	r->workflow_file = strdup(file == NULL ? "" : file);
	if (r->host == NULL || r->repository == NULL ||
	    r->workflow_file == NULL)
		fatal("store");
	r->inactive = status != NULL && strcmp(status, "inactive") == 0;
}

static void
record_drop(struct record *r)
{
	RB_REMOVE(record_tree, &env.tree, r);
	env.count--;
	record_free(r);
}

static void
record_free(struct record *r)
{
	free(r->text);
	free(r->before);
	free(r->host);
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
store_find_workflow(const char *host, int64_t repository_id,
    int64_t workflow_id, const char *repository, const char *workflow_file)
{
	struct record	*r, *inactive = NULL;

	RB_FOREACH(r, record_tree, &env.tree) {
		if (!same_workflow(r, host, repository_id, workflow_id,
		    repository, workflow_file))
			continue;
		if (!r->inactive)
			return (r);
		if (inactive == NULL)
			inactive = r;
	}
	return (inactive);
}

static int
same_workflow(const struct record *r, const char *host,
    int64_t repository_id, int64_t workflow_id, const char *repository,
    const char *workflow_file)
{
	if (!pipeline_same_host(r->host, host))
		return (0);
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

/* One that was never saved is gone at once. */
void
store_stage_removal(struct record *r)
{
	if (r->changed && r->before == NULL) {
		TAILQ_REMOVE(&env.changed, r, changed_entry);
		record_drop(r);
		return;
	}
	RB_REMOVE(record_tree, &env.tree, r);
	env.count--;
	r->removed = 1;
	mark_changed(r, NULL);
}

void
store_stage_top(struct json_object *top)
{
	if (env.top_before == NULL)
		env.top_before = env.top != NULL ? env.top :
		    json_object_new_object();
	else
		json_object_put(env.top);
	env.top = json_object_get(top);
}

struct json_object *
store_top(void)
{
	return (env.top);
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
	return (save_file(&env.save, write_registry, NULL, now));
}

int
store_probe(int64_t now)
{
	return (save_probe(&env.save, write_registry, NULL, now));
}

int
store_replaced(void)
{
	return (save_replaced(&env.save));
}

/* A line for each pipeline: it reads well, and so does a diff. */
static void
write_registry(struct save_out *out, int64_t now,
    void *arg __attribute__((unused)))
{
	char		 stamp[TIMESTAMP_SIZE];

	save_puts(out, "{");
	store_write(out);
	save_puts(out, ",\n\"registry_version\": \"" STORE_VERSION "\"");
	save_puts(out, ",\n\"last_updated\": \"");
	save_puts(out, timestamp_format(now, stamp));
	save_puts(out, "\"}\n");
}

void
store_write(struct save_out *out)
{
	struct record	*r;
	const char	*sep = "\n";

	save_puts(out, "\"pipelines\": {");
	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		save_puts(out, sep);
		save_puts(out, "\"");
		save_puts(out, r->id);
		save_puts(out, "\": ");
		save_put(out, r->text, r->len);
		sep = ",\n";
	}
	save_puts(out, "\n}");
	if (env.top == NULL)
		return;
	json_object_object_foreach(env.top, name, value) {
		if (strcmp(name, "registry_version") == 0 ||
		    strcmp(name, "last_updated") == 0)
			continue;
		save_puts(out, ",\n");
		save_member(out, name, value);
	}
}

void
store_settle(void)
{
	struct record	*r;

	while ((r = TAILQ_FIRST(&env.changed)) != NULL) {
		TAILQ_REMOVE(&env.changed, r, changed_entry);
		if (r->removed) {
			record_free(r);
			continue;
		}
		free(r->before);
		r->before = NULL;
		r->changed = 0;
	}
	json_object_put(env.top_before);
	env.top_before = NULL;
}

int
store_is_staged(void)
{
	return (!TAILQ_EMPTY(&env.changed) || env.top_before != NULL);
}

/* What was removed comes last: its id may have been given again. */
void
store_rollback(void)
{
	struct record		*r;
	struct record_list	 removed = TAILQ_HEAD_INITIALIZER(removed);

	while ((r = TAILQ_FIRST(&env.changed)) != NULL) {
		TAILQ_REMOVE(&env.changed, r, changed_entry);
		r->changed = 0;
		if (r->removed)
			TAILQ_INSERT_TAIL(&removed, r, changed_entry);
		else if (r->before == NULL)
			record_drop(r);
		else
			record_restore(r);
	}
	while ((r = TAILQ_FIRST(&removed)) != NULL) {
		TAILQ_REMOVE(&removed, r, changed_entry);
		r->removed = 0;
		RB_INSERT(record_tree, &env.tree, r);
		env.count++;
		if (r->before != NULL)
			record_restore(r);
	}
	if (env.top_before != NULL) {
		json_object_put(env.top);
		env.top = env.top_before;
		env.top_before = NULL;
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
