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
 * Linux's system call filter: loads a role's tables (sandbox-policy.c) by
 * libseccomp.  Runs in the children, as the last step of all.  Must not
 * permit anything by itself but a process's signals to itself.
 */

#include "config.h"

#include "sandbox-system.h"

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-policy.h"

#ifdef SANDBOX_TRAP
#define ACTION_OTHER	SCMP_ACT_TRAP
#else
#define ACTION_OTHER	SCMP_ACT_KILL_PROCESS
#endif

/* From this on the library and the kernel know SCMP_ACT_KILL_PROCESS. */
#define API_KILL_PROCESS	3

static int	 fill(scmp_filter_ctx, enum sandbox_role);
static int	 add_rule(scmp_filter_ctx, const struct policy_rule *);
static int	 add_self_signal(scmp_filter_ctx);
#ifdef SANDBOX_TRAP
static int	 install_trap(void);
static void	 trap(int, siginfo_t *, void *);
#endif

int
sandbox_seccomp(enum sandbox_role role, struct sandbox_level *level)
{
	scmp_filter_ctx	 ctx;
	int		 r;

	if (seccomp_api_get() < API_KILL_PROCESS) {
		level->missing |= SANDBOX_SECCOMP;
		return (0);
	}
	if ((ctx = seccomp_init(ACTION_OTHER)) == NULL) {
		log_warn("sandbox: seccomp_init");
		errno = ENOMEM;
		return (-1);
	}
	if ((r = fill(ctx, role)) == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r < 0) {
		errno = -r;
		log_warn("sandbox: seccomp: %s", strerror(errno));
		return (-1);
	}
	level->have |= SANDBOX_SECCOMP;
	return (0);
}

/*
 * Calls of another architecture or ABI (int 0x80, x32) have other numbers
 * and are killed whatever they are.  Returns 0 or a negative errno.
 */
static int
fill(scmp_filter_ctx ctx, enum sandbox_role role)
{
	const struct policy_table	*table;
	size_t				 i;
	int				 r;

#ifdef SANDBOX_TRAP
	if ((r = install_trap()) < 0)
		return (r);
#endif
	if ((r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS)) < 0)
		return (r);
	for (table = policy_tables(role); table->rule != NULL; table++)
		for (i = 0; i < table->nrules; i++)
			if ((r = add_rule(ctx, &table->rule[i])) < 0)
				return (r);
	return (add_self_signal(ctx));
}

static int
add_rule(scmp_filter_ctx ctx, const struct policy_rule *rule)
{
	struct scmp_arg_cmp	 cmp[POLICY_CONDS];
	unsigned int		 i;
	int			 r;

	for (i = 0; i < rule->nconds; i++) {
		cmp[i].arg = rule->cond[i].arg;
		cmp[i].op = rule->cond[i].op;
		cmp[i].datum_a = rule->cond[i].a;
		cmp[i].datum_b = rule->cond[i].b;
	}
	r = seccomp_rule_add_array(ctx,
	    rule->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(rule->error),
	    rule->call, rule->nconds, cmp);
	if (r < 0 && rule->call >= 0)
		log_warn("sandbox: rule for call %d: %s", rule->call,
		    strerror(-r));
	/* A negative number stands for what this architecture lacks. */
	return (rule->call < 0 ? 0 : r);
}

/* abort(3) and raise(3). */
static int
add_self_signal(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp	 self;

	memset(&self, 0, sizeof(self));
	self.arg = 0;
	self.op = SCMP_CMP_EQ;
	self.datum_a = (uint64_t)getpid();
	return (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
	    1, &self));
}

#ifdef SANDBOX_TRAP
/* For who works on the tables: name the call, then end. */
static int
install_trap(void)
{
	struct sigaction	 sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = trap;
	sa.sa_flags = SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	return (sigaction(SIGSYS, &sa, NULL) == -1 ? -errno : 0);
}

/* Not async-signal-safe, but the process ends here anyway. */
static void
trap(int sig, siginfo_t *info, void *context __attribute__((unused)))
{
	const char	*name;

	name = seccomp_syscall_resolve_num_arch(info->si_arch,
	    info->si_syscall);
	fprintf(stderr, "<3>sandbox: system call %d (%s) is not permitted\n",
	    info->si_syscall, name != NULL ? name : "?");
	_exit(128 + sig);
}
#endif

#else /* !HAVE_LIBSECCOMP */

int
sandbox_seccomp(enum sandbox_role role __attribute__((unused)),
    struct sandbox_level *level)
{
	level->missing |= SANDBOX_SECCOMP;
	return (0);
}

#endif
