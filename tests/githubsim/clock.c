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
 * githubsim: the simulated clock, and times as text.  Must not be used for
 * anything that a test waits for: that is the real clock's duty.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "githubsim.h"

static struct {
	int64_t	 base;		/* simulated ms at real ms `since` */
	int64_t	 since;
	double	 speed;
} state;

#define MS_MAX		200000000000000.0	/* the year 8307 */
#define SPEED_MAX	1000000.0

static int64_t	 monotonic(void);
static void	 rebase(int64_t);
static int	 parse_zone(const char *, int64_t *);

void
clock_init(void)
{
	state.speed = 1.0;
	rebase(clock_real());
}

int64_t
clock_real(void)
{
	struct timespec	 ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int64_t
clock_now(void)
{
	return (state.base +
	    (int64_t)((double)(monotonic() - state.since) * state.speed));
}

void
clock_set_offset(int64_t ms)
{
	rebase(clock_real() + ms);
}

void
clock_advance(int64_t ms)
{
	rebase(clock_now() + ms);
}

void
clock_set_speed(double speed)
{
	rebase(clock_now());
	state.speed = speed >= 0 && speed <= SPEED_MAX ? speed : 1.0;
}

int64_t
clock_offset(void)
{
	return (clock_now() - clock_real());
}

double
clock_speed(void)
{
	return (state.speed);
}

int64_t
seconds_ms(double seconds)
{
	double	 ms = seconds * 1000;

	if (!(ms >= -MS_MAX))
		return ((int64_t)-MS_MAX);
	return ((int64_t)(ms > MS_MAX ? MS_MAX : ms));
}

const char *
timestamp(int64_t ms, char buf[SIM_TIMESTAMP])
{
	time_t		 t = (time_t)(ms / 1000);
	struct tm	 tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, SIM_TIMESTAMP, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
	return (buf);
}

int
timestamp_parse(const char *text, int64_t *ms, int *day)
{
	struct tm	 tm;
	const char	*end;
	int64_t		 zone = 0;

	memset(&tm, 0, sizeof(tm));
	if (day != NULL)
		*day = 0;
	if ((end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) != NULL) {
		if (*end == '.')
			end += 1 + strspn(end + 1, "0123456789");
		if (parse_zone(end, &zone) == -1)
			return (-1);
	} else {
		memset(&tm, 0, sizeof(tm));
		if ((end = strptime(text, "%Y-%m-%d", &tm)) == NULL ||
		    *end != '\0') {
			errno = EINVAL;
			return (-1);
		}
		if (day != NULL)
			*day = 1;
	}
	*ms = ((int64_t)timegm(&tm) - zone) * 1000;
	return (0);
}

/* "Z", nothing, or an offset such as "+02:00", in seconds. */
static int
parse_zone(const char *text, int64_t *zone)
{
	int	 hours, minutes, n;

	*zone = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0)
		return (0);
	if ((*text != '+' && *text != '-') ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 ||
	    text[1 + n] != '\0') {
		errno = EINVAL;
		return (-1);
	}
	*zone = (hours * 60 + minutes) * 60;
	if (*text == '-')
		*zone = -*zone;
	return (0);
}

static int64_t
monotonic(void)
{
	struct timespec	 ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void
rebase(int64_t now)
{
	state.base = now;
	state.since = monotonic();
}
