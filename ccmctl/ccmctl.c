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
 * ccmctl: drives ccmd over its control socket.  This file carries one
 * command out: ask, answer, exit code.  Must not know how an answer looks
 * (show.c), how a command is written (parser.c), how it travels (client.c).
 */

#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ccmctl.h"
#include "json.h"
#include "stdio_open.h"

/* What the daemon calls its backups. */
#define BACKUP_PREFIX	"pipelines-"
#define ANSWER_LINE_MAX	64	/* y or n, and what people type instead */

/* One run of the program. */
struct run_of {
	struct command	 cmd;
	struct client	 client;
	struct term	 term;
	char		 path[PATH_MAX];
	const char	*slug;		/* of a failure that is ours, or NULL */
	int		 filed;		/* standard output holds a file */
};

static void	 look(struct run_of *);
static int	 carry_out(struct run_of *);
static int	 help(struct run_of *);
static int	 token(struct run_of *);
static int	 menu(struct run_of *);
static int	 monitor(struct run_of *);
static int	 watch(struct run_of *);
static int	 choose_run(struct run_of *, int64_t *);
static int	 events(struct run_of *);
static int	 perform(struct run_of *);
static int	 teardown(struct run_of *);
static int	 call(struct run_of *, const struct verb *);
static int	 not_found(const struct client *);
static int	 resolve(struct run_of *, const char **);
static int	 match_prefix(struct json_object *, const char *,
		    const char **);
static int	 with_file(struct run_of *);
static int	 confirm(const char *, const char *);
static int	 answered(struct run_of *);
static int	 failed(const struct run_of *);
static int	 complain(const struct run_of *, int, const char *,
		    const char *, ...) __attribute__((format(printf, 4, 5)));
static int	 flush(int);

