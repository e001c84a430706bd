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
 * What the parts of githubsim share.  githubsim is a program of its own
 * that stands in for GitHub's REST API in tests and in the demo: it is not
 * part of any ccmd process, shares no code with them (a mistake made twice
 * would cancel out), and listens on the loopback address only.
 */

#ifndef GITHUBSIM_H
#define GITHUBSIM_H

#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <json-c/json.h>
#include <limits.h>
#include <regex.h>
#include <sodium.h>
#include <stdint.h>

#define SIM_SEGMENTS		16	/* of a path */
#define SIM_ARGS		4	/* captured by a route */
#define SIM_URL_MAX		4096
#define SIM_PAGE_MAX		100	/* GitHub's per_page */
#define SIM_FILTERED_MAX	1000	/* results of a filtered list */
#define SIM_PLAN_STEPS		8
#define SIM_ATTEMPTS_MAX	50	/* GitHub's own bound on reruns */
#define SIM_INPUTS_MAX		25	/* of a dispatch */
#define SIM_SECRETS_MAX		100	/* of a repository */
#define SIM_REPOS_MAX		20000
#define SIM_RUNS_MAX		2000000
#define SIM_TOKENS_MAX		1000
#define SIM_FAULTS_MAX		1000
#define SIM_WAITERS_MAX		100
#define SIM_LOG_MAX		100000	/* requests remembered */
#define SIM_LOG_BODY_MAX	4096	/* bytes of a request's body */
#define SIM_ETAGS_MAX		65536	/* ETags remembered */
#define SIM_BODY_MAX		(16 * 1024 * 1024)
#define SIM_TIMESTAMP		32	/* bytes of "2026-01-05T10:30:00Z" */
#define SIM_TOKEN_ID		17	/* bytes of a token's short hash */
#define SIM_RUN_ID_MAX		1000000000000000LL
#define SIM_INTEGER_MAX		1000000000000000000LL	/* control's */
#define SIM_NEVER		INT64_MAX

/* What a run does when it is to be cancelled: one of these, or a status. */
#define CANCEL_COMPLETE		0	/* 202, completed after the delay */
#define CANCEL_IGNORE		1	/* 202, and nothing happens */

struct json_object;

struct sim_strings {
	size_t		  n;
	char		**s;
};

/* An owner of repositories or an actor: a user or an organization. */
struct owner {
	RB_ENTRY(owner)	 entry;
	char		*login;
	int64_t		 id;
	int		 organization;
};

/* What GitHub's limits count; all tokens of a user share one. */
struct budget {
	int64_t		 used;
	int64_t		 reset;		/* seconds since 1970 */
	int64_t		 points;	/* this minute */
	int64_t		 minute;	/* its start, seconds since 1970 */
	int		 inflight;
};

struct account {
	TAILQ_ENTRY(account) entry;
	struct owner	*owner;
	struct budget	 budget;
};

struct token {
	TAILQ_ENTRY(token) entry;
	char		*text;
	char		 id[SIM_TOKEN_ID];	/* hash, for the log */
	struct account	*account;
	int		 valid;
	int		 readonly;
	char		*scopes;	/* X-OAuth-Scopes, or NULL */
	char		*permissions;	/* X-Accepted-GitHub-Permissions */
	char		*expiration;	/* of the token, or NULL */
};

struct secret {
	TAILQ_ENTRY(secret) entry;
	char		*name;
	char		*environment;	/* "" for the repository's own */
	char		*encrypted;	/* base64, as it came */
	int64_t		 created;
	int64_t		 updated;
};

struct workflow;
struct run;
RB_HEAD(run_order, run);
TAILQ_HEAD(run_list, run);
TAILQ_HEAD(workflow_list, workflow);
TAILQ_HEAD(secret_list, secret);

