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
 * A workflow run in its four shapes.  Part of poller, registry, api and
 * ccmctl.  What GitHub sends is checked here and nowhere else.
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "imsg.h"
#include "json.h"
#include "run.h"
#include "timestamp.h"

#define TEXT_MAX	512	/* of a title, a URL */
#define NO_BRANCH	0xff	/* of the packed length: null */

static const char *const status_names[] = {
	[RUN_COMPLETED] = "completed",
	[RUN_IN_PROGRESS] = "in_progress",
	[RUN_QUEUED] = "queued",
	[RUN_REQUESTED] = "requested",
	[RUN_WAITING] = "waiting",
	[RUN_PENDING] = "pending",
};

static const char *const conclusion_names[] = {
	[RUN_NONE] = "",
	[RUN_SUCCESS] = "success",
	[RUN_FAILURE] = "failure",
	[RUN_TIMED_OUT] = "timed_out",
	[RUN_STARTUP_FAILURE] = "startup_failure",
	[RUN_CANCELLED] = "cancelled",
	[RUN_SKIPPED] = "skipped",
	[RUN_NEUTRAL] = "neutral",
	[RUN_STALE] = "stale",
	[RUN_ACTION_REQUIRED] = "action_required",
};

static int	 lookup(const char *const *, size_t, const char *);
static int	 put_int(struct json_object *, const char *,
		    struct json_object *, const char *, int64_t);
static void	 put_text(struct json_object *, const char *,
		    struct json_object *, const char *, size_t);
static int	 put_time(struct json_object *, const char *,
		    struct json_object *, const char *);
static void	 set_words(struct run *, const char *, const char *);
static int	 get_time(struct json_object *, const char *, int64_t *);
static int	 pack_text(struct ibuf *, const char *);
static int	 unpack_text(struct ibuf *, char *, size_t);

int
run_from_github(struct json_object *gh, struct json_object **doc,
    const char **why)
{
	struct json_object	*o = json_object_new_object();

	/* GitHub's own description lets a status be null. */
	*why = "GitHub's answer has a run without id or workflow";
	if (put_int(o, "run_id", gh, "id", 0) == -1 ||
	    put_int(o, "workflow_id", gh, "workflow_id", 0) == -1)
		goto fail;
	*why = "GitHub's answer has a run with a number that is none";
	if (put_int(o, "run_number", gh, "run_number", 1) == -1 ||
	    put_int(o, "run_attempt", gh, "run_attempt", 1) == -1)
		goto fail;
	put_text(o, "status", gh, "status", RUN_WORD_MAX);
	put_text(o, "conclusion", gh, "conclusion", RUN_WORD_MAX);
	put_text(o, "branch", gh, "head_branch", RUN_BRANCH_MAX);
	put_text(o, "event", gh, "event", TEXT_MAX);
	put_text(o, "title", gh, "display_title", TEXT_MAX);
	put_text(o, "head_sha", gh, "head_sha", 64);
	put_text(o, "actor", json_member(gh, "actor", json_type_object),
	    "login", 64);
	put_text(o, "html_url", gh, "html_url", TEXT_MAX);
	put_text(o, "path", gh, "path", TEXT_MAX);
	*why = "GitHub's answer has a run with a time that is none";
	if (put_time(o, "created_at", gh, "created_at") != 1 ||
	    put_time(o, "run_started_at", gh, "run_started_at") == -1 ||
	    put_time(o, "updated_at", gh, "updated_at") == -1)
		goto fail;
	*why = NULL;
	*doc = o;
	return (0);
fail:
	json_object_put(o);
	return (-1);
}

/* A positive whole number; `missing` stands for none, 0: must be there. */
static int
put_int(struct json_object *o, const char *name, struct json_object *gh,
    const char *member, int64_t missing)
{
	int64_t	 n = missing;

	if (json_int(gh, member, &n) == -1 || n <= 0)
		return (-1);
	json_set_int(o, name, n);
	return (0);
}

