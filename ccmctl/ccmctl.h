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
 * What the files of ccmctl offer one another.  ccmctl is a client: it must
 * not open the daemon's files, hold a token, or decide what is allowed; the
 * daemon does.  All text that came from outside goes through text_visible
 * before it reaches a terminal.
 */

#ifndef CCM_CCMCTL_H
#define CCM_CCMCTL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "imsg.h"
#include "msg.h"
#include "verb.h"

struct json_object;

/* Exit codes, as in ccmctl(8). */
#define EXIT_OK		0
#define EXIT_FAILED	1
#define EXIT_USAGE	2
#define EXIT_NODAEMON	3

/* --- commands.c, parser.c, usage.c: the command line. ----------------- */

/* Words of a command together with the blanks between. */
#define COMMAND_WORDS_MAX	64

/* What a command is carried out by. */
enum local {
	LOCAL_NONE,		/* the daemon: `verb` goes over the socket */
	LOCAL_MENU,
	LOCAL_MONITOR,
	LOCAL_WATCH,
	LOCAL_TOKEN,
	LOCAL_HELP,
	LOCAL_VERSION		/* -V: there is no verb */
};

struct command {
	const struct verb	*verb;
	enum local		 local;
	struct json_object	*args;		/* checked by verb_check_args */
	const char		*socket;	/* -s, or NULL */
	int			 implied;	/* no command: the menu */
	int			 ascii;		/* -A */
	int			 json;		/* -j */
	int			 yes;		/* -y */
};

/*
 * Understand a command line.  Returns 0 with `cmd` filled in, or -1 with
 * `err`: status 400 is wrong usage, 404 an id that can be none.  In both
 * cases command_clear is due.
 */
int command_parse(int argc, char **argv, struct command *cmd,
    struct verb_error *err);
void command_clear(struct command *cmd);

/* The i-th command that a person can type, NULL behind the last. */
const struct verb *command_at(size_t i, enum local *local);

/*
 * What is wrong with a first word that no command consists of: what may
 * stand behind it, in `buf`, or that there is no such command.
 */
const char *command_group(const char *word, char *buf, size_t size);

/* The command whose words are exactly `words`, or NULL. */
const struct verb *command_by_words(const char *words);

/* The option letters a command has beside its arguments: "jy", "j", "". */
const char *command_flags(const struct verb *verb);

/* The value of an argument that the daemon needs and a person may omit. */
const char *command_default(const struct verb *verb, const char *name);

/*
 * All commands, one line each; one command with all its options; the usage
 * line of one (NULL: of ccmctl itself, and its commands).
 */
void usage_all(FILE *f);
void usage_short(FILE *f, const struct verb *verb);
void usage_one(FILE *f, const struct verb *verb);
/* The synopses of the commands that begin so; how many there are. */
int usage_group(FILE *f, const char *words);

/* --- token.c: making a token. ------------------------------------------ */

/*
 * Print a new token, and the line for ccmd.conf.  Returns an exit code; if
 * it is not EXIT_OK `*why` is a static sentence.
 */
int token_new(struct json_object *args, int json, const char **why);

/* --- client.c: the control socket. ------------------------------------ */

/* Milliseconds that the daemon has for an answer. */
#define CLIENT_TIMEOUT	30000
/* Bytes of an answer's body. */
#define CLIENT_BODY_MAX	(64 * 1024 * 1024)

enum client_event {
	CLIENT_MORE,		/* nothing whole yet */
	CLIENT_READY,		/* the daemon said hello */
	CLIENT_ANSWER,		/* status, body and answer are filled in */
	CLIENT_EVENT,		/* event, event_kind and event_id are */
	CLIENT_FAILED		/* exit_code and why are; it is closed */
};

struct client {
	int			 fd;		/* -1: closed */
	struct imsgbuf		 ibuf;
	int			 ready;
	uint64_t		 op;
	int			 status;	/* as over HTTP */
	char			*body;
	size_t			 len;
	size_t			 size;		/* of what body points to */
	struct json_object	*answer;	/* the body parsed */
	int			(*sink)(const char *, size_t, void *);
	void			*sink_arg;
	int			 sunk;		/* the sink had all of it */
	int64_t			 heard;		/* its last piece: client_now */
	uint64_t		 subscription;	/* its operation; 0: none */
	void			(*told)(void *);
	void			*told_arg;
	struct json_object	*event;		/* the last one's data */
	char			 event_kind[MSG_ID_MAX + 1];
	/* The last id that there was: to resume from with last_event_id. */
	char			 event_id[MSG_ID_MAX + 1];
	int			 exit_code;	/* of a failure */
	/* A sentence; "" with a failure: standard output, said at the end. */
	char			 why[512];
};

