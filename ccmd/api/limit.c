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
 * What clients may take up: the figures of the configuration, connections
 * by address, and counters for the metrics.  Runs in the api.  Must not
 * close or refuse anything: that is for who asks.
 */

#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "limit.h"
#include "log.h"
#include "msg.h"
#include "tree.h"

/* Descriptors that are not for clients over HTTP. */
#define LIMIT_KEPT_BACK	128
#define KILOBYTE	1024

struct place {
	RB_ENTRY(place)	 entry;
	unsigned char	 key[LIMIT_KEY];
	uint32_t	 n;
};

RB_HEAD(place_tree, place);

static struct {
	struct limits	 now;
	struct limits	 next;
	struct place_tree places;
	uint64_t	 times[LIMIT_MAX];
} env = {
	.now = { .pause = 100 },
	.places = RB_INITIALIZER(&env.places)
};

static int	 place_cmp(struct place *, struct place *);
static int	 is_local(const struct sockaddr_storage *);
static struct place *find(const struct sockaddr_storage *);

TREE_GENERATE(place_tree, place, entry, place_cmp)

static int
place_cmp(struct place *a, struct place *b)
{
	return (memcmp(a->key, b->key, sizeof(a->key)));
}

void
limit_set(const struct msg_conf_limits *m)
{
	env.next.connections = m->connections;
	env.next.address = m->address;
	env.next.header = m->header * KILOBYTE;
	env.next.body = m->body * KILOBYTE;
	env.next.request = m->request;
	env.next.idle = m->idle;
	env.next.answer = m->answer;
	env.next.pause = m->pause;
}

/* Never more connections than there are descriptors for. */
void
limit_commit(void)
{
	struct rlimit	 rl;

	env.now = env.next;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
	    rl.rlim_cur > 2 * LIMIT_KEPT_BACK &&
	    env.now.connections > rl.rlim_cur - LIMIT_KEPT_BACK) {
		env.now.connections = (uint32_t)rl.rlim_cur -
		    LIMIT_KEPT_BACK;
		log_info("only %u connections over HTTP: the system's limit "
		    "on open files", env.now.connections);
	}
	http_set_limits(env.now.header, env.now.body);
}

const struct limits *
limit_get(void)
{
	return (&env.now);
}

static int
is_local(const struct sockaddr_storage *from)
{
	const struct sockaddr_in	*in = (const void *)from;
	const struct sockaddr_in6	*in6 = (const void *)from;

	if (from->ss_family == AF_INET)
		return (ntohl(in->sin_addr.s_addr) >> 24 == 127);
	return (from->ss_family != AF_INET6 ||
	    IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

void
limit_key(const struct sockaddr_storage *from, unsigned char key[LIMIT_KEY])
{
	const struct sockaddr_in	*in = (const void *)from;
	const struct sockaddr_in6	*in6 = (const void *)from;

	memset(key, 0, LIMIT_KEY);
	if (from->ss_family == AF_INET)
		memcpy(key, &in->sin_addr, sizeof(in->sin_addr));
	else if (from->ss_family == AF_INET6)
		memcpy(key, &in6->sin6_addr, LIMIT_KEY);
}

static struct place *
find(const struct sockaddr_storage *from)
{
	struct place	 key;

	limit_key(from, key.key);
	return (RB_FIND(place_tree, &env.places, &key));
}

int
limit_enter(const struct sockaddr_storage *from)
{
	struct place	*p;

	if (is_local(from))
		return (0);
	if ((p = find(from)) == NULL) {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			return (-1);
		limit_key(from, p->key);
		RB_INSERT(place_tree, &env.places, p);
	}
	if (p->n >= env.now.address)
		return (-1);
	p->n++;
	return (0);
}

void
limit_leave(const struct sockaddr_storage *from)
{
	struct place	*p;

	if (is_local(from) || (p = find(from)) == NULL || --p->n > 0)
		return;
	RB_REMOVE(place_tree, &env.places, p);
	free(p);
}

void
limit_reached(enum limit limit)
{
	env.times[limit]++;
}

uint64_t
limit_times(enum limit limit)
{
	return (env.times[limit]);
}

const char *
limit_name(enum limit limit)
{
	static const char *const names[LIMIT_MAX] = {
		[LIMIT_CONNECTIONS] = "connections",
		[LIMIT_ADDRESS] = "address",
		[LIMIT_HEADER] = "header",
		[LIMIT_BODY] = "body",
		[LIMIT_REQUEST] = "request",
		[LIMIT_IDLE] = "idle",
		[LIMIT_ANSWER] = "answer",
		[LIMIT_DESCRIPTORS] = "descriptors",
		[LIMIT_CONTROL] = "control",
		[LIMIT_HELLO] = "hello",
	};

	return (names[limit]);
}
