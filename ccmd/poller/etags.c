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
 * ETags of former times, as the registry kept them over a restart, until who
 * asks for their URLs takes them.  Runs in the poller.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tree.h"
#include "watch.h"

struct former {
	RB_ENTRY(former) entry;
	char		*url;
	char		*etag;
	uint64_t	 newest;
};
RB_HEAD(former_tree, former);

static struct {
	struct former_tree formers;
} env = { .formers = RB_INITIALIZER(&env.formers) };

static int	 former_cmp(struct former *, struct former *);

TREE_GENERATE(former_tree, former, entry, former_cmp)

static int
former_cmp(struct former *a, struct former *b)
{
	return (strcmp(a->url, b->url));
}

void
etags_keep(const char *url, const char *etag, uint64_t newest)
{
	struct former	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->url = strdup(url)) == NULL || (f->etag = strdup(etag)) == NULL)
		fatal("etags_keep");
	f->newest = newest;
	if (RB_INSERT(former_tree, &env.formers, f) != NULL) {
		free(f->url);
		free(f->etag);
		free(f);
	}
}

char *
etags_take(const char *url, uint64_t *newest)
{
	struct former	*f, key;
	char		*etag;

	key.url = (char *)(uintptr_t)url;
	if ((f = RB_FIND(former_tree, &env.formers, &key)) == NULL)
		return (NULL);
	RB_REMOVE(former_tree, &env.formers, f);
	etag = f->etag;
	*newest = f->newest;
	free(f->url);
	free(f);
	return (etag);
}
