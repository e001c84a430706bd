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
 * ccmd.conf(5).  Runs in the parent, before it has children.  Must not open
 * anything that the file names: that comes later, with privileges known.
 */

%{
#include "config.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf.h"
#include "log.h"

#define WORD_MAX_LEN	4096
#define LINES_MAX	100000

static struct {
	FILE		*file;
	const char	*path;
	struct conf	*conf;
	struct conf_github *github;
	int		 line;		/* being read */
	int		 errors;
	int		 nested;	/* inside braces */
	int		 fresh_line;	/* the next token is on a new one */
	int		 ended;
} in;

static int	 yylex(void);
static void	 yyerror(const char *);
static void	 wrong(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
static char	*copy(const char *);
static uint32_t	 number(int64_t, int64_t, int64_t, const char *);
static enum conf_role role(const char *);
static int	 hash_parse(const char *, unsigned char *);
static int64_t	 date_parse(const char *);
static void	 http_limit(const char *, int64_t);
static void	 add_owner(struct conf_github *, const char *);
static void	 check_github(const struct conf_github *);

int		 yyparse(void);
%}

%define parse.error verbose

%union {
	int64_t	 number;
	char	*string;
}

%token LISTEN "listen" ON "on" PORT "port" TLS "tls"
%token CERTIFICATE "certificate" KEY "key" FILE_ "file"
%token CONTROL "control" SOCKET "socket" GROUP "group" ROLE "role"
%token STATE "state" DIRECTORY "directory" GITHUB "github" URL "url"
%token TOKEN "token" WRITE "write" APP "app" INSTALLATION "installation" OWNERS "owners"
%token LIMITS "limits" CONCURRENT "concurrent" POINTS "points" NONE "none"
%token API "api" HASH "hash" EXPIRES "expires" POLL "poll"
%token INTERVAL "interval" ACTIVE "active" IDLE "idle" MAX_ "max"
%token RESERVE "reserve" VPS "vps" HOST "host" USER "user" APPS "apps"
%token SUDO "sudo" SECRET "secret" REPOSITORIES "repositories"
%token SANDBOX "sandbox" STRICT "strict" BACKUPS "backups"
%token HISTORY "history" DAYS "days" MEGABYTES "megabytes"
%token PUBLIC "public"
%token NEWEST "newest" MINUTELY "minutely" HOURLY "hourly" DAILY "daily"
%token CA "ca" PERCENT "%" OPEN "{" CLOSE "}" EOL "end of line"
%token <string> STRING "a word"
%token <number> NUMBER "a number"
%type <string> word port
%type <number> num
%destructor { free($$); } <string>

%%

file	: /* empty */
	| file EOL
	| file directive EOL
	| file error EOL	{ yyerrok; in.nested = 0; }
	;

directive : listen
	| control
	| state
	| github
	| token
	| poll
	| backups
	| history
	| http_limits
	| public
	| vps
	| secret
	| SANDBOX STRICT	{ in.conf->strict = 1; }
	;

word	: STRING
	| API			{ $$ = copy("api"); }
	| NONE			{ $$ = copy("none"); }
	;

num	: NUMBER
	;

port	: PORT NUMBER		{
		char text[8];

		(void)snprintf(text, sizeof(text), "%u",
		    number($2, 1, 65535, "port"));
		$$ = copy(text);
	}
	;

listen	: LISTEN ON STRING port	{
		if (conf_add_listen(in.conf, $3, $4) == NULL)
			wrong("listen: out of memory");
		free($3);
		free($4);
	}
	| LISTEN ON STRING port TLS CERTIFICATE STRING KEY STRING {
		struct conf_listen *l;

		l = conf_add_listen(in.conf, $3, $4);
		free($3);
		free($4);
		if (l == NULL)
			fatal("configuration");
		l->file = copy(in.path);
		l->line = in.line;
		l->certificate_file = $7;
		l->key_file = $9;
	}
	;

control	: CONTROL SOCKET STRING control_options {
		free(in.conf->control);
		in.conf->control = $3;
	}
	;

control_options : /* empty */
	| control_options GROUP STRING {
		free(in.conf->control_group);
		in.conf->control_group = $3;
	}
	| control_options ROLE word {
		in.conf->control_role = role($3);
		free($3);
	}
	;

state	: STATE DIRECTORY STRING {
		free(in.conf->statedir);
		in.conf->statedir = $3;
	}
	;

github	: GITHUB STRING OPEN	{
		in.nested++;
		in.github = conf_add_github(in.conf, $2);
		if (in.github == NULL) {
			wrong("github \"%s\": named twice, or too many", $2);
			YYABORT;
		}
	} github_options CLOSE	{
		in.nested--;
		free($2);
		check_github(in.github);
	}
	;

github_options : /* empty */
	| github_options github_option
	;

github_option : URL STRING	{
		const char *why;

		if (!conf_url_ok($2, &why))
			wrong("url: %s", why);
		free(in.github->url);
		in.github->url = $2;
	}
	| TOKEN FILE_ STRING	{
		free(in.github->token_file);
		in.github->token_file = $3;
	}
	| WRITE TOKEN FILE_ STRING	{
		free(in.github->write_file);
		in.github->write_file = $4;
	}
	| APP num INSTALLATION num KEY FILE_ STRING {
		if ($2 < 1 || $4 < 1)
			wrong("app: numbers of an App and its installation "
			    "were expected");
		in.github->app = (uint64_t)$2;
		in.github->installation = (uint64_t)$4;
		free(in.github->key_file);
		in.github->key_file = $7;
	}
	| CA FILE_ STRING	{
		free(in.github->ca_file);
		in.github->ca_file = $3;
	}
	| OWNERS OPEN owners CLOSE
	| LIMITS NONE		{
		in.github->concurrent = in.github->points = 0;
	}
	| LIMITS limits
	;

owners	: /* empty */
	| owners STRING		{
		add_owner(in.github, $2);
		free($2);
	}
	;

limits	: limit
	| limits limit
	;

limit	: CONCURRENT num	{
		in.github->concurrent = number($2, 1, 100, "concurrent");
	}
	| POINTS num		{
		in.github->points = number($2, 1, 1000000, "points");
	}
	;

token	: API TOKEN STRING ROLE word HASH STRING expires_none {
		struct conf_token *t;

		t = conf_add_token(in.conf, $3, role($5));
		if (t == NULL)
			wrong("api token \"%s\": named twice", $3);
		else if (hash_parse($7, t->hash) == -1)
			wrong("hash: 64 hexadecimal digits were expected");
		free($3);
		free($5);
		free($7);
	}
	| API TOKEN STRING ROLE word HASH STRING EXPIRES STRING {
		struct conf_token *t;

		t = conf_add_token(in.conf, $3, role($5));
		if (t == NULL)
			wrong("api token \"%s\": named twice", $3);
		else {
			if (hash_parse($7, t->hash) == -1)
				wrong("hash: 64 hexadecimal digits were "
				    "expected");
			t->expires = date_parse($9);
		}
		free($3);
		free($5);
		free($7);
		free($9);
	}
	;

expires_none : /* empty */
	;

poll	: POLL INTERVAL poll_options
	;

poll_options : poll_option
	| poll_options poll_option
	;

poll_option : ACTIVE num	{
		in.conf->active = number($2, 1, 86400, "active");
	}
	| IDLE num		{
		in.conf->idle = number($2, 1, 86400, "idle");
	}
	| MAX_ num		{
		in.conf->max = number($2, 1, 86400, "max");
	}
	| RESERVE num PERCENT	{
		in.conf->reserve = number($2, 0, 90, "reserve");
	}
	;

backups	: BACKUPS backup_options
	;

backup_options : backup_option
	| backup_options backup_option
	;

backup_option : NEWEST num	{
		in.conf->newest = number($2, 1, 10000, "newest");
	}
	| MINUTELY num		{
		in.conf->minutely = number($2, 0, 1440, "minutely");
	}
	| HOURLY num		{
		in.conf->hourly = number($2, 0, 8760, "hourly");
	}
	| DAILY num		{
		in.conf->daily = number($2, 0, 3650, "daily");
	}
	;

history	: HISTORY history_options
	;

history_options : history_option
	| history_options history_option
	;

history_option : DAYS num	{
		in.conf->history_days = number($2, 9, 3650, "days");
	}
	| MEGABYTES num		{
		in.conf->history_megabytes = number($2, 1, 1048576,
		    "megabytes");
	}
	;

http_limits : LIMITS STRING OPEN	{
		in.nested++;
		if (strcmp($2, "http") != 0)
			wrong("limits: http was expected");
		free($2);
	} http_limit_list CLOSE	{ in.nested--; }
	;

http_limit_list : /* empty */
	| http_limit_list http_limit
	;

http_limit : STRING num		{
		http_limit($1, $2);
		free($1);
	}
	| IDLE num		{ http_limit("idle", $2); }
	;

public	: PUBLIC publics
	;

publics	: open
	| publics open
	;

open	: STRING		{
		if (conf_open(in.conf, $1) == -1)
			wrong("public: metrics, cctray or badges was "
			    "expected");
		free($1);
	}
	;

vps	: VPS STRING OPEN	{ in.nested++; }
	vps_options CLOSE	{
		in.nested--;
		log_warn("%s:%d: vps \"%s\": not in use yet", in.path,
		    in.line, $2);
		free($2);
	}
	;

vps_options : /* empty */
	| vps_options vps_option
	;

vps_option : HOST STRING	{ free($2); }
	| HOST KEY STRING	{ free($3); }
	| PORT NUMBER		{ (void)number($2, 1, 65535, "port"); }
	| USER STRING		{ free($2); }
	| KEY FILE_ STRING	{ free($3); }
	| APPS DIRECTORY STRING	{ free($3); }
	| SUDO
	;

secret	: SECRET STRING OPEN	{ in.nested++; }
	secret_options CLOSE	{
		in.nested--;
		log_warn("%s:%d: secret \"%s\": not in use yet", in.path,
		    in.line, $2);
		free($2);
	}
	;

secret_options : /* empty */
	| secret_options FILE_ STRING	{ free($3); }
	| secret_options REPOSITORIES OPEN words CLOSE
	;

words	: /* empty */
	| words STRING		{ free($2); }
	;

%%

static const struct {
	const char	*word;
	int		 token;
} keywords[] = {
	{ "active", ACTIVE }, { "api", API }, { "app", APP },
	{ "apps", APPS }, { "backups", BACKUPS }, { "ca", CA },
	{ "certificate", CERTIFICATE }, { "concurrent", CONCURRENT },
	{ "control", CONTROL }, { "daily", DAILY },
	{ "days", DAYS }, { "directory", DIRECTORY }, { "expires", EXPIRES },
	{ "file", FILE_ }, { "github", GITHUB }, { "group", GROUP },
	{ "hash", HASH }, { "history", HISTORY }, { "host", HOST },
	{ "hourly", HOURLY },
	{ "idle", IDLE }, { "installation", INSTALLATION },
	{ "interval", INTERVAL }, { "key", KEY }, { "limits", LIMITS },
	{ "listen", LISTEN }, { "max", MAX_ },
	{ "megabytes", MEGABYTES }, { "minutely", MINUTELY },
	{ "newest", NEWEST }, { "none", NONE }, { "on", ON },
	{ "owners", OWNERS }, { "points", POINTS }, { "poll", POLL },
	{ "port", PORT }, { "public", PUBLIC },
	{ "repositories", REPOSITORIES },
	{ "reserve", RESERVE }, { "role", ROLE }, { "sandbox", SANDBOX },
	{ "secret", SECRET }, { "socket", SOCKET }, { "state", STATE },
	{ "strict", STRICT }, { "sudo", SUDO }, { "tls", TLS },
	{ "token", TOKEN }, { "url", URL }, { "user", USER }, { "vps", VPS },
	{ "write", WRITE },
};

static void
yyerror(const char *what)
{
	wrong("%s", what);
}

static void
wrong(const char *fmt, ...)
{
	char	 text[512];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("%s:%d: %s", in.path, in.line, log_visible(text));
	in.errors++;
}

static char *
copy(const char *s)
{
	char	*p = strdup(s);

	if (p == NULL)
		fatal("configuration");
	return (p);
}

static uint32_t
number(int64_t n, int64_t min, int64_t max, const char *what)
{
	if (n < min || n > max) {
		wrong("%s: a number from %lld to %lld was expected", what,
		    (long long)min, (long long)max);
		return ((uint32_t)min);
	}
	return ((uint32_t)n);
}

static enum conf_role
role(const char *name)
{
	if (strcmp(name, "viewer") == 0)
		return (CONF_VIEWER);
	if (strcmp(name, "api") == 0)
		return (CONF_API);
	if (strcmp(name, "admin") != 0)
		wrong("role: viewer, api or admin was expected");
	return (CONF_ADMIN);
}

static int
hash_parse(const char *hex, unsigned char *hash)
{
	unsigned int	 byte;
	size_t		 i;

	if (strlen(hex) != 2 * CONF_HASH_LEN ||
	    strspn(hex, "0123456789abcdefABCDEF") != 2 * CONF_HASH_LEN)
		return (-1);
	for (i = 0; i < CONF_HASH_LEN; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return (-1);
		hash[i] = (unsigned char)byte;
	}
	return (0);
}

/* The token is good until that day begins, UTC. */
static int64_t
date_parse(const char *text)
{
	struct tm	 tm;
	const char	*end;

	memset(&tm, 0, sizeof(tm));
	end = strptime(text, "%Y-%m-%d", &tm);
	if (end == NULL || *end != '\0' || tm.tm_year < 70) {
		wrong("expires: a date as 2027-01-31 was expected");
		return (1);
	}
	return (timegm(&tm));
}

static void
http_limit(const char *name, int64_t value)
{
	char	 why[256];

	if (conf_limit(in.conf, name, value, why, sizeof(why)) == -1)
		wrong("%s", why);
}

static void
add_owner(struct conf_github *gh, const char *owner)
{
	char	*all;
	size_t	 i, len = strlen(owner);

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)owner[i]) && owner[i] != '-' &&
		    owner[i] != '_')
			break;
	if (len == 0 || len > 39 || i < len) {
		wrong("owners: a user or organisation was expected");
		return;
	}
	if (asprintf(&all, "%s%s%s", gh->owners != NULL ? gh->owners : "",
	    gh->owners != NULL ? " " : "", owner) == -1)
		fatal("configuration");
	free(gh->owners);
	gh->owners = all;
}

