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
 * githubsim: the second host, which log downloads redirect to.  It knows
 * signed URLs only, and refuses a request that carries a token, as the real
 * one does.
 */

#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define URL_SECONDS	60
#define SIGNATURE_BYTES	16
#define SIGNATURE_TEXT	(2 * SIGNATURE_BYTES + 1)
#define PATH_BYTES	128
#define CRC_POLYNOMIAL	0xedb88320U

/* A ZIP file's records, as far as stored entries need them. */
struct entry {
	char		 name[80];
	uint32_t	 crc;
	uint32_t	 size;
	uint32_t	 offset;
};

static void	 sign(const char *, long long, char [SIGNATURE_TEXT]);
static int	 signature_good(struct call *);
static struct evbuffer *job_text(const struct run *, int, int);
static struct evbuffer *zip(const struct run *, int);
static void	 zip_file(struct evbuffer *, struct entry *,
	    struct evbuffer *);
static void	 zip_directory(struct evbuffer *, const struct entry *, int);
static void	 zip_fields(struct evbuffer *, const struct entry *);
static uint32_t	 crc32_of(const unsigned char *, size_t);
static void	 le16(struct evbuffer *, unsigned int);
static void	 le32(struct evbuffer *, uint32_t);

/* job -1: the whole attempt's archive. */
int
storage_url(char *buf, size_t size, const struct run *run, int attempt,
    int job)
{
	char		 path[PATH_BYTES], sig[SIGNATURE_TEXT];
	long long	 expires = clock_now() / 1000 + URL_SECONDS;
	int		 n;

	(void)snprintf(path, sizeof(path), "/logs/%lld/%d/%d",
	    (long long)run->id, attempt, job);
	sign(path, expires, sig);
	n = snprintf(buf, size, "http://127.0.0.1:%d%s?se=%lld&sig=%s",
	    sim.port[PORT_STORAGE], path, expires, sig);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

void
storage_serve(struct call *c)
{
	static const struct route routes[] = {
		{ "GET", "logs/{}/{}/{}", NULL, NULL, NULL },
		{ NULL, NULL, NULL, NULL, NULL }
	};
	struct evbuffer	*data;
	struct run	*run;
	struct attempt	 at;
	int		 attempt, job;

	if (c->token_id[0] != '\0') {
		answer_text(c, 400, "text/plain",
		    "InvalidAuthenticationInfo\n", 26);
		return;
	}
	if (route_find(routes, c, 0) == NULL || !signature_good(c)) {
		answer_text(c, 403, "text/plain",
		    "AuthenticationFailed\n", 21);
		return;
	}
	run = run_find_id(strtoll(c->arg[0], NULL, 10));
	attempt = (int)strtol(c->arg[1], NULL, 10);
	job = (int)strtol(c->arg[2], NULL, 10);
	if (run == NULL || run_attempt_at(run, attempt, &at) == NULL) {
		answer_text(c, 404, "text/plain", "BlobNotFound\n", 13);
		return;
	}
	data = job == -1 ? zip(run, attempt) : job_text(run, attempt, job);
	answer_text(c, 200, job == -1 ? "application/zip" : "text/plain",
	    evbuffer_pullup(data, -1), evbuffer_get_length(data));
	evbuffer_free(data);
}

static void
sign(const char *path, long long expires, char text[SIGNATURE_TEXT])
{
	static unsigned char	 key[crypto_generichash_KEYBYTES];
	static int		 ready;
	unsigned char		 mac[SIGNATURE_BYTES];
	char			 msg[PATH_BYTES + 32];

	if (!ready) {
		randombytes_buf(key, sizeof(key));
		ready = 1;
	}
	(void)snprintf(msg, sizeof(msg), "%s %lld", path, expires);
	(void)crypto_generichash(mac, sizeof(mac), (unsigned char *)msg,
	    strlen(msg), key, sizeof(key));
	(void)sodium_bin2hex(text, SIGNATURE_TEXT, mac, sizeof(mac));
}

static int
signature_good(struct call *c)
{
	const char	*se = call_param(c, "se"), *sig, *error;
	char		 path[PATH_BYTES], good[SIGNATURE_TEXT];
	long long	 expires;

	if (se == NULL || (sig = call_param(c, "sig")) == NULL)
		return (0);
	expires = strtonum(se, 0, INT64_MAX, &error);
	if (error != NULL || expires < clock_now() / 1000)
		return (0);
	(void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(c->uri, "?"),
	    c->uri);
	sign(path, expires, good);
	return (strcmp(sig, good) == 0);
}

static struct evbuffer *
job_text(const struct run *run, int attempt, int job)
{
	struct evbuffer	*buf = evbuffer_new();
	struct attempt	 at;
	char		 when[SIM_TIMESTAMP];

	if (buf == NULL)
		err(1, NULL);
	(void)run_attempt_at(run, attempt, &at);
	(void)timestamp(at.started, when);
	evbuffer_add_printf(buf, "%s Current runner version: '2.311.0'\n"
	    "%s ##[group]Run %s\n%s deploying %s\n%s ##[endgroup]\n",
	    when, when, run_job_name(run, job), when, run->repo->full_name,
	    when);
	(void)timestamp(at.updated, when);
	evbuffer_add_printf(buf, "%s %s: %s\n", when,
	    run_job_name(run, job),
	    at.conclusion == NULL ? "no conclusion" : at.conclusion);
	return (buf);
}

/* The archive that GitHub offers for a run: a file for each job. */
static struct evbuffer *
zip(const struct run *run, int attempt)
{
	struct evbuffer	*out = evbuffer_new(), *text;
	int		 i, n = run_job_count(run);
	struct entry	*entries = calloc((size_t)n, sizeof(*entries));

	if (out == NULL || entries == NULL)
		err(1, NULL);
	for (i = 0; i < n; i++) {
		(void)snprintf(entries[i].name, sizeof(entries[i].name),
		    "%d_%s.txt", i, run_job_name(run, i));
		text = job_text(run, attempt, i);
		zip_file(out, &entries[i], text);
		evbuffer_free(text);
	}
	zip_directory(out, entries, n);
	free(entries);
	return (out);
}

static void
zip_file(struct evbuffer *out, struct entry *e, struct evbuffer *text)
{
	e->offset = (uint32_t)evbuffer_get_length(out);
	e->size = (uint32_t)evbuffer_get_length(text);
	e->crc = crc32_of(evbuffer_pullup(text, -1), e->size);
	le32(out, 0x04034b50);
	zip_fields(out, e);
	evbuffer_add(out, e->name, strlen(e->name));
	evbuffer_add_buffer(out, text);
}

static void
zip_directory(struct evbuffer *out, const struct entry *entries, int n)
{
	uint32_t	 start = (uint32_t)evbuffer_get_length(out), size;
	int		 i;

	for (i = 0; i < n; i++) {
		le32(out, 0x02014b50);
		le16(out, 20);		/* version made by */
		zip_fields(out, &entries[i]);
		le16(out, 0);		/* comment */
		le16(out, 0);		/* disk */
		le16(out, 0);		/* internal attributes */
		le32(out, 0);		/* external attributes */
		le32(out, entries[i].offset);
		evbuffer_add(out, entries[i].name, strlen(entries[i].name));
	}
	size = (uint32_t)evbuffer_get_length(out) - start;
	le32(out, 0x06054b50);
	le32(out, 0);			/* disks */
	le16(out, (unsigned int)n);
	le16(out, (unsigned int)n);
	le32(out, size);
	le32(out, start);
	le16(out, 0);			/* comment */
}

/* What a file's header and its directory record have in common. */
static void
zip_fields(struct evbuffer *out, const struct entry *e)
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
	uint32_t	 crc = 0xffffffffU;
	int		 bit;

	while (len-- > 0) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
	}
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
