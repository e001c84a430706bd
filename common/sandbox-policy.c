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
 * What each child may ask of a Linux kernel, as tables; data only.  Part of
 * the children.
 *
 * Chosen for glibc 2.36 to 2.41 and musl on x86_64 and aarch64: the same
 * thing has several names there (fstat and newfstatat, poll and ppoll,
 * epoll_wait and epoll_pwait2).  A call is on a list because one of our
 * libraries makes it, not because it looks harmless.  What is on no list
 * kills.  Where a library asks for something it can do without, the answer
 * is an error.
 */

#include "config.h"

#ifdef HAVE_LIBSECCOMP

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <unistd.h>

#include "sandbox-policy.h"
#include "sandbox-system.h"

/* Conditions: argument number from 0, compared as 64 bits unless masked. */
#define IS(n, value)	{ (n), SCMP_CMP_EQ, (value), 0 }
#define OVER(n, value)	{ (n), SCMP_CMP_GT, (value), 0 }
#define HAS(n, bits)	{ (n), SCMP_CMP_MASKED_EQ, (bits), (bits) }
#define LACKS(n, bits)	{ (n), SCMP_CMP_MASKED_EQ, (bits), 0 }
#define UNDER(n, mask, value)						\
	{ (n), SCMP_CMP_MASKED_EQ, (mask), (value) }

/* Rules: permitted, permitted if, and an error instead. */
#define CALL(name)		{ SCMP_SYS(name), 0, 0, { { 0 } } }
#define CALL1(name, a)		{ SCMP_SYS(name), 0, 1, { a } }
#define CALL2(name, a, b)	{ SCMP_SYS(name), 0, 2, { a, b } }
#define CALL3(name, a, b, c)	{ SCMP_SYS(name), 0, 3, { a, b, c } }
#define ERR(name, error)	{ SCMP_SYS(name), (error), 0, { { 0 } } }
#define ERR1(name, error, a)	{ SCMP_SYS(name), (error), 1, { a } }

/* Linux has the flags of clone in another place on s390. */
#if defined(__s390__)
#define CLONE_ARG	1
#else
#define CLONE_ARG	0
#endif

/* A thread, and nothing that is more than a thread. */
#define THREAD_FLAGS	(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define THREAD_MASK	(THREAD_FLAGS | CLONE_VFORK | CLONE_PARENT |	\
			CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |	\
			CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |	\
			CLONE_NEWNET | CLONE_PTRACE)

#ifdef SANDBOX_SANITIZER
/* LeakSanitizer's is a process of its own in the same memory. */
#define THREAD		CALL(clone)
#else
#define THREAD								\
	CALL1(clone, UNDER(CLONE_ARG, THREAD_MASK, THREAD_FLAGS))
#endif

#define SOCK_TYPE_MASK	0xf

/* Asked by SQLite where it was built for F2FS (linux/f2fs.h). */
#define F2FS_GET_FEATURES	0x8004f50c

/* Every child. */
static const struct policy_rule everyone[] = {
	/* Descriptors.  F_SETOWN and the like could signal others. */
	CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev),
	CALL(close),
	CALL(lseek), CALL(_llseek), CALL(dup),
	CALL1(fcntl, IS(1, F_GETFD)), CALL1(fcntl, IS(1, F_SETFD)),
	CALL1(fcntl, IS(1, F_GETFL)), CALL1(fcntl, IS(1, F_SETFL)),
	CALL1(fcntl, IS(1, F_DUPFD)), CALL1(fcntl, IS(1, F_DUPFD_CLOEXEC)),
	CALL1(fcntl64, IS(1, F_GETFD)), CALL1(fcntl64, IS(1, F_SETFD)),
	CALL1(fcntl64, IS(1, F_GETFL)), CALL1(fcntl64, IS(1, F_SETFL)),
	CALL1(fcntl64, IS(1, F_DUPFD)),
	CALL1(fcntl64, IS(1, F_DUPFD_CLOEXEC)),
	CALL(fstat), CALL(fstat64),
	CALL1(ioctl, IS(1, FIONBIO)), CALL1(ioctl, IS(1, FIONREAD)),
	ERR1(ioctl, ENOTTY, IS(1, TCGETS)),

	/* Waiting for them. */
	CALL(epoll_create), CALL(epoll_create1), CALL(epoll_ctl),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(poll), CALL(ppoll), CALL(ppoll_time64), CALL(select),
	CALL(_newselect), CALL(pselect6), CALL(pselect6_time64),
	CALL(eventfd2), CALL(pipe), CALL(pipe2),

	/* imsg and descriptors over sockets that are there. */
	CALL(sendmsg), CALL(recvmsg), CALL(recvfrom), CALL(shutdown),
	CALL1(getsockopt, IS(1, SOL_SOCKET)),
	CALL(getsockname), CALL(getpeername),

	/* Memory, never executable. */
	CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise),
	CALL1(mmap, LACKS(2, PROT_EXEC)), CALL1(mmap2, LACKS(2, PROT_EXEC)),
	CALL1(mprotect, LACKS(2, PROT_EXEC)),
	CALL(mlock), CALL(mlock2), CALL(munlock),

	/* Time. */
	CALL(clock_gettime), CALL(clock_gettime64), CALL(clock_getres),
	CALL(clock_getres_time64), CALL(gettimeofday), CALL(time),
	CALL(nanosleep), CALL(clock_nanosleep), CALL(clock_nanosleep_time64),

	/* Random numbers. */
	CALL(getrandom),

	/* Itself.  tgkill, to itself only, is added by sandbox-seccomp.c. */
	CALL(getpid), CALL(gettid), CALL(getppid),
	CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
	CALL(getuid32), CALL(geteuid32), CALL(getgid32), CALL(getegid32),
	CALL(getrlimit), CALL(ugetrlimit),
	CALL2(prlimit64, IS(0, 0), IS(2, 0)),
	CALL(sysinfo),			/* qsort asks how much memory */
	CALL(sched_getaffinity),	/* malloc asks how many cores */
	CALL(getcpu), CALL(sched_yield), CALL(futex), CALL(futex_time64),
	CALL(set_robust_list), CALL(rseq),
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(sigreturn), CALL(sigaltstack), CALL(restart_syscall),
	CALL(exit), CALL(exit_group),
};

