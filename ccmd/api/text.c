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
 * The text of documents and figures: serialised once per change.  Runs in
 * the api.  Must not change the view.
 *
 * Documents lie in order of creation in chunks of some 32 KB, each document
 * behind a comma, so that a list is made of references to a few chunks.  A
 * changed document makes its chunk's bytes anew: it is serialised, its
 * neighbours are copied.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "etag.h"
#include "json.h"
#include "log.h"
#include "rope.h"
#include "stats.h"
#include "text.h"
#include "view.h"

#define CHUNK_MAX	64	/* pipelines in one */

struct chunk {
	TAILQ_ENTRY(chunk) entry;
	struct pipeline	*first;
	size_t		 n;		/* never 0 */
	struct bytes	*bytes;		/* of those whose text is not old */
	int		 old;		/* some text is, or one came or went */
	unsigned char	 digest[VIEW_DIGEST_LEN];
};

static struct {
	TAILQ_HEAD(, chunk) chunks;
	size_t		 nold;		/* documents whose text is old */
} env = { .chunks = TAILQ_HEAD_INITIALIZER(env.chunks) };

static struct chunk *chunk_new(struct pipeline *);
static void	 split(struct chunk *);
static void	 renew(struct chunk *);
static char	*serialise(struct json_object *, size_t *);
static void	 digest(unsigned char *, const char *, size_t);
static void	 put_figures(struct rope *, struct etag *, struct pipeline *,
		    int64_t);
static int	 figures_old(const struct pipeline *, int64_t);
static void	 make_figures(struct pipeline *, int64_t);

void
text_insert(struct pipeline *p, struct pipeline *behind)
{
	struct chunk	*c;

	p->text = NULL;
	p->text_old = 1;
	env.nold++;
	c = behind != NULL ? behind->chunk : TAILQ_FIRST(&env.chunks);
	if (c == NULL) {
		c = chunk_new(p);
		TAILQ_INSERT_TAIL(&env.chunks, c, entry);
	} else if (behind == NULL)
		c->first = p;
	p->chunk = c;
	c->n++;
	c->old = 1;
	if (c->n > CHUNK_MAX)
		split(c);
}

static struct chunk *
chunk_new(struct pipeline *first)
{
	struct chunk	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("text");
	c->first = first;
	c->old = 1;
	return (c);
}

/*
 * The newest come at the end: a chunk that is full there keeps what it has.
 * Texts that are not old stay where they are, in bytes that both hold.
 */
static void
split(struct chunk *c)
{
	struct pipeline	*p = c->first;
	struct chunk	*next;
	size_t		 i, keep;

	keep = TAILQ_NEXT(c, entry) == NULL ? c->n - 1 : c->n / 2;
	for (i = 0; i < keep; i++)
		p = view_next(p);
	next = chunk_new(p);
	next->n = c->n - keep;
	next->bytes = c->bytes != NULL ? bytes_hold(c->bytes) : NULL;
	TAILQ_INSERT_AFTER(&env.chunks, c, next, entry);
	for (i = 0; i < next->n; i++, p = view_next(p))
		p->chunk = next;
	c->n = keep;
	c->old = 1;
}

void
text_remove(struct pipeline *p)
{
	struct chunk	*c = p->chunk;

	if (c->first == p)
		c->first = view_next(p);
	p->chunk = NULL;
	p->text = NULL;
	env.nold -= (size_t)p->text_old;
	c->old = 1;
	if (--c->n > 0)
		return;
	TAILQ_REMOVE(&env.chunks, c, entry);
	bytes_free(c->bytes);
	free(c);
}

void
text_changed(struct pipeline *p)
{
	env.nold += !p->text_old;
	p->text_old = 1;
	p->chunk->old = 1;
}

/* Bring a chunk's bytes up to date. */
static void
renew(struct chunk *c)
{
	struct pipeline	*p;
	struct bytes	*bytes;
	struct etag	 e;
	char		*fresh[CHUNK_MAX] = { NULL }, *to;
	size_t		 i, len = 0;

	for (p = c->first, i = 0; i < c->n; p = view_next(p), i++) {
		if (p->text_old) {
			fresh[i] = serialise(p->doc, &p->text_len);
			digest(p->digest, fresh[i], p->text_len);
		}
		len += p->text_len;
	}
	bytes = bytes_new(len);
	to = bytes->data;
	crypto_generichash_init(&e.state, NULL, 0, sizeof(c->digest));
	for (p = c->first, i = 0; i < c->n; p = view_next(p), i++) {
		memcpy(to, fresh[i] != NULL ? fresh[i] : p->text,
		    p->text_len);
		free(fresh[i]);
		p->text = to;
		env.nold -= (size_t)p->text_old;
		p->text_old = 0;
		to += p->text_len;
		etag_add(&e, p->digest, sizeof(p->digest));
	}
	crypto_generichash_final(&e.state, c->digest, sizeof(c->digest));
	bytes_free(c->bytes);
	c->bytes = bytes;
	c->old = 0;
}

