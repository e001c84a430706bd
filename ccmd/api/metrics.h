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
 * Figures for Prometheus (text format 0.0.4), in parts.  Runs in the api.
 *
 *	metrics.c		the answer; requests, limits
 *	metrics_pipelines.c	pipelines and their runs
 *	metrics_daemon.c	GitHub's limits, the registry, processes
 */

#ifndef CCM_API_METRICS_H
#define CCM_API_METRICS_H

#include <stdint.h>
#include <stdio.h>

struct pipeline;
struct rope;

/* Each writes whole families: all samples of one stand together. */
void metrics_budget(FILE *f);
void metrics_registry(FILE *f);
void metrics_process(FILE *f);

/*
 * For pass.c: what metrics_pipelines_end appends is put together from
 * metrics_pipelines_begin on, a call for each pipeline.
 */
void metrics_pipelines_begin(void);
void metrics_pipeline(struct pipeline *p, int64_t now);
void metrics_pipelines_end(struct rope *r);

/* A family's first two lines; those and its only sample. */
void metrics_head(FILE *f, const char *name, const char *type,
    const char *help);
void metrics_one(FILE *f, const char *name, const char *type,
    const char *help, double value);
/* A label's value, escaped; NULL is none. */
void metrics_label(FILE *f, const char *s);

#endif
