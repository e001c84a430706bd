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
 * A GitHub App instead of a token: the parent signs who it is, GitHub gives
 * a token of its installation for an hour, and that is renewed in time.
 * Runs in the poller.  The App's private key never gets here, and a JWT goes
 * to its own GitHub only.
 */

#ifndef CCM_POLLER_APP_H
#define CCM_POLLER_APP_H

#include <stddef.h>
#include <stdint.h>

struct event;
struct github;
struct http_request;
struct peer;

#define APP_PERMISSIONS_MAX	1024

struct app {
	uint64_t	 id;		/* 0: there is none */
	uint64_t	 installation;
	enum app_state {
		APP_IDLE,
		APP_SIGNING,		/* the parent has been asked */
		APP_ASKING		/* GitHub has */
	} state;
	struct http_request *req;
	struct event	*timer;		/* to renew it, or try again */
	int64_t		 got;		/* the token: monotonic ms */
	int64_t		 expires;
	uint32_t	 number;	/* of that token, from 1 on */
	int64_t		 skew;		/* GitHub's clock is ahead, seconds */
	unsigned int	 failures;	/* in a row */
	/* What it may: " actions=write metadata=read ", or "". */
	char		 permissions[APP_PERMISSIONS_MAX];
	char		 why[512];	/* the last failure, or "" */
};

void app_set_parent(struct peer *parent);

/* Be that App from now on; 0: none.  The token of a former one goes. */
void app_begin(struct github *gh, uint64_t id, uint64_t installation);
/* Leave off: no token comes any more. */
void app_forget(struct github *gh);

/*
 * The token to ask with.  NULL: it is on its way, and the GitHub's timer
 * becomes active when it has come, or failed to.  For one that is no App
 * the leased token, if any.
 */
const char *app_token(struct github *gh);

/* Why there is no token, a sentence; NULL if there is or one may come. */
const char *app_trouble(const struct github *gh);

/*
 * GitHub answered 401 to the token of that number.  Returns 1 if it is worth
 * asking again with another one.
 */
int app_refused(struct github *gh, uint32_t number);

/* The parent's answer; an empty one is a refusal. */
void app_signed(uint64_t credential, const void *jwt, size_t len);

#endif