/*
 * The socket to use: `given` (-s), else $CCM_SOCKET, else root's or the
 * user's own.  Returns `buf`, or NULL with errno ENAMETOOLONG or ENOENT
 * (no home directory).
 */
const char *client_path(const char *given, char *buf, size_t size);

/*
 * Connect and queue the greeting.  Does not wait.  Returns 0, or -1 with
 * exit_code and why.
 */
int client_open(struct client *c, const char *path);

/*
 * Queue an operation; only when the daemon said hello, and one at a time.
 * `args` is an object or NULL.  Returns 0, or -1 with exit_code and why.
 */
int client_send(struct client *c, const char *verb, struct json_object *args);

/*
 * Queue the operation `events` with its arguments.  Its answer comes like
 * any other; with status 200 CLIENT_EVENT follows for each event.
 */
int client_subscribe(struct client *c, struct json_object *args);

/* Wait for the answer of what was queued.  Returns as client_call. */
int client_answered(struct client *c);

/*
 * The same with a socket on which a file travels; `fd` is taken over.
 * Before, client_greeted waits for the daemon's hello.
 */
int client_send_file(struct client *c, const char *verb,
    struct json_object *args, int fd);
int client_greeted(struct client *c);

/* The events to poll(2) for, and what to do once there are some. */
short client_events(struct client *c);
enum client_event client_step(struct client *c);

/*
 * What has been read already: after each CLIENT_EVENT this is to be called
 * until it returns CLIENT_MORE, before the next poll(2).
 */
enum client_event client_next(struct client *c);

/*
 * Carry out one operation: wait for the greeting if it has not come yet,
 * send, wait for the answer.  Returns 0, or -1 with exit_code and why.
 */
int client_call(struct client *c, const char *verb, struct json_object *args);

/*
 * Standard output can't be written: nothing is waited for any more.  Returns
 * -1 with exit_code.
 */
int client_unwritten(struct client *c);

/*
 * Who is told of each event that comes while client_call waits; NULL, as
 * after client_open: they are lost.  What came behind the answer is left for
 * client_next.
 */
void client_set_listener(struct client *c, void (*fn)(void *arg), void *arg);

void client_close(struct client *c);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t client_now(void);

/*
 * What the body of a 200 is handed to as it comes, instead of being kept and
 * parsed; -1: it can't be written.  NULL: kept, as usual.
 */
void client_set_sink(struct client *c,
    int (*sink)(const char *data, size_t len, void *arg), void *arg);

/* --- log.c: what a run wrote. ------------------------------------------ */

#define LOG_SEQUENCE_MAX	32	/* bytes of a colour's sequence */

struct log_output {
	int	 terminal;	/* what it must not be told is left out */
	int	 colour;	/* of escape sequences colours pass */
	int	 ascii;		/* bytes beyond it as \\ooo */
	int	 lead;		/* of a character of two bytes */
	size_t	 n;		/* of an escape sequence so far */
	char	 sequence[LOG_SEQUENCE_MAX];
};

/* A sink for client_set_sink; arg is a struct log_output. */
int log_output(const char *data, size_t len, void *arg);

/* --- signals.c: for those who wait on a terminal. --------------------- */

/*
 * From now on signals that end, SIGINT and SIGWINCH are only noted, and only
 * while signals_mask is in force, which is for ppoll(2) (NULL before).
 */
void signals_catch(void);
const sigset_t *signals_mask(void);

/* Ctrl-Z too, or again not: who draws a screen must leave it first. */
void signals_catch_stop(int on);

/* Did one come since the last time?  One that ends has come for good. */
int signals_ended(void);
int signals_back(void);		/* SIGINT */
int signals_resized(void);
int signals_stopped(void);

/* --- term.c: what is at the other end of stdout. ---------------------- */

enum style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_WARN,
	STYLE_BUSY
};

enum sign {
	SIGN_NONE,
	SIGN_GOOD,
	SIGN_BAD,
	SIGN_PAUSED,
	SIGN_BUSY,
	SIGN_WARN
};

struct term {
	int	 tty;		/* a terminal that can be drawn on */
	int	 signs;		/* it shows UTF-8 */
	int	 colour;
	size_t	 width;		/* columns; 0: as wide as needed */
	size_t	 height;
};