int
main(int argc, char **argv)
{
	struct run_of		 r = { .client = { .fd = -1 } };
	struct verb_error	 error;
	int			 code;

	if (stdio_open() == -1)
		return (EXIT_FAILED);
	(void)setlocale(LC_CTYPE, "");
	/* A daemon that goes away is an error code, not a signal. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (command_parse(argc, argv, &r.cmd, &error) == 0) {
		look(&r);
		code = carry_out(&r);
	} else {
		code = complain(&r, error.status == 400 ? EXIT_USAGE :
		    EXIT_FAILED, error.code, "%s", error.text);
		if (code == EXIT_USAGE && !r.cmd.json)
			usage_short(stderr, r.cmd.verb);
	}
	client_close(&r.client);
	command_clear(&r.cmd);
	return (flush(code));
}

/* Plain ASCII is what the locale "C" has. */
static void
look(struct run_of *r)
{
	if (r->cmd.ascii)
		(void)setlocale(LC_CTYPE, "C");
	term_look(&r->term);
}

static int
carry_out(struct run_of *r)
{
	if (r->cmd.local == LOCAL_VERSION)
		return (printf("ccmctl %s\n", PACKAGE_VERSION) < 0 ?
		    EXIT_FAILED : EXIT_OK);
	if (r->cmd.local == LOCAL_HELP)
		return (help(r));
	if (r->cmd.local == LOCAL_TOKEN)
		return (token(r));
	if (r->cmd.implied && (!isatty(STDIN_FILENO) ||
	    !isatty(STDOUT_FILENO))) {
		(void)complain(r, EXIT_USAGE, "invalid_argument",
		    "a command is missing");
		usage_short(stderr, NULL);
		return (EXIT_USAGE);
	}
	if (strchr(command_flags(r->cmd.verb), 'y') != NULL && !r->cmd.yes &&
	    !isatty(STDIN_FILENO))
		return (complain(r, EXIT_USAGE, "invalid_argument",
		    "%s: without a terminal to ask on, -y is needed",
		    r->cmd.verb->words));
	if (client_path(r->cmd.socket, r->path, sizeof(r->path)) == NULL)
		return (complain(r, EXIT_NODAEMON, "unavailable",
		    "control socket: %s", strerror(errno)));
	if (client_open(&r->client, r->path) == -1)
		return (failed(r));
	if (r->cmd.local == LOCAL_MENU)
		return (menu(r));
	if (r->cmd.local == LOCAL_MONITOR)
		return (monitor(r));
	if (r->cmd.local == LOCAL_WATCH)
		return (watch(r));
	if (r->cmd.verb->id == VERB_PIPELINE_TEARDOWN)
		return (teardown(r));
	if (r->cmd.verb->walk == WALK_STREAM)
		return (events(r));
	if (verb_takes_file(r->cmd.verb))
		return (with_file(r));
	return (perform(r));
}

static int
help(struct run_of *r)
{
	const char		*words = json_string(r->cmd.args, "command");
	const struct verb	*verb;

	if (words == NULL)
		usage_all(stdout);
	else if ((verb = command_by_words(words)) != NULL)
		usage_one(stdout, verb);
	else if (usage_group(stdout, words) == 0)
		return (complain(r, EXIT_USAGE, "invalid_argument",
		    "%s: no such command", words));
	return (EXIT_OK);
}

static int
menu(struct run_of *r)
{
	int	 code = menu_run(&r->client, r->path, &r->term);

	return (code == EXIT_OK ? code : failed(r));
}

static int
token(struct run_of *r)
{
	const char	*why = "";
	int		 code;

	code = token_new(r->cmd.args, r->cmd.json, &why);
	return (code == EXIT_OK ? code : complain(r, code, code == EXIT_USAGE ?
	    "invalid_argument" : "failed", "%s", why));
}

/* Where nothing can be redrawn, once is all there is. */
static int
monitor(struct run_of *r)
{
	struct json_object	*args;
	int64_t			 interval = 2;
	int			 n;

	(void)json_int(r->cmd.args, "interval", &interval);
	if (!json_flag(r->cmd.args, "once") && !r->cmd.json && r->term.tty &&
	    isatty(STDIN_FILENO)) {
		n = monitor_run(&r->client, r->path, &r->term, (int)interval);
		return (n == EXIT_OK ? n : failed(r));
	}
	args = json_object_new_object();
	json_set_text(args, "include", "stats");
	n = client_call(&r->client, "pipeline.list", args);
	json_object_put(args);
	if (n == -1)
		return (failed(r));
	if (r->cmd.json || r->client.status >= 400)
		return (answered(r));
	r->term.height = 0;	/* all rows: nothing is redrawn */
	dashboard_print(stdout, &r->term, r->client.answer, time(NULL), 0);
	return (EXIT_OK);
}

/* Which pipeline, and which of its runs: then it is watched. */
static int
watch(struct run_of *r)
{
	const char	*id = json_string(r->cmd.args, "id");
	int64_t		 run = 0;
	int		 code;

	if (call(r, verb_get(VERB_PIPELINE_SHOW)) == -1)
		return (failed(r));
	if (not_found(&r->client) && (resolve(r, &id) == -1 ||
	    call(r, verb_get(VERB_PIPELINE_SHOW)) == -1))
		return (failed(r));
	if (r->client.status >= 400)
		return (answered(r));
	if (choose_run(r, &run) == -1)
		return (complain(r, EXIT_FAILED, "run_not_found",
		    "%s has no run to watch", id));
	r->client.why[0] = '\0';
	code = watch_run(&r->client, r->path, &r->term, id, run,
	    r->cmd.json);
	return (r->client.why[0] == '\0' ? code : failed(r));
}

/* What is asked for, what runs, what ran. */
static int
choose_run(struct run_of *r, int64_t *run)
{
	static const char *const names[] = { "current_run", "last_run" };
	struct json_object	*metrics, *o;
	size_t			 i;

	if (json_int(r->cmd.args, "run", run) == 1)
		return (0);
	o = json_member(r->client.answer, "pipeline", json_type_object);
	metrics = json_member(o, "metrics", json_type_object);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		o = json_member(metrics, names[i], json_type_object);
		if (o != NULL && json_int(o, "run_id", run) == 1)
			return (0);
	}
	return (-1);
}

static int
events(struct run_of *r)
{
	if (events_run(&r->client, r->cmd.args, &r->term, r->cmd.json) ==
	    EXIT_OK)
		return (answered(r));	/* refused */
	return (failed(r));
}

/* One verb; an abbreviated id is tried as it is first. */
static int
perform(struct run_of *r)
{
	const char	*id;

	if (call(r, r->cmd.verb) == -1)
		return (failed(r));
	if (!not_found(&r->client))
		return (answered(r));
	if (resolve(r, &id) == -1)
		return (failed(r));
	if (call(r, r->cmd.verb) == -1)
		return (failed(r));
	return (answered(r));
}

