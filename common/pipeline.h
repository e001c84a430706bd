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
 * The pipeline document: what its members may be, and how one is made
 * (contract.md, "The pipeline document").  Belongs to poller, api, registry
 * and ccmctl.  A document stays a json-c object whole, so that members not
 * known here survive.
 */

#ifndef CCM_PIPELINE_H
#define CCM_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

#define PIPELINE_ID_MAX		64
#define PIPELINE_CONFIG_MAX	(16 * 1024)
#define PIPELINE_BRANCHES_MAX	100
#define PIPELINE_BRANCH_MAX	255
#define PIPELINE_TIME_SIZE	64	/* of created_at, as it stands there */
#define PIPELINE_WORKFLOWS	".github/workflows/"

/* [A-Za-z0-9_-]{1,64} */
int pipeline_id_ok(const char *id);

/* owner/name as GitHub allows them. */
int pipeline_repository_ok(const char *name);

/*
 * A .yml or .yaml file directly in .github/workflows/, or its bare name;
 * the full path is written to `path`.  Returns 0, or -1.
 */
int pipeline_workflow_path(const char *file, char *path, size_t size);

/* A host name (RFC 1123). */
int pipeline_domain_ok(const char *name);

/* [A-Za-z0-9._-]{1,64}, no dot in front. */
int pipeline_name_ok(const char *name);

/*
 * A `config`: known members of their types or null, the others together of
 * at most PIPELINE_CONFIG_MAX bytes; nulls of known ones are
 * removed.  Returns 0, or -1 with a sentence in `why`.
 */
int pipeline_config_check(struct json_object *config, char *why,
    size_t size);

/* Are the members that are not known here within PIPELINE_CONFIG_MAX? */
int pipeline_config_fits(struct json_object *config);

/*
 * A document as it was found on disk, leniently: what the Python CCM wrote
 * passes.  Members that are known here and need not be there may be null, and
 * are of their type if not.  Returns 0, or -1 with a sentence in `why`.
 */
int pipeline_check(struct json_object *doc, const char *id, char *why,
    size_t size);

/* contract.md's default configuration, the caller's. */
struct json_object *pipeline_default_config(void);

/* `github.repository_id`, `github.workflow_id`; 0: not there. */
int64_t pipeline_github_id(struct json_object *doc, const char *name);

/*
 * Which GitHub numbers it so: host and port of `github.html_url`, in lower
 * case; "" where that is not there.  Returns `buf`.
 */
#define PIPELINE_HOST_SIZE	256
const char *pipeline_github_host(struct json_object *doc,
    char buf[PIPELINE_HOST_SIZE]);

/* May both be the same?  One that is "" is not known. */
int pipeline_same_host(const char *a, const char *b);

/* `vps_integration`'s members, "" where there is none. */
const char *pipeline_vps(struct json_object *doc, const char *name);

#endif
