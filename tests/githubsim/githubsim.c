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
 * githubsim: a stateful stand-in for GitHub's REST API, for tests and for
 * the demo.  This file reads the command line, opens the ports and runs the
 * loop.  It listens on 127.0.0.1 and nowhere else.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "githubsim.h"

#define BACKLOG		1024
#define IDLE_SECONDS	60	/* until an idle connection is closed */
#define HEAD_MAX	65536

struct options {
	int		 port[PORT_KINDS];
	const char	*cert;
	const char	*key;
	const char	*scenario;
	int		 demo;
	int		 watch;
};

static void	 usage(void) __attribute__((__noreturn__));
static void	 options_read(int, char **, struct options *);
static int	 port_number(const char *);
static void	 port_open(const struct options *, enum port_kind, SSL_CTX *);
static SSL_CTX	*tls_context(const struct options *);
static struct bufferevent *tls_connection(struct event_base *, void *);
static void	 announce(const struct options *);
static void	 stop(evutil_socket_t, short, void *);
static void	 stdin_read(evutil_socket_t, short, void *);
static struct event *watch(evutil_socket_t, short, event_callback_fn);

int
main(int argc, char **argv)
{
	struct options	 opt = { .port = { 0, 0, 0 } };
	struct event	*ev[3] = { NULL, NULL, NULL };
	SSL_CTX		*tls = NULL;
	size_t		 i;

	if (sodium_init() == -1)
		errx(1, "sodium_init");
	(void)signal(SIGPIPE, SIG_IGN);
	clock_init();
	state_init();
	options_read(argc, argv, &opt);
	if (opt.demo && demo_load() == -1)
		err(1, "demo");
	if (opt.scenario != NULL && control_scenario(opt.scenario) == -1)
		errx(1, "%s: refused", opt.scenario);
	if ((sim.base = event_base_new()) == NULL)
		errx(1, "event_base_new");
	port_open(&opt, PORT_HTTP, NULL);
	port_open(&opt, PORT_STORAGE, NULL);
	if (opt.cert != NULL)
		port_open(&opt, PORT_HTTPS, tls = tls_context(&opt));
	ev[0] = watch(SIGTERM, EV_SIGNAL | EV_PERSIST, stop);
	ev[1] = watch(SIGINT, EV_SIGNAL | EV_PERSIST, stop);
	if (opt.watch)
		ev[2] = watch(STDIN_FILENO, EV_READ | EV_PERSIST, stdin_read);
	announce(&opt);
	(void)event_base_dispatch(sim.base);
	for (i = 0; i < sizeof(ev) / sizeof(ev[0]); i++)
		if (ev[i] != NULL)
			event_free(ev[i]);
	SSL_CTX_free(tls);
	return (0);
}

