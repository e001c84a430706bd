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
 * poller.  Knows nothing of GitHub; must not follow a redirect by itself,
 * use a proxy or a cookie, or keep more of a reply than it is allowed to.
 */

#include "config.h"

#include <sys/queue.h>

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "log.h"

#define HTTP_CONNECT_MS		10000L
#define HTTP_LOW_SPEED_BYTES	16L	/* a second, for that many seconds */
#define HTTP_LOW_SPEED_TIME	15L
#define HTTP_MAX_CONNECTIONS	100L	/* GitHub's own limit */
#define HTTP_IDLE_REQUESTS	32	/* kept for the next one */
/* Headers of a request's own, and their longest line. */
#define HTTP_OWN_HEADERS	3
#define HTTP_LINE_MAX		1536
#define HTTP_BODY_FIRST		16384	/* bytes that a body begins with */
/* libcurl's own, for TLS taken and wiped with each request: its least. */
#define HTTP_UPLOAD_BUFFER	16384L

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

struct http_socket {
	struct event	*ev;
};

static struct {
	struct event_base	*base;
	struct event		*timer;
	CURLM			*multi;
	const char		*user_agent;
	struct curl_slist	*common;	/* headers of all requests */
	SLIST_HEAD(, http_request) idle;
	size_t			 nidle;
	size_t			 held;		/* bytes of all bodies */
	char			 date_text[40];	/* the last Date, and what */
	int64_t			 date;		/* time that is */
} http;

static int	 multi_socket(CURL *, curl_socket_t, int, void *, void *);
static int	 multi_timer(CURLM *, long, void *);
static void	 on_socket(evutil_socket_t, short, void *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 collect(void);
static void	 finish(struct http_request *, CURLcode);
static struct http_request *request_get(void);
static void	 request_put(struct http_request *);
static void	 request_free(struct http_request *);
static int	 set_fixed(struct http_request *);
static int	 set_options(struct http_request *, const struct http_call *);
static int	 set_headers(struct http_request *, const struct http_call *);
static int	 add_header(struct http_request *, size_t *, const char *,
		    const char *);
static CURLcode	 on_ssl_ctx(CURL *, void *, void *);
static size_t	 on_body(char *, size_t, size_t, void *);
static size_t	 on_header(char *, size_t, size_t, void *);
static void	 take_header(struct http_reply *, const char *, const char *);
static void	 take_next(struct http_reply *, const char *);
static int64_t	 take_date(const char *);
static int64_t	 take_number(const char *);
static int64_t	 take_retry_after(const char *);

int
http_init(struct event_base *base, const char *user_agent)
{
	static const char *const common[] = {
		"Accept: application/vnd.github+json",
		"X-GitHub-Api-Version: 2022-11-28", "Expect:"
	};
	struct curl_slist	*list;
	size_t			 i;

	http.base = base;
	http.user_agent = user_agent;
	if (scrub_curl() == -1)
		return (-1);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		list = curl_slist_append(http.common, common[i]);
		if (list == NULL)
			return (-1);
		http.common = list;
	}
	if ((http.multi = curl_multi_init()) == NULL ||
	    (http.timer = evtimer_new(base, on_timer, NULL)) == NULL)
		return (-1);
	curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, multi_socket);
	curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, multi_timer);
	curl_multi_setopt(http.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    HTTP_MAX_CONNECTIONS);
	curl_multi_setopt(http.multi, CURLMOPT_MAXCONNECTS,
	    HTTP_MAX_CONNECTIONS);
	return (0);
}

static int
multi_socket(CURL *easy __attribute__((unused)), curl_socket_t fd, int what,
    void *arg __attribute__((unused)), void *sockp)
{
	struct http_socket	*s = sockp;
	short			 events = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		if (s != NULL) {
			curl_multi_assign(http.multi, fd, NULL);
			event_free(s->ev);
			free(s);
		}
		return (0);
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (s == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return (-1);
		curl_multi_assign(http.multi, fd, s);
	} else {
		if (event_get_events(s->ev) == events)
			return (0);
		event_free(s->ev);
	}
	s->ev = event_new(http.base, fd, events, on_socket, NULL);
	if (s->ev == NULL || event_add(s->ev, NULL) == -1)
		fatalx("http: event_new");
	return (0);
}

static int
multi_timer(CURLM *multi __attribute__((unused)), long ms,
    void *arg __attribute__((unused)))
{
	struct timeval	 tv;

	if (ms < 0) {
		evtimer_del(http.timer);
		return (0);
	}
	tv.tv_sec = ms / 1000;
	tv.tv_usec = (ms % 1000) * 1000;
	return (evtimer_add(http.timer, &tv));
}

static void
on_socket(evutil_socket_t fd, short what, void *arg __attribute__((unused)))
{
	int	 running, action = 0;

	if (what & EV_READ)
		action |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		action |= CURL_CSELECT_OUT;
	curl_multi_socket_action(http.multi, fd, action, &running);
	collect();
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	int	 running;

	curl_multi_socket_action(http.multi, CURL_SOCKET_TIMEOUT, 0,
	    &running);
	collect();
}

