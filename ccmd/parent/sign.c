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
 * Private keys of GitHub Apps, and the one thing that is signed with them: a
 * JWT that says "I am App so-and-so, now".  Runs in the parent.  Must not
 * give a key to anybody, nor sign a text that another process wrote: of the
 * poller's words it takes the credential's number, and how far GitHub's
 * clock is ahead, within bounds.
 *
 * https://docs.github.com/en/apps/creating-github-apps/
 *	authenticating-with-a-github-app/
 *	generating-a-json-web-token-jwt-for-a-github-app
 */

#include "config.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "parent.h"
#include "proc.h"

/* A key file's bytes, and the modulus that GitHub's keys may have. */
#define KEY_FILE_MAX	(16 * 1024)
#define KEY_BITS_MIN	2048
#define KEY_BITS_MAX	4096
/* Locked memory for the numbers of keys, a power of two. */
#define KEY_HEAP	(1024 * 1024)
#define KEY_HEAP_MIN	64

/*
 * Seconds.  GitHub takes ten minutes at most; the token that it is good for
 * is fetched at once.  It is dated back, since clocks differ by a little.
 */
#define JWT_BACK	60
#define JWT_LIFE	300
/* What we believe of a difference between the clocks. */
#define JWT_SKEW_MAX	7200
/* A minute: more is not asked for by a poller that works. */
#define JWT_PER_MINUTE	10
#define JWT_TEXT_MAX	1024
/* Header and claims, and the signature, before and in base64url. */
#define JWT_CLAIMS_MAX	160
#define JWT_SIGNATURE_MAX (KEY_BITS_MAX / 8)

static EVP_PKEY	*key_parse(const char *, size_t, const char *);
static int	 refuse_passphrase(char *, int, int, void *);
static int	 key_good(EVP_PKEY *, const char *);
static struct conf_github *find(struct conf *, uint64_t);
static int	 permitted(struct conf_github *);
static int	 jwt_make(const struct conf_github *, int64_t, char *, size_t);
static int	 jwt_sign(EVP_PKEY *, const char *, unsigned char *, size_t *);
static int	 append(char *, size_t, const void *, size_t);

EVP_PKEY *
sign_key_read(const char *path, const char *name)
{
	EVP_PKEY	*key = NULL;
	char		*pem;
	ssize_t		 n;
	int		 fd;

	if (credential_heap() == -1 ||
	    (fd = credential_open(path, name)) == -1)
		return (NULL);
	if ((pem = sodium_malloc(KEY_FILE_MAX + 1)) == NULL)
		fatal("locked memory");
	n = read(fd, pem, KEY_FILE_MAX + 1);
	if (n == -1)
		log_err("%s: %s", name, strerror(errno));
	else if (n > KEY_FILE_MAX)
		log_err("%s: a private key of at most %d bytes was expected",
		    name, KEY_FILE_MAX);
	else
		key = key_parse(pem, (size_t)n, name);
	close(fd);
	sodium_free(pem);
	if (key != NULL && !key_good(key, name)) {
		EVP_PKEY_free(key);
		return (NULL);
	}
	return (key);
}

/* libcrypto keeps the secret numbers of a key there, and wipes them. */
int
credential_heap(void)
{
	int	 r;

	if (CRYPTO_secure_malloc_initialized())
		return (0);
	if ((r = CRYPTO_secure_malloc_init(KEY_HEAP, KEY_HEAP_MIN)) == 0) {
		log_err("no memory for private keys");
		return (-1);
	}
	if (r == 2)
		log_warn("memory for private keys can't be locked");
	return (0);
}

static EVP_PKEY *
key_parse(const char *pem, size_t len, const char *path)
{
	EVP_PKEY	*key;
	BIO		*bio;
	int		 encrypted = 0;

	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		fatal("private key");
	key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase,
	    &encrypted);
	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL && encrypted)
		log_err("%s: it is encrypted; a private key without a "
		    "passphrase was expected", path);
	else if (key == NULL)
		log_err("%s: an RSA private key in PEM was expected, as "
		    "GitHub gives it out", path);
	return (key);
}

static int
refuse_passphrase(char *buf __attribute__((unused)),
    int size __attribute__((unused)), int writing __attribute__((unused)),
    void *arg)
{
	*(int *)arg = 1;
	return (-1);
}

static int
key_good(EVP_PKEY *key, const char *path)
{
	int	 bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		log_err("%s: an RSA private key was expected, it is another "
		    "kind", path);
		return (0);
	}
	if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) {
		log_err("%s: an RSA key of %d to %d bits was expected, it "
		    "has %d", path, KEY_BITS_MIN, KEY_BITS_MAX, bits);
		return (0);
	}
	return (1);
}

