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
 * A member of a JSON text, found where it stands: for secrets, of which
 * json-c would leave copies in memory that it frees.  Belongs to every
 * process.  Must not take the place of a parser: what it is given may be no
 * JSON at all.
 */

#include "config.h"

#include <string.h>

#include "json.h"

static int	 skip_string(const char **, const char *, const char **,
		    size_t *);
static int	 skip_colon(const char **, const char *);
static void	 skip_space(const char **, const char *);

int
json_find_text(const char *buf, size_t len, const char *name,
    const char **text, size_t *n)
{
	const char	*p = buf, *end = buf + len, *key;
	size_t		 key_len;
	int		 depth = 0, found = 0;

	while (p < end) {
		if (*p != '"') {
			depth += (*p == '{' || *p == '[');
			depth -= (*p == '}' || *p == ']');
			p++;
			continue;
		}
		if (skip_string(&p, end, &key, &key_len) == -1)
			return (-1);
		if (depth != 1 || !skip_colon(&p, end) ||
		    key_len != strlen(name) ||
		    memcmp(key, name, key_len) != 0)
			continue;
		if (found++ || skip_string(&p, end, text, n) == -1 ||
		    memchr(*text, '\\', *n) != NULL)
			return (-1);
	}
	return (found ? 0 : -1);
}

/* From one quote behind the other; what is between them. */
static int
skip_string(const char **p, const char *end, const char **s, size_t *n)
{
	if (*p == end || **p != '"')
		return (-1);
	*s = ++*p;
	while (*p < end && **p != '"') {
		if (**p == '\\' && *p + 1 < end)
			++*p;
		++*p;
	}
	if (*p == end)
		return (-1);
	*n = (size_t)(*p - *s);
	++*p;
	return (0);
}

/* Was that string a member's name?  Then to its value. */
static int
skip_colon(const char **p, const char *end)
{
	skip_space(p, end);
	if (*p == end || **p != ':')
		return (0);
	++*p;
	skip_space(p, end);
	return (1);
}

static void
skip_space(const char **p, const char *end)
{
	while (*p < end && (**p == ' ' || **p == '\t' || **p == '\n' ||
	    **p == '\r'))
		++*p;
}
