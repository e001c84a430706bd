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
 * Ending a workflow's unfinished runs: found, cancelled one second apart,
 * verified, forced, and a verdict for those that won't.  Runs in the
 * poller.
 *
 * https://docs.github.com/en/rest/actions/workflow-runs
 */

#ifndef CCM_POLLER_CANCEL_H
#define CCM_POLLER_CANCEL_H

#include <stdint.h>

struct cancel;
struct github;
struct json_object;
struct pipeline;

/*
 * Begin for the runs of the pipeline's own workflow; runs of others are not
 * touched.  `settled` is called later, when there is nothing left to do (the
 * owner then frees it), or nothing to wait for before GitHub is asked again:
 * cancel_settled is 1, or 0.  Returns NULL with errno ENOMEM.
 */
struct cancel *cancel_start(struct github *gh, struct pipeline *p,
    void (*settled)(struct cancel *, void *arg), void *arg);

/* A run whose cancel was asked for already. */
struct cancel_run {
	int64_t		 id;
	int64_t		 attempt;	/* of it; 0: not known */
	int64_t		 age;		/* of the cancel, milliseconds */
};

/*
 * The same for such a run: verified, forced, followed to its end, which a
 * later attempt shows as well.
 */
struct cancel *cancel_follow(struct github *gh, struct pipeline *p,
    const struct cancel_run *run,
    void (*settled)(struct cancel *, void *arg), void *arg);

int cancel_settled(const struct cancel *c);

/* Leave off, whatever is under way. */
void cancel_free(struct cancel *c);

/*
 * What is known now, as members of `o`: "cancelled" and "cancelling", run
 * ids; "warnings", sentences.  Returns 1 if something is left to do.
 */
int cancel_report(const struct cancel *c, struct json_object *o);

#endif
