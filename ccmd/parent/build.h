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
 * Between parse.y and build.c.  Runs in the parent.  Text that is no const
 * char is taken over.  What is wrong is told to parse_wrong, and something
 * is kept in its place, so that all that is wrong is found at once.
 */

#ifndef CCM_PARENT_BUILD_H
#define CCM_PARENT_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"

void build_begin(struct conf *conf);
void build_end(void);

/* A copy. */
char *build_text(const char *text);
/* `n`, or `min` where it is not from min to max. */
uint32_t build_number(int64_t n, int64_t min, int64_t max, const char *what);
enum conf_role build_role(const char *name);
/* Absolute, at most `max` bytes; into *to. */
void build_path(char **to, char *path, const char *what, size_t max);
/* Of the control socket. */
void build_group(char *name);
/* A file, named in the line of the last token. */
void build_file(struct conf_file *f, char *path);
struct conf_listen *build_listen(char *host, char *port);
void build_tls(struct conf_listen *l, const char *file, char *certificate,
    char *key);
/* `expires`: seconds since the epoch, 0 never. */
void build_token(const char *name, enum conf_role role, const char *hash,
    int64_t expires);
void build_http_limit(const char *name, int64_t value);

/* In the braces of a github, which begins and ends. */
void build_github(const char *name);
struct conf_github *build_current(void);
void build_url(char *url);
void build_app(int64_t app, int64_t installation);
void build_owner(const char *owner);
void build_github_end(void);

#endif