static void
collect(void)
{
	struct http_request	*req;
	CURLMsg			*msg;
	CURLcode		 result;
	int			 left;

	while ((msg = curl_multi_info_read(http.multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		/* What msg points to goes with the handle's removal. */
		result = msg->data.result;
		req = NULL;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &req);
		finish(req, result);
	}
}

static void
finish(struct http_request *req, CURLcode result)
{
	struct http_reply	*r = &req->reply;
	long			 status = 0;

	curl_multi_remove_handle(http.multi, req->easy);
	if (result == CURLE_OK) {
		curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
		r->status = (int)status;
		r->body = req->body != NULL ? req->body : "";
		r->len = req->len;
	} else {
		(void)snprintf(r->error, sizeof(r->error), "%s",
		    req->cut != NULL ? req->cut :
		    req->curl_error[0] != '\0' ? req->curl_error :
		    curl_easy_strerror(result));
		r->body = "";
	}
	req->done(r, req->arg);
	request_put(req);
}

struct http_request *
http_start(const struct http_call *call, http_done done, void *arg)
{
	struct http_request	*req;

	if ((req = request_get()) == NULL) {
		errno = ENOMEM;
		return (NULL);
	}
	req->done = done;
	req->arg = arg;
	req->secret = call->secret;
	req->piece = call->piece;
	/* It may be replaced before the handshake. */
	if (call->store != NULL && X509_STORE_up_ref(call->store) == 1)
		req->store = call->store;
	if (set_headers(req, call) == -1 || set_options(req, call) == -1 ||
	    curl_multi_add_handle(http.multi, req->easy) != CURLM_OK) {
		request_put(req);
		errno = ENOMEM;
		return (NULL);
	}
	return (req);
}

void
http_cancel(struct http_request *req)
{
	curl_multi_remove_handle(http.multi, req->easy);
	request_put(req);
}

void
http_resume(struct http_request *req)
{
	(void)curl_easy_pause(req->easy, CURLPAUSE_CONT);
}

static struct http_request *
request_get(void)
{
	struct http_request	*req;
	struct http_reply	*r;

	if ((req = SLIST_FIRST(&http.idle)) != NULL) {
		SLIST_REMOVE_HEAD(&http.idle, entry);
		http.nidle--;
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
static void
request_put(struct http_request *req)
{
	explicit_bzero(req->lines, sizeof(req->lines));
	X509_STORE_free(req->store);
	req->store = NULL;
	http.held -= req->size;
	if (req->secret && req->body != NULL)
		explicit_bzero(req->body, req->size);
	free(req->body);
	free(req->out);
	req->body = req->out = NULL;
	req->len = req->size = req->head_len = 0;
	req->cut = NULL;
	req->curl_error[0] = '\0';
	if (http.nidle >= HTTP_IDLE_REQUESTS || req->piece != NULL) {
		request_free(req);
		return;
	}
	SLIST_INSERT_HEAD(&http.idle, req, entry);
	http.nidle++;
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
	bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, http.user_agent);
	bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
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
	    req->headers : http.common) == CURLE_OK ? 0 : -1);
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
	h->next = http.common;
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
		    http.held + size - req->size > HTTP_REPLIES_MAX) {
			req->cut = "too many large answers at once";
			return (0);
		}
		if ((p = realloc(req->body, size)) == NULL)
			return (0);
		http.held += size - req->size;
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
		take_header(&req->reply, line, value);
	}
	return (len);
}

static void
take_header(struct http_reply *r, const char *name, const char *value)
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
	/* What does not fit is left out. */
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
			if (strlcpy(texts[i].text, value, texts[i].size) >=
			    texts[i].size)
				texts[i].text[0] = '\0';
			r->classic |= texts[i].text == r->scopes;
		}
	if (strcasecmp(name, "link") == 0)
		take_next(r, value);
	else if (strcasecmp(name, "retry-after") == 0)
		r->retry_after = take_retry_after(value);
	else if (strcasecmp(name, "date") == 0)
		r->date = take_date(value);
}

/* The same second's text comes with many answers. */
static int64_t
take_date(const char *value)
{
	if (strcmp(value, http.date_text) == 0)
		return (http.date);
	http.date = curl_getdate(value, NULL);
	if (strlcpy(http.date_text, value, sizeof(http.date_text)) >=
	    sizeof(http.date_text))
		http.date_text[0] = '\0';
	return (http.date);
}

static int64_t
take_number(const char *value)
{
	const char	*error;
	int64_t		 n;

	n = strtonum(value, 0, INT64_MAX, &error);
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

int
http_escape(const char *value, char *buf, size_t size)
{
	char	*s = curl_easy_escape(NULL, value, 0);
	size_t	 len = s == NULL ? size : strlcpy(buf, s, size);

	curl_free(s);
	return (len >= size ? -1 : 0);
}

X509_STORE *
http_store(const char *pem, size_t len)
{
	X509_STORE	*store;
	X509		*cert;
	BIO		*bio;
	int		 n = 0;

	if (len > INT32_MAX || (bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		return (NULL);
	if ((store = X509_STORE_new()) == NULL) {
		BIO_free(bio);
		return (NULL);
	}
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (X509_STORE_add_cert(store, cert) == 1)
			n++;
		X509_free(cert);
	}
	ERR_clear_error();
	BIO_free(bio);
	if (n == 0) {
		X509_STORE_free(store);
		return (NULL);
	}
	return (store);
}
