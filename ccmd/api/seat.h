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
 * Who gives way when the places of the control socket are all taken.
 * Belongs to the api.
 */

#ifndef CCM_API_SEAT_H
#define CCM_API_SEAT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/* Who is further down is kept longer. */
enum seat_state {
	SEAT_SILENT,		/* has not said hello */
	SEAT_IDLE,
	SEAT_LISTENS,		/* to events */
	SEAT_WORKS,		/* an operation is under way */
	SEAT_STATES
};

struct seat {
	uid_t		 uid;
	enum seat_state	 state;
	int64_t		 since;		/* in that state; any clock */
};

/*
 * Of `n` seats the index of who gives way to a newcomer of that user; `n`
 * if it is the newcomer.
 *
 * It is one of the user with the most of them, the newcomer counted in, so
 * that nobody can keep another user out.  Of that user's it is who does
 * least, and of those who has for longest; but nobody gives up what he does
 * for himself.
 */
size_t seat_yields(const struct seat *seats, size_t n, uid_t newcomer);

#endif
