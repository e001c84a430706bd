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
 * What http.c (requests under way), http_request.c (one of them) and
 * http_head.c (its reply's head) know of each other; nobody else includes it.
 * Runs in the poller.
 */

#ifndef CCM_POLLER_HTTP_INSIDE_H
#define CCM_POLLER_HTTP_INSIDE_H

#include <sys/queue.h>

#include <curl/curl.h>
#include <stddef.h>

#include "http.h"

/* Headers of a request's own, and their longest line. */
#define HTTP_OWN_HEADERS	3
#define HTTP_LINE_MAX		1536

/*
 * A request keeps its handle, with all that is the same for every request,
 * when it has ended: the next one is cheaper.
 */
struct http_request {
	SLIST_ENTRY(http_request) entry;
	CURL			*easy;
	struct curl_slist	 headers[HTTP_OWN_HEADERS];
	char			 lines[HTTP_OWN_HEADERS][HTTP_LINE_MAX];
	char			*body;
	char			*out;		/* the request's body */
	int			 secret;	/* the reply's is one */
	size_t			 len;
	size_t			 size;
	size_t			 head_len;
	X509_STORE		*store;
	int			(*piece)(const char *, size_t, void *);
	const char		*cut;		/* why we ended it */
	char			 curl_error[CURL_ERROR_SIZE];
	struct http_reply	 reply;
	http_done		 done;
	void			*arg;
};

/* --- http_request.c */

/* What is the same for all requests.  Returns 0, or -1. */
int http_request_init(const char *user_agent);
/* One that carries nothing yet; NULL: out of memory. */
struct http_request *http_request_get(void);
/* What it is to ask.  Returns 0, or -1. */
int http_request_set(struct http_request *req, const struct http_call *call);
/* It has ended, or was not begun: forget all that it carried. */
void http_request_put(struct http_request *req);

/* --- http_head.c */

/* A field of a reply's head, which is taken into the reply if it counts. */
void http_head_take(struct http_reply *r, const char *name,
    const char *value);

#endif
