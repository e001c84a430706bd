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
#include "json.h"
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
		json_set_text(o, "fault", health.fault);
		json_set_text(o, "since",
		    timestamp_format(health.since, stamp));
	}
	if (health.audit[0] != '\0')
		json_set_text(o, "audit_fault", health.audit);
	if (health.history[0] != '\0')
		json_set_text(o, "history_fault", health.history);
	json_set_int(o, "saves", (int64_t)health.saves);
	json_set_int(o, "changes", (int64_t)health.changes);
	json_set_int(o, "failed_saves", (int64_t)health.failures);
	json_set_int(o, "last_save_ms", health.took);
	return (o);
}
