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
 * ccmd-registry: the state directory, and nothing else.  Makes what
 * operations bring durable, audits it, and gives the only answer.  Must not
 * open a socket, execute, or touch a file outside the state directory.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "backup.h"
#include "child.h"
#include "health.h"
#include "history.h"
#include "json.h"
#include "log.h"
#include "manage.h"
#include "proc.h"
#include "projects.h"
#include "query.h"
#include "refusals.h"
#include "registry.h"
#include "retention.h"
#include "store.h"
#include "transfer.h"
#include "usage.h"

/* How many backups are tried for one that can be restored. */
#define GOOD_BACKUP_TRIES 20
/* Last words at the end, milliseconds. */
#define FLUSH_MS	1000

static struct {
	struct event_base *base;
	struct peer	*parent;
	struct peer	*poller;
	struct peer	*api;
	int		 dirfd;
	int		 lock;		/* held for life, closed by exit */
	struct backup_policy policy;
	int		 begun;		/* loaded, told and running */
	int		 status;	/* to exit with */
	char		 statedir[2 * MSG_PATH_MAX + 2];	/* for people */
	char		 conf[MSG_PATH_MAX + 1];	/* for them, too */
} env = { .dirfd = -1, .lock = -1, .policy = { 10, 60, 48, 60 } };

static const char *on_setup(const struct msg_setup *);
static void	 set_statedir(const struct msg_setup *);
static void	 on_closed(struct peer *, const char *);
static void	 on_peer(struct peer *, const union msg *, int);
static void	 on_conf_begin(struct peer *, const union msg *, int);
static void	 on_conf_store(struct peer *, const union msg *, int);
static void	 on_conf_end(struct peer *, const union msg *, int);
static void	 on_restore(struct peer *, const union msg *, int);
static void	 on_verbose(struct peer *, const union msg *, int);
static void	 on_done(struct peer *, const union msg *, int);
static void	 on_outcome(struct peer *, const union msg *, int);
static void	 on_intent(struct peer *, const union msg *, int);
static void	 on_change(struct peer *, const union msg *, int);
static void	 on_runs(struct peer *, const union msg *, int);
static void	 on_jobs(struct peer *, const union msg *, int);
static void	 on_readback(struct peer *, const union msg *, int);
static void	 on_looked(struct peer *, const union msg *, int);
static void	 on_fresh(struct peer *, const union msg *, int);
static void	 on_stale(struct peer *, const union msg *, int);
static void	 on_query(struct peer *, const union msg *, int);
static void	 on_store(struct peer *, const union msg *, int);
static void	 on_audit(struct peer *, const union msg *, int);
static void	 on_drained(struct peer *);
static void	 begin(void);
static void	 open_state(void);
static void	 end(int);
static void	 hopeless(const struct store_fault *);
static const char *good_backup(void);
static int	 backup_is_good(const char *);
static int	 restore(int, struct store_fault *);

static const msg_fn parent_table[M_MAX] = {
	[M_PEER] = on_peer,
	[M_CONF_BEGIN] = on_conf_begin,
	[M_CONF_STORE] = on_conf_store,
	[M_CONF_END] = on_conf_end,
	[M_RESTORE] = on_restore,
	[M_DONE] = on_done,
	[M_VERBOSE] = on_verbose,
};

static const msg_fn poller_table[M_MAX] = {
	[M_OUTCOME] = on_outcome,
	[M_INTENT] = on_intent,
	[M_CHANGE] = on_change,
	[M_RUNS] = on_runs,
	[M_JOBS] = on_jobs,
	[M_READBACK] = on_readback,
	[M_LOOKED] = on_looked,
	[M_FRESH] = on_fresh,
	[M_STALE] = on_stale,
};

static const msg_fn api_table[M_MAX] = {
	[M_QUERY] = on_query,
	[M_STORE] = on_store,
	[M_STORE_FILE] = on_store,
	[M_AUDIT] = on_audit,
};

static const struct peer_ops parent_ops = { .table = parent_table,
    .closed = on_closed };
static const struct peer_ops poller_ops = { .table = poller_table,
    .closed = on_closed };
static const struct peer_ops api_ops = { .table = api_table,
    .closed = on_closed, .drained = on_drained };