/* Look at stdout, the locale, TERM, NO_COLOR.  Again after SIGWINCH. */
void term_look(struct term *term);

/* Text in a style; it is made visible first. */
void term_put(FILE *f, const struct term *term, enum style style,
    const char *text);

/* The sign of a meaning and a blank, or "" where there are no signs. */
const char *term_sign(const struct term *term, enum sign sign);
enum style term_sign_style(enum sign sign);

/*
 * The alternate screen, without echo and line editing; and back, which is
 * done at exit(3) too.  term_enter returns 0, or -1 with errno.
 */
int term_enter(void);
void term_leave(void);

/* --- text.c: outside text, widths, times. ----------------------------- */

/*
 * A copy that is safe to show: what is no printable character in this
 * locale, and what could reorder or hide text, is written as backslash and
 * octal digits.  The caller's to free; does not return without memory.
 */
char *text_visible(const char *text);

/* Columns that visible text takes (wcwidth(3)). */
size_t text_width(const char *text);

/*
 * How many bytes of visible text fit into `width` columns; `*used` is the
 * columns that these take.
 */
size_t text_fit(const char *text, size_t width, size_t *used);

/* Does this locale write UTF-8? */
int text_is_utf8(void);

/* "3m 12s", "45s", "2h 5m", "3d 4h"; "-" if negative. */
#define TEXT_TIME_SIZE	32
const char *text_duration(int64_t seconds, char buf[TEXT_TIME_SIZE]);

/* "2m ago", "now" (also what is ahead); "-" if `text` is no time. */
const char *text_ago(const char *text, int64_t now, char buf[TEXT_TIME_SIZE]);

/* "2026-01-05 10:30", UTC; "-" if `text` is no time. */
const char *text_date(const char *text, char buf[TEXT_TIME_SIZE]);

/*
 * Write JSON text as it is, but for characters that a terminal could take
 * for commands: those become \u escapes, which mean the same.
 */
void text_json(FILE *f, const char *json, size_t len);

/* --- table.c: columns that fit. --------------------------------------- */

#define TABLE_COLUMNS_MAX	12
#define TABLE_SHRUNK_MIN	6	/* columns that are left of a text */

#define TABLE_RIGHT	0x1	/* aligned to the right */
#define TABLE_SHRINK	0x2	/* may be cut to fit */

struct table_column {
	const char	*title;
	unsigned int	 flags;
};

struct table_cell {
	char		*text;
	size_t		 width;
	enum style	 style;
};

struct table {
	const struct table_column *columns;
	size_t			 ncolumns;
	struct table_cell	*cells;
	size_t			 ncells;
	size_t			 size;
};

/* What a table looks like in a width: columns from the right may be gone. */
struct table_layout {
	size_t	 widths[TABLE_COLUMNS_MAX];
	size_t	 shown;
	size_t	 gap;
	size_t	 total;		/* columns of a line, frame included */
};

/* `columns` lives longer than the table.  Free with table_clear. */
void table_init(struct table *table, const struct table_column *columns,
    size_t ncolumns);
void table_clear(struct table *table);

