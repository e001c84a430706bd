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
 * The configuration as a whole: made, filled from file and environment,
 * checked, printed.  Runs in the parent.  Must not print or log a secret.
 */

#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "msg.h"

/* `limits http` of ccmd.conf(5). */
static const struct {
	const char	*name;
	size_t		 offset;
	uint32_t	 min;
	uint32_t	 max;
	uint32_t	 usual;
} limits[] = {
#define LIMIT(name, min, max, usual)					\
	{ #name, offsetof(struct msg_conf_limits, name), min, max, usual }
	LIMIT(connections, 16, 65536, 4096),
	LIMIT(address, 1, 65536, 512),
	LIMIT(header, 1, 32, 8),
	LIMIT(body, 1, 64, 64),
	LIMIT(request, 1, 3600, 30),
	LIMIT(idle, 1, 86400, 75),
	LIMIT(answer, 1, 3600, 30),
	LIMIT(pause, 10, 10000, 100),
#undef LIMIT
};

#define NLIMITS	(sizeof(limits) / sizeof(limits[0]))

static uint32_t	 get_limit(const struct conf *, size_t);
static void	 set_limit(struct conf *, size_t, uint32_t);
static int	 read_credentials(struct conf *);
static int	 read_files(const struct conf *, struct conf_github *);
static void	 print_http(const struct conf *);
static void	 print_github(const struct conf_github *);
static const char *named(const struct conf *, const struct conf_file *,
		    char *);
static const char *usual_path(char *, size_t);
static int	 by_name(const struct conf_token *,
		    const struct conf_token *);

TREE_GENERATE(conf_token_names, conf_token, named, by_name)

static int
by_name(const struct conf_token *a, const struct conf_token *b)
{
	return (strcmp(a->name, b->name));
}

struct conf *
conf_new(void)
{
	struct conf	*conf;
	size_t		 i;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		fatal("configuration");
	TAILQ_INIT(&conf->listeners);
	TAILQ_INIT(&conf->tokens);
	RB_INIT(&conf->token_names);
	TAILQ_INIT(&conf->githubs);
	conf->control_role = CONF_ADMIN;
	conf->active = 10;
	conf->idle = 60;
	conf->max = 300;
	conf->reserve = 20;
	conf->newest = 10;
	conf->minutely = 60;
	conf->hourly = 48;
	conf->daily = 60;
	conf->history_days = 90;
	conf->history_megabytes = 1024;
	for (i = 0; i < NLIMITS; i++)
		set_limit(conf, i, limits[i].usual);
	return (conf);
}

void
conf_free(struct conf *conf)
{
	struct conf_listen	*l;
	struct conf_token	*t;
	struct conf_github	*g;

	while ((l = TAILQ_FIRST(&conf->listeners)) != NULL) {
		TAILQ_REMOVE(&conf->listeners, l, entry);
		if (l->fd != -1)
			close(l->fd);
		free(l->host);
		free(l->port);
		free(l->file);
		free(l->certificate_file);
		free(l->key_file);
		free(l->certificate);
		sodium_free(l->key);
		free(l);
	}
	while ((t = TAILQ_FIRST(&conf->tokens)) != NULL) {
		TAILQ_REMOVE(&conf->tokens, t, entry);
		free(t->name);
		free(t);
	}
	while ((g = TAILQ_FIRST(&conf->githubs)) != NULL) {
		TAILQ_REMOVE(&conf->githubs, g, entry);
		conf_github_free(g);
	}
	free(conf->path);
	free(conf->control);
	free(conf->control_group);
	free(conf->statedir);
	free(conf);
}

void
conf_github_free(struct conf_github *g)
{
	if (g == NULL)
		return;
	sodium_free(g->token);
	sodium_free(g->write_token);
	sign_key_free(g->key);
	free(g->name);
	free(g->url);
	free(g->token_file.path);
	free(g->write_file.path);
	free(g->key_file.path);
	free(g->ca_file.path);
	free(g->owners);
	free(g);
}

/* The environment is read even if the file is bad: it holds secrets. */
struct conf *
conf_load(const char *path)
{
	struct conf	*conf = conf_new();
	char		 usual[1024];
	int		 bad = 0;

	if (path == NULL)
		path = usual_path(usual, sizeof(usual));
	if (path != NULL)
		bad |= parse_config(path, conf) == -1;
	bad |= conf_from_environment(conf) == -1;
	if (!bad)
		bad |= conf_defaults(conf) == -1;
	if (!bad)
		bad |= read_credentials(conf) == -1;
	if (bad) {
		conf_free(conf);
		return (NULL);
	}
	return (conf);
}

/* NULL if it is not there. */
static const char *
usual_path(char *buf, size_t size)
{
	int	 n;

	if (geteuid() == 0)
		n = snprintf(buf, size, "%s/ccmd/ccmd.conf", SYSCONFDIR);
	else
		n = snprintf(buf, size, "%s/.ccm/ccmd.conf", conf_home());
	if (n < 0 || (size_t)n >= size || access(buf, F_OK) == -1)
		return (NULL);
	return (buf);
}

const char *
conf_home(void)
{
	const struct passwd	*pw;
	const char		*home = getenv("HOME");

	if (home != NULL && home[0] == '/')
		return (home);
	if ((pw = getpwuid(geteuid())) != NULL && pw->pw_dir[0] == '/')
		return (pw->pw_dir);
	return ("/");
}

static int
read_credentials(struct conf *conf)
{
	struct conf_github	*g;
	struct conf_listen	*l;
	int			 bad = 0;

	TAILQ_FOREACH(l, &conf->listeners, entry)
		if (l->key_file != NULL && certificate_read(l) == -1)
			bad = 1;
	TAILQ_FOREACH(g, &conf->githubs, entry)
		if (read_files(conf, g) == -1)
			bad = 1;
	return (bad ? -1 : 0);
}

/* All of them, so that all that is wrong is said. */
static int
read_files(const struct conf *conf, struct conf_github *g)
{
	const struct conf_file	*f;
	char			 name[CONF_FILE_NAME];
	int			 bad = 0;

	f = &g->token_file;
	if (f->path != NULL && credential_read(f->path, named(conf, f, name),
	    &g->token, &g->token_len) == -1)
		bad = 1;
	f = &g->write_file;
	if (f->path != NULL && credential_read(f->path, named(conf, f, name),
	    &g->write_token, &g->write_len) == -1)
		bad = 1;
	f = &g->key_file;
	if (f->path != NULL &&
	    (g->key = sign_key_read(f->path, named(conf, f, name))) == NULL)
		bad = 1;
	f = &g->ca_file;
	if (f->path != NULL && access(f->path, R_OK) == -1) {
		log_err("%s: %s", named(conf, f, name), strerror(errno));
		bad = 1;
	}
	return (bad ? -1 : 0);
}

/* "ccmd.conf:7: /etc/ccmd/github.token" */
static const char *
named(const struct conf *conf, const struct conf_file *f, char *buf)
{
	(void)snprintf(buf, CONF_FILE_NAME, "%s:%d: %s", conf->path,
	    f->line, log_visible(f->path));
	return (buf);
}

struct conf_listen *
conf_add_listen(struct conf *conf, const char *host, const char *port)
{
	struct conf_listen	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->host = strdup(host)) == NULL ||
	    (l->port = strdup(port)) == NULL)
		return (NULL);
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listeners, l, entry);
	return (l);
}