/* Text cut to `max` bytes at a character's border; null if it is none. */
static void
put_text(struct json_object *o, const char *name, struct json_object *gh,
    const char *member, size_t max)
{
	const char	*s = json_string(gh, member);
	size_t		 len;

	if (s == NULL) {
		json_object_object_add(o, name, NULL);
		return;
	}
	len = json_cut(s, max);
	json_object_object_add(o, name,
	    json_object_new_string_len(s, (int)len));
}

/* Returns 1, 0 if it is absent (null then), -1 if it is no time. */
static int
put_time(struct json_object *o, const char *name, struct json_object *gh,
    const char *member)
{
	struct json_object	*v;
	const char		*s = json_string(gh, member);
	char			 buf[TIMESTAMP_SIZE];
	int64_t			 t;

	if (s == NULL) {
		json_object_object_add(o, name, NULL);
		return (json_object_object_get_ex(gh, member, &v) &&
		    v != NULL ? -1 : 0);
	}
	/* Behind the year 9999 there is no text for it. */
	if (timestamp_parse(s, &t) == -1 ||
	    timestamp_format(t, buf)[0] == '\0')
		return (-1);
	json_set_text(o, name, buf);
	return (1);
}

int
run_from_document(struct json_object *doc, struct run *run)
{
	int64_t	 attempt = 1;

	memset(run, 0, sizeof(*run));
	if (json_int(doc, "run_id", &run->id) != 1 || run->id <= 0 ||
	    json_int(doc, "workflow_id", &run->workflow_id) == -1 ||
	    json_int(doc, "run_attempt", &attempt) == -1 || attempt < 1 ||
	    attempt > INT32_MAX ||
	    get_time(doc, "created_at", &run->created_at) != 1)
		return (-1);
	run->attempt = (int32_t)attempt;
	if (get_time(doc, "run_started_at", &run->started_at) != 1)
		run->started_at = run->created_at;
	if (get_time(doc, "updated_at", &run->updated_at) != 1)
		run->updated_at = run->created_at;
	set_words(run, json_string(doc, "status"),
	    json_string(doc, "conclusion"));
	run->branch = json_string(doc, "branch");
	return (0);
}

static int
get_time(struct json_object *o, const char *name, int64_t *t)
{
	const char	*s = json_string(o, name);

	return (s != NULL && timestamp_parse(s, t) == 0);
}

static void
set_words(struct run *run, const char *status, const char *conclusion)
{
	int	 n;

	(void)strlcpy(run->status_text, status != NULL ? status : "",
	    sizeof(run->status_text));
	(void)strlcpy(run->conclusion_text, conclusion != NULL ? conclusion :
	    "", sizeof(run->conclusion_text));
	n = lookup(status_names, sizeof(status_names) /
	    sizeof(status_names[0]), run->status_text);
	run->status = n == -1 ? RUN_STATUS_UNKNOWN : (enum run_status)n;
	n = lookup(conclusion_names, sizeof(conclusion_names) /
	    sizeof(conclusion_names[0]), run->conclusion_text);
	run->conclusion = n == -1 ? RUN_CONCLUSION_UNKNOWN :
	    (enum run_conclusion)n;
}

static int
lookup(const char *const *names, size_t n, const char *name)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return ((int)i);
	return (-1);
}

struct json_object *
run_to_api(struct json_object *doc)
{
	struct json_object	*o;
	struct run		 run;

	if (run_from_document(doc, &run) == -1)
		return (NULL);
	o = json_object_new_object();
	json_object_object_foreach(doc, key, value)
		json_object_object_add(o, key, json_object_get(value));
	json_set_text(o, "timestamp", json_string(doc, "created_at"));
	json_set_int(o, "duration_seconds", run_duration(&run));
	return (o);
}

int64_t
run_duration(const struct run *run)
{
	int64_t	 d = run->updated_at - run->started_at;

	return (d < 0 ? 0 : d > RUN_DURATION_MAX ? RUN_DURATION_MAX : d);
}

