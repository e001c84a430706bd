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
 * The pipelines: in memory, as text, and in pipelines.json.  Runs in the
 * registry.  Must not know what an operation is.
 *
 * Changes are staged in memory; store_save makes all of them durable or
 * store_rollback takes all of them back.
 */

#ifndef CCM_REGISTRY_STORE_H
#define CCM_REGISTRY_STORE_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "tree.h"

struct backup_set;
struct json_object;
struct save_out;

#define STORE_FILE	"pipelines.json"
#define STORE_TEMPORARY	"pipelines.json.tmp"
#define STORE_BACKUPS	"pipelines-"
#define STORE_FILE_MAX	(1024 * 1024 * 1024)
#define STORE_RECORDS_MAX 1000000
#define STORE_VERSION	"2.0"

/* One pipeline.  Others read it; only store.c writes. */
struct record {
	RB_ENTRY(record) entry;
	TAILQ_ENTRY(record) changed_entry;
	char		 id[MSG_ID_MAX + 1];
	char		*text;		/* its document, compact JSON */
	size_t		 len;
	/* What is looked up often, from the document. */
	int64_t		 repository_id;	/* 0: not there */
	int64_t		 workflow_id;
	char		*host;		/* whose numbers: "" not known */
	char		*repository;
	char		*workflow_file;
	int		 inactive;
	/* Staged: changed since the last save, and what it was before. */
	int		 changed;
	int		 removed;	/* no longer among the records */
	char		*before;	/* NULL: none, or the same */
};

/* Where and why a file was refused. */
struct store_fault {
	size_t		 line;		/* 0: the place is not known */
	size_t		 column;
	char		 text[256];
};

/* Begin, in the state directory open as `dirfd`, which stays the caller's. */
void store_open(int dirfd);
void store_close(void);
struct backup_set *store_backups(void);

/*
 * Read STORE_FILE (store_load), or what is open as `fd` (store_load_fd),
 * check all of it, and hold it.  No file is an empty registry.  Returns 0,
 * or -1 with `fault` filled in and nothing held.
 */
int store_load(struct store_fault *fault);
int store_load_fd(int fd, struct store_fault *fault);

/* --- load.c */

/*
 * A whole registry from a descriptor or from text, checked.  Returns the
 * root, the caller's, or NULL with `fault` filled in.
 */
struct json_object *load_fd(int fd, struct store_fault *fault);
struct json_object *load_text(const char *buf, size_t len,
    struct store_fault *fault);

/* All of a regular file of at most STORE_FILE_MAX bytes; free(3) it. */
char *load_read(int fd, size_t *len, struct store_fault *fault);

/* --- store.c */

struct record *store_find(const char *id);
struct record *store_next(struct record *after);	/* NULL: first */
/* The first behind that id, whether or not it is there. */
struct record *store_after(const char *id);
size_t store_count(void);

/*
 * The first pipeline of that repository and workflow: by ids of the GitHub
 * at `host` (pipeline_github_host), or where a document has none yet, by
 * name (any letter case) and file.  One that is not inactive is preferred.
 * NULL if there is none.
 */
struct record *store_find_workflow(const char *host, int64_t repository_id,
    int64_t workflow_id, const char *repository, const char *workflow_file);

/* A record's document, parsed anew: the caller's to change and put. */
struct json_object *store_document(const struct record *r);

/*
 * Stage a document under its pipeline_id, new or changed; the reference
 * stays the caller's.  `*record` (may be NULL) is its record.  Returns 1, 0
 * if it is what was there before, or -1 with errno: EMSGSIZE if it is
 * larger than MSG_DOC_MAX, ENOSPC if there are too many, ENOMEM.
 */
int store_stage(struct json_object *doc, struct record **record);

/* Stage that a record is to go: it is not among the records any more. */
void store_stage_removal(struct record *r);

/*
 * The members beside `pipelines`, NULL when there are none, and others in
 * their place; the reference stays the caller's.
 */
struct json_object *store_top(void);
void store_stage_top(struct json_object *top);

int store_is_staged(void);

/* Walk what is staged; NULL: first.  Removed ones have `removed` set. */
struct record *store_next_changed(struct record *after);

/*
 * Write all of it: temporary file, fsync, the old file linked into
 * backups/, rename, fsync of the directory.  What was staged remains
 * marked until store_settle.  Returns 0, or -1 with errno; then the file
 * is what it was.
 */
int store_save(int64_t now);

/* Could it be saved?  Returns 0, or -1 with errno. */
int store_probe(int64_t now);

/* 1 if STORE_FILE is not what was loaded or saved. */
int store_replaced(void);

/* "pipelines": {...} and the members beside it, for save.h. */
void store_write(struct save_out *out);

/* Forget what was before (after a save), or go back to it. */
void store_settle(void);
void store_rollback(void);

#endif