struct repo {
	RB_ENTRY(repo)	 by_id;
	RB_ENTRY(repo)	 by_name;
	int64_t		 id;
	char		*full_name;
	const char	*name;		/* inside of full_name */
	struct owner	*owner;
	char		*default_branch;
	int		 private;
	int		 archived;
	int		 deleted;
	int		 restricted;	/* only tokens in access see it */
	struct sim_strings access;
	struct sim_strings branches;
	int64_t		 created;
	int64_t		 updated;
	uint64_t	 version;	/* grows with every change */
	int64_t		 next_change;	/* of a script, or SIM_NEVER */
	struct workflow_list workflows;
	struct run_order runs;		/* newest first */
	size_t		 nruns;
	struct run_list	 scripted;
	struct secret_list secrets;
	size_t		 nsecrets;
	unsigned char	*public_key;	/* with the secret key behind it */
	int64_t		 key_id;
	int		 demo;		/* starts runs by itself */
};

struct workflow {
	TAILQ_ENTRY(workflow) entry;
	struct repo	*repo;
	int64_t		 id;
	char		*name;
	char		*path;
	const char	*state;		/* interned */
	int64_t		 created;
	int64_t		 updated;
	int64_t		 last_number;
	int		 gone;		/* deleted: only its runs are left */
	int		 dispatch;	/* has a workflow_dispatch trigger */
	struct json_object *inputs;	/* declared ones, NULL: any */
	struct json_object *plan;	/* of runs that start here */
	struct sim_strings jobs;
	int		 demo_success;	/* per cent */
	int		 demo_seconds;	/* that a run takes */
	int		 demo_every;	/* seconds between runs, 0: none */
	int64_t		 demo_next;	/* when the next one starts */
	const char	*demo_branch;
};

/* A script: at these times the run's status becomes this. */
struct plan {
	int		 n;
	int		 next;
	struct {
		const char	*status;
		int64_t		 at;
	}		 step[SIM_PLAN_STEPS];
	const char	*conclusion;
};

struct attempt {
	const char	*status;
	const char	*conclusion;
	int64_t		 started;
	int64_t		 updated;
};

/* Times are milliseconds since 1970, by the simulated clock. */
struct run {
	RB_ENTRY(run)	 order;
	RB_ENTRY(run)	 by_id;
	TAILQ_ENTRY(run) script;
	struct repo	*repo;
	struct workflow	*workflow;
	int64_t		 id;
	int64_t		 number;
	int64_t		 created;
	int64_t		 started;
	int64_t		 updated;
	const char	*status;	/* interned, as the next four */
	const char	*conclusion;	/* or NULL */
	const char	*event;
	const char	*branch;	/* or NULL */
	const char	*sha;		/* or NULL: made from the id */
	struct owner	*actor;
	char		*title;		/* or NULL: the workflow's name */
	struct json_object *set;	/* members to show instead */
	struct json_object *omit;	/* members not to show */
	struct plan	*plan;
	struct attempt	*attempts;	/* earlier ones */
	int		 attempt;
	int		 first_attempt;	/* number of attempts[0] */
	int		 on_cancel;
	int		 on_force;
	int		 no_logs;	/* they were deleted */
};

struct alias;
RB_HEAD(owner_tree, owner);
RB_HEAD(repo_ids, repo);
RB_HEAD(repo_names, repo);
RB_HEAD(run_ids, run);
RB_HEAD(alias_tree, alias);
TAILQ_HEAD(token_list, token);
TAILQ_HEAD(account_list, account);

/* What can be set for the whole server (see README.md). */
struct settings {
	int64_t		 cancel_delay;		/* ms */
	int		 weak_304;		/* a 304's ETag keeps W/ */
	int		 log_headers;		/* of every request */
	int		 enforce_hourly;
	int		 enforce_points;
	int		 enforce_concurrent;
	int64_t		 hourly;
	int64_t		 points;
	int64_t		 concurrent;
	int		 limit_status;		/* 403 or 429 */
	int64_t		 retry_after;		/* seconds, -1: no header */
};

enum port_kind { PORT_HTTP, PORT_HTTPS, PORT_STORAGE, PORT_KINDS };

