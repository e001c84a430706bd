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
#include "timestamp.h"

static struct health	 health;

void
health_take(const struct msg_health *m)
{
	health.saves = m->saves;
	health.changes = m->changes;
	health.failures = m->failures;
	health.took = m->took;
	health.since = m->since;
	(void)strlcpy(health.fault, m->fault, sizeof(health.fault));
	(void)strlcpy(health.audit, m->audit, sizeof(health.audit));
	(void)strlcpy(health.history, m->history, sizeof(health.history));
}

const struct health *
health_get(void)
{
	return (&health);
}

struct json_object *
health_to_json(void)
{
	struct json_object	*o = json_object_new_object();
	char			 stamp[TIMESTAMP_SIZE];

	json_object_object_add(o, "writable",
	    json_object_new_boolean(health.fault[0] == '\0'));
	if (health.fault[0] != '\0') {
		json_object_object_add(o, "fault",
		    json_object_new_string(health.fault));
		json_object_object_add(o, "since", json_object_new_string(
		    timestamp_format(health.since, stamp)));
	}
	if (health.audit[0] != '\0')
		json_object_object_add(o, "audit_fault",
		    json_object_new_string(health.audit));
	if (health.history[0] != '\0')
		json_object_object_add(o, "history_fault",
		    json_object_new_string(health.history));
	json_object_object_add(o, "saves",
	    json_object_new_int64((int64_t)health.saves));
	json_object_object_add(o, "changes",
	    json_object_new_int64((int64_t)health.changes));
	json_object_object_add(o, "failed_saves",
	    json_object_new_int64((int64_t)health.failures));
	json_object_object_add(o, "last_save_ms",
	    json_object_new_int64(health.took));
	return (o);
}
