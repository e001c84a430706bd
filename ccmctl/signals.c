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
 * Signals, for those who wait on a terminal.  Part of ccmctl.  Once caught
 * they are blocked but while signals_mask is in force, in ppoll(2), so that
 * none comes between a look and a wait.  Must not do anything by itself:
 * who waits asks what came.
 */

#include "config.h"

#include <signal.h>
#include <string.h>

#include "ccmctl.h"

static struct {
	volatile sig_atomic_t	 back;
	volatile sig_atomic_t	 end;
	volatile sig_atomic_t	 winch;
	volatile sig_atomic_t	 stop;
	sigset_t		 mask;
	int			 caught;
} state;

static void	 on_signal(int);
static void	 catch_one(int, sigset_t *);

static void
on_signal(int sig)
{
	switch (sig) {
	case SIGINT:
		state.back = 1;
		break;
	case SIGWINCH:
		state.winch = 1;
		break;
	case SIGTSTP:
		state.stop = 1;
		break;
	default:
		state.end = 1;
		break;
	}
}

static void
catch_one(int sig, sigset_t *set)
{
	struct sigaction	 sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	(void)sigaction(sig, &sa, NULL);
	(void)sigaddset(set, sig);
}

void
signals_catch(void)
{
	static const int	 signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGWINCH };
	sigset_t		 set;
	size_t			 i;

	if (state.caught)
		return;
	sigemptyset(&set);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		catch_one(signals[i], &set);
	(void)sigprocmask(SIG_BLOCK, &set, &state.mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigdelset(&state.mask, signals[i]);
	(void)sigdelset(&state.mask, SIGTSTP);
	state.caught = 1;
}

void
signals_catch_stop(int on)
{
	sigset_t	 set;

	sigemptyset(&set);
	(void)sigaddset(&set, SIGTSTP);
	if (on)
		catch_one(SIGTSTP, &set);
	else
		(void)signal(SIGTSTP, SIG_DFL);
	(void)sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

const sigset_t *
signals_mask(void)
{
	return (state.caught ? &state.mask : NULL);
}

int
signals_ended(void)
{
	return (state.end);
}

int
signals_back(void)
{
	int	 was = state.back;

	state.back = 0;
	return (was);
}

int
signals_resized(void)
{
	int	 was = state.winch;

	state.winch = 0;
	return (was);
}

int
signals_stopped(void)
{
	int	 was = state.stop;

	state.stop = 0;
	return (was);
}
