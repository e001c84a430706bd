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
 * Group commit: what arrives together is saved together, and nobody hears
 * of it before.  Runs in the registry.  Must not know what an operation
 * means; the one place that sends an acknowledgement.
 *
 * A commit ends the history's transaction, saves pipelines.json, writes the
 * audit log, in that order, and only then lets out what was held back:
 * first the pipelines as they are now, then all else as it came.  When the
 * save fails the pipelines are what they were, and who asked gets 503.
 */

#include "config.h"

#include <sys/queue.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "health.h"
#include "history.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "registry.h"
#include "store.h"

/* A commit is made when that much waits, though more could be read. */
#define COMMIT_HELD_MAX	1024
#define COMMIT_WAIT_MS	20
/* What could not be saved is for clients to try again after that long, s. */
#define COMMIT_AGAIN	5
/* And we try whether it works again. */
#define COMMIT_MEND	1
/* How many of those without a client are kept for that. */
#define COMMIT_AGAIN_MAX 4096

struct held {
	TAILQ_ENTRY(held) entry;
	enum msg_type	 type;		/* what is sent */
	union msg	 m;		/* its strings are `text`, `blob` */
	char		*text[2];
	void		*blob;
	/* An ANSWER or a NOTED: */
	struct json_object *body;
	int		 depends;
	int		 audited;
	uint64_t	 op;
	char		*verb;
	char		*actor;
	char		*target;
	char		*detail;
	struct held	*again;		/* the message, for op 0 */
};

TAILQ_HEAD(held_list, held);

static struct {
	struct peer	*poller;
	struct peer	*api;
	struct event	*commit;
	struct event	*mend;
	struct held_list held;
	size_t		 nheld;
	struct held_list again;
	size_t		 nagain;
	int		 rewrite;	/* though nothing changed */
	int64_t		 since;		/* proc_now_ms of the first */
} env = {
	.held = TAILQ_HEAD_INITIALIZER(env.held),
	.again = TAILQ_HEAD_INITIALIZER(env.again),
};

static void	 on_commit(evutil_socket_t, short, void *);
static void	 on_mend(evutil_socket_t, short, void *);
static void	 mend_later(void);
static void	 probe(void);
static void	 lost(const char *, void *);
static struct held *hold(enum msg_type);
static struct held *hold_asked(const struct asked *, enum msg_type);
static struct held *copy_message(enum msg_type, const union msg *);
static char	*copy_text(const char *);
static void	 copy_blob(struct held *, struct msg_blob *,
		    const struct msg_blob *);
static void	 held_free(struct held *);
static int	 save(char *, size_t);
static void	 refuse_held(const char *);
static void	 keep_again(struct held *);
static void	 audit_held(void);
static void	 send_pipelines(void);
static void	 send_held(void);
static void	 send_one(struct held *);
static void	 send_to(struct peer *, const struct held *);

int
commit_init(struct event_base *base)
{
	env.commit = event_new(base, -1, 0, on_commit, NULL);
	env.mend = evtimer_new(base, on_mend, NULL);
	if (env.commit == NULL || env.mend == NULL)
		return (-1);
	/* Behind all that can be read or written now. */
	return (event_priority_set(env.commit, REGISTRY_PRIORITY_LOW));
}

void
commit_set_peers(struct peer *poller, struct peer *api)
{
	env.poller = poller;
	env.api = api;
	health_set_api(api);
}

/* --- Holding back. */

static struct held *
hold(enum msg_type type)
{
	struct held	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		fatal("commit");
	h->type = type;
	TAILQ_INSERT_TAIL(&env.held, h, entry);
	if (env.nheld++ == 0)
		env.since = proc_now_ms();
	return (h);
}

static struct held *
hold_asked(const struct asked *asked, enum msg_type type)
{
	struct held	*h = hold(type);

	h->op = asked->op;
	h->verb = copy_text(asked->verb);
	h->actor = copy_text(asked->actor);
	h->target = copy_text(asked->target);
	if (asked->op == 0 && asked->m != NULL)
		h->again = copy_message(asked->type, asked->m);
	return (h);
}

void
commit_answer(const struct asked *asked, const struct reply *reply)
{
	struct held	*h = hold_asked(asked, M_ANSWER);

	h->m.answer.op = asked->op;
	h->m.answer.status = (uint16_t)reply->status;
	h->m.answer.retry_after = reply->retry_after;
	h->body = reply->body;
	h->depends = reply->depends;
	h->audited = reply->audited;
	if (reply->detail != NULL)
		h->detail = copy_text(reply->detail);
}