int
run_is_counted(const struct run *run)
{
	return (run->status == RUN_COMPLETED &&
	    (run->conclusion == RUN_SUCCESS ||
	    run->conclusion == RUN_FAILURE ||
	    run->conclusion == RUN_TIMED_OUT ||
	    run->conclusion == RUN_STARTUP_FAILURE));
}

int
run_cmp(const struct run *a, const struct run *b)
{
	if (a->started_at != b->started_at)
		return (a->started_at < b->started_at ? -1 : 1);
	return (a->id < b->id ? -1 : a->id > b->id);
}

int
run_pack(struct ibuf *buf, const struct run *run)
{
	size_t	 len;

	/* The length's last value says that there is none. */
	len = run->branch != NULL ? json_cut(run->branch, NO_BRANCH - 1) : 0;
	if (ibuf_add_n64(buf, (uint64_t)run->id) == -1 ||
	    ibuf_add_n64(buf, (uint64_t)run->workflow_id) == -1 ||
	    ibuf_add_n64(buf, (uint64_t)run->created_at) == -1 ||
	    ibuf_add_n64(buf, (uint64_t)run->started_at) == -1 ||
	    ibuf_add_n64(buf, (uint64_t)run->updated_at) == -1 ||
	    ibuf_add_n32(buf, (uint32_t)run->attempt) == -1 ||
	    pack_text(buf, run->status_text) == -1 ||
	    pack_text(buf, run->conclusion_text) == -1 ||
	    ibuf_add_n8(buf, run->branch != NULL ? len : NO_BRANCH) == -1)
		return (-1);
	return (len > 0 ? ibuf_add(buf, run->branch, len) : 0);
}

static int
pack_text(struct ibuf *buf, const char *s)
{
	size_t	 len = strlen(s);

	if (ibuf_add_n8(buf, len) == -1)
		return (-1);
	return (len > 0 ? ibuf_add(buf, s, len) : 0);
}

int
run_unpack(struct ibuf *buf, struct run *run, size_t *branch_len)
{
	char		 status[RUN_WORD_MAX + 1];
	char		 conclusion[RUN_WORD_MAX + 1];
	uint64_t	 n[5];
	uint32_t	 attempt;
	uint8_t		 len;
	size_t		 i;

	if (ibuf_size(buf) == 0)
		return (0);
	memset(run, 0, sizeof(*run));
	for (i = 0; i < 5; i++)
		if (ibuf_get_n64(buf, &n[i]) == -1)
			goto bad;
	if (ibuf_get_n32(buf, &attempt) == -1 || attempt > INT32_MAX ||
	    unpack_text(buf, status, sizeof(status)) == -1 ||
	    unpack_text(buf, conclusion, sizeof(conclusion)) == -1 ||
	    ibuf_get_n8(buf, &len) == -1)
		goto bad;
	run->id = (int64_t)n[0];
	run->workflow_id = (int64_t)n[1];
	run->created_at = (int64_t)n[2];
	run->started_at = (int64_t)n[3];
	run->updated_at = (int64_t)n[4];
	run->attempt = (int32_t)attempt;
	set_words(run, status, conclusion);
	*branch_len = 0;
	if (len != NO_BRANCH) {
		if (len > ibuf_size(buf))
			goto bad;
		run->branch = len == 0 ? "" : ibuf_data(buf);
		*branch_len = len;
		if (len > 0 && ibuf_skip(buf, len) == -1)
			goto bad;
	}
	return (1);
bad:
	errno = EBADMSG;
	return (-1);
}

static int
unpack_text(struct ibuf *buf, char *dst, size_t size)
{
	uint8_t	 len;

	if (ibuf_get_n8(buf, &len) == -1 || len >= size ||
	    (len > 0 && ibuf_get(buf, dst, len) == -1) ||
	    memchr(dst, '\0', len) != NULL)
		return (-1);
	dst[len] = '\0';
	return (0);
}