/*
 * A comma and the text.  As the element of an array, since json-c keeps the
 * text of what it was asked for as long as that lives.
 */
static char *
serialise(struct json_object *o, size_t *len)
{
	struct json_object	*list = json_object_new_array();
	const char		*s;
	char			*text;

	json_object_array_add(list, json_object_get(o));
	s = json_text(list, len);
	if (*len < 3 || (text = malloc(*len)) == NULL)
		fatal("text");
	*len -= 1;
	text[0] = ',';
	memcpy(text + 1, s + 1, *len - 1);
	json_object_put(list);
	return (text);
}

static void
digest(unsigned char *d, const char *p, size_t len)
{
	crypto_generichash(d, VIEW_DIGEST_LEN, (const unsigned char *)p, len,
	    NULL, 0);
}

size_t
text_old_documents(void)
{
	return (env.nold);
}

int
text_is_old(const struct pipeline *p, int what, int64_t now)
{
	return (((what & TEXT_DOCUMENT) && p->text_old) ||
	    ((what & TEXT_FIGURES) && figures_old(p, now)));
}

void
text_make(struct pipeline *p, int what, int64_t now)
{
	if ((what & TEXT_DOCUMENT) && p->text_old)
		renew(p->chunk);
	if ((what & TEXT_FIGURES) && figures_old(p, now))
		make_figures(p, now);
}

static int
figures_old(const struct pipeline *p, int64_t now)
{
	return (p->figures == NULL || now < p->stats_from ||
	    now >= p->stats_until);
}

void
text_put_all(struct rope *r, struct etag *e)
{
	struct chunk	*c;
	size_t		 comma = 1;

	TAILQ_FOREACH(c, &env.chunks, entry) {
		if (c->old)
			renew(c);
		rope_share(r, c->bytes, c->bytes->data + comma,
		    c->bytes->len - comma);
		etag_add(e, c->digest, sizeof(c->digest));
		comma = 0;
	}
}

void
text_put_document(struct rope *r, struct etag *e, struct pipeline *p,
    int first)
{
	size_t	 comma = first ? 1 : 0;

	if (p->chunk->old)
		renew(p->chunk);
	rope_share(r, p->chunk->bytes, p->text + comma, p->text_len - comma);
	etag_add(e, p->digest, sizeof(p->digest));
}

void
text_put_whole(struct rope *r, struct etag *e, struct pipeline *p, int first,
    int64_t now)
{
	static const char	 metrics[] = ",\"metrics\":";
	size_t			 comma = first ? 1 : 0;

	if (p->chunk->old)
		renew(p->chunk);
	etag_add(e, p->digest, sizeof(p->digest));
	/* Without its closing brace. */
	rope_copy(r, p->text + comma, p->text_len - comma - 1);
	rope_copy(r, metrics, sizeof(metrics) - 1);
	put_figures(r, e, p, now);
	rope_copy(r, "}", 1);
}

void
text_put_stats(struct rope *r, struct etag *e, struct pipeline *p, int first,
    int64_t now)
{
	if (!first)
		rope_copy(r, ",", 1);
	put_figures(r, e, p, now);
}

/* What is before its age, its age, and what is behind it. */
static void
put_figures(struct rope *r, struct etag *e, struct pipeline *p, int64_t now)
{
	struct stats_frame	 frame;
	char			 age[STATS_AGE_SIZE];
	unsigned char		 stale;
	size_t			 n;

	if (figures_old(p, now))
		make_figures(p, now);
	view_frame(p, now, &frame);
	n = stats_age_text(&frame, age);
	rope_copy(r, p->figures->data, p->figures_head);
	rope_copy(r, age, n);
	rope_copy(r, p->figures->data + p->figures_head,
	    p->figures->len - p->figures_head);
	stale = (unsigned char)frame.stale;
	etag_add(e, p->figures_digest, sizeof(p->figures_digest));
	etag_add(e, &stale, 1);
}

/* A quote inside a string is escaped: no string looks like these members. */
static void
make_figures(struct pipeline *p, int64_t now)
{
	static const char	 from[] = ",\"fetched_at\":";
	static const char	 last[] = ",\"stale\":";
	struct json_object	*stats = view_stats(p, now);
	const char		*age, *rest = NULL;
	char			*text;
	size_t			 len, head, tail;

	text = serialise(stats, &len);
	json_object_put(stats);
	if ((age = memmem(text, len, from, sizeof(from) - 1)) != NULL)
		rest = memmem(age, len - (size_t)(age - text), last,
		    sizeof(last) - 1);
	if (rest == NULL)
		fatalx("figures without an age");
	for (rest += sizeof(last) - 1; *rest != ',' && *rest != '}'; rest++)
		;
	head = (size_t)(age - text) - 1;	/* without the comma */
	tail = len - (size_t)(rest - text);
	bytes_free(p->figures);
	p->figures = bytes_new(head + tail);
	p->figures_head = head;
	memcpy(p->figures->data, text + 1, head);
	memcpy(p->figures->data + head, rest, tail);
	digest(p->figures_digest, p->figures->data, p->figures->len);
	free(text);
}
