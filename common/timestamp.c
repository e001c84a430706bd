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
 * Times as text, with libc's own arithmetic.  Part of every process.
 */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "timestamp.h"

#define YEAR_MIN	1970
#define YEAR_MAX	9999

static int	 digits(const char **, size_t, int *);
static int	 zone(const char *, int64_t *);

int
timestamp_parse(const char *text, int64_t *seconds)
{
	struct tm	 tm, back;
	const char	*p = text;
	int64_t		 offset;
	time_t		 t;
	int		 year, month;

	memset(&tm, 0, sizeof(tm));
	if (digits(&p, 4, &year) == -1 || *p++ != '-' ||
	    digits(&p, 2, &month) == -1 || *p++ != '-' ||
	    digits(&p, 2, &tm.tm_mday) == -1 || (*p != 'T' && *p != ' ' &&
	    *p != 't'))
		goto bad;
	p++;
	if (digits(&p, 2, &tm.tm_hour) == -1 || *p++ != ':' ||
	    digits(&p, 2, &tm.tm_min) == -1 || *p++ != ':' ||
	    digits(&p, 2, &tm.tm_sec) == -1)
		goto bad;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			goto bad;
		while (isdigit((unsigned char)*p))
			p++;
	}
	if (zone(p, &offset) == -1 || year < YEAR_MIN || year > YEAR_MAX ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		goto bad;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	back = tm;
	t = timegm(&tm);
	/* timegm mends a 30th of February silently: then it was none. */
	if (month < 1 || month > 12 || tm.tm_mon != back.tm_mon ||
	    tm.tm_mday != back.tm_mday)
		if (back.tm_sec != 60)
			goto bad;
	if (t - offset < 0)
		goto bad;
	*seconds = t - offset;
	return (0);
bad:
	errno = EINVAL;
	return (-1);
}

static int
digits(const char **p, size_t n, int *value)
{
	*value = 0;
	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return (-1);
		*value = *value * 10 + (**p - '0');
	}
	return (0);
}

static int
zone(const char *p, int64_t *offset)
{
	int	 sign, hours, minutes;

	*offset = 0;
	if (*p == '\0' || ((*p == 'Z' || *p == 'z') && p[1] == '\0'))
		return (0);
	if (*p != '+' && *p != '-')
		return (-1);
	sign = *p++ == '-' ? -1 : 1;
	if (digits(&p, 2, &hours) == -1 || *p++ != ':' ||
	    digits(&p, 2, &minutes) == -1 || *p != '\0' || hours > 23 ||
	    minutes > 59)
		return (-1);
	*offset = sign * (hours * 3600 + minutes * 60);
	return (0);
}

const char *
timestamp_format(int64_t seconds, char buf[TIMESTAMP_SIZE])
{
	struct tm	 tm;
	time_t		 t = (time_t)seconds;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year + 1900 > YEAR_MAX ||
	    strftime(buf, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
	return (buf);
}

const char *
timestamp_file(int64_t seconds, char buf[TIMESTAMP_FILE_SIZE])
{
	struct tm	 tm;
	time_t		 t = (time_t)seconds;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year + 1900 > YEAR_MAX ||
	    strftime(buf, TIMESTAMP_FILE_SIZE, "%Y-%m-%d-%H-%M-%S", &tm) == 0)
		buf[0] = '\0';
	return (buf);
}

int
timestamp_day(const char *text, int64_t *at)
{
	struct tm	 tm;
	const char	*end;
	char		 same[32];

	memset(&tm, 0, sizeof(tm));
	*at = 1;
	end = strptime(text, "%Y-%m-%d", &tm);
	if (end == NULL || *end != '\0' || tm.tm_year < 70)
		return (-1);
	*at = timegm(&tm);
	/* timegm(3) has made the 30th of February the 2nd of March. */
	return (strftime(same, sizeof(same), "%Y-%m-%d", &tm) > 0 &&
	    strcmp(same, text) == 0 ? 0 : -1);
}
