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
 * Making a file the registry while it runs.  The present file becomes a
 * backup, as with every save; the others are told what changed and what is
 * there no more.  Runs in the registry.  Must not take a file that a start
 * would refuse.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "history.h"
#include "json.h"
#include "log.h"
#include "manage.h"
#include "store.h"

struct counts {
	int64_t	 changed;
	int64_t	 added;
	int64_t	 removed;
};

static void	 restore(const struct asked *, struct json_object *);
static void	 refuse_file(const struct asked *, const struct store_fault *);
static int	 stage(struct json_object *, struct counts *);
static int	 stage_one(struct json_object *, struct counts *);
static void	 remove_others(struct json_object *, struct counts *);
static void	 answer(const struct asked *, const struct counts *);

void
restore_text(const struct asked *asked, const char *text, size_t len)
{
	struct store_fault	 fault;
	struct json_object	*root;

	if ((root = load_text(text, len, &fault)) == NULL)
		refuse_file(asked, &fault);
	else
		restore(asked, root);
	json_object_put(root);
}

void
restore_backup(const struct asked *asked, const char *name)
{
	struct store_fault	 fault;
	struct json_object	*root;
	struct backup		 b;
	int			 fd;

	commit_now();
	if (backup_parse(STORE_BACKUPS, name, &b) == -1 || (fd = openat(
	    store_backups()->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) ==
	    -1) {
		apply_refuse(asked, 404, 0, 0, "backup_not_found",
		    "Backup not found: %s", name);
		return;
	}
	root = load_fd(fd, &fault);
	close(fd);
	if (root == NULL)
		refuse_file(asked, &fault);
	else
		restore(asked, root);
	json_object_put(root);
}

static void
refuse_file(const struct asked *asked, const struct store_fault *fault)
{
	if (fault->line > 0)
		apply_refuse(asked, 400, 0, 0, "invalid_file",
		    "Line %zu, column %zu: %s", fault->line, fault->column,
		    fault->text);
	else
		apply_refuse(asked, 400, 0, 0, "invalid_file", "%s",
		    fault->text);
}

/* Nothing else is staged here: the whole is saved, or none of it. */
static void
restore(const struct asked *asked, struct json_object *root)
{
	struct counts		 counts = { 0, 0, 0 };
	struct json_object	*list;

	list = json_object_get(json_member(root, "pipelines",
	    json_type_object));
	remove_others(list, &counts);
	if (stage(list, &counts) == -1) {
		store_rollback();
		apply_refuse(asked, 503, 5, 0, "unavailable",
		    "The registry could not be restored: %s",
		    strerror(errno));
	} else {
		json_object_object_del(root, "pipelines");
		store_stage_top(root);
		answer(asked, &counts);
	}
	json_object_put(list);
}

static void
remove_others(struct json_object *list, struct counts *counts)
{
	struct record	*r, *next;

	for (r = store_next(NULL); r != NULL; r = next) {
		next = store_next(r);
		if (json_object_object_get_ex(list, r->id, NULL))
			continue;
		/* When it comes again it is read back. */
		history_set_known(r->id, 0);
		store_stage_removal(r);
		counts->removed++;
	}
}

static int
stage(struct json_object *list, struct counts *counts)
{
	json_object_object_foreach(list, id, doc) {
		(void)id;
		if (stage_one(doc, counts) == -1)
			return (-1);
	}
	return (0);
}

/* One that nobody looked at meanwhile is read back, as one linked again. */
static int
stage_one(struct json_object *doc, struct counts *counts)
{
	struct record	*r = store_find(json_string(doc, "pipeline_id"));
	int		 was_watched = r != NULL && !r->inactive;
	int		 was_there = r != NULL, news;

	if ((news = store_stage(doc, &r)) == -1)
		return (-1);
	if (news == 0)
		return (0);
	if (was_there)
		counts->changed++;
	else
		counts->added++;
	if (!r->inactive && !was_watched) {
		history_set_known(r->id, 0);
		sync_rows_again(r->id);
	}
	return (0);
}

static void
answer(const struct asked *asked, const struct counts *counts)
{
	char		 text[128];
	struct reply	 reply = { .status = 200, .depends = 1, .audited = 1,
	    .detail = text };

	(void)snprintf(text, sizeof(text),
	    "%lld changed, %lld added, %lld removed",
	    (long long)counts->changed, (long long)counts->added,
	    (long long)counts->removed);
	reply.body = apply_success();
	json_set_int(reply.body, "pipelines", (int64_t)store_count());
	json_set_int(reply.body, "changed", counts->changed);
	json_set_int(reply.body, "added", counts->added);
	json_set_int(reply.body, "removed", counts->removed);
	commit_answer(asked, &reply);
}
