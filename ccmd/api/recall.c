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
 * Answers that may be given again: by target, while what they were made of
 * is the same.  Runs in the api.  Must not know who may see them.
 */

#include "config.h"

#include <string.h>

#include "recall.h"
#include "rope.h"
#include "view.h"

#define RECALL_PLACES	256			/* a power of two */
#define RECALL_OWN_MAX	(32 * 1024 * 1024)	/* bytes, of all together */

static struct {
	struct recalled	 places[RECALL_PLACES];
	size_t		 own;
} env;

static struct recalled *place(const char *, size_t);
static void	 drop(struct recalled *);
static int	 holds(const struct recalled *, int64_t);
static uint64_t	 version(const struct hold *);

/* FNV-1a: who has a token may make two targets meet, and gains nothing. */
static struct recalled *
place(const char *target, size_t len)
{
	uint32_t	 h = 2166136261U;
	size_t		 i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)target[i]) * 16777619U;
	return (&env.places[(h ^ h >> 16) & (RECALL_PLACES - 1)]);
}

struct recalled *
recall_find(const char *target, size_t len, int64_t now)
{
	struct recalled	*r;

	if (len > RECALL_TARGET_MAX)
		return (NULL);
	r = place(target, len);
	if (r->verb == NULL || r->target_len != len ||
	    memcmp(r->target, target, len) != 0)
		return (NULL);
	if (!holds(r, now)) {
		drop(r);
		return (NULL);
	}
	return (r);
}

void
recall_put(const char *target, size_t len, const struct verb *verb,
    struct rope *rope, const char *etag, const struct hold *hold)
{
	struct recalled	*r;

	if (len > RECALL_TARGET_MAX || hold->by == HOLD_NOT)
		return;
	r = place(target, len);
	drop(r);
	if (env.own + rope->own > RECALL_OWN_MAX)
		return;
	r->verb = verb;
	r->rope = rope_hold(rope);
	env.own += rope->own;
	(void)strlcpy(r->etag, etag, sizeof(r->etag));
	r->hold = *hold;
	r->version = version(hold);
	r->removals = view_removals();
	r->head_at = 0;
	r->target_len = len;
	memcpy(r->target, target, len);
}

static void
drop(struct recalled *r)
{
	if (r->verb == NULL)
		return;
	env.own -= r->rope->own;
	rope_free(r->rope);
	r->rope = NULL;
	r->verb = NULL;
}

/* Whether its pipeline is still there is asked first. */
static int
holds(const struct recalled *r, int64_t now)
{
	return (r->removals == view_removals() &&
	    (r->hold.second == 0 || r->hold.second == now) &&
	    r->version == version(&r->hold));
}

static uint64_t
version(const struct hold *hold)
{
	switch (hold->by) {
	case HOLD_DOCUMENTS:
		return (view_documents_version());
	case HOLD_VIEW:
		return (view_version());
	case HOLD_PIPELINE:
		return (hold->pipeline->changed);
	case HOLD_NOT:
		break;
	}
	return (0);
}

void
recall_tick(int64_t now)
{
	size_t	 i;

	for (i = 0; i < RECALL_PLACES; i++)
		if (env.places[i].verb != NULL &&
		    !holds(&env.places[i], now))
			drop(&env.places[i]);
}
