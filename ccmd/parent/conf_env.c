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
 * What the environment says, as it said to the Python CCM, and what is
 * taken where nobody says anything.  Runs in the parent.  Secrets are wiped
 * from the environment before there is a child.
 */

#include "config.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"

#define ENV_GITHUB	"env"	/* the names of what came from there */
#define ENV_TOKEN	"env"
#define REGISTRY_FILE	"pipelines.json"
#define PROJECTS_FILE	"projects.json"

static struct {
	int		 taken;
	int		 has_api;
	unsigned char	 api_hash[CONF_HASH_LEN];
	char		*github;	/* sodium_malloc, or NULL */
	const char	*github_name;	/* the variable that it was in */
	char		 cwd[1024];	/* where we were started; "" if lost */
} kept;

static void	 take_environment(void);
static int	 from_tokens(struct conf *);
static int	 from_github(struct conf *);
static int	 from_paths(struct conf *);
static int	 set_statedir(struct conf *, const char *, const char *);
static int	 check_projects(const struct conf *);
static int	 check_dry_run(void);
static char	*take_secret(const char *);
static const char *set_variable(const char *);

/* All of it is looked at, so that every secret is wiped. */
int
conf_from_environment(struct conf *conf)
{
	int	 bad = 0;

	bad |= from_tokens(conf) == -1;
	bad |= from_paths(conf) == -1;
	bad |= check_dry_run() == -1;
	return (bad ? -1 : 0);
}

/*
 * What there was at the start stays, in locked memory, for each time that
 * the configuration is read.  Of the API's token the hash is enough.
 */
static void
take_environment(void)
{
	char	*github, *other, *api;

	if (kept.taken)
		return;
	kept.taken = 1;
	github = take_secret("GHT");
	other = take_secret("GITHUB_TOKEN");
	api = take_secret("CCM_API_TOKEN");
	kept.github_name = "GHT";
	if (github == NULL) {
		kept.github_name = "GITHUB_TOKEN";
		github = other;
		other = NULL;
	}
	kept.github = github;
	if (api != NULL) {
		crypto_generichash(kept.api_hash, sizeof(kept.api_hash),
		    (unsigned char *)api, strlen(api), NULL, 0);
		kept.has_api = 1;
	}
	sodium_free(other);
	sodium_free(api);
	/* A daemon in the background has left where it was started. */
	if (getcwd(kept.cwd, sizeof(kept.cwd)) == NULL)
		kept.cwd[0] = '\0';
}

/* The configuration wins where it has a github block. */
static int
from_tokens(struct conf *conf)
{
	struct conf_token	*t;

	take_environment();
	if (kept.has_api &&
	    (t = conf_add_token(conf, ENV_TOKEN, CONF_ADMIN)) != NULL)
		memcpy(t->hash, kept.api_hash, sizeof(t->hash));
	return (TAILQ_EMPTY(&conf->githubs) ? from_github(conf) : 0);
}

static int
from_github(struct conf *conf)
{
	struct conf_github	*g;
	const char		*url = getenv("CCM_GITHUB_URL"), *why;

	if (url != NULL && url[0] != '\0' && !conf_url_ok(url, &why)) {
		log_err("CCM_GITHUB_URL: %s", why);
		return (-1);
	}
	g = conf_add_github(conf, ENV_GITHUB);
	if (url != NULL && url[0] != '\0')
		g->url = strdup(url);
	if (kept.github == NULL)
		return (0);
	g->token_len = strlen(kept.github);
	g->token = credential_copy(kept.github, g->token_len);
	if (credential_text_ok(g->token, g->token_len))
		return (0);
	log_err("%s: a token of visible ASCII, without blanks, was expected",
	    kept.github_name);
	return (-1);
}

/*
 * A secret leaves the environment: the variable goes, and the bytes that
 * /proc/PID/environ still shows are overwritten.
 */
static char *
take_secret(const char *name)
{
	char	*value = getenv(name), *copy = NULL;
	size_t	 len;

	if (value == NULL)
		return (NULL);
	if ((len = strlen(value)) > 0)
		copy = credential_copy(value, len);
	explicit_bzero(value, len);
	unsetenv(name);
	return (copy);
}

