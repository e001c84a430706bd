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
 * The three children: started together, connected, configured, and started
 * anew together when one of them dies.  Runs in the parent.  Must not touch
 * what travels between them.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "proc.h"

#define START_MS	10000	/* from fork to RUNNING */
#define START_LOAD_MS	60000	/* the registry may have much to load */
#define END_MS		5000	/* from end-of-file to SIGKILL */
#define DEATHS_MAX	10	/* in DEATHS_MS: then it is hopeless */
#define DEATHS_MS	60000
#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	5000
#define CA_BUNDLE	"/etc/ssl/certs/ca-certificates.crt"

struct child {
	enum proc_id	 proc;
	pid_t		 pid;		/* 0: none */
	struct peer	*peer;
	int		 ready;
	int		 running;
	struct event	*log_ev;
	int		 log_fd;	/* -1: none */
	char		 line[LOG_LINE_MAX];
	size_t		 line_len;
};

static struct {
	struct event_base	*base;
	const struct supervise	*s;
	struct child	 children[PROC_MAX];
	struct event	*sigchld;
	struct event	*timer;		/* of the present phase */
	enum { DOWN, STARTING, UP, ENDING } phase;
	int		 stopping;
	int		 hopeless;
	int		 started;	/* -1: told, or nobody waits */
	int		 status;	/* of the daemon's exit */
	int64_t		 deaths[DEATHS_MAX];
	size_t		 ndeaths;
	unsigned int	 in_a_row;
} env;

static void	 start_set(void);
static int	 start_child(struct child *);
static void	 send_setup(struct child *);
static void	 on_ready(struct peer *, const union msg *, int);
static void	 on_running(struct peer *, const union msg *, int);
static void	 say_started(void);
static void	 on_closed(struct peer *, const char *);
static void	 connect_set(void);
static void	 connect_pair(enum proc_id, enum proc_id);
static void	 configure(struct child *);
static void	 configure_api(struct peer *);
static void	 configure_poller(struct peer *);
static void	 configure_registry(struct peer *);
static void	 send_ca(struct peer *, uint32_t, const char *);
static void	 end_set(void);
static void	 set_ended(void);
static void	 on_sigchld(evutil_socket_t, short, void *);
static void	 reap(struct child *, int);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 arm(int);
static void	 count_death(void);
static int	 backoff(void);
static void	 on_log(evutil_socket_t, short, void *);
static void	 flush_lines(struct child *, int);
static struct child *child_of(const struct peer *);

static const msg_fn table[M_MAX] = {
	[M_READY] = on_ready,
	[M_RUNNING] = on_running,
};

static const struct peer_ops ops = { .table = table,
    .closed = on_closed };

int
supervise(struct event_base *base, const struct supervise *s)
{
	enum proc_id	 p;

	env.base = base;
	env.s = s;
	env.started = s->started;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		env.children[p].proc = p;
		env.children[p].log_fd = -1;
	}
	env.timer = evtimer_new(base, on_timer, NULL);
	env.sigchld = evsignal_new(base, SIGCHLD, on_sigchld, NULL);
	if (env.timer == NULL || env.sigchld == NULL ||
	    event_add(env.sigchld, NULL) == -1)
		fatal("supervise");
	start_set();
	event_base_dispatch(base);
	return (env.status);
}

void
supervise_stop(void)
{
	env.stopping = 1;
	if (env.phase == DOWN)
		event_base_loopbreak(env.base);
	else
		end_set();
}

static void
start_set(void)
{
	enum proc_id	 p;

	env.phase = STARTING;
	users_refresh(&env.s->jails[PROC_POLLER]);
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		if (env.s->restore != -1 && p != PROC_REGISTRY)
			continue;
		if (start_child(&env.children[p]) == -1) {
			log_err("%s: %s", proc_name(p), strerror(errno));
			env.hopeless = 1;
			end_set();
			return;
		}
	}
	arm(START_MS);
}

