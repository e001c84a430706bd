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
 * What the files of the registry share.
 *
 *	registry.c	main, peers, dispatch
 *	commit.c	what is held back until it is durable
 *	upkeep.c	what is done from time to time
 *	health.c	what can't be saved, told to the api
 *	apply.c		outcomes and intents of operations, by verb
 *	learn.c		runs and looks
 *	query*.c	questions about what is on disk (query.h)
 *	sync.c		telling poller and api what is there
 *	store.c load.c	pipelines.json
 *	save.c		how a file is saved
 *	backup.c	its backups
 *	history*.c database.c	history.db
 *	audit.c		logs/audit.log
 */

#ifndef CCM_REGISTRY_REGISTRY_H
#define CCM_REGISTRY_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

struct event_base;
struct ibuf;
struct json_object;
struct peer;
struct record;

/* Who asked for what, as OUTCOME, INTENT and QUERY have it. */
struct asked {
	uint64_t	 op;		/* 0: nobody waits */
	const char	*verb;		/* its name */
	const char	*actor;
	const char	*target;
	/* The message, to be taken up again if it can't be saved now. */
	enum msg_type	 type;
	const union msg	*m;
};

/*
 * Priorities of libevent: high for nothing, middle for peers, low for
 * commits and the slices of queries.
 */
#define REGISTRY_PRIORITIES	3
#define REGISTRY_PRIORITY_LOW	2

/* --- commit.c */

int commit_init(struct event_base *base);
void commit_set_peers(struct peer *poller, struct peer *api);

/*
 * Answer when all that is staged is durable; the body is taken over.  With
 * `depends` 1 the answer is true only if it is: else it becomes 503.
 * Audited with `detail` (may be NULL) if `audited`.  For op 0 there is no
 * answer, but the message is taken up again after a failure.
 */
struct reply {
	int		 status;
	uint32_t	 retry_after;
	int		 depends;
	int		 audited;
	const char	*detail;
	struct json_object *body;
};
void commit_answer(const struct asked *asked, const struct reply *reply);

/* The same for an intent's NOTED; it is not audited. */
void commit_noted(const struct asked *asked, int status, int depends);

/* To the api, in order with the answers, behind the pipelines. */
void commit_rows(const char *id, const void *rows, size_t len);
void commit_readback(const struct msg_readback *m);
void commit_fresh(const struct msg_fresh *m);
void commit_stale(const struct msg_stale *m);

/* Commit as soon as nothing more is to be read; a bounded while away. */
void commit_soon(void);
void commit_now(void);

/* Save though nothing changed: the file is not ours any more. */
void commit_rewrite(void);

/* --- upkeep.c */

int upkeep_init(struct event_base *base);
void upkeep_start(void);
/* Thin the backups out when there is time. */
void upkeep_thin(void);
/* Look now whether the file is ours. */
void upkeep_look(void);

/* --- apply.c */

void apply_outcome(const union msg *m);
void apply_intent(const union msg *m);
void apply_change(const union msg *m);

/* Take up again one that could not be saved. */
void apply_again(enum msg_type type, const union msg *m);

/* Answer with an error's body, audited. */
void apply_refuse(const struct asked *asked, int status, uint32_t retry_after,
    int depends, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* {"success": true} and {"success": false, ...}. */
struct json_object *apply_success(void);
struct json_object *apply_error(const char *code, const char *text);

/* "run 17" for the audit log, into the buffer; NULL: it is about none. */
#define APPLY_RUN_DETAIL	32
const char *apply_run_detail(struct json_object *result, char *buf,
    size_t size);

/* Set a text member to the time that it is. */
void apply_set_now(struct json_object *o, const char *name);
/* Merge a patch (RFC 7396); the result is the caller's. */
struct json_object *apply_merge(struct json_object *target,
    struct json_object *patch);

/* Stage; on failure the client is refused and -1 returned. */
int apply_stage(const struct asked *asked, struct json_object *doc,
    struct record **record);

/* --- apply_cancel.c, apply_provision.c, apply_teardown.c, apply_update.c */

/* An id that no pipeline has.  Returns 0, or -1. */
int provision_id(char *id, size_t size);
void apply_cancel(const struct asked *asked, struct json_object *result);
void apply_provision(const struct asked *asked, struct json_object *result);
void apply_teardown(const struct asked *asked, struct json_object *result);
void apply_update(const struct asked *asked, struct json_object *args);
void intent_teardown(const struct asked *asked);

/* --- apply_done.c */

void apply_done(const struct msg_done *m);

/* --- learn.c */

void learn_runs(const struct msg_runs *m);
void learn_jobs(const struct msg_jobs *m);
void learn_readback(const struct msg_readback *m);
void learn_looked(const struct msg_looked *m);
void learn_fresh(const struct msg_fresh *m);
void learn_stale(const struct msg_stale *m);

/* --- query.c */

/* An answer in as many pieces as it takes. */
void answer_send(struct peer *api, uint64_t op, int status,
    uint32_t retry_after, struct json_object *body);

/* --- sync.c */

void sync_poller(struct peer *poller);
void sync_api(struct peer *api);
void sync_pipeline(struct peer *peer, const struct record *r);
/*
 * Tell both (NULL: not there) of a change, which gets the next number.  The
 * poller can be asked by a client that knows of it before it has read this:
 * it holds the operation until then.
 */
void sync_change(struct peer *poller, struct peer *api,
    const struct record *r);
/* The same of one that is there no more. */
void sync_gone(struct peer *poller, struct peer *api, const char *id);
/* Hold back the rows of one pipeline, as at a start. */
void sync_rows_again(const char *id);

#endif
