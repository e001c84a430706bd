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
 * All that the registry keeps of pipelines and projects, as one file that
 * import takes back.  Runs in the registry.  Must not change anything.
 */

#include "config.h"

#include <stdio.h>

#include "manage.h"
#include "projects.h"
#include "save.h"
#include "store.h"

static void	 write_export(struct save_out *, int64_t, void *);

char *
export_text(int with_secrets, size_t *len)
{
	return (save_text(write_export, &with_secrets, 0, len));
}

/* Without a time in it: the same registry gives the same file. */
static void
write_export(struct save_out *out, int64_t now __attribute__((unused)),
    void *arg)
{
	const int	*with_secrets = arg;

	save_puts(out, "{\"" EXPORT_MARK "\": 1,\n"
	    "\"" EXPORT_PIPELINES "\": {");
	store_write(out);
	save_puts(out, ",\n\"registry_version\": \"" STORE_VERSION
	    "\"},\n\"" EXPORT_PROJECTS "\": {");
	projects_write(out, *with_secrets);
	save_puts(out, "}}\n");
}
