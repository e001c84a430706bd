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
 * ccmd.conf(5): what its grammar has found goes into the configuration, or
 * is wrong.  Runs in the parent.  Must not open anything that the file
 * names: that comes later, with privileges known.
 */

#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "conf.h"
#include "lex.h"
#include "log.h"

static struct {
	struct conf	*conf;
	struct conf_github *github;	/* in whose braces we are */
	struct conf_github *refused;	/* that, where it is in no list */
} env;

void
build_begin(struct conf *conf)
{
	memset(&env, 0, sizeof(env));
	env.conf = conf;
}

void
build_end(void)
{
	conf_github_free(env.refused);
	env.refused = NULL;
}

char *
build_text(const char *s)
{
	char	*p = strdup(s);

	if (p == NULL)
		fatal("configuration");
	return (p);
}

uint32_t
build_number(int64_t n, int64_t min, int64_t max, const char *what)
{
	if (n < min || n > max) {
		parse_wrong("%s: a number from %lld to %lld was expected",
		    what, (long long)min, (long long)max);
		return ((uint32_t)min);
	}
	return ((uint32_t)n);
}

enum conf_role
build_role(const char *name)
{
	enum conf_role	 r = CONF_VIEWER;

	if (conf_role(name, &r) == -1)
		parse_wrong("role: viewer, api or admin was expected");
	return (r);
}

void
build_path(char **to, char *path, const char *what, size_t max)
{
	if (path[0] != '/')
		parse_wrong("%s: an absolute path was expected", what);
	else if (strlen(path) > max)
		parse_wrong("%s: a path of at most %zu bytes was expected",
		    what, max);
	free(*to);
	*to = path;
}

void
build_group(char *name)
{
	free(env.conf->control_group);
	env.conf->control_group = name;
	env.conf->control_line = lex_line();
}

void
build_file(struct conf_file *f, char *path)
{
	free(f->path);
	f->path = path;
	f->line = lex_line();
}

struct conf_listen *
build_listen(char *host, char *port)
{
	struct conf_listen	*l;
	int			 n = 0;

	if (!conf_address_ok(host))
		parse_wrong("listen on: a numeric IPv4 or IPv6 address or "
		    "localhost was expected, not \"%s\"", host);
	TAILQ_FOREACH(l, &env.conf->listeners, entry) {
		if (strcmp(l->host, host) == 0 && strcmp(l->port, port) == 0)
			parse_wrong("listen on %s port %s: it is there "
			    "already", host, port);
		n++;
	}
	if (n == CONF_LISTEN_MAX)
		parse_wrong("listen on: at most %d were expected",
		    CONF_LISTEN_MAX);
	if ((l = conf_add_listen(env.conf, host, port)) == NULL)
		fatal("configuration");
	free(host);
	free(port);
	return (l);
}

void
build_tls(struct conf_listen *l, const char *file, char *certificate,
    char *key)
{
	l->file = build_text(file);
	l->line = lex_line();
	l->certificate_file = certificate;
	l->key_file = key;
}

void
build_token(const char *name, enum conf_role r, const char *hash,
    int64_t expires)
{
	struct conf_token	*t;
	unsigned char		 digest[CONF_HASH_LEN];

	if (conf_hash(hash, digest) == -1)
		parse_wrong("hash: 64 hexadecimal digits were expected");
	else if (!conf_name_ok(name))
		parse_wrong("api token: a name of 1 to %d bytes was "
		    "expected", CONF_NAME_MAX);
	else if ((t = conf_add_token(env.conf, name, r)) == NULL)
		parse_wrong("api token \"%s\": named twice", name);
	else {
		memcpy(t->hash, digest, sizeof(t->hash));
		t->expires = expires;
	}
}

void
build_http_limit(const char *name, int64_t value)
{
	char	 why[256];

	if (conf_limit(env.conf, name, value, why, sizeof(why)) == -1)
		parse_wrong("%s", why);
}

/* One that is refused is read all the same, for what else is wrong. */
void
build_github(const char *name)
{
	if (!conf_name_ok(name))
		parse_wrong("github: a name of 1 to %d bytes was expected",
		    CONF_NAME_MAX);
	else if (env.conf->ngithubs == CONF_GITHUBS_MAX)
		parse_wrong("github \"%s\": at most %d were expected", name,
		    CONF_GITHUBS_MAX);
	else if ((env.github = conf_add_github(env.conf, name)) != NULL)
		return;
	else
		parse_wrong("github \"%s\": named twice", name);
	conf_github_free(env.refused);
	if ((env.refused = calloc(1, sizeof(*env.refused))) == NULL)
		fatal("configuration");
	env.refused->name = build_text(name);
	env.github = env.refused;
}

void
build_github_end(void)
{
	const struct conf_github	*gh = env.github;

	if (gh->token_file.path == NULL && gh->key_file.path == NULL)
		parse_wrong("github \"%s\": a token file or an app was "
		    "expected", gh->name);
	if (gh->token_file.path != NULL && gh->key_file.path != NULL)
		parse_wrong("github \"%s\": either a token file or an app "
		    "was expected, not both", gh->name);
}

struct conf_github *
build_current(void)
{
	return (env.github);
}

void
build_url(char *url)
{
	const char	*why;

	if (!conf_url_ok(url, &why))
		parse_wrong("url: %s", why);
	free(env.github->url);
	env.github->url = url;
}

void
build_app(int64_t app, int64_t installation)
{
	if (app < 1 || installation < 1)
		parse_wrong("app: numbers of an App and its installation "
		    "were expected");
	env.github->app = (uint64_t)app;
	env.github->installation = (uint64_t)installation;
}

void
build_owner(const char *owner)
{
	struct conf_github	*gh = env.github;
	char			*all;

	if (!conf_owner_ok(owner)) {
		parse_wrong("owners: a user or organisation was expected, "
		    "not \"%s\"", owner);
		return;
	}
	if (asprintf(&all, "%s%s%s", gh->owners != NULL ? gh->owners : "",
	    gh->owners != NULL ? " " : "", owner) == -1)
		fatal("configuration");
	if (strlen(all) > MSG_SMALL) {
		parse_wrong("owners: at most %d bytes of them were expected",
		    MSG_SMALL);
		free(all);
		return;
	}
	free(gh->owners);
	gh->owners = all;
}
