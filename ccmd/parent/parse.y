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
 * ccmd.conf(5): its grammar.  Runs in the parent.  What words are is lex.c's,
 * what becomes of them build.c's.
 */

%{
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "conf.h"
#include "lex.h"
#include "log.h"
#include "timestamp.h"

#define EXPECTED_MAX	64	/* more than one state has tokens */

static struct {
	const char	*path;
	struct conf	*conf;
	int		 errors;
} in;

static FILE	*open_config(const char *);
static void	 yyerror(const char *);

int		 yyparse(void);
%}

%define parse.error custom
%define parse.lac full

%union {
	int64_t	 number;
	char	*string;
}

%token LISTEN "listen" ON "on" PORT "port" TLS "tls"
%token CERTIFICATE "certificate" KEY "key" FILE_ "file"
%token CONTROL "control" SOCKET "socket" GROUP "group" ROLE "role"
%token STATE "state" DIRECTORY "directory" GITHUB "github" URL "url"
%token TOKEN "token" WRITE "write" OWNERS "owners"
%token APP "app" INSTALLATION "installation"
%token LIMITS "limits" CONCURRENT "concurrent" POINTS "points" NONE "none"
%token API "api" HASH "hash" EXPIRES "expires" POLL "poll"
%token INTERVAL "interval" ACTIVE "active" IDLE "idle" MAX_ "max"
%token RESERVE "reserve" VPS "vps" HOST "host" USER "user" APPS "apps"
%token SUDO "sudo" SECRET "secret" REPOSITORIES "repositories"
%token SANDBOX "sandbox" STRICT "strict" BACKUPS "backups"
%token HISTORY "history" DAYS "days" MEGABYTES "megabytes"
%token PUBLIC "public"
%token NEWEST "newest" MINUTELY "minutely" HOURLY "hourly" DAILY "daily"
%token CA "ca" PERCENT "%" OPEN "{" CLOSE "}" EOL "the end of the line"
%token YYEOF 0 "the end of the file"
%token <string> STRING "a word"
%token <number> NUMBER "a number"
%type <string> word port
%type <number> num expires
%destructor { free($$); } <string>

%%

file	: /* empty */
	| file EOL
	| file directive EOL
	| file error EOL	{ yyerrok; }
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
	| API			{ $$ = build_text("api"); }
	| NONE			{ $$ = build_text("none"); }
	;

num	: NUMBER
	;

port	: PORT NUMBER		{
		char text[8];

		(void)snprintf(text, sizeof(text), "%u",
		    build_number($2, 1, 65535, "port"));
		$$ = build_text(text);
	}
	;

listen	: LISTEN ON STRING port	{
		(void)build_listen($3, $4);
	}
	| LISTEN ON STRING port TLS CERTIFICATE STRING KEY STRING {
		build_tls(build_listen($3, $4), in.path, $7, $9);
	}
	;

control	: CONTROL SOCKET STRING control_options {
		build_path(&in.conf->control, $3, "control socket",
		    CONF_SOCKET_MAX);
	}
	;

control_options : /* empty */
	| control_options GROUP STRING {
		build_group($3);
	}
	| control_options ROLE word {
		in.conf->control_role = build_role($3);
		free($3);
	}
	;

state	: STATE DIRECTORY STRING {
		build_path(&in.conf->statedir, $3, "state directory",
		    MSG_PATH_MAX - 1);
	}
	;

github	: GITHUB STRING OPEN	{ build_github($2); }
	github_options CLOSE	{
		build_github_end();
		free($2);
	}
	;

github_options : /* empty */
	| github_options github_option
	;

github_option : URL STRING	{ build_url($2); }
	| TOKEN FILE_ STRING	{
		build_file(&build_current()->token_file, $3);
	}
	| WRITE TOKEN FILE_ STRING	{
		build_file(&build_current()->write_file, $4);
	}
	| APP num INSTALLATION num KEY FILE_ STRING {
		build_app($2, $4);
		build_file(&build_current()->key_file, $7);
	}
	| CA FILE_ STRING	{
		build_file(&build_current()->ca_file, $3);
	}
	| OWNERS OPEN owners CLOSE
	| LIMITS NONE		{
		build_current()->concurrent = 0;
		build_current()->points = 0;
	}
	| LIMITS limits
	;

owners	: /* empty */
	| owners STRING		{
		build_owner($2);
		free($2);
	}
	;

limits	: limit
	| limits limit
	;

limit	: CONCURRENT num	{
		build_current()->concurrent = build_number($2, 1, 100,
		    "concurrent");
	}
	| POINTS num		{
		build_current()->points = build_number($2, 1, 1000000,
		    "points");
	}
	;

token	: API TOKEN STRING ROLE word HASH STRING expires {
		build_token($3, build_role($5), $7, $8);
		free($3);
		free($5);
		free($7);
	}
	;

expires	: /* empty */		{ $$ = 0; }
	| EXPIRES STRING	{
		if (timestamp_day($2, &$$) == -1)
			parse_wrong("expires: a date as 2027-01-31 was "
			    "expected");
		if ($$ == 0)
			$$ = 1;		/* long past, and not never */
		free($2);
	}
	;

poll	: POLL INTERVAL poll_options
	;

poll_options : poll_option
	| poll_options poll_option
	;

poll_option : ACTIVE num	{
		in.conf->active = build_number($2, 1, 86400, "active");
	}
	| IDLE num		{
		in.conf->idle = build_number($2, 1, 86400, "idle");
	}
	| MAX_ num		{
		in.conf->max = build_number($2, 1, 86400, "max");
	}
	| RESERVE num PERCENT	{
		in.conf->reserve = build_number($2, 0, 90, "reserve");
	}
	;

