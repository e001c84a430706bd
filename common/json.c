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
 * Strict JSON: a recogniser for RFC 8259 in front of json-c.  Part of
 * poller, api, registry and ccmctl.  Must not recurse: depth is bounded by
 * an array.
 */

#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

struct scan {
	const char		*start;
	const char		*p;
	const char		*end;
	const char		*why;
	int			 depth;		/* at most */
};

static struct json_object *parse(struct scan *, size_t, struct json_error *);
static int	 scan_value(struct scan *);
static int	 scan_atom(struct scan *);
static int	 scan_open(struct scan *, char *, int *);
static int	 scan_after(struct scan *, char *, int *);
static int	 scan_member(struct scan *);
static void	 scan_space(struct scan *);
static int	 scan_word(struct scan *, const char *);
static int	 scan_string(struct scan *);
static int	 scan_escape(struct scan *);
static int	 scan_hex4(struct scan *, unsigned int *);
static int	 scan_utf8(struct scan *);
static int	 scan_number(struct scan *);
static int	 scan_digits(struct scan *);
static int	 check_integer(const char *, size_t);
static int	 check_float(const char *, size_t);
static int	 refuse(struct scan *, const char *);
static void	 explain(const struct scan *, struct json_error *);
static int	 count_members(struct json_object *, size_t *);
static size_t	 written_members(const char *, size_t);

struct json_object *
json_parse_strict(const char *buf, size_t len, size_t max,
    struct json_error *err)
{
	struct scan	 s = { buf, buf, buf + len, NULL, JSON_DEPTH_MAX };

	return (parse(&s, max, err));
}

struct json_object *
json_parse_client(const char *buf, size_t len, size_t max,
    struct json_error *err)
{
	struct scan	 s = { buf, buf, buf + len, NULL, JSON_DEPTH_CLIENT };

	return (parse(&s, max, err));
}

static struct json_object *
parse(struct scan *s, size_t max, struct json_error *err)
{
	size_t			 len = (size_t)(s->end - s->start), n = 0;
	struct json_tokener	*tok;
	struct json_object	*o = NULL;

	if (len > max || len > INT32_MAX - 1)
		(void)refuse(s, "it is too large");
	else if (scan_value(s) == 0) {
		scan_space(s);
		if (s->p != s->end)
			(void)refuse(s, "something follows the value");
	}
	if (s->why == NULL) {
		if ((tok = json_tokener_new_ex(JSON_DEPTH_MAX + 1)) == NULL)
			(void)refuse(s, "out of memory");
		else {
			o = json_tokener_parse_ex(tok, s->start, (int)len);
			/* A number at the very end waits for more. */
			if (json_tokener_get_error(tok) ==
			    json_tokener_continue)
				o = json_tokener_parse_ex(tok, "", 1);
			if (json_tokener_get_error(tok) !=
			    json_tokener_success) {
				(void)refuse(s, "it is not JSON");
				json_object_put(o);
				o = NULL;
			}
			json_tokener_free(tok);
		}
	}
	/* Fewer members in the tree than in the text: one was repeated. */
	if (s->why == NULL && count_members(o, &n) &&
	    n != written_members(s->start, len)) {
		s->p = s->start;
		(void)refuse(s, "a member is there twice");
		json_object_put(o);
		o = NULL;
	}
	/* To json-c that is no object at all: the caller must know why. */
	if (s->why == NULL && o == NULL) {
		s->p = s->start;
		(void)refuse(s, "a value was expected, and not null");
	}
	if (s->why != NULL && err != NULL)
		explain(s, err);
	return (o);
}

/* The grammar as a loop: a stack of brackets, and what may come next. */
static int
scan_value(struct scan *s)
{
	char	 stack[JSON_DEPTH_MAX];
	int	 depth = 0, open;

	for (;;) {
		scan_space(s);
		if ((open = scan_open(s, stack, &depth)) == -1)
			return (-1);
		if (open == 1)
			continue;	/* a value follows inside */
		if (open == 0 && scan_atom(s) == -1)
			return (-1);
		if (scan_after(s, stack, &depth) == -1)
			return (-1);
		if (depth == 0)
			return (0);
	}
}

