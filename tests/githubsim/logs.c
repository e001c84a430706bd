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
 * githubsim: what a job writes into its log, step by step, and the archive
 * of all of a run's.  Nothing is kept: it comes from the run.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "githubsim.h"

static void	 lines(struct evbuffer *, const struct run *, int, int,
	    const struct attempt *);
static void	 padding(struct evbuffer *, const char *, int64_t);

void
log_text(struct evbuffer *out, const struct run *run, int attempt, int place,
    int step)
{
	struct attempt	 at;
	int		 i;

	if (job_attempt_at(run, attempt, place, &at) == NULL)
		return;
	for (i = 0; i < SIM_STEPS; i++)
		if (step == -1 || step == i)
			lines(out, run, place, i, &at);
}

/*
 * As GitHub makes it: a file for each job, and a folder for each job with a
 * file for each step.
 */
struct evbuffer *
log_archive(const struct run *run, int attempt)
{
	struct zip	*zip = zip_new();
	struct evbuffer	*text = evbuffer_new();
	char		 name[ZIP_NAME_MAX + 1];
	int		 i, step;

	if (text == NULL)
		err(1, NULL);
	for (i = 0; i < run_job_count(run, attempt); i++) {
		(void)snprintf(name, sizeof(name), "%d_%s.txt", i,
		    run_job_name(run, i));
		log_text(text, run, attempt, i, -1);
		zip_add(zip, name, text);
	}
	for (i = 0; i < run_job_count(run, attempt); i++)
		for (step = 0; step < SIM_STEPS; step++) {
			(void)snprintf(name, sizeof(name), "%s/%d_%s.txt",
			    run_job_name(run, i), step + 1,
			    job_step_name(step));
			log_text(text, run, attempt, i, step);
			zip_add(zip, name, text);
		}
	evbuffer_free(text);
	return (zip_close(zip));
}

static void
lines(struct evbuffer *out, const struct run *run, int place, int step,
    const struct attempt *at)
{
	const char	*how = job_step_conclusion(at, step);
	char		 when[SIM_TIMESTAMP];

	(void)timestamp(at->started, when);
	(void)evbuffer_add_printf(out, "%s ##[group]%s\n%s %s of %s\n"
	    "%s ##[endgroup]\n", when, job_step_name(step), when,
	    run_job_name(run, place), run->repo->full_name, when);
	if (step == 2)
		padding(out, when, run->log_bytes);
	if (strcmp(how, "failure") == 0)
		(void)evbuffer_add_printf(out, "%s ##[error]Process "
		    "completed with exit code 1.\n", when);
	if (step == SIM_STEPS - 1)
		(void)evbuffer_add_printf(out, "%s %s: %s\n",
		    timestamp(at->updated, when), run_job_name(run, place),
		    at->conclusion == NULL ? "no conclusion" :
		    at->conclusion);
}

/* Lines until there are as many bytes. */
static void
padding(struct evbuffer *out, const char *when, int64_t bytes)
{
	int64_t	 end = (int64_t)evbuffer_get_length(out) + bytes;
	int	 i = 0;

	while ((int64_t)evbuffer_get_length(out) < end)
		(void)evbuffer_add_printf(out, "%s %08d %060d\n", when, i++, 0);
}
