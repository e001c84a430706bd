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
 * ccmd-api: what clients talk to.  Accepts on inherited sockets, HTTP and
 * control, authenticates, validates and numbers operations, answers reads
 * from its view.  Must not open a file or a connection, and knows tokens
 * only by their hashes.
 */

#include "config.h"

#include <event2/event.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "child.h"
#include "events.h"
#include "limit.h"
#include "log.h"
#include "pass.h"
#include "proc.h"
#include "projects.h"
#include "subscribe.h"
#include "tls.h"
#include "usage.h"
#include "view.h"


static struct {
	struct event_base *base;
	struct peer	*parent;
	struct peer	*poller;
	struct peer	*registry;
	struct ssl_ctx_st *tls;		/* of the next listener */
} env;

static const char *on_setup(const struct msg_setup *);
static void	 on_closed(struct peer *, const char *);
static void	 on_peer(struct peer *, const union msg *, int);
static void	 on_conf_begin(struct peer *, const union msg *, int);
static void	 on_conf_listen(struct peer *, const union msg *, int);
static void	 on_conf_tls(struct peer *, const union msg *, int);
static void	 on_conf_token(struct peer *, const union msg *, int);
static void	 on_conf_limits(struct peer *, const union msg *, int);
static void	 on_conf_public(struct peer *, const union msg *, int);
static void	 on_conf_end(struct peer *, const union msg *, int);
static void	 on_verbose(struct peer *, const union msg *, int);
static void	 on_answer(struct peer *, const union msg *, int);
static void	 on_pipeline(struct peer *, const union msg *, int);
static void	 on_rows(struct peer *, const union msg *, int);
static void	 on_fresh(struct peer *, const union msg *, int);
static void	 on_readback(struct peer *, const union msg *, int);
static void	 on_stale(struct peer *, const union msg *, int);
static void	 on_budget(struct peer *, const union msg *, int);
static void	 on_usage(struct peer *, const union msg *, int);
static void	 on_gone(struct peer *, const union msg *, int);
static void	 on_project(struct peer *, const union msg *, int);
static void	 on_health(struct peer *, const union msg *, int);
static void	 on_synced(struct peer *, const union msg *, int);
static size_t	 connections(void);

static const msg_fn parent_table[M_MAX] = {
	[M_PEER] = on_peer,
	[M_CONF_BEGIN] = on_conf_begin,
	[M_CONF_LISTEN] = on_conf_listen,
	[M_CONF_TLS] = on_conf_tls,
	[M_CONF_TOKEN] = on_conf_token,
	[M_CONF_LIMITS] = on_conf_limits,
	[M_CONF_PUBLIC] = on_conf_public,
	[M_CONF_END] = on_conf_end,
	[M_VERBOSE] = on_verbose,
	[M_USAGE] = on_usage,
};

static const msg_fn poller_table[M_MAX] = {
	[M_BUDGET] = on_budget,
	[M_USAGE] = on_usage,
	[M_ANSWER] = on_answer,
};

static const msg_fn registry_table[M_MAX] = {
	[M_ANSWER] = on_answer,
	[M_PIPELINE] = on_pipeline,
	[M_ROWS] = on_rows,
	[M_FRESH] = on_fresh,
	[M_READBACK] = on_readback,
	[M_STALE] = on_stale,
	[M_GONE] = on_gone,
	[M_HEALTH] = on_health,
	[M_USAGE] = on_usage,
	[M_PROJECT] = on_project,
	[M_SYNCED] = on_synced,
};

static const struct peer_ops parent_ops = { .table = parent_table,
    .closed = on_closed };
static const struct peer_ops poller_ops = { .table = poller_table,
    .closed = on_closed };
static const struct peer_ops registry_ops = { .table = registry_table,
    .closed = on_closed };

int
main(void)
{
	sandbox_start();
	usage_init();
	log_init("api", 1, 0);
	if (sodium_init() == -1)
		fatalx("sodium_init");
	if (tls_init() == -1)
		fatalx("tls_init");
	if ((env.base = event_base_new()) == NULL)
		fatalx("event_base_new");
	env.parent = child_start(env.base, PROC_API, on_setup, &parent_ops);
	discovery_init(env.base);
	if (events_init(env.base) == -1 || operations_init(env.base) == -1 ||
	    conn_init(env.base) == -1 || control_init(env.base) == -1)
		fatal("start");
	pass_init(env.base);
	read_set_connections(connections);
	event_base_dispatch(env.base);
	return (0);
}

