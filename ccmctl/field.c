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
 * Lines of a label and a value.  Part of ccmctl.  Must not let a value go
 * beyond the terminal's width, nor shorten it: it is folded.
 */

#include "config.h"

#include <err.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccmctl.h"
#include "json.h"

/* Below this much room values are not folded. */
#define FOLD_MIN	20

static void	 value(const struct view *, size_t, enum style, const char *);
static size_t	 fold(const char *, size_t);

void
view_heading(const struct view *v, const char *title)
{
	(void)fputc('\n', v->f);
	term_put(v->f, v->term, STYLE_TITLE, title);
	(void)fputc('\n', v->f);
}

void
view_warnings(const struct view *v, struct json_object *answer)
{
	struct json_object	*list;
	const char		*s;
	size_t			 i;

	list = json_member(answer, "warnings", json_type_array);
	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		view_field(v, "Warning", SIGN_WARN, "%s", s != NULL ? s : "?");
	}
}

void
view_time(const struct view *v, const char *label, const char *stamp)
{
	char	 date[TEXT_TIME_SIZE], ago[TEXT_TIME_SIZE];

	if (stamp != NULL)
		view_field(v, label, SIGN_NONE, "%s UTC (%s)",
		    text_date(stamp, date), text_ago(stamp, v->now, ago));
}

void
view_field(const struct view *v, const char *label, enum sign sign,
    const char *fmt, ...)
{
	char	*text, *shown;
	size_t	 used;
	va_list	 ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		err(EXIT_FAILED, NULL);
	va_end(ap);
	shown = text_visible(label);
	used = text_width(shown);
	(void)fprintf(v->f, "%s%*s", shown,
	    used < v->label ? (int)(v->label - used) : 1, "");
	free(shown);
	used = used < v->label ? v->label : used + 1;
	if (asprintf(&shown, "%s%s", term_sign(v->term, sign), text) == -1)
		err(EXIT_FAILED, NULL);
	free(text);
	text = text_visible(shown);
	free(shown);
	value(v, used, term_sign_style(sign), text);
	free(text);
}

void
view_say(const struct view *v, enum sign sign, const char *fmt, ...)
{
	char	*text, *all, *shown;
	va_list	 ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		err(EXIT_FAILED, NULL);
	va_end(ap);
	if (asprintf(&all, "%s%s", term_sign(v->term, sign), text) == -1)
		err(EXIT_FAILED, NULL);
	shown = text_visible(all);
	value(v, 0, term_sign_style(sign), shown);
	free(shown);
	free(all);
	free(text);
}

static void
value(const struct view *v, size_t indent, enum style style, const char *text)
{
	size_t	 width = v->term->width, n;
	char	*part;

	for (;;) {
		n = width < indent + FOLD_MIN ? strlen(text) :
		    fold(text, width - indent);
		if ((part = strndup(text, n)) == NULL)
			err(EXIT_FAILED, NULL);
		term_put(v->f, v->term, style, part);
		(void)fputc('\n', v->f);
		free(part);
		text += n;
		text += strspn(text, " ");
		if (*text == '\0')
			return;
		(void)fprintf(v->f, "%*s", (int)indent, "");
	}
}

/* Bytes of text for one line: up to the last blank that fits, if any. */
static size_t
fold(const char *text, size_t width)
{
	size_t	 used, n = text_fit(text, width, &used), i;

	if (text[n] == '\0')
		return (n);
	for (i = n; i > 0; i--)
		if (text[i] == ' ')
			return (i);
	return (n);
}

int64_t
view_integer(struct json_object *o, const char *name)
{
	int64_t	 n;

	return (json_int(o, name, &n) == 1 ? n : -1);
}

const char *
view_number(struct json_object *o, const char *name)
{
	struct json_object	*n;

	if (!json_object_object_get_ex(o, name, &n) ||
	    (!json_object_is_type(n, json_type_int) &&
	    !json_object_is_type(n, json_type_double)))
		return ("-");
	return (json_object_get_string(n));
}
