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
 * The arithmetic is in limit.c.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "githubsim.h"

static int	 is_free(const struct call *);
static void	 refuse(struct call *, enum limit_verdict);
static struct json_object *show(int64_t, int64_t, int64_t);

/* Counts a call from its arrival on, however long the answer takes. */
void
ratelimit_enter(struct call *c)
{
	if (c->account == NULL || c->port == PORT_STORAGE)
		return;
	c->inflight = &c->account->budget;
	c->inflight->inflight++;
	c->crowded = c->inflight->inflight > sim.settings.limits.concurrent;
}

/* 0 lets the call in; -1: it has been answered. */
int
ratelimit_admit(struct call *c)
{
	enum limit_verdict	 verdict;
	int			 write = strcmp(c->method, "GET") != 0;

	verdict = limits_admit(&sim.settings.limits, &c->account->budget,
	    clock_now() / 1000, write, is_free(c), c->crowded);
	if (verdict == LIMIT_NONE)
		return (0);
	refuse(c, verdict);
	return (-1);
}

/* A 304 costs nothing, nor does asking what is left. */
void
ratelimit_charge(struct call *c)
{
	limits_charge(&c->account->budget, clock_now() / 1000, c->status,
	    is_free(c));
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
	const struct limits	*l = &sim.settings.limits;
	const struct budget	*b = &c->account->budget;

	answer_header(c, "X-RateLimit-Limit", "%lld",
	    (long long)limits_hourly(l, b));
	answer_header(c, "X-RateLimit-Remaining", "%lld",
	    (long long)limits_remaining(l, b));
	answer_header(c, "X-RateLimit-Used", "%lld", (long long)b->used);
	answer_header(c, "X-RateLimit-Reset", "%lld", (long long)b->reset);
	answer_header(c, "X-RateLimit-Resource", "core");
}

struct json_object *
ratelimit_show(struct call *c)
{
	const struct budget	*b = &c->account->budget;
	int64_t			 hourly;
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

	hourly = limits_hourly(&sim.settings.limits, b);
	json_object_object_add(res, "core", show(hourly, b->used, b->reset));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		json_object_object_add(res, others[i].name,
		    show(others[i].limit, 0, b->reset));
	json_object_object_add(o, "resources", res);
	json_object_object_add(o, "rate", show(hourly, b->used, b->reset));
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

static int
is_free(const struct call *c)
{
	return (c->nseg == 1 && strcmp(c->seg[0], "rate_limit") == 0);
}

/* A secondary limit says when to come back only if it is told to. */
static void
refuse(struct call *c, enum limit_verdict verdict)
{
	if (verdict == LIMIT_HOURLY) {
		answer_error(c, sim.settings.limit_status,
		    "API rate limit exceeded for %s ID %lld.",
		    c->token != NULL && c->token->installation != NULL ?
		    "installation" : "user",
		    (long long)(c->token != NULL &&
		    c->token->installation != NULL ?
		    c->token->installation->id : c->account->owner->id));
		ratelimit_headers(c);
		return;
	}
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
