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
 * logs/audit.log: one JSON object a line, for every change, refusal and
 * failure.  Runs in the registry.
 */

#ifndef CCM_REGISTRY_AUDIT_H
#define CCM_REGISTRY_AUDIT_H

#include <stdint.h>

#define AUDIT_DIR	"logs"
#define AUDIT_FILE	"audit.log"
/*
 * The file is put aside as audit.log.1 when it is that large or its first
 * line that old; what was .1 becomes .2, and so on.  The last one goes.
 */
#define AUDIT_SIZE	(16 * 1024 * 1024)
#define AUDIT_DAYS	30
#define AUDIT_FILES	10	/* with the present one */

struct audit {
	uint64_t	 op;		/* 0: none */
	const char	*verb;		/* "pipeline.provision" */
	const char	*actor;		/* a token's name; "ccmd" */
	const char	*target;	/* a pipeline's id, may be empty */
	int		 status;	/* as in HTTP */
	const char	*detail;	/* a sentence, may be NULL or empty */
	uint32_t	 count;		/* that many of them; 0, 1: one */
};

/*
 * Open in the state directory open as `dirfd`, mode 0600.  What a crash
 * left of a line is closed with a newline.  Returns 0, or -1 with errno;
 * lines are then dropped, and a later audit_commit tries again.
 */
int audit_open(int dirfd);
void audit_close(void);

/* Put a line aside for the next audit_commit.  `now` in seconds. */
void audit_add(const struct audit *a, int64_t now);

/* 1 if there are lines that are not yet written. */
int audit_pending(void);

/*
 * Open the i-th file for reading, 0 is the present one.  -1 with errno, and
 * where there is no file ENOENT.
 */
int audit_open_file(int i);

/* Write them and make them durable.  Returns 0, or -1 with errno. */
int audit_commit(void);

#endif
