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
 * The pipeline document: what its members may be.  Part of poller, api,
 * registry and ccmctl.  Must not do I/O.
 */

#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "pipeline.h"
#include "timestamp.h"

#define OWNER_MAX	39	/* GitHub's */
#define REPOSITORY_MAX	100
#define DOMAIN_MAX	253	/* RFC 1123, 2.1 */
#define LABEL_MAX	63
#define FILE_MAX	200

static int	 owner_ok(const char *, size_t);
static int	 name_of_ok(const char *, size_t, const char *);
static int	 ends_with(const char *, size_t, const char *);
static int	 file_ok(const char *, size_t);
static int	 branches_check(struct json_object *, char *, size_t);
static int	 members_check(struct json_object *, char *, size_t);
static int	 say(char *, size_t, const char *);

int
pipeline_id_ok(const char *id)
{
	size_t	 len = strlen(id);

	return (len >= 1 && len <= PIPELINE_ID_MAX &&
	    name_of_ok(id, len, "_-"));
}

/* Letters, digits, and what else is given. */
static int
name_of_ok(const char *p, size_t len, const char *others)
{
	for (; len > 0; len--, p++)
		if (!isalnum((unsigned char)*p) &&
		    (*p == '\0' || strchr(others, *p) == NULL))
			return (0);
	return (1);
}

int
pipeline_repository_ok(const char *name)
{
	const char	*slash = strchr(name, '/'), *repo;
	size_t		 len;

	if (slash == NULL || !owner_ok(name, (size_t)(slash - name)))
		return (0);
	repo = slash + 1;
	len = strlen(repo);
	return (len >= 1 && len <= REPOSITORY_MAX &&
	    name_of_ok(repo, len, "._-") && strcmp(repo, ".") != 0 &&
	    strcmp(repo, "..") != 0 && !ends_with(repo, len, ".git"));
}

/* Single hyphens inside; managed users have an underscore. */
static int
owner_ok(const char *p, size_t len)
{
	size_t	 i;

	if (len < 1 || len > OWNER_MAX || p[0] == '-' || p[len - 1] == '-' ||
	    !name_of_ok(p, len, "-_"))
		return (0);
	for (i = 1; i < len; i++)
		if (p[i] == '-' && p[i - 1] == '-')
			return (0);
	return (1);
}

static int
ends_with(const char *p, size_t len, const char *end)
{
	size_t	 n = strlen(end);

	return (len >= n && strcasecmp(p + len - n, end) == 0);
}

int
pipeline_workflow_path(const char *file, char *path, size_t size)
{
	const char	*base = file;
	size_t		 len, n = strlen(PIPELINE_WORKFLOWS);
	int		 r;

	if (strncmp(file, PIPELINE_WORKFLOWS, n) == 0)
		base = file + n;
	len = strlen(base);
	if (len < 5 || len > FILE_MAX || base[0] == '.' ||
	    !file_ok(base, len))
		return (-1);
	/* GitHub's own endings are in lower case. */
	if (strcmp(base + len - 4, ".yml") != 0 &&
	    strcmp(base + len - 5, ".yaml") != 0)
		return (-1);
	r = snprintf(path, size, "%s%s", PIPELINE_WORKFLOWS, base);
	return (r < 0 || (size_t)r >= size ? -1 : 0);
}

/* What Git takes on every system, in UTF-8: no path, nothing to hide in. */
static int
file_ok(const char *p, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f ||
		    p[i] == '/' || p[i] == '\\')
			return (0);
	return (json_utf8(p, len));
}

int
pipeline_domain_ok(const char *name)
{
	size_t	 len = strlen(name), n;

	if (len < 1 || len > DOMAIN_MAX)
		return (0);
	for (;;) {
		n = strcspn(name, ".");
		if (n < 1 || n > LABEL_MAX || !name_of_ok(name, n, "-") ||
		    name[0] == '-' || name[n - 1] == '-')
			return (0);
		if (name[n] == '\0')
			return (1);
		name += n + 1;
	}
}

int
pipeline_name_ok(const char *name)
{
	size_t	 len = strlen(name);

	return (len >= 1 && len <= 64 && name[0] != '.' &&
	    name_of_ok(name, len, "._-"));
}

