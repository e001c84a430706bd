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
 * The menus: pages, the way through them, and what their entries share.
 * Part of ccmctl.  Must not end because the daemon does, nor because of
 * anything that is typed but what leads out.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ccmctl.h"
#include "json.h"
#include "menu.h"
#include "pipeline.h"

#define KEY_BACK	"0"

static const struct menu_entry main_entries[] = {
	{ "4", "CI/CD Pipelines", VERB_UNKNOWN, NULL, &menu_pipelines },
};

static const struct menu_page main_page = {
	"Main menu", "Exit", main_entries,
	sizeof(main_entries) / sizeof(main_entries[0])
};

static void	 run_page(struct menu *, const struct menu_page *);
static void	 look(struct menu *);
static int	 is_there(const struct menu_entry *);
static void	 print_page(struct menu *, const struct menu_page *);
static const struct menu_entry *choose(struct menu *,
		    const struct menu_page *);
static struct json_object *with_status(struct json_object *, int);
static void	 print_choice(struct menu *, struct json_object *);
static struct json_object *selected(struct json_object *, const char *);

int
menu_run(struct client *c, const char *path, struct term *term)
{
	struct menu	 m = { .path = path, .term = term };

	/* No daemon at all is no case for a menu: a mistyped path is. */
	if (client_call(c, "daemon.status", NULL) == -1)
		return (c->exit_code);
	client_close(c);
	signals_catch();
	run_page(&m, &main_page);
	json_object_put(m.answer);
	return (EXIT_OK);
}

static void
run_page(struct menu *m, const struct menu_page *page)
{
	const struct menu_entry	*entry;

	while (!signals_ended()) {
		look(m);
		print_page(m, page);
		if ((entry = choose(m, page)) == NULL)
			return;
		(void)putchar('\n');
		look(m);
		if (entry->page != NULL)
			run_page(m, entry->page);
		else
			entry->act(m);
	}
}

/* The terminal may have another size by now, and it is later. */
static void
look(struct menu *m)
{
	term_look(m->term);
	m->view.f = stdout;
	m->view.term = m->term;
	m->view.now = time(NULL);
	m->view.label = VIEW_LABEL;
	m->view.frame = 1;
}

static int
is_there(const struct menu_entry *entry)
{
	const struct verb	*verb = verb_get(entry->verb);
	size_t			 i;

	if (entry->page == NULL)
		return (verb != NULL && (verb->doors & DOOR_CTL) != 0);
	for (i = 0; i < entry->page->nentries; i++)
		if (is_there(&entry->page->entries[i]))
			return (1);
	return (0);
}

static void
print_page(struct menu *m, const struct menu_page *page)
{
	size_t	 i;

	view_heading(&m->view, page->title);
	for (i = 0; i < page->nentries; i++)
		if (is_there(&page->entries[i]))
			(void)printf("[%s] %s\n", page->entries[i].key,
			    page->entries[i].title);
	(void)printf("[" KEY_BACK "] %s\n\n", page->back);
}

/* NULL: back. */
static const struct menu_entry *
choose(struct menu *m, const struct menu_page *page)
{
	const struct menu_entry	*entry;
	char			 line[PROMPT_MAX];
	size_t			 i;

	for (;;) {
		if (prompt_line("Select option: ", line, sizeof(line)) == -1 ||
		    strcmp(line, KEY_BACK) == 0)
			return (NULL);
		for (i = 0; i < page->nentries; i++) {
			entry = &page->entries[i];
			if (strcmp(entry->key, line) == 0 && is_there(entry))
				return (entry);
		}
		if (*line != '\0')
			view_say(&m->view, SIGN_WARN, "No such option: %s",
			    line);
	}
}

int
menu_call(struct menu *m, enum verb_id id, struct json_object *args)
{
	struct client	 c = { .fd = -1 };
	const char	*error;

	json_object_put(m->answer);
	m->answer = NULL;
	(void)fflush(stdout);
	if (client_open(&c, m->path) == -1 ||
	    client_call(&c, verb_get(id)->name, args) == -1)
		view_say(&m->view, SIGN_BAD, "%s", c.why);
	else if (c.status >= 400) {
		error = json_string(c.answer, "error");
		view_say(&m->view, SIGN_BAD, "%s",
		    error != NULL ? error : "it failed");
	} else
		m->answer = json_object_get(c.answer);
	client_close(&c);
	m->view.now = time(NULL);
	return (m->answer != NULL ? 0 : -1);
}

