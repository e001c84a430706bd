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
 * What GitHub's answers say of the token that they were asked for with: its
 * scopes, when it ends, whether it is taken at all.  Runs in the poller.
 * Knows nothing of the token itself.
 */

#ifndef CCM_POLLER_TOKEN_H
#define CCM_POLLER_TOKEN_H

#include <stddef.h>
#include <stdint.h>

struct http_reply;

struct token {
	int	 known;		/* GitHub has taken it */
	int	 refused;	/* the last answer was 401 */
	int	 classic;	/* it has scopes, perhaps none */
	char	 scopes[256];
	int64_t	 ends;		/* seconds since the epoch; 0: not said */
	int	 warned;	/* in the log, for that many days */
};

/* Another token: nothing is known of it. */
void token_forget(struct token *t);

/* Take in an answer; warns in the log, once at 30, 7 and 1 days. */
void token_learn(struct token *t, const char *name,
    const struct http_reply *http, int64_t now);

/* Does a classic token have that scope? */
int token_scope(const struct token *t, const char *scope);

/*
 * "The token ends in 6 days, on 2026-01-11T..." when that is 30 days or less;
 * returns 1 if so.
 */
int token_ending(const struct token *t, int64_t now, char *buf, size_t size);

/*
 * Parse "2026-01-11 10:30:00 UTC", or with an offset as -0700.  Returns 0,
 * or -1.
 */
int token_parse_end(const char *text, int64_t *at);

#endif
