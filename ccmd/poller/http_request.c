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
 * A request of the HTTP client: what is sent with it, and what is taken of
 * its reply.  Runs in the poller.  Must not begin or end it (http.c does),
 * use a proxy or a cookie, or keep more of a reply than it is allowed to.
 */

#include "config.h"

#include <sys/queue.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-inside.h"

#define HTTP_CONNECT_MS		10000L
#define HTTP_LOW_SPEED_BYTES	16L	/* a second, for that many seconds */
#define HTTP_LOW_SPEED_TIME	15L
#define HTTP_IDLE_REQUESTS	32	/* kept for the next one */
#define HTTP_BODY_FIRST		16384	/* bytes that a body begins with */
/* libcurl's own, for TLS taken and wiped with each request: its least. */
#define HTTP_UPLOAD_BUFFER	16384L

static struct {
	const char		*user_agent;
	struct curl_slist	*common;	/* headers of all requests */
	SLIST_HEAD(, http_request) idle;
	size_t			 nidle;
	size_t			 held;		/* bytes of all bodies */
} env;

static void	 request_free(struct http_request *);
static int	 set_fixed(struct http_request *);
static int	 set_options(struct http_request *, const struct http_call *);
static int	 set_headers(struct http_request *, const struct http_call *);
static int	 add_header(struct http_request *, size_t *, const char *,
		    const char *);
static CURLcode	 on_ssl_ctx(CURL *, void *, void *);
static size_t	 on_body(char *, size_t, size_t, void *);
static size_t	 on_header(char *, size_t, size_t, void *);

int
http_request_init(const char *user_agent)
{
	static const char *const common[] = {
		"Accept: application/vnd.github+json",
		"X-GitHub-Api-Version: 2022-11-28", "Expect:"
	};
	struct curl_slist	*list;
	size_t			 i;

	env.user_agent = user_agent;
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		list = curl_slist_append(env.common, common[i]);
		if (list == NULL)
			return (-1);
		env.common = list;
	}
	return (0);
}

struct http_request *
http_request_get(void)
{
	struct http_request	*req;
	struct http_reply	*r;

	if ((req = SLIST_FIRST(&env.idle)) != NULL) {
		SLIST_REMOVE_HEAD(&env.idle, entry);
		env.nidle--;
	} else {
		if ((req = calloc(1, sizeof(*req))) == NULL)
			return (NULL);
		if ((req->easy = curl_easy_init()) == NULL ||
		    set_fixed(req) == -1) {
			request_free(req);
			return (NULL);
		}
	}
	r = &req->reply;
	r->status = 0;
	r->body = NULL;
	r->len = 0;
	r->error[0] = r->etag[0] = r->location[0] = r->next[0] = '\0';
	r->scopes[0] = r->accepted[0] = r->ends[0] = '\0';
	r->classic = 0;
	r->retry_after = r->limit = r->remaining = r->used = r->reset =
	    r->date = -1;
	return (req);
}

/* The token does not stay, nor does what came. */
void
http_request_put(struct http_request *req)
{
	explicit_bzero(req->lines, sizeof(req->lines));
	X509_STORE_free(req->store);
	req->store = NULL;
	env.held -= req->size;
	if (req->secret && req->body != NULL)
		explicit_bzero(req->body, req->size);
	free(req->body);
	free(req->out);
	req->body = req->out = NULL;
	req->len = req->size = req->head_len = 0;
	req->cut = NULL;
	req->curl_error[0] = '\0';
	if (env.nidle >= HTTP_IDLE_REQUESTS || req->piece != NULL) {
		request_free(req);
		return;
	}
	SLIST_INSERT_HEAD(&env.idle, req, entry);
	env.nidle++;
}

static void
request_free(struct http_request *req)
{
	if (req->easy != NULL)
		curl_easy_cleanup(req->easy);
	free(req);
}

/* What is the same for every request that this handle will carry. */
static int
set_fixed(struct http_request *req)
{
	CURL	*e = req->easy;
	int	 bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, req);
	bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, req->curl_error);
	bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, env.user_agent);
	bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* Who gives up does not wait for a resolver's thread: it cleans up. */
	bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
	bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS);
	bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT,
	    HTTP_LOW_SPEED_BYTES);
	bad |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
	    HTTP_LOW_SPEED_TIME);
	bad |= curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE,
	    HTTP_UPLOAD_BUFFER);
	bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, req);
	bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, req);
	/* Verify by our own store alone, parsed once (measured.md). */
	bad |= curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
	bad |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	bad |= curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, req);
	return (bad ? -1 : 0);
}

int
http_request_set(struct http_request *req, const struct http_call *call)
{
	return (set_headers(req, call) == -1 || set_options(req, call) == -1 ?
	    -1 : 0);
}