struct sim {
	struct event_base *base;
	struct evhttp	*http[PORT_KINDS];
	int		 port[PORT_KINDS];
	const char	*prefix;	/* "" or "/api/v3" */
	int		 any_token;
	struct settings	 settings;
	struct owner_tree owners;
	struct repo_ids	 repo_ids;
	struct repo_names repo_names;
	struct alias_tree aliases;
	struct run_ids	 run_ids;
	struct token_list tokens;
	struct account_list accounts;
	size_t		 ntokens;
	size_t		 nrepos;
	size_t		 nruns;
	uint64_t	 version;	/* grows with every change */
	int64_t		 last_owner;
	int64_t		 last_repo;
	int64_t		 last_workflow;
	int64_t		 last_run;
};

extern struct sim sim;

/* What a fault does to one call; fault.c. */
enum fault_kind {
	FAULT_NONE, FAULT_DELAY, FAULT_STATUS, FAULT_GARBAGE, FAULT_HANG,
	FAULT_RESET, FAULT_TRUNCATE, FAULT_ENDLESS_BODY,
	FAULT_ENDLESS_HEADER, FAULT_DRIP, FAULT_CONTENT_LENGTH
};

struct fault_act {
	enum fault_kind	 kind;
	int64_t		 delay;		/* ms before anything happens */
	int64_t		 bytes;
	int64_t		 interval;	/* ms between drips */
	int64_t		 delta;		/* added to Content-Length */
	int		 status;
	int		 effect;	/* the request takes effect first */
	struct json_object *body;	/* string: as it is, else JSON */
	struct json_object *headers;
};

/* A request and the answer to it. */
struct call {
	struct evhttp_request *req;
	enum port_kind	 port;
	const char	*method;
	const char	*uri;		/* path and query as they came */
	struct evkeyvalq params;	/* of the query */
	char		*segments;	/* storage for seg */
	char		*seg[SIM_SEGMENTS];
	int		 nseg;
	int		 rest;		/* segment behind the repository */
	const char	*arg[SIM_ARGS];	/* captured by the route */
	char		 origin[512];	/* scheme://host/prefix */
	struct token	*token;		/* NULL: none, or on the other ports */
	char		 token_id[SIM_TOKEN_ID];	/* "": none sent */
	struct repo	*repo;
	struct json_object *input;	/* the body, or NULL */
	const char	*doc;		/* page of GitHub's documentation */
	struct fault_act fault;
	struct event	*timer;
	int		 held;		/* answered later */
	struct budget	*inflight;	/* counted in this one, or NULL */
	int		 crowded;	/* one too many at once */
	int64_t		 arrived;	/* real ms */
	/* the answer */
	int		 status;
	struct evkeyvalq headers;
	char		*body;
	size_t		 len;
	int		 conditional;	/* gets an ETag */
	struct json_object *shared;	/* repository, rendered once a page */
};

typedef void (*handler)(struct call *);

struct route {
	const char	*method;
	const char	*pattern;	/* "actions/runs/{}/cancel" */
	handler		 handler;
	const char	*doc;
};

/*
 * clock.c: the simulated clock.  It starts as the real one and can be set
 * off, sped up and stopped.
 */
void	 clock_init(void);
int64_t	 clock_now(void);		/* ms since 1970 */
int64_t	 clock_real(void);		/* ms since 1970, the real one */
void	 clock_set_offset(int64_t);	/* ms from the real clock */
void	 clock_advance(int64_t);	/* ms */
void	 clock_set_speed(double);
int64_t	 clock_offset(void);
double	 clock_speed(void);
/* Seconds from JSON to ms, within what the calendar can show. */
int64_t	 seconds_ms(double);
/* "2026-01-05T10:30:00Z" of a time in ms. */
const char *timestamp(int64_t, char [SIM_TIMESTAMP]);
/* ISO 8601 to ms; "day" tells that there was no time of day.  0 or -1. */
int	 timestamp_parse(const char *, int64_t *, int *day);

/*
 * state.c, store.c: what exists.  Functions that make something return NULL
 * with errno when a bound is reached or memory ends; what they return
 * belongs to the state.
 */