static void
check_github(const struct conf_github *gh)
{
	if (gh->token_file == NULL && gh->key_file == NULL)
		wrong("github \"%s\": a token file or an app was expected",
		    gh->name);
	if (gh->token_file != NULL && gh->key_file != NULL)
		wrong("github \"%s\": either a token file or an app was "
		    "expected, not both", gh->name);
}

/* A quoted text: \" and \\ inside, no end of line. */
static int
lex_quoted(void)
{
	char	 word[WORD_MAX_LEN];
	size_t	 n = 0;
	int	 c;

	while ((c = getc(in.file)) != '"') {
		if (c == '\\') {
			c = getc(in.file);
			if (c != '"' && c != '\\') {
				wrong("only \\\" and \\\\ are escapes");
				return (YYerror);
			}
		}
		if (c == EOF || c == '\n' || c == '\0') {
			wrong("a closing quote was expected");
			ungetc(c, in.file);
			return (YYerror);
		}
		if (n + 1 >= sizeof(word)) {
			wrong("a word is too long");
			return (YYerror);
		}
		word[n++] = (char)c;
	}
	word[n] = '\0';
	yylval.string = copy(word);
	return (STRING);
}

static int
lex_word(int c)
{
	char		 word[WORD_MAX_LEN];
	const char	*error;
	size_t		 i, n = 0;

	for (; c != EOF && c != '\0' && !isspace(c) && c != '{' && c != '}' &&
	    c != '"' && c != '#' && c != '%'; c = getc(in.file)) {
		if (n + 1 >= sizeof(word)) {
			wrong("a word is too long");
			return (YYerror);
		}
		word[n++] = (char)c;
	}
	ungetc(c, in.file);
	word[n] = '\0';
	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strcmp(keywords[i].word, word) == 0)
			return (keywords[i].token);
	if (strspn(word, "0123456789") == n) {
		yylval.number = strtonum(word, 0, INT64_MAX, &error);
		if (error == NULL)
			return (NUMBER);
	}
	yylval.string = copy(word);
	return (STRING);
}

