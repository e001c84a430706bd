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
 * What clients may take up, and how often one of these limits was reached.
 * Belongs to the api.
 */

#ifndef CCM_API_LIMIT_H
#define CCM_API_LIMIT_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

/* As ccmd.conf(5) says it: times in seconds, sizes in bytes. */
struct limits {
	uint32_t	 connections;	/* over HTTP, in all */
	uint32_t	 address;	/* of those, from one address */
	uint32_t	 header;
	uint32_t	 body;
	uint32_t	 request;	/* from its first byte to its last */
	uint32_t	 idle;		/* without a request */
	uint32_t	 answer;	/* for each 32 KB of it, or the last */
	uint32_t	 pause;		/* milliseconds, without descriptors */
};

enum limit {
	LIMIT_CONNECTIONS,
	LIMIT_ADDRESS,
	LIMIT_HEADER,
	LIMIT_BODY,
	LIMIT_REQUEST,
	LIMIT_IDLE,
	LIMIT_ANSWER,
	LIMIT_DESCRIPTORS,
	LIMIT_CONTROL,		/* connections of the control socket */
	LIMIT_HELLO,		/* its time before CTL_HELLO */
	LIMIT_MAX
};

struct msg_conf_limits;

/* Put aside what was configured, and put it in force. */
void limit_set(const struct msg_conf_limits *m);
void limit_commit(void);
const struct limits *limit_get(void);

/*
 * A connection from there, and its end.  limit_enter returns -1 if there
 * are too many; those of this machine are not counted, as there may be a
 * reverse proxy.  Of IPv6 the network of 64 bits is an address.
 */
int limit_enter(const struct sockaddr_storage *from);
void limit_leave(const struct sockaddr_storage *from);

void limit_reached(enum limit limit);
/* A word for a label, and how often since the api started. */
const char *limit_name(enum limit limit);
uint64_t limit_times(enum limit limit);

/* What is an address: of IPv6 the first 64 bits; the rest are zeros. */
#define LIMIT_KEY	8
void limit_key(const struct sockaddr_storage *from,
    unsigned char key[LIMIT_KEY]);

#endif
