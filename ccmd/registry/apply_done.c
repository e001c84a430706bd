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
 * What the parent did, or could not do, for a person: it changes nothing
 * here, but is audited and answered as all operations are.  Runs in the
 * registry.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "registry.h"
#include "verb.h"

static const struct {
	enum verb_id	 verb;
	const char	*done;
	const char	*code;		/* of what is refused, */
	const char	*refused;	/* in words */
} tasks[] = {
	[TASK_RELOAD] = { VERB_DAEMON_RELOAD,
	    "The new configuration is in force", "invalid_configuration",
	    "The new configuration is refused, the old one stays in force" },
	[TASK_LOG] = { VERB_DAEMON_LOG, "The log's level is set",
	    "invalid_argument", "The log's level is not set" },
};

static struct json_object *lines(const char *);

void
apply_done(const struct msg_done *m)
{
	char			 text[MSG_TEXT_MAX];
	struct asked		 asked = { .op = m->op, .actor = m->actor,
	    .target = "" };
	struct reply		 reply = { .status = m->status,
	    .audited = 1, .detail = m->text };
	size_t			 task = m->task;

	if (task >= sizeof(tasks) / sizeof(tasks[0]))
		fatalx("parent: task %zu", task);
	asked.verb = verb_get(tasks[task].verb)->name;
	if (m->status < 400) {
		reply.body = apply_success();
		json_set_text(reply.body, "message", tasks[task].done);
		if (task == TASK_LOG)
			json_set_text(reply.body, "level", m->text);
		else if (m->text[0] != '\0')
			json_object_object_add(reply.body, "warnings",
			    lines(m->text));
	} else if (m->status < 500) {
		(void)snprintf(text, sizeof(text), "%s: %.*s",
		    tasks[task].refused, (int)strcspn(m->text, "\n"),
		    m->text);
		reply.body = apply_error(tasks[task].code, text);
		json_object_object_add(reply.body, "errors", lines(m->text));
	} else
		reply.body = apply_error("unavailable", m->text);
	commit_answer(&asked, &reply);
}

static struct json_object *
lines(const char *text)
{
	struct json_object	*list = json_object_new_array();
	size_t			 n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		json_object_array_add(list,
		    json_object_new_string_len(text, (int)n));
	}
	return (list);
}
