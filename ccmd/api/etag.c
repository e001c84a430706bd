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

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "etag.h"

#define ETAG_HASH	16

void
etag_begin(struct etag *e)
{
	crypto_generichash_init(&e->state, NULL, 0, ETAG_HASH);
}

void
etag_add(struct etag *e, const void *p, size_t len)
{
	uint32_t	 n = (uint32_t)len;

	crypto_generichash_update(&e->state, (const unsigned char *)&n,
	    sizeof(n));
	crypto_generichash_update(&e->state, p, len);
}

void
etag_end(struct etag *e, char tag[ETAG_SIZE])
{
	unsigned char	 hash[ETAG_HASH];
	char		 hex[2 * sizeof(hash) + 1];

	crypto_generichash_final(&e->state, hash, sizeof(hash));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	(void)snprintf(tag, ETAG_SIZE, "W/\"%s\"", hex);
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
