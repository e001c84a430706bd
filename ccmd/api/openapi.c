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
 * The OpenAPI 3.1 document, made from the verb table.  Runs in the api.
 * Must not know a verb: what is said of one is in its row.
 */

#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "json.h"
#include "log.h"

#define OPENAPI_WORD	64	/* a member's name, a type */

static const struct {
	const char	*name;
	const char	*members;
	const char	*what;
} schemas[] = {
#define SCHEMA(name, members, what) { name, members, what },
#include "schema.def"
#undef SCHEMA
};

static struct json_object *document;

static struct json_object *make(void);
static struct json_object *info(void);
static struct json_object *paths(void);
static struct json_object *operation(const struct verb *);
static struct json_object *parameters(const struct verb *);
static void	 or_project(struct json_object *, struct json_object *);
static struct json_object *body(const struct verb *);
static struct json_object *responses(const struct verb *);
static struct json_object *response(const char *, const char *,
		    struct json_object *);
static struct json_object *argument(const struct verb_arg *);
static struct json_object *links(void);
static struct json_object *bounded(struct json_object *, const char *,
		    int64_t, const char *, int64_t);
static struct json_object *components(void);
static struct json_object *members(const char **);
static struct json_object *type(const char **);
static struct json_object *type_named(const char *);
static struct json_object *of_type(const char *);
static struct json_object *ref(const char *);
static size_t	 word(const char **, char *);

void
openapi_read(struct request *req)
{
	if (document == NULL)
		document = make();
	answer_json(req, 200, json_object_get(document));
}

void
openapi_reset(void)
{
	json_object_put(document);
	document = NULL;
}

static struct json_object *
make(void)
{
	struct json_object	*o = json_object_new_object();

	json_set_text(o, "openapi", "3.1.0");
	json_object_object_add(o, "info", info());
	json_object_object_add(o, "paths", paths());
	json_object_object_add(o, "components", components());
	return (o);
}

static struct json_object *
info(void)
{
	struct json_object	*o = json_object_new_object(), *licence;

	json_set_text(o, "title", "CCM");
	json_set_text(o, "version", PACKAGE_VERSION);
	json_set_text(o, "summary",
	    "CI/CD pipelines: provision, watch, tear down");
	licence = json_object_new_object();
	json_set_text(licence, "name", "ISC");
	json_set_text(licence, "identifier", "ISC");
	json_object_object_add(o, "license", licence);
	return (o);
}

static struct json_object *
paths(void)
{
	struct json_object	*o = json_object_new_object(), *path;
	const struct verb	*v;
	char			 method[16];
	size_t			 i, n;

	for (i = 0; (v = verb_at(i)) != NULL; i++) {
		if (v->method == NULL || (v->doors & DOOR_HTTP) == 0)
			continue;
		if (!json_object_object_get_ex(o, v->path, &path)) {
			path = json_object_new_object();
			json_object_object_add(o, v->path, path);
		}
		for (n = 0; v->method[n] != '\0' && n + 1 < sizeof(method);
		    n++)
			method[n] = (char)tolower((unsigned char)v->method[n]);
		method[n] = '\0';
		json_object_object_add(path, method, operation(v));
	}
	return (o);
}

static struct json_object *
operation(const struct verb *v)
{
	static const char *const schemes[] = { "token", "bearer" };
	enum role		 role = auth_role_needed(v);
	struct json_object	*o = json_object_new_object(), *list, *one;
	size_t			 i;

	json_set_text(o, "operationId", v->name);
	json_set_text(o, "summary", v->summary);
	/* The least role: "none" needs no token. */
	json_set_text(o, "x-role", role_name(role));
	json_object_object_add(o, "parameters", parameters(v));
	if ((one = body(v)) != NULL)
		json_object_object_add(o, "requestBody", one);
	json_object_object_add(o, "responses", responses(v));
	list = json_object_new_array();
	for (i = 0; role != ROLE_NONE && i < 2; i++) {
		one = json_object_new_object();
		json_object_object_add(one, schemes[i],
		    json_object_new_array());
		json_object_array_add(list, one);
	}
	json_object_object_add(o, "security", list);
	return (o);
}

