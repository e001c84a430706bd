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
 * The configuration taken anew while all goes on: on SIGHUP, and for ccmctl.
 * Runs in the parent.  A configuration that is broken is refused as a whole;
 * a good one is in force when every child has said so, and only then whoever
 * asked is answered.
 */

#include "config.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

/* Who waits for it at a time. */
#define ASKED_MAX	32

struct asked {
	TAILQ_ENTRY(asked) entry;
	uint64_t	 op;		/* 0: by a signal */
	char		 actor[MSG_ID_MAX + 1];
};
TAILQ_HEAD(asked_list, asked);

static struct {
	struct supervise *s;
	struct asked_list waiting;	/* for the next one */
	struct asked_list served;	/* by the one under way */
	size_t		 n;
	int		 under_way;
	char		 text[MSG_LINES_MAX];	/* what there was to say */
} env;

static int	 take(void);
static void	 keep_fixed(struct conf *, const struct conf *);
static int	 differs(const char *, const char *);
static char	*copy(const char *);
static void	 answer(int);

void
reload_init(struct supervise *s)
{
	env.s = s;
	TAILQ_INIT(&env.waiting);
	TAILQ_INIT(&env.served);
}

void
reload_ask(uint64_t op, const char *actor)
{
	struct asked	*a;

	if (env.n == ASKED_MAX || (a = calloc(1, sizeof(*a))) == NULL) {
		supervise_done(op, TASK_RELOAD, 503, actor,
		    "Too many reloads at once");
		return;
	}
	a->op = op;
	(void)strlcpy(a->actor, actor, sizeof(a->actor));
	TAILQ_INSERT_TAIL(&env.waiting, a, entry);
	env.n++;
	reload_next();
}

/*
 * Not while a set starts: it has perhaps been told half of the old one.
 * Those who asked meanwhile are all served by one.
 */
void
reload_next(void)
{
	if (env.under_way || TAILQ_EMPTY(&env.waiting) ||
	    !supervise_can_reload())
		return;
	env.under_way = 1;
	TAILQ_CONCAT(&env.served, &env.waiting, entry);
	log_info("reload: asked for by %s",
	    log_visible(TAILQ_FIRST(&env.served)->actor));
	notify_reloading();
	output_reopen();
	if (take() == -1) {
		log_err("reload: refused, the old configuration stays in "
		    "force");
		answer(400);
	} else if (!supervise_reload())
		reload_in_force();
}

/* Every child has it; or there is no child, and the next ones get it. */
void
reload_in_force(void)
{
	if (!env.under_way)
		return;
	log_info("reload: the new configuration is in force");
	answer(200);
}

/*
 * The children went before all of them had it: those that come have it.  The
 * clients of the api went with it, and have been told.
 */
void
reload_set_ended(void)
{
	struct asked	*a, *next;

	TAILQ_FOREACH_SAFE(a, &env.waiting, entry, next)
		if (a->op != 0) {
			TAILQ_REMOVE(&env.waiting, a, entry);
			free(a);
			env.n--;
		}
	reload_in_force();
}

static void
answer(int status)
{
	struct asked	*a;

	while ((a = TAILQ_FIRST(&env.served)) != NULL) {
		TAILQ_REMOVE(&env.served, a, entry);
		supervise_done(a->op, TASK_RELOAD, status, a->actor,
		    env.text);
		free(a);
		env.n--;
	}
	env.under_way = 0;
	notify_ready(status == 200 ? "Running" :
	    "Running; the new configuration was refused");
}

/* All of it, or nothing of it. */
static int
take(void)
{
	struct conf	*conf;

	output_collect(env.text, sizeof(env.text));
	conf = conf_load(env.s->conf_path);
	if (conf != NULL) {
		keep_fixed(conf, env.s->conf);
		sign_inherit(conf, env.s->conf);
		if (sockets_reload(conf, env.s->conf) == -1) {
			conf_free(conf);
			conf = NULL;
		}
	}
	output_collect(NULL, 0);
	if (conf == NULL)
		return (-1);
	conf_free(env.s->conf);
	env.s->conf = conf;
	poison_forget();
	return (0);
}

/* What was made of these before privileges were given up stays. */
static void
keep_fixed(struct conf *conf, const struct conf *old)
{
	if (differs(conf->statedir, old->statedir))
		log_warn("state directory: takes a restart, %s stays",
		    old->statedir);
	if (differs(conf->control, old->control) ||
	    differs(conf->control_group, old->control_group))
		log_warn("control socket: its path and group take a restart, "
		    "%s stays", old->control);
	if (conf->strict != old->strict)
		log_warn("sandbox strict: takes a restart");
	free(conf->statedir);
	free(conf->control);
	free(conf->control_group);
	conf->statedir = copy(old->statedir);
	conf->control = copy(old->control);
	conf->control_group = old->control_group != NULL ?
	    copy(old->control_group) : NULL;
	conf->strict = old->strict;
}

static int
differs(const char *a, const char *b)
{
	return ((a == NULL) != (b == NULL) ||
	    (a != NULL && strcmp(a, b) != 0));
}

static char *
copy(const char *s)
{
	char	*p = strdup(s);

	if (p == NULL)
		fatal("configuration");
	return (p);
}