/* NULL if there is one of that name. */
struct conf_token *
conf_add_token(struct conf *conf, const char *name, enum conf_role role)
{
	struct conf_token	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->name = strdup(name)) == NULL)
		fatal("configuration");
	if (RB_INSERT(conf_token_names, &conf->token_names, t) != NULL) {
		free(t->name);
		free(t);
		return (NULL);
	}
	t->role = role;
	TAILQ_INSERT_TAIL(&conf->tokens, t, entry);
	return (t);
}

/* NULL if there is one of that name. */
struct conf_github *
conf_add_github(struct conf *conf, const char *name)
{
	static uint64_t		 credentials;
	struct conf_github	*g;

	TAILQ_FOREACH(g, &conf->githubs, entry)
		if (strcmp(g->name, name) == 0)
			return (NULL);
	if ((g = calloc(1, sizeof(*g))) == NULL ||
	    (g->name = strdup(name)) == NULL)
		fatal("configuration");
	g->credential = ++credentials;
	g->concurrent = 30;
	g->points = 900;
	TAILQ_INSERT_TAIL(&conf->githubs, g, entry);
	conf->ngithubs++;
	return (g);
}

static const struct {
	const char	*name;
	uint32_t	 what;
} opens[] = {
	{ "metrics", OPEN_METRICS }, { "cctray", OPEN_CCTRAY },
	{ "badges", OPEN_BADGES },
};

static const char *const roles[] = {
	[CONF_VIEWER] = "viewer",
	[CONF_API] = "api",
	[CONF_ADMIN] = "admin",
};