/*
 * Returns 1 behind an opening bracket (and the first member's name), 2
 * behind an empty pair, 0 if there is none, -1 on an error.
 */
static int
scan_open(struct scan *s, char *stack, int *depth)
{
	char	 c;

	if (s->p == s->end || (*s->p != '{' && *s->p != '['))
		return (0);
	if (*depth == s->depth)
		return (refuse(s, "it is nested too deep"));
	c = *s->p++;
	scan_space(s);
	if (s->p < s->end && *s->p == (c == '{' ? '}' : ']')) {
		s->p++;
		return (2);
	}
	stack[(*depth)++] = c;
	if (c == '{' && scan_member(s) == -1)
		return (-1);
	return (1);
}

/* Behind a value: closing brackets, then a comma if it goes on. */
static int
scan_after(struct scan *s, char *stack, int *depth)
{
	while (*depth > 0) {
		scan_space(s);
		if (s->p == s->end)
			return (refuse(s, "it ends too early"));
		if (*s->p == (stack[*depth - 1] == '{' ? '}' : ']')) {
			s->p++;
			(*depth)--;
			continue;
		}
		if (*s->p != ',')
			return (refuse(s, "a comma or the end of it was "
			    "expected"));
		s->p++;
		scan_space(s);
		return (stack[*depth - 1] == '{' ? scan_member(s) : 0);
	}
	return (0);
}

static int
scan_member(struct scan *s)
{
	if (s->p == s->end || *s->p != '"')
		return (refuse(s, "a member's name was expected"));
	if (scan_string(s) == -1)
		return (-1);
	scan_space(s);
	if (s->p == s->end || *s->p != ':')
		return (refuse(s, "a colon was expected"));
	s->p++;
	return (0);
}

static int
scan_atom(struct scan *s)
{
	if (s->p == s->end)
		return (refuse(s, "a value was expected"));
	switch (*s->p) {
	case '"':
		return (scan_string(s));
	case 't':
		return (scan_word(s, "true"));
	case 'f':
		return (scan_word(s, "false"));
	case 'n':
		return (scan_word(s, "null"));
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return (scan_number(s));
	default:
		return (refuse(s, "a value was expected"));
	}
}

static void
scan_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t	 n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return (refuse(s, "a value was expected"));
	s->p += n;
	return (0);
}

static int
scan_string(struct scan *s)
{
	unsigned char	 c;

	for (s->p++; s->p < s->end;) {
		c = (unsigned char)*s->p;
		if (c == '"') {
			s->p++;
			return (0);
		}
		if (c < 0x20)
			return (refuse(s, "a control character in text"));
		if (c == '\\') {
			if (scan_escape(s) == -1)
				return (-1);
		} else if (c >= 0x80) {
			if (scan_utf8(s) == -1)
				return (-1);
		} else
			s->p++;
	}
	return (refuse(s, "text without an end"));
}

static int
scan_escape(struct scan *s)
{
	unsigned int	 u, low;

	if (s->end - s->p < 2)
		return (refuse(s, "text without an end"));
	if (s->p[1] != 'u') {
		if (strchr("\"\\/bfnrt", s->p[1]) == NULL || s->p[1] == '\0')
			return (refuse(s, "an unknown escape"));
		s->p += 2;
		return (0);
	}
	s->p += 2;
	if (scan_hex4(s, &u) == -1)
		return (-1);
	if (u == 0)
		return (refuse(s, "a NUL in text"));
	if (u >= 0xdc00 && u <= 0xdfff)
		return (refuse(s, "half a surrogate pair"));
	if (u < 0xd800 || u > 0xdbff)
		return (0);
	if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
		return (refuse(s, "half a surrogate pair"));
	s->p += 2;
	if (scan_hex4(s, &low) == -1)
		return (-1);
	if (low < 0xdc00 || low > 0xdfff)
		return (refuse(s, "half a surrogate pair"));
	return (0);
}