void
sign_key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}

void
sign_inherit(struct conf *conf, const struct conf *old)
{
	const struct conf_github *o;
	struct conf_github	*g;

	TAILQ_FOREACH(g, &conf->githubs, entry)
		TAILQ_FOREACH(o, &old->githubs, entry)
			if (g->key != NULL && o->key != NULL &&
			    strcmp(g->name, o->name) == 0 &&
			    strcmp(g->url, o->url) == 0 &&
			    g->app == o->app &&
			    g->installation == o->installation &&
			    EVP_PKEY_eq(g->key, o->key) == 1) {
				g->credential = o->credential;
				g->signed_since = o->signed_since;
				g->nsigned = o->nsigned;
			}
}

void
sign_answer(struct peer *poller, struct conf *conf,
    const struct msg_sign_jwt *m, int may_log)
{
	struct conf_github	*g = find(conf, m->credential);
	char			 text[JWT_TEXT_MAX + 1] = "";
	union msg		 reply;
	const char		*why = NULL;

	if (g == NULL)
		why = "no App of the present configuration";
	else if (m->skew > JWT_SKEW_MAX || m->skew < -JWT_SKEW_MAX)
		why = "GitHub's clock and ours differ too much";
	else if (!permitted(g))
		why = "asked for too often";
	else if (jwt_make(g, time(NULL) + m->skew, text, sizeof(text)) == -1)
		why = "libcrypto failed";
	if (why != NULL && may_log)
		log_warn("github %s: JWT not signed: %s", g != NULL ?
		    g->name : "?", why);
	else if (why == NULL)
		log_info("github %s: signed a JWT for app %llu", g->name,
		    (unsigned long long)g->app);
	memset(&reply, 0, sizeof(reply));
	reply.jwt.credential = m->credential;
	reply.jwt.text.data = text;
	reply.jwt.text.len = why != NULL ? 0 : strlen(text);
	peer_send(poller, M_JWT, &reply, -1);
	explicit_bzero(text, sizeof(text));
}

static struct conf_github *
find(struct conf *conf, uint64_t credential)
{
	struct conf_github	*g;

	TAILQ_FOREACH(g, &conf->githubs, entry)
		if (g->credential == credential && g->key != NULL)
			return (g);
	return (NULL);
}

static int
permitted(struct conf_github *g)
{
	int64_t	 now = proc_now_ms();

	if (g->nsigned == 0 || now - g->signed_since > 60 * 1000) {
		g->signed_since = now;
		g->nsigned = 0;
	}
	if (g->nsigned == JWT_PER_MINUTE)
		return (0);
	g->nsigned++;
	return (1);
}

/* RFC 7519 with RS256 (RFC 7518, 3.3). */
static int
jwt_make(const struct conf_github *g, int64_t now, char *buf, size_t size)
{
	static const char	 header[] = "{\"alg\":\"RS256\","
				    "\"typ\":\"JWT\"}";
	unsigned char		 signature[JWT_SIGNATURE_MAX];
	char			 claims[JWT_CLAIMS_MAX];
	size_t			 len;
	int			 n;

	n = snprintf(claims, sizeof(claims), "{\"iat\":%lld,\"exp\":%lld,"
	    "\"iss\":%llu}", (long long)now - JWT_BACK,
	    (long long)now + JWT_LIFE, (unsigned long long)g->app);
	if (n < 0 || (size_t)n >= sizeof(claims))
		return (-1);
	buf[0] = '\0';
	if (append(buf, size, header, sizeof(header) - 1) == -1 ||
	    strlcat(buf, ".", size) >= size ||
	    append(buf, size, claims, (size_t)n) == -1 ||
	    jwt_sign(g->key, buf, signature, &len) == -1 ||
	    strlcat(buf, ".", size) >= size)
		return (-1);
	return (append(buf, size, signature, len));
}

static int
jwt_sign(EVP_PKEY *key, const char *text, unsigned char *signature,
    size_t *len)
{
	EVP_MD_CTX	*ctx;
	int		 good;

	*len = JWT_SIGNATURE_MAX;
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, signature, len, (const unsigned char *)text,
	    strlen(text)) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return (good ? 0 : -1);
}

/* As base64url without padding (RFC 7515, 2). */
static int
append(char *buf, size_t size, const void *data, size_t len)
{
	size_t	 n = strlen(buf);

	if (sodium_base64_encoded_len(len,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING) > size - n)
		return (-1);
	(void)sodium_bin2base64(buf + n, size - n, data, len,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return (0);
}