/*
 * The pipeline is looked at first: the question names it in full, and the
 * repository that is preserved is told afterwards.  Without a question
 * nobody would see which one an abbreviation means, so there is none.
 */
static int
teardown(struct run_of *r)
{
	struct json_object	*p;
	const char		*id = json_string(r->cmd.args, "id"), *s;
	char			*repository = NULL;
	int			 code;

	if (call(r, verb_get(VERB_PIPELINE_SHOW)) == -1)
		return (failed(r));
	if (not_found(&r->client) && !r->cmd.yes) {
		if (resolve(r, &id) == -1 ||
		    call(r, verb_get(VERB_PIPELINE_SHOW)) == -1)
			return (failed(r));
	}
	if (r->client.status >= 400)
		return (answered(r));
	p = json_member(r->client.answer, "pipeline", json_type_object);
	if (p != NULL && (s = json_string(p, "repository")) != NULL)
		repository = text_visible(s);
	if (!r->cmd.yes && !confirm(TEARDOWN_QUESTION, id))
		code = complain(r, EXIT_FAILED, "cancelled",
		    "nothing was changed");
	else if (call(r, r->cmd.verb) == -1)
		code = failed(r);
	else if ((code = answered(r)) == EXIT_OK && !r->cmd.json &&
	    repository != NULL)
		(void)printf("Repository preserved: %s\n", repository);
	free(repository);
	return (code);
}

/* What jobs wrote goes out as it comes; all else is kept and shown. */
static int
call(struct run_of *r, const struct verb *verb)
{
	/* Also a terminal that nothing is drawn on takes commands. */
	struct log_output	 output = { .terminal = isatty(STDOUT_FILENO),
	    .colour = r->term.colour, .ascii = !r->term.signs };
	int			 n;

	if (verb->id == VERB_RUN_LOGS)
		client_set_sink(&r->client, log_output, &output);
	n = client_call(&r->client, verb->name, r->cmd.args);
	client_set_sink(&r->client, NULL, NULL);
	return (n);
}

static int
not_found(const struct client *c)
{
	const char	*code = json_string(c->answer, "code");

	return (c->status == 404 && code != NULL &&
	    strcmp(code, "pipeline_not_found") == 0);
}

/*
 * Replace the id in the arguments by the only one that begins with it.
 * Returns 0, or -1 with the client's exit_code and why.
 */
static int
resolve(struct run_of *r, const char **id)
{
	struct client	*c = &r->client;
	const char	*given = json_string(r->cmd.args, "id");
	const char	*full = NULL, *error;
	int		 matches;

	if (client_call(c, "pipeline.list", NULL) == -1)
		return (-1);
	c->exit_code = EXIT_FAILED;
	if (c->status >= 400) {
		error = json_string(c->answer, "error");
		(void)snprintf(c->why, sizeof(c->why), "%s",
		    error != NULL ? error : "the list failed");
		return (-1);
	}
	matches = given != NULL ? match_prefix(c->answer, given, &full) : 0;
	if (matches == 1) {
		json_set_text(r->cmd.args, "id", full);
		*id = json_string(r->cmd.args, "id");
		return (0);
	}
	r->slug = matches == 0 ? "pipeline_not_found" : "ambiguous_id";
	if (matches == 0)
		(void)snprintf(c->why, sizeof(c->why),
		    "Pipeline not found: %s", given != NULL ? given : "");
	else
		(void)snprintf(c->why, sizeof(c->why),
		    "%s: %d pipelines begin with it", given, matches);
	return (-1);
}

static int
match_prefix(struct json_object *answer, const char *prefix,
    const char **found)
{
	struct json_object	*list;
	const char		*id;
	size_t			 i, n = 0;
	int			 matches = 0;

	list = json_member(answer, "pipelines", json_type_array);
	if (list != NULL)
		n = json_object_array_length(list);
	for (i = 0; i < n; i++) {
		id = json_string(json_object_array_get_idx(list, i),
		    "pipeline_id");
		if (id == NULL || strncmp(id, prefix, strlen(prefix)) != 0)
			continue;
		*found = id;
		matches++;
	}
	return (matches);
}

