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
 * projects.json: in memory, saved as durably as the pipelines.  Runs in the
 * registry.  Values of secrets in it go nowhere else: others are told what
 * projects_public makes of a project.
 */

#ifndef CCM_REGISTRY_PROJECTS_H
#define CCM_REGISTRY_PROJECTS_H

#include <stddef.h>
#include <stdint.h>

struct backup_set;
struct json_object;
struct peer;
struct save_out;

#define PROJECTS_FILE	"projects.json"
#define PROJECTS_TEMPORARY "projects.json.tmp"
#define PROJECTS_BACKUPS "projects-"
#define PROJECTS_MAX	10000

/*
 * Read PROJECTS_FILE in the directory `dirfd`, which stays the caller's.  A
 * file that is none is logged and never overwritten: then nothing can be
 * changed (projects_why says why).
 */
void projects_open(int dirfd);
const char *projects_why(void);
struct backup_set *projects_backups(void);

/* Tell the api all of them, now, and from then on what changes. */
void projects_sync(struct peer *api);

size_t projects_count(void);

/* A project as it is in the file, borrowed; NULL if there is none. */
struct json_object *projects_find(const char *name);

/*
 * Put a project (taken over), or with NULL remove it.  projects_save makes
 * what was put durable and tells the api, or takes it all back: returns 0,
 * or -1 with errno.
 */
void projects_put(const char *name, struct json_object *project);
int projects_save(int64_t now);

/* Somebody replaced the file: write it again. */
void projects_look(void);

/* "projects": {...} and what else is there; secrets' values if asked. */
void projects_write(struct save_out *out, int with_secrets);

/* What anybody may see, the caller's. */
struct json_object *projects_public(const char *name,
    struct json_object *project);

#endif