static void
options_read(int argc, char **argv, struct options *opt)
{
	int	 ch;

	sim.prefix = "";
	(void)strlcpy(sim.web, "https://github.com", sizeof(sim.web));
	sim.any_token = 1;
	while ((ch = getopt(argc, argv, "b:c:Dk:P:p:S:s:t:w")) != -1) {
		switch (ch) {
		case 'b':
			if (*optarg != '/' ||
			    optarg[strlen(optarg) - 1] == '/')
				errx(1, "-b %s: not like /api/v3", optarg);
			sim.prefix = optarg;
			/* A server of its own, with numbers of its own. */
			(void)snprintf(sim.web, sizeof(sim.web),
			    "https://github-%ld.example", (long)getpid());
			break;
		case 'c':
			opt->cert = optarg;
			break;
		case 'D':
			opt->demo = 1;
			break;
		case 'k':
			opt->key = optarg;
			break;
		case 'P':
			opt->port[PORT_HTTPS] = port_number(optarg);
			break;
		case 'p':
			opt->port[PORT_HTTP] = port_number(optarg);
			break;
		case 'S':
			opt->scenario = optarg;
			break;
		case 's':
			opt->port[PORT_STORAGE] = port_number(optarg);
			break;
		case 't':
			sim.any_token = 0;
			if (token_add(optarg) == NULL)
				err(1, "-t");
			break;
		case 'w':
			opt->watch = 1;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || (opt->cert == NULL) != (opt->key == NULL) ||
	    (opt->port[PORT_HTTPS] != 0 && opt->cert == NULL))
		usage();
}

static void
usage(void)
{
	(void)fprintf(stderr, "usage: githubsim [-Dw] [-b prefix] [-p port] "
	    "[-P port -c cert -k key]\n"
	    "\t[-S scenario] [-s port] [-t token] ...\n");
	exit(1);
}

static int
port_number(const char *text)
{
	const char	*error;
	int		 port = (int)strtonum(text, 0, 65535, &error);

	if (error != NULL)
		errx(1, "port %s: %s", text, error);
	return (port);
}

static void
port_open(const struct options *opt, enum port_kind kind, SSL_CTX *tls)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	struct evhttp		*http;
	int			 fd, one = 1;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)opt->port[kind]);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ==
	    -1 ||
	    /* Inherited by what is accepted; without it 45 ms an answer. */
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ==
	    -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "127.0.0.1 port %d", opt->port[kind]);
	if ((http = evhttp_new(sim.base)) == NULL ||
	    evhttp_accept_socket(http, fd) == -1)
		errx(1, "evhttp");
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
	    EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_max_body_size(http, SIM_BODY_MAX);
	evhttp_set_max_headers_size(http, HEAD_MAX);
	evhttp_set_timeout(http, IDLE_SECONDS);
	evhttp_set_gencb(http, http_request, (void *)(uintptr_t)kind);
	if (tls != NULL)
		evhttp_set_bevcb(http, tls_connection, tls);
	sim.http[kind] = http;
	sim.port[kind] = ntohs(sin.sin_port);
}

static SSL_CTX *
tls_context(const struct options *opt)
{
	SSL_CTX	*tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL ||
	    SSL_CTX_use_certificate_chain_file(tls, opt->cert) != 1)
		errx(1, "%s: no certificate", opt->cert);
	if (SSL_CTX_use_PrivateKey_file(tls, opt->key, SSL_FILETYPE_PEM) !=
	    1 || SSL_CTX_check_private_key(tls) != 1)
		errx(1, "%s: not the certificate's key", opt->key);
	(void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	return (tls);
}

static struct bufferevent *
tls_connection(struct event_base *base, void *arg)
{
	struct bufferevent	*bev;
	SSL			*ssl = SSL_new(arg);

	if (ssl == NULL)
		return (NULL);
	bev = bufferevent_openssl_socket_new(base, -1, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return (bev);
}

/* One line, so that whoever started this knows where it listens. */
static void
announce(const struct options *opt)
{
	char	 https[16] = "null";

	if (opt->cert != NULL)
		(void)snprintf(https, sizeof(https), "%d",
		    sim.port[PORT_HTTPS]);
	(void)printf("{\"http\": %d, \"https\": %s, \"storage\": %d, "
	    "\"pid\": %ld}\n", sim.port[PORT_HTTP], https,
	    sim.port[PORT_STORAGE], (long)getpid());
	if (fflush(stdout) == EOF)
		err(1, "stdout");
}

static struct event *
watch(evutil_socket_t fd, short what, event_callback_fn cb)
{
	struct event	*ev = event_new(sim.base, fd, what, cb, NULL);

	if (ev == NULL || event_add(ev, NULL) == -1)
		errx(1, "descriptor or signal %d can't be watched", (int)fd);
	return (ev);
}

static void
stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	(void)event_base_loopbreak(sim.base);
}

/* -w: the end of standard input is the end of whoever started this. */
static void
stdin_read(evutil_socket_t fd, short what, void *arg)
{
	char	 buf[512];
	ssize_t	 n = read(fd, buf, sizeof(buf));

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		stop(fd, what, arg);
}
