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
 * A schedule for each credential, with its timer.  Runs in the poller.
 */

#ifndef CCM_POLLER_LANE_H
#define CCM_POLLER_LANE_H

#include <stdint.h>

#include "schedule.h"
#include "watch.h"

struct event_base;
struct github;

/* `look` is called for a repository whose turn it is. */
void lane_init(struct event_base *base, void (*look)(struct repository *));

/* Configured intervals in seconds. */
void lane_set(uint32_t active, uint32_t idle, uint32_t max);

/* By its credential; due at once, or when its class is. */
void lane_join(struct repository *r);
void lane_class(struct repository *r, enum due_class class);
void lane_leave(struct repository *r);
/* It was never looked at with success. */
void lane_first(struct repository *r);
void lane_now(struct repository *r, int urgent);

/*
 * A look ended, as schedule_looked has it; due again not before `delay`
 * milliseconds have passed.
 */
void lane_looked(struct repository *r, enum due_class class, int64_t delay,
    int requests, int charged);
/* And that is what came of it. */
void lane_count(const struct repository *r, enum look_outcome outcome);

/* Seconds between looks of its class now. */
uint32_t lane_interval(const struct repository *r, enum due_class class);

/* Requests can run (github_set_hooks). */
void lane_room(struct github *gh);

/* For people. */
void lane_figures(const struct github *gh, struct watch_figures *f);
const char *lane_why(const struct github *gh);

#endif
