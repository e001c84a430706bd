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
 * Files at the storage host that GitHub sends us to.  Runs in the poller.
 * Must not send a token, nor go where TLS does not protect what is fetched.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "download.h"
#include "github.h"
#include "http.h"
#include "log.h"

#define DOWNLOAD_HOPS_MAX	3	/* redirects from there on */
#define DOWNLOAD_TIMEOUT_MS	(30 * 60 * 1000)

struct download {
	struct github	*gh;
	struct http_request *req;
	const struct download_ops *ops;
	void		*arg;
	int		 hops;
};

static int	 begin(struct download *, const char *);
static int	 may_go(const struct download *, const char *);
static int	 on_piece(const char *, size_t, void *);
static void	 on_reply(const struct http_reply *, void *);
static void	 end(struct download *, const char *);

struct download *
download_start(struct github *gh, const char *url,
    const struct download_ops *ops, void *arg)
{
	struct download	*d;
	int		 saved;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->gh = gh;
	d->ops = ops;
	d->arg = arg;
	if (begin(d, url) == -1) {
		saved = errno;
		free(d);
		errno = saved;
		return (NULL);
	}
	return (d);
}

void
download_resume(struct download *d)
{
	http_resume(d->req);
}

void
download_cancel(struct download *d)
{
	http_cancel(d->req);
	free(d);
}

static int
begin(struct download *d, const char *url)
{
	struct http_call	 call;

	if (!may_go(d, url)) {
		errno = EINVAL;
		return (-1);
	}
	memset(&call, 0, sizeof(call));
	call.method = "GET";
	call.url = url;
	call.store = github_store(d->gh);
	call.timeout_ms = DOWNLOAD_TIMEOUT_MS;
	call.piece = on_piece;
	d->req = http_start(&call, on_reply, d);
	return (d->req == NULL ? -1 : 0);
}

/* A stand-in for GitHub on this machine may lead to one for its storage. */
static int
may_go(const struct download *d, const char *url)
{
	const char	*host;

	if (strncasecmp(url, "https://", 8) == 0)
		host = url + 8;
	else if (strncasecmp(url, "http://", 7) == 0 &&
	    strncasecmp(github_url(d->gh), "http://", 7) == 0)
		host = url + 7;
	else
		return (0);
	/* No name and password before the host. */
	return (host[0] != '\0' && host[0] != '/' &&
	    memchr(host, '@', strcspn(host, "/?#")) == NULL);
}

static int
on_piece(const char *data, size_t len, void *arg)
{
	struct download	*d = arg;

	return (d->ops->piece(data, len, d->arg));
}

static void
on_reply(const struct http_reply *r, void *arg)
{
	struct download	*d = arg;
	char		 why[512];

	d->req = NULL;
	if (r->status == 200) {
		end(d, NULL);
		return;
	}
	if (r->status == 301 || r->status == 302 || r->status == 307 ||
	    r->status == 308) {
		if (++d->hops <= DOWNLOAD_HOPS_MAX &&
		    begin(d, r->location) == 0)
			return;
		end(d, "GitHub's storage redirects where we don't go");
		return;
	}
	if (r->status == 0)
		(void)snprintf(why, sizeof(why),
		    "GitHub's storage did not answer: %s", r->error);
	else
		(void)snprintf(why, sizeof(why),
		    "GitHub's storage answered %d", r->status);
	end(d, why);
}

static void
end(struct download *d, const char *why)
{
	d->ops->done(why, d->arg);
	free(d);
}
