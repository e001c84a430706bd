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
 * GitHub Apps: tokens of an installation, asked for and renewed.  Runs in
 * the poller.  Must not follow a redirect with a JWT, nor keep a token
 * anywhere but in locked memory.
 *
 * https://docs.github.com/en/rest/apps/apps
 *	#create-an-installation-access-token-for-an-app
 */

#include "config.h"

#include <event2/event.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "github-inside.h"
#include "json.h"
#include "log.h"
#include "poller.h"
#include "proc.h"
#include "timestamp.h"

#define APP_TIMEOUT_MS	15000
/* A token is renewed so long before its end, or at half of its life. */
#define APP_MARGIN	300
/* One that is younger was not refused for its age, milliseconds. */
#define APP_YOUNG_MS	6000
/* After a failure: 2 s, then twice as long, up to 5 minutes. */
#define APP_RETRY_MIN	2
#define APP_RETRY_MAX	300
/* The clocks differ if by more than that; the parent has a bound, too. */
#define APP_SKEW_MIN	30
/* Of GitHub's own words, and of an answer. */
#define APP_MESSAGE_MAX	256
#define APP_ANSWER_MAX	65536
/* Stands where a token was. */
#define CUT		'x'

static struct peer *parent;

static void	 on_timer(evutil_socket_t, short, void *);
static void	 ask(struct github *);
static void	 drop(struct github *);
static void	 on_answer(const struct http_reply *, void *);
static int	 skewed(struct github *, const struct http_reply *);
static char	*cut_token(struct github *, const struct http_reply *);
static int	 take(struct github *, const struct http_reply *, char *);
static int	 is_cut(struct json_object *);
static int	 lifetime(struct json_object *, const struct http_reply *,
		    int64_t *);
