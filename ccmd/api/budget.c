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
 * What GitHub's rate limits leave, for each credential, as the poller last
 * said.  Runs in the api.  Must not know a credential's token.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "json.h"
#include "log.h"
#include "timestamp.h"

#define BUDGETS_MAX	32	/* credentials, as ccmd.conf can have */
#define LIMIT_HIGHEST	1000000000000LL	/* requests an hour */

struct told {
	struct msg_budget m;
	char		 name[MSG_ID_MAX + 1];
	char		 why[MSG_TEXT_MAX + 1];
	char		 warning[MSG_TEXT_MAX + 1];
};

static struct {
	struct told	 all[BUDGETS_MAX][2];	/* by `write` */
	uint32_t	 total;
} env;

static struct json_object *budget_json(const struct msg_budget *,
		    const struct msg_budget *);
static struct json_object *writes_json(const struct msg_budget *);
static void	 put_hour(struct json_object *, const struct msg_budget *);
static void	 put_pause(struct json_object *, const struct msg_budget *);
static struct json_object *answers(const struct msg_budget *);
static struct json_object *pair(const char *, uint32_t, const char *,
		    uint32_t);
static void	 put_known(struct json_object *, const char *, int64_t);
static void	 put_time(struct json_object *, const char *, int64_t);

int
budget_take(const struct msg_budget *m)
{
	struct told	*t;

	if (m->index >= BUDGETS_MAX || m->total > BUDGETS_MAX ||
	    m->index >= m->total || m->write > 1 || m->limit < -1 ||
	    m->limit > LIMIT_HIGHEST || m->reserve > 100)
		return (-1);
	env.total = m->total;
	t = &env.all[m->index][m->write];
	t->m = *m;
	(void)strlcpy(t->name, m->name, sizeof(t->name));
	(void)strlcpy(t->why, m->why, sizeof(t->why));
	(void)strlcpy(t->warning, m->warning, sizeof(t->warning));
	t->m.name = t->name;
	t->m.why = t->why;
	t->m.warning = t->warning;
	return (0);
}

const struct msg_budget *
budget_at(uint32_t i)
{
	return (i < env.total ? &env.all[i][0].m : NULL);
}

const struct msg_budget *
budget_writes_at(uint32_t i)
{
	const struct msg_budget	*m = &env.all[i][0].m, *w = &env.all[i][1].m;

	/* What it said may be of a former token, under another name. */
	if (i >= env.total || !m->apart || w->name == NULL ||
	    m->name == NULL || strcmp(m->name, w->name) != 0)
		return (NULL);
	return (w);
}

struct json_object *
budget_warnings(void)
{
	struct json_object	*list = json_object_new_array();
	char			 text[MSG_ID_MAX + MSG_TEXT_MAX + 16];
	uint32_t		 i;

	for (i = 0; i < env.total; i++) {
		if (env.all[i][0].warning[0] == '\0')
			continue;
		(void)snprintf(text, sizeof(text), "github %s: %s",
		    env.all[i][0].name, env.all[i][0].warning);
		json_object_array_add(list, json_object_new_string(text));
	}
	return (list);
}

void
budget_read(struct request *req)
{
	struct json_object	*o = json_object_new_object(), *list;
	uint32_t		 i;
	int64_t			 n = 0;

	list = json_object_new_array();
	for (i = 0; i < env.total; i++) {
		if (env.all[i][0].m.name == NULL)
			continue;
		json_object_array_add(list, budget_json(&env.all[i][0].m,
		    budget_writes_at(i)));
		n++;
	}
	json_object_object_add(o, "success", json_object_new_boolean(1));
	json_object_object_add(o, "budgets", list);
	json_set_int(o, "count", n);
	answer_json(req, 200, o);
}

static struct json_object *
budget_json(const struct msg_budget *m, const struct msg_budget *writes)
{
	struct json_object	*o = json_object_new_object();
	char			 stretch[32];

	json_set_text(o, "credential", m->name);
	put_hour(o, m);
	put_known(o, "reserve", m->limit == -1 ? -1 :
	    m->limit * m->reserve / 100);
	json_set_int(o, "projected_per_hour", m->projected);
	(void)snprintf(stretch, sizeof(stretch), "%u.%02u",
	    m->stretch / 1000, m->stretch % 1000 / 10);
	json_object_object_add(o, "points", pair("limit", m->points, "used",
	    m->points_used));
	json_object_object_add(o, "concurrent", pair("limit", m->concurrent,
	    "running", m->running));
	json_object_object_add(o, "repositories", pair("watched",
	    m->repositories, "active", m->active));
	json_object_object_add(o, "interval_seconds", pair("active",
	    m->interval_active, "idle", m->interval_idle));
	json_object_object_add(o, "stretch",
	    json_object_new_double_s(m->stretch / 1000.0, stretch));
	json_object_object_add(o, "answers", answers(m));
	put_pause(o, m);
	json_object_object_add(o, "writes", writes == NULL ? NULL :
	    writes_json(writes));
	return (o);
}

/* Of a token that is for changes alone: GitHub counts for it by itself. */
static struct json_object *
writes_json(const struct msg_budget *m)
{
	struct json_object	*o = json_object_new_object();

	put_hour(o, m);
	json_object_object_add(o, "points", pair("limit", m->points, "used",
	    m->points_used));
	json_object_object_add(o, "concurrent", pair("limit", m->concurrent,
	    "running", m->running));
	json_object_object_add(o, "answers", answers(m));
	put_pause(o, m);
	return (o);
}

static void
put_hour(struct json_object *o, const struct msg_budget *m)
{
	put_known(o, "limit", m->limit);
	put_known(o, "used", m->used);
	put_known(o, "remaining", m->remaining);
	put_time(o, "reset", m->reset);
}

static void
put_pause(struct json_object *o, const struct msg_budget *m)
{
	put_time(o, "throttled_until", m->throttled > 0 ? m->throttled : -1);
	json_object_object_add(o, "reason", m->why[0] == '\0' ? NULL :
	    json_object_new_string(m->why));
}

static struct json_object *
answers(const struct msg_budget *m)
{
	struct json_object	*o = json_object_new_object();

	json_set_int(o, "ok", (int64_t)m->ok);
	json_set_int(o, "not_modified", (int64_t)m->unchanged);
	json_set_int(o, "refused", (int64_t)m->refused);
	json_set_int(o, "limited", (int64_t)m->limited);
	json_set_int(o, "failed", (int64_t)m->failed);
	return (o);
}

/* A limit of 0 is none: null. */
static struct json_object *
pair(const char *first, uint32_t a, const char *second, uint32_t b)
{
	struct json_object	*o = json_object_new_object();

	if (a == 0 && strcmp(first, "limit") == 0)
		json_object_object_add(o, first, NULL);
	else
		json_set_int(o, first, a);
	json_set_int(o, second, b);
	return (o);
}

/* Null as long as GitHub has not said. */
static void
put_known(struct json_object *o, const char *name, int64_t n)
{
	json_object_object_add(o, name, n == -1 ? NULL :
	    json_object_new_int64(n));
}

static void
put_time(struct json_object *o, const char *name, int64_t at)
{
	char	 text[TIMESTAMP_SIZE];

	json_object_object_add(o, name, at == -1 ? NULL :
	    json_object_new_string(timestamp_format(at, text)));
}