/* The members of `config` that mean something here. */
static const struct {
	const char	*name;
	enum json_type	 type;
	const char	*what;
} known[] = {
	{ "environment", json_type_string,
	    "config.environment must be text" },
	{ "auto_deploy", json_type_boolean,
	    "config.auto_deploy must be true or false" },
	{ "notifications_enabled", json_type_boolean,
	    "config.notifications_enabled must be true or false" },
	{ "trigger_branches", json_type_array,
	    "config.trigger_branches must be a list of text" },
};

#define NKNOWN	(sizeof(known) / sizeof(known[0]))

int
pipeline_config_check(struct json_object *config, char *why, size_t size)
{
	struct json_object	*v;
	size_t			 i;

	if (!json_object_is_type(config, json_type_object))
		return (say(why, size, "config must be an object"));
	for (i = 0; i < NKNOWN; i++) {
		if (!json_object_object_get_ex(config, known[i].name, &v))
			continue;
		if (v == NULL)
			json_object_object_del(config, known[i].name);
		else if (!json_object_is_type(v, known[i].type))
			return (say(why, size, known[i].what));
	}
	if (branches_check(config, why, size) == -1)
		return (-1);
	if ((v = json_member(config, "environment", json_type_string)) !=
	    NULL && json_object_get_string_len(v) > 255)
		return (say(why, size,
		    "config.environment must be at most 255 bytes"));
	if (!pipeline_config_fits(config))
		return (say(why, size, "config must hold at most 16 KB of "
		    "what is not known"));
	return (0);
}

int
pipeline_config_fits(struct json_object *config)
{
	struct json_object	*others;
	size_t			 i, len;

	/* Not every document has one: a Python CCM's may lack it. */
	if (config == NULL)
		return (1);
	others = json_object_new_object();
	json_object_object_foreach(config, name, value) {
		for (i = 0; i < NKNOWN; i++)
			if (strcmp(known[i].name, name) == 0)
				break;
		if (i == NKNOWN)
			json_object_object_add(others, name,
			    json_object_get(value));
	}
	(void)json_text(others, &len);
	json_object_put(others);
	return (len <= PIPELINE_CONFIG_MAX);
}

static int
branches_check(struct json_object *config, char *why, size_t size)
{
	struct json_object	*list, *v;
	size_t			 i, n;
	int			 len;

	list = json_member(config, "trigger_branches", json_type_array);
	if (list == NULL)
		return (0);
	n = json_object_array_length(list);
	if (n > PIPELINE_BRANCHES_MAX)
		return (say(why, size, "config.trigger_branches must hold at "
		    "most 100 names"));
	for (i = 0; i < n; i++) {
		v = json_object_array_get_idx(list, i);
		len = json_object_is_type(v, json_type_string) ?
		    json_object_get_string_len(v) : 0;
		if (len < 1 || len > PIPELINE_BRANCH_MAX)
			return (say(why, size, "config.trigger_branches must "
			    "hold names of 1 to 255 bytes"));
	}
	return (0);
}

static int
say(char *why, size_t size, const char *text)
{
	(void)strlcpy(why, text, size);
	return (-1);
}

int
pipeline_check(struct json_object *doc, const char *id, char *why,
    size_t size)
{
	const char	*s;
	int64_t		 t;

	if (!pipeline_id_ok(id))
		return (say(why, size, "an id must be 1 to 64 of A-Z a-z 0-9 "
		    "_ -"));
	if (!json_object_is_type(doc, json_type_object))
		return (say(why, size, "a pipeline must be an object"));
	s = json_string(doc, "pipeline_id");
	if (s == NULL || strcmp(s, id) != 0)
		return (say(why, size, "pipeline_id must be the name it is "
		    "filed under"));
	s = json_string(doc, "repository");
	if (s == NULL || !pipeline_repository_ok(s))
		return (say(why, size, "repository must be owner/name"));
	s = json_string(doc, "workflow_file");
	if (s == NULL || s[0] == '\0' || strlen(s) > 255)
		return (say(why, size, "workflow_file must be a path"));
	s = json_string(doc, "status");
	if (s == NULL || (strcmp(s, "active") != 0 &&
	    strcmp(s, "inactive") != 0 && strcmp(s, "error") != 0))
		return (say(why, size, "status must be active, inactive or "
		    "error"));
	s = json_string(doc, "created_at");
	if (s == NULL || strlen(s) >= PIPELINE_TIME_SIZE ||
	    timestamp_parse(s, &t) == -1)
		return (say(why, size, "created_at must be a time"));
	return (members_check(doc, why, size));
}

