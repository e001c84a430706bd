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
 * ccmd-poller: all outbound network.  Takes operations from the api, does
 * what GitHub must do, and tells the registry; looks at repositories.
 * Holds a leased GitHub token in locked memory, never an SSH private key,
 * never a secret's plain text.  Must not listen, execute, or touch a file
 * but those that name resolution needs.
 */

#include "config.h"

#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <nss.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "child.h"
#include "fetch.h"
#include "github.h"
#include "http.h"
#include "json.h"
#include "lane.h"
#include "log.h"
#include "poison.h"
#include "poller.h"
#include "proc.h"
#include "report.h"
#include "usage.h"
#include "watch.h"

#define CA_MAX		(4 * 1024 * 1024)

static struct {
	struct event_base *base;
	struct peer	*parent;
	struct peer	*api;
	struct peer	*registry;
	int		 configured;	/* the parent has told all, once */
	int		 told;		/* the registry has */
	int		 synced;	/* both: work has begun */
} env;

static struct event_base *base_new(void);
static const char *on_setup(const struct msg_setup *);
static void	 on_closed(struct peer *, const char *);
static void	 on_peer(struct peer *, const union msg *, int);
static void	 on_conf_begin(struct peer *, const union msg *, int);
static void	 on_conf_end(struct peer *, const union msg *, int);
static void	 on_conf_github(struct peer *, const union msg *, int);
static void	 on_conf_ca(struct peer *, const union msg *, int);
static void	 on_conf_poll(struct peer *, const union msg *, int);
static void	 on_lease(struct peer *, const union msg *, int);
static void	 on_jwt(struct peer *, const union msg *, int);
static void	 on_shun(struct peer *, const union msg *, int);
static void	 on_verbose(struct peer *, const union msg *, int);
static void	 on_op(struct peer *, const union msg *, int);
static void	 on_credit(struct peer *, const union msg *, int);
static void	 on_abandon(struct peer *, const union msg *, int);
static void	 on_pipeline(struct peer *, const union msg *, int);
static void	 on_gone(struct peer *, const union msg *, int);
static void	 on_looked(struct peer *, const union msg *, int);
static void	 on_track(struct peer *, const union msg *, int);
static void	 on_synced(struct peer *, const union msg *, int);
static void	 on_noted(struct peer *, const union msg *, int);
static void	 begin(void);
static void	 take_up(void);

static const msg_fn parent_table[M_MAX] = {
	[M_PEER] = on_peer,
	[M_CONF_BEGIN] = on_conf_begin,
	[M_CONF_GITHUB] = on_conf_github,
	[M_CONF_CA] = on_conf_ca,
	[M_CONF_POLL] = on_conf_poll,
	[M_LEASE] = on_lease,
	[M_JWT] = on_jwt,
	[M_SHUN] = on_shun,
	[M_CONF_END] = on_conf_end,
	[M_VERBOSE] = on_verbose,
};

static const msg_fn api_table[M_MAX] = {
	[M_OP] = on_op,
	[M_CREDIT] = on_credit,
	[M_ABANDON] = on_abandon,
};

static const msg_fn registry_table[M_MAX] = {
	[M_PIPELINE] = on_pipeline,
	[M_GONE] = on_gone,
	[M_LOOKED] = on_looked,
	[M_TRACK] = on_track,
	[M_SYNCED] = on_synced,
	[M_NOTED] = on_noted,
};

static const struct peer_ops parent_ops = { .table = parent_table,
    .closed = on_closed };
static const struct peer_ops api_ops = { .table = api_table,
    .closed = on_closed };
static const struct peer_ops registry_ops = { .table = registry_table,
    .closed = on_closed };

int
main(void)
{
	sandbox_start();
	usage_init();
	log_init("poller", 1, 0);
	if (sodium_init() == -1)
		fatalx("sodium_init");
	if ((env.base = base_new()) == NULL)
		fatalx("event_base_new");
	env.parent = child_start(env.base, PROC_POLLER, on_setup, &parent_ops);
	poison_set_parent(env.parent);
	app_set_parent(env.parent);
	if (tell_init(env.base) == -1 || watch_init(env.base) == -1 ||
	    report_init(env.base) == -1)
		fatal("start");
	event_base_dispatch(env.base);
	return (0);
}

