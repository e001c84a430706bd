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
 * libcurl's memory, wiped as it is given back: requests with a token in them
 * pass through its buffers.  Runs in the poller.
 */

#include "config.h"

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

/* In front of each piece, which stays aligned for whatever it holds. */
union head {
	size_t		 size;
	max_align_t	 align;
};

static void	*scrub_malloc(size_t);
static void	*scrub_calloc(size_t, size_t);
static char	*scrub_strdup(const char *);
static void	*scrub_realloc(void *, size_t);
static void	 scrub_free(void *);

int
scrub_curl(void)
{
	return (curl_global_init_mem(CURL_GLOBAL_DEFAULT, scrub_malloc,
	    scrub_free, scrub_realloc, scrub_strdup, scrub_calloc) ==
	    CURLE_OK ? 0 : -1);
}

static void *
scrub_malloc(size_t size)
{
	union head	*h;

	if (size > SIZE_MAX - sizeof(*h) ||
	    (h = malloc(sizeof(*h) + size)) == NULL)
		return (NULL);
	h->size = size;
	return (h + 1);
}

static void *
scrub_calloc(size_t n, size_t size)
{
	void	*p;

	if (size != 0 && n > SIZE_MAX / size)
		return (NULL);
	if ((p = scrub_malloc(n * size)) != NULL)
		memset(p, 0, n * size);
	return (p);
}

static char *
scrub_strdup(const char *s)
{
	size_t	 len = strlen(s) + 1;
	char	*p;

	if ((p = scrub_malloc(len)) != NULL)
		memcpy(p, s, len);
	return (p);
}

/* realloc(3) would leave a copy behind when it moves. */
static void *
scrub_realloc(void *old, size_t size)
{
	size_t	 had;
	void	*p;

	if (old == NULL)
		return (scrub_malloc(size));
	had = ((union head *)old)[-1].size;
	if ((p = scrub_malloc(size)) == NULL)
		return (NULL);
	memcpy(p, old, had < size ? had : size);
	scrub_free(old);
	return (p);
}

static void
scrub_free(void *p)
{
	union head	*h = p;

	if (p == NULL)
		return;
	h--;
	explicit_bzero(p, h->size);
	free(h);
}
