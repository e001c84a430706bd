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
 * Listening sockets: accepting as long as there is room, and leaving off
 * for a moment where there is none.  Belongs to the api; HTTP and the
 * control socket each have one acceptor.
 */

#ifndef CCM_API_ACCEPT_H
#define CCM_API_ACCEPT_H

#include <sys/socket.h>

#include <stddef.h>

#define ACCEPT_LISTENERS	16

struct acceptor;
struct event_base;

struct acceptor_ops {
	/*
	 * Is there room for one more?  May make some.  0: those who wait
	 * stay in the backlog for a moment.
	 */
	int	(*room)(void);
	/* No descriptor is left: give one up if possible.  Returns 1 if so. */
	int	(*spare)(void);
	/* A connection, on the listener of that index; takes it over. */
	void	(*accepted)(int fd, const struct sockaddr_storage *from,
		    size_t listener);
};

/* NULL: out of memory. */
struct acceptor *acceptor_new(struct event_base *base,
    const struct acceptor_ops *ops);

/*
 * Put a listening socket aside, of the next index, until acceptor_commit,
 * where all those replace all former ones: where an address is the same,
 * both descriptors are of one socket, whose backlog goes over.  Returns -1
 * if there are too many; the socket is closed then.
 */
int acceptor_add(struct acceptor *a, int fd);
void acceptor_commit(struct acceptor *a);
size_t acceptor_count(const struct acceptor *a);

/* Begin to accept. */
void acceptor_start(struct acceptor *a);

#endif