static struct json_object *
parameters(const struct verb *v)
{
	struct json_object	*list = json_object_new_array(), *o;
	const struct verb_arg	*a;
	size_t			 i;

	for (i = 0; i < v->nargs; i++) {
		a = &v->args[i];
		if (a->place == PLACE_BODY)
			continue;
		o = json_object_new_object();
		json_set_text(o, "name", a->name);
		json_set_text(o, "in",
		    a->place == PLACE_PATH ? "path" : "query");
		json_set_text(o, "description", a->help);
		if (a->must || a->place == PLACE_PATH)
			json_object_object_add(o, "required",
			    json_object_new_boolean(1));
		json_object_object_add(o, "schema", argument(a));
		json_object_array_add(list, o);
	}
	return (list);
}

/* NULL if it has none. */
static struct json_object *
body(const struct verb *v)
{
	struct json_object	*o, *schema, *props, *must, *some, *one;
	size_t			 i;

	props = json_object_new_object();
	must = json_object_new_array();
	some = json_object_new_array();
	for (i = 0; i < v->nargs; i++) {
		if (v->args[i].place != PLACE_BODY)
			continue;
		one = argument(&v->args[i]);
		json_set_text(one, "description", v->args[i].help);
		json_object_object_add(props, v->args[i].name, one);
		if (v->args[i].must)
			json_object_array_add(v->args[i].must == VERB_MUST ?
			    must : some,
			    json_object_new_string(v->args[i].name));
	}
	if (json_object_object_length(props) == 0) {
		json_object_put(props);
		json_object_put(must);
		json_object_put(some);
		return (NULL);
	}
	schema = of_type("object");
	json_object_object_add(schema, "properties", props);
	json_object_object_add(schema, "required", must);
	o = response("the arguments", "application/json", schema);
	json_object_object_add(o, "required", json_object_new_boolean(
	    json_object_array_length(must) + json_object_array_length(some) >
	    0));
	if (json_object_array_length(some) > 0)
		or_project(schema, some);
	json_object_put(some);
	return (o);
}

/* These, or the name of a project that says them. */
static void
or_project(struct json_object *schema, struct json_object *some)
{
	struct json_object	*choices = json_object_new_array(), *one;

	one = json_object_new_object();
	json_object_object_add(one, "required", json_object_get(some));
	json_object_array_add(choices, one);
	some = json_object_new_array();
	json_object_array_add(some, json_object_new_string("project"));
	one = json_object_new_object();
	json_object_object_add(one, "required", some);
	json_object_array_add(choices, one);
	json_object_object_add(schema, "anyOf", choices);
}

static struct json_object *
responses(const struct verb *v)
{
	struct json_object	*o = json_object_new_object(), *schema;
	const char		*p = v->answer;
	char			 status[8];

	(void)snprintf(status, sizeof(status), "%d", v->status);
	if (strchr(p, '/') != NULL)
		json_object_object_add(o, status, response(v->summary, p,
		    of_type("string")));
	else {
		schema = members(&p);
		if (v->id != VERB_OPENAPI) {
			json_object_object_add(json_member(schema,
			    "properties", json_type_object), "success",
			    of_type("boolean"));
			json_object_array_add(json_member(schema, "required",
			    json_type_array),
			    json_object_new_string("success"));
		}
		json_object_object_add(o, status, response(v->summary,
		    "application/json", schema));
	}
	if (read_is_tagged(v))
		json_object_object_add(o, "304", response(
		    "as If-None-Match has it", NULL, NULL));
	json_object_object_add(o, "default", response("refused or failed",
	    "application/json", ref("Error")));
	return (o);
}