backups	: BACKUPS backup_options
	;

backup_options : backup_option
	| backup_options backup_option
	;

backup_option : NEWEST num	{
		in.conf->newest = build_number($2, 1, 10000, "newest");
	}
	| MINUTELY num		{
		in.conf->minutely = build_number($2, 0, 1440, "minutely");
	}
	| HOURLY num		{
		in.conf->hourly = build_number($2, 0, 8760, "hourly");
	}
	| DAILY num		{
		in.conf->daily = build_number($2, 0, 3650, "daily");
	}
	;

history	: HISTORY history_options
	;

history_options : history_option
	| history_options history_option
	;

history_option : DAYS num	{
		in.conf->history_days = build_number($2, 9, 3650, "days");
	}
	| MEGABYTES num		{
		in.conf->history_megabytes = build_number($2, 1, 1048576,
		    "megabytes");
	}
	;

http_limits : LIMITS STRING OPEN	{
		if (strcmp($2, "http") != 0)
			parse_wrong("limits: http was expected");
	} http_limit_list CLOSE	{ free($2); }
	;

http_limit_list : /* empty */
	| http_limit_list http_limit
	;

http_limit : STRING num		{
		build_http_limit($1, $2);
		free($1);
	}
	| IDLE num		{ build_http_limit("idle", $2); }
	;

public	: PUBLIC publics
	;

publics	: open
	| publics open
	;

open	: STRING		{
		if (conf_open(in.conf, $1) == -1)
			parse_wrong("public: metrics, cctray or badges was "
			    "expected");
		free($1);
	}
	;

vps	: VPS STRING OPEN vps_options CLOSE {
		log_warn("%s:%d: vps \"%s\": not in use yet", in.path,
		    lex_line(), log_visible($2));
		free($2);
	}
	;

vps_options : /* empty */
	| vps_options vps_option
	;

vps_option : HOST STRING	{ free($2); }
	| HOST KEY STRING	{ free($3); }
	| PORT NUMBER		{ (void)build_number($2, 1, 65535, "port"); }
	| USER STRING		{ free($2); }
	| KEY FILE_ STRING	{ free($3); }
	| APPS DIRECTORY STRING	{ free($3); }
	| SUDO
	;

secret	: SECRET STRING OPEN secret_options CLOSE	{
		log_warn("%s:%d: secret \"%s\": not in use yet", in.path,
		    lex_line(), log_visible($2));
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

/* What was expected, and what was there. */
static int
yyreport_syntax_error(const yypcontext_t *context)
{
	yysymbol_kind_t	 expected[EXPECTED_MAX];
	yysymbol_kind_t	 token = yypcontext_token(context);
	char		 text[1024] = "";
	int		 i, n, last = -1, words = 0;

	n = yypcontext_expected_tokens(context, expected, EXPECTED_MAX);
	/* An end is always possible between directives: it helps nobody. */
	for (i = 0; i < n; i++)
		if (n == 1 || (expected[i] != YYSYMBOL_EOL &&
		    expected[i] != YYSYMBOL_YYEOF)) {
			words++;
			last = i;
		}
	for (i = 0; i <= last; i++) {
		if (n > 1 && (expected[i] == YYSYMBOL_EOL ||
		    expected[i] == YYSYMBOL_YYEOF))
			continue;
		(void)strlcat(text, text[0] == '\0' ? "" : i == last ?
		    " or " : ", ", sizeof(text));
		(void)strlcat(text, yysymbol_name(expected[i]),
		    sizeof(text));
	}
	if (words == 0)
		(void)strlcpy(text, "something else", sizeof(text));
	if (token == YYSYMBOL_STRING || token == YYSYMBOL_NUMBER)
		parse_wrong("%s was expected, not \"%s\"", text, lex_text());
	else if (token == YYSYMBOL_YYEOF && lex_block() != 0)
		parse_wrong("%s was expected, not the end of the file, in "
		    "what begins in line %d", text, lex_block());
	else
		parse_wrong("%s was expected, not %s", text,
		    yysymbol_name(token));
	return (0);
}

/* What remains of errors, as memory that is exhausted. */
static void
yyerror(const char *what)
{
	parse_wrong("%s", what);
}

void
parse_wrong(const char *fmt, ...)
{
	char	 text[1280];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("%s:%d: %s", in.path, lex_line(), log_visible(text));
	in.errors++;
}

int
parse_config(const char *path, struct conf *conf)
{
	FILE	*file;

	memset(&in, 0, sizeof(in));
	in.path = path;
	in.conf = conf;
	if ((file = open_config(path)) == NULL)
		return (-1);
	conf->path = build_text(path);
	lex_begin(file);
	build_begin(conf);
	if (yyparse() != 0)
		in.errors++;
	fclose(file);
	build_end();
	return (in.errors > 0 ? -1 : 0);
}

/* A pipe is refused, and not waited for. */
static FILE *
open_config(const char *path)
{
	struct stat	 st;
	FILE		*file;
	int		 fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		log_err("%s: %s", path, strerror(errno));
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		log_err("%s: must belong to root or to us", path);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		log_err("%s: must be a file that only its owner may write "
		    "(chmod go-w %s)", path, path);
	else if ((file = fdopen(fd, "r")) == NULL)
		log_err("%s: %s", path, strerror(errno));
	else
		return (file);
	if (fd != -1)
		close(fd);
	return (NULL);
}
