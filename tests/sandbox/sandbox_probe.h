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
 * The sandbox probe: enters a role's sandbox in a process of its own and
 * tries one thing there.  Test program, never installed.
 */

#ifndef CCM_SANDBOX_PROBE_H
#define CCM_SANDBOX_PROBE_H

#include <sys/types.h>

#include "sandbox.h"

/* What the thing works with; set before the sandbox is entered. */
struct probe {
	enum sandbox_role	 role;
	const char		*statedir;	/* as seen inside */
	const char		*outside;	/* a directory that is not it */
	const char		*resolvdir;
	const char		*url;
	const char		*ca;		/* a file, PEM */
	pid_t			 main;		/* not in the sandbox */
	pid_t			 sibling;	/* the same user, idle */
	int			 listener;	/* TCP on loopback, or -1 */
	int			 spare;		/* unbound TCP socket, or -1 */
	int			 pair[2];	/* socketpair, or -1 */
	int			 outsidefd;	/* outside, opened, or -1 */
};

/*
 * `prepare` runs before the sandbox is entered and may be NULL, `run`
 * inside.  Each returns 0; or -1 with errno; or -1 with probe_fail called.
 */
struct thing {
	const char	*name;
	int		(*prepare)(struct probe *);
	int		(*run)(struct probe *);
};

/* Ends with an entry without name. */
extern const struct thing forbidden_files[], forbidden_calls[];
extern const struct thing works[], works_poller[], works_parent[];

/* A sentence for the report instead of an errno; returns -1. */
int probe_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* dir/name in a static buffer. */
const char *probe_path(const char *dir, const char *name);

/* A TCP socket that listens on loopback; -1 with errno. */
int probe_listen(void);

#endif
