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
 * Telling the poller and the api what is there: at a start, and of one
 * pipeline when it changed.  Runs in the registry.  Must not change
 * anything.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fresh.h"
#include "history.h"
#include "imsg.h"
#include "log.h"
#include "proc.h"
#include "registry.h"
#include "run.h"
#include "store.h"

/* What figures are made of: eight days, and an hour for safety. */
#define VIEW_SECONDS	(8 * 86400 + 3600)
#define TRACK_DOC_MAX	(16 * 1024)

/* Rows on their way: to `api`, or held back when that is NULL. */
struct batch {
	struct peer	*api;
	const char	*id;
	struct ibuf	*rows;
};

struct open_runs {
	struct peer	*poller;
	const char	*id;
};

/* Changes told so far. */
static uint64_t	 number;

static void	 sync_look(const char *, const char *, uint64_t, void *);
static void	 sync_open(uint64_t, const void *, size_t, void *);
static void	 sync_rows(struct peer *, const char *);
static void	 add_row(const void *, size_t, void *);
static void	 send_rows(struct batch *);
static void	 sync_fresh(struct peer *);
static void	 send_fresh(struct peer *, struct ibuf *);
static void	 synced(struct peer *);

void
sync_pipeline(struct peer *peer, const struct record *r)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.pipeline.number = number;
	m.pipeline.known = (uint8_t)history_known(r->id);
	m.pipeline.doc.data = r->text;
	m.pipeline.doc.len = r->len;
	peer_send(peer, M_PIPELINE, &m, -1);
}

void
sync_change(struct peer *poller, struct peer *api, const struct record *r)
{
	number++;
	if (poller != NULL)
		sync_pipeline(poller, r);
	if (api != NULL)
		sync_pipeline(api, r);
}

void
sync_gone(struct peer *poller, struct peer *api, const char *id)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.gone.number = ++number;
	m.gone.pipeline_id = id;
	if (poller != NULL)
		peer_send(poller, M_GONE, &m, -1);
	if (api != NULL)
		peer_send(api, M_GONE, &m, -1);
}

void
sync_poller(struct peer *poller)
{
	struct open_runs	 open = { .poller = poller };
	struct record		*r;

	for (r = store_next(NULL); r != NULL; r = store_next(r))
		sync_pipeline(poller, r);
	(void)history_each_look(sync_look, poller);
	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		open.id = r->id;
		if (!r->inactive)
			(void)history_each_open(r->id, sync_open, &open);
	}
	synced(poller);
}

static void
sync_look(const char *url, const char *etag, uint64_t newest, void *arg)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.looked.url = url;
	m.looked.etag = etag;
	m.looked.newest = newest;
	peer_send(arg, M_LOOKED, &m, -1);
}

static void
sync_open(uint64_t run_id, const void *doc, size_t len, void *arg)
{
	struct open_runs	*open = arg;
	union msg		 m;

	memset(&m, 0, sizeof(m));
	m.track.pipeline_id = open->id;
	m.track.run_id = run_id;
	m.track.doc.data = doc;
	m.track.doc.len = len <= TRACK_DOC_MAX ? len : 0;
	peer_send(open->poller, M_TRACK, &m, -1);
}

void
sync_api(struct peer *api)
{
	struct record	*r;

	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		sync_pipeline(api, r);
		sync_rows(api, r->id);
	}
	sync_fresh(api);
	synced(api);
}

void
sync_rows_again(const char *id)
{
	sync_rows(NULL, id);
}

static void
sync_rows(struct peer *api, const char *id)
{
	struct batch	 b = { .api = api, .id = id };

	if ((b.rows = ibuf_dynamic(0, MSG_DOC_MAX)) == NULL)
		fatal("sync");
	(void)history_each_row(id, time(NULL) - VIEW_SECONDS, add_row, &b);
	send_rows(&b);
	ibuf_free(b.rows);
}

static void
add_row(const void *row, size_t len, void *arg)
{
	struct batch	*b = arg;

	if (len > RUN_PACKED_MAX)
		return;
	if (ibuf_size(b->rows) + len > MSG_DOC_MAX)
		send_rows(b);
	if (ibuf_add(b->rows, row, len) == -1)
		fatal("sync");
}

static void
send_rows(struct batch *b)
{
	union msg	 m;

	if (ibuf_size(b->rows) == 0)
		return;
	if (b->api == NULL)
		commit_rows(b->id, ibuf_data(b->rows), ibuf_size(b->rows));
	else {
		memset(&m, 0, sizeof(m));
		m.rows.pipeline_id = b->id;
		m.rows.rows.data = ibuf_data(b->rows);
		m.rows.rows.len = ibuf_size(b->rows);
		peer_send(b->api, M_ROWS, &m, -1);
	}
	(void)ibuf_truncate(b->rows, 0);
}

/* When each was last looked at: only where that makes figures. */
static void
sync_fresh(struct peer *api)
{
	struct record	*r;
	struct fresh	 f;
	struct ibuf	*buf;

	if ((buf = ibuf_dynamic(0, MSG_DOC_MAX)) == NULL)
		fatal("sync");
	for (r = store_next(NULL); r != NULL; r = store_next(r)) {
		memset(&f, 0, sizeof(f));
		if (!history_known(r->id) ||
		    history_last_look(r->id, &f.at, &f.interval) == -1)
			continue;
		(void)strlcpy(f.pipeline_id, r->id, sizeof(f.pipeline_id));
		if (ibuf_size(buf) + FRESH_MAX > MSG_DOC_MAX)
			send_fresh(api, buf);
		if (fresh_put(buf, &f) == -1)
			fatal("sync");
	}
	send_fresh(api, buf);
	ibuf_free(buf);
}

static void
send_fresh(struct peer *api, struct ibuf *buf)
{
	union msg	 m;

	if (ibuf_size(buf) == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.fresh.looks.data = ibuf_data(buf);
	m.fresh.looks.len = ibuf_size(buf);
	peer_send(api, M_FRESH, &m, -1);
	(void)ibuf_truncate(buf, 0);
}

static void
synced(struct peer *peer)
{
	union msg	 m;

	memset(&m, 0, sizeof(m));
	m.synced.pipelines = (uint32_t)store_count();
	peer_send(peer, M_SYNCED, &m, -1);
}
