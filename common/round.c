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
 * Rounding.  Part of the api and the registry.  Must not use floating
 * point for anything but what json-c wants beside the text.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdio.h>

#include "round.h"

int64_t
round_divide(unsigned __int128 num, unsigned __int128 den)
{
	return ((int64_t)((2 * num + den) / (2 * den)));
}

struct json_object *
round_tenths(int64_t n)
{
	char	 text[32];

	(void)snprintf(text, sizeof(text), "%lld.%lld", (long long)(n / 10),
	    (long long)(n % 10));
	return (json_object_new_double_s((double)n / 10, text));
}

struct json_object *
round_hundredths(int64_t n)
{
	char	 text[32];

	(void)snprintf(text, sizeof(text), "%lld.%02lld",
	    (long long)(n / 100), (long long)(n % 100));
	return (json_object_new_double_s((double)n / 100, text));
}
