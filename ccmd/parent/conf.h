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
 * The configuration: ccmd.conf, then the environment, then defaults.  Runs
 * in the parent.
 */

#ifndef CCM_PARENT_CONF_H
#define CCM_PARENT_CONF_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "tree.h"

#define CONF_NAME_MAX		64
#define CONF_GITHUBS_MAX	32
#define CONF_LISTEN_MAX		16
#define CONF_FILE_NAME		8192	/* of one, and of where it is named */
#define CONF_SOCKET_MAX		107	/* sun_path, without its NUL */
#define CONF_HASH_LEN		32	/* BLAKE2b-256 */

/* The same numbers as enum role (verb.h), which needs json-c. */
enum conf_role {
	CONF_VIEWER = 1,
	CONF_API,
	CONF_ADMIN
};

struct conf_listen {
	TAILQ_ENTRY(conf_listen) entry;
	char		*host;
	char		*port;
	int		 fd;		/* -1: not yet listening */
	char		*file;		/* where it is configured, and at */
	int		 line;		/* which line; with TLS only */
	char		*certificate_file;	/* NULL: no TLS */
	char		*key_file;
	char		*certificate;	/* PEM */
	size_t		 certificate_len;
	char		*key;		/* PEM, sodium_malloc, or NULL */
	size_t		 key_len;
};

struct conf_token {
	TAILQ_ENTRY(conf_token) entry;
	RB_ENTRY(conf_token) named;
	char		*name;
	enum conf_role	 role;
	unsigned char	 hash[CONF_HASH_LEN];
	int64_t		 expires;	/* seconds since the epoch; 0 never */
};

/* A file that the configuration names, and the line where it does. */
struct conf_file {
	char		*path;		/* NULL: none */
	int		 line;
};

struct conf_github {
	TAILQ_ENTRY(conf_github) entry;
	char		*name;
	char		*url;
	uint64_t	 credential;	/* changes with what it is */
	struct conf_file token_file;
	struct conf_file write_file;	/* of the token for changes */
	uint64_t	 app;		/* a GitHub App instead; 0: none */
	uint64_t	 installation;
	struct conf_file key_file;
	struct conf_file ca_file;
	char		*owners;	/* separated by blanks, or NULL */
	uint32_t	 concurrent;
	uint32_t	 points;
	char		*token;		/* sodium_malloc, or NULL */
	size_t		 token_len;
	char		*write_token;	/* the same */
	size_t		 write_len;
	struct evp_pkey_st *key;	/* sign.c, or NULL */
	int64_t		 signed_since;	/* monotonic ms: the last minute */
	unsigned int	 nsigned;	/* in it */
};

struct conf {
	char		*path;		/* of the file, NULL: there is none */
	TAILQ_HEAD(, conf_listen) listeners;
	TAILQ_HEAD(, conf_token) tokens;
	RB_HEAD(conf_token_names, conf_token) token_names;	/* the same */
	TAILQ_HEAD(, conf_github) githubs;
	size_t		 ngithubs;
	char		*control;
	char		*control_group;
	int		 control_line;	/* that names it */
	enum conf_role	 control_role;
	char		*statedir;
	int		 strict;	/* sandbox strict */
	uint32_t	 active;	/* poll, seconds */
	uint32_t	 idle;
	uint32_t	 max;
	uint32_t	 reserve;	/* per cent */
	uint32_t	 newest;	/* backups */
	uint32_t	 minutely;
	uint32_t	 hourly;
	uint32_t	 daily;
	uint32_t	 history_days;
	uint32_t	 history_megabytes;
	struct msg_conf_limits limits;	/* of clients over HTTP */
	uint32_t	 open;		/* without a token: OPEN_ of msg.h */
};

/*
 * Read everything.  `path` NULL: the usual file, if it is there.  Errors go
 * to the log, each with file and line.  Secrets are taken out of the
 * environment the first time, and kept for the next.  Returns the
 * configuration, or NULL.
 */
struct conf *conf_load(const char *path);
void conf_free(struct conf *conf);

/* Say what would be done, never a secret.  -1: it could not be written. */
int conf_print(const struct conf *conf);

/* parse.y: read a file.  Returns 0, or -1 when there were errors. */
int parse_config(const char *path, struct conf *conf);

/* conf_env.c */
struct conf *conf_new(void);
int conf_from_environment(struct conf *conf);
int conf_defaults(struct conf *conf);
/*
 * "connections" etc. of `limits http`; -1 with a sentence of what was
 * expected.
 */
int conf_limit(struct conf *conf, const char *name, int64_t value,
    char *why, size_t size);
/* "metrics" etc. need no token; -1: there is no such thing. */
int conf_open(struct conf *conf, const char *what);

/* conf_value.c: 0, or -1; or whether it may be that. */
int conf_role(const char *name, enum conf_role *role);
/* 64 hexadecimal digits to CONF_HASH_LEN bytes. */
int conf_hash(const char *hex, unsigned char *hash);
int conf_name_ok(const char *name);
int conf_owner_ok(const char *owner);
/* Numeric, or localhost. */
int conf_address_ok(const char *host);
/* If not, *why says what was expected. */
int conf_url_ok(const char *url, const char **why);

/* NULL: out of memory. */
struct conf_listen *conf_add_listen(struct conf *conf, const char *host,
    const char *port);
struct conf_token *conf_add_token(struct conf *conf, const char *name,
    enum conf_role role);
struct conf_github *conf_add_github(struct conf *conf, const char *name);
/* One that is in no list; NULL is none. */
void conf_github_free(struct conf_github *g);
/*
 * A path from the directory that we were started in, or with "~/" from the
 * user's own; the caller frees it.  NULL: out of memory.  After conf_load.
 */
char *conf_expand(const char *path);
/* The user's own directory, from the password file when root. */
const char *conf_home(void);

/*
 * credential.c: open a file that holds a secret.  Returns its descriptor, or
 * -1 with a log line: others may read it, it is not a file, ...  The line
 * begins with `name`, which says where the file is configured, and is ready
 * for a terminal.
 */
int credential_open(const char *path, const char *name);
/* A secret file, into locked memory; -1 with a log line. */
int credential_read(const char *path, const char *name, char **secret,
    size_t *len);
/* Visible ASCII alone, as goes into a header. */
int credential_text_ok(const char *p, size_t len);
/* A copy in locked memory. */
char *credential_copy(const char *secret, size_t len);

/*
 * sign.c: a GitHub App's private key, RSA in PEM (PKCS#1 or PKCS#8), without
 * a passphrase.  Returns NULL with a log line that says what was expected.
 */
struct evp_pkey_st *sign_key_read(const char *path, const char *name);
/* Locked memory for the numbers of keys; -1 with a log line. */
int credential_heap(void);

/*
 * certificate.c: a listener's certificate and key from their files.  -1 with
 * log lines that name the configuration's file and line.
 */
int certificate_read(struct conf_listen *l);

void sign_key_free(struct evp_pkey_st *key);
/* Who is the same App with the same key keeps its number over a reload. */
void sign_inherit(struct conf *conf, const struct conf *old);

#endif
