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
 * What github.c (calls), github_reply.c (what an answer means),
 * github_throttle.c (why a call waits) and lease.c (whom calls go to, with
 * which token) know of each other; nobody else includes it.  Runs in the
 * poller.
 */

#ifndef CCM_POLLER_GITHUB_INSIDE_H
#define CCM_POLLER_GITHUB_INSIDE_H

#include <sys/queue.h>

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "app.h"
#include "budget.h"
#include "github.h"
#include "msg.h"
#include "token.h"

#define GH_PRIORITIES	2

TAILQ_HEAD(gh_queue, gh_call);

struct github {
	int		 configured;
	int		 renewed;	/* by the last github_commit */
	uint32_t	 index;		/* in the configuration */
	uint64_t	 credential;	/* the parent's number of it */
	char		 name[MSG_ID_MAX + 1];
	char		 url[MSG_URL_MAX + 1];
	size_t		 origin;	/* bytes of scheme://host:port */
	char		 owners[MSG_SMALL];	/* " a b ", or "" for all */
	char		*token;		/* sodium_malloc, or NULL */
	char		*write_token;	/* for changes, the same */
	struct token	 about[2];	/* of token, and of write_token */
	struct app	 app;		/* whose tokens it gets instead */
	X509_STORE	*store;
	struct budget	 budget;
	struct budget	 write_budget;	/* of write_token's owner */
	struct gh_queue	 waiting[GH_PRIORITIES];
	struct event	*timer;
};

/*
 * lease.c: a text in locked memory, the caller's to sodium_free.  NULL: out
 * of memory.
 */
char *github_lock(const char *name, const void *text, size_t len);

/*
 * github.c: start what may be started; arg is the GitHub.  The same from the
 * loop, at once.
 */
void github_on_timer(evutil_socket_t fd, short what, void *arg);
void github_wake(struct github *gh);

/*
 * github_reply.c: take an answer in, which lives until the callback returns;
 * `moved`: a redirect for good led to it.  And is it a refusal by a secondary
 * limit?
 */
void github_classify(const struct github *gh, int moved,
    const struct http_reply *http, struct gh_reply *r);
int github_is_secondary(const struct http_reply *http);

/* github_throttle.c: GH_LIMITED, for how long and why, if there is a pause. */
void github_limited(struct budget *b, enum budget_kind kind,
    struct gh_reply *r);

/* lease.c: bytes of "https://host:port" in a URL. */
size_t github_origin(const char *url);

#endif