/* Lines end directives, but not inside braces. */
static int
yylex(void)
{
	int	 c;

	for (;;) {
		/* Counted late, so that an error names the line it is on. */
		in.line += in.fresh_line;
		in.fresh_line = 0;
		while ((c = getc(in.file)) == ' ' || c == '\t' || c == '\r')
			;
		if (c == '#')
			while ((c = getc(in.file)) != '\n' && c != EOF)
				;
		if (c == '\\' && (c = getc(in.file)) != '\n') {
			wrong("a backslash ends a line, or is in quotes");
			return (YYerror);
		} else if (c == '\n') {
			in.fresh_line = 1;
			if (in.line > LINES_MAX)
				return (0);
			if (in.nested > 0)
				continue;
			return (EOL);
		}
		break;
	}
	switch (c) {
	case EOF:
		/* The last line may lack its end. */
		return (in.ended++ == 0 && in.nested == 0 ? EOL : 0);
	case '{':
		return (OPEN);
	case '}':
		return (CLOSE);
	case '%':
		return (PERCENT);
	case '"':
		return (lex_quoted());
	case '\0':
		wrong("a NUL in the file");
		return (YYerror);
	default:
		return (lex_word(c));
	}
}

int
parse_config(const char *path, struct conf *conf)
{
	struct stat	 st;

	memset(&in, 0, sizeof(in));
	in.path = path;
	in.conf = conf;
	in.line = 1;
	if ((in.file = fopen(path, "re")) == NULL ||
	    fstat(fileno(in.file), &st) == -1) {
		log_err("%s: %s", path, strerror(errno));
		if (in.file != NULL)
			fclose(in.file);
		return (-1);
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		log_err("%s: must be a file that only its owner may write "
		    "(chmod go-w %s)", path, path);
		fclose(in.file);
		return (-1);
	}
	if (yyparse() != 0)
		in.errors++;
	fclose(in.file);
	return (in.errors > 0 ? -1 : 0);
}
