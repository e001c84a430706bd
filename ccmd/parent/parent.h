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
 * The parent's inside.  Runs in the parent.
 *
 *	ccmd.c		main, options, signals, the end
 *	parse.y conf.c conf_env.c	the configuration
 *	credential.c	secret files
 *	sign.c		private keys of GitHub Apps
 *	state.c		the state directory and its lock
 *	sockets.c	listening sockets
 *	users.c		who the children are, and where they are locked up
 *	supervise.c	the three children
 *	configure.c	what each is told of the configuration
 *	reload.c	the configuration taken anew
 *	poison.c	whose answer kills the poller
 *	notify.c	how we are, for the service manager
 *	lines.c		what the children log
 *	output.c	where log lines go
 */

#ifndef CCM_PARENT_PARENT_H
#define CCM_PARENT_PARENT_H

#include <sys/types.h>

#include "conf.h"
#include "msg.h"

struct event_base;

/* --- state.c */

/*
 * Make the state directory if it is missing, and as root give it to the
 * registry's user.  Returns 0, or -1 with a log line.
 */
int state_prepare(const char *path, uid_t uid, gid_t gid);

/*
 * Lock it for this daemon; waits a few seconds for the registry of one that
 * was killed.  Returns the lock's descriptor, or -1 with a log line.
 */
int state_lock(const char *path);
/*
 * Open a file that is to be restored, for reading: the registry is given
 * what is in it, and may write where its backups lie, so that no link which
 * another user than root or ours made is followed.  Returns the descriptor,
 * or -1 with errno, ELOOP for such a link, EINVAL for what is no regular
 * file.
 */
int state_open_file(const char *path);
/* Write our pid into it, for the message to a second daemon. */
void state_write_pid(int fd);

/* --- sockets.c */

int sockets_open(struct conf *conf, int *control);
void sockets_close(struct conf *conf, int control);
/*
 * Open what is new in `conf` and take over from `old` what is the same; what
 * is left in `old` is closed with it.  Returns 0, or -1 with a log line and
 * `old` as it was.
 */
int sockets_reload(struct conf *conf, struct conf *old);

/* --- users.c */

struct jail {
	uid_t	 uid;
	gid_t	 gid;
	char	 chroot[MSG_PATH_MAX];	/* "" as an ordinary user */
};

/* One for each child, by enum proc_id.  Returns 0, or -1 with a log line. */
int users_prepare(const struct conf *conf, struct jail jails[PROC_MAX]);
/* Copy what name resolution needs into the poller's chroot. */
void users_refresh(const struct jail *poller);
/* And from now on whenever that has changed; `poller` stays the caller's. */
void users_watch(struct event_base *base, const struct jail *poller);
void users_cleanup(void);

/* --- supervise.c */

struct supervise {
	struct conf	*conf;
	char		*conf_path;	/* absolute; NULL: the usual one */
	const char	*libexec;
	struct jail	 jails[PROC_MAX];
	int		 lock;
	int		 control;
	int		 verbose;
	int		 restore;	/* ccmd -R: the file's descriptor */
	const char	*restore_name;
	int		 started;	/* gets a byte when all runs; or -1 */
};

/*
 * Start the set and keep it going until supervise_stop, or until it is
 * hopeless.  Returns the exit status.
 */
int supervise(struct event_base *base, struct supervise *s);
void supervise_stop(void);

/* 0 while a set starts or ends: reload_next is called afterwards. */
int supervise_can_reload(void);
/*
 * Tell the children a new configuration.  Returns 1: reload_in_force is
 * called when they have it; or 0: there are none.
 */
int supervise_reload(void);
/* To be audited and answered, as far as there is a registry (msg.def). */
void supervise_done(uint64_t op, enum task task, int status,
    const char *actor, const char *text);

/* --- configure.c */

struct peer;

void configure(struct peer *peer, const struct supervise *s, int reload);

/* --- sign.c */

/* The poller asks for a JWT: answer, with or without one. */
void sign_answer(struct peer *poller, struct conf *conf,
    const struct msg_sign_jwt *m, int may_log);

/* --- reload.c */

void reload_init(struct supervise *s);
/* `actor` for the log; `op` 0: nobody waits for an answer. */
void reload_ask(uint64_t op, const char *actor);
void reload_next(void);
void reload_in_force(void);
void reload_set_ended(void);

/* --- poison.c */

/*
 * From the poller: about which repository, of the GitHub at that URL, is the
 * answer that it is about to parse; "": it is through.
 */
void poison_parsing(const char *github, const char *repository);
/* It is found dead, not by our hand: count it. */
void poison_died(void);
/* Tell a new poller whom to leave alone; begin anew with counting. */
void poison_tell(struct peer *poller);
void poison_forget(void);

/* --- notify.c */

void notify_init(void);
/* Begin to calm the watchdog, if there is one. */
void notify_start(struct event_base *base);
void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);

/* --- lines.c */

struct lines;

/* `fd` is taken over.  Returns NULL with errno. */
struct lines *lines_new(struct event_base *base, int fd, const char *name);
void lines_end(struct lines *lines);
/*
 * May a line of `len` bytes be logged for this child, be it its own or ours
 * about what it asked?  One that may not is counted as dropped.
 */
int lines_permit(struct lines *lines, size_t len);

/* --- output.c */

void output_stderr(void);
void output_syslog(void);
/* Append to a file, mode 0600.  Returns 0, or -1 with errno. */
int output_file(const char *path);
/* Open the file again, by its name, so that it can be rotated. */
void output_reopen(void);
/*
 * Copy our own errors and warnings to a buffer as well, a line each, until
 * it is taken away with NULL; what does not fit is left out.
 */
void output_collect(char *buf, size_t size);

#endif
