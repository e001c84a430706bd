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
 * The tables of Linux's system call filter: what each child may call
 * (sandbox-policy.c holds them, sandbox-seccomp.c loads them).
 */

#ifndef CCM_SANDBOX_POLICY_H
#define CCM_SANDBOX_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <seccomp.h>

/* Conditions in one rule: all must hold. */
#define POLICY_CONDS	3

struct policy_cond {
	unsigned int		 arg;	/* from 0 */
	enum scmp_compare	 op;
	uint64_t		 a;	/* the value, or the mask */
	uint64_t		 b;	/* the value under the mask */
};

/*
 * One permitted call, or, with an error, one that fails with it.  Rules for
 * the same call must exclude each other.  A call that the architecture does
 * not have is passed over.
 */
struct policy_rule {
	int			 call;		/* SCMP_SYS(name) */
	int			 error;		/* 0: permitted */
	unsigned int		 nconds;
	struct policy_cond	 cond[POLICY_CONDS];
};

struct policy_table {
	const struct policy_rule	*rule;
	size_t				 nrules;
};

/* A role's tables; an empty one ends them. */
#define POLICY_TABLES	7

/*
 * The tables of a child's role (enum sandbox_role), in static memory.
 */
const struct policy_table *policy_tables(int role);

#endif
