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
 * poller.  Knows nothing of GitHub; must not follow a redirect by itself, nor
 * look into what comes (http_request.c, http_head.c).
 */

#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-inside.h"
#include "log.h"

#define HTTP_MAX_CONNECTIONS	100L	/* GitHub's own limit */

struct http_socket {
	struct event	*ev;
};

static struct {
	struct event_base	*base;
	struct event		*timer;
	CURLM			*multi;
} http;

static int	 multi_socket(CURL *, curl_socket_t, int, void *, void *);
static int	 multi_timer(CURLM *, long, void *);
static void	 on_socket(evutil_socket_t, short, void *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 collect(void);
static void	 finish(struct http_request *, CURLcode);

int
http_init(struct event_base *base, const char *user_agent)
{
	http.base = base;
	if (scrub_curl() == -1 || http_request_init(user_agent) == -1)
		return (-1);
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
	http_request_put(req);
}

struct http_request *
http_start(const struct http_call *call, http_done done, void *arg)
{
	struct http_request	*req;

	if ((req = http_request_get()) == NULL) {
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
	if (http_request_set(req, call) == -1 ||
	    curl_multi_add_handle(http.multi, req->easy) != CURLM_OK) {
		http_request_put(req);
		errno = ENOMEM;
		return (NULL);
	}
	return (req);
}

void
http_cancel(struct http_request *req)
{
	curl_multi_remove_handle(http.multi, req->easy);
	http_request_put(req);
}

void
http_resume(struct http_request *req)
{
	(void)curl_easy_pause(req->easy, CURLPAUSE_CONT);
}

int
http_escape(const char *value, char *buf, size_t size)
{
	char	*s = curl_easy_escape(NULL, value, 0);
	size_t	 len = s == NULL ? size : strlcpy(buf, s, size);

	curl_free(s);
	return (len >= size ? -1 : 0);
}
