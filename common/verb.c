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
 * The table of operations, and the checks of their arguments.  Part of api,
 * poller, registry and ccmctl.  Must not carry an operation out.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pipeline.h"
#include "verb.h"

#define HTTP	DOOR_HTTP
#define CTL	DOOR_CTL
/* Bytes of the name of a workflow's input. */
#define INPUT_NAME_MAX	255
/* What is no id is quoted up to that length. */
#define ID_QUOTED_MAX	128

#define MUST	VERB_MUST
#define PROJECT	VERB_PROJECT
#define MAY	0

#define ARG(name, check, place, need, option, min, max, help)		\
	{ #name, CHECK_##check, PLACE_##place, need, option, min, max, help },
/* A row without arguments has an end as well. */
#define VERB(NAME, vname, method, path, words, role, doors, walk, help)	\
	static const struct verb_arg args_##NAME[] = {			\
		VERB_ARGS_##NAME(ARG) { .name = NULL }			\
	};
#include "verb.def"
#undef VERB

static const struct verb verbs[] = {
#define VERB(NAME, name, method, path, words, role, doors, walk, help)	\
	{ VERB_##NAME, name, method, path, words, ROLE_##role, doors,	\
	    WALK_##walk, help, args_##NAME,				\
	    sizeof(args_##NAME) / sizeof(args_##NAME[0]) - 1,		\
	    VERB_ANSWER_##NAME },
#include "verb.def"
#undef VERB
};

#define NVERBS	(sizeof(verbs) / sizeof(verbs[0]))

static const char *const roles[] = {
	[ROLE_NONE] = "none",
	[ROLE_VIEWER] = "viewer",
	[ROLE_API] = "api",
	[ROLE_ADMIN] = "admin",
};

static int	 missing(const struct verb *, struct json_object *,
		    struct verb_error *);
static void	 drop_absent(const struct verb *, struct json_object *);
static void	 drop_null(struct json_object *);
static const struct verb_arg *find_arg(const struct verb *, const char *);
static int	 check_arg(const struct verb_arg *, struct json_object *,
		    struct json_object *, struct verb_error *);
static int	 check_id(const char *, size_t, struct verb_error *);
static int	 check_workflow(const struct verb_arg *, struct json_object *,
		    const char *, struct verb_error *);
static int	 check_text(const struct verb_arg *, struct json_object *,
		    const char *, size_t, struct verb_error *);
static int	 check_int(const struct verb_arg *, struct json_object *,
		    struct json_object *, struct verb_error *);
static int	 check_run(const struct verb_arg *, struct json_object *,
		    struct json_object *, struct verb_error *);
static int	 check_inputs(const struct verb_arg *, struct json_object *,
		    struct verb_error *);
static int	 check_links(const struct verb_arg *, struct json_object *,
		    struct verb_error *);
static int	 check_since(const struct verb_arg *, struct json_object *,
		    struct json_object *, struct verb_error *);
static int	 check_flag(const struct verb_arg *, struct json_object *,
		    struct json_object *, struct verb_error *);
static int	 check_preserve(struct json_object *, struct verb_error *);

const struct verb *
verb_get(unsigned int id)
{
	return (id >= 1 && id <= NVERBS ? &verbs[id - 1] : NULL);
}

const struct verb *
verb_at(size_t i)
{
	return (i < NVERBS ? &verbs[i] : NULL);
}

const struct verb *
verb_by_name(const char *name)
{
	size_t	 i;

	for (i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return (&verbs[i]);
	return (NULL);
}

int
verb_needs(const struct verb_arg *arg, struct json_object *args)
{
	return (arg->must == VERB_MUST || (arg->must == VERB_PROJECT &&
	    !json_object_object_get_ex(args, "project", NULL)));
}

int
verb_takes_file(const struct verb *verb)
{
	size_t	 i;

	for (i = 0; i < verb->nargs; i++)
		if (verb->args[i].check == CHECK_FILE)
			return (1);
	return (0);
}

enum role
role_parse(const char *name)
{
	int	 i;

	for (i = ROLE_VIEWER; i <= ROLE_ADMIN; i++)
		if (strcmp(roles[i], name) == 0)
			return ((enum role)i);
	return (ROLE_NONE);
}

const char *
role_name(enum role role)
{
	return ((unsigned int)role <= ROLE_ADMIN ? roles[role] : "?");
}

int
verb_check_args(const struct verb *verb, struct json_object *args,
    struct verb_error *err)
{
	const struct verb_arg	*a;
	struct json_object	*v;
	size_t			 i;

	drop_absent(verb, args);
	if (missing(verb, args, err) == -1)
		return (-1);
	for (i = 0; i < verb->nargs; i++) {
		a = &verb->args[i];
		if (json_object_object_get_ex(args, a->name, &v) &&
		    check_arg(a, args, v, err) == -1)
			return (-1);
	}
	return (0);
}

/*
 * What is not known, null, or empty where empty means absent, goes.  The
 * names are collected first: a member must not go while they are walked.
 */
static void
drop_absent(const struct verb *verb, struct json_object *args)
{
	const struct verb_arg	*a;
	struct json_object_iter	 it;
	const char		*gone[64];
	size_t			 i, n;
	int			 empty;

	do {
		n = 0;
		json_object_object_foreachC(args, it) {
			a = find_arg(verb, it.key);
			empty = json_object_is_type(it.val,
			    json_type_string) &&
			    json_object_get_string_len(it.val) == 0;
			if (a == NULL || it.val == NULL ||
			    (empty && a->min == 0))
				gone[n++] = it.key;
			if (n == sizeof(gone) / sizeof(gone[0]))
				break;
		}
		for (i = 0; i < n; i++)
			json_object_object_del(args, gone[i]);
	} while (n == sizeof(gone) / sizeof(gone[0]));
}

/* Members that are null; json-c lets the one that is walked over go. */
static void
drop_null(struct json_object *o)
{
	json_object_object_foreach(o, name, value)
		if (value == NULL)
			json_object_object_del(o, name);
}

static const struct verb_arg *
find_arg(const struct verb *verb, const char *name)
{
	size_t	 i;

	for (i = 0; i < verb->nargs; i++)
		if (strcmp(verb->args[i].name, name) == 0)
			return (&verb->args[i]);
	return (NULL);
}

/* All that are needed are named, whichever is missing (contract.md). */
static int
missing(const struct verb *verb, struct json_object *args,
    struct verb_error *err)
{
	char	 names[256] = "";
	size_t	 i;
	int	 lacking = 0;

	for (i = 0; i < verb->nargs; i++) {
		if (!verb_needs(&verb->args[i], args))
			continue;
		if (names[0] != '\0')
			(void)strlcat(names, ", ", sizeof(names));
		(void)strlcat(names, verb->args[i].name, sizeof(names));
		if (!json_object_object_get_ex(args, verb->args[i].name,
		    NULL))
			lacking = 1;
	}
	if (!lacking)
		return (0);
	err->status = 400;
	(void)strlcpy(err->code, "missing_fields", sizeof(err->code));
	(void)snprintf(err->text, sizeof(err->text),
	    "Missing required fields: %s", names);
	return (-1);
}

static int
check_arg(const struct verb_arg *a, struct json_object *args,
    struct json_object *v, struct verb_error *err)
{
	char	 why[256];

	switch (a->check) {
	case CHECK_CONFIG:
		if (pipeline_config_check(v, why, sizeof(why)) == -1)
			return (verb_bad(err, "%s", why));
		return (0);
	case CHECK_INT:
		return (check_int(a, args, v, err));
	case CHECK_RUN:
		return (check_run(a, args, v, err));
	case CHECK_INPUTS:
		return (check_inputs(a, v, err));
	case CHECK_LINKS:
		return (check_links(a, v, err));
	case CHECK_FLAG:
		return (check_flag(a, args, v, err));
	case CHECK_PRESERVE:
		return (check_preserve(v, err));
	case CHECK_REPO:
	case CHECK_OWNER:
	case CHECK_REPO_NAME:
	case CHECK_WORKFLOW:
	case CHECK_DOMAIN:
	case CHECK_NAME:
	case CHECK_ID:
	case CHECK_STATUS:
	case CHECK_FILE:
	case CHECK_SECRET:
	case CHECK_TEXT:
	case CHECK_INCLUDE:
	case CHECK_BY:
	case CHECK_LEVEL:
		break;
	case CHECK_SINCE:
		return (check_since(a, args, v, err));
	}
	if (!json_object_is_type(v, json_type_string))
		return (verb_bad(err, "%s must be text", a->name));
	return (check_text(a, args, json_object_get_string(v),
	    (size_t)json_object_get_string_len(v), err));
}

static int
check_text(const struct verb_arg *a, struct json_object *args, const char *s,
    size_t len, struct verb_error *err)
{
	const char	*expected;
	int		 bounded;

	if (strlen(s) != len)
		return (verb_bad(err, "%s must not hold a NUL", a->name));
	/* A query's bytes were never JSON: what goes on must be. */
	if (!json_utf8(s, len))
		return (verb_bad(err, "%s must be UTF-8", a->name));
	if (len == 0 && a->min == -1)
		return (0);
	if (a->check == CHECK_ID)
		return (check_id(s, len, err));
	if (a->check == CHECK_WORKFLOW)
		return (check_workflow(a, args, s, err));
	if ((expected = verb_text_expected(a->check, s, &bounded)) != NULL)
		return (verb_bad(err, "%s must be %s", a->name, expected));
	if (bounded && (len < (size_t)a->min || len > (size_t)a->max))
		return (verb_bad(err, "%s must be %lld to %lld bytes", a->name,
		    (long long)a->min, (long long)a->max));
	return (0);
}

/* Whatever is wrong with an id, there is no such pipeline. */
static int
check_id(const char *s, size_t len, struct verb_error *err)
{
	if (pipeline_id_ok(s))
		return (0);
	(void)verb_bad(err, "Pipeline not found: %s", len > 0 &&
	    len <= ID_QUOTED_MAX ? s : "this is no id");
	err->status = 404;
	(void)strlcpy(err->code, "pipeline_not_found", sizeof(err->code));
	return (-1);
}

/* Completed to a path. */
static int
check_workflow(const struct verb_arg *a, struct json_object *args,
    const char *s, struct verb_error *err)
{
	char	 path[256];

	if (pipeline_workflow_path(s, path, sizeof(path)) == -1)
		return (verb_bad(err, "%s must be a .yml or .yaml file in "
		    ".github/workflows", a->name));
	json_set_text(args, a->name, path);
	return (0);
}

/* A number, or the text of one. */
static int
check_int(const struct verb_arg *a, struct json_object *args,
    struct json_object *v, struct verb_error *err)
{
	const char	*error = NULL, *s;
	int64_t		 n = 0;

	if (json_object_is_type(v, json_type_int))
		n = json_object_get_int64(v);
	else if (json_object_is_type(v, json_type_string)) {
		/* strtonum takes blanks and signs in front as well. */
		s = json_object_get_string(v);
		n = strtonum(s[strspn(s, "0123456789")] == '\0' ? s : "",
		    a->min, a->max, &error);
	} else
		error = "no number";
	if (error != NULL || n < a->min || n > a->max)
		return (verb_bad(err, "%s must be a number from %lld to %lld",
		    a->name, (long long)a->min, (long long)a->max));
	json_set_int(args, a->name, n);
	return (0);
}

/* What can be no run's id is a run that is not there. */
static int
check_run(const struct verb_arg *a, struct json_object *args,
    struct json_object *v, struct verb_error *err)
{
	if (check_int(a, args, v, err) == 0)
		return (0);
	(void)verb_bad(err, "Run not found: this is no run id");
	err->status = 404;
	(void)strlcpy(err->code, "run_not_found", sizeof(err->code));
	return (-1);
}

/*
 * Inputs of a workflow.  GitHub makes of text what the workflow declares, so
 * that numbers and booleans become text; null counts as absent.
 */
static int
check_inputs(const struct verb_arg *a, struct json_object *v,
    struct verb_error *err)
{
	struct json_object_iter	 it;
	struct json_object	*value;

	if (!json_object_is_type(v, json_type_object))
		return (verb_bad(err, "%s must be an object", a->name));
	drop_null(v);
	if (json_object_object_length(v) > a->max)
		return (verb_bad(err, "%s must be at most %lld", a->name,
		    (long long)a->max));
	json_object_object_foreachC(v, it) {
		if (it.key[0] == '\0' || strlen(it.key) > INPUT_NAME_MAX)
			return (verb_bad(err, "a name in %s must be 1 to %d "
			    "bytes", a->name, INPUT_NAME_MAX));
		if (json_object_is_type(it.val, json_type_object) ||
		    json_object_is_type(it.val, json_type_array))
			return (verb_bad(err, "%s.%s must be text, a number "
			    "or a boolean", a->name, it.key));
		value = json_object_new_string(
		    json_object_get_string(it.val));
		/* The member stays where it is: only its value is another. */
		json_object_object_add_ex(v, it.key, value, 0);
	}
	return (0);
}

static int
check_links(const struct verb_arg *a, struct json_object *v,
    struct verb_error *err)
{
	struct json_object	*o;
	const char		*s;
	size_t			 i, n;

	if (!json_object_is_type(v, json_type_array))
		return (verb_bad(err, "%s must be a list of text", a->name));
	n = json_object_array_length(v);
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(v, i);
		s = json_object_is_type(o, json_type_string) ?
		    json_object_get_string(o) : "";
		if (n > (size_t)a->max || (strcmp(s, "linked_domain") != 0 &&
		    strcmp(s, "linked_app") != 0 && strcmp(s, "vps") != 0))
			return (verb_bad(err, "%s may hold linked_domain, "
			    "linked_app and vps", a->name));
	}
	return (0);
}

/*
 * A number of hours, days or weeks becomes one of seconds, which is taken as
 * it is: ccmctl has checked before the daemon does.
 */
static int
check_since(const struct verb_arg *a, struct json_object *args,
    struct json_object *v, struct verb_error *err)
{
	static const struct {
		char	 letter;
		int64_t	 seconds;
	} units[] = { { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
	const char	*s = json_object_get_string(v), *error = "no unit";
	char		 number[8] = "";
	size_t		 len = s == NULL ? 0 : strlen(s), i;
	int64_t		 n = 0;

	if (json_object_is_type(v, json_type_int)) {
		n = json_object_get_int64(v);
		error = NULL;
	}
	for (i = 0; json_object_is_type(v, json_type_string) && len > 1 &&
	    len <= sizeof(number) && i < sizeof(units) / sizeof(units[0]); i++)
		if (s[len - 1] == units[i].letter) {
			(void)strlcpy(number, s, len);
			n = strtonum(number, 1, 99999, &error) *
			    units[i].seconds;
		}
	if (error != NULL || n < a->min || n > a->max)
		return (verb_bad(err, "%s must be a number of hours, days or "
		    "weeks like 24h, 30d or 12w, and at most 10 years",
		    a->name));
	json_set_int(args, a->name, n);
	return (0);
}

static int
check_flag(const struct verb_arg *a, struct json_object *args,
    struct json_object *v, struct verb_error *err)
{
	const char	*s;
	int		 on;

	if (json_object_is_type(v, json_type_boolean))
		return (0);
	s = json_object_get_string(v);
	if (strcmp(s, "1") == 0 || strcmp(s, "true") == 0)
		on = 1;
	else if (strcmp(s, "0") == 0 || strcmp(s, "false") == 0)
		on = 0;
	else
		return (verb_bad(err, "%s must be true or false", a->name));
	json_object_object_add(args, a->name, json_object_new_boolean(on));
	return (0);
}

/* Repositories are never deleted, so nobody may ask for it. */
static int
check_preserve(struct json_object *v, struct verb_error *err)
{
	const char	*s = json_object_get_string(v);

	if (strcmp(s, "true") != 0 && strcmp(s, "1") != 0)
		return (verb_bad(err, "preserve_repo can only be true: "
		    "repositories are never deleted"));
	return (0);
}

int
verb_bad(struct verb_error *err, const char *fmt, ...)
{
	va_list	 ap;

	err->status = 400;
	(void)strlcpy(err->code, "invalid_argument", sizeof(err->code));
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return (-1);
}
