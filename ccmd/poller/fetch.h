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
 * Reads from GitHub that a client asked for: what comes back goes to the api
 * in pieces, as far as there is credit, and is kept nowhere.  Runs in the
 * poller.
 *
 *	fetch.c			who asked, credit, the end
 *	fetch_run.c		a run with its jobs and steps
 *	fetch_logs.c		what its jobs wrote
 *	fetch_repositories.c	an owner's repositories, branches, workflows
 */

#ifndef CCM_POLLER_FETCH_H
#define CCM_POLLER_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "lookup.h"
#include "tell.h"

struct event_base;
struct fetch;
struct json_object;
struct msg_credit;
struct peer;

/* At a time; more are refused. */
#define FETCHES_MAX	32
/* One that is given no credit for that long is ended, milliseconds. */
#define FETCH_STALL_MS	30000
/* The largest answer that is no stream, bytes. */
#define FETCH_BODY_MAX	(4 * 1024 * 1024)

/* What a verb does with its fetch; none is called any more once it ended. */
struct fetch_ops {
	/* There is room again; NULL: it does not stream. */
	void	(*room)(void *arg);
	/* Leave off: the client went, or takes nothing.  Frees arg. */
	void	(*gone)(void *arg);
};

void fetch_set_api(struct peer *api);

/* From the api: so many bytes more may be sent; its client went. */
void fetch_credit(uint64_t op, uint32_t bytes);
void fetch_abandon(uint64_t op);

/*
 * Begin.  Returns NULL, the client being answered, if there are too many.
 * It ends with one of fetch_json, fetch_refuse, fetch_end, fetch_fail, or a
 * call of `gone`.
 */
struct fetch *fetch_new(const struct asked *asked,
    const struct fetch_ops *ops, void *arg);

/* The whole answer, a document, which is taken over. */
void fetch_json(struct fetch *f, struct json_object *o);
void fetch_refuse(struct fetch *f, const struct refusal *refusal);

/*
 * A stream: bytes that may be sent now, a piece, the end.  A piece of at
 * most FETCH_OVERDRAFT bytes may be sent without room.  fetch_fail: it is
 * cut off, for that reason.
 */
#define FETCH_OVERDRAFT	1024
size_t fetch_room(const struct fetch *f);
void fetch_send(struct fetch *f, const void *data, size_t len);
void fetch_end(struct fetch *f);
void fetch_fail(struct fetch *f, const char *why);

/* Verbs that fetch, as in ops.c. */
void fetch_run(const struct asked *asked, struct json_object *args);
void fetch_logs(const struct asked *asked, struct json_object *args);
void fetch_repositories(const struct asked *asked, struct json_object *args);
void fetch_branches(const struct asked *asked, struct json_object *args);
void fetch_workflows(const struct asked *asked, struct json_object *args);

#endif
