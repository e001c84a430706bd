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
 * GitHub's REST API as the rest of the poller sees it: a path goes in, a
 * checked JSON value or a sentence comes out.  Runs in the poller.  Sends
 * a token to the host it was leased for and to no other.
 */

#ifndef CCM_POLLER_GITHUB_H
#define CCM_POLLER_GITHUB_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"

struct budget;
struct event_base;
struct github;
struct gh_call;
struct json_object;

/* How a call ended. */
enum gh_result {
	GH_OK,			/* 2xx; json is the body's value, or NULL */
	GH_UNCHANGED,		/* 304 */
	GH_REFUSED,		/* 4xx for good: status and sentence */
	GH_LIMITED,		/* by a rate limit: `until` */
	GH_FAILED		/* 5xx, no answer, not what it should be */
};

struct gh_reply {
	enum gh_result	 result;
	int		 status;	/* 0: no answer */
	struct json_object *json;	/* good until the callback returns */
	const char	*etag;
	const char	*next;		/* path and query of the next page */
	int		 moved;		/* 301: the repository has another
					 * name now */
	const char	*location;	/* github_locate: where it is */
	int64_t		 wait;		/* GH_LIMITED: seconds */
	int64_t		 date;		/* GitHub's clock, seconds; -1 */
	const char	*accepted;	/* permissions that would do, or "" */
	char		 why[512];	/* a sentence; "" when GH_OK */
};

typedef void (*gh_done)(const struct gh_reply *reply, void *arg);

/* Longest token, and path with query. */
#define GITHUB_TOKEN_MAX	1024
#define GH_PATH_MAX	1024

/* Named priorities of the queue: people first. */
#define GH_COMMAND	0
#define GH_LOOK		1

/*
 * Configuration: github_begin, then for each GitHub what it is, and
 * github_commit puts it in force, in place of all former ones.  Calls that
 * run go on; a GitHub of the same name and URL is the same one as before.
 * Return 0, or -1 with errno (EINVAL, ENOMEM).
 */
void github_begin(struct event_base *base);
int github_add(uint32_t index, const char *name, const char *url,
    const char *owners, uint32_t concurrent, uint32_t points);
int github_set_token(uint32_t index, int write, const void *token,
    size_t len);
/* Of an App there is no token, it is asked for; app 0: it is none. */
int github_set_app(uint32_t index, uint64_t credential, uint64_t app,
    uint64_t installation);
int github_set_ca(uint32_t index, const char *pem, size_t len);
void github_commit(void);

/*
 * Which GitHub serves that owner: the first that names it, else the first
 * that names none; NULL if there is none.
 */
struct github *github_for(const char *owner, size_t len);

const char *github_url(const struct github *gh);

/*
 * What is known of the token that reads go with, or changes; the same where
 * there is one only.  And of the App that it is, NULL if it is none.
 */
struct token;
const struct token *github_token(const struct github *gh, int write);
int github_writes_apart(const struct github *gh);
/* What people should know of its tokens now, a sentence, or "". */
void github_warning(const struct github *gh, int64_t now, char *buf,
    size_t size);
const struct app *github_app(const struct github *gh);

/* 0 if there is no token to ask with, nor will be. */
int github_has_token(const struct github *gh);

/* With those of former configurations that calls may still hold on to. */
#define GITHUB_SLOTS	64

/* Which of them it is, for tables: as long as it is referred to. */
uint32_t github_slot(const struct github *gh);
/* 1 if the last github_commit gave it another token. */
int github_renewed(const struct github *gh);

/*
 * Those that are configured, in order, NULL begins and ends; name and place
 * in the configuration.
 */
struct github *github_next(struct github *after);
const char *github_name(const struct github *gh);
uint32_t github_index(const struct github *gh);

/* Per cent of each limit that looks leave to commands, from commit on. */
void github_set_reserve(uint32_t reserve);
struct budget *github_budget(struct github *gh);
/* Of its token for changes alone; NULL: it has none. */
struct budget *github_write_budget(struct github *gh);

/*
 * Is there a pause for calls of that priority?  If so returns 1, with the
 * milliseconds left and a sentence: "throttled until ...".
 */
int github_throttled(struct github *gh, int priority, int64_t *left,
    char *why, size_t size);
/* The same for changes, of one that has a token for them. */
int github_writes_throttled(struct github *gh, int64_t *left, char *why,
    size_t size);

/*
 * `room` is called when nothing waits and more could run, `learnt` at each
 * answer.
 */
void github_set_hooks(void (*room)(struct github *), void (*learnt)(void));

/*
 * Queue a call.  `path` begins with a slash.  `etag` and `body` may be NULL
 * and are copied.  `deadline` is CLOCK_MONOTONIC in milliseconds, 0 for the
 * usual time-out: a call that can't start or end by then fails.  `done` is
 * called once, later.  Returns NULL with errno ENOMEM or ENAMETOOLONG.
 */
struct gh_call *github_call(struct github *gh, int priority,
    const char *method, const char *path, const char *etag, const char *body,
    int64_t deadline, gh_done done, void *arg);

/*
 * The same for whatever changes something there: a command, which waits for
 * its turn among writes.  Nothing else may call with a method that is not
 * GET: with which token one writes is decided here.
 */
struct gh_call *github_write(struct github *gh, const char *method,
    const char *path, const char *body, int64_t deadline, gh_done done,
    void *arg);

/*
 * Ask where something is that GitHub keeps elsewhere: a 302 is not followed
 * but told, as GH_OK with `location`, a URL that is signed for a minute.
 */
struct gh_call *github_locate(struct github *gh, const char *path,
    int64_t deadline, gh_done done, void *arg);

/* Whom to trust there, or NULL; good until the next github_commit. */
X509_STORE *github_store(struct github *gh);

/* Forget a call: `done` won't be called. */
void github_cancel(struct gh_call *call);

#endif
