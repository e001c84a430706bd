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
 * The api's inside: a request, how it is answered, and who answers what.
 * Runs in the api.
 *
 *	api.c		main, peers, configuration
 *	accept.c	listening sockets
 *	conn.c		HTTP connections, from accept(2) to close(2)
 *	timeout.c	how long each may wait
 *	wire.c		their bytes
 *	http.c		bytes to requests
 *	limit.c		what clients may take up
 *	control.c	the control socket, and control_op.c what is asked there
 *	seat.c		who gives way there
 *	route.c		from a request to who answers it
 *	path.c		the verb for a method and path
 *	pass.c		answers about every pipeline, made in turns
 *	operation.c	what waits for the ring, and its answers
 *	answer.c	the text of answers
 *	auth.c		tokens and roles
 *	budget.c	what GitHub's rate limits leave
 *	discovery.c	apps that could have a pipeline
 *	etag.c		entity tags
 *	metrics.c	Prometheus, and metrics_*.c its parts
 *	openapi.c	the document of all this
 *	slow.c		wrong tokens, by address
 *	tray.c		cctray, badges
 *	view.c		pipelines and their runs
 *	read.c		what is answered from the view
 *	list.c		lists of that
 *	tls.c		TLS, over memory
 *	text.c		the text of that, made once per change
 *	rope.c		texts by reference
 *	outbox.c	what a connection has yet to send
 *	recall.c	answers that may be given again
 *	events.c	what changed, in order
 *	subscribe.c	who listens to that
 *	sse.c		events over HTTP
 *	relay.c		text over HTTP, in pieces from the poller
 *	health.c	how the registry is
 */

#ifndef CCM_API_API_H
#define CCM_API_API_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "tree.h"
#include "verb.h"

struct etag;
struct event_base;
struct json_object;
struct hold;
struct peer;
struct request;
struct rope;
struct ssl_ctx_st;

/* Operations in the ring at a time; more are answered 503. */
#define API_MAX_OPERATIONS	MSG_OPERATIONS_MAX
/* Of them those that the poller answers piece by piece. */
#define API_MAX_FETCHES	64
/* A client of the API waits 10 s: the ring has that long, milliseconds. */
#define API_DEADLINE_MS		9000
/* Files come and go at the speed of those who read and write them. */
#define API_FILE_DEADLINE_MS	120000

/* A piece of an answer; the last has `more` 0. */
struct answer {
	int		 status;
	uint32_t	 retry_after;	/* seconds, 0: none */
	int		 more;
	const char	*type;		/* NULL: JSON */
	int		 text;		/* not JSON, and not to be gathered */
	const char	*body;
	size_t		 len;
	struct rope	*rope;		/* instead of body; NULL: none */
	const struct hold *hold;	/* NULL: not to be given again */
	const char	*etag;		/* NULL: none */
	const char	*allow;		/* for 405, NULL else */
};

typedef void (*answer_fn)(struct request *req, const struct answer *a);
typedef void (*stream_fn)(struct request *req);

struct request {
	RB_ENTRY(request) entry;
	uint64_t	 op;		/* its number in the ring, 0: none */
	int64_t		 deadline;	/* CLOCK_MONOTONIC, ms */
	int		 fd;		/* where its file travels, or -1 */
	size_t		 unpaid;	/* bytes of a fetch not credited yet */
	const struct verb *verb;
	struct json_object *args;
	enum role	 role;
	char		 actor[MSG_ID_MAX + 1];
	char		 target[MSG_ID_MAX + 1];
	uint64_t	 token;		/* its number; 0: came without */
	char		 match[128];	/* If-None-Match */
	answer_fn	 answer;	/* NULL: the client went */
	stream_fn	 stream;	/* answers a verb of WALK_STREAM */
	void		*arg;
};

/* --- route.c */

/*
 * Take a request with verb, args, role and actor set: check it, carry it
 * out or send it on.  It is answered once, perhaps before this returns, and
 * freed then.
 */
struct request *request_new(answer_fn answer, void *arg);
void request_free(struct request *req);
void route_request(struct request *req);

/* --- path.c */

/*
 * The row for a method and path, its path arguments added to `args`: of two
 * paths that fit, the one that is text for longer.
 * NULL with `*allow` set: the path is there with other methods; with
 * `*allow` empty: there is no such path.
 */
const struct verb *path_find(const char *method, const char *path,
    size_t len, struct json_object *args, char *allow, size_t size);

/* --- operation.c */

int operations_init(struct event_base *base);
void operations_set_peers(struct peer *parent, struct peer *poller,
    struct peer *registry);

/* Send it on to whom its verb is for; or answer that it can't be. */
void operation_send(struct request *req);

/*
 * The answer of the registry, or of the poller to what fetches: neither may
 * give the other's.
 */
void operation_answer(const struct msg_answer *m, enum proc_id from);

/* So many bytes of a fetch's answer were taken: it may go on. */
void operation_credit(struct request *req, size_t bytes);

/* Has its answer begun as a log's text?  Then an error only ends it. */
int operation_is_text(const struct request *req);

/* Its client went: it goes on without. */
void operation_forget(struct request *req);

/* The set ends: tell those who wait, as far as it can be told. */
void operations_give_up(void);
size_t operations_count(void);