/* The next cell, from left to right; the text is copied, made visible. */
void table_add(struct table *table, enum style style, const char *text);
void table_addf(struct table *table, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

size_t table_rows(const struct table *table);

/* Fit into `width` columns (0: no bound) with or without a frame. */
void table_lay_out(const struct table *table, size_t width, int frame,
    struct table_layout *layout);

/*
 * Print the title line and `count` rows from `first` on, in a frame where
 * asked (lines on a UTF-8 terminal; else there is none).
 */
void table_print(FILE *f, const struct term *term, const struct table *table,
    size_t first, size_t count, int frame);

/* --- field.c: lines of a label and a value. --------------------------- */

#define VIEW_LABEL	14	/* where values begin behind short labels */

struct view {
	FILE			*f;
	const struct term	*term;
	int64_t			 now;	/* seconds since the epoch */
	size_t			 label;	/* columns of a label */
	int			 frame;	/* tables have one */
};

/* "label   value", the value folded; made visible like all text. */
void view_field(const struct view *v, const char *label, enum sign sign,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A sentence, folded likewise. */
void view_say(const struct view *v, enum sign sign, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What an answer warns of, a field each. */
void view_warnings(const struct view *v, struct json_object *answer);

/* A time as date and age; nothing if it is NULL. */
void view_time(const struct view *v, const char *label, const char *stamp);

void view_heading(const struct view *v, const char *title);

/* A member that is a whole number, -1 if it is none. */
int64_t view_integer(struct json_object *o, const char *name);

/* A number as the answer wrote it, "-" if it is none; as long as `o`. */
const char *view_number(struct json_object *o, const char *name);

/* --- show.c, figures.c, dashboard.c: answers for people. -------------- */

/* The stats object of contract.md. */
void view_figures(const struct view *v, struct json_object *stats);

/* --- file.c: files that the daemon takes and gives. */

/*
 * Carry out an operation whose `file` is at `path`: read, or written (mode
 * 0600) when the daemon has given all of it.  Returns 0, or -1 with
 * exit_code and why.
 */
int file_call(struct client *c, const struct verb *verb,
    struct json_object *args, const char *path);

/* --- registry.c: answers about the registry. */

void view_backups(const struct view *v, struct json_object *answer);
void view_projects(const struct view *v, struct json_object *answer);
void view_project(const struct view *v, struct json_object *answer);
void view_audit(const struct view *v, struct json_object *answer);
void view_imported(const struct view *v, struct json_object *answer);

/* An answer to budget.show. */
/*
 * watch.c: tell what changes of a run until it ends; returns EXIT_OK when it
 * ended with success, EXIT_FAILED when it ended otherwise, or the client's
 * exit_code with its `why` set (else that is empty).
 */
int watch_run(struct client *c, const char *path, const struct term *term,
    const char *id, int64_t run, int json);

/* runs.c, repositories.c */
void view_run(const struct view *v, struct json_object *answer);
void view_run_head(const struct view *v, struct json_object *run);
void view_triggered(const struct view *v, struct json_object *answer);
void view_cancelled(const struct view *v, struct json_object *answer);
void view_rerun(const struct view *v, struct json_object *answer);
void view_workflow(const struct view *v, struct json_object *answer);
void view_repositories(const struct view *v, struct json_object *answer);
void view_branches(const struct view *v, struct json_object *answer);
void view_workflows(const struct view *v, struct json_object *answer);
void view_discovered(const struct view *v, struct json_object *answer);
/* The conclusion of a run, a job or a step; while it has none, its status. */
const char *run_word(struct json_object *o);

void view_budget(const struct view *v, struct json_object *answer);

/* doctor.c */
void view_doctor(const struct view *v, struct json_object *answer);

/* An answer to trends or pipeline.trends. */
void view_trends(const struct view *v, struct json_object *answer);

/* An answer as text.  Knows each verb's; prints all members of others. */
void show_answer(const struct view *v, const struct verb *verb,
    struct json_object *answer);

/* Id, repository, status and domain of a pipeline, as cells. */
void show_pipeline_cells(const struct term *term, struct table *table,
    struct json_object *pipeline);

/* What a teardown leaves: runs that are being cancelled, warnings. */
void show_aftermath(const struct view *v, struct json_object *answer);

/* The texts of an array, a line each. */
void show_lines(FILE *f, struct json_object *list);

/* The sign and words of a pipeline's status, a run's conclusion. */
enum sign show_status_sign(const char *status);
enum sign show_run_sign(const char *status);

/* At a look at pipeline.list with stats: the dashboard, `first` row on top. */
void dashboard_print(FILE *f, const struct term *term,
    struct json_object *answer, int64_t now, size_t first);

/* --- board.c, monitor.c, events.c, menu.c: until one leaves them. ----- */

/*
 * Take an event of a subscription with snapshot; what is known from them as
 * pipeline.list with stats would answer it, NULL before the first snapshot
 * is whole.  board_event returns 1 if that is another one now.
 */
int board_event(const char *kind, struct json_object *data);
struct json_object *board_answer(void);
size_t board_rows(void);
void board_clear(void);

/*
 * Draw the dashboard whenever something changes, and every `interval`
 * seconds, until `q` or a signal, over restarts of the daemon.  Returns an
 * exit code.
 */
int monitor_run(struct client *c, const char *path, struct term *term,
    int interval);

/*
 * Print events as lines, with `json` each as one object, until the
 * connection ends.  Returns an exit code; `why` of the client says more,
 * or, where the daemon refused, its answer.
 */
int events_run(struct client *c, struct json_object *args,
    const struct term *term, int json);

/* With the id: what is asked before a pipeline is torn down. */
#define TEARDOWN_QUESTION						\
	"Deactivate pipeline %s? (Repository will be preserved): "

/* The menus, until one leaves the main one.  Returns an exit code. */
int menu_run(struct client *c, const char *path, struct term *term);

#endif