/* A connection's events come and go with each request: in one batch. */
static struct event_base *
base_new(void)
{
	struct event_config	*conf;
	struct event_base	*base;

	if ((conf = event_config_new()) == NULL)
		return (NULL);
	event_config_set_flag(conf, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(conf);
	event_config_free(conf);
	return (base);
}

struct event_base *
poller_base(void)
{
	return (env.base);
}

/*
 * libcurl and OpenSSL read their own files while they still may, and names
 * are resolved by hosts and DNS alone, so that no nss module is loaded.
 */
static const char *
on_setup(const struct msg_setup *m)
{
	log_set_verbose(m->verbose);
	__nss_configure_lookup("hosts", "files dns");
	if (http_init(env.base, PACKAGE_NAME "/" PACKAGE_VERSION) == -1)
		fatalx("libcurl");
	return (child_confine(SANDBOX_POLLER, m, NULL));
}

/* The set lives and dies together. */
static void
on_closed(struct peer *peer, const char *why)
{
	if (why != NULL)
		log_err("%s: %s", proc_name(peer_other(peer)), why);
	event_base_loopbreak(env.base);
}

static void
on_peer(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	if (m->peer.proc == PROC_API && env.api == NULL) {
		env.api = peer_new(env.base, PROC_POLLER, PROC_API, fd,
		    &api_ops, NULL);
		if (env.api == NULL || usage_tell(env.base, env.api) == -1)
			fatal("api");
	} else if (m->peer.proc == PROC_REGISTRY && env.registry == NULL)
		env.registry = peer_new(env.base, PROC_POLLER, PROC_REGISTRY,
		    fd, &registry_ops, NULL);
	else
		fatalx("unexpected peer");
	tell_set_registry(env.registry);
	report_set_api(env.api);
	fetch_set_api(env.api);
}

static void
on_conf_begin(struct peer *peer __attribute__((unused)),
    const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	github_begin(env.base);
	poison_begin_list();
}

static void
on_conf_github(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	const struct msg_conf_github	*c = &m->conf_github;

	if (github_add(c->index, c->name, c->url, c->owners, c->concurrent,
	    c->points) == -1 || github_set_app(c->index, c->credential,
	    c->app, c->installation) == -1)
		fatal("github %s", c->name);
}

/* Certificates are parsed once and shared by all connections. */
static void
on_conf_ca(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	struct stat	 st;
	char		*pem;
	ssize_t		 n;

	if (fstat(fd, &st) == -1 || st.st_size <= 0 || st.st_size > CA_MAX ||
	    (pem = malloc((size_t)st.st_size)) == NULL) {
		log_warn("ca certificates: not readable");
		close(fd);
		return;
	}
	n = read(fd, pem, (size_t)st.st_size);
	if (n <= 0 || github_set_ca(m->conf_ca.index, pem, (size_t)n) == -1)
		log_warn("ca certificates: no certificate in it");
	free(pem);
	close(fd);
}

static void
on_conf_poll(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	watch_set_intervals(m->conf_poll.active, m->conf_poll.idle,
	    m->conf_poll.max);
	github_set_reserve(m->conf_poll.reserve);
}

static void
on_lease(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	if (github_set_token(m->lease.index, m->lease.write,
	    m->lease.token.data, m->lease.token.len) == -1)
		fatal("lease");
}

static void
on_jwt(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	app_signed(m->jwt.credential, m->jwt.text.data, m->jwt.text.len);
}

static void
on_shun(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	poison_add(m->shun.github, m->shun.repository, m->shun.reason);
}

static void
on_conf_end(struct peer *peer, const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	poison_commit();
	github_commit();
	watch_reload();
	if (env.synced) {
		report_changed();
		take_up();
	}
	env.configured = 1;
	begin();
	child_running(peer);
}

static void
on_verbose(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	log_set_verbose(m->verbose.verbose);
}

static void
on_op(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	ops_take(&m->op);
}

static void
on_credit(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	fetch_credit(m->credit.op, m->credit.bytes);
}

static void
on_abandon(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	ops_abandon(m->abandon.op);
}

static void
on_pipeline(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	struct pipeline	*p;

	p = pipelines_put(m->pipeline.doc.data, m->pipeline.doc.len,
	    m->pipeline.known);
	if (p != NULL && env.synced) {
		op_teardown_pipeline(p);
		op_cancel_pipeline(p);
		watch_pipeline(p);
	}
	ops_told(m->pipeline.number);
}

/*
 * Not watched any more.  Its entry stays: an operation that is under way
 * may hold it, and the registry knows what is there.
 */
static void
on_gone(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	struct pipeline	*p = pipelines_find(m->gone.pipeline_id);

	if (p != NULL) {
		p->state = PIPELINE_INACTIVE;
		watch_pipeline(p);
		pipelines_gone(p);
	}
	ops_told(m->gone.number);
}

static void
on_looked(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	etags_keep(m->looked.url, m->looked.etag, m->looked.newest);
}

static void
on_track(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	struct pipeline		*p = pipelines_find(m->track.pipeline_id);
	struct json_object	*doc;

	if (p == NULL)
		return;
	doc = json_parse_strict(m->track.doc.data, m->track.doc.len,
	    MSG_DOC_MAX, NULL);
	(void)pipeline_track(p, (int64_t)m->track.run_id, doc);
	json_object_put(doc);
}

static void
on_synced(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	log_debug("%u pipelines", m->synced.pipelines);
	env.told = 1;
	begin();
}

/* The registry can be through before the parent: who works needs both. */
static void
begin(void)
{
	if (!env.configured || !env.told || env.synced)
		return;
	env.synced = 1;
	github_set_hooks(lane_room, report_changed);
	report_changed();
	take_up();
	watch_start();
	ops_synced();
}

/* What documents promise, and what had no token for it until now. */
static void
take_up(void)
{
	struct pipeline	*p;

	for (p = pipelines_next(NULL); p != NULL; p = pipelines_next(p)) {
		op_teardown_pipeline(p);
		op_cancel_pipeline(p);
	}
}

static void
on_noted(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	op_teardown_noted(m->noted.op, m->noted.status);
}
