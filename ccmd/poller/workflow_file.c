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
 * What a workflow's file says: a look at its text, no reading of YAML.  Runs
 * in the poller.  Must not ask for it: whoever wants to know does.
 */

#include "config.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "json.h"
#include "workflow_file.h"

/* In base64; GitHub's own bound for a workflow file is 512 KB. */
#define FILE_MAX	(1024 * 1024)
/* A file's name, each of its bytes escaped. */
#define ESCAPED_MAX	(3 * 256)
#define TRIGGER		"workflow_dispatch"

static int	 names_trigger(const char *, size_t);

int
workflow_file_path(const char *repository, const char *file, char *buf,
    size_t size)
{
	const char	*slash = strrchr(file, '/');
	char		 name[ESCAPED_MAX];

	if (http_escape(slash != NULL ? slash + 1 : file, name,
	    sizeof(name)) == -1)
		return (-1);
	return (snprintf(buf, size, "/repos/%s/contents/.github/workflows/%s",
	    repository, name) >= (int)size ? -1 : 0);
}

int
workflow_dispatches(struct json_object *contents)
{
	const char	*text = json_string(contents, "content");
	char		*yaml;
	size_t		 len, size;
	int		 has = -1;

	if (text == NULL || (size = strlen(text)) > FILE_MAX ||
	    (yaml = malloc(size + 1)) == NULL)
		return (-1);
	if (sodium_base642bin((unsigned char *)yaml, size, text, size, "\r\n",
	    &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 && len > 0)
		has = names_trigger(yaml, len);
	free(yaml);
	return (has);
}

/* In a line, and there before what may be a comment. */
static int
names_trigger(const char *yaml, size_t len)
{
	const char	*line = yaml, *end = yaml + len, *next, *comment;
	size_t		 n;

	for (; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next == NULL ? end : next + 1;
		n = (size_t)(next - line);
		if ((comment = memchr(line, '#', n)) != NULL)
			n = (size_t)(comment - line);
		if (memmem(line, n, TRIGGER, sizeof(TRIGGER) - 1) != NULL)
			return (1);
	}
	return (0);
}
