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
 * The menus of ccmctl: what an entry and a page are, and what entries are
 * made of.
 *
 *	prompt.c	a question, a line
 *	menu.c		pages and the way through them
 *	menu_*.c	a page each: its table and what its entries do
 *
 * To add an entry, add a row to its page's table; to add a page, a row to
 * the main menu's that points to it.
 */

#ifndef CCM_CCMCTL_MENU_H
#define CCM_CCMCTL_MENU_H

#include <stddef.h>

#include "ccmctl.h"

struct json_object;
struct menu;
struct menu_page;

/* Bytes of a line that a person types, its end included. */
#define PROMPT_MAX	1024

struct menu_entry {
	const char	*key;		/* what is typed for it */
	const char	*title;
	/* It is shown if the daemon has that operation, or the page one. */
	enum verb_id	 verb;
	void		(*act)(struct menu *);
	const struct menu_page *page;	/* or one level down */
};

struct menu_page {
	const char	*title;
	const char	*back;		/* what [0] does, in words */
	const struct menu_entry *entries;
	size_t		 nentries;
};

struct menu {
	const char	*path;		/* the control socket */
	struct term	*term;
	struct view	 view;		/* how answers are shown */
	struct json_object *answer;	/* the last one, or NULL */
};

extern const struct menu_page menu_pipelines;

/*
 * Ask on stdout, read a line from stdin without blanks around it; what is
 * too long is asked again.  Returns 0, or -1: Ctrl-C, end-of-file, a signal
 * to end, or an output that is gone; then one goes back.
 */
int prompt_line(const char *question, char *buf, size_t size);

/* 1 yes, 0 no or nothing, -1 as prompt_line.  All else is asked again. */
int prompt_yes(const char *question);

/*
 * Carry an operation out on a connection of its own: a daemon that
 * restarted meanwhile is no matter, and none waits for a person.  `args`
 * may be NULL.  Returns 0 with m->answer, or -1 and has said why.
 */
int menu_call(struct menu *m, enum verb_id verb, struct json_object *args);

/*
 * Ask for an argument of a verb until it passes the verb's own check, and
 * put it into `args`; an empty line leaves it out, or takes its default.
 * Returns 0, or -1 as prompt_line.
 */
int menu_ask_argument(struct menu *m, enum verb_id verb, const char *name,
    const char *question, struct json_object *args);

/*
 * List the pipelines, without inactive ones where asked, and let one be
 * selected by its number or id.  Returns its document, which lives as long
 * as m->answer, or NULL: there is none, or back.
 */
struct json_object *menu_select_pipeline(struct menu *m, int inactive_too);

#endif
