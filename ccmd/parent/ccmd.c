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
 * ccmd: the parent.  Reads configuration and credentials, opens listening
 * sockets and the lock, then supervises its children.  Holds the GitHub
 * tokens.  Must not parse JSON, HTTP or TLS, nor talk to the network.
 */

#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"
#include "stdio_open.h"
#include "usage.h"

struct options {
	const char	*conf;
	const char	*libexec;
	const char	*restore;
	int		 foreground;
	int		 check;
	int		 verbose;
};

static void	 usage(void) __attribute__((noreturn));
static void	 parse_options(int, char **, struct options *);
static int	 prepare(struct supervise *, const struct options *);
static int	 go_background(struct supervise *);
static void	 wait_for_set(int) __attribute__((noreturn));
static int	 open_log(const struct supervise *);
static int	 open_restore(struct supervise *, const char *);
static int	 run(struct supervise *, const struct options *);
static void	 on_stop(evutil_socket_t, short, void *);
static void	 on_hup(evutil_socket_t, short, void *);
static void	 raise_limits(void);

int
main(int argc, char **argv)
{
	struct options		 opt;
	struct supervise	 s;
	int			 status = 1;

	/* Before any other descriptor. */
	if (stdio_open() == -1)
		return (1);
	/* Each mode is given in full where something is made. */
	(void)umask(022);
	log_init("ccmd", 0, 0);
	parse_options(argc, argv, &opt);
	log_set_verbose(opt.verbose);
	notify_init();
	if (sodium_init() == -1)
		fatalx("sodium_init");
	memset(&s, 0, sizeof(s));
	s.lock = s.control = s.restore = s.started = -1;
	s.libexec = opt.libexec;
	s.verbose = opt.verbose;
	if ((s.conf = conf_load(opt.conf)) == NULL)
		return (opt.check ? 1 : PROC_EXIT_HOPELESS);
	if (opt.check) {
		if ((status = conf_print(s.conf)) == -1)
			log_err("standard output: %s", strerror(errno));
		conf_free(s.conf);
		return (status == -1);
	}
	if (opt.conf != NULL && (s.conf_path = conf_expand(opt.conf)) == NULL)
		fatal("configuration");
	if (prepare(&s, &opt) == 0)
		status = run(&s, &opt);
	sockets_close(s.conf, s.control);
	users_cleanup();
	conf_free(s.conf);
	free(s.conf_path);
	return (status);
}

static void
usage(void)
{
	fprintf(stderr, "usage: ccmd [-dnVv] [-f ccmd.conf] [-L directory] "
	    "[-R backup]\n");
	exit(2);
}

