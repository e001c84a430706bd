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
 * Tests of ccmctl's tables and text: what is visible, how wide it is, how a
 * table fits.  They need the locale C.UTF-8, which every Debian has.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"

#define NCOLUMNS	3

static const struct table_column columns[NCOLUMNS] = {
	{ "Id", 0 },
	{ "Name", TABLE_SHRINK },
	{ "Count", TABLE_RIGHT },
};

static const struct term plain, screen = { .tty = 1, .signs = 1,
	.width = 30, .height = 24 };

static int
utf8_locale(void **state)
{
	(void)state;
	return (setlocale(LC_CTYPE, "C.UTF-8") == NULL ? -1 : 0);
}

static int
c_locale(void **state)
{
	(void)state;
	return (setlocale(LC_CTYPE, "C") == NULL ? -1 : 0);
}

static void
assert_visible(const char *text, const char *expected)
{
	char	*shown = text_visible(text);

	assert_string_equal(shown, expected);
	free(shown);
}

static void
test_visible(void **state)
{
	(void)state;
	assert_visible("", "");
	assert_visible("plain text", "plain text");
	assert_visible("a\\b", "a\\b");
	assert_visible("\033[31m", "\\033[31m");
	assert_visible("a\nb\tc\r", "a\\012b\\011c\\015");
	assert_visible("\177", "\\177");
	assert_visible("日本", "日本");
	/* C1's CSI, a direction override, a zero-width blank, a tag. */
	assert_visible("\302\2331m", "\\302\\2331m");
	assert_visible("\342\200\256x", "\\342\\200\\256x");
	assert_visible("\342\200\213", "\\342\\200\\213");
	assert_visible("\363\240\201\201", "\\363\\240\\201\\201");
	/* No UTF-8: a lone byte, a cut one, one too long, a surrogate. */
	assert_visible("\377a", "\\377a");
	assert_visible("\346\227", "\\346\\227");
	assert_visible("\300\257", "\\300\\257");
	assert_visible("\355\240\200", "\\355\\240\\200");
}

static void
test_visible_in_c_locale(void **state)
{
	(void)state;
	assert_visible("abc", "abc");
	assert_visible("\346\227\245", "\\346\\227\\245");
}

static void
test_width(void **state)
{
	size_t	 used;

	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_width("e\314\201"), 1);
	assert_int_equal(text_width("✓✗⏸⟳⚠"), 5);

	assert_int_equal(text_fit("abc", 2, &used), 2);
	assert_int_equal(used, 2);
	assert_int_equal(text_fit("abc", 3, &used), 3);
	assert_int_equal(text_fit("abc", 0, &used), 0);
	assert_int_equal(used, 0);
	/* Half a character does not fit; an accent goes with its letter. */
	assert_int_equal(text_fit("日本", 3, &used), 3);
	assert_int_equal(used, 2);
	assert_int_equal(text_fit("e\314\201x", 1, &used), 3);
	assert_int_equal(used, 1);
}

static void
test_times(void **state)
{
	static const struct {
		int64_t		 seconds;
		const char	*text;
	} durations[] = {
		{ -1, "-" }, { 0, "0s" }, { 59, "59s" }, { 60, "1m 0s" },
		{ 192, "3m 12s" }, { 3599, "59m 59s" }, { 3600, "1h 0m" },
		{ 86399, "23h 59m" }, { 86400, "1d 0h" },
		{ 86400 * 3 + 3600 * 4, "3d 4h" },
		{ INT64_MAX, "106751991167300d 15h" },
	}, ages[] = {
		{ -5, "now" }, { 0, "now" }, { 1, "1s ago" },
		{ 59, "59s ago" }, { 60, "1m ago" }, { 3599, "59m ago" },
		{ 3600, "1h ago" }, { 86400, "1d ago" },
		{ 86400 * 400, "400d ago" },
	};
	char	 buf[TEXT_TIME_SIZE];
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		assert_string_equal(text_duration(durations[i].seconds, buf),
		    durations[i].text);
	for (i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		assert_string_equal(text_ago("2026-01-05T10:30:00Z",
		    1767609000 + ages[i].seconds, buf), ages[i].text);
	assert_string_equal(text_ago(NULL, 0, buf), "-");
	assert_string_equal(text_ago("yesterday", 0, buf), "-");
	assert_string_equal(text_date("2026-01-05T10:30:59Z", buf),
	    "2026-01-05 10:30");
	assert_string_equal(text_date("", buf), "-");
	assert_string_equal(text_date(NULL, buf), "-");
}

static void
assert_json(const char *json, const char *expected)
{
	char	*out = NULL;
	size_t	 len;
	FILE	*f = open_memstream(&out, &len);

	assert_non_null(f);
	text_json(f, json, strlen(json));
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out, expected);
	free(out);
}

