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
 * an hour can be tested in a second.
 *
 * GitHub has four limits, and all of a user's tokens share them:
 *
 *	an hour		so many answers; a 304 is free
 *	a minute	so many points: a read is 1, a write 5, even a 304
 *	at once		so many requests
 *	writes		at least a second apart
 *
 * Of the first three a share, the reserve, is kept for commands: what people
 * ask for.  Looks at repositories stay below it, and are spread evenly.
 *
 * A repository that was never looked at costs several answers that count, one
 * that is watched next to none.  So that thousands of new ones don't leave
 * the others without looks until the hour is over, first looks leave most of
 * what is left for watching, in proportion to the time it has to last.
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
/* Whatever an answer says: asked again after a day, milliseconds. */
#define BUDGET_PAUSE_MAX	(86400 * (int64_t)1000)
/* What requests cost of the points a minute. */
#define BUDGET_POINTS_READ	1
#define BUDGET_POINTS_WRITE	5
/* Per cent of the points that looks get, whatever is asked beside them. */
#define BUDGET_LOOKS_MIN	10
/* Seconds that points are remembered: a minute, and the way to GitHub. */
#define BUDGET_WINDOW		62
/* Minutes over which the cost of an hour is measured. */
#define BUDGET_MINUTES		10
/* At once where there is no limit: what the HTTP client holds. */
#define BUDGET_AT_ONCE		100
/* Looks that may start together, as seconds of an even spread. */
#define BUDGET_BURST		1
/* Per cent of the hour's looks that first looks leave for watching. */
#define BUDGET_WATCHING		75
/* The hour, milliseconds. */
#define BUDGET_HOUR		(3600 * (int64_t)1000)

enum budget_kind {
	BUDGET_COMMAND,		/* somebody asked for it */
	BUDGET_LOOK
};

enum budget_count {
	BUDGET_OK,		/* 2xx, 3xx */
	BUDGET_UNCHANGED,	/* 304 */
	BUDGET_REFUSED,		/* 4xx */
	BUDGET_LIMITED,		/* 403 or 429 by a limit */
	BUDGET_FAILED,		/* 5xx, or no answer */
	BUDGET_COUNTS
};

/* Why there is a pause. */
enum budget_pause {
	BUDGET_NOT_PAUSED,
	BUDGET_PAUSE_REFUSED,	/* GitHub said so: 403 or 429 */
	BUDGET_PAUSE_SPENT,	/* the hour's requests are used up */
	BUDGET_PAUSE_RESERVE	/* ... but for the reserve: looks only */
};

struct budget {
	/* Configuration. */
	uint32_t	 concurrent;	/* at once; 0: no limit */
	uint32_t	 points;	/* a minute; 0: no limit */
	uint32_t	 reserve;	/* per cent for commands */
	/* What is under way. */
	uint32_t	 running[2];	/* by enum budget_kind */
	int64_t		 next_write;	/* monotonic milliseconds */
	int64_t		 next_look;	/* monotonic microseconds */
	/* A pause, and how GitHub is tried after it. */
	int64_t		 paused_until;	/* monotonic milliseconds */
	int64_t		 backoff;	/* the last one without a time */
	int		 spent;		/* it is by the hour's limit */
	int		 careful;	/* one at a time until one goes well */
	/* The hour, as GitHub told it; -1: it has not. */
	int64_t		 limit;
	int64_t		 remaining;
	int64_t		 used;
	int64_t		 reset;		/* GitHub's clock, seconds */
	int64_t		 reset_at;	/* monotonic milliseconds */
	int64_t		 said;		/* GitHub's clock, seconds */
	/* Points by second, and costs by minute. */
	int64_t		 second;	/* that the newest slot is of */
	uint32_t	 window[2][BUDGET_WINDOW];
	uint32_t	 points_used[2];	/* the sums of it */
	int64_t		 minute;
	int64_t		 since;		/* first minute, -1: none */
	uint32_t	 charged[BUDGET_MINUTES];
	uint64_t	 answers[BUDGET_COUNTS];
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

/* What looks may spend, for the schedule; negative: without bound. */
struct budget_room {
	double		 points;	/* a second */
	double		 charged;	/* a second: answers that count */
};

void budget_init(struct budget *b);
/* `reserve` in per cent, below 100; limits of 0 are none. */
void budget_limits(struct budget *b, uint32_t concurrent, uint32_t points,
    uint32_t reserve);

/*
 * Another token: what GitHub said of the former one's limits is not said of
 * this one.  What is under way, and what was asked in the last minute, stays.
 */
void budget_forget(struct budget *b);

/*
 * When may the next request start, milliseconds from `now`: 0 at once, -1
 * when one that runs has to end first.
 */
int64_t budget_wait(struct budget *b, int64_t now, enum budget_kind kind,
    int write);

/* A request starts; one ends. */
void budget_start(struct budget *b, int64_t now, enum budget_kind kind,
    int write);
void budget_end(struct budget *b, enum budget_kind kind);

/*
 * Take in what an answer said; `wall` is our clock in seconds.  Returns 1
 * if the answer is a refusal by a rate limit: then requests are paused.
 */
int budget_learn(struct budget *b, const struct budget_answer *a,
    int64_t now, int64_t wall);

/* Is there a pause, for how many milliseconds yet, and why? */
enum budget_pause budget_paused(struct budget *b, int64_t now,
    enum budget_kind kind, int64_t *left);

/*
 * A look at what was never looked at has to wait that many milliseconds, so
 * that enough of the hour is left for watching; 0: it has not, but for what
 * budget_wait says of looks.
 */
int64_t budget_first_pause(struct budget *b, int64_t now);

/* What looks may spend from now on. */
void budget_room(struct budget *b, int64_t now, struct budget_room *room);

/* Answers an hour that count, at the rate of the last ten minutes. */
uint32_t budget_projected(struct budget *b, int64_t now);

/* Points of the last minute, those of commands too. */
uint32_t budget_points(struct budget *b, int64_t now);

#endif