void	 state_init(void);
void	 state_reset(void);
const char *intern(const char *);		/* for ever; NULL for NULL */
void	 strings_clear(struct sim_strings *);
int	 strings_add(struct sim_strings *, const char *);
int	 strings_has(const struct sim_strings *, const char *);
struct owner *owner_get(const char *login);	/* made when missing */
struct owner *owner_find(const char *login);
struct repo *repo_new(const char *full_name, int64_t id);
struct repo *repo_find(const char *owner, const char *name);
struct repo *repo_find_id(int64_t);
struct repo *repo_find_alias(const char *owner, const char *name);
struct repo *repo_next(struct repo *);		/* NULL: the first */
int	 repo_rename(struct repo *, const char *full_name);
void	 repo_free(struct repo *);
void	 repo_changed(struct repo *);
int	 repo_visible(const struct repo *, const struct token *);
int	 repo_has_ref(const struct repo *, const char *);
struct workflow *workflow_new(struct repo *, const char *path, int64_t id);
struct workflow *workflow_find(struct repo *, const char *id_or_file);
void	 workflow_free(struct workflow *);
struct run *run_new(struct workflow *, int64_t id, int64_t created);
struct run *run_find(struct repo *, const char *id);
struct run *run_find_id(int64_t);
int	 run_move(struct run *, int64_t created);
void	 run_free(struct run *);
int	 run_save_attempt(struct run *);
int64_t	 run_next_id(void);
RB_PROTOTYPE(run_order, run, order, run_order_cmp)
struct account *account_get(const char *login);
struct token *token_add(const char *text);
struct token *token_find(const char *text);
void	 token_hash(const char *text, char [SIM_TOKEN_ID]);

/* plan.c: scripts and the passing of time. */
int	 plan_set(struct run *, struct json_object *, int64_t start);
void	 plan_finish(struct run *, int64_t at, const char *conclusion);
void	 plan_drop(struct run *);
void	 repo_advance(struct repo *);

/* http.c: calls from the first byte to the last. */
void	 http_request(struct evhttp_request *, void *);
void	 call_finish(struct call *);		/* answers and frees it */
void	 call_free(struct call *);
const char *call_param(struct call *, const char *);
const char *call_header(struct call *, const char *);
int	 call_integer(struct call *, const char *, int, int, int);
const struct route *route_find(const struct route *, struct call *, int);

/* answer.c: what a call is answered with.  A body given is taken over. */
void	 answer_json(struct call *, int, struct json_object *);
void	 answer_text(struct call *, int, const char *type, const void *,
	    size_t);
