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
 * Operations as they come from the api: each to its function.  One that a
 * client asked for knowing a change that has not arrived here yet waits for
 * it: registry and api are connections of their own, and the client's next
 * request can be faster than the news of its last.  Runs in the poller.
 * Must not know what the operations do.
 */

#include "config.h"

#include <sys/queue.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "verb.h"

/* The answer has a way to go: the registry's disk, the api. */
#define DEADLINE_MARGIN	700
/* A client's patience is seconds: what is later is no deadline. */
#define DEADLINE_MAX	(3600 * 1000)
#define BUSY_RETRY	5	/* seconds */

typedef void (*op_fn)(const struct asked *, struct json_object *);

/* As many as the api admits. */
struct held {
	TAILQ_ENTRY(held)	 entry;
	struct asked		 asked;
	struct json_object	*args;
	uint64_t		 seen;
};
TAILQ_HEAD(held_list, held);

static struct {
	struct held_list held;
	size_t		 nheld;
	uint64_t	 number;	/* of the last change told */
	int		 synced;
} env = { .held = TAILQ_HEAD_INITIALIZER(env.held) };

static void	 hold(const struct asked *, struct json_object *, uint64_t);
static void	 refuse_late(void);
static void	 release(void);
static void	 run(const struct asked *, struct json_object *);

/* What walks the ring; a verb without an entry is a violation. */
static const op_fn ops[VERB_MAX] = {
	[VERB_PIPELINE_PROVISION] = op_provision,
	[VERB_PIPELINE_TEARDOWN] = op_teardown,
	[VERB_PIPELINE_STATS] = op_stats,
	[VERB_PIPELINE_TRIGGER] = op_trigger,
	[VERB_RUN_CANCEL] = op_cancel,
	[VERB_RUN_RERUN] = op_rerun,
	[VERB_WORKFLOW_ENABLE] = op_workflow,
	[VERB_WORKFLOW_DISABLE] = op_workflow,
	[VERB_PIPELINE_UPDATE] = op_update,
	/* What is fetched: they answer the api themselves. */
	[VERB_RUN_SHOW] = fetch_run,
	[VERB_RUN_LOGS] = fetch_logs,
	[VERB_REPOSITORY_LIST] = fetch_repositories,
	[VERB_REPOSITORY_BRANCHES] = fetch_branches,
	[VERB_REPOSITORY_WORKFLOWS] = fetch_workflows,
	[VERB_DOCTOR] = op_doctor,
};

void
ops_take(const struct msg_op *m)
{
	struct verb_error	 why;
	struct json_object	*args;
	struct json_error	 err;
	struct asked		 asked;

	memset(&asked, 0, sizeof(asked));
	asked.op = m->op;
	asked.verb = m->verb;
	asked.deadline = m->deadline - DEADLINE_MARGIN;
	(void)strlcpy(asked.actor, m->actor, sizeof(asked.actor));
	(void)strlcpy(asked.target, m->target, sizeof(asked.target));
	args = json_parse_strict(m->args.data, m->args.len, MSG_DOC_MAX, &err);
	/* They become parts of addresses: not on the api's word alone. */
	if (m->verb >= VERB_MAX || ops[m->verb] == NULL || m->deadline < 0 ||
	    m->deadline > proc_now_ms() + DEADLINE_MAX ||
	    !json_object_is_type(args, json_type_object) ||
	    verb_check_args(verb_get(m->verb), args, &why) == -1)
		fatalx("api: operation that is none");
	if (!env.synced || m->seen > env.number)
		hold(&asked, args, m->seen);
	else
		run(&asked, args);
}

void
ops_told(uint64_t number)
{
	env.number = number;
	release();
}

void
ops_abandon(uint64_t op)
{
	struct held	*h;

	TAILQ_FOREACH(h, &env.held, entry)
		if (h->asked.op == op)
			break;
	if (h == NULL) {
		fetch_abandon(op);
		return;
	}
	TAILQ_REMOVE(&env.held, h, entry);
	env.nheld--;
	json_object_put(h->args);
	free(h);
}

void
ops_synced(void)
{
	env.synced = 1;
	release();
}

static void
hold(const struct asked *asked, struct json_object *args, uint64_t seen)
{
	struct held	*h;

	if (env.nheld >= MSG_OPERATIONS_MAX)
		refuse_late();
	if (env.nheld++ >= MSG_OPERATIONS_MAX)
		fatalx("api: more operations than it admits");
	if ((h = calloc(1, sizeof(*h))) == NULL)
		fatal("operation");
	h->asked = *asked;
	h->args = args;
	h->seen = seen;
	TAILQ_INSERT_TAIL(&env.held, h, entry);
}

/* The api has given up on these, or will at once: it abandons fetches. */
static void
refuse_late(void)
{
	struct held	*h, *next;
	int64_t		 now = proc_now_ms();

	TAILQ_FOREACH_SAFE(h, &env.held, entry, next) {
		if (h->asked.deadline > now ||
		    verb_get(h->asked.verb)->walk == WALK_FETCH)
			continue;
		tell_refused(&h->asked, 503, "busy", BUSY_RETRY,
		    "The daemon is too busy: nothing was done");
		TAILQ_REMOVE(&env.held, h, entry);
		env.nheld--;
		json_object_put(h->args);
		free(h);
	}
}

static void
release(void)
{
	struct held	*h, *next;

	if (!env.synced)
		return;
	TAILQ_FOREACH_SAFE(h, &env.held, entry, next) {
		if (h->seen > env.number)
			continue;
		TAILQ_REMOVE(&env.held, h, entry);
		env.nheld--;
		run(&h->asked, h->args);
		free(h);
	}
}

/* The reference to `args` is taken over. */
static void
run(const struct asked *asked, struct json_object *args)
{
	log_debug("op %llu: %s %s", (unsigned long long)asked->op,
	    verb_get(asked->verb)->name, log_visible(asked->target));
	ops[asked->verb](asked, args);
	json_object_put(args);
}