void
commit_noted(const struct asked *asked, int status, int depends)
{
	struct held	*h = hold_asked(asked, M_NOTED);

	h->m.noted.op = asked->op;
	h->m.noted.status = (uint16_t)status;
	h->depends = depends;
}

void
commit_rows(const char *id, const void *rows, size_t len)
{
	struct msg_blob	 blob = { rows, len };
	struct held	*h = hold(M_ROWS);

	h->m.rows.pipeline_id = h->text[0] = copy_text(id);
	copy_blob(h, &h->m.rows.rows, &blob);
}

void
commit_readback(const struct msg_readback *m)
{
	struct held	*h = hold(M_READBACK);

	h->m.readback = *m;
	h->m.readback.pipeline_id = h->text[0] = copy_text(m->pipeline_id);
}

void
commit_fresh(const struct msg_fresh *m)
{
	struct held	*h = hold(M_FRESH);

	copy_blob(h, &h->m.fresh.looks, &m->looks);
}

void
commit_stale(const struct msg_stale *m)
{
	struct held	*h = hold(M_STALE);

	h->m.stale.pipeline_id = h->text[0] = copy_text(m->pipeline_id);
	h->m.stale.reason = h->text[1] = copy_text(m->reason);
}

/* Only what changes pipelines without a client is ever taken up again. */
static struct held *
copy_message(enum msg_type type, const union msg *m)
{
	struct held	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		fatal("commit");
	h->type = type;
	h->m = *m;
	if (type == M_CHANGE) {
		h->m.change.pipeline_id = h->text[0] =
		    copy_text(m->change.pipeline_id);
		h->m.change.reason = h->text[1] = copy_text(m->change.reason);
		copy_blob(h, &h->m.change.patch, &m->change.patch);
	} else if (type == M_OUTCOME) {
		h->m.outcome.actor = h->text[0] = copy_text(m->outcome.actor);
		h->m.outcome.target = h->text[1] =
		    copy_text(m->outcome.target);
		h->m.outcome.code = h->m.outcome.error = "";
		copy_blob(h, &h->m.outcome.result, &m->outcome.result);
	} else
		fatalx("commit: %s can't be taken up again", msg_name(type));
	return (h);
}

static char *
copy_text(const char *text)
{
	char	*copy = strdup(text);

	if (copy == NULL)
		fatal("commit");
	return (copy);
}

static void
copy_blob(struct held *h, struct msg_blob *to, const struct msg_blob *from)
{
	if ((h->blob = malloc(from->len + 1)) == NULL)
		fatal("commit");
	memcpy(h->blob, from->data, from->len);
	to->data = h->blob;
	to->len = from->len;
}

static void
held_free(struct held *h)
{
	if (h == NULL)
		return;
	held_free(h->again);
	json_object_put(h->body);
	free(h->text[0]);
	free(h->text[1]);
	free(h->blob);
	free(h->verb);
	free(h->actor);
	free(h->target);
	free(h->detail);
	free(h);
}

/* --- Committing. */

void
commit_soon(void)
{
	if (env.nheld >= COMMIT_HELD_MAX || (env.nheld > 0 &&
	    proc_now_ms() - env.since > COMMIT_WAIT_MS))
		commit_now();
	else
		event_active(env.commit, EV_TIMEOUT, 1);
}

static void
on_commit(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	commit_now();
}

void
commit_rewrite(void)
{
	env.rewrite = 1;
	commit_soon();
}

void
commit_now(void)
{
	char	 why[128];

	if (history_commit() == -1)
		log_err("history: not stored; it is read back when it works "
		    "again");
	if (store_is_staged() || env.rewrite) {
		if (save(why, sizeof(why)) == 0) {
			send_pipelines();
			store_settle();
			upkeep_thin();
			env.rewrite = 0;
		} else {
			store_rollback();
			refuse_held(why);
		}
	}
	audit_held();
	health_audit(audit_commit() == -1 ? strerror(errno) : NULL);
	health_history(history_is_behind() ? "it is read back when it works "
	    "again" : NULL);
	health_tell();
	send_held();
	if (history_is_behind() || audit_pending() || env.nagain > 0 ||
	    health_is_failing())
		mend_later();
}

static int
save(char *why, size_t size)
{
	struct record	*r;
	size_t		 changes = 0;
	int64_t		 began = proc_now_ms();

	for (r = store_next_changed(NULL); r != NULL;
	    r = store_next_changed(r))
		changes++;
	if (store_save(time(NULL)) == 0) {
		health_saved(changes, proc_now_ms() - began);
		return (0);
	}
	(void)strlcpy(why, strerror(errno), size);
	health_failed(why);
	return (-1);
}

