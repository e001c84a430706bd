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
 * What the jobs of a pipeline's runs took, by name.  Runs in the registry.
 */

#ifndef CCM_REGISTRY_TRENDS_JOBS_H
#define CCM_REGISTRY_TRENDS_JOBS_H

#include <stddef.h>

struct history_job;
struct json_object;

/* Names that are told apart; jobs of others are left out. */
#define TRENDS_JOBS_MAX	500

struct trends_jobs;

/* The caller's, freed by trends_jobs_free; NULL with errno ENOMEM. */
struct trends_jobs *trends_jobs_new(void);
void trends_jobs_free(struct trends_jobs *jobs);

/* Returns 0, or -1 with errno ENOMEM. */
int trends_jobs_add(struct trends_jobs *jobs, const struct history_job *job);

/* An array of them, by name. */
struct json_object *trends_jobs_to_json(struct trends_jobs *jobs);

#endif
