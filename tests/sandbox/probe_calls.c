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
 * Things that a child must not be able to ask of the kernel: sockets, other
 * processes, executable memory, privileges, and the parts of the kernel that
 * have been its weakest.  Outside of a sandbox nearly all work for root, or
 * fail with an error that shows that the kernel looked at them.  Part of the
 * sandbox probe.
 */

#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandbox_probe.h"

#define NOT_USED	__attribute__((unused))

static int
try_socket(int family, int type, int protocol)
{
	int	 fd;

	if ((fd = socket(family, type, protocol)) == -1)
		return (-1);
	close(fd);
	return (0);
}

#define SOCKET(name, family, type, protocol)				\
static int								\
f_##name(struct probe *p NOT_USED)					\
{									\
	return (try_socket(family, type, protocol));			\
}
SOCKET(socket_inet, AF_INET, SOCK_STREAM, 0)
SOCKET(socket_inet6, AF_INET6, SOCK_STREAM, 0)
SOCKET(socket_udp, AF_INET, SOCK_DGRAM, 0)
SOCKET(socket_unix, AF_UNIX, SOCK_STREAM, 0)
SOCKET(socket_netlink, AF_NETLINK, SOCK_RAW, 0)
SOCKET(socket_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET(socket_vsock, 40, SOCK_STREAM, 0)
SOCKET(socket_alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(socket_raw, AF_INET, SOCK_RAW, IPPROTO_RAW)
SOCKET(socket_icmp, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
SOCKET(socket_mptcp, AF_INET, SOCK_STREAM, 262)

/* The kernel takes the low half only: must not get past a comparison. */
static int
f_socket_high_bits(struct probe *p NOT_USED)
{
	long	 fd;

	fd = syscall(SYS_socket, (1L << 32) | AF_UNIX, (long)SOCK_STREAM, 0L);
	if (fd == -1)
		return (-1);
	close((int)fd);
	return (0);
}

static int
f_socketpair(struct probe *p NOT_USED)
{
	int	 pair[2];

	return (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int
with_loopback(int fd, int port, int (*call)(int, const struct sockaddr *,
    socklen_t))
{
	struct sockaddr_in	 sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = (in_port_t)port;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (call(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
f_connect(struct probe *p)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);

	if (getsockname(p->listener, (struct sockaddr *)&sin, &len) == -1)
		return (-1);
	return (with_loopback(p->spare, sin.sin_port, connect));
}

static int
f_bind(struct probe *p)
{
	return (with_loopback(p->spare, 0, bind));
}

static int
f_listen(struct probe *p)
{
	return (listen(p->spare, 1));
}

/* EAGAIN: nobody called, but one could have been let in. */
static int
f_accept(struct probe *p)
{
	int	 fd;

	if (fcntl(p->listener, F_SETFL, O_NONBLOCK) == -1)
		return (-1);
	fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	return (fd == -1 && errno == EAGAIN ? 0 : -1);
}

static int
f_tcp_ulp(struct probe *p)
{
	/* ENOTCONN, ENOENT: the kernel looked for the module. */
	if (setsockopt(p->spare, IPPROTO_TCP, 31, "tls", 4) == 0 ||
	    errno == ENOTCONN || errno == ENOENT)
		return (0);
	return (-1);
}

/* Who closes the last copy, perhaps a process it was sent to, waits. */
static int
f_linger(struct probe *p)
{
	struct linger	 l = { 1, 3600 };

	return (setsockopt(p->spare, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
}

static int
f_fork(struct probe *p NOT_USED)
{
	pid_t	 pid;
	int	 status;

	if ((pid = fork()) == 0)
		_exit(0);
	return (pid == -1 || waitpid(pid, &status, 0) == -1 ? -1 : 0);
}

static int
f_clone3(struct probe *p NOT_USED)
{
	uint64_t	 args[11];
	long		 pid;
	int		 status;

	memset(args, 0, sizeof(args));
	args[4] = SIGCHLD;
	if ((pid = syscall(SYS_clone3, args, sizeof(args))) == 0)
		_exit(0);
	if (pid == -1 || waitpid((pid_t)pid, &status, 0) == -1)
		return (-1);
	return (0);
}

static void *
nothing(void *arg)
{
	return (arg);
}

static int
f_thread(struct probe *p NOT_USED)
{
	pthread_t	 thread;
	int		 error;

	if ((error = pthread_create(&thread, NULL, nothing, NULL)) != 0) {
		errno = error;
		return (-1);
	}
	errno = pthread_join(thread, NULL);
	return (errno == 0 ? 0 : -1);
}

static int
f_unshare(struct probe *p NOT_USED)
{
	return (unshare(CLONE_NEWNS));
}

static int
f_unshare_user(struct probe *p NOT_USED)
{
	return (unshare(CLONE_NEWUSER));
}

static int
f_setns(struct probe *p)
{
	return (setns(p->outsidefd, 0) == -1 && errno == EINVAL ? 0 : -1);
}

static int
f_ptrace(struct probe *p)
{
	return (ptrace(PTRACE_SEIZE, p->sibling, NULL, NULL) == -1 ? -1 : 0);
}

static int
vm_call(struct probe *p, int number)
{
	static char	 here[16], there[16];
	struct iovec	 local = { here, sizeof(here) };
	struct iovec	 remote = { there, sizeof(there) };

	return (syscall(number, (long)p->sibling, &local, 1L, &remote, 1L,
	    0L) == (long)sizeof(here) ? 0 : -1);
}

static int
f_vm_readv(struct probe *p)
{
	return (vm_call(p, SYS_process_vm_readv));
}

static int
f_vm_writev(struct probe *p)
{
	return (vm_call(p, SYS_process_vm_writev));
}

static int
f_kill_main(struct probe *p)
{
	return (kill(p->main, 0));
}

static int
f_kill_sibling(struct probe *p)
{
	return (kill(p->sibling, SIGURG));
}

static int
f_kill_all(struct probe *p NOT_USED)
{
	return (kill(0, 0));
}

static int
f_tgkill_sibling(struct probe *p)
{
	return ((int)syscall(SYS_tgkill, (long)p->sibling, (long)p->sibling,
	    (long)SIGURG));
}

static int
f_tkill_sibling(struct probe *p)
{
	return ((int)syscall(SYS_tkill, (long)p->sibling, (long)SIGURG));
}

static int
f_sigqueue_sibling(struct probe *p)
{
	return (sigqueue(p->sibling, SIGURG, (union sigval){ 0 }));
}

static int
f_pidfd_open(struct probe *p)
{
	return (syscall(SYS_pidfd_open, (long)p->sibling, 0L) == -1 ? -1 : 0);
}

static int
f_setown(struct probe *p)
{
	return (fcntl(p->pair[0], F_SETOWN, p->sibling));
}

static int
f_prlimit_sibling(struct probe *p)
{
	struct rlimit	 rl = { 1, 1 };

	return (prlimit(p->sibling, RLIMIT_NOFILE, &rl, NULL));
}

static int
f_setrlimit(struct probe *p NOT_USED)
{
	struct rlimit	 rl = { 64, 64 };

	return (setrlimit(RLIMIT_NOFILE, &rl));
}

static int
f_setpriority(struct probe *p)
{
	return (setpriority(PRIO_PROCESS, (id_t)p->sibling, 5));
}

static int
map(int prot)
{
	return (mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED ? -1 : 0);
}

static int
f_mmap_exec(struct probe *p NOT_USED)
{
	return (map(PROT_READ | PROT_EXEC));
}

static int
f_mmap_wx(struct probe *p NOT_USED)
{
	return (map(PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int
f_mprotect_exec(struct probe *p NOT_USED)
{
	void	*m;

	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return (-1);
	return (mprotect(m, 4096, PROT_READ | PROT_EXEC));
}

/* After this, what is readable would be executable. */
static int
f_personality(struct probe *p NOT_USED)
{
	return (personality(READ_IMPLIES_EXEC) == -1 ? -1 : 0);
}

static int
f_shmat(struct probe *p NOT_USED)
{
	int	 id;
	void	*m;

	if ((id = shmget(IPC_PRIVATE, 4096, 0600)) == -1)
		return (-1);
	m = shmat(id, NULL, SHM_EXEC);
	(void)shmctl(id, IPC_RMID, NULL);
	return (m == (void *)-1 ? -1 : 0);
}

static int
f_setuid0(struct probe *p NOT_USED)
{
	return (setuid(0));
}

static int
f_setgroups(struct probe *p NOT_USED)
{
	return ((int)syscall(SYS_setgroups, 0L, NULL));
}

static int
f_capset(struct probe *p NOT_USED)
{
	struct __user_cap_header_struct	 head;
	struct __user_cap_data_struct	 data[2];

	memset(&head, 0, sizeof(head));
	memset(data, 0, sizeof(data));
	head.version = _LINUX_CAPABILITY_VERSION_3;
	data[0].permitted = 1 << CAP_KILL;
	return ((int)syscall(SYS_capset, &head, data));
}

static int
f_prctl_dumpable(struct probe *p NOT_USED)
{
	return (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
f_reboot(struct probe *p NOT_USED)
{
	/* Not the magic number: EINVAL, or EPERM without the capability. */
	return (syscall(SYS_reboot, 1L, 2L, 3L, NULL) == -1 &&
	    errno == EINVAL ? 0 : -1);
}

static int
f_clock_settime(struct probe *p NOT_USED)
{
	struct timespec	 ts = { 0, -1 };

	/* Not a time: EINVAL comes first. */
	return (syscall(SYS_clock_settime, (long)CLOCK_REALTIME, &ts) == -1 &&
	    errno == EINVAL ? 0 : -1);
}

static int
f_sethostname(struct probe *p NOT_USED)
{
	/* No length: EINVAL, or EPERM without the capability. */
	return (syscall(SYS_sethostname, NULL, -1L) == -1 &&
	    errno == EINVAL ? 0 : -1);
}

/*
 * A call with arguments that mean nothing.  Whatever the kernel says to
 * them, it was asked; ENOSYS: it does not have it.
 */
static int
asked(long r)
{
	return (r == -1 && errno == ENOSYS ? -1 : 0);
}

#define ASK(name, number)						\
static int								\
f_##name(struct probe *p NOT_USED)					\
{									\
	return (asked(syscall(number, -1L, 0L, 0L, 0L, 0L, 0L)));	\
}
ASK(bpf, SYS_bpf)
ASK(io_uring, SYS_io_uring_setup)
ASK(userfaultfd, SYS_userfaultfd)
ASK(perf_event_open, SYS_perf_event_open)
ASK(keyctl, SYS_keyctl)
ASK(add_key, SYS_add_key)
ASK(init_module, SYS_init_module)
ASK(seccomp, SYS_seccomp)
ASK(landlock, 444)
ASK(quotactl, SYS_quotactl)
ASK(fanotify, SYS_fanotify_init)
ASK(swapon, SYS_swapon)
ASK(splice, SYS_splice)
ASK(vmsplice, SYS_vmsplice)
ASK(kcmp, SYS_kcmp)
ASK(move_pages, SYS_move_pages)
ASK(timer_create, SYS_timer_create)
ASK(msgget, SYS_msgget)
ASK(semget, SYS_semget)
ASK(mq_open, SYS_mq_open)
ASK(pidfd_getfd, SYS_pidfd_getfd)
ASK(process_madvise, SYS_process_madvise)
ASK(remap_file_pages, SYS_remap_file_pages)
ASK(syslog, SYS_syslog)
ASK(fsopen, SYS_fsopen)
ASK(open_tree, SYS_open_tree)

static int
f_tiocsti(struct probe *p)
{
	char	 c = 'x';

	return (ioctl(p->pair[0], TIOCSTI, &c) == -1 && errno == ENOTTY ?
	    0 : -1);
}

#if defined(__x86_64__)
/* The same kernel by its older doors, which have other numbers. */
static int
f_int80(struct probe *p NOT_USED)
{
	long	 r;

	/* 20 is getpid there, which by its proper number is permitted. */
	__asm__ volatile ("int $0x80" : "=a" (r) : "a" (20L) :
	    "memory", "r8", "r9", "r10", "r11");
	return (r > 0 ? 0 : -1);
}

static int
f_x32(struct probe *p NOT_USED)
{
	return (asked(syscall(0x40000000L | SYS_getpid)));
}
#endif

const struct thing forbidden_calls[] = {
	{ "socket_inet", NULL, f_socket_inet },
	{ "socket_inet6", NULL, f_socket_inet6 },
	{ "socket_udp", NULL, f_socket_udp },
	{ "socket_unix", NULL, f_socket_unix },
	{ "socket_netlink", NULL, f_socket_netlink },
	{ "socket_packet", NULL, f_socket_packet },
	{ "socket_vsock", NULL, f_socket_vsock },
	{ "socket_alg", NULL, f_socket_alg },
	{ "socket_raw", NULL, f_socket_raw },
	{ "socket_icmp", NULL, f_socket_icmp },
	{ "socket_mptcp", NULL, f_socket_mptcp },
	{ "socket_high_bits", NULL, f_socket_high_bits },
	{ "socketpair", NULL, f_socketpair },
	{ "connect", NULL, f_connect },
	{ "bind", NULL, f_bind },
	{ "listen", NULL, f_listen },
	{ "accept", NULL, f_accept },
	{ "tcp_ulp", NULL, f_tcp_ulp },
	{ "linger", NULL, f_linger },
	{ "fork", NULL, f_fork },
	{ "clone3", NULL, f_clone3 },
	{ "thread", NULL, f_thread },
	{ "unshare", NULL, f_unshare },
	{ "unshare_user", NULL, f_unshare_user },
	{ "setns", NULL, f_setns },
	{ "ptrace", NULL, f_ptrace },
	{ "process_vm_readv", NULL, f_vm_readv },
	{ "process_vm_writev", NULL, f_vm_writev },
	{ "kill_main", NULL, f_kill_main },
	{ "kill_sibling", NULL, f_kill_sibling },
	{ "kill_all", NULL, f_kill_all },
	{ "tgkill_sibling", NULL, f_tgkill_sibling },
	{ "tkill_sibling", NULL, f_tkill_sibling },
	{ "sigqueue_sibling", NULL, f_sigqueue_sibling },
	{ "pidfd_open", NULL, f_pidfd_open },
	{ "setown", NULL, f_setown },
	{ "prlimit_sibling", NULL, f_prlimit_sibling },
	{ "setrlimit", NULL, f_setrlimit },
	{ "setpriority", NULL, f_setpriority },
	{ "mmap_exec", NULL, f_mmap_exec },
	{ "mmap_wx", NULL, f_mmap_wx },
	{ "mprotect_exec", NULL, f_mprotect_exec },
	{ "personality", NULL, f_personality },
	{ "shmat", NULL, f_shmat },
	{ "setuid0", NULL, f_setuid0 },
	{ "setgroups", NULL, f_setgroups },
	{ "capset", NULL, f_capset },
	{ "prctl_dumpable", NULL, f_prctl_dumpable },
	{ "reboot", NULL, f_reboot },
	{ "clock_settime", NULL, f_clock_settime },
	{ "bpf", NULL, f_bpf },
	{ "io_uring", NULL, f_io_uring },
	{ "userfaultfd", NULL, f_userfaultfd },
	{ "perf_event_open", NULL, f_perf_event_open },
	{ "keyctl", NULL, f_keyctl },
	{ "add_key", NULL, f_add_key },
	{ "init_module", NULL, f_init_module },
	{ "seccomp", NULL, f_seccomp },
	{ "landlock", NULL, f_landlock },
	{ "quotactl", NULL, f_quotactl },
	{ "fanotify", NULL, f_fanotify },
	{ "swapon", NULL, f_swapon },
	{ "sethostname", NULL, f_sethostname },
	{ "splice", NULL, f_splice },
	{ "vmsplice", NULL, f_vmsplice },
	{ "kcmp", NULL, f_kcmp },
	{ "move_pages", NULL, f_move_pages },
	{ "timer_create", NULL, f_timer_create },
	{ "msgget", NULL, f_msgget },
	{ "semget", NULL, f_semget },
	{ "mq_open", NULL, f_mq_open },
	{ "pidfd_getfd", NULL, f_pidfd_getfd },
	{ "process_madvise", NULL, f_process_madvise },
	{ "remap_file_pages", NULL, f_remap_file_pages },
	{ "syslog", NULL, f_syslog },
	{ "fsopen", NULL, f_fsopen },
	{ "open_tree", NULL, f_open_tree },
	{ "tiocsti", NULL, f_tiocsti },
#if defined(__x86_64__)
	{ "int80", NULL, f_int80 },
	{ "x32", NULL, f_x32 },
#endif
	{ NULL, NULL, NULL }
};
