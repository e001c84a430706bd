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
 * Reads from GitHub that a client asked for.  Runs in the poller.  Must not
 * send more than there is credit for, nor keep what nobody takes.
 */

#include "config.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"

struct fetch {
	TAILQ_ENTRY(fetch) entry;
	uint64_t	 op;
	int64_t		 credit;	/* bytes; below 0 by a line at most */
	struct event	*stall;		/* runs while there is no credit */
	const struct fetch_ops *ops;
	void		*arg;
	char		*body;		/* of a whole answer, what is left */
	size_t		 len;
	size_t		 sent;
};

static struct {
	TAILQ_HEAD(, fetch) all;
	size_t		 n;
	struct peer	*api;
} env = { .all = TAILQ_HEAD_INITIALIZER(env.all) };

static struct fetch *find(uint64_t);
static void	 send_rest(struct fetch *);
static void	 send_piece(struct fetch *, int, int, uint32_t, const void *,
		    size_t);
static void	 send_error(uint64_t, const struct refusal *);
static void	 on_stall(evutil_socket_t, short, void *);
static void	 spend(struct fetch *, size_t);
static void	 expect_credit(struct fetch *);
static void	 fetch_free(struct fetch *);

void
fetch_set_api(struct peer *api)
{
	env.api = api;
}

struct fetch *
fetch_new(const struct asked *asked, const struct fetch_ops *ops, void *arg)
{
	static const struct refusal	 busy = { .status = 503,
	    .code = "busy", .retry_after = 5,
	    .text = "Too many reads from GitHub at once" };
	struct fetch			*f;

	if (env.n >= FETCHES_MAX) {
		send_error(asked->op, &busy);
		return (NULL);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->stall = evtimer_new(poller_base(), on_stall, f)) == NULL)
		fatal("fetch");
	f->op = asked->op;
	f->credit = MSG_FETCH_WINDOW;
	f->ops = ops;
	f->arg = arg;
	TAILQ_INSERT_TAIL(&env.all, f, entry);
	env.n++;
	return (f);
}

static void
fetch_free(struct fetch *f)
{
	TAILQ_REMOVE(&env.all, f, entry);
	env.n--;
	event_free(f->stall);
	free(f->body);
	free(f);
}

static struct fetch *
find(uint64_t op)
{
	struct fetch	*f;

	TAILQ_FOREACH(f, &env.all, entry)
		if (f->op == op)
			return (f);
	return (NULL);
}

void
fetch_credit(uint64_t op, uint32_t bytes)
{
	struct fetch	*f = find(op);

	if (f == NULL)
		return;		/* it ended meanwhile */
	f->credit += bytes;
	if (f->credit > MSG_FETCH_WINDOW)
		fatalx("api: more credit than was spent");
	/* It may be too little to send anything for. */
	evtimer_del(f->stall);
	expect_credit(f);
	if (f->body != NULL)
		send_rest(f);
	else if (f->ops->room != NULL)
		f->ops->room(f->arg);
}

void
fetch_abandon(uint64_t op)
{
	struct fetch	*f = find(op);

	if (f == NULL)
		return;
	if (f->body == NULL)
		f->ops->gone(f->arg);
	fetch_free(f);
}

static void
on_stall(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	struct fetch	*f = arg;

	if (f->body == NULL)
		f->ops->gone(f->arg);
	fetch_fail(f, "the client did not take it");
}

void
fetch_json(struct fetch *f, struct json_object *o)
{
	static const struct refusal	 large = { .status = 502,
	    .code = "github_error", .text = "GitHub's answer is too large" };
	const char			*text = json_text(o, &f->len);

	if (f->len > FETCH_BODY_MAX)
		fetch_refuse(f, &large);
	else if ((f->body = malloc(f->len)) == NULL)
		fatal("fetch_json");
	else {
		memcpy(f->body, text, f->len);
		send_rest(f);
	}
	json_object_put(o);
}

static void
send_rest(struct fetch *f)
{
	size_t	 n;

	while (f->credit > 0) {
		n = f->len - f->sent;
		if (n > MSG_CHUNK_MAX)
			n = MSG_CHUNK_MAX;
		if (n > (size_t)f->credit)
			n = (size_t)f->credit;
		send_piece(f, 200, f->sent + n < f->len, 0,
		    f->body + f->sent, n);
		f->sent += n;
		spend(f, n);
		if (f->sent == f->len) {
			fetch_free(f);
			return;
		}
	}
}

size_t
fetch_room(const struct fetch *f)
{
	return (f->credit > 0 ? (size_t)f->credit : 0);
}

void
fetch_send(struct fetch *f, const void *data, size_t len)
{
	const char	*p = data;
	size_t		 n;

	spend(f, len);
	for (; len > 0; p += n, len -= n) {
		n = len > MSG_CHUNK_MAX ? MSG_CHUNK_MAX : len;
		send_piece(f, 200, 1, 0, p, n);
	}
}

static void
spend(struct fetch *f, size_t len)
{
	f->credit -= (int64_t)len;
	expect_credit(f);
}

/* With little left, somebody must take something within a while. */
static void
expect_credit(struct fetch *f)
{
	static const struct timeval tv = { FETCH_STALL_MS / 1000,
	    FETCH_STALL_MS % 1000 * 1000 };

	if (f->credit <= MSG_FETCH_WINDOW / 2 &&
	    !evtimer_pending(f->stall, NULL))
		evtimer_add(f->stall, &tv);
}

void
fetch_end(struct fetch *f)
{
	send_piece(f, 200, 0, 0, "", 0);
	fetch_free(f);
}

void
fetch_fail(struct fetch *f, const char *why)
{
	struct refusal	 refusal;

	memset(&refusal, 0, sizeof(refusal));
	refusal.status = 502;
	refusal.code = "github_error";
	(void)strlcpy(refusal.text, why, sizeof(refusal.text));
	fetch_refuse(f, &refusal);
}

void
fetch_refuse(struct fetch *f, const struct refusal *refusal)
{
	send_error(f->op, refusal);
	fetch_free(f);
}

static void
send_error(uint64_t op, const struct refusal *refusal)
{
	struct json_object	*o = json_object_new_object();
	struct fetch		 f = { .op = op };
	const char		*text;
	size_t			 len;

	json_object_object_add(o, "success", json_object_new_boolean(0));
	json_set_text(o, "error", refusal->text);
	json_set_text(o, "code", refusal->code);
	text = json_text(o, &len);
	send_piece(&f, refusal->status, 0, (uint32_t)refusal->retry_after,
	    text, len);
	json_object_put(o);
}

static void
send_piece(struct fetch *f, int status, int more, uint32_t retry_after,
    const void *data, size_t len)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.answer.op = f->op;
	m.answer.status = (uint16_t)status;
	m.answer.more = (uint8_t)more;
	m.answer.retry_after = retry_after;
	m.answer.body.data = data;
	m.answer.body.len = len;
	peer_send(env.api, M_ANSWER, &m, -1);
}