static int
start_child(struct child *c)
{
	char	 path[MSG_PATH_MAX], name[32];
	int	 pipes[2], fd;

	(void)snprintf(name, sizeof(name), "ccmd-%s", proc_name(c->proc));
	if (snprintf(path, sizeof(path), "%s/%s", env.s->libexec, name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if (access(path, X_OK) == -1) {
		log_err("%s: %s", path, strerror(errno));
		return (-1);
	}
	if (pipe2(pipes, O_CLOEXEC) == -1)
		return (-1);
	c->pid = proc_spawn(path, name, pipes[1], &fd);
	close(pipes[1]);
	if (c->pid == -1) {
		c->pid = 0;
		close(pipes[0]);
		return (-1);
	}
	c->ready = c->running = 0;
	c->line_len = 0;
	c->log_fd = pipes[0];
	(void)fcntl(c->log_fd, F_SETFL, O_NONBLOCK);
	c->log_ev = event_new(env.base, c->log_fd, EV_READ | EV_PERSIST,
	    on_log, c);
	c->peer = peer_new(env.base, PROC_PARENT, c->proc, fd, &ops, c);
	if (c->peer == NULL || c->log_ev == NULL ||
	    event_add(c->log_ev, NULL) == -1)
		fatal("start_child");
	send_setup(c);
	return (0);
}

static void
send_setup(struct child *c)
{
	const struct jail	*jail = &env.s->jails[c->proc];
	union msg		 m;

	memset(&m, 0, sizeof(m));
	m.setup.uid = jail->uid;
	m.setup.gid = jail->gid;
	m.setup.chroot = jail->chroot;
	if (c->proc == PROC_REGISTRY)
		m.setup.statedir = jail->chroot[0] != '\0' ? "/" :
		    env.s->conf->statedir;
	m.setup.strict = (uint8_t)env.s->conf->strict;
	m.setup.verbose = (uint8_t)env.s->verbose;
	peer_send(c->peer, M_SETUP, &m, -1);
}

static struct child *
child_of(const struct peer *peer)
{
	return (peer_arg(peer));
}

static void
on_ready(struct peer *peer, const union msg *m, int fd __attribute__((unused)))
{
	struct child	*c = child_of(peer);
	enum proc_id	 p;

	log_info("%s: locked up: %s", proc_name(c->proc),
	    log_visible(m->ready.level));
	c->ready = 1;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].pid != 0 && !env.children[p].ready)
			return;
	if (env.phase == STARTING)
		connect_set();
}

/* All are locked up: now they may hear of each other and the world. */
static void
connect_set(void)
{
	enum proc_id	 p;

	if (env.s->restore == -1) {
		connect_pair(PROC_API, PROC_POLLER);
		connect_pair(PROC_POLLER, PROC_REGISTRY);
		connect_pair(PROC_REGISTRY, PROC_API);
	}
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].pid != 0)
			configure(&env.children[p]);
	arm(START_LOAD_MS);
}

static void
connect_pair(enum proc_id a, enum proc_id b)
{
	union msg	 m;
	int		 pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    pair) == -1)
		fatal("socketpair");
	memset(&m, 0, sizeof(m));
	m.peer.proc = (uint8_t)b;
	peer_send(env.children[a].peer, M_PEER, &m, pair[0]);
	m.peer.proc = (uint8_t)a;
	peer_send(env.children[b].peer, M_PEER, &m, pair[1]);
}

static void
configure(struct child *c)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	peer_send(c->peer, M_CONF_BEGIN, &m, -1);
	if (c->proc == PROC_API)
		configure_api(c->peer);
	else if (c->proc == PROC_POLLER)
		configure_poller(c->peer);
	else
		configure_registry(c->peer);
	if (env.s->restore != -1) {
		m.restore.name = env.s->restore_name;
		peer_send(c->peer, M_RESTORE, &m, dup(env.s->restore));
	} else
		peer_send(c->peer, M_CONF_END, &m, -1);
}

