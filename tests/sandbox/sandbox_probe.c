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
 * The sandbox probe's main: sandbox_probe [options] role thing.  Starts a
 * process, enters the role's sandbox there (not with -n: to see that the
 * thing works outside), does the thing, and says on stdout how it ended:
 *
 *	ok | errno NUMBER | failed: SENTENCE | killed NUMBER | exit STATUS
 *
 * after a line "level TEXT MICROSECONDS".  Test program.
 */

#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-system.h"
#include "sandbox_probe.h"

/* The result goes to the place of the parent's socket. */
#define RESULT_FD	3
#define RESULT_MAX	1024
/* A thing that hangs is killed by SIGALRM after so many seconds. */
#define HANG_SECONDS	30

struct options {
	struct sandbox_config	 conf;
	struct probe		 probe;
	int			 none;
};

static void	 usage(void) __attribute__((noreturn));
static void	 list(void) __attribute__((noreturn));
static void	 parse(int, char **, struct options *);
static unsigned int number(const char *, const char *);
static enum sandbox_role role_of(const char *);
static const struct thing *thing_of(const char *);
static pid_t	 start_sibling(const struct options *);
static pid_t	 start_child(struct options *, const struct thing *, int);
static void	 child(struct options *, const struct thing *)
		    __attribute__((noreturn));
static void	 prepare(struct probe *, const struct thing *);
static void	 enter(struct options *);
static void	 report(pid_t, int);

static const char *const role_names[] = {
	[SANDBOX_PARENT] = "parent",
	[SANDBOX_POLLER] = "poller",
	[SANDBOX_API] = "api",
	[SANDBOX_REGISTRY] = "registry",
};

static const struct thing *const tables[] = {
	forbidden_files, forbidden_calls, works, works_poller, works_parent,
};

#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

static char	 reason[256];

int
main(int argc, char **argv)
{
	const struct thing	*thing;
	struct options		 o;
	pid_t			 pid;
	int			 fds[2];

	memset(&o, 0, sizeof(o));
	parse(argc, argv, &o);
	thing = thing_of(argv[argc - 1]);
	log_init("probe", 0, 0);
	o.probe.main = getpid();
	o.probe.sibling = start_sibling(&o);
	/* Later than the sibling, which would hold it open. */
	if (pipe(fds) == -1)
		fatal("pipe");
	pid = start_child(&o, thing, fds[1]);
	close(fds[1]);
	report(pid, fds[0]);
	(void)kill(o.probe.sibling, SIGKILL);
	(void)waitpid(o.probe.sibling, NULL, 0);
	return (0);
}

static void
usage(void)
{
	fprintf(stderr, "usage: sandbox_probe [-ns] [-C ca] [-O outside] "
	    "[-U url]\n\t[-c chroot] [-d statedir] [-g gid] [-r resolvdir] "
	    "[-u uid] role thing\n       sandbox_probe -l\n");
	exit(2);
}

static void
list(void)
{
	const struct thing	*t;
	size_t			 i;

#ifdef SANDBOX_SANITIZER
	printf("build sanitizer\n");
#else
	printf("build normal\n");
#endif
	for (i = 0; i < NITEMS(tables); i++)
		for (t = tables[i]; t->name != NULL; t++)
			printf("%s %s\n", i < 2 ? "forbidden" : "works",
			    t->name);
	exit(0);
}

static void
parse(int argc, char **argv, struct options *o)
{
	int	 ch;

	while ((ch = getopt(argc, argv, "C:O:U:c:d:g:lnr:su:")) != -1)
		switch (ch) {
		case 'C':
			o->probe.ca = optarg;
			break;
		case 'O':
			o->probe.outside = optarg;
			break;
		case 'U':
			o->probe.url = optarg;
			break;
		case 'c':
			o->conf.chroot = optarg;
			break;
		case 'd':
			o->conf.statedir = o->probe.statedir = optarg;
			break;
		case 'g':
			o->conf.gid = number("gid", optarg);
			break;
		case 'l':
			list();
		case 'n':
			o->none = 1;
			break;
		case 'r':
			o->conf.resolvdir = o->probe.resolvdir = optarg;
			break;
		case 's':
			o->conf.strict = 1;
			break;
		case 'u':
			o->conf.uid = number("uid", optarg);
			break;
		default:
			usage();
		}
	if (argc - optind != 2)
		usage();
	o->probe.role = role_of(argv[optind]);
}

