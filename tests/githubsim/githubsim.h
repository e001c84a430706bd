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
#include <regex.h>
#include <sodium.h>
#include <stdint.h>

#include "model.h"

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
	struct app	*app;		/* that a JWT speaks for, or NULL */
	struct account	*account;	/* whose limits count, or NULL */
	const char	*bearer;	/* the credential as it came, or NULL */
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

#define SIM_STEPS	5	/* of a job */

typedef void (*handler)(struct call *);

struct route {
	const char	*method;
	const char	*pattern;	/* "actions/runs/{}/cancel" */
	handler		 handler;
	const char	*doc;
	const char	*needs;		/* permission, "actions=read" */
};

/* http.c: calls from the first byte to the last. */
void	 http_request(struct evhttp_request *, void *);
void	 call_finish(struct call *);		/* answers and frees it */
void	 call_free(struct call *);
const char *call_param(struct call *, const char *);
const char *call_header(struct call *, const char *);
int	 call_integer(struct call *, const char *, int, int, int);
size_t	 call_page(struct call *, size_t *);	/* its first, its size */
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
void	 owner_repos(struct call *);
void	 org_get(struct call *);
void	 owner_show(struct call *);
void	 branches_list(struct call *);
void	 branch_get(struct call *);
void	 contents_get(struct call *);
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
void	 run_artifacts(struct call *);
void	 run_timing(struct call *);
void	 job_rerun(struct call *);
void	 job_annotations(struct call *);
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

/* jwt.c: what a JWT claims, and whether this key signed it with RS256. */
struct json_object *jwt_claims(const char *);	/* NULL: it is none */
int	 jwt_signed_by(const char *, struct evp_pkey_st *);

/* apps.c: what an app does with its JWT, and with what it gets for it. */
int	 apps_serve(struct call *);	/* 1: answered, 0: not an app's path */
void	 installation_repos(struct call *);
void	 installation_revoke(struct call *);

/* permission.c: may this token do what the route needs?  0: answered. */
int	 permission_check(struct call *, const struct route *);
int	 permission_covers(struct json_object *, const char *needs);

/* secrets.c: the value as the repository would see it; for control. */
char	*secret_open(struct repo *, const struct secret *, size_t *len);
void	 secret_free(struct repo *, struct secret *);

/* logs.c: a job's log, whole or a step of it (-1: all); its archive. */
void	 log_text(struct evbuffer *, const struct run *, int attempt,
	    int place, int step);
struct evbuffer *log_archive(const struct run *, int attempt);

/* zip.c: an archive of stored files; the name is at most ZIP_NAME_MAX. */
#define ZIP_NAME_MAX	255
struct zip *zip_new(void);
void	 zip_add(struct zip *, const char *name, struct evbuffer *);
struct evbuffer *zip_close(struct zip *);	/* frees it */

/* graphql.c: the two questions that gh asks there. */
int	 graphql_path(const struct call *);
void	 graphql_serve(struct call *);

/* storage.c: the second host, that downloads redirect to. */
void	 storage_serve(struct call *);
int	 storage_url(char *, size_t, const struct run *, int attempt, int job);

/* render.c: GitHub's objects.  The caller owns what is returned. */
struct json_object *render_owner(struct call *, const struct owner *);
struct json_object *render_viewer(struct call *, const struct owner *);
struct json_object *render_org(struct call *, const struct owner *);
struct json_object *render_public(struct call *, const struct owner *);
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
int	 job_find(struct call *, struct run **, int *attempt, int *place);
const char *job_attempt_at(const struct run *, int attempt, int place,
	    struct attempt *);
const char *job_step_name(int);
const char *job_step_conclusion(const struct attempt *, int);
unsigned int run_jobs_good(const struct run *);
int	 run_job_count(const struct run *, int attempt);
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
void	 control_tokens_post(struct call *);
void	 control_apps_post(struct call *);
int	 control_make_token(struct call *, struct json_object *);
int	 control_make_app(struct call *, struct json_object *);
int	 control_object(struct call *, struct json_object *, const char *,
	    struct json_object **);
void	 control_limits_get(struct call *);
void	 control_limits_post(struct call *);
int	 control_limits_read(struct call *, struct json_object *);
int	 control_selection(struct call *, struct json_object *,
	    struct selection *);
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
