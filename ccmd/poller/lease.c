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
 * Which GitHubs there are, whom each serves, and the tokens leased for them.
 * Runs in the poller.  Must not let a token get to another GitHub than its
 * own, nor keep one that was taken back.
 */

#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "github-inside.h"
#include "log.h"

#define GITHUB_MAX	(GITHUB_SLOTS / 2)	/* of a configuration */
/* What is told of one, until github_commit. */
struct told {
	int		 there;
	uint64_t	 credential;
	uint64_t	 app;
	uint64_t	 installation;
	char		 name[MSG_ID_MAX + 1];
	char		 url[MSG_URL_MAX + 1];
	char		 owners[MSG_SMALL];	/* " a b ", or "" for all */
	uint32_t	 concurrent;
	uint32_t	 points;
	char		*token;		/* sodium_malloc, or NULL */
	char		*write_token;
	X509_STORE	*store;
};

static struct {
	struct event_base *base;
	struct github	 all[GITHUB_SLOTS];
	struct told	 told[GITHUB_MAX];
	uint32_t	 reserve;
} env;

static void	 told_clear(struct told *);
static struct github *slot_for(const struct told *);
static void	 take(struct github *, struct told *, uint32_t);
static void	 take_app(struct github *, struct told *);
static int	 same_token(const char *, const char *);
static void	 forget(struct github *);

void
github_begin(struct event_base *base)
{
	size_t	 i;

	env.base = base;
	for (i = 0; i < GITHUB_MAX; i++)
		told_clear(&env.told[i]);
}

static void
told_clear(struct told *t)
{
	sodium_free(t->token);
	sodium_free(t->write_token);
	X509_STORE_free(t->store);
	memset(t, 0, sizeof(*t));
}

int
github_add(uint32_t index, const char *name, const char *url,
    const char *owners, uint32_t concurrent, uint32_t points)
{
	struct told	*t;
	size_t		 n;

	if (index >= GITHUB_MAX || url[0] == '\0') {
		errno = EINVAL;
		return (-1);
	}
	t = &env.told[index];
	if (strlcpy(t->name, name, sizeof(t->name)) >= sizeof(t->name) ||
	    strlcpy(t->url, url, sizeof(t->url)) >= sizeof(t->url) ||
	    snprintf(t->owners, sizeof(t->owners), owners[0] == '\0' ? "" :
	    " %s ", owners) >= (int)sizeof(t->owners)) {
		errno = EINVAL;
		return (-1);
	}
	while ((n = strlen(t->url)) > 0 && t->url[n - 1] == '/')
		t->url[n - 1] = '\0';
	t->concurrent = concurrent;
	t->points = points;
	t->there = 1;
	return (0);
}

int
github_set_app(uint32_t index, uint64_t credential, uint64_t app,
    uint64_t installation)
{
	if (index >= GITHUB_MAX) {
		errno = EINVAL;
		return (-1);
	}
	env.told[index].credential = credential;
	env.told[index].app = app;
	env.told[index].installation = installation;
	return (0);
}

int
github_set_token(uint32_t index, int write, const void *token, size_t len)
{
	struct told	*t;
	char		**p;

	if (index >= GITHUB_MAX || len > GITHUB_TOKEN_MAX) {
		errno = EINVAL;
		return (-1);
	}
	t = &env.told[index];
	p = write ? &t->write_token : &t->token;
	sodium_free(*p);
	*p = NULL;
	if (len == 0)
		return (0);
	return ((*p = github_lock(t->name, token, len)) == NULL ? -1 : 0);
}

char *
github_lock(const char *name, const void *text, size_t len)
{
	char	*p;

	if ((p = sodium_malloc(len + 1)) == NULL)
		return (NULL);
	memcpy(p, text, len);
	p[len] = '\0';
	/* sodium_malloc does not say whether its lock held. */
	if (sodium_mlock(p, len + 1) == -1)
		log_warn("github %s: token memory can't be locked", name);
	return (p);
}

