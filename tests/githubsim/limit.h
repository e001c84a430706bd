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
 * GitHub's rate limits as arithmetic: no clock, no network, no memory of
 * its own, so that a test on a virtual clock can link it as well.
 */

#ifndef LIMIT_H
#define LIMIT_H

#include <stdint.h>

/* What is counted of one user or installation.  All zero at first. */
struct budget {
	int64_t		 hourly;	/* its own limit; 0: the common one */
	int64_t		 used;
	int64_t		 reset;		/* seconds since 1970 */
	int64_t		 points;	/* this minute */
	int64_t		 content;	/* writes this minute */
	int64_t		 minute;	/* its start, seconds since 1970 */
	int64_t		 content_hour;	/* writes this hour */
	int		 inflight;
};

struct limits {
	int64_t		 hourly;	/* requests; a 304 is free */
	int64_t		 points;	/* a minute: GET 1, else 5 */
	int64_t		 concurrent;
	int64_t		 content;	/* POST, PATCH, PUT, DELETE a minute */
	int64_t		 content_hour;	/* and an hour */
	int		 enforce_hourly;
	int		 enforce_points;
	int		 enforce_concurrent;
	int		 enforce_content;
};

enum limit_verdict { LIMIT_NONE, LIMIT_HOURLY, LIMIT_SECONDARY };

/* GitHub's own figures, none of them enforced. */
void	 limits_init(struct limits *);

/* How many the budget has an hour, and how many of them are left. */
int64_t	 limits_hourly(const struct limits *, const struct budget *);
int64_t	 limits_remaining(const struct limits *, const struct budget *);

/* Moves the windows up to now (seconds since 1970). */
void	 budget_turn(struct budget *, int64_t now);

/*
 * A request begins: counts its points and says which enforced limit refuses
 * it.  free: one that the hourly limit doesn't count (GET /rate_limit).
 * Before it the caller increments inflight, after the answer decrements it.
 */
enum limit_verdict limits_admit(const struct limits *, struct budget *,
	    int64_t now, int write, int free, int crowded);

/* A request was answered: status 304 costs nothing. */
void	 limits_charge(struct budget *, int64_t now, int status, int free);

#endif /* LIMIT_H */
