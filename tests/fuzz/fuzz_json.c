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
 * Any bytes to the strict JSON parser: what it takes is UTF-8 without a
 * NUL, within its depth, and reads the same when it is written and read
 * again.  A member that is found in the text is the one in the value.
 */

#include <string.h>

#include "fuzz.h"
#include "json.h"

#define INPUT_MAX	65536

static void	 check_error(const struct json_error *, size_t);
static void	 check_value(struct json_object *);
static void	 check_text(struct json_object *);
static void	 check_found(struct json_object *, const char *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json_error	 err;
	struct json_object	*o, *strict;
	const char		*text;
	char			*copy;
	size_t			 n;

	if (len > INPUT_MAX)
		return (0);
	EXPECT((copy = malloc(len + 1)) != NULL);
	memcpy(copy, data, len);
	/* Of just that size: ASan sees what is read behind it. */
	EXPECT((copy = realloc(copy, len > 0 ? len : 1)) != NULL);
	if (json_find_text(copy, len, "token", &text, &n) == 0)
		EXPECT(text > copy && text + n < copy + len);
	memset(&err, 0, sizeof(err));
	o = json_parse_client(copy, len, INPUT_MAX, &err);
	if (err.text[0] != '\0') {
		EXPECT(o == NULL);
		check_error(&err, len);
	} else {
		EXPECT(json_utf8(copy, len));
		EXPECT(memchr(copy, '\0', len) == NULL);
		strict = json_parse_strict(copy, len, INPUT_MAX, &err);
		EXPECT(err.text[0] == '\0' && json_object_equal(o, strict));
		json_object_put(strict);
		check_value(o);
		check_text(o);
		check_found(o, copy, len);
	}
	json_object_put(o);
	free(copy);
	return (0);
}

static void
check_error(const struct json_error *err, size_t len)
{
	EXPECT(err->offset <= len);
	EXPECT(err->line >= 1 && err->line <= len + 1);
	EXPECT(err->column >= 1 && err->column <= len + 1);
}

/* No NUL within text, and no more depth than a client may have. */
static void
check_value(struct json_object *root)
{
	struct json_object	*stack[INPUT_MAX + 1], *o;
	size_t			 n = 0, i;

	stack[n++] = root;
	while (n > 0) {
		o = stack[--n];
		if (json_object_is_type(o, json_type_string))
			EXPECT(strlen(json_object_get_string(o)) ==
			    (size_t)json_object_get_string_len(o));
		else if (json_object_is_type(o, json_type_array))
			for (i = 0; i < json_object_array_length(o); i++)
				stack[n++] = json_object_array_get_idx(o, i);
		else if (json_object_is_type(o, json_type_object)) {
			json_object_object_foreach(o, key, value) {
				EXPECT(json_utf8(key, strlen(key)));
				stack[n++] = value;
			}
		}
		EXPECT(n <= INPUT_MAX);
	}
}

static void
check_text(struct json_object *o)
{
	struct json_error	 err;
	struct json_object	*again;
	const char		*text;
	size_t			 len;

	text = json_text(o, &len);
	memset(&err, 0, sizeof(err));
	again = json_parse_client(text, len, 8 * INPUT_MAX, &err);
	EXPECT(err.text[0] == '\0');
	EXPECT(json_object_equal(o, again));
	json_object_put(again);
}

static void
check_found(struct json_object *o, const char *copy, size_t len)
{
	const char	*text, *s;
	size_t		 n;

	if (json_find_text(copy, len, "token", &text, &n) == -1)
		return;
	EXPECT((s = json_string(o, "token")) != NULL);
	EXPECT(strlen(s) == n && memcmp(s, text, n) == 0);
}