#ifndef SANDBOX_SANITIZER
/* Libraries that look for files of theirs are to find none. */
static const struct policy_rule no_files[] = {
	ERR(open, EACCES), ERR(openat, EACCES), ERR(openat2, EACCES),
	ERR(creat, EACCES), ERR(access, EACCES), ERR(faccessat, EACCES),
	ERR(faccessat2, EACCES), ERR(stat, EACCES), ERR(stat64, EACCES),
	ERR(lstat, EACCES), ERR(lstat64, EACCES), ERR(statx, EACCES),
	ERR(readlink, EACCES), ERR(readlinkat, EACCES),
	/* What fstat is with some versions of glibc. */
	CALL1(newfstatat, HAS(3, AT_EMPTY_PATH)),
	ERR1(newfstatat, EACCES, LACKS(3, AT_EMPTY_PATH)),
	CALL1(fstatat64, HAS(3, AT_EMPTY_PATH)),
	ERR1(fstatat64, EACCES, LACKS(3, AT_EMPTY_PATH)),
};
#endif

/* Files exist, can be looked at, and Landlock says which can be opened. */
static const struct policy_rule see_files[] = {
	CALL(stat), CALL(stat64), CALL(lstat), CALL(lstat64),
	CALL(newfstatat), CALL(fstatat64), CALL(statx),
	CALL(access), CALL(faccessat), CALL(faccessat2),
	CALL(readlink), CALL(readlinkat),
	ERR(openat2, ENOSYS),
};

/*
 * resolv.conf and hosts: to be read, and nothing else.  O_TMPFILE contains
 * O_DIRECTORY; each bit that may not be set has its own error, since rules
 * must exclude each other.
 */
#define OPEN_BITS	(O_ACCMODE | O_CREAT | O_TRUNC | O_DIRECTORY | O_PATH)
#define READ_ONLY(name, n)						\
	CALL1(name, LACKS(n, OPEN_BITS)),				\
	ERR1(name, EACCES, HAS(n, O_WRONLY)),				\
	ERR1(name, EACCES, HAS(n, O_RDWR)),				\
	ERR1(name, EACCES, HAS(n, O_CREAT)),				\
	ERR1(name, EACCES, HAS(n, O_TRUNC)),				\
	ERR1(name, EACCES, HAS(n, O_DIRECTORY)),			\
	ERR1(name, EACCES, HAS(n, O_PATH))

#ifndef SANDBOX_SANITIZER
static const struct policy_rule read_files[] = {
	READ_ONLY(open, 1), READ_ONLY(openat, 2),
};
#endif

/* TCP and UDP by their names, or by the default of the socket's type. */
#define INET(family)							\
	CALL3(socket, IS(0, family),					\
	    UNDER(1, SOCK_TYPE_MASK, SOCK_STREAM), IS(2, 0)),		\
	CALL3(socket, IS(0, family),					\
	    UNDER(1, SOCK_TYPE_MASK, SOCK_STREAM), IS(2, IPPROTO_TCP)),	\
	CALL3(socket, IS(0, family),					\
	    UNDER(1, SOCK_TYPE_MASK, SOCK_DGRAM), IS(2, 0)),		\
	CALL3(socket, IS(0, family),					\
	    UNDER(1, SOCK_TYPE_MASK, SOCK_DGRAM), IS(2, IPPROTO_UDP))
#define NO_FAMILY(family)						\
	ERR1(socket, EAFNOSUPPORT, IS(0, family))
#define OPTION(level, name)						\
	CALL2(setsockopt, IS(1, level), IS(2, name))

/*
 * libcurl, and getaddrinfo in a thread, which tries AF_UNIX (nscd) and
 * AF_NETLINK and goes on without.  Families below, between and above the two.
 */