int
menu_ask_argument(struct menu *m, enum verb_id id, const char *name,
    const char *question, struct json_object *args)
{
	const struct verb	*verb = verb_get(id);
	struct verb		 alone = *verb;
	struct verb_error	 error;
	struct json_object	*o, *value;
	const char		*otherwise = command_default(verb, name);
	char			 line[PROMPT_MAX];
	int			 n;

	while (strcmp(alone.args->name, name) != 0)
		alone.args++;
	alone.nargs = 1;
	do {
		if (prompt_line(question, line, sizeof(line)) == -1)
			return (-1);
		o = json_object_new_object();
		if (*line != '\0' || otherwise != NULL)
			json_set_text(o, name,
			    *line != '\0' ? line : otherwise);
		if ((n = verb_check_args(&alone, o, &error)) == -1)
			view_say(&m->view, SIGN_WARN, "%s", error.text);
		else if (json_object_object_get_ex(o, name, &value))
			json_object_object_add(args, name,
			    json_object_get(value));
		json_object_put(o);
	} while (n == -1);
	return (0);
}

struct json_object *
menu_select_pipeline(struct menu *m, int inactive_too)
{
	struct json_object	*list, *found = NULL;
	char			 line[PROMPT_MAX];

	if (menu_call(m, VERB_PIPELINE_LIST, NULL) == -1)
		return (NULL);
	list = with_status(m->answer, inactive_too);
	if (json_object_array_length(list) == 0) {
		view_say(&m->view, SIGN_NONE, inactive_too ? "No pipelines." :
		    "No active pipelines.");
		json_object_put(list);
		return (NULL);
	}
	print_choice(m, list);
	while (prompt_line("Select pipeline: ", line, sizeof(line)) == 0 &&
	    strcmp(line, KEY_BACK) != 0) {
		if ((found = selected(list, line)) != NULL)
			break;
		if (*line != '\0')
			view_say(&m->view, SIGN_WARN, "No such pipeline: %s",
			    line);
	}
	json_object_put(list);
	return (found);
}

/* The pipelines of an answer, a list of its own. */
static struct json_object *
with_status(struct json_object *answer, int inactive_too)
{
	struct json_object	*list, *chosen = json_object_new_array(), *p;
	const char		*status;
	size_t			 i, n;

	list = json_member(answer, "pipelines", json_type_array);
	n = list != NULL ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++) {
		p = json_object_array_get_idx(list, i);
		status = json_string(p, "status");
		if (json_string(p, "pipeline_id") == NULL || (!inactive_too &&
		    status != NULL && strcmp(status, "inactive") == 0))
			continue;
		json_object_array_add(chosen, json_object_get(p));
	}
	return (chosen);
}

static void
print_choice(struct menu *m, struct json_object *list)
{
	static const struct table_column columns[] = {
		{ "#", TABLE_RIGHT },
		{ "Pipeline ID", TABLE_SHRINK },
		{ "Repository", TABLE_SHRINK },
		{ "Status", 0 },
		{ "Domain", TABLE_SHRINK },
	};
	struct json_object	*p;
	struct table		 table;
	size_t			 i, n = json_object_array_length(list);

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n; i++) {
		p = json_object_array_get_idx(list, i);
		table_addf(&table, STYLE_TITLE, "%zu", i + 1);
		show_pipeline_cells(m->term, &table, p);
	}
	table_print(stdout, m->term, &table, 0, n, 1);
	table_clear(&table);
	(void)putchar('\n');
}

/* By number, or by the whole id. */
static struct json_object *
selected(struct json_object *list, const char *line)
{
	struct json_object	*p;
	const char		*error;
	size_t			 i, n = json_object_array_length(list);
	long long		 number;

	number = strtonum(line, 1, (long long)n, &error);
	if (error == NULL)
		return (json_object_array_get_idx(list, (size_t)number - 1));
	for (i = 0; i < n; i++) {
		p = json_object_array_get_idx(list, i);
		if (strcmp(json_string(p, "pipeline_id"), line) == 0)
			return (p);
	}
	return (NULL);
}
