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
 * Text from outside made safe, its width on a terminal, and times as people
 * say them.  Part of ccmctl.  Must not print but by text_json.
 */

#include "config.h"

#include <err.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "ccmctl.h"
#include "timestamp.h"

/* A byte as backslash and three octal digits. */
#define OCTAL_LEN	4

/*
 * Characters that print as nothing but change how others are shown: a name
 * could pretend to be another with them.  Line separators are here as well.
 */
static const struct {
	wint_t	 first;
	wint_t	 last;
} hidden[] = {
	{ 0x00ad, 0x00ad },	/* soft hyphen */
	{ 0x061c, 0x061c },	/* arabic letter mark */
	{ 0x115f, 0x1160 },	/* hangul fillers */
	{ 0x180e, 0x180e },
	{ 0x200b, 0x200f },	/* zero width, direction marks */
	{ 0x2028, 0x202e },	/* separators, embeddings, overrides */
	{ 0x2060, 0x206f },	/* joiners, isolates */
	{ 0xfeff, 0xfeff },
	{ 0xfff0, 0xfffb },
	{ 0xe0000, 0xe0fff },	/* tags */
};

static size_t	 next_char(const char *, mbstate_t *, wchar_t *);
static int	 is_shown(wint_t);
static int	 is_hidden(wint_t);
static size_t	 decode(const unsigned char *, size_t, wint_t *);

char *
text_visible(const char *text)
{
	char		*out, *p;
	size_t		 i, n, len = strlen(text);
	mbstate_t	 state;
	wchar_t		 wc;

	if ((out = reallocarray(NULL, len + 1, OCTAL_LEN)) == NULL)
		err(EXIT_FAILED, NULL);
	memset(&state, 0, sizeof(state));
	for (p = out; *text != '\0'; text += n) {
		n = next_char(text, &state, &wc);
		if (is_shown((wint_t)wc)) {
			memcpy(p, text, n);
			p += n;
			continue;
		}
		for (i = 0; i < n; i++)
			p += snprintf(p, OCTAL_LEN + 1, "\\%03o",
			    (unsigned int)(unsigned char)text[i]);
	}
	*p = '\0';
	return (out);
}

/* The next character's length; what is none is a byte, and no character. */
static size_t
next_char(const char *text, mbstate_t *state, wchar_t *wc)
{
	size_t	 n = mbrtowc(wc, text, MB_CUR_MAX, state);

	if (n != (size_t)-1 && n != (size_t)-2 && n != 0)
		return (n);
	memset(state, 0, sizeof(*state));
	*wc = L'\0';
	return (1);
}

static int
is_shown(wint_t wc)
{
	return (wc != L'\0' && iswprint(wc) && wcwidth((wchar_t)wc) >= 0 &&
	    !is_hidden(wc));
}

static int
is_hidden(wint_t wc)
{
	size_t	 i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (wc >= hidden[i].first && wc <= hidden[i].last)
			return (1);
	return (0);
}

size_t
text_width(const char *text)
{
	size_t	 used;

	(void)text_fit(text, SIZE_MAX, &used);
	return (used);
}

size_t
text_fit(const char *text, size_t width, size_t *used)
{
	const char	*p = text;
	mbstate_t	 state;
	size_t		 n, w;
	wchar_t		 wc;

	*used = 0;
	memset(&state, 0, sizeof(state));
	for (; *p != '\0'; p += n) {
		n = next_char(p, &state, &wc);
		w = wcwidth(wc) > 0 ? (size_t)wcwidth(wc) : 0;
		if (w > width - *used)
			break;
		*used += w;
	}
	return ((size_t)(p - text));
}

int
text_is_utf8(void)
{
	return (strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

const char *
text_duration(int64_t seconds, char buf[TEXT_TIME_SIZE])
{
	long long	 s = seconds;

	if (s < 0)
		(void)strlcpy(buf, "-", TEXT_TIME_SIZE);
	else if (s < 60)
		(void)snprintf(buf, TEXT_TIME_SIZE, "%llds", s);
	else if (s < 3600)
		(void)snprintf(buf, TEXT_TIME_SIZE, "%lldm %llds", s / 60,
		    s % 60);
	else if (s < 86400)
		(void)snprintf(buf, TEXT_TIME_SIZE, "%lldh %lldm", s / 3600,
		    s % 3600 / 60);
	else
		(void)snprintf(buf, TEXT_TIME_SIZE, "%lldd %lldh", s / 86400,
		    s % 86400 / 3600);
	return (buf);
}

const char *
text_ago(const char *text, int64_t now, char buf[TEXT_TIME_SIZE])
{
	static const struct {
		int64_t	 seconds;
		char	 unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t	 t, age;
	size_t	 i;

	if (text == NULL || timestamp_parse(text, &t) == -1)
		goto none;
	age = now - t;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (age < units[i].seconds)
			continue;
		(void)snprintf(buf, TEXT_TIME_SIZE, "%lld%c ago",
		    (long long)(age / units[i].seconds), units[i].unit);
		return (buf);
	}
	(void)strlcpy(buf, "now", TEXT_TIME_SIZE);
	return (buf);
none:
	(void)strlcpy(buf, "-", TEXT_TIME_SIZE);
	return (buf);
}

const char *
text_date(const char *text, char buf[TEXT_TIME_SIZE])
{
	char	 stamp[TIMESTAMP_SIZE];
	int64_t	 t;

	if (text == NULL || timestamp_parse(text, &t) == -1)
		(void)strlcpy(buf, "-", TEXT_TIME_SIZE);
	else
		(void)snprintf(buf, TEXT_TIME_SIZE, "%.10s %.5s",
		    timestamp_format(t, stamp),
		    stamp + sizeof("2026-01-05T") - 1);
	return (buf);
}

/*
 * Strict JSON has no raw control characters below a blank; DEL, C1 and the
 * hidden ones can stand in its strings, and only there.
 */
void
text_json(FILE *f, const char *json, size_t len)
{
	const unsigned char	*p = (const unsigned char *)json;
	size_t			 n;
	wint_t			 c;

	for (; len > 0; p += n, len -= n) {
		n = decode(p, len, &c);
		if (c < 0x7f || (c > 0x9f && !is_hidden(c)))
			(void)fwrite(p, 1, n, f);
		else if (c <= 0xffff)
			(void)fprintf(f, "\\u%04x", (unsigned int)c);
		else
			(void)fprintf(f, "\\u%04x\\u%04x",
			    (unsigned int)(0xd800 + ((c - 0x10000) >> 10)),
			    (unsigned int)(0xdc00 + ((c - 0x10000) & 0x3ff)));
	}
}

/*
 * One character of text that was checked to be UTF-8 already, in whatever
 * locale: mbrtowc(3) would only know it in a UTF-8 one.
 */
static size_t
decode(const unsigned char *p, size_t len, wint_t *c)
{
	size_t	 i, n = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (n > len)
		n = len;
	*c = n == 1 ? *p : *p & (0xffu >> (n + 1));
	for (i = 1; i < n; i++)
		*c = *c << 6 | (p[i] & 0x3f);
	return (n);
}
