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
 * What the values of ccmd.conf may be.  Runs in the parent.  Must not look
 * anything up over the network.
 */

#include "config.h"

#include <sys/socket.h>

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf.h"

#define URL_MAX		1024
#define OWNER_MAX	39	/* GitHub's */

static int	 host_ok(const char *);
static int	 hex_digit(char);

int
conf_role(const char *name, enum conf_role *role)
{
	static const char *const names[] = {
		[CONF_VIEWER] = "viewer",
		[CONF_API] = "api",
		[CONF_ADMIN] = "admin",
	};
	size_t	 i;

	for (i = CONF_VIEWER; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0) {
			*role = (enum conf_role)i;
			return (0);
		}
	return (-1);
}

int
conf_hash(const char *hex, unsigned char *hash)
{
	size_t	 i;
	int	 high, low;

	if (strlen(hex) != 2 * CONF_HASH_LEN)
		return (-1);
	for (i = 0; i < CONF_HASH_LEN; i++) {
		high = hex_digit(hex[2 * i]);
		low = hex_digit(hex[2 * i + 1]);
		if (high == -1 || low == -1)
			return (-1);
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return (0);
}

static int
hex_digit(char c)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*d = strchr(digits, tolower((unsigned char)c));

	return (c != '\0' && d != NULL ? (int)(d - digits) : -1);
}

int
conf_name_ok(const char *name)
{
	size_t	 len = strlen(name);

	return (len >= 1 && len <= CONF_NAME_MAX);
}

int
conf_owner_ok(const char *owner)
{
	size_t	 i, len = strlen(owner);

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)owner[i]) && owner[i] != '-' &&
		    owner[i] != '_')
			return (0);
	return (len >= 1 && len <= OWNER_MAX);
}

int
conf_address_ok(const char *host)
{
	struct addrinfo	 hints, *res;

	if (strcmp(host, "localhost") == 0)
		return (1);
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST;
	if (host[0] == '\0' || getaddrinfo(host, NULL, &hints, &res) != 0)
		return (0);
	freeaddrinfo(res);
	return (1);
}

/* https, or http where the token does not leave the machine. */
int
conf_url_ok(const char *url, const char **why)
{
	static const char *const local[] = { "127.0.0.1", "localhost",
	    "[::1]" };
	const char	*host, *p;
	size_t		 i, n;

	*why = "https://host[:port][/path] was expected";
	if (strlen(url) > URL_MAX || strpbrk(url, "@?#\"\\") != NULL)
		return (0);
	for (p = url; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e)
			return (0);
	if (strncasecmp(url, "https://", 8) == 0)
		return (host_ok(url + 8));
	if (strncasecmp(url, "http://", 7) != 0 || !host_ok(url + 7))
		return (0);
	host = url + 7;
	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strlen(local[i]) == n &&
		    strncasecmp(local[i], host, n) == 0)
			return (1);
	*why = "http is only for this machine: a token must not travel in "
	    "clear text";
	return (0);
}

/* host[:port], up to the path. */
static int
host_ok(const char *host)
{
	const char	*end = host + strcspn(host, "/"), *error;
	char		 port[6];
	size_t		 n;

	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	if (n == 0 || host + n > end || (host[0] == '[' && n < 4))
		return (0);
	if (host + n == end)
		return (1);
	n++;
	if (host[n - 1] != ':' || (size_t)(end - host) - n >= sizeof(port))
		return (0);
	(void)snprintf(port, sizeof(port), "%.*s", (int)(end - host - n),
	    host + n);
	return (port[0] != '\0' && strspn(port, "0123456789") ==
	    strlen(port) && strtonum(port, 1, 65535, &error) > 0);
}