/* What a document need not have; null says that it has none. */
static const struct {
	const char	*in;		/* NULL: the document itself */
	const char	*name;
	enum json_type	 type;
} optional[] = {
	{ NULL, "last_updated", json_type_string },
	{ NULL, "deactivated_at", json_type_string },
	{ NULL, "error", json_type_string },
	{ NULL, "config", json_type_object },
	{ NULL, "vps_integration", json_type_object },
	{ "vps_integration", "requested_by", json_type_string },
	{ "vps_integration", "vps", json_type_string },
	{ "vps_integration", "linked_domain", json_type_string },
	{ "vps_integration", "linked_app", json_type_string },
	{ NULL, "github", json_type_object },
	{ "github", "repository_id", json_type_int },
	{ "github", "workflow_id", json_type_int },
	{ "github", "default_branch", json_type_string },
	{ "github", "html_url", json_type_string },
};

#define NOPTIONAL	(sizeof(optional) / sizeof(optional[0]))

static int
members_check(struct json_object *doc, char *why, size_t size)
{
	struct json_object	*o, *v;
	const char		*in, *what;
	size_t			 i;

	for (i = 0; i < NOPTIONAL; i++) {
		in = optional[i].in;
		o = in == NULL ? doc : json_member(doc, in, json_type_object);
		if (o == NULL || !json_object_object_get_ex(o,
		    optional[i].name, &v) || v == NULL ||
		    json_object_is_type(v, optional[i].type))
			continue;
		what = optional[i].type == json_type_object ? "an object" :
		    optional[i].type == json_type_int ? "a whole number" :
		    "text";
		(void)snprintf(why, size, "%s%s%s must be %s",
		    in == NULL ? "" : in, in == NULL ? "" : ".",
		    optional[i].name, what);
		return (-1);
	}
	return (0);
}

struct json_object *
pipeline_default_config(void)
{
	struct json_object	*o = json_object_new_object(), *branches;

	branches = json_object_new_array();
	json_object_array_add(branches, json_object_new_string("production"));
	json_object_object_add(o, "trigger_branches", branches);
	json_set_text(o, "environment", "production");
	json_object_object_add(o, "auto_deploy", json_object_new_boolean(1));
	json_object_object_add(o, "notifications_enabled",
	    json_object_new_boolean(1));
	return (o);
}

int64_t
pipeline_github_id(struct json_object *doc, const char *name)
{
	int64_t	 n = 0;

	if (json_int(json_member(doc, "github", json_type_object), name,
	    &n) != 1 || n < 0)
		return (0);
	return (n);
}

const char *
pipeline_github_host(struct json_object *doc, char buf[PIPELINE_HOST_SIZE])
{
	const char	*url = json_string(json_member(doc, "github",
			    json_type_object), "html_url");
	size_t		 i, n;

	buf[0] = '\0';
	if (url == NULL || (url = strstr(url, "://")) == NULL)
		return (buf);
	url += 3;
	if ((n = strcspn(url, "/?#")) >= PIPELINE_HOST_SIZE)
		return (buf);
	for (i = 0; i < n; i++)
		buf[i] = (char)tolower((unsigned char)url[i]);
	buf[n] = '\0';
	return (buf);
}

int
pipeline_same_host(const char *a, const char *b)
{
	return (a[0] == '\0' || b[0] == '\0' || strcmp(a, b) == 0);
}

const char *
pipeline_vps(struct json_object *doc, const char *name)
{
	const char	*s;

	s = json_string(json_member(doc, "vps_integration",
	    json_type_object), name);
	return (s != NULL ? s : "");
}
