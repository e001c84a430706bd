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
 * What a credential may still ask of GitHub, and when.  Runs in the poller.
 * Pure arithmetic on a clock that is handed in: no I/O, no timer, so that
 * an hour can be tested in a millisecond.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/
 *	rate-limits-for-the-rest-api
 */

#ifndef CCM_POLLER_BUDGET_H
#define CCM_POLLER_BUDGET_H

#include <stdint.h>

/* At least that long between two writes, milliseconds. */
#define BUDGET_WRITE_GAP	1000
/* A refusal without a time: 60 s, then twice as long, up to an hour. */
#define BUDGET_BACKOFF_MIN	(60 * 1000)
#define BUDGET_BACKOFF_MAX	(3600 * 1000)

struct budget {
	uint32_t	 concurrent;	/* at once; 0: no limit */
	uint32_t	 running;
	int64_t		 next_write;	/* monotonic milliseconds */
	int64_t		 paused_until;	/* monotonic milliseconds */
	int64_t		 backoff;	/* the last one without a time */
	int64_t		 limit;		/* as GitHub said last; -1 */
	int64_t		 remaining;
	int64_t		 used;
	int64_t		 reset;		/* wall clock, seconds */
	uint64_t	 answers[4];	/* 200s, 304s, refused, failed */
};

/* What an answer said of the limits; -1: nothing. */
struct budget_answer {
	int		 status;	/* 0: no answer */
	int64_t		 retry_after;	/* seconds */
	int64_t		 limit;
	int64_t		 remaining;
	int64_t		 used;
	int64_t		 reset;
	int64_t		 date;		/* GitHub's clock, seconds */
	int		 secondary;	/* its body speaks of a limit */
};

void budget_init(struct budget *b, uint32_t concurrent);

/*
 * When may the next request start, milliseconds from `now`: 0 at once, -1
 * when one that runs has to end first.
 */
int64_t budget_wait(const struct budget *b, int64_t now, int write);

/* A request starts; one ends. */
void budget_start(struct budget *b, int64_t now, int write);
void budget_end(struct budget *b);

/*
 * Take in what an answer said; `wall` is our clock in seconds.  Returns 1
 * if the answer is a refusal by a rate limit: then requests are paused.
 */
int budget_learn(struct budget *b, const struct budget_answer *a,
    int64_t now, int64_t wall);

#endif
