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
 * From names to GitHub's numbers: is the repository visible, is the
 * workflow file there, and which ids do they have.  Runs in the poller.
 */

#ifndef CCM_POLLER_RESOLVE_H
#define CCM_POLLER_RESOLVE_H

#include <stdint.h>

#include "watch.h"

struct resolve;

struct resolved {
	/* How it ended: 200, or the status, slug and sentence to answer. */
	int		 status;
	const char	*code;
	const char	*error;
	int64_t		 retry_after;	/* seconds, 0: not said */
	/* GitHub answered for good, not just for now. */
	int		 final;
	int		 reads_only;	/* the account may not change it */
	int64_t		 repository_id;
	int64_t		 workflow_id;
	char		 name[REPOSITORY_MAX + 1];	/* full_name */
	char		 default_branch[256];
	char		 html_url[512];
	char		 workflow_file[256];
	char		 workflow_state[32];
};

typedef void (*resolve_done)(const struct resolved *r, void *arg);

/*
 * Look both up; `done` is called once, later.  By the repository's `id`, by
 * its name where that is 0.  `name` is owner/name,
 * `file` .github/workflows/...; `priority` and `deadline` as in
 * github_call.  Returns NULL with errno ENOMEM.
 */
struct resolve *resolve_start(struct github *gh, int64_t id,
    const char *name, const char *file, int priority, int64_t deadline,
    resolve_done done, void *arg);
void resolve_cancel(struct resolve *r);

/* GitHub's numbers as the document's `github` member. */
struct json_object *resolved_to_json(const struct resolved *r);

/*
 * A pipeline whose numbers are not known (a file of the Python CCM) or
 * whose repository has another name now: look them up, tell the registry,
 * and try again later if that fails.
 */
void resolve_pipeline(struct pipeline *p, struct github *gh);
void resolve_forget(struct pipeline *p);

#endif
