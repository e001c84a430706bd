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
 * githubsim: the built-in demo: five repositories with more than eight days
 * of history, in which runs go on to start by themselves.
 */

#include "config.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define HISTORY_MS	(9LL * 86400 * 1000)
#define FIRST_MS	20000	/* from the start to the first new run */
#define BETWEEN_MS	75000	/* and from each workflow's to the next */
#define STARTS_MAX	3000	/* runs made at once */
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const struct demo_workflow {
	const char	*repo;
	const char	*path;
	const char	*name;
	const char	*branch;
	int		 success;	/* per cent */
	int		 seconds;	/* that a run takes */
	int		 every;		/* seconds between runs */
} workflows[] = {
	{ "acme/storefront", "deploy.yml", "Deploy", "production",
	    96, 190, 1800 },
	{ "acme/storefront", "ci.yml", "CI", "main", 88, 260, 1500 },
	{ "acme/billing-api", "deploy.yml", "Deploy", "production",
	    82, 240, 2700 },
	{ "acme/customer-portal", "deploy.yml", "Deploy to VPS", "main",
	    99, 95, 3600 },
	{ "acme/analytics-worker", "deploy.yml", "Deploy", "main",
	    55, 420, 3600 },
	{ "acme/analytics-worker", "nightly.yml", "Nightly report", "main",
	    90, 600, 86400 },
	{ "acme/docs", "pages.yml", "Publish documentation", "main",
	    100, 48, 14400 },
};

static const char *const titles[] = {
	"Fix rounding of totals", "Update dependencies",
	"Add health check endpoint", "Show order history",
	"Tune the connection pool", "Speed up image uploads",
	"Translate error messages", "Refactor session handling",
	"Repair pagination of invoices", "Document the release process",
};
static const char *const people[] = { "mona", "hubot", "lena-k", "tomas" };

static struct workflow *load(const struct demo_workflow *);
static struct workflow *due(struct repo *);
static int	 start(struct workflow *, int64_t);
static struct json_object *script(const struct workflow *, const char *);
static int64_t	 pause_ms(const struct workflow *);
static const char *outcome(const struct workflow *);

int
demo_load(void)
{
	struct workflow	*wf[COUNT(workflows)];
	int64_t		 now = clock_now();
	size_t		 i;

	for (i = 0; i < COUNT(workflows); i++) {
		if ((wf[i] = load(&workflows[i])) == NULL)
			return (-1);
		wf[i]->demo_next = now - HISTORY_MS + pause_ms(wf[i]);
		wf[i]->repo->next_change = 0;
	}
	for (i = 0; i < COUNT(workflows); i++)
		repo_advance(wf[i]->repo);
	/* Something is to be seen soon after the start. */
	if (start(wf[0], now - FIRST_MS) == -1)
		return (-1);
	for (i = 0; i < COUNT(workflows); i++) {
		wf[i]->demo_next = now + FIRST_MS + (int64_t)i * BETWEEN_MS;
		wf[i]->repo->next_change = 0;
	}
	return (0);
}

/* Starts what is due, in the order of time; tells when there is more. */
int64_t
demo_advance(struct repo *repo, int64_t now)
{
	struct workflow	*wf;
	int		 n;

	for (n = 0; n < STARTS_MAX; n++) {
		if ((wf = due(repo)) == NULL)
			return (SIM_NEVER);
		if (wf->demo_next > now)
			return (wf->demo_next);
		if (strcmp(wf->state, "active") == 0)
			(void)start(wf, wf->demo_next);
		wf->demo_next += pause_ms(wf);
	}
	return (now);
}

static struct workflow *
load(const struct demo_workflow *demo)
{
	char		 owner[] = "acme";
	const char	*name = strchr(demo->repo, '/') + 1;
	struct workflow	*wf;
	struct repo	*repo;

	owner_get(owner)->organization = 1;
	if ((repo = repo_find(owner, name)) == NULL &&
	    (repo = repo_new(demo->repo, 0)) == NULL)
		return (NULL);
	repo->demo = 1;
	if (!strings_has(&repo->branches, demo->branch) &&
	    strings_add(&repo->branches, demo->branch) == -1)
		return (NULL);
	wf = workflow_new(repo, demo->path, 0);
	free(wf->name);
	if ((wf->name = strdup(demo->name)) == NULL)
		err(1, NULL);
	repo->created = wf->created = wf->updated =
	    clock_now() - 10 * HISTORY_MS;
	wf->demo_success = demo->success;
	wf->demo_seconds = demo->seconds;
	wf->demo_every = demo->every;
	wf->demo_branch = demo->branch;
	wf->plan = script(wf, "success");
	return (wf);
}

/* The workflow whose next run comes first. */
static struct workflow *
due(struct repo *repo)
{
	struct workflow	*wf, *first = NULL;

	TAILQ_FOREACH(wf, &repo->workflows, entry)
		if (wf->demo_every != 0 && !wf->gone &&
		    (first == NULL || wf->demo_next < first->demo_next))
			first = wf;
	return (first);
}

static int
start(struct workflow *wf, int64_t at)
{
	struct json_object	*plan;
	struct run		*run;

	if ((run = run_new(wf, run_next_id(), at)) == NULL)
		return (-1);
	run->branch = intern(wf->demo_branch);
	run->actor = owner_get(people[arc4random_uniform(COUNT(people))]);
	run->title = strdup(titles[arc4random_uniform(COUNT(titles))]);
	if (run->title == NULL)
		err(1, NULL);
	plan = script(wf, outcome(wf));
	(void)plan_set(run, plan, at);
	json_object_put(plan);
	return (0);
}

/* A few seconds in the queue, then the usual time, give or take a third. */
static struct json_object *
script(const struct workflow *wf, const char *conclusion)
{
	struct json_object	*o = json_object_new_object();
	int			 usual = wf->demo_seconds, seconds;

	seconds = usual - usual / 3 +
	    (int)arc4random_uniform((uint32_t)usual * 2 / 3);
	if (strcmp(conclusion, "success") != 0)
		seconds = seconds * 2 / 3;
	json_object_object_add(o, "queued",
	    json_object_new_int(2 + (int)arc4random_uniform(6)));
	json_object_object_add(o, "in_progress",
	    json_object_new_int(seconds));
	json_object_object_add(o, "conclusion",
	    json_object_new_string(conclusion));
	return (o);
}

static const char *
outcome(const struct workflow *wf)
{
	if ((int)arc4random_uniform(100) < wf->demo_success)
		return ("success");
	return (arc4random_uniform(5) == 0 ? "cancelled" : "failure");
}

/* Never shorter than a run takes: a deployment waits for the last one. */
static int64_t
pause_ms(const struct workflow *wf)
{
	int	 seconds = wf->demo_every / 2 +
		    (int)arc4random_uniform((uint32_t)wf->demo_every);

	if (seconds < 2 * wf->demo_seconds)
		seconds = 2 * wf->demo_seconds;
	return (seconds * 1000LL);
}
