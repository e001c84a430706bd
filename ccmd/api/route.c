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
 * From a request to who answers it: the view, the stream, or an operation.
 * Runs in the api.  Must not let through what the caller's role or the
 * arguments' checks don't allow.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "json.h"
#include "pipeline.h"
#include "projects.h"
#include "view.h"

static int	 check(struct request *);

struct request *
request_new(answer_fn answer, void *arg)
{
	struct request	*req;

	if ((req = calloc(1, sizeof(*req))) == NULL)
		return (NULL);
	if ((req->args = json_object_new_object()) == NULL) {
		free(req);
		return (NULL);
	}
	req->fd = -1;
	req->answer = answer;
	req->arg = arg;
	return (req);
}

void
request_free(struct request *req)
{
	json_object_put(req->args);
	if (req->fd != -1)
		close(req->fd);
	free(req);
}

void
route_request(struct request *req)
{
	if (check(req) == -1)
		return;
	if (req->verb->walk == WALK_STREAM)
		req->stream(req);
	else if (req->verb->walk == WALK_SCAN)
		discovery_scan(req);
	else if (req->verb->walk == WALK_READ &&
	    !(req->verb->id == VERB_PIPELINE_STATS &&
	    json_flag(req->args, "fresh")))
		read_request(req);
	else
		operation_send(req);
}

/* Role, arguments, and that the pipeline is there. */
static int
check(struct request *req)
{
	struct verb_error	 err;
	const char		*id = json_string(req->args, "id");

	/* What is refused is audited with what it was about. */
	if (id != NULL && pipeline_id_ok(id))
		(void)strlcpy(req->target, id, sizeof(req->target));
	if (req->role < auth_role_needed(req->verb)) {
		answer_error(req, 403, "forbidden",
		    "This needs the role %s", role_name(req->verb->role));
		return (-1);
	}
	if (verb_check_args(req->verb, req->args, &err) == -1) {
		answer_error(req, err.status, err.code, "%s", err.text);
		return (-1);
	}
	if (req->verb->role != ROLE_NONE && !read_is_synced()) {
		answer_error(req, 503, "unavailable", "Starting");
		return (-1);
	}
	if (req->verb->id == VERB_PIPELINE_PROVISION &&
	    json_object_object_get_ex(req->args, "project", NULL)) {
		if (projects_complete(req) == -1)
			return (-1);
		if (verb_check_args(req->verb, req->args, &err) == -1) {
			answer_error(req, err.status, err.code, "%s",
			    err.text);
			return (-1);
		}
	}
	if (id != NULL && view_find(id) == NULL) {
		answer_error(req, 404, "pipeline_not_found",
		    "Pipeline not found: %s", id);
		return (-1);
	}
	return (0);
}
