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
#include "usage.h"

#define START_MS	10000	/* from fork to RUNNING */
#define START_LOAD_MS	60000	/* the registry may have much to load */
#define RELOAD_MS	30000	/* till all have said RUNNING again */
#define END_MS		5000	/* from end-of-file to SIGKILL */
#define DEATHS_MAX	10	/* in DEATHS_MS: then it is hopeless */
#define DEATHS_MS	60000
#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	5000
#define CHILD_QUEUE	4096	/* messages that a child leaves unread */

struct child {
	enum proc_id	 proc;
	pid_t		 pid;		/* 0: none */
	struct peer	*peer;
	int		 ready;
	int		 running;
	int		 killed;	/* by us */
	struct lines	*lines;		/* what it logs */
};

static struct {
	struct event_base	*base;
	struct supervise *s;
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
	int		 reloading;	/* RUNNING is waited for again */
} env;

static void	 start_set(void);
static int	 start_child(struct child *);
static void	 send_setup(struct child *);
static void	 on_ready(struct peer *, const union msg *, int);
static void	 on_running(struct peer *, const union msg *, int);
static void	 on_reload(struct peer *, const union msg *, int);
static void	 on_log_level(struct peer *, const union msg *, int);
static void	 on_parsing(struct peer *, const union msg *, int);
static void	 on_sign_jwt(struct peer *, const union msg *, int);
static void	 say_started(void);
static void	 on_closed(struct peer *, const char *);
static void	 violation(struct peer *, const char *);
static void	 connect_set(void);
static void	 connect_pair(enum proc_id, enum proc_id);
static void	 end_set(void);
static void	 set_ended(void);
static void	 on_sigchld(evutil_socket_t, short, void *);
static void	 reap(struct child *, int);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 arm(int);
static void	 count_death(void);
static int	 backoff(void);
static struct child *child_of(const struct peer *);
static int	 may_log(struct child *);

static const msg_fn table[M_MAX] = {
	[M_READY] = on_ready,
	[M_RUNNING] = on_running,
	[M_RELOAD] = on_reload,
	[M_LOG_LEVEL] = on_log_level,
	[M_PARSING] = on_parsing,
	[M_SIGN_JWT] = on_sign_jwt,
};

static const struct peer_ops ops = { .table = table,
    .closed = on_closed, .queue_max = CHILD_QUEUE };

/* A configuration has a message for each token of the API. */
static const struct peer_ops api_ops = { .table = table,
    .closed = on_closed, .queue_max = CHILD_QUEUE + MSG_CONF_LINES_MAX };

int
supervise(struct event_base *base, struct supervise *s)
{
	enum proc_id	 p;

	env.base = base;
	env.s = s;
	env.started = s->started;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		env.children[p].proc = p;
	env.timer = evtimer_new(base, on_timer, NULL);
	env.sigchld = evsignal_new(base, SIGCHLD, on_sigchld, NULL);
	if (env.timer == NULL || env.sigchld == NULL ||
	    event_add(env.sigchld, NULL) == -1)
		fatal("supervise");
	reload_init(s);
	notify_start(base);
	users_watch(base, &s->jails[PROC_POLLER]);
	start_set();
	/* A break before the loop is none. */
	if (env.phase != DOWN)
		event_base_dispatch(base);
	return (env.status);
}

void
supervise_stop(void)
{
	env.stopping = 1;
	notify_stopping();
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
	poison_parsing("", "");
	users_refresh(&env.s->jails[PROC_POLLER]);
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		if (env.s->restore != -1 && p != PROC_REGISTRY)
			continue;
		if (start_child(&env.children[p]) == -1) {
			log_err("%s: %s", proc_name(p), strerror(errno));
			env.hopeless = env.status = 1;
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
	c->ready = c->running = c->killed = 0;
	c->lines = lines_new(env.base, pipes[0], proc_name(c->proc));
	c->peer = peer_new(env.base, PROC_PARENT, c->proc, fd,
	    c->proc == PROC_API ? &api_ops : &ops, c);
	if (c->peer == NULL || c->lines == NULL)
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

	/* Each time the set would be connected anew. */
	if (c->ready) {
		violation(peer, "said READY twice");
		return;
	}
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
			configure(env.children[p].peer, env.s, 0);
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
on_running(struct peer *peer, const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	struct child	*c = child_of(peer);
	enum proc_id	 p;

	if (!c->ready || c->running) {
		violation(peer, "said RUNNING unasked");
		return;
	}
	c->running = 1;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].pid != 0 && !env.children[p].running)
			return;
	if (env.phase == STARTING) {
		env.phase = UP;
		evtimer_del(env.timer);
		log_info("running");
		if (usage_tell(env.base, env.children[PROC_API].peer) == -1)
			fatal("usage");
		notify_ready("Running");
		say_started();
	} else if (env.phase == UP && env.reloading) {
		env.reloading = 0;
		evtimer_del(env.timer);
		reload_in_force();
	}
	reload_next();
}

