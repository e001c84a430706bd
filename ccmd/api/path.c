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
 * The row of the verb table for a method and path.  Runs in the api.  Must
 * not check an argument's value: verb_check_args does.
 */

#include "config.h"

#include <json-c/json.h>
#include <string.h>

#include "api.h"
#include "json.h"

/* The longest is a project's name, of 128 bytes. */
#define PATH_VALUE_SIZE	160

static int	 match_path(const char *, const char *, size_t,
		    struct json_object *);
static int	 path_value(const char *, size_t, char *, size_t);

const struct verb *
path_find(const char *method, const char *path, size_t len,
    struct json_object *args, char *allow, size_t size)
{
	const struct verb	*v, *found = NULL;
	size_t			 i, fixed, best = 0;

	allow[0] = '\0';
	for (i = 0; (v = verb_at(i)) != NULL; i++) {
		if (v->method == NULL || !match_path(v->path, path, len, NULL))
			continue;
		/* Fixed text wins over an argument: provision is no id. */
		fixed = strcspn(v->path, "{");
		if (fixed < best)
			continue;
		if (fixed > best) {
			best = fixed;
			found = NULL;
			allow[0] = '\0';
		}
		if (allow[0] != '\0')
			(void)strlcat(allow, ", ", size);
		(void)strlcat(allow, v->method, size);
		if (strcmp(v->method, method) == 0)
			found = v;
	}
	if (found != NULL)
		(void)match_path(found->path, path, len, args);
	return (found);
}

/*
 * "/api/pipelines/{id}/runs" against a path.  With `args` the values are
 * added; one that is no proper text becomes "", which no check lets pass.
 */
static int
match_path(const char *row, const char *path, size_t len,
    struct json_object *args)
{
	const char	*end = path + len;
	char		 name[32], value[PATH_VALUE_SIZE];
	size_t		 n, fixed;

	while (*row != '\0') {
		if (*row != '{') {
			if (path == end || *path++ != *row++)
				return (0);
			continue;
		}
		n = strcspn(++row, "}");
		if (n >= sizeof(name))
			return (0);
		memcpy(name, row, n);
		name[n] = '\0';
		row += n + 1;
		for (n = 0; path + n < end && path[n] != '/'; n++)
			;
		/* What follows in the row up to the next slash: ".svg". */
		fixed = strcspn(row, "/");
		if (n <= fixed || memcmp(path + n - fixed, row, fixed) != 0)
			return (0);
		n -= fixed;
		if (args != NULL) {
			if (path_value(path, n, value, sizeof(value)) == -1)
				value[0] = '\0';
			json_set_text(args, name, value);
		}
		path += n;
	}
	return (path == end);
}

/* Percent-decoded once; what does not fit or is no plain UTF-8 is refused. */
static int
path_value(const char *p, size_t len, char *dst, size_t size)
{
	static const char	 hex[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i, n = 0;
	int			 c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)p[i];
		if (c == '%') {
			if (i + 2 >= len ||
			    (hi = memchr(hex, p[i + 1] | 0x20, 16)) == NULL ||
			    (lo = memchr(hex, p[i + 2] | 0x20, 16)) == NULL)
				return (-1);
			c = (int)((hi - hex) * 16 + (lo - hex));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return (-1);
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return (json_utf8(dst, n) ? 0 : -1);
}
