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
 * What cancel.c (the end of runs) and cancel_lists.c (which ones) know of
 * each other; nobody else includes it.  Runs in the poller.
 */

#ifndef CCM_POLLER_CANCEL_INSIDE_H
#define CCM_POLLER_CANCEL_INSIDE_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "cancel.h"
#include "watch.h"

#define CANCEL_LISTS	5
#define CANCEL_RETRY_MS	30000	/* when GitHub could not be asked, then */
#define CANCEL_RETRY_MAX_MS 300000	/* twice as long, up to that */

enum victim_state {
	VICTIM_FOUND,
	VICTIM_ACCEPTED,	/* 202, or 409: to be verified */
	VICTIM_FORCED,
	VICTIM_COMPLETED,
	VICTIM_GIVEN_UP		/* with a verdict in the warnings */
};

/* What fails again and again: zeros as long as it goes well. */
struct trial {
	int64_t		 since;		/* the first time, monotonic ms */
	int64_t		 due;		/* the next one is */
	int		 wait;		/* ms */
};

struct victim {
	TAILQ_ENTRY(victim) entry;
	struct cancel	*cancel;
	struct gh_call	*call;
	int64_t		 id;
	int64_t		 attempt;	/* 0: whichever runs */
	int64_t		 asked_at;	/* monotonic ms */
	struct trial	 trial;		/* to cancel it, or see how it is */
	struct trial	 force;		/* to force-cancel it */
	enum victim_state state;
};

struct list {
	struct cancel	*cancel;
	struct gh_call	*call;
	const char	*status;
	int		 pages;
};

struct cancel {
	struct github	*gh;		/* at first; another with its URL */
	char		*url;
	struct pipeline	*pipeline;
	char		 name[REPOSITORY_MAX + 1];
	int64_t		 workflow_id;
	struct list	 lists[CANCEL_LISTS];
	TAILQ_HEAD(, victim) victims;
	size_t		 nvictims;
	struct event	*timer;
	struct json_object *warnings;
	int		 failed;	/* lists that GitHub did not give */
	struct trial	 trial;		/* of those */
	int		 rounds;
	char		*list_warning;	/* what keeps runs from us, or NULL */
	int		 settled;
	void		(*done)(struct cancel *, void *);
	void		*arg;
};

/* --- cancel_lists.c */

/* Ask GitHub for all unfinished runs; cancel_lists_done at the end. */
void cancel_ask_lists(struct cancel *c);
int cancel_lists_pending(const struct cancel *c);

/* --- cancel.c */

/* GET; as github_call. */
struct gh_call *cancel_ask(struct cancel *c, const char *path, gh_done done,
    void *arg);
/* A run that is to be ended, unless it is there already. */
void cancel_add(struct cancel *c, int64_t id);
/* There are others that were not added: the lists are asked again. */
void cancel_left_out(struct cancel *c);
/* All lists are there, but for c->failed. */
void cancel_lists_done(struct cancel *c);
/* Look at it again, at the latest then. */
void cancel_again_in(struct cancel *c, int ms);
/* A sentence for people, until all lists are there. */
void cancel_list_warn(struct cancel *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
