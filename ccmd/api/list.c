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
 * Lists of pipelines and of their figures, from the view.  Runs in the api.
 * Must not change anything.
 *
 * A list is put together in one go, so that it is of one moment.  Where many
 * of its texts have to be made first, that is done before, in turns.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api.h"
#include "etag.h"
#include "json.h"
#include "pass.h"
#include "pipeline.h"
#include "recall.h"
#include "rope.h"
#include "text.h"
#include "timestamp.h"
#include "view.h"

/* What a list is to be of; NULL: any. */
struct filter {
	const char	*repository;
	const char	*status;
	const char	*domain;
	const char	*app;
	int		 any;		/* there is a filter */
};

struct listing {
	int64_t		 limit;		/* INT64_MAX: none */
	int64_t		 now;
	int		 what;		/* TEXT_ of text.h */
	int64_t		 n;		/* so far */
	int		 more;
	struct pipeline	*last;
};

static int	 read_page(struct request *, struct pipeline **,
		    struct filter *, struct listing *);
static void	 give_list(struct request *);
static void	 give_stats(struct request *);
static int	 is_cold(struct pipeline *, const struct filter *,
		    const struct listing *);
static void	 make_document(struct pipeline *, int64_t);
static void	 make_figures(struct pipeline *, int64_t);
static void	 make_both(struct pipeline *, int64_t);
static void	 put_page(struct rope *, struct etag *, struct pipeline *,
		    const struct filter *, struct listing *);
static void	 put_end(struct rope *, struct etag *, const struct filter *,
		    const struct listing *);
static void	 set_filter(struct filter *, struct json_object *);
static int	 matches(const struct pipeline *, const struct filter *);
static int	 is(const char *, const char *);
static int	 first_of(struct json_object *, struct pipeline **);

void
list_read(struct request *req)
{
	static struct pass	 documents = { .put = make_document,
	    .give = give_list };
	static struct pass	 both = { .put = make_both,
	    .give = give_list };
	struct listing		 l;
	struct filter		 f;
	struct pipeline		*p;

	if (read_page(req, &p, &f, &l) == -1)
		answer_error(req, 400, "invalid_argument", "after must be "
		    "the `next` of an answer");
	else if (is_cold(p, &f, &l))
		pass_read(l.what & TEXT_FIGURES ? &both : &documents, req);
	else
		give_list(req);
}

void
list_read_stats(struct request *req)
{
	static struct pass	 figures = { .put = make_figures,
	    .give = give_stats };
	struct listing		 l = { .limit = INT64_MAX,
	    .now = time(NULL), .what = TEXT_FIGURES };
	struct filter		 f = { .any = 0 };

	if (is_cold(view_next(NULL), &f, &l))
		pass_read(&figures, req);
	else
		give_stats(req);
}

/* What is asked for; -1: there is no such page. */
static int
read_page(struct request *req, struct pipeline **p, struct filter *f,
    struct listing *l)
{
	*p = NULL;
	memset(l, 0, sizeof(*l));
	l->limit = INT64_MAX;
	l->now = time(NULL);
	l->what = TEXT_DOCUMENT;
	if (json_string(req->args, "include") != NULL)
		l->what |= TEXT_FIGURES;
	(void)json_int(req->args, "limit", &l->limit);
	set_filter(f, req->args);
	return (first_of(req->args, p));
}

/* Would it hold others up to make what is old in it? */
static int
is_cold(struct pipeline *p, const struct filter *f, const struct listing *l)
{
	int64_t	 n = 0;
	int	 old = 0;

	if (l->what == TEXT_DOCUMENT && text_old_documents() <= PASS_TURN)
		return (0);
	for (; p != NULL && n < l->limit && old <= PASS_TURN;
	    p = view_next(p)) {
		if (!matches(p, f))
			continue;
		old += text_is_old(p, l->what, l->now);
		n++;
	}
	return (old > PASS_TURN);
}

static void
make_document(struct pipeline *p, int64_t now)
{
	text_make(p, TEXT_DOCUMENT, now);
}

static void
make_figures(struct pipeline *p, int64_t now)
{
	text_make(p, TEXT_FIGURES, now);
}

static void
make_both(struct pipeline *p, int64_t now)
{
	text_make(p, TEXT_DOCUMENT | TEXT_FIGURES, now);
}

/*
 * Filters, then the page: `total` counts what passes the filters, `next`
 * is the cursor of the last one given when there are more.
 */