int
github_set_ca(uint32_t index, const char *pem, size_t len)
{
	X509_STORE	*store;

	if (index >= GITHUB_MAX || (store = http_store(pem, len)) == NULL) {
		errno = EINVAL;
		return (-1);
	}
	X509_STORE_free(env.told[index].store);
	env.told[index].store = store;
	return (0);
}

/*
 * One of the same name and URL stays the same one, with its calls; a token
 * never goes to the URL of another.  What is gone loses its token at once,
 * and those who wait for it are told from the loop.
 */
void
github_commit(void)
{
	struct github	*gh;
	uint32_t	 i;

	for (gh = env.all; gh < env.all + GITHUB_SLOTS; gh++)
		gh->configured = 0;
	for (i = 0; i < GITHUB_MAX; i++) {
		if (!env.told[i].there)
			continue;
		if ((gh = slot_for(&env.told[i])) == NULL)
			log_err("github %s: too many former ones are busy",
			    env.told[i].name);
		else
			take(gh, &env.told[i], i);
		told_clear(&env.told[i]);
	}
	for (gh = env.all; gh < env.all + GITHUB_SLOTS; gh++)
		if (gh->timer != NULL) {
			if (!gh->configured) {
				app_forget(gh);
				forget(gh);
			}
			github_wake(gh);
		}
}

/* Its own one, else one that was never used, else one without calls. */
static struct github *
slot_for(const struct told *t)
{
	struct github	*gh, *idle = NULL, *unused = NULL;

	for (gh = env.all; gh < env.all + GITHUB_SLOTS; gh++) {
		if (gh->configured)
			continue;
		if (gh->timer == NULL) {
			if (unused == NULL)
				unused = gh;
		} else if (strcmp(gh->name, t->name) == 0 &&
		    strcmp(gh->url, t->url) == 0)
			return (gh);
		else if (idle == NULL && gh->budget.running[BUDGET_COMMAND] +
		    gh->budget.running[BUDGET_LOOK] +
		    gh->write_budget.running[BUDGET_COMMAND] == 0 &&
		    TAILQ_EMPTY(&gh->waiting[GH_COMMAND]) &&
		    TAILQ_EMPTY(&gh->waiting[GH_LOOK]))
			idle = gh;
	}
	return (unused != NULL ? unused : idle);
}

static void
take(struct github *gh, struct told *t, uint32_t index)
{
	int	 i;

	if (gh->timer == NULL) {
		gh->timer = evtimer_new(env.base, github_on_timer, gh);
		if (gh->timer == NULL)
			fatalx("github %s: no timer", t->name);
		for (i = 0; i < GH_PRIORITIES; i++)
			TAILQ_INIT(&gh->waiting[i]);
		budget_init(&gh->budget);
		budget_init(&gh->write_budget);
	}
	take_app(gh, t);
	gh->renewed = !same_token(gh->token, t->token);
	if (gh->renewed)
		budget_forget(&gh->budget);
	if (gh->renewed)
		token_forget(&gh->about[0]);
	if (!same_token(gh->write_token, t->write_token)) {
		budget_forget(&gh->write_budget);
		token_forget(&gh->about[1]);
	}
	budget_limits(&gh->budget, t->concurrent, t->points, env.reserve);
	budget_limits(&gh->write_budget, t->concurrent, t->points, 0);
	(void)strlcpy(gh->name, t->name, sizeof(gh->name));
	(void)strlcpy(gh->url, t->url, sizeof(gh->url));
	(void)strlcpy(gh->owners, t->owners, sizeof(gh->owners));
	gh->origin = github_origin(gh->url);
	forget(gh);
	gh->token = t->token;
	gh->write_token = t->write_token;
	gh->store = t->store;
	t->token = t->write_token = NULL;
	t->store = NULL;
	gh->index = index;
	gh->configured = 1;
}

