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
 * A poller that crashes on parsing: all of ccmd-poller as it is installed,
 * and this, which the linker (--wrap) puts in front of its JSON parser.
 * Never installed; nothing of it is in the program that is.
 */

#include "config.h"

#include <string.h>

#include "json.h"

#define POISON	"poisonous"

struct json_object *__real_json_parse_strict(const char *, size_t, size_t,
			    struct json_error *);
struct json_object *__wrap_json_parse_strict(const char *, size_t, size_t,
			    struct json_error *);

struct json_object *
__wrap_json_parse_strict(const char *text, size_t len, size_t max,
    struct json_error *err)
{
	if (memmem(text, len, POISON, sizeof(POISON) - 1) != NULL)
		__builtin_trap();
	return (__real_json_parse_strict(text, len, max, err));
}
