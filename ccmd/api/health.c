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
 * How the registry is, as it last said.  Runs in the api.  Must not guess.
 */

#include "config.h"

#include <json-c/json.h>
#include <string.h>

#include "api.h"
#include "registry_health.h"

static struct {
	struct msg_health	 said;
	char			 fault[MSG_TEXT_MAX];	/* empty: none */
	char			 audit[MSG_TEXT_MAX];
	char			 history[MSG_TEXT_MAX];
} env = { .said = { .fault = "", .audit = "", .history = "" } };

void
health_take(const struct msg_health *m)
{
	(void)strlcpy(env.fault, m->fault, sizeof(env.fault));
	(void)strlcpy(env.audit, m->audit, sizeof(env.audit));
	(void)strlcpy(env.history, m->history, sizeof(env.history));
	env.said = *m;
	env.said.fault = env.fault;
	env.said.audit = env.audit;
	env.said.history = env.history;
}

const struct msg_health *
health_get(void)
{
	return (&env.said);
}

struct json_object *
health_to_json(void)
{
	struct json_object	*o = json_object_new_object();

	registry_health_put(o, &env.said);
	return (o);
}
