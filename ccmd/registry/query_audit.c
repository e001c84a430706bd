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
 * What the audit log says: the newest lines that pass the filters, read
 * from the end backwards, a piece at a time, through the files that were
 * put aside, too.  Runs in the registry.  Must not parse what is not told:
 * lines are told apart by their text, which is ours.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "json.h"
#include "log.h"
#include "query.h"
#include "registry.h"
#include "timestamp.h"

#define LIMIT_DEFAULT	100
#define PIECE		(64 * 1024)
/* A longer line is none of ours. */
#define LINE_LONGEST	(16 * 1024)
/* Questions at a time: each holds files open. */
#define SEARCHES	4
#define FILTERS		3

struct search {
	int		 files[AUDIT_FILES];	/* -1: not there */
	int		 file;		/* where it is */
	off_t		 end;		/* above that all was read */
	char		*buf;		/* what was read, and the tail */
	size_t		 tail;		/* a line's end, its begin to come */
	char		 since[TIMESTAMP_SIZE];
	char		*filters[FILTERS];	/* "actor":"me" */
	int64_t		 limit;
	int64_t		 odd;		/* lines that are none */
	struct json_object *found;	/* the newest first */
	int		 more;
};

static enum query_more	 start(struct query *);
static enum query_more	 step(struct query *);
static void	 end(struct query *);
static int	 make_filters(struct search *, struct json_object *);
static int	 next_file(struct search *);
static void	 take_piece(struct search *, size_t);
static void	 take_line(struct search *, const char *, size_t);
static enum query_more	 answer(struct query *);

const struct query_kind	 query_audit = { start, step, end };

static int	 searches;

static enum query_more
start(struct query *q)
{
	struct search	*s;
	int64_t		 since;
	int		 i;

	if (searches >= SEARCHES)
		return (query_refuse(q, 503, "busy",
		    "Too many questions at once"));
	/* Lines that wait are written first. */
	commit_now();
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->buf = malloc(PIECE + LINE_LONGEST)) == NULL ||
	    make_filters(s, q->args) == -1)
		fatal("audit");
	searches++;
	q->state = s;
	s->limit = LIMIT_DEFAULT;
	(void)json_int(q->args, "limit", &s->limit);
	if (json_int(q->args, "since", &since) == 1)
		(void)timestamp_format(time(NULL) - since, s->since);
	s->found = json_object_new_array();
	for (i = 0; i < AUDIT_FILES; i++)
		s->files[i] = audit_open_file(i);
	s->file = -1;
	return (QUERY_MORE);
}

static int
make_filters(struct search *s, struct json_object *args)
{
	static const char *const	 names[FILTERS] = { "actor",
	    "target", "verb" };
	struct json_object		*v;
	const char			*text;
	size_t				 i, len;

	for (i = 0; i < FILTERS; i++) {
		if (!json_object_object_get_ex(args, names[i], &v))
			continue;
		text = json_text(v, &len);
		if (asprintf(&s->filters[i], "\"%s\":%s", names[i], text) ==
		    -1)
			return (-1);
	}
	return (0);
}

static void
end(struct query *q)
{
	struct search	*s = q->state;
	int		 i;

	if (s == NULL)
		return;
	for (i = 0; i < AUDIT_FILES; i++)
		if (s->files[i] != -1)
			close(s->files[i]);
	for (i = 0; i < FILTERS; i++)
		free(s->filters[i]);
	json_object_put(s->found);
	free(s->buf);
	free(s);
	searches--;
}

/* One piece; 64 KB take well under a millisecond. */
static enum query_more
step(struct query *q)
{
	struct search	*s = q->state;
	size_t		 len;
	ssize_t		 n;

	if (s->more || (s->end == 0 && !next_file(s)))
		return (answer(q));
	len = s->end < PIECE ? (size_t)s->end : PIECE;
	/* The tail moves behind what comes in front of it. */
	memmove(s->buf + len, s->buf, s->tail);
	n = pread(s->files[s->file], s->buf, len, s->end - (off_t)len);
	if (n != (ssize_t)len)
		return (query_refuse(q, 503, "unavailable",
		    "The audit log can't be read: %s", n == -1 ?
		    strerror(errno) : "it became shorter"));
	s->end -= (off_t)len;
	take_piece(s, len + s->tail);
	return (QUERY_MORE);
}

static int
next_file(struct search *s)
{
	struct stat	 st;

	s->tail = 0;
	while (++s->file < AUDIT_FILES)
		if (s->files[s->file] != -1 &&
		    fstat(s->files[s->file], &st) == 0 && st.st_size > 0) {
			s->end = st.st_size;
			return (1);
		}
	return (0);
}

/* Whole lines, from the last on; the first may have begun before. */
static void
take_piece(struct search *s, size_t len)
{
	char	*line;

	while (len > 0 && !s->more) {
		if (s->buf[len - 1] == '\n')
			len--;
		line = memrchr(s->buf, '\n', len);
		if (line == NULL && s->end > 0)
			break;
		line = line == NULL ? s->buf : line + 1;
		take_line(s, line, len - (size_t)(line - s->buf));
		len = (size_t)(line - s->buf);
	}
	if (len > LINE_LONGEST) {
		s->odd++;
		len = 0;
	}
	s->tail = len;
}

static void
take_line(struct search *s, const char *line, size_t len)
{
	static const char	 begin[] = "{\"time\":\"";
	struct json_object	*o;
	size_t			 i, n = sizeof(begin) - 1;

	if (len == 0)
		return;
	if (len < n + TIMESTAMP_SIZE || memcmp(line, begin, n) != 0) {
		s->odd++;
		return;
	}
	/* Times of one form are in the order of their text. */
	if (s->since[0] != '\0' && memcmp(line + n, s->since,
	    TIMESTAMP_SIZE - 1) < 0)
		return;
	for (i = 0; i < FILTERS; i++)
		if (s->filters[i] != NULL && memmem(line, len, s->filters[i],
		    strlen(s->filters[i])) == NULL)
			return;
	if ((int64_t)json_object_array_length(s->found) == s->limit)
		s->more = 1;
	else if ((o = json_parse_strict(line, len, len, NULL)) == NULL)
		s->odd++;
	else
		json_object_array_add(s->found, o);
}

/* In the order in which it happened. */
static enum query_more
answer(struct query *q)
{
	struct search		*s = q->state;
	struct json_object	*list = json_object_new_array();
	size_t			 n = json_object_array_length(s->found), i;

	for (i = n; i > 0; i--)
		json_object_array_add(list, json_object_get(
		    json_object_array_get_idx(s->found, i - 1)));
	q->status = 200;
	q->body = apply_success();
	json_object_object_add(q->body, "entries", list);
	json_set_int(q->body, "count", (int64_t)n);
	json_object_object_add(q->body, "more",
	    json_object_new_boolean(s->more));
	if (s->odd > 0)
		json_set_int(q->body, "unreadable_lines", s->odd);
	return (QUERY_DONE);
}
