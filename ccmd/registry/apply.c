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
 * What an operation that went well on GitHub changes here: a table of
 * handlers by verb.  Runs in the registry.  Must not save or send: it
 * stages, and hands the answer to commit.c.
 */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "pipeline.h"
#include "registry.h"
#include "store.h"
#include "timestamp.h"
#include "verb.h"

typedef void (*apply_fn)(const struct asked *, struct json_object *);
typedef void (*intent_fn)(const struct asked *);

static void	 apply_stats(const struct asked *, struct json_object *);
static void	 apply_github(const struct asked *, struct json_object *);
static void	 apply_seen(const struct asked *, struct json_object *);
static void	 apply_failed(const struct asked *, const struct msg_outcome *);
static void	 change(const struct asked *, struct record *,
		    const struct msg_change *, struct json_object *);
static void	 change_member(struct json_object *, const char *,
		    struct json_object *);
static int	 change_allowed(struct json_object *, const char *,
		    struct json_object *);

/* A verb without an entry is a violation. */
static const apply_fn apply[VERB_MAX] = {
	[VERB_PIPELINE_PROVISION] = apply_provision,
	[VERB_PIPELINE_TEARDOWN] = apply_teardown,
	[VERB_PIPELINE_UPDATE] = apply_update,
	[VERB_PIPELINE_STATS] = apply_stats,
	[VERB_PIPELINE_TRIGGER] = apply_github,
	[VERB_RUN_CANCEL] = apply_cancel,
	[VERB_RUN_RERUN] = apply_github,
	[VERB_WORKFLOW_ENABLE] = apply_github,
	[VERB_WORKFLOW_DISABLE] = apply_github,
	[VERB_DOCTOR] = apply_seen,
};

/* Operations of two steps. */
static const intent_fn intent[VERB_MAX] = {
	[VERB_PIPELINE_TEARDOWN] = intent_teardown,
};

/* What GitHub can tell of a pipeline by itself (CHANGE). */
static const char *const changeable[] = {
	"status", "error", "repository", "github", "teardown", "cancelling",
	"workflow_file"
};

void
apply_outcome(const union msg *m)
{
	const struct msg_outcome	*o = &m->outcome;
	struct asked			 asked;
	struct json_object		*result;

	if (o->verb >= VERB_MAX || apply[o->verb] == NULL)
		fatalx("poller: outcome of verb %u", o->verb);
	/* Of the poller's own there is the end of a teardown that was cut. */
	if (o->op == 0 && intent[o->verb] == NULL)
		fatalx("poller: outcome of what nobody asked for");
	memset(&asked, 0, sizeof(asked));
	asked.op = o->op;
	asked.verb = verb_get(o->verb)->name;
	asked.actor = o->actor;
	asked.target = o->target;
	asked.type = M_OUTCOME;
	asked.m = m;
	if (o->status >= 400) {
		apply_failed(&asked, o);
		return;
	}
	result = json_parse_strict(o->result.data, o->result.len, MSG_DOC_MAX,
	    NULL);
	if (!json_object_is_type(result, json_type_object)) {
		log_err("poller: %s: result is no object", asked.verb);
		apply_refuse(&asked, 500, 0, 0, "internal",
		    "The outcome makes no sense");
	} else
		apply[o->verb](&asked, result);
	json_object_put(result);
}

static void
apply_failed(const struct asked *asked, const struct msg_outcome *o)
{
	apply_refuse(asked, o->status, o->retry_after, 0,
	    o->code[0] != '\0' ? o->code : "internal", "%s", o->error);
}

/* A look was asked for: its runs came before, there is nothing to add. */
static void
apply_stats(const struct asked *asked,
    struct json_object *result __attribute__((unused)))
{
	struct reply	 reply = { .status = 200 };

	reply.body = json_object_new_object();
	commit_answer(asked, &reply);
}

/* What was done on GitHub changes nothing here, but is audited. */
static void
apply_github(const struct asked *asked, struct json_object *result)
{
	struct reply	 reply = { .audited = 1 };
	char		 detail[APPLY_RUN_DETAIL];

	reply.status = asked->m->outcome.status;
	reply.body = apply_success();
	json_set_all(reply.body, result);
	reply.detail = apply_run_detail(result, detail, sizeof(detail));
	commit_answer(asked, &reply);
}

const char *
apply_run_detail(struct json_object *result, char *buf, size_t size)
{
	int64_t	 run;

	if (json_int(result, "run_id", &run) != 1)
		return (NULL);
	(void)snprintf(buf, size, "run %lld", (long long)run);
	return (buf);
}

/* What was seen on GitHub, and changes nothing: it is passed on. */
static void
apply_seen(const struct asked *asked, struct json_object *result)
{
	struct reply	 reply = { .status = 200 };

	reply.body = apply_success();
	json_set_all(reply.body, result);
	commit_answer(asked, &reply);
}

void
apply_intent(const union msg *m)
{
	const struct msg_intent	*i = &m->intent;
	struct asked		 asked;

	if (i->verb >= VERB_MAX || intent[i->verb] == NULL)
		fatalx("poller: intent of verb %u", i->verb);
	if (i->op == 0)
		fatalx("poller: intent of what nobody asked for");
	memset(&asked, 0, sizeof(asked));
	asked.op = i->op;
	asked.verb = verb_get(i->verb)->name;
	asked.actor = i->actor;
	asked.target = i->target;
	intent[i->verb](&asked);
}

void
apply_again(enum msg_type type, const union msg *m)
{
	if (type == M_CHANGE)
		apply_change(m);
	else
		apply_outcome(m);
}

/* --- Answers. */

