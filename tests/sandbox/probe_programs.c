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
 * Things that must work in the poller (libcurl over HTTP and TLS, names
 * resolved in a thread), TLS as the api will serve it, and what the parent
 * must and must not be able to do once its capabilities are gone.  Part of
 * the sandbox probe.
 */

#include "config.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_probe.h"

#define NOT_USED	__attribute__((unused))
#define BODY		"hello from the server\n"
#define PEM_MAX		(64 * 1024)
#define NAME_MAX_LEN	128

/* --- The poller. ------------------------------------------------------ */

static struct {
	char		 pem[PEM_MAX];
	size_t		 len;
	char		 body[256];
	size_t		 body_len;
} client;

/* As the poller does before it is locked up. */
static int
p_curl(struct probe *p)
{
	ssize_t	 n;
	int	 fd;

	__nss_configure_lookup("hosts", "files dns");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return (probe_fail("curl_global_init"));
	if (p->ca == NULL)
		return (0);
	if ((fd = open(p->ca, O_RDONLY)) == -1)
		return (probe_fail("%s", p->ca));
	if ((n = read(fd, client.pem, sizeof(client.pem))) <= 0)
		return (probe_fail("%s", p->ca));
	client.len = (size_t)n;
	return (close(fd));
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg NOT_USED)
{
	if (size * n > sizeof(client.body) - client.body_len)
		return (0);
	memcpy(client.body + client.body_len, data, size * n);
	client.body_len += size * n;
	return (size * n);
}

static int
w_curl(struct probe *p)
{
	char			 why[CURL_ERROR_SIZE] = "";
	struct curl_blob	 ca = { client.pem, client.len, 0 };
	CURL			*curl;
	CURLcode		 code;

	if ((curl = curl_easy_init()) == NULL)
		return (probe_fail("curl_easy_init"));
	curl_easy_setopt(curl, CURLOPT_URL, p->url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	if (client.len > 0)
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
	code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK)
		return (probe_fail("%s: %s", curl_easy_strerror(code), why));
	if (client.body_len != strlen(BODY) ||
	    memcmp(client.body, BODY, client.body_len) != 0)
		return (probe_fail("another body"));
	return (0);
}

static int
w_resolve(struct probe *p)
{
	char		 name[NAME_MAX_LEN];
	struct addrinfo	 hints, *res;
	int		 r, i;

	if (sscanf(p->url, "http://%127[^:/]", name) != 1)
		return (probe_fail("no name in the URL"));
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	for (i = 0; i < 3; i++) {
		if ((r = getaddrinfo(name, "80", &hints, &res)) != 0)
			return (probe_fail("%s: %s", name, gai_strerror(r)));
		freeaddrinfo(res);
	}
	/* No such name: the whole search list is tried. */
	if (getaddrinfo("nowhere.invalid", "80", &hints, &res) == 0)
		return (probe_fail("a name that is nowhere"));
	return (0);
}

/* Outside, one who replaces resolv.conf when told to by a byte. */
static int
p_replaced(struct probe *p)
{
	char	 from[1024], c;
	int	 fd;

	switch (fork()) {
	case -1:
		return (-1);
	case 0:
		(void)strlcpy(from, probe_path(p->resolvdir, "new"),
		    sizeof(from));
		if (read(p->pair[1], &c, 1) != 1 ||
		    (fd = open(from, O_WRONLY | O_CREAT, 0644)) == -1 ||
		    dprintf(fd, "new") != 3 ||
		    rename(from, probe_path(p->resolvdir, "resolv.conf")) == -1)
			_exit(1);
		(void)!write(p->pair[1], "x", 1);
		_exit(0);
	default:
		return (close(p->pair[1]));
	}
}

/* A file that was not there when the rules were made is read. */
static int
w_replaced(struct probe *p)
{
	char	 text[8] = "";
	int	 fd;

	if (write(p->pair[0], "x", 1) != 1 || read(p->pair[0], text, 1) != 1)
		return (probe_fail("not replaced"));
	fd = open(probe_path(p->resolvdir, "resolv.conf"),
	    O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, text, sizeof(text)) == -1)
		return (-1);
	close(fd);
	return (strncmp(text, "new", 3) == 0 ? 0 : probe_fail("the old one"));
}

/* --- The api, when a listener has TLS. -------------------------------- */

static struct {
	SSL_CTX	*server;
	SSL_CTX	*client;
} tls;

