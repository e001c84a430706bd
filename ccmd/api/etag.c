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
 * Entity tags of what changes by itself only in its age.  Runs in the api.
 * Must not send anything.
 */

#include "config.h"

#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "json.h"

static void	 add(crypto_generichash_state *, struct json_object *);
static void	 add_text(crypto_generichash_state *, const char *, size_t);

/* Weak: two answers with the same tag differ in their age (RFC 9110, 8.8.1). */
void
etag_make(struct json_object *o, char tag[ETAG_SIZE])
{
	crypto_generichash_state	 state;
	unsigned char			 hash[16];
	char				 hex[2 * sizeof(hash) + 1];

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	add(&state, o);
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	(void)snprintf(tag, ETAG_SIZE, "W/\"%s\"", hex);
}

/* Of a stats object all but how old it is; of the others all. */
static void
add(crypto_generichash_state *state, struct json_object *o)
{
	struct json_object_iter	 it;
	const char		*s;
	size_t			 i, n, len;
	int			 is_stats;

	if (json_object_is_type(o, json_type_object)) {
		is_stats = json_object_object_get_ex(o, "metrics_24h", NULL);
		add_text(state, "{", 1);
		json_object_object_foreachC(o, it) {
			if (is_stats && (strcmp(it.key, "fetched_at") == 0 ||
			    strcmp(it.key, "age_seconds") == 0))
				continue;
			add_text(state, it.key, strlen(it.key));
			add(state, it.val);
		}
		add_text(state, "}", 1);
	} else if (json_object_is_type(o, json_type_array)) {
		n = json_object_array_length(o);
		add_text(state, "[", 1);
		for (i = 0; i < n; i++)
			add(state, json_object_array_get_idx(o, i));
		add_text(state, "]", 1);
	} else {
		s = json_text(o, &len);
		add_text(state, s, len);
	}
}

static void
add_text(crypto_generichash_state *state, const char *s, size_t len)
{
	uint32_t	 n = (uint32_t)len;

	crypto_generichash_update(state, (const unsigned char *)&n,
	    sizeof(n));
	crypto_generichash_update(state, (const unsigned char *)s, len);
}

/* A list of tags, or `*` (RFC 9110, 13.1.2), compared weakly. */
int
etag_matches(const char *list, const char *tag)
{
	const char	*opaque = tag + 2;	/* behind W/ */
	size_t		 len = strlen(opaque), n;

	while (*list != '\0') {
		list += strspn(list, " \t,");
		if (strcmp(list, "*") == 0)
			return (1);
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		n = strcspn(list, ",");
		while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
			n--;
		if (n == len && strncmp(list, opaque, len) == 0)
			return (1);
		list += strcspn(list, ",");
	}
	return (0);
}