static void
configure_api(struct peer *peer)
{
	const struct conf_listen *l;
	const struct conf_token	*t;
	union msg		 m;

	TAILQ_FOREACH(l, &env.s->conf->listeners, entry) {
		if (l->fd == -1)
			continue;
		memset(&m, 0, sizeof(m));
		m.conf_listen.kind = LISTEN_HTTP;
		m.conf_listen.name = l->host;
		peer_send(peer, M_CONF_LISTEN, &m,
		    fcntl(l->fd, F_DUPFD_CLOEXEC, 0));
	}
	memset(&m, 0, sizeof(m));
	m.conf_listen.kind = LISTEN_CONTROL;
	m.conf_listen.role = (uint8_t)env.s->conf->control_role;
	m.conf_listen.name = env.s->conf->control;
	peer_send(peer, M_CONF_LISTEN, &m,
	    fcntl(env.s->control, F_DUPFD_CLOEXEC, 0));
	TAILQ_FOREACH(t, &env.s->conf->tokens, entry) {
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
configure_poller(struct peer *peer)
{
	const struct conf	*conf = env.s->conf;
	const struct conf_github *g;
	union msg		 m;
	uint32_t		 i = 0;

	TAILQ_FOREACH(g, &conf->githubs, entry) {
		memset(&m, 0, sizeof(m));
		m.conf_github.index = i;
		m.conf_github.name = g->name;
		m.conf_github.url = g->url;
		m.conf_github.owners = g->owners;
		m.conf_github.concurrent = g->concurrent;
		m.conf_github.points = g->points;
		peer_send(peer, M_CONF_GITHUB, &m, -1);
		if (strncmp(g->url, "https:", 6) == 0)
			send_ca(peer, i, g->ca_file);
		memset(&m, 0, sizeof(m));
		m.lease.index = i++;
		m.lease.token.data = g->token;
		m.lease.token.len = g->token_len;
		peer_send(peer, M_LEASE, &m, -1);
		log_info("github %s: token %s", g->name, g->token != NULL ?
		    "leased to the poller" : "missing");
	}
	memset(&m, 0, sizeof(m));
	m.conf_poll.active = conf->active;
	m.conf_poll.idle = conf->idle;
	m.conf_poll.max = conf->max;
	m.conf_poll.reserve = conf->reserve;
	peer_send(peer, M_CONF_POLL, &m, -1);
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
configure_registry(struct peer *peer)
{
	const struct conf	*conf = env.s->conf;
	union msg		 m;

	memset(&m, 0, sizeof(m));
	m.conf_store.newest = conf->newest;
	m.conf_store.minutely = conf->minutely;
	m.conf_store.hourly = conf->hourly;
	m.conf_store.daily = conf->daily;
	peer_send(peer, M_CONF_STORE, &m,
	    fcntl(env.s->lock, F_DUPFD_CLOEXEC, 0));
}

static void
on_running(struct peer *peer, const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	enum proc_id	 p;

	child_of(peer)->running = 1;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].pid != 0 && !env.children[p].running)
			return;
	if (env.phase == STARTING) {
		env.phase = UP;
		evtimer_del(env.timer);
		log_info("running");
		say_started();
	}
}

/* To the process that went into the background. */
static void
say_started(void)
{
	if (env.started == -1)
		return;
	(void)!write(env.started, "", 1);
	close(env.started);
	env.started = -1;
}

static void
on_closed(struct peer *peer, const char *why)
{
	struct child	*c = child_of(peer);

	if (why != NULL)
		log_err("%s: %s", proc_name(c->proc), why);
	c->peer = NULL;
	end_set();
}

/* The rest end on end-of-file; who does not is ended. */
static void
end_set(void)
{
	enum proc_id	 p;

	if (env.phase != ENDING) {
		env.phase = ENDING;
		arm(END_MS);
	}
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		peer_free(env.children[p].peer);
		env.children[p].peer = NULL;
	}
	set_ended();
}

