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

static void	 sign(const char *, long long, char [SIGNATURE_TEXT]);
static int	 signature_good(struct call *);

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
	if (job == -1)
		data = log_archive(run, attempt);
	else if ((data = evbuffer_new()) != NULL)
		log_text(data, run, attempt, job, -1);
	if (data == NULL)
		err(1, NULL);
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