struct json_object *
apply_success(void)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "success", json_object_new_boolean(1));
	return (o);
}

struct json_object *
apply_error(const char *code, const char *text)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "success", json_object_new_boolean(0));
	json_set_text(o, "error", text);
	json_set_text(o, "code", code);
	return (o);
}

void
apply_refuse(const struct asked *asked, int status, uint32_t retry_after,
    int depends, const char *code, const char *fmt, ...)
{
	char		 text[MSG_TEXT_MAX + 1];
	struct reply	 reply = { .audited = 1 };
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply.status = status;
	reply.retry_after = retry_after;
	reply.depends = depends;
	reply.detail = text;
	reply.body = apply_error(code, text);
	commit_answer(asked, &reply);
}

/* --- Documents. */

void
apply_set_now(struct json_object *o, const char *name)
{
	char	 stamp[TIMESTAMP_SIZE];

	json_set_text(o, name, timestamp_format(time(NULL), stamp));
}

int
apply_stage(const struct asked *asked, struct json_object *doc,
    struct record **record)
{
	char	 why[160];
	int	 error;

	if (pipeline_check(doc, json_string(doc, "pipeline_id"), why,
	    sizeof(why)) == -1) {
		log_err("%s: %s", asked->verb, why);
		apply_refuse(asked, 500, 0, 0, "internal", "%s", why);
		return (-1);
	}
	if (store_stage(doc, record) == -1) {
		error = errno;
		log_err("%s: not staged: %s", asked->verb, strerror(error));
		/* Asked again, that one will be no smaller. */
		if (error == EMSGSIZE)
			apply_refuse(asked, 400, 0, 0, "invalid_argument",
			    "The pipeline's document would be larger than "
			    "%d KB", MSG_DOC_MAX / 1024);
		else
			apply_refuse(asked, 503, 5, 0, "unavailable",
			    "The change could not be saved: %s",
			    strerror(error));
		return (-1);
	}
	return (0);
}

/* --- What a look says about the pipeline itself. */

void
apply_change(const union msg *m)
{
	const struct msg_change	*c = &m->change;
	struct record		*r = store_find(c->pipeline_id);
	struct json_object	*patch;
	struct asked		 asked;

	memset(&asked, 0, sizeof(asked));
	asked.verb = "pipeline.change";
	asked.actor = "ccmd";
	asked.target = c->pipeline_id;
	asked.type = M_CHANGE;
	asked.m = m;
	patch = json_parse_strict(c->patch.data, c->patch.len, MSG_DOC_MAX,
	    NULL);
	if (r == NULL || !json_object_is_type(patch, json_type_object))
		log_warn("%s: change that makes no sense",
		    log_visible(c->pipeline_id));
	else
		change(&asked, r, c, patch);
	json_object_put(patch);
}

static void
change(const struct asked *asked, struct record *r,
    const struct msg_change *c, struct json_object *patch)
{
	struct json_object	*doc = store_document(r);
	struct json_object	*before = store_document(r), *value;
	struct reply		 reply = { .status = 200, .depends = 1,
	    .audited = 1, .detail = c->reason };
	size_t			 i;

	for (i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
		if (json_object_object_get_ex(patch, changeable[i], &value))
			change_member(doc, changeable[i], value);
	if (!json_object_equal(doc, before)) {
		apply_set_now(doc, "last_updated");
		if (apply_stage(asked, doc, NULL) == 0) {
			log_info("%s: %s", r->id, log_visible(c->reason));
			commit_answer(asked, &reply);
		}
	}
	json_object_put(before);
	json_object_put(doc);
}

static void
change_member(struct json_object *doc, const char *name,
    struct json_object *value)
{
	struct json_object	*now = NULL;

	if (!change_allowed(doc, name, value))
		return;
	if (value == NULL) {
		json_object_object_del(doc, name);
		return;
	}
	(void)json_object_object_get_ex(doc, name, &now);
	json_object_object_add(doc, name, apply_merge(now, value));
}

/*
 * A pipeline begins and ceases to be inactive by an operation only; and
 * neither a teardown nor a cancel is begun, or revived, by a late report of
 * a former one.
 */
static int
change_allowed(struct json_object *doc, const char *name,
    struct json_object *value)
{
	const char	*now = json_string(doc, "status"), *next;

	if (strcmp(name, "status") == 0) {
		next = json_object_is_type(value, json_type_string) ?
		    json_object_get_string(value) : "";
		return (strcmp(now, "inactive") != 0 &&
		    (strcmp(next, "active") == 0 ||
		    strcmp(next, "error") == 0));
	}
	if (strcmp(name, "error") == 0)
		return (value == NULL || strcmp(now, "inactive") != 0);
	if (strcmp(name, "teardown") == 0 || strcmp(name, "cancelling") == 0)
		return (json_object_object_get_ex(doc, name, NULL));
	return (value != NULL);
}

/* RFC 7396, section 2.  The result is the caller's. */
struct json_object *
apply_merge(struct json_object *target, struct json_object *patch)
{
	struct json_object	*result = NULL, *member;

	if (!json_object_is_type(patch, json_type_object))
		return (json_object_get(patch));
	if (!json_object_is_type(target, json_type_object) ||
	    json_object_deep_copy(target, &result, NULL) == -1)
		result = json_object_new_object();
	json_object_object_foreach(patch, name, value) {
		member = NULL;
		if (value == NULL) {
			json_object_object_del(result, name);
			continue;
		}
		(void)json_object_object_get_ex(result, name, &member);
		json_object_object_add(result, name,
		    apply_merge(member, value));
	}
	return (result);
}
