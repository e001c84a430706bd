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
 * Strict JSON on top of json-c.  Belongs to the poller, the api, the
 * registry and ccmctl; never to the parent.
 *
 * json-c alone takes NaN, 1e999, single quotes, repeated members (the last
 * wins) and clamps large integers.  A scan in front of it refuses all that
 * RFC 8259 does not have, and what differs from reader to reader.
 */

#ifndef CCM_JSON_H
#define CCM_JSON_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* What a client sends, and what may hold that: a registry, an answer. */
#define JSON_DEPTH_CLIENT	32
#define JSON_DEPTH_MAX		64

struct json_error {
	char	 text[160];	/* a sentence with the place in it */
	size_t	 offset;	/* of the byte, from 0 */
	size_t	 line;		/* from 1 */
	size_t	 column;	/* in bytes, from 1 */
};

/*
 * Parse exactly one value of at most `max` bytes: UTF-8, depth at most
 * JSON_DEPTH_MAX, no member twice, no NUL (also not as \u0000: text goes
 * where C strings go), no lone surrogate, integers within 64 bits, numbers
 * finite; not null alone, for which json-c has no object.  Returns the value,
 * the caller's to json_object_put, or NULL with `err` (may be NULL) filled in.
 */
struct json_object *json_parse_strict(const char *buf, size_t len, size_t max,
    struct json_error *err);

/* The same, nested at most JSON_DEPTH_CLIENT deep. */
struct json_object *json_parse_client(const char *buf, size_t len, size_t max,
    struct json_error *err);

/* 1 if all of it is UTF-8 (RFC 3629). */
int json_utf8(const char *s, size_t len);

/* How many bytes of UTF-8 to take: at most `max`, and no half character. */
size_t json_cut(const char *s, size_t max);

/* A member's text; NULL if it is absent, null or no string. */
const char *json_string(struct json_object *o, const char *name);

/*
 * A member that is a whole number.  Returns 1 if so, 0 if absent or null,
 * -1 if it is something else.
 */
int json_int(struct json_object *o, const char *name, int64_t *n);

/* A member that is an object or array; NULL if not. */
struct json_object *json_member(struct json_object *o, const char *name,
    enum json_type type);

/* 1 if the member is true. */
int json_flag(struct json_object *o, const char *name);

/* Set a member: to a copy of the text, to a number; to all that another has. */
void json_set_text(struct json_object *o, const char *name, const char *text);
void json_set_int(struct json_object *o, const char *name, int64_t n);
void json_set_all(struct json_object *o, struct json_object *from);

/* Compact text with its length, good until the value changes. */
const char *json_text(struct json_object *o, size_t *len);

/*
 * json_find.c: the string that the outermost object has under that name, in
 * the text itself, without its quotes.  -1: there is none, or more than one,
 * or it has escapes.  The text need not be JSON: who believes what was found
 * parses it as well.
 */
int json_find_text(const char *buf, size_t len, const char *name,
    const char **text, size_t *n);

#endif
