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
 * Tables: columns aligned by display width that fit a terminal.  Part of
 * ccmctl.  Must not know what is in them.
 */

#include "config.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"

/* "| " and " |". */
#define FRAME_WIDTH	4

static int	 shrink(const struct table *, size_t, int,
		    struct table_layout *);
static size_t	 total_width(const struct table_layout *, int);
static size_t	 widest(const struct table *, const struct table_layout *);
static void	 print_line(FILE *, const struct term *, const struct table *,
		    const struct table_layout *, const struct table_cell *,
		    int);
static void	 print_cell(FILE *, const struct term *,
		    const struct table_cell *, size_t, int, int);
static void	 print_rule(FILE *, const struct table_layout *, const char *,
		    const char *);
static void	 print_blanks(FILE *, size_t);

void
table_init(struct table *table, const struct table_column *columns,
    size_t ncolumns)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table->ncolumns = ncolumns;
}

void
table_clear(struct table *table)
{
	size_t	 i;

	for (i = 0; i < table->ncells; i++)
		free(table->cells[i].text);
	free(table->cells);
	memset(table, 0, sizeof(*table));
}

void
table_add(struct table *table, enum style style, const char *text)
{
	struct table_cell	*cell;
	size_t			 size;

	if (table->ncells == table->size) {
		size = table->size == 0 ? 64 : table->size * 2;
		cell = recallocarray(table->cells, table->size, size,
		    sizeof(*cell));
		if (cell == NULL)
			err(EXIT_FAILED, NULL);
		table->cells = cell;
		table->size = size;
	}
	cell = &table->cells[table->ncells++];
	cell->text = text_visible(text);
	cell->width = text_width(cell->text);
	cell->style = style;
}

void
table_addf(struct table *table, enum style style, const char *fmt, ...)
{
	va_list	 ap;
	char	*text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		err(EXIT_FAILED, NULL);
	va_end(ap);
	table_add(table, style, text);
	free(text);
}

size_t
table_rows(const struct table *table)
{
	return (table->ncells / table->ncolumns);
}

/*
 * Too wide: narrower gaps, then the widest text loses column after column,
 * then the last table column goes, and the others share its room.
 */
void
table_lay_out(const struct table *table, size_t width, int frame,
    struct table_layout *l)
{
	struct table_layout	 natural = { 0 };
	size_t			 i, c;

	natural.shown = table->ncolumns;
	natural.gap = 2;
	for (i = 0; i < table->ncolumns; i++)
		natural.widths[i] = text_width(table->columns[i].title);
	for (i = 0; i < table->ncells; i++) {
		c = i % table->ncolumns;
		if (table->cells[i].width > natural.widths[c])
			natural.widths[c] = table->cells[i].width;
	}
	*l = natural;
	while (width != 0 && !shrink(table, width, frame, l) &&
	    natural.shown > 1) {
		natural.shown--;
		*l = natural;
	}
	l->total = total_width(l, frame);
}

/* Returns whether it fits now. */
static int
shrink(const struct table *table, size_t width, int frame,
    struct table_layout *l)
{
	size_t	 i;

	if (total_width(l, frame) > width)
		l->gap = 1;
	while (total_width(l, frame) > width) {
		if ((i = widest(table, l)) == l->shown)
			return (0);
		l->widths[i] = l->widths[i] > width ? width :
		    l->widths[i] - 1;
	}
	return (1);
}

static size_t
total_width(const struct table_layout *l, int frame)
{
	size_t	 i, total = frame ? FRAME_WIDTH : 0;

	for (i = 0; i < l->shown; i++)
		total += l->widths[i] + (i > 0 ? l->gap : 0);
	return (total);
}

/* The widest column that may shrink, `shown` if there is none. */
static size_t
widest(const struct table *table, const struct table_layout *l)
{
	size_t	 i, found = l->shown, width = TABLE_SHRUNK_MIN;

	for (i = 0; i < l->shown; i++) {
		if ((table->columns[i].flags & TABLE_SHRINK) == 0 ||
		    l->widths[i] <= width)
			continue;
		width = l->widths[i];
		found = i;
	}
	return (found);
}

void
table_print(FILE *f, const struct term *term, const struct table *table,
    size_t first, size_t count, int frame)
{
	struct table_cell	 titles[TABLE_COLUMNS_MAX];
	struct table_layout	 l;
	size_t			 i, rows = table_rows(table);

	frame = frame && term->signs;
	table_lay_out(table, term->width, frame, &l);
	for (i = 0; i < table->ncolumns; i++) {
		titles[i].text = (char *)table->columns[i].title;
		titles[i].width = text_width(titles[i].text);
		titles[i].style = STYLE_TITLE;
	}
	if (frame)
		print_rule(f, &l, "┌", "┐");
	print_line(f, term, table, &l, titles, frame);
	for (i = first; i < rows && i - first < count; i++)
		print_line(f, term, table, &l,
		    &table->cells[i * table->ncolumns], frame);
	if (frame)
		print_rule(f, &l, "└", "┘");
}

static void
print_line(FILE *f, const struct term *term, const struct table *table,
    const struct table_layout *l, const struct table_cell *cells, int frame)
{
	size_t	 i;
	int	 last, right;

	if (frame)
		(void)fputs("│ ", f);
	for (i = 0; i < l->shown; i++) {
		/* The end of a line is padded only for the frame's sake. */
		last = i + 1 == l->shown && !frame;
		right = (table->columns[i].flags & TABLE_RIGHT) != 0;
		if (i > 0)
			print_blanks(f, l->gap);
		print_cell(f, term, &cells[i], l->widths[i], right, last);
	}
	(void)fputs(frame ? " │\n" : "\n", f);
}

static void
print_cell(FILE *f, const struct term *term, const struct table_cell *cell,
    size_t width, int right, int last)
{
	const char	*mark = "";
	size_t		 used, n, room = 0;
	char		*text;

	if (cell->width > width && width > TABLE_SHRUNK_MIN / 2) {
		mark = term->signs ? "…" : "...";
		room = text_width(mark);
	}
	n = text_fit(cell->text, width - room, &used);
	if (asprintf(&text, "%.*s%s", (int)n, cell->text, mark) == -1)
		err(EXIT_FAILED, NULL);
	used += room;
	if (right)
		print_blanks(f, width - used);
	term_put(f, term, cell->style, text);
	if (!right && !last)
		print_blanks(f, width - used);
	free(text);
}

static void
print_rule(FILE *f, const struct table_layout *l, const char *left,
    const char *right)
{
	size_t	 i;

	(void)fputs(left, f);
	for (i = 2; i < l->total; i++)
		(void)fputs("─", f);
	(void)fprintf(f, "%s\n", right);
}

static void
print_blanks(FILE *f, size_t n)
{
	(void)fprintf(f, "%*s", (int)n, "");
}
