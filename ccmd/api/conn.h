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
 * An HTTP connection, between wire.c (bytes) and door.c (requests).  Runs
 * in the api.
 */

#ifndef CCM_API_CONN_H
#define CCM_API_CONN_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "outbox.h"

struct conn;
struct event;
struct rope;
struct tls;
struct request;
struct verb;

/* What fills the output of a connection that streams. */
struct conn_stream {
	/* There is room: write; returns 1 if more waits for room. */
	int	(*fill)(struct conn *c, void *arg);
	/* The connection goes. */
	void	(*closed)(void *arg);
	/* It ends by itself: who sends no more may wait for that. */
	int	  finite;
};

/* What a connection waits for; timeout.c says for how long. */
enum conn_wait {
	WAIT_NOTHING,
	WAIT_IDLE,		/* a request */
	WAIT_READING,		/* the rest of one */
	WAIT_WRITING,		/* the client, to take its answer */
	WAIT_LINGERING,		/* ... and to read the last of it */
	WAIT_RING,		/* the answer */
	WAIT_HELD,		/* as its token was wrong too often */
	WAIT_STREAM,		/* something to tell */
	WAIT_MAX
};

struct conn {
	TAILQ_ENTRY(conn) entry;	/* of those that wait for the same */
	enum conn_wait	 wait;
	struct event	*ev;
	int		 fd;
	int64_t		 deadline;	/* CLOCK_MONOTONIC, ms */
	struct sockaddr_storage address;
	struct http_message message;
	char		*in;		/* of an incomplete request */
	size_t		 in_len;
	size_t		 in_size;
	struct outbox	 out;		/* answers not yet sent */
	struct tls	*tls;		/* NULL: in clear text */
	struct request	*request;	/* under way */
	char		*body;		/* pieces of its answer so far */
	size_t		 body_len;
	enum http_method method;	/* of the present request */
	const struct verb *verb;	/* NULL: it is none */
	uint64_t	 began;		/* metrics_now() */
	int		 held;		/* its answer waits: conn_hold */
	int		 minor;		/* HTTP/1.0, HTTP/1.1 */
	const struct conn_stream *stream;	/* NULL: requests, answers */
	void		*stream_arg;
	int		 stream_more;	/* waits for room */
	int		 busy;
	int		 closing;	/* after the answers that are out */
	int		 lingering;
	int		 eof;
	int		 dead;
	size_t		 progress;	/* bytes sent in their time */
	int		 took;		/* a request was complete */
	int		 served;	/* one ever was */
};

/*
 * conn.c: queue a copy of bytes, or a rope by reference; the ring's answer
 * is queued, go on.
 */
void conn_write(struct conn *c, const void *data, size_t len);
void conn_write_rope(struct conn *c, struct rope *r);
void conn_answered(struct conn *c);
void conn_linger(struct conn *c);

/* Answer by door_held after so many milliseconds: 0 or SLOW_MS. */
void conn_hold(struct conn *c, int ms);

/*
 * Streaming: from now on no request is read, `fill` writes whenever there
 * is room, and only the client or conn_kill ends it.  conn_go_on: there is
 * something to write; the connection may be gone when it, or conn_kill,
 * returns.
 */
void conn_stream(struct conn *c, const struct conn_stream *stream,
    void *arg);
void conn_go_on(struct conn *c);
void conn_kill(struct conn *c);

/*
 * door.c: a complete request (it sets c->request while the answer is under
 * way), a bad one, one that took too long, a connection that is going, and
 * once a second.
 */
void door_request(struct conn *c, const struct http_message *m);
void door_bad(struct conn *c, const struct http_message *m);
void door_timeout(struct conn *c);
void door_held(struct conn *c);
void door_closed(struct conn *c);
void door_tick(void);

/* The time for a Date field, made once a second. */
const char *door_date(void);

/*
 * relay.c: a piece of a text, the first one begins it, one that is not a 200
 * cuts it off.  The connection may be gone when it returns.
 */
struct answer;
void relay_piece(struct conn *c, struct request *req,
    const struct answer *a);

/* sse.c: answer a request for events with a stream of them. */
void sse_begin(struct conn *c, struct request *req);

#endif
