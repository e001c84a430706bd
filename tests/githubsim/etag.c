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
 * githubsim: conditional requests.  An ETag is made of the URL, the token
 * and the body; it is remembered with the version of what it shows, so that
 * an unchanged look renders nothing.
 */

#include "config.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define KEY_BYTES	16
#define ETAG_BYTES	32

struct etag {
	RB_ENTRY(etag)	 entry;
	unsigned char	 key[KEY_BYTES];
	uint64_t	 version;
	char		 text[2 * ETAG_BYTES + 1];
};
RB_HEAD(etag_tree, etag);

static struct etag_tree etags = RB_INITIALIZER(&etags);
static size_t	 netags;

static int	 etag_cmp(struct etag *, struct etag *);
static void	 etag_key(struct call *, unsigned char [KEY_BYTES]);
static uint64_t	 etag_version(const struct call *);
static int	 etag_matches(struct call *, const char *);
static void	 etag_304(struct call *, const char *);
static void	 etag_header(struct call *, const char *, int);

RB_PROTOTYPE(etag_tree, etag, entry, etag_cmp)
RB_GENERATE(etag_tree, etag, entry, etag_cmp)

/* Answers from memory when nothing changed since: 1, else 0. */
int
etag_fresh(struct call *c)
{
	struct etag	 key, *etag;

	if (strcmp(c->method, "GET") != 0 ||
	    call_header(c, "If-None-Match") == NULL)
		return (0);
	etag_key(c, key.key);
	if ((etag = RB_FIND(etag_tree, &etags, &key)) == NULL ||
	    etag->version != etag_version(c) || !etag_matches(c, etag->text))
		return (0);
	etag_304(c, etag->text);
	return (1);
}

void
etag_add(struct call *c)
{
	crypto_generichash_state	 hash;
	unsigned char			 bytes[ETAG_BYTES];
	struct etag			*etag, *old;

	if ((etag = calloc(1, sizeof(*etag))) == NULL)
		err(1, NULL);
	etag_key(c, etag->key);
	etag->version = etag_version(c);
	(void)crypto_generichash_init(&hash, etag->key, KEY_BYTES,
	    sizeof(bytes));
	(void)crypto_generichash_update(&hash, (unsigned char *)c->body,
	    c->len);
	(void)crypto_generichash_final(&hash, bytes, sizeof(bytes));
	(void)sodium_bin2hex(etag->text, sizeof(etag->text), bytes,
	    sizeof(bytes));
	if (netags >= SIM_ETAGS_MAX)
		etag_clear();
	if ((old = RB_INSERT(etag_tree, &etags, etag)) != NULL) {
		old->version = etag->version;
		memcpy(old->text, etag->text, sizeof(old->text));
		free(etag);
		etag = old;
	} else
		netags++;
	if (etag_matches(c, etag->text))
		etag_304(c, etag->text);
	else
		etag_header(c, etag->text, 1);
}

void
etag_clear(void)
{
	struct etag	*etag;

	while ((etag = RB_ROOT(&etags)) != NULL) {
		RB_REMOVE(etag_tree, &etags, etag);
		free(etag);
	}
	netags = 0;
}

static void
etag_304(struct call *c, const char *text)
{
	answer_empty(c, 304);
	(void)evhttp_remove_header(&c->headers, "Content-Type");
	(void)evhttp_remove_header(&c->headers, "Link");
	etag_header(c, text, sim.settings.weak_304);
}

static void
etag_header(struct call *c, const char *text, int weak)
{
	answer_header(c, "ETag", "%s\"%s\"", weak ? "W/" : "", text);
	answer_header(c, "Cache-Control", "private, max-age=60, s-maxage=60");
}

/* RFC 9110 13.1.2: weak comparison, a list, or "*". */
static int
etag_matches(struct call *c, const char *text)
{
	const char	*list = call_header(c, "If-None-Match"), *at;
	size_t		 len = strlen(text);

	if (list == NULL)
		return (0);
	if (strcmp(list, "*") == 0)
		return (1);
	at = strstr(list, text);
	return (at != NULL && at > list && at[-1] == '"' && at[len] == '"');
}

static void
etag_key(struct call *c, unsigned char key[KEY_BYTES])
{
	crypto_generichash_state	 hash;
	const char			*part[3];
	size_t				 i;

	part[0] = c->origin;
	part[1] = c->uri;
	part[2] = c->bearer == NULL ? "" : c->bearer;
	(void)crypto_generichash_init(&hash, NULL, 0, KEY_BYTES);
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		(void)crypto_generichash_update(&hash,
		    (const unsigned char *)part[i], strlen(part[i]) + 1);
	(void)crypto_generichash_final(&hash, key, KEY_BYTES);
}

static uint64_t
etag_version(const struct call *c)
{
	return (c->repo != NULL ? c->repo->version : sim.version);
}

static int
etag_cmp(struct etag *a, struct etag *b)
{
	return (memcmp(a->key, b->key, KEY_BYTES));
}
