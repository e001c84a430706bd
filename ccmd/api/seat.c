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
 * Who gives way when the places of the control socket are all taken.  Runs
 * in the api.  Must not know a connection: it compares.
 */

#include "config.h"

#include "seat.h"

static uid_t	 heaviest(const struct seat *, size_t, uid_t);
static size_t	 count(const struct seat *, size_t, uid_t);

size_t
seat_yields(const struct seat *seats, size_t n, uid_t newcomer)
{
	uid_t	 uid = heaviest(seats, n, newcomer);
	size_t	 i, found = n;

	for (i = 0; i < n; i++) {
		if (seats[i].uid != uid ||
		    (uid == newcomer && seats[i].state >= SEAT_LISTENS))
			continue;
		if (found == n || seats[i].state < seats[found].state ||
		    (seats[i].state == seats[found].state &&
		    seats[i].since < seats[found].since))
			found = i;
	}
	return (found);
}

/* As many as another has: then it is the newcomer's. */
static uid_t
heaviest(const struct seat *seats, size_t n, uid_t newcomer)
{
	uid_t	 uid = newcomer;
	size_t	 i, c, most = count(seats, n, newcomer) + 1;

	for (i = 0; i < n; i++)
		if ((c = count(seats, n, seats[i].uid)) > most) {
			most = c;
			uid = seats[i].uid;
		}
	return (uid);
}

static size_t
count(const struct seat *seats, size_t n, uid_t uid)
{
	size_t	 i, c = 0;

	for (i = 0; i < n; i++)
		c += seats[i].uid == uid;
	return (c);
}