static int
set_options(struct http_request *req, const struct http_call *call)
{
	CURL	*e = req->easy;
	int	 bad = 0, get = strcmp(call->method, "GET") == 0;

	bad |= curl_easy_setopt(e, CURLOPT_URL, call->url);
	bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, call->timeout_ms);
	bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, NULL);
	bad |= curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	bad |= curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, get ? NULL :
	    call->method);
	/* What is unpacked is not bounded by what is read. */
	if (call->piece != NULL)
		bad |= curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, NULL);
	if (call->body != NULL && (req->out = strdup(call->body)) == NULL)
		return (-1);
	if (call->body != NULL || !get) {
		bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, req->out !=
		    NULL ? req->out : "");
		bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, req->out !=
		    NULL ? (long)strlen(req->out) : 0L);
	}
	return (bad ? -1 : 0);
}

/*
 * Its own headers, linked in front of those that all have.
 * https://docs.github.com/en/rest/using-the-rest-api/getting-started
 */
static int
set_headers(struct http_request *req, const struct http_call *call)
{
	size_t	 n = 0;

	if (call->piece != NULL)
		return (curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER,
		    NULL) == CURLE_OK ? 0 : -1);
	if (call->body != NULL &&
	    add_header(req, &n, "Content-Type: ", "application/json") == -1)
		return (-1);
	if (call->etag != NULL && call->etag[0] != '\0' &&
	    add_header(req, &n, "If-None-Match: ", call->etag) == -1)
		return (-1);
	if (call->token != NULL && call->token[0] != '\0' &&
	    add_header(req, &n, "Authorization: Bearer ", call->token) == -1)
		return (-1);
	return (curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, n > 0 ?
	    req->headers : env.common) == CURLE_OK ? 0 : -1);
}

static int
add_header(struct http_request *req, size_t *n, const char *name,
    const char *value)
{
	struct curl_slist	*h = &req->headers[*n];
	int			 len;

	len = snprintf(req->lines[*n], HTTP_LINE_MAX, "%s%s", name, value);
	if (len < 0 || len >= HTTP_LINE_MAX)
		return (-1);
	h->data = req->lines[*n];
	h->next = env.common;
	if (*n > 0)
		req->headers[*n - 1].next = h;
	(*n)++;
	return (0);
}

static CURLcode
on_ssl_ctx(CURL *easy __attribute__((unused)), void *ctx, void *arg)
{
	struct http_request	*req = arg;

	if (req->store == NULL)
		return (CURLE_SSL_CACERT_BADFILE);
	SSL_CTX_set1_cert_store(ctx, req->store);
	return (CURLE_OK);
}

static size_t
on_body(char *data, size_t one, size_t n, void *arg)
{
	struct http_request	*req = arg;
	size_t			 len = one * n, size;
	long			 status = 0;
	char			*p;

	if (req->piece != NULL && curl_easy_getinfo(req->easy,
	    CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200)
		return (len == 0 || req->piece(data, len, req->arg) ? len :
		    CURL_WRITEFUNC_PAUSE);
	if (len > HTTP_REPLY_MAX - req->len) {
		req->cut = "the answer is larger than 8 MB";
		return (0);
	}
	if (req->len + len + 1 > req->size) {
		size = req->size == 0 ? HTTP_BODY_FIRST : req->size * 2;
		while (size < req->len + len + 1)
			size *= 2;
		/* When many are large at once, the larger ones go. */
		if (size > HTTP_REPLY_FAIR &&
		    env.held + size - req->size > HTTP_REPLIES_MAX) {
			req->cut = "too many large answers at once";
			return (0);
		}
		/* No copy of a secret where it was before. */
		p = req->secret ? recallocarray(req->body, req->size, size, 1) :
		    realloc(req->body, size);
		if (p == NULL)
			return (0);
		env.held += size - req->size;
		req->body = p;
		req->size = size;
	}
	memcpy(req->body + req->len, data, len);
	req->len += len;
	req->body[req->len] = '\0';
	return (len);
}

static size_t
on_header(char *data, size_t one, size_t n, void *arg)
{
	struct http_request	*req = arg;
	char			 line[4096], *value;
	size_t			 len = one * n;

	req->head_len += len;
	if (req->head_len > HTTP_HEAD_MAX) {
		req->cut = "the answer's head is larger than 64 KB";
		return (0);
	}
	/* Most fields are of no interest; those that are begin so. */
	if (len == 0 || len >= sizeof(line) ||
	    strchr("DdEeGgLlRrXx", data[0]) == NULL)
		return (len);
	memcpy(line, data, len);
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if ((value = strchr(line, ':')) != NULL) {
		*value++ = '\0';
		value += strspn(value, " \t");
		http_head_take(&req->reply, line, value);
	}
	return (len);
}