static void
give_list(struct request *req)
{
	struct listing	 l;
	struct filter	 f;
	struct pipeline	*p;
	struct rope	*r;
	struct etag	 e;
	struct hold	 hold = { HOLD_DOCUMENTS, NULL, 0 };

	(void)read_page(req, &p, &f, &l);
	r = answer_begin(&e, "pipelines\":[");
	if (!f.any && l.what == TEXT_DOCUMENT && l.limit == INT64_MAX &&
	    p == view_next(NULL)) {
		text_put_all(r, &e);
		l.n = (int64_t)view_count();
	} else
		put_page(r, &e, p, &f, &l);
	if (l.what & TEXT_FIGURES) {
		hold.by = HOLD_VIEW;
		hold.second = l.now;
	}
	put_end(r, &e, &f, &l);
	answer_tagged(req, r, &e, &hold);
}

static void
give_stats(struct request *req)
{
	struct hold	 hold = { HOLD_VIEW, NULL, time(NULL) };
	struct pipeline	*p;
	struct etag	 e;
	struct rope	*r = answer_begin(&e, "stats\":[");
	char		 end[48];
	int		 n;
	int		 first = 1;

	for (p = view_next(NULL); p != NULL; p = view_next(p), first = 0)
		text_put_stats(r, &e, p, first, hold.second);
	n = snprintf(end, sizeof(end), "],\"count\":%zu}", view_count());
	rope_copy(r, end, (size_t)n);
	etag_add(&e, end, (size_t)n);
	answer_tagged(req, r, &e, &hold);
}

static void
put_page(struct rope *r, struct etag *e, struct pipeline *p,
    const struct filter *f, struct listing *l)
{
	for (; p != NULL; p = view_next(p)) {
		if (!matches(p, f))
			continue;
		if (l->n == l->limit) {
			l->more = 1;
			return;
		}
		if (l->what & TEXT_FIGURES)
			text_put_whole(r, e, p, l->n == 0, l->now);
		else
			text_put_document(r, e, p, l->n == 0);
		l->last = p;
		l->n++;
	}
}

/* What follows the list; ids and times need no escapes. */
static void
put_end(struct rope *r, struct etag *e, const struct filter *f,
    const struct listing *l)
{
	struct pipeline	*p;
	char		 end[256];
	size_t		 n;
	long long	 total = 0;

	n = (size_t)snprintf(end, sizeof(end), "],\"count\":%lld",
	    (long long)l->n);
	if (l->limit != INT64_MAX) {
		if (!f->any)
			total = (long long)view_count();
		else
			for (p = view_next(NULL); p != NULL; p = view_next(p))
				total += matches(p, f);
		n += (size_t)snprintf(end + n, sizeof(end) - n,
		    ",\"total\":%lld", total);
		if (l->more)
			n += (size_t)snprintf(end + n, sizeof(end) - n,
			    ",\"next\":\"%s,%s\"", l->last->created_at,
			    l->last->id);
	}
	n += (size_t)snprintf(end + n, sizeof(end) - n, "}");
	rope_copy(r, end, n);
	etag_add(e, end, n);
}

/*
 * The cursor is "created_at,id"; one of a pipeline long gone works too.
 * Returns -1 for what never was one.
 */
static int
first_of(struct json_object *args, struct pipeline **p)
{
	const char	*after = json_string(args, "after"), *comma;
	char		 created[PIPELINE_TIME_SIZE], *zone;
	int64_t		 t;

	if (after == NULL) {
		*p = view_next(NULL);
		return (0);
	}
	if ((comma = strchr(after, ',')) == NULL ||
	    (size_t)(comma - after) >= sizeof(created) ||
	    !pipeline_id_ok(comma + 1))
		return (-1);
	memcpy(created, after, (size_t)(comma - after));
	created[comma - after] = '\0';
	/* The zone's plus is a blank to who does not encode it. */
	if ((zone = strrchr(created, ' ')) != NULL && zone > created + 10)
		*zone = '+';
	if (timestamp_parse(created, &t) == -1)
		return (-1);
	*p = view_after(created, comma + 1);
	return (0);
}

static void
set_filter(struct filter *f, struct json_object *args)
{
	f->repository = json_string(args, "repository");
	f->status = json_string(args, "status");
	f->domain = json_string(args, "domain");
	f->app = json_string(args, "app");
	f->any = f->repository != NULL || f->status != NULL ||
	    f->domain != NULL || f->app != NULL;
}

static int
matches(const struct pipeline *p, const struct filter *f)
{
	return (!f->any || (is(f->status, p->status) &&
	    (f->repository == NULL ||
	    is(f->repository, json_string(p->doc, "repository"))) &&
	    (f->domain == NULL ||
	    is(f->domain, pipeline_vps(p->doc, "linked_domain"))) &&
	    (f->app == NULL ||
	    is(f->app, pipeline_vps(p->doc, "linked_app")))));
}

static int
is(const char *wanted, const char *value)
{
	return (wanted == NULL ||
	    (value != NULL && strcasecmp(wanted, value) == 0));
}
