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
 * Figures of the daemon itself for Prometheus: what GitHub's limits leave,
 * and its process.  Runs in the api.  Must not change what it shows.
 */

#include "config.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "api.h"
#include "metrics.h"

static void	 put_credential(FILE *, const char *, const char *,
		    const char *, int64_t);

/* What of a credential's budget, and -1 where GitHub has not said. */
static void
put_credential(FILE *f, const char *name, const char *more,
    const char *credential, int64_t value)
{
	if (value == -1 || credential == NULL)
		return;
	(void)fprintf(f, "%s{credential=\"", name);
	metrics_label(f, credential);
	(void)fprintf(f, "\"%s} %lld\n", more, (long long)value);
}

void
metrics_budget(FILE *f)
{
	const struct msg_budget	*b;
	uint32_t		 i;

	metrics_head(f, "ccm_github_requests_limit", "gauge",
	    "Requests an hour that GitHub allows.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_requests_limit", "", b->name,
		    b->limit);
	metrics_head(f, "ccm_github_requests_remaining", "gauge",
	    "Requests that are left of this hour.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_requests_remaining", "",
		    b->name, b->remaining);
	metrics_head(f, "ccm_github_reset_timestamp_seconds", "gauge",
	    "When the hour begins anew.");
	for (i = 0; (b = budget_at(i)) != NULL; i++)
		put_credential(f, "ccm_github_reset_timestamp_seconds", "",
		    b->name, b->reset);
	metrics_head(f, "ccm_github_answers_total", "counter",
	    "GitHub's answers by outcome.");
	for (i = 0; (b = budget_at(i)) != NULL; i++) {
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"ok\"", b->name, (int64_t)b->ok);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"not_modified\"", b->name,
		    (int64_t)b->unchanged);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"refused\"", b->name, (int64_t)b->refused);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"limited\"", b->name, (int64_t)b->limited);
		put_credential(f, "ccm_github_answers_total",
		    ",outcome=\"failed\"", b->name, (int64_t)b->failed);
	}
}

void
metrics_process(FILE *f)
{
	struct timespec	 ts;
	struct rlimit	 rl;
	int		 fd, open = 0;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0)
		metrics_one(f, "process_cpu_seconds_total", "counter",
		    "User and system time of the api.", (double)ts.tv_sec +
		    (double)ts.tv_nsec / 1e9);
	metrics_one(f, "process_start_time_seconds", "gauge",
	    "When the api began to answer.", (double)read_started());
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	for (fd = 0; fd < (int)rl.rlim_cur; fd++)
		open += fcntl(fd, F_GETFD) != -1;
	metrics_one(f, "process_open_fds", "gauge", "Descriptors of the api.", open);
	metrics_one(f, "process_max_fds", "gauge", "And how many it may have.",
	    (double)rl.rlim_cur);
}
