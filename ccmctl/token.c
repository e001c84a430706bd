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
 * Making an API token: the token itself for the client, its hash for
 * ccmd.conf.  Part of ccmctl; needs no daemon.  Must not write a token
 * anywhere but to standard output, once.
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ccmctl.h"
#include "json.h"
#include "timestamp.h"

#define TOKEN_BYTES	32	/* of randomness */
#define TOKEN_PREFIX	"ccm_"	/* so that scanners for secrets know one */
#define HASH_BYTES	32	/* BLAKE2b-256, as ccmd.conf(5) has it */
#define LINE_SIZE	256

static int	 make(char *, size_t, char *, size_t);
static void	 print(const char *, const char *, const char *, int);

int
token_new(struct json_object *args, int json, const char **why)
{
	const char	*name = json_string(args, "name");
	const char	*role = json_string(args, "role");
	const char	*expires = json_string(args, "expires");
	char		 token[TOKEN_BYTES * 2], hash[2 * HASH_BYTES + 1];
	char		 line[LINE_SIZE];
	int64_t		 end;

	if (role_parse(role) == ROLE_NONE) {
		*why = "token new: the role must be viewer, api or admin";
		return (EXIT_USAGE);
	}
	if (expires != NULL && (timestamp_day(expires, &end) == -1 ||
	    end <= time(NULL))) {
		*why = "token new: a date to come, as 2027-01-31, was "
		    "expected";
		return (EXIT_USAGE);
	}
	if (make(token, sizeof(token), hash, sizeof(hash)) == -1) {
		*why = "token new: no randomness";
		return (EXIT_FAILED);
	}
	(void)snprintf(line, sizeof(line), "api token \"%s\" role %s "
	    "hash \"%s\"%s%s", name, role, hash, expires != NULL ?
	    " expires " : "", expires != NULL ? expires : "");
	print(token, hash, line, json);
	sodium_memzero(token, sizeof(token));
	return (EXIT_OK);
}

static int
make(char *token, size_t size, char *hash, size_t hash_size)
{
	unsigned char	 random[TOKEN_BYTES], digest[HASH_BYTES];
	size_t		 n = strlen(TOKEN_PREFIX);

	if (sodium_init() == -1)
		return (-1);
	randombytes_buf(random, sizeof(random));
	(void)strlcpy(token, TOKEN_PREFIX, size);
	(void)sodium_bin2base64(token + n, size - n, random, sizeof(random),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	crypto_generichash(digest, sizeof(digest),
	    (const unsigned char *)token, strlen(token), NULL, 0);
	(void)sodium_bin2hex(hash, hash_size, digest, sizeof(digest));
	sodium_memzero(random, sizeof(random));
	return (0);
}

static void
print(const char *token, const char *hash, const char *line, int json)
{
	struct json_object	*o;
	size_t			 len;

	if (!json) {
		(void)printf("%s\n%s\n", token, line);
		return;
	}
	o = json_object_new_object();
	json_set_text(o, "token", token);
	json_set_text(o, "hash", hash);
	json_set_text(o, "line", line);
	(void)puts(json_text(o, &len));
	json_object_put(o);
}
