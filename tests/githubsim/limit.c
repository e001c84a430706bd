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
 * githubsim: GitHub's rate limits as arithmetic.  Must not look at a clock
 * or a call.  Source: "Rate limits for the REST API" in GitHub's
 * documentation.
 */

#include <string.h>

#include "limit.h"

#define HOUR		3600
#define MINUTE		60
#define POINTS_READ	1
#define POINTS_WRITE	5

void
limits_init(struct limits *l)
{
	memset(l, 0, sizeof(*l));
	l->hourly = 5000;
	l->points = 900;
	l->concurrent = 100;
	l->content = 80;
	l->content_hour = 500;
}

int64_t
limits_hourly(const struct limits *l, const struct budget *b)
{
	return (b->hourly > 0 ? b->hourly : l->hourly);
}

int64_t
limits_remaining(const struct limits *l, const struct budget *b)
{
	int64_t	 left = limits_hourly(l, b) - b->used;

	return (left < 0 ? 0 : left);
}

void
budget_turn(struct budget *b, int64_t now)
{
	if (now >= b->reset) {
		b->used = 0;
		b->content_hour = 0;
		b->reset = now + HOUR;
	}
	if (now >= b->minute + MINUTE || now < b->minute) {
		b->points = 0;
		b->content = 0;
		b->minute = now;
	}
}

enum limit_verdict
limits_admit(const struct limits *l, struct budget *b, int64_t now,
    int write, int free, int crowded)
{
	budget_turn(b, now);
	b->points += write ? POINTS_WRITE : POINTS_READ;
	b->content += write;
	b->content_hour += write;
	if ((l->enforce_concurrent && crowded) ||
	    (l->enforce_points && b->points > l->points))
		return (LIMIT_SECONDARY);
	if (l->enforce_content && write && (b->content > l->content ||
	    b->content_hour > l->content_hour))
		return (LIMIT_SECONDARY);
	if (l->enforce_hourly && !free && limits_remaining(l, b) == 0)
		return (LIMIT_HOURLY);
	return (LIMIT_NONE);
}

void
limits_charge(struct budget *b, int64_t now, int status, int free)
{
	budget_turn(b, now);
	if (status != 304 && !free)
		b->used++;
}
