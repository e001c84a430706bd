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
 * What the poller, the api and the registry do alike: start, be locked up,
 * and say that they run.  Must not know what any of them is for.
 */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "imsg.h"
#include "log.h"

static struct imsgbuf wait_setup(enum proc_id, child_setup);

struct peer *
child_start(struct event_base *base, enum proc_id self, child_setup setup,
    const struct peer_ops *ops)
{
	struct imsgbuf	 early;
	struct peer	*peer;

	(void)signal(SIGPIPE, SIG_IGN);
	/* A terminal's Ctrl-C is for the parent, which ends us by EOF. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	early = wait_setup(self, setup);
	imsgbuf_clear(&early);
	peer = peer_new(base, self, PROC_PARENT, PROC_PARENT_FD, ops, NULL);
	if (peer == NULL)
		fatal("peer_new");
	return (peer);
}

/*
 * One message, read while the socket still blocks.  The parent sends
 * nothing more before READY, so that nothing is left in the buffer.
 */
static struct imsgbuf
wait_setup(enum proc_id self, child_setup setup)
{
	struct imsgbuf	 imsgbuf;
	struct imsg	 imsg;
	union msg	 m, ready;
	const char	*why;
	int		 r, fd;

	if (imsgbuf_init(&imsgbuf, PROC_PARENT_FD) == -1)
		fatal("imsgbuf_init");
	imsgbuf_set_maxsize(&imsgbuf, MSG_IMSG_MAX);
	while ((r = imsgbuf_get(&imsgbuf, &imsg)) == 0)
		if (imsgbuf_read(&imsgbuf) != 1)
			fatalx("the parent went before setup");
	if (r == -1 || imsg_get_type(&imsg) != M_SETUP ||
	    msg_unpack(&imsg, PROC_PARENT, self, &m, &fd, &why) == -1)
		fatalx("no proper setup from the parent");
	memset(&ready, 0, sizeof(ready));
	ready.ready.level = setup(&m.setup);
	imsg_free(&imsg);
	if (msg_compose(&imsgbuf, M_READY, &ready, -1) == -1 ||
	    imsgbuf_flush(&imsgbuf) == -1) {
		/* A sister died meanwhile, and the set is taken down. */
		if (errno == EPIPE)
			exit(0);
		fatal("ready");
	}
	return (imsgbuf);
}

const char *
child_confine(enum sandbox_role role, const struct msg_setup *m,
    const char *statedir)
{
	struct sandbox_config	 conf;
	struct sandbox_level	 level;

	memset(&conf, 0, sizeof(conf));
	conf.uid = m->uid;
	conf.gid = m->gid;
	conf.chroot = m->chroot[0] != '\0' ? m->chroot : NULL;
	conf.statedir = statedir;
	conf.strict = m->strict;
	if (sandbox_apply(role, &conf, &level) == -1)
		fatal("sandbox");
	return (sandbox_level_string(&level));
}

void
child_running(struct peer *parent)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.running.pid = (uint32_t)getpid();
	peer_send(parent, M_RUNNING, &m, -1);
}