static void
test_json(void **state)
{
	(void)state;
	assert_json("{\"a\": 1}\n", "{\"a\": 1}\n");
	assert_json("\"日本 é 😀\"", "\"日本 é 😀\"");
	assert_json("\"\177\"", "\"\\u007f\"");
	assert_json("\"\302\233\"", "\"\\u009b\"");
	assert_json("\"\302\240\"", "\"\302\240\"");
	assert_json("\"\342\200\256\"", "\"\\u202e\"");
	assert_json("\"\363\240\201\201\"", "\"\\udb40\\udc41\"");
}

static void
fill(struct table *table, const char *name)
{
	table_init(table, columns, NCOLUMNS);
	table_add(table, STYLE_PLAIN, "one");
	table_add(table, STYLE_GOOD, name);
	table_addf(table, STYLE_PLAIN, "%d", 7);
	table_add(table, STYLE_PLAIN, "two");
	table_add(table, STYLE_PLAIN, "x");
	table_addf(table, STYLE_PLAIN, "%d", 1234567);
}

static void
assert_printed(const struct term *term, const char *name, int frame,
    const char *expected)
{
	struct table	 table;
	char		*out = NULL;
	size_t		 len;
	FILE		*f = open_memstream(&out, &len);

	assert_non_null(f);
	fill(&table, name);
	table_print(f, term, &table, 0, SIZE_MAX, frame);
	table_clear(&table);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out, expected);
	free(out);
}

static void
test_layout(void **state)
{
	struct table_layout	 l;
	struct table		 table;

	(void)state;
	fill(&table, "a name of some length");
	assert_int_equal(table_rows(&table), 2);
	table_lay_out(&table, 0, 0, &l);
	assert_int_equal(l.total, 3 + 2 + 21 + 2 + 7);
	table_lay_out(&table, 35, 0, &l);
	assert_int_equal(l.gap, 2);
	assert_int_equal(l.widths[1], 21);
	/* Narrower gaps come first, then the text, then a column. */
	table_lay_out(&table, 34, 0, &l);
	assert_int_equal(l.gap, 1);
	assert_int_equal(l.widths[1], 21);
	assert_int_equal(l.total, 33);
	table_lay_out(&table, 33, 1, &l);
	assert_int_equal(l.widths[1], 17);
	assert_int_equal(l.total, 33);
	table_lay_out(&table, 18, 0, &l);
	assert_int_equal(l.widths[1], TABLE_SHRUNK_MIN);
	assert_int_equal(l.shown, 3);
	table_lay_out(&table, 17, 0, &l);
	assert_int_equal(l.shown, 2);
	/* What it took is the text's now. */
	assert_int_equal(l.widths[1], 17 - 3 - 1);
	table_lay_out(&table, 1, 1, &l);
	assert_int_equal(l.shown, 1);
	table_clear(&table);
}

