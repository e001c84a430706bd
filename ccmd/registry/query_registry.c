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
 * What the registry holds, and its backups.  Runs in the registry.  Must
 * not open a backup: their number may be great.
 */

#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backup.h"
#include "health.h"
#include "json.h"
#include "projects.h"
#include "query.h"
#include "registry.h"
#include "store.h"
#include "timestamp.h"

#define BACKUPS_DEFAULT	50

static enum query_more	 start(struct query *);
static void	 status(struct query *);
static void	 backups(struct query *);
static struct json_object *one_backup(struct backup_set *, const char *);

const struct query_kind	 query_registry = { start, NULL, NULL };

static enum query_more
start(struct query *q)
{
	q->status = 200;
	q->body = apply_success();
	if (q->verb == VERB_REGISTRY_STATUS)
		status(q);
	else
		backups(q);
	return (QUERY_DONE);
}

static void
status(struct query *q)
{
	struct backup_set	*set = store_backups();
	const char		*newest = backup_nth(set, 0);
	struct record		*r;
	int64_t			 inactive = 0, bytes = 0;

	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		inactive += r->inactive;
		bytes += (int64_t)r->len;
	}
	json_set_int(q->body, "pipelines", (int64_t)store_count());
	json_set_int(q->body, "inactive", inactive);
	json_set_int(q->body, "bytes", bytes);
	json_set_int(q->body, "projects", (int64_t)projects_count());
	json_set_int(q->body, "backups", (int64_t)set->n);
	json_object_object_add(q->body, "newest_backup", newest == NULL ?
	    NULL : json_object_new_string(newest));
	health_put(q->body);
}

static void
backups(struct query *q)
{
	struct backup_set	*set = store_backups();
	struct json_object	*list = json_object_new_array();
	const char		*name;
	int64_t			 limit = BACKUPS_DEFAULT, i;

	(void)json_int(q->args, "limit", &limit);
	for (i = 0; i < limit; i++) {
		if ((name = backup_nth(set, (size_t)i)) == NULL)
			break;
		json_object_array_add(list, one_backup(set, name));
	}
	json_object_object_add(q->body, "backups", list);
	json_set_int(q->body, "count", i);
	json_set_int(q->body, "total", (int64_t)set->n);
}

static struct json_object *
one_backup(struct backup_set *set, const char *name)
{
	struct json_object	*o = json_object_new_object();
	char			 stamp[TIMESTAMP_SIZE];
	struct backup		 b;
	struct stat		 st;

	json_set_text(o, "name", name);
	if (backup_parse(set->prefix, name, &b) == 0)
		json_set_text(o, "time", timestamp_format(b.time, stamp));
	if (fstatat(set->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		json_set_int(o, "bytes", (int64_t)st.st_size);
	return (o);
}