static unsigned int
number(const char *what, const char *text)
{
	const char	*why;
	long long	 n;

	n = strtonum(text, 0, 0x7fffffff, &why);
	if (why != NULL) {
		fprintf(stderr, "%s: %s\n", what, why);
		exit(2);
	}
	return ((unsigned int)n);
}

static enum sandbox_role
role_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < NITEMS(role_names); i++)
		if (strcmp(role_names[i], name) == 0)
			return ((enum sandbox_role)i);
	usage();
}

static const struct thing *
thing_of(const char *name)
{
	const struct thing	*t;
	size_t			 i;

	for (i = 0; i < NITEMS(tables); i++)
		for (t = tables[i]; t->name != NULL; t++)
			if (strcmp(t->name, name) == 0)
				return (t);
	usage();
}

/*
 * Someone of the user that the child will be, to be attacked: dumpable, so
 * that only the sandbox protects it.
 */
static pid_t
start_sibling(const struct options *o)
{
	pid_t	 pid;
	char	 c;
	int	 fds[2];

	if (pipe(fds) == -1 || (pid = fork()) == -1)
		fatal("sibling");
	if (pid == 0) {
		if (geteuid() == 0 && o->conf.uid != 0 && !o->none &&
		    (setgid(o->conf.gid) == -1 || setuid(o->conf.uid) == -1))
			_exit(1);
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		(void)alarm(2 * HANG_SECONDS);
		if (write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1)
		fatalx("sibling");
	close(fds[0]);
	return (pid);
}

static pid_t
start_child(struct options *o, const struct thing *thing, int result)
{
	pid_t	 pid;

	if ((pid = fork()) == -1)
		fatal("fork");
	if (pid != 0)
		return (pid);
	if (result != RESULT_FD &&
	    (dup2(result, RESULT_FD) == -1 || close(result) == -1))
		fatal("dup2");
	(void)alarm(HANG_SECONDS);
	child(o, thing);
}

static void
child(struct options *o, const struct thing *thing)
{
	int	 r;

	(void)signal(SIGPIPE, SIG_IGN);
	sandbox_start();
	prepare(&o->probe, thing);
	if (o->none)
		dprintf(RESULT_FD, "level none\n");
	else
		enter(o);
	if ((r = thing->run(&o->probe)) == 0)
		dprintf(RESULT_FD, "ok\n");
	else if (reason[0] != '\0')
		dprintf(RESULT_FD, "failed: %s\n", reason);
	else
		dprintf(RESULT_FD, "errno %d\n", errno);
	_exit(0);
}

/* Descriptors that a taken-over process could have been passed. */
static void
prepare(struct probe *p, const struct thing *thing)
{
	p->outsidefd = -1;
	if ((p->listener = probe_listen()) == -1 ||
	    (p->spare = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, p->pair) == -1)
		fatal("prepare");
	if (p->outside != NULL && (p->outsidefd = open(p->outside,
	    O_RDONLY | O_DIRECTORY)) == -1)
		fatal("%s", p->outside);
	if (thing->prepare != NULL && thing->prepare(p) == -1)
		fatal("prepare %s: %s", thing->name, reason);
}

static void
enter(struct options *o)
{
	struct sandbox_level	 level;
	struct timespec		 a, b;
	int			 r;

	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	if (o->probe.role == SANDBOX_PARENT)
		r = sandbox_parent(o->conf.strict, &level);
	else
		r = sandbox_apply(o->probe.role, &o->conf, &level);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	if (r == -1) {
		dprintf(RESULT_FD, "sandbox: errno %d\n", errno);
		_exit(1);
	}
	dprintf(RESULT_FD, "level %s, %ld us\n",
	    sandbox_level_string(&level), (b.tv_sec - a.tv_sec) * 1000000L +
	    (b.tv_nsec - a.tv_nsec) / 1000);
}

static void
report(pid_t pid, int fd)
{
	char	 text[RESULT_MAX];
	ssize_t	 n;
	int	 status;

	while ((n = read(fd, text, sizeof(text))) > 0)
		if (write(STDOUT_FILENO, text, (size_t)n) != n)
			fatal("write");
	if (waitpid(pid, &status, 0) == -1)
		fatal("waitpid");
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		printf("exit %d\n", WEXITSTATUS(status));
}

int
probe_fail(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return (-1);
}

const char *
probe_path(const char *dir, const char *name)
{
	static char	 path[1024];
	int		 n;

	n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		fatalx("path too long");
	return (path);
}

int
probe_listen(void)
{
	struct sockaddr_in	 sin;
	int			 fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 8) == -1) {
		close(fd);
		return (-1);
	}
	return (fd);
}
