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
 * What is done with the registry itself (STORE).  Runs in the registry.
 *
 *	manage.c	who does what; files on their way
 *	manage_project.c projects
 *	import.c	adding what a file holds
 *	restore.c	making a file the registry
 *	export.c	all of it into one file
 *	query_registry.c what it holds
 */

#ifndef CCM_REGISTRY_MANAGE_H
#define CCM_REGISTRY_MANAGE_H

#include <stddef.h>

#include "registry.h"

struct save_out;

/* Take in an operation; `fd` (-1: none) is taken over. */
void manage_take(const struct msg_store *m, int fd);

/* --- manage_project.c */

void manage_project_init(const struct asked *asked, struct json_object *args,
    int fd);
void manage_project_set(const struct asked *asked, struct json_object *args,
    int fd);
void manage_project_delete(const struct asked *asked,
    struct json_object *args, int fd);

/* --- import.c */

void import_text(const struct asked *asked, const char *text, size_t len);

/* --- restore.c */

void restore_text(const struct asked *asked, const char *text, size_t len);
/* A backup by its name. */
void restore_backup(const struct asked *asked, const char *name);

/* --- export.c */

#define EXPORT_MARK	"ccm_export"
#define EXPORT_VERSION	1
#define EXPORT_PIPELINES "pipelines.json"
#define EXPORT_PROJECTS	"projects.json"

/* The file's text, the caller's; NULL when there is no memory. */
char *export_text(int with_secrets, size_t *len);

#endif