/* A backup is the daemon's; any other file is ours to open. */
static int
with_file(struct run_of *r)
{
	const char	*file = json_string(r->cmd.args, "file");
	int		 n, restore = r->cmd.verb->id == VERB_REGISTRY_RESTORE;

	if (restore && !r->cmd.yes && !confirm("Replace all pipelines by %s? "
	    "(What is there becomes a backup): ", file))
		return (complain(r, EXIT_FAILED, "cancelled",
		    "nothing was changed"));
	if (restore && strchr(file, '/') == NULL &&
	    strncmp(file, BACKUP_PREFIX, strlen(BACKUP_PREFIX)) == 0)
		n = call(r, r->cmd.verb);
	else
		n = file_call(&r->client, r->cmd.verb, r->cmd.args, file);
	r->filed = n == 0 && r->client.status < 400 &&
	    r->cmd.verb->id == VERB_REGISTRY_EXPORT && strcmp(file, "-") == 0;
	return (n == -1 ? failed(r) : answered(r));
}

/*
 * On stderr: stdout may be a file, or be read as JSON.  The question has
 * one %s in it.
 */
static int
confirm(const char *question, const char *what)
{
	char	 line[ANSWER_LINE_MAX], *shown = text_visible(what);
	size_t	 n = strcspn(question, "%");

	(void)fprintf(stderr, "%.*s%s%s", (int)n, question, shown,
	    question + n + 2);
	(void)fflush(stderr);
	free(shown);
	if (fgets(line, sizeof(line), stdin) == NULL) {
		(void)fputc('\n', stderr);
		return (0);
	}
	line[strcspn(line, "\n")] = '\0';
	return (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
}

/* The daemon has answered, one way or the other. */
static int
answered(struct run_of *r)
{
	/* Behind a file on standard output nothing else may stand. */
	struct view	 view = { r->filed ? stderr : stdout, &r->term, 0,
	    VIEW_LABEL, 0 };
	struct client	*c = &r->client;
	struct json_object *errors;
	const char	*error;

	if (c->sunk)
		return (EXIT_OK);
	if (r->cmd.json) {
		text_json(view.f, c->body, c->len);
		if (c->len == 0 || c->body[c->len - 1] != '\n')
			(void)putc('\n', view.f);
		return (c->status >= 400 ? EXIT_FAILED : EXIT_OK);
	}
	if (c->status >= 400) {
		error = json_string(c->answer, "error");
		errors = json_member(c->answer, "errors", json_type_array);
		if (errors != NULL && json_object_array_length(errors) > 1)
			show_lines(stderr, errors);
		return (complain(r, EXIT_FAILED, "failed", "%s",
		    error != NULL ? error : "it failed"));
	}
	view.now = time(NULL);
	show_answer(&view, r->cmd.verb, c->answer);
	return (EXIT_OK);
}

/* It has not; or not what could be used. */
static int
failed(const struct run_of *r)
{
	const char	*slug = r->slug != NULL ? r->slug : "failed";

	if (r->client.why[0] == '\0')
		return (r->client.exit_code);	/* flush says it */
	return (complain(r, r->client.exit_code,
	    r->client.exit_code == EXIT_NODAEMON ? "unavailable" : slug,
	    "%s", r->client.why));
}

/* Say what is wrong, on stderr or as JSON on stdout; returns `code`. */
static int
complain(const struct run_of *r, int code, const char *slug, const char *fmt,
    ...)
{
	struct json_object	*o;
	char			*text, *shown;
	va_list			 ap;
	size_t			 len;

	va_start(ap, fmt);
	len = (size_t)vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len == (size_t)-1)
		return (code);
	/* An argument may be no UTF-8 at all, which JSON must be. */
	shown = text_visible(text);
	free(text);
	if (r->cmd.json) {
		o = json_object_new_object();
		json_object_object_add(o, "success",
		    json_object_new_boolean(0));
		json_set_text(o, "error", shown);
		json_set_text(o, "code", slug);
		(void)puts(json_text(o, &len));
		json_object_put(o);
	} else
		(void)fprintf(stderr, "ccmctl: %s\n", shown);
	free(shown);
	return (code);
}

/*
 * Output that could not be written is a failure, said once: what failed
 * before for the same reason is quiet about it.  A closed pipe says so.
 */
static int
flush(int code)
{
	int	 broken = ferror(stdout);

	if (fflush(stdout) == 0 && !broken)
		return (code);
	if (errno != EPIPE)
		(void)fprintf(stderr, "ccmctl: standard output: %s\n",
		    strerror(errno));
	return (code == EXIT_OK ? EXIT_FAILED : code);
}
