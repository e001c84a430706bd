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
 * The monitor: the dashboard again and again on the alternate screen.  Part
 * of ccmctl.  Must not leave the terminal changed, whatever ends it, and
 * must not end because the daemon does.
 *
 * The data come as events of a subscription, into board.c; on a lost
 * connection, from the snapshot of the next one.  Now and then the daemon is
 * asked for a sign of life: no event comes from one that hangs.
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"

/* Milliseconds until a lost daemon is tried again. */
#define RECONNECT	500
/* Milliseconds of silence until a sign of life is asked for, and for it. */
#define PING		10000
/* Milliseconds from a change to its being drawn, for others to join it. */
#define DRAW_DELAY	100

static struct {
	struct client		*client;
	const char		*path;
	struct term		*term;
	char			*why;		/* there is no daemon: why */
	size_t			 first;		/* row on top */
	int			 interval;	/* milliseconds */
	int			 subscribed;
	int			 waiting;	/* for an answer */
	int64_t			 next;		/* when to ask, to connect */
	int64_t			 draw_at;
	int			 stop;
} mon;

static void	 on_signals(void);
static void	 suspend(void);
static void	 wait_for_something(void);
static int64_t	 milliseconds_left(void);
static void	 on_key(void);
static void	 scroll(long);
static void	 on_time(void);
static void	 overdue(void);
static void	 ask(void);
static void	 on_input(void);
static void	 on_event(enum client_event);
static void	 on_answer(void);
static void	 on_change(void);
static void	 lose(void);
static void	 draw(void);
static void	 draw_into(FILE *);
static void	 show_frame(const char *);

int
monitor_run(struct client *c, const char *path, struct term *term,
    int interval)
{
	memset(&mon, 0, sizeof(mon));
	mon.client = c;
	mon.path = path;
	mon.term = term;
	mon.interval = interval * 1000;
	/* No daemon at all is no case for waiting: a mistyped path is. */
	if (client_call(c, "daemon.status", NULL) == -1)
		return (c->exit_code);
	signals_catch();
	signals_catch_stop(1);
	if (term_enter() == -1) {
		(void)snprintf(c->why, sizeof(c->why), "terminal: %s",
		    strerror(errno));
		signals_catch_stop(0);
		return (c->exit_code = EXIT_FAILED);
	}
	while (!mon.stop) {
		wait_for_something();
		on_signals();
		on_time();
	}
	term_leave();
	signals_catch_stop(0);
	board_clear();
	free(mon.why);
	return (EXIT_OK);
}

static void
on_signals(void)
{
	int	 resized = signals_resized();

	if (signals_back() || signals_ended())
		mon.stop = 1;
	if (signals_stopped() && !mon.stop) {
		suspend();
		resized = 1;
	}
	if (resized) {
		term_look(mon.term);
		scroll(0);
		draw();
	}
}

/* Ctrl-Z: the shell gets its screen, and ours comes back with fg. */
static void
suspend(void)
{
	term_leave();
	(void)raise(SIGSTOP);
	if (term_enter() == -1)
		mon.stop = 1;
}

static void
wait_for_something(void)
{
	struct pollfd	 pfd[2];
	struct timespec	 ts;
	int64_t		 left = milliseconds_left();

	pfd[0].fd = STDIN_FILENO;
	pfd[0].events = POLLIN;
	pfd[1].fd = mon.client->fd;
	pfd[1].events = mon.client->fd != -1 ? client_events(mon.client) : 0;
	pfd[0].revents = pfd[1].revents = 0;
	ts.tv_sec = left / 1000;
	ts.tv_nsec = left % 1000 * 1000000;
	if (ppoll(pfd, 2, &ts, signals_mask()) == -1) {
		if (errno != EINTR)
			mon.stop = 1;
		return;
	}
	if (pfd[0].revents != 0)
		on_key();
	if (pfd[1].revents != 0)
		on_input();
}

static int64_t
milliseconds_left(void)
{
	int64_t	 left = (mon.next < mon.draw_at ? mon.next : mon.draw_at) -
	    client_now();

	return (left > 0 ? left : 0);
}

static void
on_key(void)
{
	ssize_t	 n;
	char	 key;

	n = read(STDIN_FILENO, &key, 1);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	/* End-of-file: the terminal is gone. */
	if (n <= 0 || key == 'q' || key == 'Q')
		mon.stop = 1;
	else if (key == 'j')
		scroll(1);
	else if (key == 'k')
		scroll(-1);
	else if (key == ' ')
		scroll((long)mon.term->height / 2);
	else if (key == 'b')
		scroll(-(long)mon.term->height / 2);
	else
		return;
	draw();
}

static void
scroll(long by)
{
	long	 first = (long)mon.first + by;
	long	 last = (long)board_rows() - 1;

	if (first > last)
		first = last;
	mon.first = first < 0 ? 0 : (size_t)first;
}