/* A response or request body: what it is, its media type, its schema. */
static struct json_object *
response(const char *what, const char *media, struct json_object *schema)
{
	struct json_object	*o = json_object_new_object(), *content;
	struct json_object	*m;

	json_set_text(o, "description", what);
	if (media == NULL)
		return (o);
	m = json_object_new_object();
	json_object_object_add(m, "schema", schema);
	content = json_object_new_object();
	json_object_object_add(content, media, m);
	json_object_object_add(o, "content", content);
	return (o);
}

/* How an argument is checked, as a schema. */
static struct json_object *
argument(const struct verb_arg *a)
{
	static const char *const enums[][4] = {
		[CHECK_STATUS] = { "active", "inactive", "error", NULL },
		[CHECK_INCLUDE] = { "stats", NULL },
		[CHECK_BY] = { "day", "week", NULL },
		[CHECK_PRESERVE] = { "true", "1", NULL },
	};
	static const char *const patterns[] = {
		[CHECK_REPO] = "^[A-Za-z0-9_-]{1,39}/[A-Za-z0-9._-]{1,100}$",
		[CHECK_WORKFLOW] = "\\.ya?ml$",
		[CHECK_NAME] = "^([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})?$",
		[CHECK_ID] = "^[A-Za-z0-9_-]{1,64}$",
		[CHECK_SINCE] = "^[0-9]+[hdw]$",
	};
	struct json_object	*o, *list;
	size_t			 i;

	if (a->check == CHECK_CONFIG)
		return (ref("Config"));
	if (a->check == CHECK_INT || a->check == CHECK_RUN)
		return (bounded(of_type("integer"), "minimum", a->min,
		    "maximum", a->max));
	if (a->check == CHECK_INPUTS)
		return (of_type("object"));
	if (a->check == CHECK_LINKS)
		return (links());
	if (a->check == CHECK_FLAG)
		return (of_type("boolean"));
	o = of_type("string");
	if (a->check < sizeof(patterns) / sizeof(patterns[0]) &&
	    patterns[a->check] != NULL)
		json_set_text(o, "pattern", patterns[a->check]);
	else if (a->check < sizeof(enums) / sizeof(enums[0]) &&
	    enums[a->check][0] != NULL) {
		list = json_object_new_array();
		for (i = 0; enums[a->check][i] != NULL; i++)
			json_object_array_add(list,
			    json_object_new_string(enums[a->check][i]));
		json_object_object_add(o, "enum", list);
	} else
		(void)bounded(o, "minLength", a->min > 0 ? a->min : 0,
		    "maxLength", a->max);
	return (o);
}

/* Of a pipeline: an array of some of them. */
static struct json_object *
links(void)
{
	static const char *const	 names[] = {
		"linked_domain", "linked_app", "vps"
	};
	struct json_object		*o = of_type("array"), *item, *list;
	size_t				 i;

	item = of_type("string");
	list = json_object_new_array();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_array_add(list, json_object_new_string(names[i]));
	json_object_object_add(item, "enum", list);
	json_object_object_add(o, "items", item);
	return (o);
}

static struct json_object *
bounded(struct json_object *o, const char *low, int64_t min,
    const char *high, int64_t max)
{
	json_set_int(o, low, min);
	json_set_int(o, high, max);
	return (o);
}

static struct json_object *
components(void)
{
	struct json_object	*o, *all, *one, *ways;
	const char		*p;
	size_t			 i;

	all = json_object_new_object();
	for (i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		p = schemas[i].members;
		one = members(&p);
		json_set_text(one, "description", schemas[i].what);
		json_object_object_add(all, schemas[i].name, one);
	}
	ways = json_object_new_object();
	one = json_object_new_object();
	json_set_text(one, "type", "apiKey");
	json_set_text(one, "in", "header");
	json_set_text(one, "name", "CCM-Token");
	json_object_object_add(ways, "token", one);
	one = json_object_new_object();
	json_set_text(one, "type", "http");
	json_set_text(one, "scheme", "bearer");
	json_object_object_add(ways, "bearer", one);
	o = json_object_new_object();
	json_object_object_add(o, "schemas", all);
	json_object_object_add(o, "securitySchemes", ways);
	return (o);
}