/* --- What people ask for. */

static void
on_reload(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	reload_ask(m->reload.op, m->reload.actor);
}

/* A line of ours for what it asked: as if it were its own. */
static int
may_log(struct child *c)
{
	return (c->lines == NULL || lines_permit(c->lines, 0));
}

int
supervise_can_reload(void)
{
	return ((env.phase == UP && !env.reloading) || env.phase == DOWN);
}

int
supervise_reload(void)
{
	enum proc_id	 p;

	if (env.phase != UP)
		return (0);
	users_refresh(&env.s->jails[PROC_POLLER]);
	env.reloading = 1;
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		env.children[p].running = 0;
		configure(env.children[p].peer, env.s, 1);
	}
	arm(RELOAD_MS);
	return (1);
}

static void
on_log_level(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	union msg	 to;
	enum proc_id	 p;

	if (!may_log(child_of(peer))) {
		supervise_done(m->log_level.op, TASK_LOG, 503,
		    m->log_level.actor, "Asked for too often");
		return;
	}
	memset(&to, 0, sizeof(to));
	to.verbose.verbose = m->log_level.verbose != 0;
	env.s->verbose = to.verbose.verbose;
	log_set_verbose(env.s->verbose);
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++)
		if (env.children[p].peer != NULL)
			peer_send(env.children[p].peer, M_VERBOSE, &to, -1);
	log_info("log: %s, asked for by %s", env.s->verbose ? "verbose" :
	    "brief", log_visible(m->log_level.actor));
	supervise_done(m->log_level.op, TASK_LOG, 200, m->log_level.actor,
	    env.s->verbose ? "verbose" : "brief");
}

void
supervise_done(uint64_t op, enum task task, int status, const char *actor,
    const char *text)
{
	struct peer	*registry = env.children[PROC_REGISTRY].peer;
	union msg	 m;

	if (registry == NULL || env.phase != UP)
		return;
	memset(&m, 0, sizeof(m));
	m.done.op = op;
	m.done.task = (uint8_t)task;
	m.done.status = (uint16_t)status;
	m.done.actor = actor;
	m.done.text = text;
	peer_send(registry, M_DONE, &m, -1);
}

/* --- The end of a set. */

static void
on_parsing(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	poison_parsing(m->parsing.github, m->parsing.repository);
}

static void
on_sign_jwt(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	sign_answer(peer, env.s->conf, &m->sign_jwt,
	    may_log(child_of(peer)));
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

/* What a handler finds wrong ends the child as what msg.c finds does. */
static void
violation(struct peer *peer, const char *why)
{
	on_closed(peer, why);
	peer_free(peer);
}

/* The rest end on end-of-file; who does not is ended. */
static void
end_set(void)
{
	struct peer	*peer;
	enum proc_id	 p;

	if (env.phase != ENDING) {
		env.phase = ENDING;
		(void)usage_tell(env.base, NULL);
		arm(END_MS);
	}
	for (p = PROC_POLLER; p <= PROC_REGISTRY; p++) {
		if ((peer = env.children[p].peer) == NULL)
			continue;
		/* Its last words tell what it died of. */
		env.children[p].peer = NULL;
		peer_drain(peer);
		peer_free(peer);
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
	env.reloading = 0;
	evtimer_del(env.timer);
	if (env.s->restore != -1 || env.stopping || env.hopeless) {
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
	reload_set_ended();
	notify_status("Starting anew");
	reload_next();
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
				env.children[p].killed = 1;
				(void)kill(env.children[p].pid, SIGKILL);
			}
		break;
	case UP:
		/* Those that come have it. */
		log_err("the reload takes too long");
		end_set();
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
	if (c->peer != NULL)
		peer_drain(c->peer);
	if (c->proc == PROC_POLLER && !c->killed && (WIFSIGNALED(status) ||
	    WEXITSTATUS(status) != 0))
		poison_died();
	lines_end(c->lines);
	c->lines = NULL;
	if (WIFSIGNALED(status))
		log_err("%s ended by signal %d%s", proc_name(c->proc),
		    WTERMSIG(status), WTERMSIG(status) == SIGSYS ?
		    ": killed by the sandbox" : "");
	else if (WEXITSTATUS(status) == PROC_EXIT_HOPELESS &&
	    c->proc == PROC_REGISTRY && !c->running) {
		env.hopeless = 1;
		env.status = PROC_EXIT_HOPELESS;
	} else if (env.s->restore != -1)
		env.status = WEXITSTATUS(status) == 0 ? 0 : 1;
	else if (WEXITSTATUS(status) != 0)
		log_err("%s ended with status %d", proc_name(c->proc),
		    WEXITSTATUS(status));
	end_set();
}
