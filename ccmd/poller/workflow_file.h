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
 * A workflow's file, as far as it says what may be asked of the workflow.
 * Runs in the poller.
 */

#ifndef CCM_POLLER_WORKFLOW_FILE_H
#define CCM_POLLER_WORKFLOW_FILE_H

#include <stddef.h>

struct json_object;

/* What people are told where there is no trigger. */
#define NO_DISPATCH							\
	"the workflow has no workflow_dispatch trigger on the default "	\
	"branch: it can't be started from here"

/*
 * The path that GitHub gives a file of .github/workflows at, on the default
 * branch: `file` is that path, or the bare name.  Returns 0, or -1 if it does
 * not fit.
 * https://docs.github.com/en/rest/repos/contents#get-repository-content
 */
int workflow_file_path(const char *repository, const char *file, char *buf,
    size_t size);

/*
 * Has a workflow file, as GitHub's "contents" gives it, a workflow_dispatch
 * trigger?  1, 0, or -1 where that can't be told.
 */
int workflow_dispatches(struct json_object *contents);

#endif
