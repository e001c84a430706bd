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
 *	state.c		the state directory and its lock
 *	sockets.c	listening sockets
 *	users.c		who the children are, and where they are locked up
 *	supervise.c	the three children
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
/* Write our pid into it, for the message to a second daemon. */
void state_write_pid(int fd);

/* --- sockets.c */

int sockets_open(struct conf *conf, int *control);
void sockets_close(struct conf *conf, int control);

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
void users_cleanup(void);

/* --- supervise.c */

struct supervise {
	struct conf	*conf;
	const char	*libexec;
	struct jail	 jails[PROC_MAX];
	int		 lock;
	int		 control;
	int		 verbose;
	int		 restore;	/* ccmd -R: the file's descriptor */
	const char	*restore_name;
	int		 started;	/* gets a byte when the set runs; or -1 */
};

/*
 * Start the set and keep it going until supervise_stop, or until it is
 * hopeless.  Returns the exit status.
 */
int supervise(struct event_base *base, const struct supervise *s);
void supervise_stop(void);

/* --- output.c */

void output_stderr(void);
void output_syslog(void);
/* Append to a file, mode 0600.  Returns 0, or -1 with errno. */
int output_file(const char *path);

#endif
