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
 * What there is in githubsim: owners, tokens, apps, repositories, runs, and
 * the clock that they live by.  Must not know how any of it is shown.
 */

#ifndef MODEL_H
#define MODEL_H

#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <limits.h>
#include <stdint.h>

#include "limit.h"

#define SIM_SEGMENTS		16	/* of a path */
#define SIM_ARGS		4	/* captured by a route */
#define SIM_URL_MAX		4096
#define SIM_PAGE_MAX		100	/* GitHub's per_page */
#define SIM_FILTERED_MAX	1000	/* results of a filtered list */
#define SIM_NAME_BYTES		201	/* of "owner/name" */
#define SIM_PLAN_STEPS		8
#define SIM_JOBS_MAX		10	/* of a run */
#define SIM_LOG_TEXT_MAX	(64 * 1024 * 1024)	/* of a job */
#define SIM_ATTEMPTS_MAX	50	/* GitHub's own bound on reruns */
#define SIM_INPUTS_MAX		25	/* of a dispatch */
#define SIM_SECRETS_MAX		100	/* of a repository */
#define SIM_REPOS_MAX		20000
#define SIM_RUNS_MAX		2000000
#define SIM_TOKENS_MAX		1000
#define SIM_APPS_MAX		100
#define SIM_INSTALLATIONS_MAX	1000	/* of an app */
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

/* Who is limited: a user by all of its tokens, or an installation. */
struct account {
	TAILQ_ENTRY(account) entry;
	char		*name;	/* login, or "installation/7" */
	struct owner	*owner;
	struct budget	 budget;
};

/* Repositories by number: all, or these. */
struct selection {
	int		 some;
	size_t		 n;
	int64_t		*id;
};

struct evp_pkey_st;
struct app;

/* A GitHub App where it is installed: at a user or an organization. */
struct installation {
	TAILQ_ENTRY(installation) entry;
	struct app	*app;
	int64_t		 id;
	struct owner	*owner;
	struct account	*account;
	struct json_object *grants;	/* NULL: what the app has */
	struct selection selection;
	int64_t		 created;
	int		 suspended;
	int		 deleted;
};
TAILQ_HEAD(installation_list, installation);

struct app {
	TAILQ_ENTRY(app) entry;
	int64_t		 id;
	char		*slug;
	char		*name;
	char		*client_id;
	struct owner	*owner;
	struct evp_pkey_st *key;	/* public, that its JWTs must fit */
	struct json_object *grants;	/* {"actions": "write"} */
	int64_t		 lifetime;	/* ms, of the tokens given out */
	int64_t		 created;
	struct installation_list installations;
};
TAILQ_HEAD(app_list, app);

/*
 * With grants it is a fine-grained one, with scopes a classic one, with
 * neither nothing is said or asked about what it may do.
 */
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
	struct json_object *grants;	/* {"actions": "read"}, or NULL */
	struct owner	*owner;		/* whose it reaches, NULL: any */
	struct selection selection;
	struct installation *installation;	/* whose it is, or NULL */
	int64_t		 expires;	/* ms since 1970, 0: never */
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
	struct json_object *jobs;	/* {"test": "failure"}, or NULL */
	unsigned int	 carried;	/* bits of jobs that it didn't run */
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
	struct json_object *jobs;	/* how each of them ended, or NULL */
	unsigned int	 carried;	/* jobs of an earlier attempt */
	int64_t		 log_bytes;	/* of each job, at least */
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
	int		 log_answers;		/* their bodies */
	struct limits	 limits;
	int		 limit_status;		/* 403 or 429 */
	int64_t		 retry_after;		/* seconds, -1: no header */
};

enum port_kind { PORT_HTTP, PORT_HTTPS, PORT_STORAGE, PORT_KINDS };

struct event_base;
struct evhttp;

struct sim {
	struct event_base *base;
	struct evhttp	*http[PORT_KINDS];
	int		 port[PORT_KINDS];
	const char	*prefix;	/* "" or "/api/v3" */
	char		 web[64];	/* what pages are below */
	int		 any_token;
	struct settings	 settings;
	struct owner_tree owners;
	struct repo_ids	 repo_ids;
	struct repo_names repo_names;
	struct alias_tree aliases;
	struct run_ids	 run_ids;
	struct token_list tokens;
	struct account_list accounts;
	struct app_list	 apps;
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
int	 repo_full_name(char *, size_t, const char *owner, const char *name);
struct repo *repo_find_alias(const char *owner, const char *name);
struct repo *repo_next(struct repo *);		/* NULL: the first */
int	 repo_rename(struct repo *, const char *full_name);
void	 repo_free(struct repo *);
void	 repo_changed(struct repo *);
int	 repo_visible(const struct repo *, const struct token *);
int	 token_reaches(const struct token *, const struct repo *);
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
struct account *account_named(const char *name, struct owner *);
void	 selection_clear(struct selection *);
int	 selection_add(struct selection *, int64_t id);
int	 selection_has(const struct selection *, int64_t id);
struct token *token_add(const char *text);
int	 token_good(const struct token *);
int	 token_scope(const struct token *, const char *);
void	 token_free(struct token *);	/* no call may have it */
struct token *token_find(const char *text);
void	 token_hash(const char *text, char [SIM_TOKEN_ID]);

/* alias.c: names of before, which redirect until someone takes them. */
void	 alias_add(const char *full_name, int64_t id);
void	 alias_remove(const char *full_name);

/* apps_state.c: GitHub Apps and where they are installed. */
struct app *app_get(int64_t id);		/* made when missing */
struct app *app_find(const char *id_or_client_id);
struct installation *installation_get(struct app *, int64_t id);
struct installation *installation_find(int64_t id);
struct installation *installation_of(struct app *, const struct owner *);

/* plan.c: scripts and the passing of time. */
int	 plan_set(struct run *, struct json_object *, int64_t start);
void	 plan_finish(struct run *, int64_t at, const char *conclusion);
void	 plan_drop(struct run *);
void	 repo_advance(struct repo *);

#endif /* MODEL_H */