int
main(void)
{
	sandbox_start();
	usage_init();
	log_init("registry", 1, 0);
	(void)umask(077);
	if ((env.base = event_base_new()) == NULL ||
	    event_base_priority_init(env.base, REGISTRY_PRIORITIES) == -1)
		fatalx("event_base_new");
	env.parent = child_start(env.base, PROC_REGISTRY, on_setup,
	    &parent_ops);
	if (commit_init(env.base) == -1 || health_init(env.base) == -1 ||
	    upkeep_init(env.base) == -1 || transfer_init(env.base) == -1 ||
	    query_init(env.base) == -1 || retention_init(env.base) == -1 ||
	    refusals_init(env.base) == -1)
		fatalx("start");
	event_base_dispatch(env.base);
	if (env.begun) {
		upkeep_look();
		refusals_sum_up(time(NULL));
		commit_now();
		/* A peer that lives on is told what is done. */
		if (env.api != NULL)
			(void)peer_flush(env.api, FLUSH_MS);
		history_close();
		audit_close();
	}
	return (env.status);
}

/* SQLite seeds itself while it still may. */
static const char *
on_setup(const struct msg_setup *m)
{
	const char	*level;
	unsigned char	 seed;

	log_set_verbose(m->verbose);
	set_statedir(m);
	if (sqlite3_initialize() != SQLITE_OK)
		fatalx("sqlite");
	sqlite3_randomness(sizeof(seed), &seed);
	/* In a chroot it is the root; chdir is not allowed afterwards. */
	if (m->chroot[0] != '\0' && strcmp(m->statedir, "/") != 0)
		fatalx("%s: not the root of %s", m->statedir, m->chroot);
	if (m->chroot[0] == '\0' && chdir(m->statedir) == -1)
		fatal("%s", m->statedir);
	level = child_confine(SANDBOX_REGISTRY, m, m->statedir);
	env.dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (env.dirfd == -1)
		fatal("%s", env.statedir);
	return (level);
}

/* As it is called outside a chroot. */
static void
set_statedir(const struct msg_setup *m)
{
	int	 n;

	n = snprintf(env.statedir, sizeof(env.statedir), "%s%s", m->chroot,
	    m->chroot[0] != '\0' && strcmp(m->statedir, "/") == 0 ? "" :
	    m->statedir);
	if (n < 0 || (size_t)n >= sizeof(env.statedir))
		fatalx("state directory: name too long");
}

/* The set lives and dies together. */
static void
on_closed(struct peer *peer, const char *why)
{
	if (why != NULL)
		log_err("%s: %s", proc_name(peer_other(peer)), why);
	/* It is gone when this returns: nothing more is sent there. */
	if (peer == env.api) {
		env.api = NULL;
		(void)usage_tell(env.base, NULL);
		query_give_up();
	}
	if (peer == env.poller)
		env.poller = NULL;
	commit_set_peers(env.poller, env.api);
	event_base_loopbreak(env.base);
}

static void
end(int status)
{
	env.status = status;
	event_base_loopbreak(env.base);
}

static void
on_peer(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	if (m->peer.proc == PROC_POLLER && env.poller == NULL)
		env.poller = peer_new(env.base, PROC_REGISTRY, PROC_POLLER,
		    fd, &poller_ops, NULL);
	else if (m->peer.proc == PROC_API && env.api == NULL) {
		env.api = peer_new(env.base, PROC_REGISTRY, PROC_API, fd,
		    &api_ops, NULL);
		if (env.api == NULL || usage_tell(env.base, env.api) == -1)
			fatal("api");
	} else
		fatalx("unexpected peer");
	commit_set_peers(env.poller, env.api);
}

/* --- Configuration. */

static void
on_conf_begin(struct peer *peer __attribute__((unused)),
    const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
}

/* The lock is the parent's too: it is free when both are gone. */
static void
on_conf_store(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	if (env.lock == -1)
		env.lock = fd;
	else
		close(fd);
	/* It says which state directory is meant. */
	(void)strlcpy(env.conf, m->conf_store.conf, sizeof(env.conf));
	retention_set_policy(m->conf_store.days, m->conf_store.bytes);
	env.policy.newest = m->conf_store.newest;
	env.policy.minutely = m->conf_store.minutely;
	env.policy.hourly = m->conf_store.hourly;
	env.policy.daily = m->conf_store.daily;
	backup_set_policy(store_backups(), &env.policy);
}

static void
on_conf_end(struct peer *peer __attribute__((unused)),
    const union msg *m __attribute__((unused)),
    int fd __attribute__((unused)))
{
	if (!env.begun)
		begin();
	if (!env.begun)
		return;
	child_running(env.parent);
}

static void
on_verbose(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	log_set_verbose(m->verbose.verbose);
}

/* --- The start. */