/* However wide the terminal and long the text, the bound holds. */
static void
test_layout_bounds(void **state)
{
	struct table_layout	 l;
	struct table		 table;
	char			 name[2000];
	size_t			 width;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fill(&table, name);
	for (width = 7; width < 2100; width++) {
		table_lay_out(&table, width, 1, &l);
		assert_true(l.total <= width);
	}
	assert_int_equal(l.widths[1], sizeof(name) - 1);
	table_clear(&table);
}

static void
test_print_plain(void **state)
{
	(void)state;
	assert_printed(&plain, "日本\033", 1,
	    "Id   Name        Count\n"
	    "one  日本\\033        7\n"
	    "two  x         1234567\n");
}

static void
test_print_framed(void **state)
{
	(void)state;
	assert_printed(&screen, "abc", 1,
	    "┌────────────────────┐\n"
	    "│ Id   Name    Count │\n"
	    "│ one  abc         7 │\n"
	    "│ two  x     1234567 │\n"
	    "└────────────────────┘\n");
	/* 30 columns: 4 of the frame, 2 gaps, 3 and 7 leave 14. */
	assert_printed(&screen, "a name too long for that", 1,
	    "┌────────────────────────────┐\n"
	    "│ Id  Name             Count │\n"
	    "│ one a name too lo…       7 │\n"
	    "│ two x              1234567 │\n"
	    "└────────────────────────────┘\n");
	assert_printed(&screen, "日本日本日本日本日本", 1,
	    "┌────────────────────────────┐\n"
	    "│ Id  Name             Count │\n"
	    "│ one 日本日本日本…        7 │\n"
	    "│ two x              1234567 │\n"
	    "└────────────────────────────┘\n");
}

static void
test_print_ascii_terminal(void **state)
{
	const struct term	 t = { .tty = 1, .colour = 1, .width = 20 };

	(void)state;
	assert_printed(&t, "a name too long", 1,
	    "\033[1mId\033[0m  \033[1mName\033[0m       \033[1mCount\033[0m\n"
	    "one \033[32ma nam...\033[0m       7\n"
	    "two x        1234567\n");
}

/* Half of a wide character's room is filled with a blank. */
static void
test_print_right_cut(void **state)
{
	static const struct table_column	 column[] = {
		{ "N", TABLE_RIGHT | TABLE_SHRINK },
	};
	const struct term	 t = { .signs = 1, .width = 10 };
	struct table		 table;
	char			*out = NULL;
	size_t			 len;
	FILE			*f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	table_init(&table, column, 1);
	table_add(&table, STYLE_PLAIN, "日本日本日本");
	table_print(f, &t, &table, 0, 1, 0);
	table_clear(&table);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out,
	    "         N\n"
	    " 日本日本…\n");
	free(out);
}

static void
test_print_part(void **state)
{
	struct table	 table;
	char		*out = NULL;
	size_t		 len;
	FILE		*f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	fill(&table, "abc");
	table_print(f, &plain, &table, 1, 1, 0);
	table_print(f, &plain, &table, 5, 1, 0);
	table_clear(&table);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out,
	    "Id   Name    Count\n"
	    "two  x     1234567\n"
	    "Id   Name    Count\n");
	free(out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_visible, utf8_locale),
		cmocka_unit_test_setup(test_visible_in_c_locale, c_locale),
		cmocka_unit_test_setup(test_width, utf8_locale),
		cmocka_unit_test_setup(test_times, c_locale),
		cmocka_unit_test_setup(test_json, c_locale),
		cmocka_unit_test_setup(test_layout, utf8_locale),
		cmocka_unit_test_setup(test_layout_bounds, utf8_locale),
		cmocka_unit_test_setup(test_print_plain, utf8_locale),
		cmocka_unit_test_setup(test_print_framed, utf8_locale),
		cmocka_unit_test_setup(test_print_ascii_terminal, c_locale),
		cmocka_unit_test_setup(test_print_right_cut, utf8_locale),
		cmocka_unit_test_setup(test_print_part, utf8_locale),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
