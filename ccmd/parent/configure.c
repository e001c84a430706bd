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
 * What each child is told of the configuration, at its start and when it is
 * taken anew.  Runs in the parent.  Must not tell a child what is another's:
 * tokens for GitHub are leased to the poller alone, of tokens of the API
 * there are only hashes, for the api alone.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "proc.h"

#define CA_BUNDLE	"/etc/ssl/certs/ca-certificates.crt"

static void	 configure_api(struct peer *, const struct supervise *);
static void	 configure_poller(struct peer *, const struct supervise *);
static void	 configure_registry(struct peer *, const struct supervise *);
static void	 lease(struct peer *, uint32_t, const struct conf_github *);
static void	 send_ca(struct peer *, uint32_t, const char *);

void
configure(struct peer *peer, const struct supervise *s, int reload)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.conf_begin.reload = (uint8_t)reload;
	peer_send(peer, M_CONF_BEGIN, &m, -1);
	if (peer_other(peer) == PROC_API)
		configure_api(peer, s);
	else if (peer_other(peer) == PROC_POLLER)
		configure_poller(peer, s);
	else
		configure_registry(peer, s);
	memset(&m, 0, sizeof(m));
	if (s->restore != -1) {
		m.restore.name = s->restore_name;
		peer_send(peer, M_RESTORE, &m, dup(s->restore));
	} else {
		m.conf_end.reload = (uint8_t)reload;
		peer_send(peer, M_CONF_END, &m, -1);
	}
}

static void
configure_api(struct peer *peer, const struct supervise *s)
{
	const struct conf_listen *l;
	const struct conf_token	*t;
	union msg		 m;

	TAILQ_FOREACH(l, &s->conf->listeners, entry) {
		if (l->fd == -1)
			continue;
		memset(&m, 0, sizeof(m));
		if (l->key != NULL) {
			m.conf_tls.certificate.data = l->certificate;
			m.conf_tls.certificate.len = l->certificate_len;
			m.conf_tls.key.data = l->key;
			m.conf_tls.key.len = l->key_len;
			peer_send(peer, M_CONF_TLS, &m, -1);
			memset(&m, 0, sizeof(m));
		}
		m.conf_listen.kind = l->key != NULL ? LISTEN_TLS : LISTEN_HTTP;
		m.conf_listen.name = l->host;
		peer_send(peer, M_CONF_LISTEN, &m,
		    fcntl(l->fd, F_DUPFD_CLOEXEC, 0));
	}
	memset(&m, 0, sizeof(m));
	m.conf_listen.kind = LISTEN_CONTROL;
	m.conf_listen.role = (uint8_t)s->conf->control_role;
	m.conf_listen.name = s->conf->control;
	peer_send(peer, M_CONF_LISTEN, &m,
	    fcntl(s->control, F_DUPFD_CLOEXEC, 0));
	memset(&m, 0, sizeof(m));
	m.conf_limits = s->conf->limits;
	peer_send(peer, M_CONF_LIMITS, &m, -1);
	memset(&m, 0, sizeof(m));
	m.conf_public.what = s->conf->open;
	peer_send(peer, M_CONF_PUBLIC, &m, -1);
	TAILQ_FOREACH(t, &s->conf->tokens, entry) {
		memset(&m, 0, sizeof(m));
		m.conf_token.name = t->name;
		m.conf_token.role = (uint8_t)t->role;
		m.conf_token.hash.data = t->hash;
		m.conf_token.hash.len = sizeof(t->hash);
		m.conf_token.expires = t->expires;
		peer_send(peer, M_CONF_TOKEN, &m, -1);
	}
}

static void
configure_poller(struct peer *peer, const struct supervise *s)
{
	const struct conf	*conf = s->conf;
	const struct conf_github *g;
	union msg		 m;
	uint32_t		 i = 0;

	TAILQ_FOREACH(g, &conf->githubs, entry) {
		memset(&m, 0, sizeof(m));
		m.conf_github.index = i;
		m.conf_github.credential = g->credential;
		m.conf_github.app = g->key != NULL ? g->app : 0;
		m.conf_github.installation = g->installation;
		m.conf_github.name = g->name;
		m.conf_github.url = g->url;
		m.conf_github.owners = g->owners;
		m.conf_github.concurrent = g->concurrent;
		m.conf_github.points = g->points;
		peer_send(peer, M_CONF_GITHUB, &m, -1);
		if (strncmp(g->url, "https:", 6) == 0)
			send_ca(peer, i, g->ca_file.path);
		lease(peer, i++, g);
	}
	memset(&m, 0, sizeof(m));
	m.conf_poll.active = conf->active;
	m.conf_poll.idle = conf->idle;
	m.conf_poll.max = conf->max;
	m.conf_poll.reserve = conf->reserve;
	peer_send(peer, M_CONF_POLL, &m, -1);
	poison_tell(peer);
}

/* Of an App there is no token: the poller has to ask for one. */
static void
lease(struct peer *peer, uint32_t index, const struct conf_github *g)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.lease.index = index;
	m.lease.token.data = g->token;
	m.lease.token.len = g->token_len;
	peer_send(peer, M_LEASE, &m, -1);
	if (g->key != NULL)
		log_info("github %s: app %llu, its key stays here", g->name,
		    (unsigned long long)g->app);
	else
		log_info("github %s: token %s", g->name, g->token != NULL ?
		    "leased to the poller" : "missing");
	if (g->write_token == NULL)
		return;
	m.lease.write = 1;
	m.lease.token.data = g->write_token;
	m.lease.token.len = g->write_len;
	peer_send(peer, M_LEASE, &m, -1);
	log_info("github %s: token for changes leased to the poller",
	    g->name);
}

static void
send_ca(struct peer *peer, uint32_t index, const char *path)
{
	union msg	 m;
	int		 fd;

	if (path == NULL)
		path = CA_BUNDLE;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		log_err("%s: %s", path, strerror(errno));
		return;
	}
	memset(&m, 0, sizeof(m));
	m.conf_ca.index = index;
	peer_send(peer, M_CONF_CA, &m, fd);
}

static void
configure_registry(struct peer *peer, const struct supervise *s)
{
	const struct conf	*conf = s->conf;
	union msg		 m;

	memset(&m, 0, sizeof(m));
	m.conf_store.newest = conf->newest;
	m.conf_store.minutely = conf->minutely;
	m.conf_store.hourly = conf->hourly;
	m.conf_store.daily = conf->daily;
	m.conf_store.days = conf->history_days;
	m.conf_store.bytes = (uint64_t)conf->history_megabytes * 1024 * 1024;
	/* Only for words: one that is too long is left out. */
	m.conf_store.conf = s->conf_path != NULL &&
	    strlen(s->conf_path) <= MSG_PATH_MAX ? s->conf_path : "";
	peer_send(peer, M_CONF_STORE, &m,
	    fcntl(s->lock, F_DUPFD_CLOEXEC, 0));
}
