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
 * githubsim: ZIP archives of stored files, as far as log downloads need
 * them.  Source: PKWARE's APPNOTE.TXT.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define CRC_POLYNOMIAL	0xedb88320U

struct entry {
	char		 name[ZIP_NAME_MAX + 1];
	uint32_t	 crc;
	uint32_t	 size;
	uint32_t	 offset;
};

struct zip {
	struct evbuffer	*out;
	struct entry	*entries;
	size_t		 n;
};

static void	 fields(struct evbuffer *, const struct entry *);
static uint32_t	 crc32_of(const unsigned char *, size_t);
static void	 le16(struct evbuffer *, unsigned int);
static void	 le32(struct evbuffer *, uint32_t);

struct zip *
zip_new(void)
{
	struct zip	*zip = calloc(1, sizeof(*zip));

	if (zip == NULL || (zip->out = evbuffer_new()) == NULL)
		err(1, NULL);
	return (zip);
}

/* The text is moved into the archive. */
void
zip_add(struct zip *zip, const char *name, struct evbuffer *text)
{
	struct entry	*e;
	size_t		 len = evbuffer_get_length(text);

	e = reallocarray(zip->entries, zip->n + 1, sizeof(*e));
	if (e == NULL)
		err(1, NULL);
	zip->entries = e;
	e += zip->n++;
	(void)strlcpy(e->name, name, sizeof(e->name));
	e->offset = (uint32_t)evbuffer_get_length(zip->out);
	e->size = (uint32_t)len;
	e->crc = crc32_of(evbuffer_pullup(text, -1), len);
	le32(zip->out, 0x04034b50);
	fields(zip->out, e);
	(void)evbuffer_add(zip->out, e->name, strlen(e->name));
	(void)evbuffer_add_buffer(zip->out, text);
}

struct evbuffer *
zip_close(struct zip *zip)
{
	struct evbuffer	*out = zip->out;
	uint32_t	 start = (uint32_t)evbuffer_get_length(out), size;
	size_t		 i;

	for (i = 0; i < zip->n; i++) {
		le32(out, 0x02014b50);
		le16(out, 20);		/* version made by */
		fields(out, &zip->entries[i]);
		le16(out, 0);		/* comment */
		le16(out, 0);		/* disk */
		le16(out, 0);		/* internal attributes */
		le32(out, 0);		/* external attributes */
		le32(out, zip->entries[i].offset);
		(void)evbuffer_add(out, zip->entries[i].name,
		    strlen(zip->entries[i].name));
	}
	size = (uint32_t)evbuffer_get_length(out) - start;
	le32(out, 0x06054b50);
	le32(out, 0);			/* disks */
	le16(out, (unsigned int)zip->n);
	le16(out, (unsigned int)zip->n);
	le32(out, size);
	le32(out, start);
	le16(out, 0);			/* comment */
	free(zip->entries);
	free(zip);
	return (out);
}

/* What a file's header and its directory record have in common. */
static void
fields(struct evbuffer *out, const struct entry *e)
{
	le16(out, 20);			/* version needed */
	le16(out, 0);			/* flags */
	le16(out, 0);			/* method: stored */
	le32(out, 0x00210000);		/* 1980-01-01 */
	le32(out, e->crc);
	le32(out, e->size);
	le32(out, e->size);
	le16(out, (unsigned int)strlen(e->name));
	le16(out, 0);			/* extra */
}

static uint32_t
crc32_of(const unsigned char *p, size_t len)
{
	static uint32_t	 table[256];
	uint32_t	 crc;
	int		 bit, i;

	for (i = 0; i < 256 && table[255] == 0; i++) {
		crc = (uint32_t)i;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
		table[i] = crc;
	}
	crc = 0xffffffffU;
	while (len-- > 0)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return (~crc);
}

static void
le16(struct evbuffer *out, unsigned int v)
{
	unsigned char	 b[2] = { v & 0xff, v >> 8 & 0xff };

	evbuffer_add(out, b, sizeof(b));
}

static void
le32(struct evbuffer *out, uint32_t v)
{
	le16(out, v & 0xffff);
	le16(out, v >> 16);
}