static void
begin(void)
{
	struct store_fault	 fault;

	if (env.poller == NULL || env.api == NULL || env.lock == -1)
		fatalx("configuration without peers or lock");
	open_state();
	if (store_load(&fault) == -1) {
		hopeless(&fault);
		end(PROC_EXIT_HOPELESS);
		return;
	}
	projects_open(env.dirfd);
	backup_set_policy(projects_backups(), &env.policy);
	if (audit_open(env.dirfd) == -1)
		log_err("%s/%s: %s", env.statedir, AUDIT_DIR "/" AUDIT_FILE,
		    strerror(errno));
	if (history_open() == -1)
		log_err("%s/%s: not there for now; the registry works on",
		    env.statedir, HISTORY_FILE);
	env.begun = 1;
	log_info("%zu pipelines", store_count());
	sync_poller(env.poller);
	projects_sync(env.api);
	sync_api(env.api);
	retention_start();
	upkeep_start();
	commit_soon();
}

static void
open_state(void)
{
	store_open(env.dirfd);
	backup_set_policy(store_backups(), &env.policy);
}

/* Say what is wrong, where, and what helps; never overwrite the file. */
static void
hopeless(const struct store_fault *fault)
{
	const char	*name = good_backup();
	char		 place[64] = "";

	if (fault->line > 0)
		(void)snprintf(place, sizeof(place), ":%zu:%zu", fault->line,
		    fault->column);
	if (name == NULL)
		log_err("%s/%s%s: %s; there is no backup that is good",
		    env.statedir, STORE_FILE, place, fault->text);
	else
		log_err("%s/%s%s: %s; this restores the newest good backup: "
		    "ccmd -R %s/%s/%s%s%s", env.statedir, STORE_FILE, place,
		    fault->text, env.statedir, BACKUP_DIR, name,
		    env.conf[0] != '\0' ? " -f " : "", env.conf);
}

static const char *
good_backup(void)
{
	const char	*name;
	size_t		 i;

	for (i = 0; i < GOOD_BACKUP_TRIES; i++) {
		if ((name = backup_nth(store_backups(), i)) == NULL)
			return (NULL);
		if (backup_is_good(name))
			return (name);
	}
	return (NULL);
}

static int
backup_is_good(const char *name)
{
	struct json_object	*root;
	struct store_fault	 fault;
	int			 fd;

	fd = openat(store_backups()->fd, name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (0);
	root = load_fd(fd, &fault);
	close(fd);
	json_object_put(root);
	return (root != NULL);
}

/* ccmd -R. */
static void
on_restore(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	struct store_fault	 fault;

	if (env.begun)
		fatalx("restore while running");
	open_state();
	if (restore(fd, &fault) == 0) {
		log_info("%s: restored, %zu pipelines", m->restore.name,
		    store_count());
		end(0);
	} else if (fault.line > 0) {
		log_err("%s:%zu:%zu: %s", m->restore.name, fault.line,
		    fault.column, fault.text);
		end(1);
	} else {
		log_err("%s: not restored: %s", m->restore.name, fault.text);
		end(1);
	}
	close(fd);
}

/* The file that is there becomes a backup, as with every save. */
static int
restore(int fd, struct store_fault *fault)
{
	if (store_load_fd(fd, fault) == -1)
		return (-1);
	if (store_save(time(NULL)) == 0)
		return (0);
	(void)snprintf(fault->text, sizeof(fault->text), "%s: %s", STORE_FILE,
	    strerror(errno));
	return (-1);
}

/* --- Work. */

static void
on_done(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	apply_done(&m->done);
	commit_soon();
}

static void
on_outcome(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	apply_outcome(m);
	commit_soon();
}

static void
on_intent(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	apply_intent(m);
	commit_soon();
}

static void
on_change(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	apply_change(m);
	commit_soon();
}

static void
on_runs(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_runs(&m->runs);
	commit_soon();
}

static void
on_jobs(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_jobs(&m->jobs);
	commit_soon();
}

static void
on_readback(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_readback(&m->readback);
	commit_soon();
}

static void
on_looked(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_looked(&m->looked);
	commit_soon();
}

static void
on_fresh(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_fresh(&m->fresh);
	commit_soon();
}

static void
on_stale(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	learn_stale(&m->stale);
	commit_soon();
}

static void
on_query(struct peer *peer, const union msg *m,
    int fd __attribute__((unused)))
{
	query_take(peer, &m->query);
}

static void
on_drained(struct peer *peer __attribute__((unused)))
{
	query_go_on();
}

/* The same members, with and without a file. */
static void
on_store(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd)
{
	manage_take(&m->store, fd);
}

static void
on_audit(struct peer *peer __attribute__((unused)), const union msg *m,
    int fd __attribute__((unused)))
{
	refusals_add(&m->audit, time(NULL));
	commit_soon();
}
