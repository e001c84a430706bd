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
 * Projects, as the registry told them: of their secrets the names.  Runs in
 * the api.
 */

#ifndef CCM_API_PROJECTS_H
#define CCM_API_PROJECTS_H

#include "msg.h"

struct json_object;
struct request;

/* Take in a message; -1 if it makes no sense. */
int projects_take(const struct msg_project *m);

/* All, by name; what is borrowed may go with the next message.  May be NULL. */
struct json_object *projects_all(void);

/* Answer project.list and project.show. */
void projects_list(struct request *req);
void projects_show(struct request *req);

/*
 * Complete the arguments of a provision from the project that they name.
 * Returns 0, or -1 when it was answered.
 */
int projects_complete(struct request *req);

#endif
