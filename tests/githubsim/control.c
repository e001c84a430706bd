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
 * githubsim: the control interface below /_sim/: its table, its helpers,
 * and what concerns the whole server.  README.md documents each request.
 */

#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "githubsim.h"

static void	 state_get(struct call *);
static void	 reset_post(struct call *);
static void	 clock_get(struct call *);
static void	 clock_post(struct call *);
static void	 settings_get(struct call *);
static void	 settings_post(struct call *);
static int	 settings_read(struct call *, struct json_object *);
static int	 scenario_member(const char *, struct json_object *);

static const struct route routes[] = {
	{ "GET", "_sim/state", state_get, NULL, NULL },
	{ "POST", "_sim/reset", reset_post, NULL, NULL },
	{ "GET", "_sim/clock", clock_get, NULL, NULL },
	{ "POST", "_sim/clock", clock_post, NULL, NULL },
	{ "GET", "_sim/settings", settings_get, NULL, NULL },
	{ "POST", "_sim/settings", settings_post, NULL, NULL },
	{ "GET", "_sim/limits", control_limits_get, NULL, NULL },
	{ "POST", "_sim/limits", control_limits_post, NULL, NULL },
	{ "POST", "_sim/tokens", control_tokens_post, NULL, NULL },
	{ "POST", "_sim/apps", control_apps_post, NULL, NULL },
	{ "GET", "_sim/requests", reqlog_get, NULL, NULL },
	{ "DELETE", "_sim/requests", reqlog_delete, NULL, NULL },
	{ "GET", "_sim/counts", reqlog_counts, NULL, NULL },
	{ "GET", "_sim/faults", fault_list, NULL, NULL },
	{ "POST", "_sim/faults", fault_post, NULL, NULL },
	{ "DELETE", "_sim/faults", fault_delete, NULL, NULL },
	{ "DELETE", "_sim/faults/{}", fault_delete, NULL, NULL },
	{ "POST", "_sim/bulk", control_bulk_post, NULL, NULL },
	{ "GET", "_sim/repos", control_repos_get, NULL, NULL },
	{ "POST", "_sim/repos", control_repos_post, NULL, NULL },
	{ "GET", "_sim/repos/{}/{}", control_repo_get, NULL, NULL },
	{ "PATCH", "_sim/repos/{}/{}", control_repo_patch, NULL, NULL },
	{ "DELETE", "_sim/repos/{}/{}", control_repo_delete, NULL, NULL },
	{ "GET", "_sim/repos/{}/{}/secrets", control_secrets_get, NULL, NULL },
	{ "POST", "_sim/repos/{}/{}/workflows", control_workflows_post,
	    NULL, NULL },
	{ "PATCH", "_sim/repos/{}/{}/workflows/{}", control_workflow_patch,
	    NULL, NULL },
	{ "DELETE", "_sim/repos/{}/{}/workflows/{}", control_workflow_delete,
	    NULL, NULL },
	{ "POST", "_sim/repos/{}/{}/runs", control_runs_post, NULL, NULL },
	{ "PATCH", "_sim/repos/{}/{}/runs/{}", control_run_patch, NULL, NULL },
	{ "DELETE", "_sim/repos/{}/{}/runs/{}", control_run_delete, NULL,
	    NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

void
control_serve(struct call *c)
{
	const struct route	*route;

	/* A connection's next request may come while this one waits. */
	if ((route = route_find(routes, c, 0)) == NULL)
		control_error(c, 404, "no such control request");
	else
		route->handler(c);
	if (!c->held)
		call_finish(c);
}

void
control_error(struct call *c, int status, const char *fmt, ...)
{
	struct json_object	*o;
	char			 text[512];
	va_list			 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c == NULL) {
		warnx("%s", text);	/* a scenario file's mistake */
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "error", json_object_new_string(text));
	answer_json(c, status, o);
}

/* An object that has no other members than these: a typo is an error. */
int
control_members(struct call *c, struct json_object *o,
    const char *const *known)
{
	size_t	 i;

	if (!json_object_is_type(o, json_type_object)) {
		control_error(c, 422, "an object is expected");
		return (-1);
	}
	json_object_object_foreach(o, key, value) {
		(void)value;
		for (i = 0; known[i] != NULL; i++)
			if (strcmp(known[i], key) == 0)
				break;
		if (known[i] == NULL) {
			control_error(c, 422, "unknown member: %s", key);
			return (-1);
		}
	}
	return (0);
}

const char *
control_string(struct json_object *o, const char *key, const char *otherwise)
{
	struct json_object	*v;

	if (!json_object_object_get_ex(o, key, &v) || v == NULL)
		return (otherwise);
	return (json_object_get_string(v));
}

/* Clamped to what can still be added to and subtracted from. */
int64_t
control_integer(struct json_object *o, const char *key, int64_t otherwise)
{
	struct json_object	*v;
	int64_t			 n;

	if (!json_object_object_get_ex(o, key, &v) || v == NULL)
		return (otherwise);
	n = json_object_get_int64(v);
	if (n > SIM_INTEGER_MAX)
		return (SIM_INTEGER_MAX);
	return (n < -SIM_INTEGER_MAX ? -SIM_INTEGER_MAX : n);
}

int
control_boolean(struct json_object *o, const char *key, int otherwise)
{
	struct json_object	*v;

	if (!json_object_object_get_ex(o, key, &v) || v == NULL)
		return (otherwise);
	return (json_object_get_boolean(v));
}

/* Replaces the list by an array of strings. */
int
control_strings(struct json_object *array, struct sim_strings *list)
{
	struct json_object	*v;
	size_t			 i;

	if (!json_object_is_type(array, json_type_array))
		return (-1);
	strings_clear(list);
	for (i = 0; i < json_object_array_length(array); i++) {
		v = json_object_array_get_idx(array, i);
		if (!json_object_is_type(v, json_type_string) ||
		    strings_add(list, json_object_get_string(v)) == -1)
			return (-1);
	}
	return (0);
}

/* An array that may be missing: how many it holds, -1 if it is none. */
int
control_array(struct call *c, struct json_object *o, const char *key,
    struct json_object **array)
{
	if (!json_object_object_get_ex(o, key, array))
		return (0);
	if (!json_object_is_type(*array, json_type_array)) {
		control_error(c, 422, "%s: an array is expected", key);
		return (-1);
	}
	return ((int)json_object_array_length(*array));
}

/* Lists of "repositories", "tokens", "apps"; "limits", "settings". */
int
control_scenario(const char *path)
{
	struct json_object	*o = json_object_from_file(path);
	int			 rc = -1;

	if (!json_object_is_type(o, json_type_object)) {
		warnx("%s: not a JSON object", path);
		json_object_put(o);
		return (-1);
	}
	json_object_object_foreach(o, key, value) {
		if ((rc = scenario_member(key, value)) == -1) {
			warnx("%s: in \"%s\"", path, key);
			break;
		}
	}
	json_object_put(o);
	return (rc);
}

static int
scenario_member(const char *key, struct json_object *value)
{
	size_t	 i, n;

	if (strcmp(key, "limits") == 0)
		return (control_limits_read(NULL, value));
	if (strcmp(key, "settings") == 0)
		return (settings_read(NULL, value));
	if (!json_object_is_type(value, json_type_array))
		return (-1);
	n = json_object_array_length(value);
	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(value, i);

		if (strcmp(key, "repositories") == 0) {
			if (control_make_repo(NULL, o) == NULL)
				return (-1);
		} else if (strcmp(key, "tokens") == 0) {
			if (control_make_token(NULL, o) == -1)
				return (-1);
		} else if (strcmp(key, "apps") != 0 ||
		    control_make_app(NULL, o) == -1)
			return (-1);
	}
	return (0);
}

