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
 * What a reply's head says: of limits, of the token, of where to go on.  Runs
 * in the poller.  Must not believe that a value is what it should be.
 */

#include "config.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http-inside.h"

/* Times and limits: what is larger is none, and we multiply them. */
#define NUMBER_MAX	1000000000000LL

static struct {
	char	 date_text[40];	/* the last Date, and what time that is */
	int64_t	 date;
} env;

static int	 is_visible(const char *);
static void	 take_next(struct http_reply *, const char *);
static int64_t	 take_date(const char *);
static int64_t	 take_number(const char *);
static int64_t	 take_retry_after(const char *);

void
http_head_take(struct http_reply *r, const char *name, const char *value)
{
	const struct {
		const char	*name;
		int64_t		*number;
	} numbers[] = {
		{ "x-ratelimit-limit", &r->limit },
		{ "x-ratelimit-remaining", &r->remaining },
		{ "x-ratelimit-used", &r->used },
		{ "x-ratelimit-reset", &r->reset },
	};
	/* What does not fit is left out, and what may be no text. */
	const struct {
		const char	*name;
		char		*text;
		size_t		 size;
	} texts[] = {
		{ "etag", r->etag, sizeof(r->etag) },
		{ "location", r->location, sizeof(r->location) },
		{ "x-oauth-scopes", r->scopes, sizeof(r->scopes) },
		{ "x-accepted-github-permissions", r->accepted,
		    sizeof(r->accepted) },
		{ "github-authentication-token-expiration", r->ends,
		    sizeof(r->ends) },
	};
	size_t	 i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcasecmp(name, numbers[i].name) == 0)
			*numbers[i].number = take_number(value);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcasecmp(name, texts[i].name) == 0) {
			if (!is_visible(value) || strlcpy(texts[i].text,
			    value, texts[i].size) >= texts[i].size)
				texts[i].text[0] = '\0';
			r->classic |= texts[i].text == r->scopes;
		}
	if (strcasecmp(name, "link") == 0 && is_visible(value))
		take_next(r, value);
	else if (strcasecmp(name, "retry-after") == 0)
		r->retry_after = take_retry_after(value);
	else if (strcasecmp(name, "date") == 0)
		r->date = take_date(value);
}

/*
 * A head's bytes are of any kind, and its texts are told to people: in JSON,
 * which is UTF-8.
 */
static int
is_visible(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 ||
		    (unsigned char)*value > 0x7e)
			return (0);
	return (1);
}

/* The same second's text comes with many answers. */
static int64_t
take_date(const char *value)
{
	if (strcmp(value, env.date_text) == 0)
		return (env.date);
	env.date = curl_getdate(value, NULL);
	if (strlcpy(env.date_text, value, sizeof(env.date_text)) >=
	    sizeof(env.date_text))
		env.date_text[0] = '\0';
	return (env.date);
}

static int64_t
take_number(const char *value)
{
	const char	*error;
	int64_t		 n;

	n = strtonum(value, 0, NUMBER_MAX, &error);
	return (error == NULL ? n : -1);
}

/* RFC 9110, 10.2.3: seconds, or a date. */
static int64_t
take_retry_after(const char *value)
{
	int64_t	 n = take_number(value);
	time_t	 at, now = time(NULL);

	if (n != -1)
		return (n);
	if ((at = curl_getdate(value, NULL)) == -1)
		return (-1);
	return (at > now ? at - now : 0);
}

/* RFC 8288: <url>; rel="next", <url>; rel="last" */
static void
take_next(struct http_reply *r, const char *value)
{
	const char	*rel, *open, *close;

	r->next[0] = '\0';
	for (open = value; (open = strchr(open, '<')) != NULL; open = close) {
		if ((close = strchr(open, '>')) == NULL)
			return;
		rel = strstr(close, "rel=\"next\"");
		if (rel == NULL)
			return;
		if (memchr(close, '<', (size_t)(rel - close)) != NULL)
			continue;
		if ((size_t)(close - open - 1) < sizeof(r->next))
			(void)strlcpy(r->next, open + 1,
			    (size_t)(close - open));
		return;
	}
}
