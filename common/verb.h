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
 * The table of operations, made from verb.def, and the checks of their
 * arguments.  Belongs to the api, the poller, the registry and ccmctl.
 * Must not carry an operation out.
 */

#ifndef CCM_VERB_H
#define CCM_VERB_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

enum verb_id {
	VERB_UNKNOWN,
#define VERB(NAME, name, method, path, words, role, doors, walk, help) \
	VERB_##NAME,
#include "verb.def"
#undef VERB
	VERB_MAX
};

enum role {
	ROLE_NONE,
	ROLE_VIEWER,
	ROLE_API,
	ROLE_ADMIN
};

#define DOOR_HTTP	0x1
#define DOOR_CTL	0x2

enum verb_walk {
	WALK_READ,
	WALK_RING,
	WALK_QUERY,
	WALK_FETCH,
	WALK_STORE,
	WALK_STREAM,
	WALK_PARENT,
	WALK_SCAN
};

/* How an argument is checked. */
enum verb_check {
	CHECK_REPO,		/* owner/name */
	CHECK_OWNER,		/* of a repository, */
	CHECK_REPO_NAME,	/* and its name */
	CHECK_WORKFLOW,		/* completed to .github/workflows/... */
	CHECK_CONFIG,		/* object, contract.md */
	CHECK_DOMAIN,		/* host name; empty is absent */
	CHECK_NAME,		/* [A-Za-z0-9._-]{1,64}; empty is absent */
	CHECK_ID,		/* a pipeline's id */
	CHECK_STATUS,		/* active, inactive, error */
	CHECK_TEXT,		/* min to max bytes */
	CHECK_INT,		/* min to max */
	CHECK_RUN,		/* a run's id: min to max */
	CHECK_INPUTS,		/* object of text, at most max members */
	CHECK_LINKS,		/* list of linked_domain, linked_app, vps */
	CHECK_FLAG,		/* absent, true or 1, false or 0 */
	CHECK_INCLUDE,		/* stats */
	CHECK_FILE,		/* the name of a file; ccmctl opens it */
	CHECK_SECRET,		/* [A-Z_][A-Z0-9_]*, not GITHUB_ */
	CHECK_SINCE,		/* 24h, 30d, 12w: becomes seconds */
	CHECK_BY,		/* day or week */
	CHECK_LEVEL,		/* brief, verbose */
	CHECK_PRESERVE		/* absent, true or 1 */
};

enum verb_place {
	PLACE_PATH,
	PLACE_QUERY,
	PLACE_BODY
};

#define VERB_MUST	1
#define VERB_PROJECT	2	/* unless there is a `project` */

struct verb_arg {
	const char	*name;
	enum verb_check	 check;
	enum verb_place	 place;
	int		 must;		/* VERB_MUST, VERB_PROJECT or 0 */
	char		 option;	/* 0 positional, '-' none */
	int64_t		 min;
	int64_t		 max;
	const char	*help;
};

struct verb {
	enum verb_id	 id;
	const char	*name;
	const char	*method;	/* NULL: not over HTTP */
	const char	*path;
	const char	*words;		/* NULL: not a command */
	enum role	 role;
	unsigned int	 doors;
	enum verb_walk	 walk;
	const char	*summary;
	const struct verb_arg *args;
	size_t		 nargs;
	int		 status;	/* of a success */
	const char	*answer;	/* what it is: verb.def */
};

struct verb_error {
	int		 status;	/* HTTP status */
	char		 code[64];
	char		 text[512];	/* a sentence */
};

/* The row of an operation; NULL if there is none of that id or name. */
const struct verb *verb_get(unsigned int id);
const struct verb *verb_by_name(const char *name);

/* The i-th row, NULL behind the last: to walk the table. */
const struct verb *verb_at(size_t i);

/* 1 if this argument must be among `args`. */
int verb_needs(const struct verb_arg *arg, struct json_object *args);

/* 1 if one of its arguments is a file, which travels by a socket. */
int verb_takes_file(const struct verb *verb);

/* "viewer" etc. to a role and back; ROLE_NONE if it is none of them. */
enum role role_parse(const char *name);
const char *role_name(enum role role);

/*
 * Check the arguments of an operation, an object as a client gave it, and
 * bring them into their normal form in place: nulls and empty values that
 * count as absent are removed, a bare workflow file is completed, text of
 * an integer or flag (from a query or ccmctl) becomes one.  Unknown
 * members are dropped.  Returns 0, or -1 with `err` filled in.
 */
int verb_check_args(const struct verb *verb, struct json_object *args,
    struct verb_error *err);

/* Fill in `err`: 400, invalid_argument, a sentence.  Returns -1. */
int verb_bad(struct verb_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * verb_text.c: what was expected where `s` is not what `check` asks for,
 * behind "must be"; NULL: it is.  *bounded: its length must be from the
 * argument's min to max, too.
 */
const char *verb_text_expected(enum verb_check check, const char *s,
    int *bounded);

#endif
