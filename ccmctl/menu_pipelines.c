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
 * The menu of pipelines: list, provision, view, monitor, tear down.  Part of
 * ccmctl.  Must not touch anything before the question was answered.
 */

#include "config.h"

#include <err.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"
#include "menu.h"

/* Seconds until the monitor shows times anew. */
#define INTERVAL	2

static void	 list(struct menu *);
static void	 provision(struct menu *);
static void	 view(struct menu *);
static void	 monitor(struct menu *);
static void	 teardown(struct menu *);
static int	 tear_down(struct menu *, struct json_object *);

static const struct menu_entry entries[] = {
	{ "1", "List pipelines", VERB_PIPELINE_LIST, list, NULL },
	{ "2", "Provision pipeline", VERB_PIPELINE_PROVISION, provision,
	    NULL },
	{ "3", "View pipeline details", VERB_PIPELINE_SHOW, view, NULL },
	{ "4", "Monitor pipeline", VERB_PIPELINE_LIST, monitor, NULL },
	{ "5", "Teardown pipeline", VERB_PIPELINE_TEARDOWN, teardown, NULL },
};

const struct menu_page menu_pipelines = {
	"CI/CD Pipelines", "Back to main menu", entries,
	sizeof(entries) / sizeof(entries[0])
};

static void
list(struct menu *m)
{
	if (menu_call(m, VERB_PIPELINE_LIST, NULL) == 0)
		show_answer(&m->view, verb_get(VERB_PIPELINE_LIST), m->answer);
}

static void
provision(struct menu *m)
{
	static const struct {
		const char	*name;
		const char	*question;
	} fields[] = {
		{ "repo", "GitHub repository: " },
		{ "workflow_file", "Workflow file path: " },
		{ "linked_domain", "Linked domain: " },
		{ "linked_app", "Linked app name: " },
	};
	struct json_object	*args = json_object_new_object();
	size_t			 i;

	view_say(&m->view, SIGN_NONE, "The repository as owner/name.  The "
	    "rest may stay empty: the workflow is %s then.", command_default(
	    verb_get(VERB_PIPELINE_PROVISION), "workflow_file"));
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (menu_ask_argument(m, VERB_PIPELINE_PROVISION,
		    fields[i].name, fields[i].question, args) == -1)
			goto done;
	(void)putchar('\n');
	if (menu_call(m, VERB_PIPELINE_PROVISION, args) == 0)
		show_answer(&m->view, verb_get(VERB_PIPELINE_PROVISION),
		    m->answer);
done:
	json_object_put(args);
}

static void
view(struct menu *m)
{
	struct json_object	*args, *p = menu_select_pipeline(m, 1);

	if (p == NULL)
		return;
	args = json_object_new_object();
	json_set_text(args, "id", json_string(p, "pipeline_id"));
	(void)putchar('\n');
	if (menu_call(m, VERB_PIPELINE_SHOW, args) == 0)
		show_answer(&m->view, verb_get(VERB_PIPELINE_SHOW), m->answer);
	json_object_put(args);
}

/* Where nothing can be redrawn, once is all there is. */
static void
monitor(struct menu *m)
{
	struct client		 c = { .fd = -1 };
	struct json_object	*args;
	struct term		 all = *m->term;

	if (m->term->tty && isatty(STDIN_FILENO)) {
		if (client_open(&c, m->path) == -1 ||
		    monitor_run(&c, m->path, m->term, INTERVAL) != EXIT_OK)
			view_say(&m->view, SIGN_BAD, "%s", c.why);
		client_close(&c);
		return;
	}
	args = json_object_new_object();
	json_set_text(args, "include", "stats");
	all.height = 0;
	if (menu_call(m, VERB_PIPELINE_LIST, args) == 0)
		dashboard_print(stdout, &all, m->answer, m->view.now, 0);
	json_object_put(args);
}

static void
teardown(struct menu *m)
{
	struct json_object	*p = menu_select_pipeline(m, 0);
	const char		*repository;
	char			*question;

	if (p == NULL)
		return;
	/* The next answer takes the list away. */
	p = json_object_get(p);
	if (asprintf(&question, TEARDOWN_QUESTION,
	    json_string(p, "pipeline_id")) == -1)
		err(EXIT_FAILED, NULL);
	if (prompt_yes(question) == 1 && tear_down(m, p) == 0 &&
	    (repository = json_string(p, "repository")) != NULL)
		view_say(&m->view, SIGN_NONE, "Repository preserved: %s",
		    repository);
	free(question);
	json_object_put(p);
}

static int
tear_down(struct menu *m, struct json_object *p)
{
	struct json_object	*args = json_object_new_object();
	int			 n;

	json_set_text(args, "id", json_string(p, "pipeline_id"));
	(void)putchar('\n');
	if ((n = menu_call(m, VERB_PIPELINE_TEARDOWN, args)) == 0) {
		view_say(&m->view, SIGN_GOOD,
		    "Pipeline deactivated successfully");
		show_aftermath(&m->view, m->answer);
	}
	json_object_put(args);
	return (n);
}