static void	 take_permissions(struct app *, struct json_object *);
static void	 refused(struct github *, const struct http_reply *);
static void	 failed(struct github *, int64_t, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
static void	 arm(struct github *, int64_t);

void
app_set_parent(struct peer *peer)
{
	parent = peer;
}

void
app_begin(struct github *gh, uint64_t id, uint64_t installation)
{
	app_forget(gh);
	gh->app.id = id;
	gh->app.installation = installation;
	gh->app.skew = 0;
	gh->app.failures = 0;
	gh->app.why[0] = gh->app.permissions[0] = '\0';
	if (id != 0 && gh->app.timer == NULL &&
	    (gh->app.timer = evtimer_new(poller_base(), on_timer, gh)) ==
	    NULL)
		fatal("app");
}

void
app_forget(struct github *gh)
{
	if (gh->app.req != NULL)
		http_cancel(gh->app.req);
	gh->app.req = NULL;
	gh->app.state = APP_IDLE;
	if (gh->app.timer != NULL)
		evtimer_del(gh->app.timer);
	if (gh->app.id != 0)
		drop(gh);
	gh->app.id = 0;
}

/* The token is wiped with its memory. */
static void
drop(struct github *gh)
{
	sodium_free(gh->token);
	gh->token = NULL;
	if (gh->app.state == APP_IDLE)
		evtimer_del(gh->app.timer);
}

const char *
app_token(struct github *gh)
{
	if (gh->app.id == 0)
		return (gh->token);
	if (gh->token != NULL && proc_now_ms() < gh->app.expires)
		return (gh->token);
	if (gh->token != NULL)
		drop(gh);
	if (!evtimer_pending(gh->app.timer, NULL))
		ask(gh);
	return (NULL);
}

const char *
app_trouble(const struct github *gh)
{
	if (gh->app.id == 0 || gh->token != NULL || gh->app.why[0] == '\0')
		return (NULL);
	return (gh->app.why);
}

int
app_refused(struct github *gh, uint32_t number)
{
	if (gh->app.id == 0)
		return (0);
	if (number != gh->app.number || gh->token == NULL)
		return (1);
	if (proc_now_ms() - gh->app.got < APP_YOUNG_MS)
		return (0);
	log_info("github %s: the installation's token is not taken any more",
	    gh->name);
	drop(gh);
	return (1);
}

static void
on_timer(evutil_socket_t fd __attribute__((unused)),
    short what __attribute__((unused)), void *arg)
{
	ask(arg);
}

/* The answer is app_signed. */
static void
ask(struct github *gh)
{
	union msg	 m;

	if (gh->app.state != APP_IDLE)
		return;
	gh->app.state = APP_SIGNING;
	memset(&m, 0, sizeof(m));
	m.sign_jwt.credential = gh->credential;
	m.sign_jwt.skew = gh->app.skew;
	peer_send(parent, M_SIGN_JWT, &m, -1);
}

void
app_signed(uint64_t credential, const void *jwt, size_t len)
{
	struct http_call	 call;
	struct github		*gh;
	char			 url[MSG_URL_MAX + 64];
	char			*text;

	for (gh = github_next(NULL); gh != NULL; gh = github_next(gh))
		if (gh->app.id != 0 && gh->credential == credential &&
		    gh->app.state == APP_SIGNING)
			break;
	if (gh == NULL)
		return;		/* it went with a reload */
	gh->app.state = APP_IDLE;
	if (len == 0) {
		failed(gh, 0, "ccmd did not sign for it: see its log");
		return;
	}
	(void)snprintf(url, sizeof(url), "%s/app/installations/%llu/"
	    "access_tokens", gh->url,
	    (unsigned long long)gh->app.installation);
	if ((text = github_lock(gh->name, jwt, len)) == NULL)
		fatal("jwt");
	memset(&call, 0, sizeof(call));
	call.method = "POST";
	call.url = url;
	call.token = text;
	call.store = gh->store;
	call.timeout_ms = APP_TIMEOUT_MS;
	call.secret = 1;
	gh->app.req = http_start(&call, on_answer, gh);
	sodium_free(text);
	if (gh->app.req == NULL)
		failed(gh, 0, "out of memory");
	else
		gh->app.state = APP_ASKING;
}

static void
on_answer(const struct http_reply *reply, void *arg)
{
	struct github	*gh = arg;
	char		*token = cut_token(gh, reply);

	gh->app.req = NULL;
	gh->app.state = APP_IDLE;
	if (reply->status == 201) {
		if (take(gh, reply, token) == -1) {
			sodium_free(token);
			failed(gh, 0, "GitHub's answer is not what it should "
			    "be");
		}
		/* Whoever waits goes on, or is told. */
		github_wake(gh);
		return;
	}
	sodium_free(token);
	if (skewed(gh, reply)) {
		ask(gh);
		return;
	}
	refused(gh, reply);
	github_wake(gh);
}

/*
 * A JWT that is of another time than GitHub's is refused.  Its answer says
 * what time it has: it is signed anew by that.
 */
static int
skewed(struct github *gh, const struct http_reply *reply)
{
	int64_t	 skew;

	if (reply->status != 401 || reply->date == -1)
		return (0);
	skew = reply->date - time(NULL);
	if (llabs(skew - gh->app.skew) < APP_SKEW_MIN)
		return (0);
	log_warn("github %s: GitHub's clock differs from ours by %lld s",
	    gh->name, (long long)skew);
	gh->app.skew = skew;
	return (1);
}

/*
 * Out of the answer before json-c, which frees copies of what it reads, sees
 * it: into locked memory, and as many letters in its place.  NULL: there is
 * none, or it is not what a header can carry.
 */
static char *
cut_token(struct github *gh, const struct http_reply *reply)
{
	const char	*text, *p;
	char		*token = NULL;
	size_t		 n;

	if (reply->len == 0 || json_find_text(reply->body, reply->len, "token",
	    &text, &n) == -1)
		return (NULL);
	for (p = text; p < text + n && *p > 0x20 && *p < 0x7f; p++)
		;
	if (n > 0 && n <= GITHUB_TOKEN_MAX && p == text + n)
		token = github_lock(gh->name, text, n);
	memset((char *)(uintptr_t)text, CUT, n);
	return (token);
}

/* The token becomes ours, but for a failure. */
static int
take(struct github *gh, const struct http_reply *reply, char *token)
{
	struct json_object	*o;
	int64_t			 life, now = proc_now_ms();
	int			 r = -1;

	if (token == NULL)
		return (-1);
	o = json_parse_strict(reply->body, reply->len, APP_ANSWER_MAX, NULL);
	if (o == NULL)
		return (-1);
	if (lifetime(o, reply, &life) == 0 && is_cut(o)) {
		sodium_free(gh->token);
		gh->token = token;
		take_permissions(&gh->app, json_member(o, "permissions",
		    json_type_object));
		gh->app.number++;
		gh->app.got = now;
		gh->app.expires = now + life * 1000;
		gh->app.failures = 0;
		gh->app.why[0] = '\0';
		arm(gh, life > 2 * APP_MARGIN ? (life - APP_MARGIN) * 1000 :
		    life * 500);
		log_info("github %s: token of installation %llu, good for "
		    "%lld s", gh->name,
		    (unsigned long long)gh->app.installation,
		    (long long)life);
		r = 0;
	}
	json_object_put(o);
	return (r);
}

/* What was cut out is what the member is. */
static int
is_cut(struct json_object *o)
{
	const char	*text = json_string(o, "token");

	for (; text != NULL && *text == CUT; text++)
		;
	return (text != NULL && *text == '\0');
}

/* By GitHub's clock alone, whatever ours says. */
static int
lifetime(struct json_object *o, const struct http_reply *reply,
    int64_t *life)
{
	const char	*text = json_string(o, "expires_at");
	int64_t		 at;

	if (text == NULL || timestamp_parse(text, &at) == -1)
		return (-1);
	*life = at - (reply->date != -1 ? reply->date : time(NULL));
	return (*life > 0 ? 0 : -1);
}

/* What does not fit is left out, whole: it is told in JSON. */
static void
take_permissions(struct app *app, struct json_object *o)
{
	size_t		 size = sizeof(app->permissions), len;
	const char	*may;

	(void)strlcpy(app->permissions, " ", size);
	if (o == NULL)
		return;
	json_object_object_foreach(o, name, value) {
		if (!json_object_is_type(value, json_type_string))
			continue;
		may = json_object_get_string(value);
		len = strlen(app->permissions);
		if (strlen(name) + strlen(may) + sizeof("= ") > size - len)
			continue;
		(void)snprintf(app->permissions + len, size - len, "%s=%s ",
		    name, may);
	}
}

/* In words: what each status means here. */
static void
refused(struct github *gh, const struct http_reply *reply)
{
	static const struct {
		int		 status;
		const char	*what;
	} meanings[] = {
		{ 401, "the App's number, or its key, is not right" },
		{ 403, "the installation is suspended, or a limit reached" },
		{ 404, "there is no such installation of this App" },
	};
	struct json_object	*o;
	const char		*message, *what = "";
	size_t			 i;

	if (reply->status == 0) {
		failed(gh, 0, "GitHub did not answer: %s", reply->error);
		return;
	}
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].status == reply->status)
			what = meanings[i].what;
	o = json_parse_strict(reply->body, reply->len, APP_ANSWER_MAX, NULL);
	message = json_string(o, "message");
	if (message == NULL)
		message = "";
	failed(gh, reply->retry_after, "GitHub answered %d%s%.*s%s%s",
	    reply->status, message[0] != '\0' ? ": " : "",
	    (int)json_cut(message, APP_MESSAGE_MAX), message,
	    what[0] != '\0' ? ": " : "", what);
	json_object_put(o);
}

static void
failed(struct github *gh, int64_t wait, const char *fmt, ...)
{
	struct app	*app = &gh->app;
	char		 text[sizeof(app->why) - 64];
	unsigned int	 i;
	va_list		 ap;
	int64_t		 later = APP_RETRY_MIN;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(app->why, sizeof(app->why), "No token for GitHub App "
	    "%llu: %s", (unsigned long long)app->id, text);
	for (i = 0; i < app->failures && later < APP_RETRY_MAX; i++)
		later *= 2;
	if (later > APP_RETRY_MAX)
		later = APP_RETRY_MAX;
	app->failures++;
	arm(gh, (wait > later ? wait : later) * 1000);
	log_warn("github %s: %s", gh->name, log_visible(app->why));
	github_wake(gh);
}

static void
arm(struct github *gh, int64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = (ms % 1000) * 1000;
	evtimer_add(gh->app.timer, &tv);
}