static int
scan_hex4(struct scan *s, unsigned int *u)
{
	static const char	 hex[] = "0123456789abcdef";
	const char		*h;
	int			 i;

	for (*u = 0, i = 0; i < 4; i++, s->p++) {
		if (s->p == s->end || *s->p < '0' ||
		    (h = memchr(hex, *s->p | 0x20, 16)) == NULL)
			return (refuse(s, "four hexadecimal digits were "
			    "expected"));
		*u = *u * 16 + (unsigned int)(h - hex);
	}
	return (0);
}

/* RFC 3629: shortest form, no surrogates, up to U+10FFFF. */
static int
scan_utf8(struct scan *s)
{
	const unsigned char	*p = (const unsigned char *)s->p;
	size_t			 left = (size_t)(s->end - s->p), n, i;
	unsigned char		 low = 0x80, high = 0xbf;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return (refuse(s, "text that is not UTF-8"));
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < n; i++, low = 0x80, high = 0xbf)
		if (i >= left || p[i] < low || p[i] > high)
			return (refuse(s, "text that is not UTF-8"));
	s->p += n;
	return (0);
}

int
json_utf8(const char *text, size_t len)
{
	struct scan	 s = { text, text, text + len, NULL, 0 };

	while (s.p < s.end)
		if ((unsigned char)*s.p < 0x80)
			s.p++;
		else if (scan_utf8(&s) == -1)
			return (0);
	return (1);
}

size_t
json_cut(const char *s, size_t max)
{
	size_t	 len = strnlen(s, max);

	if (len == max)
		while (len > 0 && (s[len] & 0xc0) == 0x80)
			len--;
	return (len);
}

static int
scan_number(struct scan *s)
{
	const char	*start = s->p;
	int		 whole = 1;

	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (scan_digits(s) == -1)
		return (-1);
	if (s->p < s->end && *s->p == '.') {
		whole = 0;
		s->p++;
		if (scan_digits(s) == -1)
			return (-1);
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		whole = 0;
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (scan_digits(s) == -1)
			return (-1);
	}
	if ((whole ? check_integer(start, (size_t)(s->p - start)) :
	    check_float(start, (size_t)(s->p - start))) == -1)
		return (refuse(s, "a number out of range"));
	return (0);
}

static int
scan_digits(struct scan *s)
{
	const char	*start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (s->p == start ? refuse(s, "a digit was expected") : 0);
}

static int
check_integer(const char *p, size_t len)
{
	char	 text[32], *end;

	if (len >= sizeof(text))
		return (-1);
	memcpy(text, p, len);
	text[len] = '\0';
	errno = 0;
	(void)strtoll(text, &end, 10);
	return (errno != 0 || *end != '\0' ? -1 : 0);
}

static int
check_float(const char *p, size_t len)
{
	char	 text[400], *end;

	if (len >= sizeof(text))
		return (-1);
	memcpy(text, p, len);
	text[len] = '\0';
	return (isfinite(strtod(text, &end)) && *end == '\0' ? 0 : -1);
}

static int
refuse(struct scan *s, const char *why)
{
	s->why = why;
	return (-1);
}

static void
explain(const struct scan *s, struct json_error *err)
{
	const char	*p;

	memset(err, 0, sizeof(*err));
	err->line = err->column = 1;
	err->offset = (size_t)(s->p - s->start);
	for (p = s->start; p < s->p; p++) {
		err->column++;
		if (*p == '\n') {
			err->line++;
			err->column = 1;
		}
	}
	(void)snprintf(err->text, sizeof(err->text),
	    "line %zu, column %zu: %s", err->line, err->column, s->why);
}

/* Members of all objects in the tree; always 1. */
static int
count_members(struct json_object *o, size_t *n)
{
	size_t	 i;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value) {
			(void)key;
			(*n)++;
			(void)count_members(value, n);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			(void)count_members(json_object_array_get_idx(o, i),
			    n);
	}
	return (1);
}

/* Colons outside of text, in text that the recogniser passed. */
static size_t
written_members(const char *p, size_t len)
{
	const char	*end = p + len;
	size_t		 n = 0;

	while (p < end) {
		if (*p == ':')
			n++;
		if (*p++ != '"')
			continue;
		while (*p != '"')
			p += *p == '\\' ? 2 : 1;
		p++;
	}
	return (n);
}
