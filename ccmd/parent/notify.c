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
 * How we are, for the service manager: sd_notify(3)'s datagrams, and the
 * watchdog's.  Runs in the parent.  Must not wait, nor fail when nobody
 * listens.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define STATE_MAX	1024
/* A watchdog that barks more often is none that we can calm. */
#define WATCHDOG_MIN	10000	/* microseconds */
#define WATCHDOG_MAX	86400000000LL

static struct {
	int		 fd;		/* -1: there is no one to tell */
	struct sockaddr_un address;
	socklen_t	 len;
	long long	 watchdog;	/* microseconds; 0: none */
	struct event	*timer;
} env = { .fd = -1 };

static int	 set_address(const char *);
static void	 take_watchdog(void);
static void	 send_state(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
static void	 on_timer(evutil_socket_t, short, void *);

/* The variables go: they are not for our children. */
void
notify_init(void)
{
	const char	*path = getenv("NOTIFY_SOCKET");

	if (path != NULL && path[0] != '\0') {
		if (set_address(path) == -1)
			log_warn("NOTIFY_SOCKET: a path that begins with / "
			    "or @ was expected");
		else if ((env.fd = socket(AF_UNIX, SOCK_DGRAM |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
			log_warn("NOTIFY_SOCKET: %s", strerror(errno));
		else
			take_watchdog();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* "@name" is Linux's abstract one: a NUL in front, and none behind. */
static int
set_address(const char *path)
{
	size_t	 len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 ||
	    len >= sizeof(env.address.sun_path))
		return (-1);
	env.address.sun_family = AF_UNIX;
	memcpy(env.address.sun_path, path, len + 1);
	env.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		env.address.sun_path[0] = '\0';
	else
		env.len++;
	return (0);
}

static void
take_watchdog(void)
{
	const char	*usec = getenv("WATCHDOG_USEC");
	const char	*pid = getenv("WATCHDOG_PID"), *error;

	if (usec == NULL || (pid != NULL &&
	    strtonum(pid, 1, INT32_MAX, NULL) != getpid()))
		return;
	env.watchdog = strtonum(usec, WATCHDOG_MIN, WATCHDOG_MAX, &error);
	if (error != NULL)
		log_warn("WATCHDOG_USEC: %s", error);
}

/* Twice as often as it must be. */
void
notify_start(struct event_base *base)
{
	struct timeval	 tv;

	if (env.fd == -1 || env.watchdog == 0)
		return;
	tv.tv_sec = (time_t)(env.watchdog / 2 / 1000000);
	tv.tv_usec = (suseconds_t)(env.watchdog / 2 % 1000000);
	env.timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
	if (env.timer == NULL || event_add(env.timer, &tv) == -1)
		fatalx("watchdog");
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	send_state("WATCHDOG=1\n");
}

void
notify_ready(const char *status)
{
	send_state("READY=1\nMAINPID=%ld\nSTATUS=%s\n", (long)getpid(),
	    status);
}

/* systemd.service(5), Type=notify-reload, wants to know since when. */
void
notify_reloading(void)
{
	struct timespec	 ts = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	send_state("RELOADING=1\nMONOTONIC_USEC=%lld\n"
	    "STATUS=Taking the configuration anew\n",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

void
notify_stopping(void)
{
	send_state("STOPPING=1\nSTATUS=Ending\n");
}

void
notify_status(const char *status)
{
	send_state("STATUS=%s\n", status);
}

static void
send_state(const char *fmt, ...)
{
	char	 text[STATE_MAX];
	va_list	 ap;
	int	 n;

	if (env.fd == -1)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	if (sendto(env.fd, text, (size_t)n, MSG_NOSIGNAL,
	    (struct sockaddr *)&env.address, env.len) == -1)
		log_debug("NOTIFY_SOCKET: %s", strerror(errno));
}
