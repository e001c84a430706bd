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
 * A system without a sandbox of its own: users, chroot and limits are all
 * there is, and the level says so.  Runs in every process.
 */

#include "config.h"

#include "sandbox-system.h"

int
sandbox_system_start(struct sandbox_level *level)
{
	level->missing |= SANDBOX_NODUMP;
	return (0);
}

int
sandbox_system_apply(enum sandbox_role role __attribute__((unused)),
    const struct sandbox_config *conf __attribute__((unused)),
    struct sandbox_level *level)
{
	level->missing |= SANDBOX_NODUMP | SANDBOX_NONEWPRIVS |
	    SANDBOX_SECCOMP;
	return (0);
}

int
sandbox_system_parent(struct sandbox_level *level)
{
	level->missing |= SANDBOX_NODUMP | SANDBOX_NONEWPRIVS;
	return (0);
}