/* A refusal for the audit log. */
void operation_audit(const char *verb, const char *actor, const char *target,
    int status, const char *detail, uint32_t count);

/* --- answer.c */

/* Hand a piece to who asked; behind the last one the request is freed. */
void answer_give(struct request *req, const struct answer *a);

/* Answer with {"success": false, ...} / with a document (taken over). */
void answer_error(struct request *req, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void answer_json(struct request *req, int status, struct json_object *o);
/*
 * Answer 200 with a rope (taken over) and its tag, or 304 if the client has
 * that.
 */
void answer_tagged(struct request *req, struct rope *r, struct etag *e,
    const struct hold *hold);

/* The beginning of an answer with a tag, up to its member's value. */
struct rope *answer_begin(struct etag *e, const char *member);

/* Answer with other text; it stays the caller's, a rope's reference too. */
void answer_text(struct request *req, const char *type, const char *text,
    size_t len);
void answer_rope(struct request *req, const char *type, struct rope *r);

/* The text of an error body, into a buffer. */
size_t error_body(char *buf, size_t size, const char *code,
    const char *text);

/* --- auth.c */

#define AUTH_TOKENS_MAX	(MSG_CONF_LINES_MAX + 1) /* CCM_API_TOKEN, too */

/*
 * The new tokens are put aside by auth_begin and auth_add; auth_commit lets
 * them replace all former ones at once.
 */
void auth_begin(void);
int auth_add(const char *name, enum role role, const void *hash, size_t len,
    int64_t expires);
void auth_commit(void);

/*
 * Whose token is it?  All hashes are compared, each in constant time.
 * Returns the role, copies the name, and gives the number for auth_holds;
 * ROLE_NONE if it is nobody's.
 */
enum role auth_check(const void *token, size_t len, char *name, size_t size,
    uint64_t *number);
/* For what goes on and on: 1 if that token is still good, as it was. */
int auth_holds(uint64_t number);


/* What needs no token (OPEN_ of msg.h); and so the least role for a verb. */
void auth_open(uint32_t what);
enum role auth_role_needed(const struct verb *verb);

/* --- read.c */

/* Answer from the view; the table's entries are the verbs of WALK_READ. */
void read_request(struct request *req);
void read_set_synced(void);
int read_is_synced(void);
/* Has its answer an ETag? */
int read_is_tagged(const struct verb *verb);
/* Connections open now, for the status. */
void read_set_connections(size_t (*count)(void));

/* --- list.c */

void list_read(struct request *req);
void list_read_stats(struct request *req);

/* --- openapi.c */

void openapi_read(struct request *req);
/* The configuration changed: make it anew. */
void openapi_reset(void);

/* --- metrics.c */

/* CLOCK_MONOTONIC in microseconds. */
uint64_t metrics_now(void);
/* A request was answered; `verb` NULL: it was none. */
void metrics_count(const struct verb *verb, int status, uint64_t began);
/* A wrong token. */
void metrics_refused(void);
/* What another process takes up. */
void metrics_usage(enum proc_id proc, const struct msg_usage *u);
void metrics_read(struct request *req);

/* --- tray.c */

void tray_read(struct request *req);
void badge_read(struct request *req);

/* --- slow.c */

struct sockaddr_storage;

#define SLOW_FREE	10	/* wrong tokens of a minute without delay */
#define SLOW_MS		100	/* and what each one more waits */

/* A wrong token came from there: how long its answer is to wait, ms. */
int slow_refused(const struct sockaddr_storage *from);
/* Once a second: each minute's refusals go to the audit log. */
void slow_tick(void);

/* --- budget.c */

/* Of the i-th credential, NULL behind the last; its name NULL: not yet. */
const struct msg_budget *budget_at(uint32_t i);
/* Of its token for changes alone; NULL: it has none, or behind the last. */
const struct msg_budget *budget_writes_at(uint32_t i);

/* Take in what the poller said of a credential; -1 if it makes no sense. */
int budget_take(const struct msg_budget *m);
void budget_read(struct request *req);
/* What people should know of tokens: sentences, an array for the caller. */
struct json_object *budget_warnings(void);

/* --- relay.c */

/* Cut off what is relayed to clients whose token is not valid any more. */
void relays_check(void);

/* --- discovery.c */

void discovery_init(struct event_base *base);
/* Answers within 8 seconds; the request is the scan's until then. */
void discovery_scan(struct request *req);

/* --- health.c */

/* What the registry last said of itself (HEALTH); all zero: all is well. */
void health_take(const struct msg_health *m);
/* Its texts are empty where nothing is wrong. */
const struct msg_health *health_get(void);
/* For the status; the caller's. */
struct json_object *health_to_json(void);

/* --- conn.c, control.c */

int conn_init(struct event_base *base);
int control_init(struct event_base *base);
/*
 * Listeners are put aside until conn_commit and control_commit, where they
 * replace all former ones; connections stay, those of the control socket
 * with the new role.
 */
int conn_listen(int fd, const char *name, struct ssl_ctx_st *tls);
void conn_commit(void);
int control_listen(int fd, enum role role);
void control_commit(void);
/* Begin to accept, and leave off. */
void conn_start(void);
void control_start(void);
size_t conn_count(void);
size_t control_count(void);
/* Write out what is answered already, as far as it goes at once. */
void conn_flush(void);

#endif
