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
 * What an answer of GitHub's means, as a result and a sentence.  Runs in the
 * poller.  Must not know what was asked, nor act on it.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "github-inside.h"
#include "json.h"

#define GH_MESSAGE_MAX		256	/* of GitHub's own words */

static void	 refused(const struct http_reply *, struct gh_reply *);
static void	 parse_body(const struct http_reply *, struct gh_reply *);
static const char *next_path(const struct github *, const char *);

void
github_classify(const struct github *gh, int moved,
    const struct http_reply *http, struct gh_reply *r)
{
	r->status = http->status;
	r->etag = http->etag;
	r->accepted = http->accepted;
	r->moved = moved;
	r->date = http->date;
	r->next = next_path(gh, http->next);
	if (http->status == 0) {
		r->result = GH_FAILED;
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub did not answer: %s", http->error);
	} else if (http->status == 304) {
		r->result = GH_UNCHANGED;
	} else if (r->location != NULL) {
		r->result = GH_OK;
	} else if (http->status >= 200 && http->status < 300) {
		parse_body(http, r);
	} else {
		refused(http, r);
	}
}

/* 4xx is an answer, 5xx is none. */
static void
refused(const struct http_reply *http, struct gh_reply *r)
{
	struct json_object	*body;
	const char		*message = NULL;
	int			 lacks = http->status == 403 &&
				    http->accepted[0] != '\0';

	r->result = http->status >= 400 && http->status < 500 ? GH_REFUSED :
	    GH_FAILED;
	body = json_parse_strict(http->body, http->len, 65536, NULL);
	if (body != NULL)
		message = json_string(body, "message");
	if (message != NULL && message[0] != '\0')
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub answered %d: %.*s%s%.100s%s", http->status,
		    (int)json_cut(message, GH_MESSAGE_MAX), message,
		    lacks ? " (this needs " : "", lacks ? http->accepted : "",
		    lacks ? ")" : "");
	else
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub answered %d", http->status);
	json_object_put(body);
}

static void
parse_body(const struct http_reply *http, struct gh_reply *r)
{
	struct json_error	 err;

	r->result = GH_OK;
	if (http->len == 0)
		return;
	r->json = json_parse_strict(http->body, http->len, HTTP_REPLY_MAX,
	    &err);
	if (r->json == NULL) {
		r->result = GH_FAILED;
		(void)snprintf(r->why, sizeof(r->why),
		    "GitHub's answer is not JSON: %s", err.text);
	}
}

/*
 * The words with which GitHub refuses by its secondary limits when it sends
 * no header.
 */
int
github_is_secondary(const struct http_reply *http)
{
	static const char *const words[] = {
		"secondary rate limit", "rate limit exceeded",
		"abuse detection"
	};
	size_t	 i;

	if (http->status != 403)
		return (0);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(http->body, words[i]) != NULL)
			return (1);
	return (0);
}

/*
 * The path of a Link, to be asked on our own GitHub, whatever host it
 * names; NULL if there is none.
 */
static const char *
next_path(const struct github *gh, const char *url)
{
	const char	*path;
	size_t		 n;

	if (url[0] == '\0')
		return (NULL);
	path = url + github_origin(url);
	n = strlen(gh->url + gh->origin);
	if (strncmp(path, gh->url + gh->origin, n) == 0)
		path += n;
	return (path[0] == '/' ? path : NULL);
}