static void
state_get(struct call *c)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "repositories",
	    json_object_new_int64((int64_t)sim.nrepos));
	json_object_object_add(o, "runs",
	    json_object_new_int64((int64_t)sim.nruns));
	json_object_object_add(o, "http",
	    json_object_new_int(sim.port[PORT_HTTP]));
	json_object_object_add(o, "storage",
	    json_object_new_int(sim.port[PORT_STORAGE]));
	answer_json(c, 200, o);
}

static void
reset_post(struct call *c)
{
	state_reset();
	fault_clear();
	reqlog_clear();
	clock_init();
	answer_empty(c, 204);
}

static void
clock_get(struct call *c)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "now",
	    json_object_new_double((double)clock_now() / 1000));
	json_object_object_add(o, "offset",
	    json_object_new_double((double)clock_offset() / 1000));
	json_object_object_add(o, "speed",
	    json_object_new_double(clock_speed()));
	answer_json(c, 200, o);
}

/* {"offset": s} {"advance": s} {"speed": factor}, in this order. */
static void
clock_post(struct call *c)
{
	static const char *const known[] = {
		"offset", "advance", "speed", NULL
	};
	struct json_object	*v;

	if (control_members(c, c->input, known) == -1)
		return;
	if (json_object_object_get_ex(c->input, "offset", &v))
		clock_set_offset(seconds_ms(json_object_get_double(v)));
	if (json_object_object_get_ex(c->input, "advance", &v))
		clock_advance(seconds_ms(json_object_get_double(v)));
	if (json_object_object_get_ex(c->input, "speed", &v))
		clock_set_speed(json_object_get_double(v));
	clock_get(c);
}

static void
settings_get(struct call *c)
{
	struct json_object	*o = json_object_new_object();

	json_object_object_add(o, "cancel_delay", json_object_new_double(
	    (double)sim.settings.cancel_delay / 1000));
	json_object_object_add(o, "weak_304",
	    json_object_new_boolean(sim.settings.weak_304));
	json_object_object_add(o, "log_headers",
	    json_object_new_boolean(sim.settings.log_headers));
	json_object_object_add(o, "log_answers",
	    json_object_new_boolean(sim.settings.log_answers));
	answer_json(c, 200, o);
}

static void
settings_post(struct call *c)
{
	if (settings_read(c, c->input) == 0)
		settings_get(c);
}

static int
settings_read(struct call *c, struct json_object *o)
{
	static const char *const known[] = {
		"cancel_delay", "weak_304", "log_headers", "log_answers",
		NULL
	};
	struct json_object	*v;

	if (control_members(c, o, known) == -1)
		return (-1);
	if (json_object_object_get_ex(o, "cancel_delay", &v))
		sim.settings.cancel_delay =
		    seconds_ms(json_object_get_double(v));
	sim.settings.weak_304 = control_boolean(o, "weak_304",
	    sim.settings.weak_304);
	sim.settings.log_headers = control_boolean(o, "log_headers",
	    sim.settings.log_headers);
	sim.settings.log_answers = control_boolean(o, "log_answers",
	    sim.settings.log_answers);
	return (0);
}