/* All that depended on the save did not happen. */
static void
refuse_held(const char *why)
{
	char		 text[256];
	struct held	*h;

	(void)snprintf(text, sizeof(text), "The change could not be saved: %s",
	    why);
	TAILQ_FOREACH(h, &env.held, entry) {
		if (!h->depends)
			continue;
		if (h->again != NULL) {
			keep_again(h->again);
			h->again = NULL;
		}
		json_object_put(h->body);
		h->body = apply_error("unavailable", text);
		free(h->detail);
		h->detail = copy_text(text);
		if (h->type == M_NOTED) {
			h->m.noted.status = 503;
			h->audited = 1;
			continue;
		}
		h->m.answer.status = 503;
		h->m.answer.retry_after = COMMIT_AGAIN;
	}
}

static void
keep_again(struct held *h)
{
	if (env.nagain >= COMMIT_AGAIN_MAX) {
		log_warn("%s: dropped, too many wait", msg_name(h->type));
		held_free(h);
		return;
	}
	TAILQ_INSERT_TAIL(&env.again, h, entry);
	env.nagain++;
}

static void
audit_held(void)
{
	struct held	*h;
	struct audit	 a;

	TAILQ_FOREACH(h, &env.held, entry) {
		if (!h->audited)
			continue;
		memset(&a, 0, sizeof(a));
		a.op = h->op;
		a.verb = h->verb;
		a.actor = h->actor;
		a.target = h->target;
		a.status = h->type == M_NOTED ? h->m.noted.status :
		    h->m.answer.status;
		a.detail = h->detail;
		audit_add(&a, time(NULL));
	}
}

static void
send_pipelines(void)
{
	struct record	*r;

	for (r = store_next_changed(NULL); r != NULL;
	    r = store_next_changed(r))
		if (r->removed)
			sync_gone(env.poller, env.api, r->id);
		else
			sync_change(env.poller, env.api, r);
}

static void
send_held(void)
{
	struct held	*h;

	while ((h = TAILQ_FIRST(&env.held)) != NULL) {
		TAILQ_REMOVE(&env.held, h, entry);
		send_one(h);
		held_free(h);
	}
	env.nheld = 0;
}

static void
send_one(struct held *h)
{
	if (h->type == M_NOTED)
		send_to(env.poller, h);
	else if (h->type == M_READBACK) {
		/* Unless it was linked again meanwhile. */
		if (history_known(h->m.readback.pipeline_id))
			send_to(env.api, h);
	} else if (h->type != M_ANSWER)
		send_to(env.api, h);
	if (h->body != NULL && h->op != 0 && env.api != NULL)
		answer_send(env.api, h->op, h->type == M_NOTED ?
		    h->m.noted.status : h->m.answer.status,
		    h->type == M_NOTED ? COMMIT_AGAIN :
		    h->m.answer.retry_after, h->body);
}

/* NULL: it went, and so shall we. */
static void
send_to(struct peer *peer, const struct held *h)
{
	if (peer != NULL)
		peer_send(peer, h->type, &h->m, -1);
}

/* --- Afterwards. */

static void
mend_later(void)
{
	static const struct timeval	 wait = { COMMIT_MEND, 0 };

	if (!evtimer_pending(env.mend, NULL))
		(void)evtimer_add(env.mend, &wait);
}

/* Try what failed: the fault may be gone. */
static void
on_mend(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	struct held_list	 list = TAILQ_HEAD_INITIALIZER(list);
	struct held		*h;

	commit_now();
	if (health_is_failing())
		probe();
	if (history_is_behind() && history_recover(lost, NULL) == 0)
		log_info("history: works again");
	TAILQ_CONCAT(&list, &env.again, entry);
	env.nagain = 0;
	while ((h = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, h, entry);
		apply_again(h->type, &h->m);
		held_free(h);
	}
	commit_now();
}

/* Nobody changes anything now, but whoever asks shall know. */
static void
probe(void)
{
	if (store_probe(time(NULL)) == -1)
		return;
	health_works();
	health_tell();
}

/* The poller alone is told: the figures stand until it has read back. */
static void
lost(const char *id, void *arg __attribute__((unused)))
{
	struct record	*r = store_find(id);

	if (r != NULL && !r->inactive && env.poller != NULL)
		sync_pipeline(env.poller, r);
}