int
conf_print(const struct conf *conf)
{
	const struct conf_github *g;
	size_t			 i;

	printf("state directory %s\n", log_visible(conf->statedir));
	printf("control socket %s role %s", log_visible(conf->control),
	    roles[conf->control_role]);
	if (conf->control_group != NULL)
		printf(" group %s%s", log_visible(conf->control_group),
		    getgrnam(conf->control_group) == NULL ?
		    " (there is none here)" : "");
	printf("\n");
	print_http(conf);
	TAILQ_FOREACH(g, &conf->githubs, entry)
		print_github(g);
	printf("limits http");
	for (i = 0; i < NLIMITS; i++)
		printf(" %s %u", limits[i].name, get_limit(conf, i));
	printf("\n");
	for (i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		if (conf->open & opens[i].what)
			printf("public %s\n", opens[i].name);
	printf("poll interval active %u idle %u max %u reserve %u%%\n",
	    conf->active, conf->idle, conf->max, conf->reserve);
	printf("backups newest %u minutely %u hourly %u daily %u\n",
	    conf->newest, conf->minutely, conf->hourly, conf->daily);
	printf("history days %u megabytes %u\n", conf->history_days,
	    conf->history_megabytes);
	printf("sandbox %s\n", conf->strict ? "strict" :
	    "as far as the system has it");
	return (fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1);
}

static void
print_http(const struct conf *conf)
{
	const struct conf_listen *l;
	const struct conf_token	*t;
	char			 day[32];
	struct tm		 tm;
	time_t			 at;

	if (TAILQ_EMPTY(&conf->tokens))
		printf("http: not listening, no token is configured\n");
	else
		TAILQ_FOREACH(l, &conf->listeners, entry)
			printf("listen on %s port %s%s\n", l->host, l->port,
			    l->key != NULL ? " tls" : "");
	TAILQ_FOREACH(t, &conf->tokens, entry) {
		printf("api token %s role %s", log_visible(t->name),
		    roles[t->role]);
		at = t->expires;
		if (at != 0 && gmtime_r(&at, &tm) != NULL &&
		    strftime(day, sizeof(day), "%Y-%m-%d", &tm) > 0)
			printf(" expires %s%s", day, at <= time(NULL) ?
			    " (it is over)" : "");
		printf("\n");
	}
}

static void
print_github(const struct conf_github *g)
{
	printf("github %s %s owners %s ", log_visible(g->name), g->url,
	    g->owners != NULL ? g->owners : "all");
	if (g->key != NULL)
		printf("app %llu installation %llu",
		    (unsigned long long)g->app,
		    (unsigned long long)g->installation);
	else
		printf("token %s", g->token != NULL ? "yes" : "none");
	if (g->write_token != NULL)
		printf(" write token yes");
	if (g->ca_file.path != NULL)
		printf(" ca file %s", log_visible(g->ca_file.path));
	if (g->concurrent == 0 && g->points == 0)
		printf(" limits none\n");
	else
		printf(" limits concurrent %u points %u\n", g->concurrent,
		    g->points);
}

static uint32_t
get_limit(const struct conf *conf, size_t i)
{
	uint32_t	 value;

	memcpy(&value, (const char *)&conf->limits + limits[i].offset,
	    sizeof(value));
	return (value);
}

static void
set_limit(struct conf *conf, size_t i, uint32_t value)
{
	memcpy((char *)&conf->limits + limits[i].offset, &value,
	    sizeof(value));
}

int
conf_limit(struct conf *conf, const char *name, int64_t value, char *why,
    size_t size)
{
	size_t	 i;

	for (i = 0; i < NLIMITS; i++)
		if (strcmp(limits[i].name, name) == 0)
			break;
	if (i == NLIMITS) {
		(void)strlcpy(why, "limits http: one of", size);
		for (i = 0; i < NLIMITS; i++) {
			(void)strlcat(why, " ", size);
			(void)strlcat(why, limits[i].name, size);
		}
		(void)strlcat(why, " was expected", size);
		return (-1);
	}
	if (value < limits[i].min || value > limits[i].max) {
		(void)snprintf(why, size, "%s: a number from %u to %u was "
		    "expected", name, limits[i].min, limits[i].max);
		return (-1);
	}
	set_limit(conf, i, (uint32_t)value);
	return (0);
}

int
conf_open(struct conf *conf, const char *what)
{
	size_t	 i;

	for (i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		if (strcmp(opens[i].name, what) == 0) {
			conf->open |= opens[i].what;
			return (0);
		}
	return (-1);
}
