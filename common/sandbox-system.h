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
 * Between sandbox.c, which does what all systems have, and the one file
 * that does the system's own: sandbox-linux.c with its two helpers,
 * sandbox-openbsd.c or sandbox-none.c.  Nobody else includes this.
 */

#ifndef CCM_SANDBOX_SYSTEM_H
#define CCM_SANDBOX_SYSTEM_H

#include "sandbox.h"

/*
 * Each returns 0, or -1 with errno after it logged why.  It sets the bits in
 * `level` for what it did, and for what the system lacks.
 */

/* Undumpable, as early as that. */
int sandbox_system_start(struct sandbox_level *level);

/* A child's, the last steps: users and limits are set. */
int sandbox_system_apply(enum sandbox_role role,
    const struct sandbox_config *conf, struct sandbox_level *level);

/* The parent's. */
int sandbox_system_parent(struct sandbox_level *level);

/* Linux: one file each. */
int sandbox_landlock(enum sandbox_role role,
    const struct sandbox_config *conf, struct sandbox_level *level);
int sandbox_seccomp(enum sandbox_role role, struct sandbox_level *level);

/* Built with AddressSanitizer, whose own calls have to be let through? */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZER	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZER	1
#endif
#endif

#endif
