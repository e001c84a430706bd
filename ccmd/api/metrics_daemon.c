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
 * how the registry saves, and what each process takes up.  Runs in the api.
 * Must not change what it shows.
 */

#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "metrics.h"
#include "msg.h"
#include "usage.h"

/* As they last said; `started` is 0 of one that did not yet. */
static struct msg_usage	 usage[PROC_MAX];

static void	 put_budget(FILE *, size_t, const struct msg_budget *,
		    const char *);
static double	 cpu(const struct msg_usage *);
static double	 started(const struct msg_usage *);
static double	 resident(const struct msg_usage *);
static double	 all_memory(const struct msg_usage *);
static double	 descriptors(const struct msg_usage *);
static double	 max_descriptors(const struct msg_usage *);

/*
 * Of credentials, and of their tokens for changes alone; -1 where GitHub has
 * not said.  The members are all 64 bits wide.
 */
#define MEMBER(name)	offsetof(struct msg_budget, name)
#define OUTCOME(name)	",outcome=\"" name "\""

static const struct {
	const char	*name;
	const char	*type;
	const char	*help;		/* NULL: of the family above */
	const char	*label;		/* one more, or "" */
	size_t		 offset;
	int		 of_writes;
} budgets[] = {
	{ "ccm_github_requests_limit", "gauge",
	    "Requests an hour that GitHub allows.", "", MEMBER(limit), 1 },
	{ "ccm_github_requests_remaining", "gauge",
	    "Requests that are left of this hour.", "", MEMBER(remaining), 1 },
	{ "ccm_github_reset_timestamp_seconds", "gauge",
	    "When the hour begins anew.", "", MEMBER(reset), 1 },
	{ "ccm_github_answers_total", "counter",
	    "GitHub's answers by outcome.", OUTCOME("ok"), MEMBER(ok), 1 },
	{ "ccm_github_answers_total", "counter", NULL,
	    OUTCOME("not_modified"), MEMBER(unchanged), 1 },
	{ "ccm_github_answers_total", "counter", NULL,
	    OUTCOME("refused"), MEMBER(refused), 1 },
	{ "ccm_github_answers_total", "counter", NULL,
	    OUTCOME("limited"), MEMBER(limited), 1 },
	{ "ccm_github_answers_total", "counter", NULL,
	    OUTCOME("failed"), MEMBER(failed), 1 },
	{ "ccm_github_looks_total", "counter",
	    "Looks at repositories by what came of them.", OUTCOME("changed"),
	    MEMBER(looks_changed), 0 },
	{ "ccm_github_looks_total", "counter", NULL,
	    OUTCOME("unchanged"), MEMBER(looks_unchanged), 0 },
	{ "ccm_github_looks_total", "counter", NULL,
	    OUTCOME("failed"), MEMBER(looks_failed), 0 },
};

/* A figure of 0 is not known. */
static const struct {
	const char	*name;
	const char	*type;
	const char	*help;
	double		 (*figure)(const struct msg_usage *);
} processes[] = {
	{ "process_cpu_seconds_total", "counter", "User and system time.",
	    cpu },
	{ "process_start_time_seconds", "gauge", "When it started.",
	    started },
	{ "process_resident_memory_bytes", "gauge", "Memory that it has.",
	    resident },
	{ "process_virtual_memory_bytes", "gauge", "Address space in use.",
	    all_memory },
	{ "process_open_fds", "gauge", "Descriptors that are open.",
	    descriptors },
	{ "process_max_fds", "gauge", "And how many may be.",
	    max_descriptors },
};

void
metrics_budget(FILE *f)
{
	const struct msg_budget	*b;
	uint32_t		 i;
	size_t			 n;

	for (n = 0; n < sizeof(budgets) / sizeof(budgets[0]); n++) {
		if (budgets[n].help != NULL)
			metrics_head(f, budgets[n].name, budgets[n].type,
			    budgets[n].help);
		for (i = 0; (b = budget_at(i)) != NULL; i++) {
			put_budget(f, n, b, "");
			b = budget_writes_at(i);
			if (b != NULL && budgets[n].of_writes)
				put_budget(f, n, b, ",token=\"writes\"");
		}
	}
}

static void
put_budget(FILE *f, size_t n, const struct msg_budget *b, const char *token)
{
	int64_t	 value;

	memcpy(&value, (const char *)b + budgets[n].offset, sizeof(value));
	if (value == -1 || b->name == NULL)
		return;
	(void)fprintf(f, "%s{credential=\"", budgets[n].name);
	metrics_label(f, b->name);
	(void)fprintf(f, "\"%s%s} %lld\n", budgets[n].label, token,
	    (long long)value);
}

/* Whether changes can be saved, and how that went so far. */
void
metrics_registry(FILE *f)
{
	const struct msg_health	*h = health_get();
	static const char	 fault[] = "ccm_registry_fault";

	metrics_one(f, "ccm_registry_saves_total", "counter",
	    "Times that pipelines were saved.", (double)h->saves);
	metrics_one(f, "ccm_registry_changes_total", "counter",
	    "Changes of pipelines in those.", (double)h->changes);
	metrics_one(f, "ccm_registry_failed_saves_total", "counter",
	    "Times that they could not be saved.", (double)h->failures);
	metrics_one(f, "ccm_registry_last_save_duration_seconds", "gauge",
	    "How long the last save took.", h->took / 1e3);
	metrics_one(f, "ccm_registry_writable", "gauge",
	    "Whether changes can be saved.", h->fault[0] == '\0');
	metrics_head(f, fault, "gauge", "1 for what is out of order.");
	(void)fprintf(f, "%s{file=\"pipelines\"} %d\n", fault,
	    h->fault[0] != '\0');
	(void)fprintf(f, "%s{file=\"audit\"} %d\n", fault,
	    h->audit[0] != '\0');
	(void)fprintf(f, "%s{file=\"history\"} %d\n", fault,
	    h->history[0] != '\0');
	if (h->fault[0] != '\0')
		metrics_one(f, "ccm_registry_fault_timestamp_seconds",
		    "gauge", "Since when changes can't be saved.",
		    (double)h->since);
}

void
metrics_usage(enum proc_id proc, const struct msg_usage *u)
{
	usage[proc] = *u;
}

void
metrics_process(FILE *f)
{
	enum proc_id	 p;
	double		 value;
	size_t		 i;

	usage_get(&usage[PROC_API]);
	for (i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		metrics_head(f, processes[i].name, processes[i].type,
		    processes[i].help);
		for (p = PROC_PARENT; p <= PROC_REGISTRY; p++) {
			value = processes[i].figure(&usage[p]);
			if (usage[p].started != 0 && value > 0)
				(void)fprintf(f, "%s{process=\"%s\"} "
				    "%.15g\n", processes[i].name,
				    proc_name(p), value);
		}
	}
}

static double
cpu(const struct msg_usage *u)
{
	return ((double)u->cpu / 1e6);
}

static double
started(const struct msg_usage *u)
{
	return ((double)u->started);
}

static double
resident(const struct msg_usage *u)
{
	return ((double)u->resident);
}

static double
all_memory(const struct msg_usage *u)
{
	return ((double)u->virtual);
}

static double
descriptors(const struct msg_usage *u)
{
	return (u->fds);
}

static double
max_descriptors(const struct msg_usage *u)
{
	return ((double)u->max_fds);
}