static const struct policy_rule client[] = {
	INET(AF_INET), INET(AF_INET6),
	NO_FAMILY(0), NO_FAMILY(AF_UNIX), NO_FAMILY(3), NO_FAMILY(4),
	NO_FAMILY(5), NO_FAMILY(6), NO_FAMILY(7), NO_FAMILY(8), NO_FAMILY(9),
	ERR1(socket, EAFNOSUPPORT, OVER(0, AF_INET6)),
	CALL(connect), CALL(sendto), CALL(sendmmsg),
	ERR(bind, EACCES),
	CALL1(getsockopt, IS(1, IPPROTO_TCP)),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_SNDBUF),
	OPTION(SOL_SOCKET, SO_RCVBUF),
	/* The resolver wants to hear of unreachable name servers. */
	OPTION(IPPROTO_IP, IP_RECVERR),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
	OPTION(IPPROTO_IPV6, IPV6_RECVERR),
	OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
	/* By which libcurl's thread says that it is done. */
	CALL3(socketpair, IS(0, AF_UNIX),
	    UNDER(1, SOCK_TYPE_MASK, SOCK_STREAM), IS(2, 0)),
	CALL(uname),		/* gethostname, for the search list */
	THREAD,
	ERR(clone3, ENOSYS),	/* its flags are out of a filter's sight */
};

/* Listeners and connections that others made. */
static const struct policy_rule server[] = {
	CALL(accept4), CALL(accept),
	CALL1(sendto, IS(4, 0)),
	CALL1(getsockopt, IS(1, IPPROTO_TCP)),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_SNDBUF),
	OPTION(SOL_SOCKET, SO_RCVBUF),
};

#define LOCK(name)							\
	CALL1(name, IS(1, F_GETLK)), CALL1(name, IS(1, F_SETLK)),	\
	CALL1(name, IS(1, F_SETLKW)), CALL1(name, IS(1, F_OFD_GETLK)),	\
	CALL1(name, IS(1, F_OFD_SETLK)), CALL1(name, IS(1, F_OFD_SETLKW))

/* The registry's documents, backups and audit log, and SQLite. */
static const struct policy_rule storage[] = {
	CALL(open), CALL(openat),
	CALL(pwrite64), CALL(preadv), CALL(pwritev),
	CALL(fsync), CALL(fdatasync), CALL(ftruncate), CALL(ftruncate64),
	CALL(fallocate), CALL(fadvise64), CALL(fadvise64_64),
	LOCK(fcntl), LOCK(fcntl64), CALL(flock),
	CALL(rename), CALL(renameat), CALL(renameat2),
	CALL(link), CALL(linkat), CALL(unlink), CALL(unlinkat),
	CALL(mkdir), CALL(mkdirat), CALL(rmdir),
	CALL(getdents64), CALL(getdents), CALL(getcwd), CALL(chdir),
	CALL(fchdir), CALL(umask),
	CALL(fchmod), CALL(fstatfs), CALL(fstatfs64),
	CALL(msync),
	CALL1(sendto, IS(4, 0)),
	ERR1(ioctl, ENOTTY, IS(1, F2FS_GET_FEATURES)),
};

#ifdef SANDBOX_SANITIZER
/*
 * What AddressSanitizer does to print a report, and LeakSanitizer to stop
 * all threads and look around, in /proc too, where Landlock lets it.  Never
 * installed.
 */
static const struct policy_rule read_files[] = {
	CALL(open), CALL(openat), CALL(getdents64), CALL(getdents),
};
static const struct policy_rule sanitizer[] = {
	CALL(prctl), CALL(wait4), CALL(ptrace), CALL(process_vm_readv),
	CALL(getpgrp), CALL(kill), CALL(mincore), CALL(membarrier),
};
static const struct policy_rule tracer[] = { THREAD };
#define NO_FILES	TABLE(see_files), TABLE(read_files)
#define SANITIZER	TABLE(sanitizer)
#define TRACER		TABLE(tracer)
#else
#define NO_FILES	TABLE(no_files)
#define SANITIZER	{ NULL, 0 }
#define TRACER		{ NULL, 0 }
#endif

#define TABLE(t)	{ (t), sizeof(t) / sizeof((t)[0]) }

static const struct policy_table roles[][POLICY_TABLES] = {
	[SANDBOX_POLLER] = { TABLE(everyone), TABLE(see_files),
	    TABLE(read_files), TABLE(client), SANITIZER },
	[SANDBOX_API] = { TABLE(everyone), NO_FILES, TABLE(server),
	    SANITIZER, TRACER },
	[SANDBOX_REGISTRY] = { TABLE(everyone), TABLE(see_files),
	    TABLE(storage), SANITIZER, TRACER },
};

const struct policy_table *
policy_tables(int role)
{
	return (roles[role]);
}

#else

/* ISO C wants something to be here. */
typedef int sandbox_policy_is_empty;

#endif
