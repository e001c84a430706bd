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
 * What the files that show GitHub's objects share.
 */

#ifndef RENDER_H
#define RENDER_H

#include <json-c/json.h>

#define WEB		sim.web
#define ADD(o, k, v)	json_object_object_add(o, k, v)
#define STR(v)		json_object_new_string(v)
#define INT(v)		json_object_new_int64(v)
#define BOOL(v)		json_object_new_boolean(v)

struct suffix {
	const char	*key, *suffix;
};

struct call;
struct repo;

/* Members that are a URL and what follows it. */
void	 render_urls(struct json_object *, const struct suffix *,
	    const char *base);
struct json_object *render_text(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
/* These members: all zero, all null. */
void	 render_zeros(struct json_object *, const char *const *, size_t);
void	 render_nulls(struct json_object *, const char *const *, size_t);
/* The short form, once a page: the caller gets a reference. */
struct json_object *render_repo_shared(struct call *, const struct repo *);

#endif /* RENDER_H */