/* The time has come to draw, to ask, to connect, or to give up waiting. */
static void
on_time(void)
{
	int64_t	 now = client_now();

	if (!mon.stop && now >= mon.draw_at)
		draw();
	if (mon.stop || now < mon.next)
		return;
	if (mon.waiting)
		overdue();
	else if (mon.client->fd != -1 && mon.client->ready)
		ask();
	else if (client_open(mon.client, mon.path) == -1)
		lose();
	else {
		mon.waiting = 1;
		mon.next = client_now() + PING;
	}
}

static void
overdue(void)
{
	(void)snprintf(mon.client->why, sizeof(mon.client->why),
	    "no answer within %d seconds", PING / 1000);
	client_close(mon.client);
	lose();
}

/* For the events; once they come, for a sign of life. */
static void
ask(void)
{
	struct json_object	*args = json_object_new_object();
	int			 n;

	if (mon.subscribed)
		n = client_send(mon.client, "daemon.status", args);
	else {
		json_object_object_add(args, "snapshot",
		    json_object_new_boolean(1));
		n = client_subscribe(mon.client, args);
	}
	json_object_put(args);
	if (n == -1) {
		lose();
		return;
	}
	mon.waiting = 1;
	mon.next = client_now() + PING;
}

/* All that came at once, one by one. */
static void
on_input(void)
{
	enum client_event	 event = client_step(mon.client);

	for (; event != CLIENT_MORE; event = client_next(mon.client)) {
		on_event(event);
		if (mon.client->fd == -1)
			return;
	}
}

static void
on_event(enum client_event event)
{
	switch (event) {
	case CLIENT_MORE:
		break;
	case CLIENT_EVENT:
		if (board_event(mon.client->event_kind, mon.client->event))
			on_change();
		break;
	case CLIENT_READY:
		ask();
		break;
	case CLIENT_ANSWER:
		on_answer();
		break;
	case CLIENT_FAILED:
		lose();
		break;
	}
}

/* A daemon that still starts says 503: the old figures stay until then. */
static void
on_answer(void)
{
	const char	*error;

	mon.waiting = 0;
	mon.next = client_now() + PING;
	if (mon.subscribed)
		return;
	free(mon.why);
	mon.why = NULL;
	if (mon.client->status >= 400) {
		error = json_string(mon.client->answer, "error");
		mon.why = strdup(error != NULL ? error : "it failed");
		mon.next = client_now() + RECONNECT;
	} else
		mon.subscribed = 1;
	on_change();
}

/* Others that come with it are drawn with it. */
static void
on_change(void)
{
	int64_t	 soon = client_now() + DRAW_DELAY;

	scroll(0);
	if (soon < mon.draw_at)
		mon.draw_at = soon;
}

static void
lose(void)
{
	mon.subscribed = 0;
	mon.waiting = 0;
	mon.next = client_now() + RECONNECT;
	free(mon.why);
	mon.why = strdup(mon.client->why);
	draw();
}

/* A frame is made whole and written at once, so that nothing flickers. */
static void
draw(void)
{
	FILE	*f;
	char	*frame = NULL;
	size_t	 len;

	mon.draw_at = client_now() + mon.interval;
	if (mon.stop || (f = open_memstream(&frame, &len)) == NULL)
		return;
	draw_into(f);
	if (fclose(f) == 0)
		show_frame(frame);
	free(frame);
}

static void
draw_into(FILE *f)
{
	struct json_object	*answer = board_answer();
	struct term		 term = *mon.term;
	char			*shown, line[256];
	size_t			 used;

	/* The last line is the monitor's own. */
	if (term.height > 1)
		term.height--;
	if (answer != NULL)
		dashboard_print(f, &term, answer, time(NULL), mon.first);
	if (mon.why == NULL && answer != NULL) {
		term_put(f, &term, STYLE_DIM, "q quit");
		return;
	}
	(void)snprintf(line, sizeof(line), "waiting for the daemon%s%s",
	    mon.why != NULL ? ": " : "", mon.why != NULL ? mon.why : "");
	shown = text_visible(line);
	shown[text_fit(shown, term.width, &used)] = '\0';
	term_put(f, &term, STYLE_WARN, shown);
	free(shown);
}

/*
 * Over the old frame, line by line.  Erasing comes before writing: behind a
 * full line it would take the last column's character away.
 */
static void
show_frame(const char *frame)
{
	size_t	 len, line = 0;
	int	 last = 0;

	(void)fputs("\033[H", stdout);
	while (!last) {
		len = strcspn(frame, "\n");
		last = frame[len] == '\0' || ++line >= mon.term->height;
		(void)fputs(last ? "\033[J" : "\033[K", stdout);
		(void)fwrite(frame, 1, len, stdout);
		if (!last)
			(void)fputs("\r\n", stdout);
		frame += len + 1;
	}
	if (fflush(stdout) == EOF)
		mon.stop = 1;
}
