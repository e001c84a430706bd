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
 * What is known of a token, from the headers of answers.  Runs in the
 * poller.  Pure but for the log.
 *
 * https://docs.github.com/en/rest/authentication/
 *	authenticating-to-the-rest-api
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "http.h"
#include "log.h"
#include "timestamp.h"
#include "token.h"

#define DAY		86400
#define DATE_LEN	19	/* 2026-01-11 10:30:00 */

/* Days before its end that there is a warning, the fewest first. */
static const int warnings[] = { 1, 7, 30 };

static int	 near(const struct token *, int64_t);

void
token_forget(struct token *t)
{
	memset(t, 0, sizeof(*t));
}

void
token_learn(struct token *t, const char *name, const struct http_reply *http,
    int64_t now)
{
	char	 text[160];
	int64_t	 ends;
	int	 days;

	if (http->status == 0 || http->status >= 500)
		return;
	t->refused = http->status == 401;
	if (t->refused)
		return;
	t->known = 1;
	if (http->classic) {
		t->classic = 1;
		(void)strlcpy(t->scopes, http->scopes, sizeof(t->scopes));
	}
	if (http->ends[0] == '\0' ||
	    token_parse_end(http->ends, &ends) == -1)
		return;
	if (ends != t->ends)
		t->warned = 0;
	t->ends = ends;
	days = near(t, now);
	if (days == 0 || (t->warned != 0 && t->warned <= days))
		return;
	t->warned = days;
	if (token_ending(t, now, text, sizeof(text)))
		log_warn("github %s: %s", name, text);
}

/* The warning that is due: 1, 7 or 30 days, 0 for none. */
static int
near(const struct token *t, int64_t now)
{
	size_t	 i;

	if (t->ends == 0)
		return (0);
	for (i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if (t->ends - now <= warnings[i] * (int64_t)DAY)
			return (warnings[i]);
	return (0);
}

int
token_ending(const struct token *t, int64_t now, char *buf, size_t size)
{
	char	 stamp[TIMESTAMP_SIZE];
	int64_t	 left = t->ends - now;

	if (near(t, now) == 0)
		return (0);
	timestamp_format(t->ends, stamp);
	if (left < 0)
		(void)snprintf(buf, size, "the token ended on %s", stamp);
	else if (left < DAY)
		(void)snprintf(buf, size, "the token ends today, at %s",
		    stamp);
	else
		(void)snprintf(buf, size, "the token ends in %lld day%s, on "
		    "%s", (long long)(left / DAY), left / DAY == 1 ? "" : "s",
		    stamp);
	return (1);
}

/* Scopes are separated by commas and blanks. */
int
token_scope(const struct token *t, const char *scope)
{
	const char	*p = t->scopes;
	size_t		 n, len = strlen(scope);

	while (*(p += strspn(p, ", ")) != '\0') {
		n = strcspn(p, ", ");
		if (n == len && strncmp(p, scope, n) == 0)
			return (1);
		p += n;
	}
	return (0);
}

int
token_parse_end(const char *text, int64_t *at)
{
	char		 date[DATE_LEN + 8];
	const char	*zone;

	if (strlen(text) <= DATE_LEN || text[DATE_LEN] != ' ')
		return (-1);
	zone = text + DATE_LEN + 1;
	if (strcmp(zone, "UTC") == 0)
		zone = "+0000";
	if ((zone[0] != '+' && zone[0] != '-') || strlen(zone) != 5)
		return (-1);
	(void)snprintf(date, sizeof(date), "%.*s%.3s:%s", DATE_LEN, text,
	    zone, zone + 3);
	return (timestamp_parse(date, at));
}