static void
parse_options(int argc, char **argv, struct options *opt)
{
	int	 c;

	memset(opt, 0, sizeof(*opt));
	opt->libexec = PKGLIBEXECDIR;
	while ((c = getopt(argc, argv, "df:L:nR:Vv")) != -1)
		switch (c) {
		case 'd':
			opt->foreground = 1;
			break;
		case 'f':
			opt->conf = optarg;
			break;
		case 'L':
			opt->libexec = optarg;
			break;
		case 'n':
			opt->check = 1;
			break;
		case 'R':
			opt->restore = optarg;
			break;
		case 'V':
			printf("ccmd %s\n", PACKAGE_VERSION);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'v':
			opt->verbose = 1;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
}

/* All that needs privileges, and all that can fail before a child runs. */
static int
prepare(struct supervise *s, const struct options *opt)
{
	raise_limits();
	if (users_prepare(s->conf, s->jails) == -1 ||
	    state_prepare(s->conf->statedir, s->jails[PROC_REGISTRY].uid,
	    s->jails[PROC_REGISTRY].gid) == -1 ||
	    (s->lock = state_lock(s->conf->statedir)) == -1)
		return (-1);
	if (opt->restore != NULL)
		return (open_restore(s, opt->restore));
	return (sockets_open(s->conf, &s->control));
}

/* By its name from here, or from the state directory. */
static int
open_restore(struct supervise *s, const char *name)
{
	char	 path[MSG_PATH_MAX * 2];

	s->restore_name = name;
	s->restore = state_open_file(name);
	if (s->restore == -1 && errno == ENOENT && name[0] != '/' &&
	    snprintf(path, sizeof(path), "%s/%s", s->conf->statedir,
	    name) < (int)sizeof(path))
		s->restore = state_open_file(path);
	if (s->restore != -1)
		return (0);
	log_err("%s: %s", name, errno == ELOOP ?
	    "a symbolic link that another user made is not followed" :
	    errno == EINVAL ? "a regular file was expected" :
	    strerror(errno));
	return (-1);
}

/* Each child inherits it: a thousand connections need a descriptor each. */
static void
raise_limits(void)
{
	static const struct rlimit none = { 0, 0 };
	struct rlimit	 rl;

	/* Tokens and keys are not for a core file. */
	(void)setrlimit(RLIMIT_CORE, &none);

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max < 8192 ? rl.rlim_max : 8192;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int
run(struct supervise *s, const struct options *opt)
{
	struct event_base	*base;
	struct event		*term, *intr, *hup;
	struct sandbox_level	 level;
	int			 status;

	if (opt->foreground || opt->restore != NULL)
		output_stderr();
	else if (go_background(s) == -1)
		return (1);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Of the process that stays, while it may still be opened. */
	usage_init();
	if (sandbox_parent(s->conf->strict, &level) == -1)
		return (1);
	log_info("locked up: %s", sandbox_level_string(&level));
	if ((base = event_base_new()) == NULL)
		fatalx("event_base_new");
	term = evsignal_new(base, SIGTERM, on_stop, NULL);
	intr = evsignal_new(base, SIGINT, on_stop, NULL);
	hup = evsignal_new(base, SIGHUP, on_hup, NULL);
	if (term == NULL || intr == NULL || hup == NULL ||
	    event_add(term, NULL) == -1 || event_add(intr, NULL) == -1 ||
	    event_add(hup, NULL) == -1)
		fatal("signals");
	status = supervise(base, s);
	log_info("ended");
	return (status);
}

/*
 * Whoever started us gets the prompt back when the set runs, or an error when
 * it could not be brought to that.  Errors were told on stderr so far; from
 * here on they go to the log.
 */
static int
go_background(struct supervise *s)
{
	int	 pipes[2], null;

	if (pipe2(pipes, O_CLOEXEC) == -1 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1) {
		log_err("background: %s", strerror(errno));
		return (-1);
	}
	switch (fork()) {
	case -1:
		log_err("fork: %s", strerror(errno));
		return (-1);
	case 0:
		break;
	default:
		close(pipes[1]);
		wait_for_set(pipes[0]);
	}
	close(pipes[0]);
	s->started = pipes[1];
	if (open_log(s) == -1)
		return (-1);
	if (setsid() == -1 || chdir("/") == -1 ||
	    dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1) {
		log_err("background: %s", strerror(errno));
		return (-1);
	}
	close(null);
	state_write_pid(s->lock);
	return (0);
}

/* In the process that was started: a byte says "running", its end "never". */
static void
wait_for_set(int fd)
{
	char	 c;
	ssize_t	 n;

	do
		n = read(fd, &c, 1);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(0);
	log_err("did not come up; %s says why", geteuid() == 0 ? "syslog" :
	    "logs/ccmd.log in the state directory");
	_exit(1);
}

static int
open_log(const struct supervise *s)
{
	char	 path[MSG_PATH_MAX];

	if (geteuid() == 0)
		output_syslog();
	else if (snprintf(path, sizeof(path), "%s/logs/ccmd.log",
	    s->conf->statedir) >= (int)sizeof(path) ||
	    output_file(path) == -1) {
		log_err("%s: %s", path, strerror(errno));
		return (-1);
	}
	return (0);
}

static void
on_stop(evutil_socket_t sig, short what __attribute__((unused)),
    void *arg __attribute__((unused)))
{
	log_info("signal %d: ending", (int)sig);
	supervise_stop();
}

static void
on_hup(evutil_socket_t sig __attribute__((unused)),
    short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	reload_ask(0, "SIGHUP");
}