/* `ca` holds key and certificate, read as the parent would send them. */
static int
p_tls(struct probe *p)
{
	tls.server = SSL_CTX_new(TLS_server_method());
	tls.client = SSL_CTX_new(TLS_client_method());
	if (tls.server == NULL || tls.client == NULL || p->ca == NULL ||
	    SSL_CTX_use_PrivateKey_file(tls.server, p->ca,
	    SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_certificate_file(tls.server, p->ca,
	    SSL_FILETYPE_PEM) != 1)
		return (probe_fail("key and certificate"));
	return (0);
}

/* Both ends over memory, as many turns as a handshake can need. */
static int
w_tls(struct probe *p NOT_USED)
{
	BIO	*a, *b;
	SSL	*server = SSL_new(tls.server), *user = SSL_new(tls.client);
	char	 buf[8];
	int	 i, s = 0, c = 0;

	if (server == NULL || user == NULL ||
	    BIO_new_bio_pair(&a, 0, &b, 0) != 1)
		return (probe_fail("SSL_new"));
	SSL_set_bio(server, a, a);
	SSL_set_bio(user, b, b);
	for (i = 0; i < 20 && (s != 1 || c != 1); i++) {
		c = SSL_connect(user);
		s = SSL_accept(server);
	}
	if (s != 1 || c != 1)
		return (probe_fail("no handshake: %s",
		    ERR_error_string(ERR_get_error(), NULL)));
	if (SSL_write(user, "hello", 5) != 5 ||
	    SSL_read(server, buf, sizeof(buf)) != 5 ||
	    memcmp(buf, "hello", 5) != 0)
		return (probe_fail("nothing came through"));
	SSL_free(server);
	SSL_free(user);
	return (0);
}

const struct thing works_poller[] = {
	{ "curl", p_curl, w_curl },
	{ "resolve", p_curl, w_resolve },
	{ "resolv_replaced", p_replaced, w_replaced },
	{ "tls", p_tls, w_tls },
	{ NULL, NULL, NULL }
};

/* --- The parent. ------------------------------------------------------ */

/* Starts `what` of this program as a child's main would be. */
static int
respawn(struct probe *p, const char *role, const char *what,
    const char *wanted)
{
	const char	*argv[] = { "sandbox_probe", "-u", "65534", "-g",
			    "65534", "-d", "/", "-O", "/", "-c",
			    p->statedir, role, what, NULL };
	char *const	 envp[] = { NULL };
	char		 buf[512] = "";
	size_t		 len = 0;
	ssize_t		 n;
	pid_t		 pid;
	int		 fds[2];

	if (pipe(fds) == -1 || (pid = fork()) == -1)
		return (-1);
	if (pid == 0) {
		if (dup2(fds[1], STDOUT_FILENO) == -1)
			_exit(126);
		execve("/proc/self/exe", (char **)(uintptr_t)argv, envp);
		_exit(127);
	}
	close(fds[1]);
	while (len < sizeof(buf) - 1 &&
	    (n = read(fds[0], buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	if (waitpid(pid, NULL, 0) == -1)
		return (-1);
	if (strstr(buf, wanted) == NULL)
		return (probe_fail("%s: %s", wanted, buf));
	return (0);
}

/* A new child comes as far as the first one: chroot, user and all. */
static int
w_parent_respawn(struct probe *p)
{
	if (respawn(p, "registry", "append", "chroot uid") == -1)
		return (-1);
	return (respawn(p, "api", "json", "\nok\n"));
}

static int
w_parent_caps(struct probe *p NOT_USED)
{
	/* SETUID, SETGID, SYS_CHROOT, KILL; none for an ordinary user. */
	unsigned long	 four = 1UL << 5 | 1UL << 6 | 1UL << 7 | 1UL << 18;
	unsigned long	 set, wanted = geteuid() == 0 ? four : 0;
	char		 line[128], name[16];
	int		 n = 0;
	FILE		*f;

	if ((f = fopen("/proc/self/status", "re")) == NULL)
		return (-1);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Cap%15[^:]: %lx", name, &set) == 2) {
			if (strcmp(name, "Inh") == 0 ||
			    strcmp(name, "Amb") == 0) {
				if (set != 0)
					break;
			} else if (strcmp(name, "Bnd") == 0 &&
			    wanted == 0)
				;	/* not ours to change */
			else if (set != wanted)
				break;
			n++;
		}
	}
	fclose(f);
	if (n != 5)
		return (probe_fail("%s", line));
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return (probe_fail("dumpable, or may get new privileges"));
	return (0);
}

static int
w_parent_kill(struct probe *p)
{
	return (kill(p->sibling, SIGURG));
}

/* A file of its own, 0600, as often as one likes. */
static int
w_parent_reread(struct probe *p)
{
	int	 fd;

	fd = open(probe_path(p->outside, "own"), O_RDONLY | O_CLOEXEC);
	return (fd == -1 ? -1 : close(fd));
}

static int
w_parent_other_file(struct probe *p)
{
	int	 fd;

	fd = open(probe_path(p->outside, "others"), O_RDONLY | O_CLOEXEC);
	return (fd == -1 ? -1 : close(fd));
}

static int
w_parent_mount(struct probe *p)
{
	if (mount("none", p->statedir, "tmpfs", 0, NULL) == -1)
		return (-1);
	return (umount(p->statedir));
}

static int
w_parent_chown(struct probe *p)
{
	return (chown(probe_path(p->outside, "own"), 1, 1));
}

const struct thing works_parent[] = {
	{ "parent_respawn", NULL, w_parent_respawn },
	{ "parent_caps", NULL, w_parent_caps },
	{ "parent_kill", NULL, w_parent_kill },
	{ "parent_reread", NULL, w_parent_reread },
	{ "parent_other_file", NULL, w_parent_other_file },
	{ "parent_mount", NULL, w_parent_mount },
	{ "parent_chown", NULL, w_parent_chown },
	{ NULL, NULL, NULL }
};
