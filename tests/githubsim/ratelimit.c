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
 * githubsim: GitHub's rate limits, counted for each user over all of the
 * user's tokens.  They are always counted and shown, enforced on request.
 * Source: "Rate limits for the REST API" in GitHub's documentation.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "githubsim.h"

#define HOUR		3600
#define MINUTE		60
#define POINTS_READ	1
#define POINTS_WRITE	5

static struct budget *budget_of(struct call *);
static void	 refuse(struct call *);
static struct json_object *show(int64_t, int64_t, int64_t);

/* Counts a call from its arrival on, however long the answer takes. */
void
ratelimit_enter(struct call *c)
{
	if (c->token == NULL || !c->token->valid || c->port == PORT_STORAGE)
		return;
	c->inflight = &c->token->account->budget;
	c->inflight->inflight++;
	c->crowded = c->inflight->inflight > sim.settings.concurrent;
}

/* 0 lets the call in; -1: it has been answered. */
int
ratelimit_admit(struct call *c)
{
	struct budget	*b = budget_of(c);
	int64_t		 points = POINTS_WRITE;

	if (strcmp(c->method, "GET") == 0)
		points = POINTS_READ;
	b->points += points;
	if ((sim.settings.enforce_concurrent && c->crowded) ||
	    (sim.settings.enforce_points &&
	    b->points > sim.settings.points)) {
		refuse(c);
		return (-1);
	}
	if (sim.settings.enforce_hourly && b->used >= sim.settings.hourly &&
	    (c->nseg == 0 || strcmp(c->seg[0], "rate_limit") != 0)) {
		answer_error(c, sim.settings.limit_status,
		    "API rate limit exceeded for user ID %lld.",
		    (long long)c->token->account->owner->id);
		ratelimit_headers(c);
		return (-1);
	}
	return (0);
}

/* A 304 costs nothing, nor does asking what is left. */
void
ratelimit_charge(struct call *c)
{
	struct budget	*b = budget_of(c);

	if (c->status == 304 ||
	    (c->nseg > 0 && strcmp(c->seg[0], "rate_limit") == 0))
		return;
	b->used++;
}

void
ratelimit_release(struct call *c)
{
	if (c->inflight != NULL)
		c->inflight->inflight--;
	c->inflight = NULL;
}

void
ratelimit_headers(struct call *c)
{
	struct budget	*b = budget_of(c);
	int64_t		 left = sim.settings.hourly - b->used;

	answer_header(c, "X-RateLimit-Limit", "%lld",
	    (long long)sim.settings.hourly);
	answer_header(c, "X-RateLimit-Remaining", "%lld",
	    (long long)(left < 0 ? 0 : left));
	answer_header(c, "X-RateLimit-Used", "%lld", (long long)b->used);
	answer_header(c, "X-RateLimit-Reset", "%lld", (long long)b->reset);
	answer_header(c, "X-RateLimit-Resource", "core");
}

struct json_object *
ratelimit_show(struct call *c)
{
	struct budget		*b = budget_of(c);
	struct json_object	*o = json_object_new_object();
	struct json_object	*res = json_object_new_object();
	static const struct {
		const char	*name;
		int		 limit;
	} others[] = {
		{ "search", 30 }, { "graphql", 5000 },
		{ "integration_manifest", 5000 },
	};
	size_t			 i;

	json_object_object_add(res, "core",
	    show(sim.settings.hourly, b->used, b->reset));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		json_object_object_add(res, others[i].name,
		    show(others[i].limit, 0, b->reset));
	json_object_object_add(o, "resources", res);
	json_object_object_add(o, "rate",
	    show(sim.settings.hourly, b->used, b->reset));
	return (o);
}

static struct json_object *
show(int64_t limit, int64_t used, int64_t reset)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "limit", json_object_new_int64(limit));
	json_object_object_add(o, "used", json_object_new_int64(used));
	json_object_object_add(o, "remaining",
	    json_object_new_int64(used > limit ? 0 : limit - used));
	json_object_object_add(o, "reset", json_object_new_int64(reset));
	return (o);
}

/* A secondary limit: says when to come back only if it is told to. */
static void
refuse(struct call *c)
{
	c->doc = "overview/rate-limits-for-the-rest-api"
	    "#about-secondary-rate-limits";
	answer_error(c, sim.settings.limit_status, "You have exceeded a "
	    "secondary rate limit. Please wait a few minutes before you "
	    "try again.");
	if (sim.settings.retry_after >= 0)
		answer_header(c, "Retry-After", "%lld",
		    (long long)sim.settings.retry_after);
	ratelimit_headers(c);
}

/* The user's budget, with its windows moved up to now. */
static struct budget *
budget_of(struct call *c)
{
	struct budget	*b = &c->token->account->budget;
	int64_t		 now = clock_now() / 1000;

	if (now >= b->reset) {
		b->used = 0;
		b->reset = now + HOUR;
	}
	if (now >= b->minute + MINUTE || now < b->minute) {
		b->points = 0;
		b->minute = now;
	}
	return (b);
}
