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
 * How the registry is, in JSON.  Belongs to the registry, which knows it,
 * and to the api, which was told.
 */

#include "config.h"

#include <stddef.h>

#include "json.h"
#include "msg.h"
#include "registry_health.h"
#include "timestamp.h"

void
registry_health_put(struct json_object *o, const struct msg_health *h)
{
	char	 stamp[TIMESTAMP_SIZE];

	json_object_object_add(o, "writable",
	    json_object_new_boolean(h->fault[0] == '\0'));
	if (h->fault[0] != '\0') {
		json_set_text(o, "fault", h->fault);
		json_set_text(o, "since", timestamp_format(h->since, stamp));
	}
	if (h->audit[0] != '\0')
		json_set_text(o, "audit_fault", h->audit);
	if (h->history[0] != '\0')
		json_set_text(o, "history_fault", h->history);
	json_set_int(o, "saves", (int64_t)h->saves);
	json_set_int(o, "changes", (int64_t)h->changes);
	json_set_int(o, "failed_saves", (int64_t)h->failures);
	json_set_int(o, "last_save_ms", h->took);
}