static int
from_paths(struct conf *conf)
{
	const char	*socket = getenv("CCM_SOCKET"), *path, *name;

	if (conf->control == NULL && socket != NULL && socket[0] != '\0') {
		if ((conf->control = conf_expand(socket)) == NULL)
			return (-1);
		if (strlen(conf->control) > CONF_SOCKET_MAX) {
			log_err("CCM_SOCKET: a path of at most %d bytes was "
			    "expected", CONF_SOCKET_MAX);
			return (-1);
		}
	}
	name = "CCM_PIPELINES_PATH";
	if ((path = set_variable(name)) == NULL)
		path = set_variable(name = "CCM_PIPELINES");
	if (conf->statedir == NULL && path != NULL)
		return (set_statedir(conf, name, path));
	return (0);
}

/* NULL where it is empty, too. */
static const char *
set_variable(const char *name)
{
	const char	*v = getenv(name);

	return (v != NULL && v[0] != '\0' ? v : NULL);
}

/* The directory of the registry's file. */
static int
set_statedir(struct conf *conf, const char *name, const char *path)
{
	char	*full = conf_expand(path), *slash;

	if (full == NULL)
		return (-1);
	slash = strrchr(full, '/');
	if (slash == NULL || strcmp(slash + 1, REGISTRY_FILE) != 0) {
		log_err("%s: a path that ends in /" REGISTRY_FILE
		    " was expected", name);
		free(full);
		return (-1);
	}
	if (slash == full)
		slash++;
	*slash = '\0';
	conf->statedir = full;
	return (0);
}

/*
 * "~/" is what the Python CCM's documentation quotes; a relative path is
 * one from here.
 */
char *
conf_expand(const char *path)
{
	char	*full;
	int	 n;

	if (strncmp(path, "~/", 2) == 0)
		n = asprintf(&full, "%s/%s", conf_home(), path + 2);
	else if (path[0] != '/' && kept.cwd[0] != '\0')
		n = asprintf(&full, "%s/%s", kept.cwd, path);
	else
		n = asprintf(&full, "%s", path);
	return (n == -1 ? NULL : full);
}

/* It would be dangerous to go on as if it were in force. */
static int
check_dry_run(void)
{
	const char	*v = getenv("CCM_DRY_RUN");

	if (v == NULL || v[0] == '\0' || strcmp(v, "0") == 0 ||
	    strcasecmp(v, "false") == 0 || strcasecmp(v, "no") == 0)
		return (0);
	log_err("CCM_DRY_RUN: not supported; unset it to start");
	return (-1);
}

int
conf_defaults(struct conf *conf)
{
	struct conf_github	*g;
	int			 root = geteuid() == 0, n = 0;

	if (conf->statedir == NULL)
		n = root ? asprintf(&conf->statedir, "%s/lib/ccmd",
		    LOCALSTATEDIR) : asprintf(&conf->statedir, "%s/.ccm",
		    conf_home());
	if (n != -1 && conf->control == NULL)
		n = root ? asprintf(&conf->control, "%s/ccmd/ccmd.sock",
		    RUNSTATEDIR) : asprintf(&conf->control,
		    "%s/.ccm/ccmd.sock", conf_home());
	if (n == -1)
		return (-1);
	TAILQ_FOREACH(g, &conf->githubs, entry)
		if (g->url == NULL &&
		    (g->url = strdup("https://api.github.com")) == NULL)
			return (-1);
	if (TAILQ_EMPTY(&conf->listeners) &&
	    conf_add_listen(conf, "127.0.0.1", "5000") == NULL)
		return (-1);
	if (conf->statedir[0] != '/' || conf->control[0] != '/') {
		log_err("state directory and control socket: absolute paths "
		    "were expected");
		return (-1);
	}
	if (conf->max < conf->idle)
		conf->max = conf->idle;
	return (check_projects(conf));
}

/* projects.json lies in the state directory: it is the registry's. */
static int
check_projects(const struct conf *conf)
{
	const char	*path = getenv("CCM_CONFIG");
	char		*full, *slash;
	int		 inside, r = 0;

	if (path == NULL || path[0] == '\0')
		return (0);
	if ((full = conf_expand(path)) == NULL)
		return (-1);
	if ((slash = strrchr(full, '/')) != NULL)
		*slash = '\0';
	inside = slash != NULL && strcmp(full, conf->statedir) == 0;
	if (inside && strcmp(slash + 1, PROJECTS_FILE) == 0)
		;
	else if (inside || geteuid() != 0)
		log_warn("CCM_CONFIG: projects are kept in %s/" PROJECTS_FILE
		    "; what is elsewhere comes in by ccmctl registry import",
		    conf->statedir);
	else {
		log_err("CCM_CONFIG: a file in the state directory %s was "
		    "expected", conf->statedir);
		r = -1;
	}
	free(full);
	return (r);
}
