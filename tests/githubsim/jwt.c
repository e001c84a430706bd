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
 * githubsim: JSON web tokens as GitHub Apps sign them (RFC 7515, RS256).
 * Must not decide what a token is good for.
 */

#include "config.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

#define JWT_MAX		8192
#define SIGNATURE_MAX	1024	/* bytes: RSA of 8192 bits */

static int	 decode(const char *, size_t, unsigned char *, size_t,
	    size_t *);
static struct json_object *object(const char *, size_t);

/* Header and claims are looked at; whoever signed them. */
struct json_object *
jwt_claims(const char *jwt)
{
	struct json_object	*header, *alg;
	const char		*claims = strchr(jwt, '.'), *end;
	int			 good;

	if (strlen(jwt) > JWT_MAX || claims == NULL ||
	    (end = strchr(claims + 1, '.')) == NULL)
		return (NULL);
	header = object(jwt, (size_t)(claims - jwt));
	good = json_object_object_get_ex(header, "alg", &alg) &&
	    strcmp(json_object_get_string(alg), "RS256") == 0;
	json_object_put(header);
	claims++;
	return (good ? object(claims, (size_t)(end - claims)) : NULL);
}

int
jwt_signed_by(const char *jwt, struct evp_pkey_st *key)
{
	const char	*dot = strrchr(jwt, '.');
	unsigned char	 sig[SIGNATURE_MAX];
	EVP_MD_CTX	*ctx;
	size_t		 len;
	int		 good;

	if (key == NULL || dot == NULL ||
	    decode(dot + 1, strlen(dot + 1), sig, sizeof(sig), &len) == -1 ||
	    (ctx = EVP_MD_CTX_new()) == NULL)
		return (0);
	good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) ==
	    1 && EVP_DigestVerify(ctx, sig, len, (const unsigned char *)jwt,
	    (size_t)(dot - jwt)) == 1;
	EVP_MD_CTX_free(ctx);
	return (good);
}

static int
decode(const char *text, size_t n, unsigned char *buf, size_t size,
    size_t *len)
{
	return (sodium_base642bin(buf, size, text, n, NULL, len, NULL,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING));
}

static struct json_object *
object(const char *text, size_t n)
{
	unsigned char		 buf[JWT_MAX + 1];
	struct json_object	*o;
	size_t			 len;

	if (decode(text, n, buf, JWT_MAX, &len) == -1)
		return (NULL);
	buf[len] = '\0';
	o = json_tokener_parse((char *)buf);
	if (json_object_is_type(o, json_type_object))
		return (o);
	json_object_put(o);
	return (NULL);
}