static void
set_ended(void)
{
	enum proc_id	 p;

	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].pid != 0)
			return;
	if (env.phase != ENDING)
		return;
	env.phase = DOWN;
	evtimer_del(env.timer);
	if (env.s->restore != -1 || env.stopping || env.hopeless) {
		if (env.hopeless)
			env.status = 1;
		event_base_loopbreak(env.base);
		return;
	}
	count_death();
	if (env.ndeaths >= DEATHS_MAX) {
		log_err("%d deaths in a minute: giving up", DEATHS_MAX);
		env.status = 1;
		event_base_loopbreak(env.base);
		return;
	}
	arm(backoff());
}

/* Deaths of the last minute, the oldest first. */
static void
count_death(void)
{
	int64_t	 now = proc_now_ms();
	size_t	 i, kept = 0;

	for (i = 0; i < env.ndeaths; i++)
		if (env.deaths[i] > now - DEATHS_MS)
			env.deaths[kept++] = env.deaths[i];
	env.ndeaths = kept;
	if (env.ndeaths < DEATHS_MAX)
		env.deaths[env.ndeaths++] = now;
}

static int
backoff(void)
{
	int	 ms = BACKOFF_MIN_MS;
	size_t	 i;

	if (env.ndeaths <= 1)
		return (0);
	for (i = 2; i < env.ndeaths && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return (ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms);
}

static void
arm(int ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	evtimer_add(env.timer, &tv);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	enum proc_id	 p;

	switch (env.phase) {
	case DOWN:
		log_info("starting anew");
		start_set();
		break;
	case STARTING:
		log_err("the start takes too long");
		end_set();
		break;
	case ENDING:
		for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
			if (env.children[p].pid != 0) {
				log_warn("%s does not end: killed",
				    proc_name(p));
				(void)kill(env.children[p].pid, SIGKILL);
			}
		break;
	case UP:
		break;
	}
}

static void
on_sigchld(evutil_socket_t sig __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	enum proc_id	 p;
	pid_t		 pid;
	int		 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
			if (env.children[p].pid == pid)
				reap(&env.children[p], status);
}

static void
reap(struct child *c, int status)
{
	c->pid = 0;
	flush_lines(c, 1);
	event_free(c->log_ev);
	close(c->log_fd);
	c->log_fd = -1;
	if (WIFSIGNALED(status))
		log_err("%s ended by signal %d%s", proc_name(c->proc),
		    WTERMSIG(status), WTERMSIG(status) == SIGSYS ?
		    ": killed by the sandbox" : "");
	else if (WEXITSTATUS(status) == PROC_EXIT_HOPELESS)
		env.hopeless = 1;
	else if (env.s->restore != -1)
		env.status = WEXITSTATUS(status) == 0 ? 0 : 1;
	else if (WEXITSTATUS(status) != 0)
		log_err("%s ended with status %d", proc_name(c->proc),
		    WEXITSTATUS(status));
	end_set();
}

static void
on_log(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	flush_lines(arg, 0);
}

/* Whole lines go to the log; at the end what is left of one as well. */
static void
flush_lines(struct child *c, int last)
{
	char	*nl;
	size_t	 used;
	ssize_t	 n;

	for (;;) {
		n = read(c->log_fd, c->line + c->line_len,
		    sizeof(c->line) - 1 - c->line_len);
		if (n > 0)
			c->line_len += (size_t)n;
		c->line[c->line_len] = '\0';
		while ((nl = memchr(c->line, '\n', c->line_len)) != NULL) {
			*nl = '\0';
			log_child_line(proc_name(c->proc),
			    log_visible(c->line));
			used = (size_t)(nl - c->line) + 1;
			memmove(c->line, nl + 1, c->line_len - used + 1);
			c->line_len -= used;
		}
		if (c->line_len == sizeof(c->line) - 1 ||
		    (last && n <= 0 && c->line_len > 0)) {
			log_child_line(proc_name(c->proc),
			    log_visible(c->line));
			c->line_len = 0;
		}
		if (n == 0)
			event_del(c->log_ev);
		if (n <= 0)
			return;
	}
}
