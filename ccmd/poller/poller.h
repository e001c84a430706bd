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
 * The poller's operations, one per verb that walks the ring, and what they
 * share.  Runs in the poller.
 */

#ifndef CCM_POLLER_POLLER_H
#define CCM_POLLER_POLLER_H

#include <stdint.h>

#include "tell.h"

struct event_base;
struct github;
struct msg_op;
struct json_object;
struct pipeline;

struct event_base *poller_base(void);

/*
 * An operation from the api.  Runs now, or once the change with the number
 * `seen` has been told.
 */
void ops_take(const struct msg_op *m);
/* The registry told the change of that number, or all that there was. */
void ops_told(uint64_t number);
void ops_synced(void);
/* The client of one that fetches is gone. */
void ops_abandon(uint64_t op);

/*
 * An operation begins.  `args` is as verb_check_args left it and good until
 * the function returns.  Each ends with exactly one tell_outcome or
 * tell_refused before asked->deadline.
 */
void op_provision(const struct asked *asked, struct json_object *args);
void op_teardown(const struct asked *asked, struct json_object *args);
void op_doctor(const struct asked *asked, struct json_object *args);
void op_stats(const struct asked *asked, struct json_object *args);
void op_trigger(const struct asked *asked, struct json_object *args);
void op_cancel(const struct asked *asked, struct json_object *args);
void op_rerun(const struct asked *asked, struct json_object *args);
void op_workflow(const struct asked *asked, struct json_object *args);
void op_update(const struct asked *asked, struct json_object *args);

/*
 * What is known already of a GitHub's tokens and will be in the way: adds
 * sentences to an array.  `reads_only`: the account may not change the
 * repository in question.
 */
void doctor_warn(struct github *gh, int reads_only,
    struct json_object *warnings);

/* 0 if it is known already that its token may not read a file there. */
int doctor_may_read_files(struct github *gh);

/* The registry noted an intent (status 200), or will answer by itself. */
void op_teardown_noted(uint64_t op, int status);

/*
 * A pipeline's document came: resume a teardown that a restart cut off, or
 * leave off when the pipeline was provisioned again.
 */
void op_teardown_pipeline(struct pipeline *p);

/* The same for runs whose cancel is to be followed up. */
void op_cancel_pipeline(struct pipeline *p);

#endif
