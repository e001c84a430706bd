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
 * An HTTP client: libcurl's multi interface on libevent.  Runs in the
 * poller.  Knows nothing of GitHub, follows no redirect, keeps no cookie,
 * and bounds whatever comes back.
 */

#ifndef CCM_POLLER_HTTP_H
#define CCM_POLLER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

struct event_base;
struct http_request;

/*
 * The largest body and head of a reply; more ends the transfer.  All bodies
 * together stay below HTTP_REPLIES_MAX, but for those that are no larger
 * than a fair share, which is more than a page of a hundred runs.
 */
#define HTTP_REPLY_MAX	(8 * 1024 * 1024)
#define HTTP_REPLY_FAIR	(2 * 1024 * 1024)
#define HTTP_REPLIES_MAX (32 * 1024 * 1024)
#define HTTP_HEAD_MAX	(64 * 1024)

struct http_call {
	const char	*method;	/* "GET", "POST", "PUT", "DELETE" */
	const char	*url;
	const char	*token;		/* bearer token, or NULL */
	const char	*etag;		/* If-None-Match, or NULL or "" */
	const char	*body;		/* JSON, or NULL */
	X509_STORE	*store;		/* whom to trust, or NULL: nobody */
	long		 timeout_ms;	/* for all of it */
	int		 secret;	/* what comes back is wiped */
	/*
	 * Not NULL: the body of a 200 is handed on as it comes, and the reply
	 * has none.  It takes all of a piece and returns 1, or nothing and
	 * returns 0: then nothing comes until http_resume.  Nothing that is
	 * GitHub's own is sent with such a request.
	 */
	int		(*piece)(const char *data, size_t len, void *arg);
};

struct http_reply {
	int		 status;	/* 0: no complete reply */
	char		 error[256];	/* why there is none */
	const char	*body;		/* NUL behind its last byte */
	size_t		 len;
	char		 etag[256];
	char		 location[2048];
	char		 next[2048];	/* Link, rel="next" */
	int64_t		 retry_after;	/* seconds; -1: not said */
	int64_t		 limit;		/* x-ratelimit-*; -1: not said */
	int64_t		 remaining;
	int64_t		 used;
	int64_t		 reset;		/* seconds since the epoch */
	int64_t		 date;		/* the server's clock; -1 */
	/* What GitHub says of the token; "" where it does not. */
	char		 scopes[256];	/* X-OAuth-Scopes */
	int		 classic;	/* 1: that was there, perhaps empty */
	char		 accepted[256];	/* X-Accepted-GitHub-Permissions */
	char		 ends[64];	/* ...-Token-Expiration */
};

/* The reply and its body live until the callback returns. */
typedef void (*http_done)(const struct http_reply *reply, void *arg);

/* Start the client.  Returns 0, or -1 if libcurl can't. */
int http_init(struct event_base *base, const char *user_agent);

/* scrub.c: start libcurl, with memory that is wiped when it is freed. */
int scrub_curl(void);

/*
 * Begin a request.  `done` is called once, from the event loop, never from
 * here; strings of `call` are copied.  Returns NULL with errno ENOMEM.
 */
struct http_request *http_start(const struct http_call *call, http_done done,
    void *arg);

/* A request whose `piece` had no room goes on; not from inside it. */
void http_resume(struct http_request *req);

/* Forget a request: `done` will not be called.  Not from inside `done`. */
void http_cancel(struct http_request *req);

/*
 * A value for a query, percent-encoded.  Returns 0, or -1 if it does not
 * fit.
 */
int http_escape(const char *value, char *buf, size_t size);

/*
 * Make a certificate store of PEM text.  Returns NULL if it holds no
 * certificate.  The caller frees it with X509_STORE_free(3).
 */
X509_STORE *http_store(const char *pem, size_t len);

#endif