/* "name:type name?:type *", up to the end or a closing brace. */
static struct json_object *
members(const char **p)
{
	struct json_object	*o = of_type("object"), *props, *must;
	char			 name[OPENAPI_WORD];

	props = json_object_new_object();
	must = json_object_new_array();
	while (**p != '\0' && **p != '}') {
		if (**p == ' ') {
			(*p)++;
			continue;
		}
		if (**p == '*') {
			json_object_object_add(o, "additionalProperties",
			    json_object_new_boolean(1));
			(*p)++;
			continue;
		}
		if (word(p, name) == 0)
			fatalx("schema: a name was expected at %s", *p);
		if (**p == '?')
			(*p)++;
		else
			json_object_array_add(must,
			    json_object_new_string(name));
		if (*(*p)++ != ':')
			fatalx("schema: %s: a type was expected", name);
		json_object_object_add(props, name, type(p));
	}
	json_object_object_add(o, "properties", props);
	json_object_object_add(o, "required", must);
	return (o);
}

static struct json_object *
type(const char **p)
{
	struct json_object	*o, *either, *null;
	char			 name[OPENAPI_WORD];

	if (**p == '[' || **p == '{') {
		if (*(*p)++ == '[') {
			o = of_type("array");
			json_object_object_add(o, "items", type(p));
		} else
			o = members(p);
		if (**p != ']' && **p != '}')
			fatalx("schema: an end was expected at %s", *p);
		(*p)++;
	} else if (word(p, name) > 0)
		o = type_named(name);
	else
		fatalx("schema: a type was expected at %s", *p);
	if (strncmp(*p, "|null", 5) != 0)
		return (o);
	*p += 5;
	null = of_type("null");
	either = json_object_new_array();
	json_object_array_add(either, o);
	json_object_array_add(either, null);
	o = json_object_new_object();
	json_object_object_add(o, "anyOf", either);
	return (o);
}

static struct json_object *
type_named(const char *name)
{
	static const struct {
		const char	*name;
		const char	*type;
	} types[] = {
		{ "str", "string" }, { "int", "integer" },
		{ "num", "number" }, { "bool", "boolean" },
		{ "obj", "object" },
	};
	struct json_object	*o;
	size_t			 i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		o = of_type(types[i].type);
		if (strcmp(name, "obj") == 0)
			json_object_object_add(o, "additionalProperties",
			    json_object_new_boolean(1));
		return (o);
	}
	if (strcmp(name, "any") == 0)
		return (json_object_new_object());
	if (strcmp(name, "time") == 0) {
		o = of_type("string");
		json_set_text(o, "format", "date-time");
		return (o);
	}
	for (i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
		if (strcmp(schemas[i].name, name) == 0)
			return (ref(name));
	fatalx("schema: %s is no type", name);
}

static struct json_object *
of_type(const char *name)
{
	struct json_object	*o = json_object_new_object();

	json_set_text(o, "type", name);
	return (o);
}

static struct json_object *
ref(const char *name)
{
	struct json_object	*o = json_object_new_object();
	char			 path[OPENAPI_WORD + 32];

	(void)snprintf(path, sizeof(path), "#/components/schemas/%s", name);
	json_set_text(o, "$ref", path);
	return (o);
}

/* Letters, digits, underscores; returns its length. */
static size_t
word(const char **p, char *buf)
{
	size_t	 n = 0;

	while ((isalnum((unsigned char)**p) || **p == '_') &&
	    n + 1 < OPENAPI_WORD)
		buf[n++] = *(*p)++;
	buf[n] = '\0';
	return (n);
}
