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
 * Answers: their text, and the end of a request that got its last piece.
 * Runs in the api.  Must not know how an answer travels: who asked does.
 */

#include "config.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "etag.h"
#include "json.h"
#include "rope.h"

void
answer_give(struct request *req, const struct answer *a)
{
	if (req->answer != NULL)
		req->answer(req, a);
	if (!a->more)
		request_free(req);
}

size_t
error_body(char *buf, size_t size, const char *code, const char *text)
{
	struct json_object	*o = json_object_new_object();
	const char		*s;
	size_t			 len;

	json_object_object_add(o, "success", json_object_new_boolean(0));
	json_set_text(o, "error", text);
	json_set_text(o, "code", code);
	s = json_text(o, &len);
	if (len >= size)
		len = size - 1;
	memcpy(buf, s, len);
	buf[len] = '\0';
	json_object_put(o);
	return (len);
}

void
answer_error(struct request *req, int status, const char *code,
    const char *fmt, ...)
{
	char		 text[MSG_TEXT_MAX], body[2 * MSG_TEXT_MAX];
	struct answer	 a;
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(&a, 0, sizeof(a));
	a.status = status;
	a.retry_after = status == 503 || status == 429 ? 1 : 0;
	a.body = body;
	a.len = error_body(body, sizeof(body), code, text);
	a.text = operation_is_text(req);
	/* What was refused here never reaches the registry's own audit. */
	if (req->verb != NULL && (req->verb->walk == WALK_RING ||
	    req->verb->walk == WALK_STORE || req->verb->walk == WALK_PARENT ||
	    req->verb->walk == WALK_SCAN))
		operation_audit(req->verb->name, req->actor, req->target,
		    status, text, 1);
	answer_give(req, &a);
}

void
answer_json(struct request *req, int status, struct json_object *o)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	a.status = status;
	a.body = json_text(o, &a.len);
	answer_give(req, &a);
	json_object_put(o);
}

struct rope *
answer_begin(struct etag *e, const char *member)
{
	static const char	 success[] = "{\"success\":true,\"";
	struct rope		*r = rope_new();

	etag_begin(e);
	rope_copy(r, success, sizeof(success) - 1);
	rope_copy(r, member, strlen(member));
	return (r);
}

void
answer_tagged(struct request *req, struct rope *r, struct etag *e,
    const struct hold *hold)
{
	char		 tag[ETAG_SIZE];
	struct answer	 a;

	etag_end(e, tag);
	memset(&a, 0, sizeof(a));
	a.status = etag_matches(req->match, tag) ? 304 : 200;
	a.etag = tag;
	a.rope = r;
	a.hold = hold;
	a.len = a.status == 304 ? 0 : r->len;
	answer_give(req, &a);
	rope_free(r);
}

void
answer_rope(struct request *req, const char *type, struct rope *r)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	a.status = 200;
	a.type = type;
	a.rope = r;
	a.len = r->len;
	answer_give(req, &a);
}

void
answer_text(struct request *req, const char *type, const char *text,
    size_t len)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	a.status = 200;
	a.type = type;
	a.body = text;
	a.len = len;
	answer_give(req, &a);
}