/*
 * The same App with the same key keeps its installation's token; what is
 * under way for another one is given up.
 */
static void
take_app(struct github *gh, struct told *t)
{
	if (t->app == 0 || t->credential != gh->credential)
		app_begin(gh, t->app, t->installation);
	else if (gh->token != NULL)
		t->token = github_lock(t->name, gh->token,
		    strlen(gh->token));
	gh->credential = t->credential;
}

static int
same_token(const char *a, const char *b)
{
	return (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Tokens are wiped with their memory. */
static void
forget(struct github *gh)
{
	sodium_free(gh->token);
	sodium_free(gh->write_token);
	gh->token = gh->write_token = NULL;
	X509_STORE_free(gh->store);
	gh->store = NULL;
}

struct github *
github_for(const char *owner, size_t len)
{
	struct github	*any = NULL, *named = NULL, *gh;
	char		 word[128];
	int		 n;

	n = snprintf(word, sizeof(word), " %.*s ", (int)len, owner);
	if (n < 0 || (size_t)n >= sizeof(word))
		return (NULL);
	for (gh = env.all; gh < env.all + GITHUB_SLOTS; gh++) {
		if (!gh->configured)
			continue;
		if (gh->owners[0] == '\0') {
			if (any == NULL || gh->index < any->index)
				any = gh;
		} else if (strcasestr(gh->owners, word) != NULL &&
		    (named == NULL || gh->index < named->index))
			named = gh;
	}
	return (named != NULL ? named : any);
}

const char *
github_url(const struct github *gh)
{
	return (gh->url);
}

X509_STORE *
github_store(struct github *gh)
{
	return (gh->store);
}

int
github_has_token(const struct github *gh)
{
	return (gh->token != NULL || gh->app.id != 0);
}

int
github_writes_apart(const struct github *gh)
{
	return (gh->write_token != NULL);
}

void
github_warning(const struct github *gh, int64_t now, char *buf, size_t size)
{
	const char	*trouble = app_trouble(gh);

	buf[0] = '\0';
	if (trouble != NULL)
		(void)strlcpy(buf, trouble, size);
	else if (gh->about[0].refused || gh->about[1].refused)
		(void)snprintf(buf, size, "GitHub does not take the token%s",
		    gh->about[0].refused ? "" : " for changes");
	else if (!token_ending(&gh->about[0], now, buf, size))
		(void)token_ending(&gh->about[1], now, buf, size);
}

const struct token *
github_token(const struct github *gh, int write)
{
	return (&gh->about[write && gh->write_token != NULL]);
}

const struct app *
github_app(const struct github *gh)
{
	return (gh->app.id != 0 ? &gh->app : NULL);
}

void
github_set_reserve(uint32_t reserve)
{
	env.reserve = reserve;
}

/* In the order of the configuration. */
struct github *
github_next(struct github *after)
{
	struct github	*gh, *next = NULL;

	for (gh = env.all; gh < env.all + GITHUB_SLOTS; gh++)
		if (gh->configured &&
		    (after == NULL || gh->index > after->index) &&
		    (next == NULL || gh->index < next->index))
			next = gh;
	return (next);
}

const char *
github_name(const struct github *gh)
{
	return (gh->name);
}

uint32_t
github_slot(const struct github *gh)
{
	return ((uint32_t)(gh - env.all));
}

int
github_renewed(const struct github *gh)
{
	return (gh->renewed);
}

uint32_t
github_index(const struct github *gh)
{
	return (gh->index);
}

struct budget *
github_budget(struct github *gh)
{
	return (&gh->budget);
}

struct budget *
github_write_budget(struct github *gh)
{
	return (github_writes_apart(gh) ? &gh->write_budget : NULL);
}

/* Bytes of "https://host:port". */
size_t
github_origin(const char *url)
{
	const char	*p = strstr(url, "://");

	if (p == NULL)
		return (0);
	p += 3;
	return ((size_t)(p - url) + strcspn(p, "/?#"));
}
