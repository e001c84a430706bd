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
 * What a credential may do on GitHub, and what its verbs need, by what is
 * told of it and what was tried.  Runs in the poller.  Must not ask: the
 * doctor does.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "doctor-inside.h"
#include "github.h"
#include "json.h"
#include "poller.h"
#include "timestamp.h"
#include "token.h"

#define WRITES_NO							\
	"the token may not change Actions (actions=write, or the scope " \
	"repo): trigger, cancel, rerun, enable, disable and a teardown's " \
	"cancels will fail"

static void	 warn_ends(struct patient *);
static struct json_object *describe(const struct token *);
static void	 judge(struct patient *);
static enum known granted(const struct app *, const char *);
static void	 add_need(struct json_object *, const char *, const char *,
		    const char *, enum known);

void
doctor_warn(struct github *gh, int reads_only, struct json_object *warnings)
{
	struct patient	 p = { .gh = gh, .reads = UNKNOWN, .writes = UNKNOWN,
	    .contents = UNKNOWN };

	p.problems = warnings;
	warn_ends(&p);
	judge(&p);
	if (p.writes == NO)
		doctor_problem(warnings, WRITES_NO);
	else if (reads_only && !github_writes_apart(gh) &&
	    github_app(gh) == NULL)
		doctor_problem(warnings, READS_ONLY);
}

int
doctor_may_read_files(struct github *gh)
{
	const struct app	*app = github_app(gh);

	return (app == NULL || app->permissions[0] == '\0' ||
	    granted(app, "contents") == YES);
}

void
doctor_diagnose(struct patient *p)
{
	const struct token	*t = github_token(p->gh, 0);
	const struct app	*app = github_app(p->gh);
	struct json_object	*needs = json_object_new_array(), *token;

	token = describe(t);
	if (app != NULL) {
		json_set_text(token, "kind", "app");
		json_set_int(token, "app", (int64_t)app->id);
		json_set_int(token, "installation", (int64_t)app->installation);
		json_set_text(token, "permissions", app->permissions);
	}
	json_object_object_add(p->o, "token", token);
	json_object_object_add(p->o, "write_token",
	    github_writes_apart(p->gh) ? describe(github_token(p->gh, 1)) :
	    NULL);
	warn_ends(p);
	judge(p);
	add_need(needs, "provision, list, show, stats, runs", "actions=read",
	    "repo", p->reads);
	add_need(needs, "trigger, cancel, rerun, enable, disable, teardown",
	    "actions=write", "repo", p->writes);
	add_need(needs, "provision, doctor: is there a workflow_dispatch",
	    "contents=read", "repo", p->contents);
	json_object_object_add(p->o, "needs", needs);
	if (p->reads == NO)
		doctor_problem(p->problems, "the token may not read Actions "
		    "(actions=read, or the scope repo): nothing can be "
		    "watched");
	if (p->writes == NO)
		doctor_problem(p->problems, WRITES_NO);
}

static void
warn_ends(struct patient *p)
{
	char	 text[256];
	int	 w;

	for (w = 0; w <= github_writes_apart(p->gh); w++)
		if (token_ending(github_token(p->gh, w), time(NULL), text,
		    sizeof(text)))
			doctor_problem(p->problems, "%s%s", text, w ?
			    " (the one for changes)" : "");
}

static struct json_object *
describe(const struct token *t)
{
	struct json_object	*o = json_object_new_object();
	char			 stamp[TIMESTAMP_SIZE];

	json_set_text(o, "kind",
	    !t->known ? "unknown" : t->classic ? "classic" : "fine-grained");
	json_object_object_add(o, "scopes", t->classic ?
	    json_object_new_string(t->scopes) : NULL);
	json_object_object_add(o, "ends", t->ends == 0 ? NULL :
	    json_object_new_string(timestamp_format(t->ends, stamp)));
	return (o);
}

/* What is told weighs more than what was tried. */
static void
judge(struct patient *p)
{
	const struct token	*r = github_token(p->gh, 0);
	const struct token	*w = github_token(p->gh, 1);
	const struct app	*app = github_app(p->gh);

	if (app != NULL && app->permissions[0] != '\0') {
		p->reads = granted(app, "actions");
		p->contents = granted(app, "contents");
		if (!github_writes_apart(p->gh))
			p->writes = strstr(app->permissions,
			    " actions=write ") != NULL ? YES : NO;
	}
	if (r->classic && p->reads == UNKNOWN && token_scope(r, "repo"))
		p->reads = YES;
	if (w->classic && (app == NULL || github_writes_apart(p->gh)) &&
	    !token_scope(w, "public_repo"))
		p->writes = token_scope(w, "repo") ? YES : NO;
}

static enum known
granted(const struct app *app, const char *name)
{
	char	 read[64], write[64];

	(void)snprintf(read, sizeof(read), " %s=read ", name);
	(void)snprintf(write, sizeof(write), " %s=write ", name);
	return (strstr(app->permissions, read) != NULL ||
	    strstr(app->permissions, write) != NULL ? YES : NO);
}

static void
add_need(struct json_object *list, const char *verbs, const char *permission,
    const char *scope, enum known has)
{
	struct json_object	*o = json_object_new_object();

	json_set_text(o, "verbs", verbs);
	json_set_text(o, "permission", permission);
	json_set_text(o, "scope", scope);
	doctor_put_known(o, "has", has);
	json_object_array_add(list, o);
}

void
doctor_put_known(struct json_object *o, const char *name, enum known k)
{
	json_object_object_add(o, name, k == UNKNOWN ? NULL :
	    json_object_new_boolean(k == YES));
}

/* Each sentence once: several questions can meet the same. */
void
doctor_problem(struct json_object *list, const char *fmt, ...)
{
	char	 text[640];
	va_list	 ap;
	size_t	 i;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (i = 0; i < json_object_array_length(list); i++)
		if (strcmp(json_object_get_string(
		    json_object_array_get_idx(list, i)), text) == 0)
			return;
	json_object_array_add(list, json_object_new_string(text));
}