void	 answer_empty(struct call *, int);
void	 answer_error(struct call *, int, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 answer_header(struct call *, const char *, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 answer_page(struct call *, size_t total, size_t reachable);
void	 answer_common(struct call *);
int	 answer_raw(struct call *, struct evbuffer *, int64_t length);
const char *answer_reason(int);

/* etag.c */
int	 etag_fresh(struct call *);	/* answered with 304 */
void	 etag_add(struct call *);	/* to a 200, which may become a 304 */
void	 etag_clear(void);

/* route.c, and the handlers that its table names */
void	 api_serve(struct call *);
void	 repo_get(struct call *);
void	 user_get(struct call *);
void	 user_repos(struct call *);
void	 org_repos(struct call *);
void	 rate_limit_get(struct call *);
void	 runs_list(struct call *);
void	 workflow_runs_list(struct call *);
void	 run_get(struct call *);
void	 run_attempt_get(struct call *);
void	 run_delete(struct call *);
void	 run_cancel(struct call *);
void	 run_force_cancel(struct call *);
void	 run_rerun(struct call *);
void	 run_rerun_failed(struct call *);
void	 run_jobs(struct call *);
void	 run_attempt_jobs(struct call *);
void	 job_get(struct call *);
void	 job_logs(struct call *);
void	 run_logs(struct call *);
void	 run_attempt_logs(struct call *);
void	 run_delete_logs(struct call *);
void	 workflows_list(struct call *);
void	 workflow_get(struct call *);
void	 workflow_enable(struct call *);
void	 workflow_disable(struct call *);
void	 workflow_dispatch(struct call *);
void	 secrets_key(struct call *);
void	 secrets_list(struct call *);
void	 secret_get(struct call *);
void	 secret_put(struct call *);
void	 secret_delete(struct call *);

/* secrets.c: the value as the repository would see it; for control. */
char	*secret_open(struct repo *, const struct secret *, size_t *len);
void	 secret_free(struct repo *, struct secret *);

/* storage.c: the second host, that downloads redirect to. */
void	 storage_serve(struct call *);
int	 storage_url(char *, size_t, const struct run *, int attempt, int job);

/* render.c: GitHub's objects.  The caller owns what is returned. */
struct json_object *render_owner(struct call *, const struct owner *);
struct json_object *render_viewer(struct call *, const struct owner *);
struct json_object *render_repo(struct call *, const struct repo *);
struct json_object *render_run(struct call *, const struct run *, int attempt);
struct json_object *render_workflow(struct call *, const struct workflow *);
struct json_object *render_string(const char *);	/* or null */
struct json_object *render_time(int64_t);
const char *run_sha(const struct run *, char [41]);
const char *run_attempt_at(const struct run *, int, struct attempt *);

/* jobs.c */
struct json_object *render_job(struct call *, const struct run *, int attempt,
	    int index);
int	 run_job_count(const struct run *);
const char *run_job_name(const struct run *, int);

/* ratelimit.c */
void	 ratelimit_enter(struct call *);	/* it has arrived */
int	 ratelimit_admit(struct call *);	/* 0, or -1: answered */
void	 ratelimit_charge(struct call *);
void	 ratelimit_headers(struct call *);
void	 ratelimit_release(struct call *);
struct json_object *ratelimit_show(struct call *);

/* fault.c, stream.c */
void	 fault_find(struct call *);
int	 fault_before(struct call *);	/* 1: the request has no effect */
void	 fault_send(struct call *);	/* takes over the call */
void	 fault_act_clear(struct fault_act *);
void	 fault_clear(void);
const char *fault_name(enum fault_kind);
void	 fault_post(struct call *);
void	 fault_list(struct call *);
void	 fault_delete(struct call *);
void	 stream_start(struct call *, struct evbuffer *, int64_t fill,
	    int header, int hang);
void	 stream_reset(struct call *);

/* reqlog.c */
void	 reqlog_add(struct call *);
void	 reqlog_get(struct call *);
void	 reqlog_delete(struct call *);
void	 reqlog_counts(struct call *);
void	 reqlog_clear(void);

/* control.c, control_repo.c, control_run.c */
void	 control_serve(struct call *);
int	 control_scenario(const char *path);
int	 control_members(struct call *, struct json_object *,
	    const char *const *);
const char *control_string(struct json_object *, const char *, const char *);
int64_t	 control_integer(struct json_object *, const char *, int64_t);
int	 control_boolean(struct json_object *, const char *, int);
int	 control_strings(struct json_object *, struct sim_strings *);
int	 control_array(struct call *, struct json_object *, const char *,
	    struct json_object **);
void	 control_error(struct call *, int, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
struct repo *control_find_repo(struct call *);
struct repo *control_make_repo(struct call *, struct json_object *);
struct workflow *control_make_workflow(struct call *, struct repo *,
	    struct json_object *);
struct run *control_make_run(struct call *, struct repo *, struct workflow *,
	    struct json_object *);
void	 control_repos_post(struct call *);
void	 control_repos_get(struct call *);
void	 control_repo_get(struct call *);
void	 control_repo_patch(struct call *);
void	 control_repo_delete(struct call *);
void	 control_secrets_get(struct call *);
void	 control_workflows_post(struct call *);
void	 control_workflow_patch(struct call *);
void	 control_workflow_delete(struct call *);
void	 control_runs_post(struct call *);
void	 control_run_patch(struct call *);
void	 control_run_delete(struct call *);
void	 control_bulk_post(struct call *);

/* demo.c */
int	 demo_load(void);
int64_t	 demo_advance(struct repo *, int64_t now);	/* next due */

#endif /* GITHUBSIM_H */