static const char *
on_setup(const struct msg_setup *m)
{
	log_set_verbose(m->verbose);
	return (child_confine(SANDBOX_API, m, NULL));
}

/*
 * The set lives and dies together; those who wait are told, as far as they
 * can be told at once.
 */
static void
on_closed(struct peer *peer, const char *why)
{
	if (why != NULL)
		log_err("%s: %s", proc_name(peer_other(peer)), why);
	operations_set_peers(NULL, NULL, NULL);
	operations_give_up();
	conn_flush();
	event_base_loopbreak(env.base);
}

static void
on_peer(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	if (m->peer.proc == PROC_POLLER && env.poller == NULL)
		env.poller = peer_new(env.base, PROC_API, PROC_POLLER, fd,
		    &poller_ops, NULL);
	else if (m->peer.proc == PROC_REGISTRY && env.registry == NULL)
		env.registry = peer_new(env.base, PROC_API, PROC_REGISTRY,
		    fd, &registry_ops, NULL);
	else
		fatalx("unexpected peer");
	operations_set_peers(env.parent, env.poller, env.registry);
}

static void
on_conf_begin(struct peer *peer __attribute__((unused)),
    const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	auth_begin();
}

static void
on_conf_listen(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	const struct msg_conf_listen	*l = &m->conf_listen;

	int				 r;

	if (l->kind == LISTEN_CONTROL)
		r = control_listen(fd, (enum role)l->role);
	else if (l->kind == LISTEN_TLS && env.tls == NULL) {
		close(fd);	/* said already */
		return;
	} else
		r = conn_listen(fd, l->name, env.tls);
	env.tls = NULL;
	if (r == -1)
		log_err("%s: too many listeners", l->name);
}

/* For the listener that is told next. */
static void
on_conf_tls(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	const struct msg_conf_tls	*t = &m->conf_tls;

	tls_context_free(env.tls);
	env.tls = tls_context_new("tls", t->certificate.data,
	    t->certificate.len, t->key.data, t->key.len);
}

static void
on_conf_token(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	const struct msg_conf_token	*t = &m->conf_token;

	if (auth_add(t->name, (enum role)t->role, t->hash.data, t->hash.len,
	    t->expires) == -1)
		log_err("token %s: not usable", t->name);
}

static void
on_conf_limits(struct peer *peer __attribute__((unused)),
    const union msg *m, int fd __attribute__((unused)))
{
	limit_set(&m->conf_limits);
}

static void
on_conf_public(struct peer *peer __attribute__((unused)),
    const union msg *m, int fd __attribute__((unused)))
{
	auth_open(m->conf_public.what);
}

static void
on_conf_end(struct peer *peer, const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	auth_commit();
	limit_commit();
	openapi_reset();
	subscribers_check();
	relays_check();
	conn_commit();
	control_commit();
	child_running(peer);
}

static void
on_verbose(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	log_set_verbose(m->verbose.verbose);
}

static void
on_answer(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	operation_answer(&m->answer, peer_other(peer));
}

static void
on_pipeline(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (view_pipeline(&m->pipeline) == -1)
		log_warn("registry: a pipeline that is none");
}

static void
on_rows(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (view_rows(&m->rows) == -1)
		log_warn("registry: rows that are none");
}

static void
on_fresh(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (view_fresh(&m->fresh) == -1)
		log_warn("registry: looks that are none");
}

static void
on_readback(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (view_readback(&m->readback) == -1)
		log_warn("registry: a read-back of no pipeline");
}

static void
on_stale(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (view_stale(&m->stale) == -1)
		log_warn("registry: no such pipeline is stale");
}

static void
on_budget(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (budget_take(&m->budget) == -1)
		log_warn("poller: a budget that is none");
}

static void
on_usage(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	metrics_usage(peer_other(peer), &m->usage);
}

static void
on_gone(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	view_gone(&m->gone);
}

static void
on_project(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (projects_take(&m->project) == -1)
		log_warn("registry: a project that is none");
}

static void
on_health(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	health_take(&m->health);
}

/* All that is on disk is here: whoever asks now gets all of it. */
static void
on_synced(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	read_set_synced();
	events_start();
	conn_start();
	control_start();
	log_debug("%u pipelines", m->synced.pipelines);
}

static size_t
connections(void)
{
	return (conn_count() + control_count());
}
