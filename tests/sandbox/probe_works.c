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
 * Things that must work inside: in every child, in the registry and in the
 * api.  Each does what the process does, with the library that it uses, and
 * looks at the result.  Part of the sandbox probe.
 */

#include "config.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "sandbox_probe.h"

#define NOT_USED	__attribute__((unused))
#define ANSWER		"HTTP/1.1 200 OK\r\n\r\nyes"

/* --- Every child. ----------------------------------------------------- */

static struct {
	struct event_base	*base;
	int			 ticks;
	int			 bytes;
} loop;

static void
on_tick(evutil_socket_t fd NOT_USED, short what NOT_USED, void *arg)
{
	struct probe	*p = arg;

	loop.ticks++;
	if (write(p->pair[1], "x", 1) != 1)
		event_base_loopbreak(loop.base);
}

static void
on_byte(evutil_socket_t fd, short what NOT_USED, void *arg NOT_USED)
{
	char	 c;

	if (read(fd, &c, 1) == 1 && ++loop.bytes == 3)
		event_base_loopbreak(loop.base);
}

static int
p_loop(struct probe *p NOT_USED)
{
	if (sodium_init() == -1)
		return (probe_fail("sodium_init"));
	loop.base = event_base_new();
	return (loop.base == NULL ? probe_fail("event_base_new") : 0);
}

/* A timer writes, an event reads: on a base from before, and a new one. */
static int
turn(struct probe *p)
{
	const struct timeval	 tick = { 0, 2000 }, late = { 5, 0 };
	struct event		*timer, *reader;

	loop.ticks = loop.bytes = 0;
	timer = event_new(loop.base, -1, EV_PERSIST, on_tick, p);
	reader = event_new(loop.base, p->pair[0], EV_READ | EV_PERSIST,
	    on_byte, NULL);
	if (timer == NULL || reader == NULL ||
	    event_add(timer, &tick) == -1 || event_add(reader, NULL) == -1)
		return (probe_fail("event"));
	event_base_loopexit(loop.base, &late);
	event_base_dispatch(loop.base);
	event_free(timer);
	event_free(reader);
	event_base_free(loop.base);
	if (loop.ticks < 3 || loop.bytes != 3)
		return (probe_fail("%d ticks, %d bytes", loop.ticks,
		    loop.bytes));
	return (0);
}

static int
w_loop(struct probe *p)
{
	if (turn(p) == -1)
		return (-1);
	if ((loop.base = event_base_new()) == NULL)
		return (probe_fail("event_base_new"));
	return (turn(p));
}

static int
w_sodium(struct probe *p NOT_USED)
{
	unsigned char	*secret, hash[32];

	if (sodium_init() == -1 || (secret = sodium_malloc(100)) == NULL)
		return (probe_fail("sodium_malloc"));
	if (sodium_mlock(secret, 100) == -1)
		return (probe_fail("sodium_mlock"));
	randombytes_buf(secret, 100);
	if (sodium_mprotect_readonly(secret) == -1 ||
	    sodium_mprotect_noaccess(secret) == -1 ||
	    sodium_mprotect_readwrite(secret) == -1)
		return (probe_fail("sodium_mprotect"));
	crypto_generichash(hash, sizeof(hash), secret, 100, NULL, 0);
	if (sodium_is_zero(hash, sizeof(hash)) || sodium_is_zero(secret, 100))
		return (probe_fail("no random bytes"));
	sodium_free(secret);
	return (0);
}

static int
w_json(struct probe *p NOT_USED)
{
	struct json_object	*o, *again;
	int			 equal;

	if ((o = json_object_new_object()) == NULL ||
	    json_object_object_add(o, "n", json_object_new_int64(7)) != 0 ||
	    json_object_object_add(o, "d", json_object_new_double(.5)) != 0)
		return (probe_fail("json"));
	again = json_tokener_parse(json_object_to_json_string(o));
	equal = json_object_equal(o, again);
	json_object_put(o);
	json_object_put(again);
	return (equal ? 0 : probe_fail("not equal"));
}

/* The test looks for the line on stderr. */
static int
w_log(struct probe *p NOT_USED)
{
	log_warn("a line from inside");
	return (0);
}

static int
w_random(struct probe *p NOT_USED)
{
	uint32_t	 a = 0, i;

	for (i = 0; i < 100; i++)
		a |= arc4random();
	return (a != 0 && arc4random_uniform(10) < 10 ? 0 :
	    probe_fail("zeros"));
}

/* The test looks for SIGABRT. */
static int
w_abort(struct probe *p NOT_USED)
{
	abort();
}

/*
 * What LeakSanitizer has to find when a process ends, through the filter.
 * What is left has no pointer to it, neither on the stack.
 */
static int
w_leak(struct probe *p NOT_USED)
{
	char	*volatile leaked = NULL;
	int	 i;

	for (i = 0; i < 10; i++)
		if ((leaked = calloc(1, 1000)) == NULL)
			return (-1);
	leaked = NULL;
	exit(0);
}

static int
compare(const void *a, const void *b)
{
	uint32_t	 x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y ? -1 : x > y);
}

/* Large enough for mmap, mremap, and qsort's question for memory. */
static int
w_memory(struct probe *p NOT_USED)
{
	const size_t	 n = 1 << 20;
	uint32_t	*v, *w;
	size_t		 i;

	if ((v = reallocarray(NULL, n, sizeof(*v))) == NULL ||
	    (w = reallocarray(v, 2 * n, sizeof(*v))) == NULL)
		return (-1);
	for (i = 0; i < 2 * n; i++)
		w[i] = arc4random();
	qsort(w, 2 * n, sizeof(*w), compare);
	for (i = 1; i < 2 * n; i++)
		if (w[i - 1] > w[i])
			return (probe_fail("not sorted"));
	free(w);
	return (0);
}

static int
w_clocks(struct probe *p NOT_USED)
{
	const struct timespec	 nap = { 0, 1000000 };
	struct timespec		 a, b;
	struct tm		 tm;
	time_t			 now = time(NULL);

	if (clock_gettime(CLOCK_MONOTONIC, &a) == -1 ||
	    nanosleep(&nap, NULL) == -1 ||
	    clock_gettime(CLOCK_MONOTONIC, &b) == -1)
		return (-1);
	if (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec)
		return (probe_fail("time stands still"));
	if (gmtime_r(&now, &tm) == NULL || localtime_r(&now, &tm) == NULL)
		return (probe_fail("no date"));
	return (0);
}

/* A pipe comes over the socket, as peers' sockets do after READY. */
static int
w_fdpass(struct probe *p)
{
	union {
		struct cmsghdr	 hdr;
		char		 buf[CMSG_SPACE(sizeof(int))];
	}		 control;
	char		 c = 'x';
	struct iovec	 iov = { &c, 1 };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr	*cmsg;
	int		 fds[2], fd;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (-1);
	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fds[1], sizeof(int));
	if (sendmsg(p->pair[0], &msg, 0) != 1)
		return (-1);
	memset(&control, 0, sizeof(control));
	if (recvmsg(p->pair[1], &msg, MSG_CMSG_CLOEXEC) != 1)
		return (-1);
	if ((cmsg = CMSG_FIRSTHDR(&msg)) == NULL ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return (probe_fail("no descriptor came"));
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	if (write(fd, "y", 1) != 1 || read(fds[0], &c, 1) != 1 || c != 'y')
		return (probe_fail("not the same pipe"));
	return (0);
}

/* A file opened by the parent and passed on, as the CA bundle is. */
static struct {
	int	 fd;
} passed = { -1 };

static int
p_passed_file(struct probe *p)
{
	passed.fd = open(probe_path(p->outside, "secret"),
	    O_RDONLY | O_CLOEXEC);
	return (passed.fd == -1 ? probe_fail("no file to pass") : 0);
}

static int
w_passed_file(struct probe *p NOT_USED)
{
	struct stat	 st;
	char		 buf[8];

	if (fstat(passed.fd, &st) == -1 ||
	    pread(passed.fd, buf, sizeof(buf), 0) != st.st_size ||
	    lseek(passed.fd, 0, SEEK_SET) != 0 ||
	    read(passed.fd, buf, sizeof(buf)) != st.st_size)
		return (-1);
	return (close(passed.fd));
}

/* --- The registry. ---------------------------------------------------- */

static int
sql(sqlite3 *db, const char *text)
{
	char	*why;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		return (probe_fail("%s: %s", text, why));
	return (0);
}

static int
count_is(sqlite3 *db, int wanted)
{
	sqlite3_stmt	*stmt;
	int		 n = -1;

	if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE length(b) = "
	    "500", -1, &stmt, NULL) != SQLITE_OK)
		return (probe_fail("%s", sqlite3_errmsg(db)));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return (n == wanted ? 0 : probe_fail("%d rows", n));
}

/*
 * Create, insert, roll back, delete, vacuum, close, open, count: enough to
 * need a checkpoint and a hot cache that spills.
 */
static int
database(struct probe *p, const char *mode)
{
	char	 journal[128];
	sqlite3	*db;

	(void)snprintf(journal, sizeof(journal), "PRAGMA journal_mode=%s;"
	    "PRAGMA temp_store=memory;PRAGMA cache_size=10", mode);
	if (sqlite3_open(probe_path(p->statedir, "history.db"), &db) !=
	    SQLITE_OK || sql(db, journal) == -1 ||
	    sql(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB);"
	    "CREATE INDEX i ON t (b);BEGIN;WITH RECURSIVE n(x) AS (SELECT 1 "
	    "UNION ALL SELECT x + 1 FROM n LIMIT 5000) INSERT INTO t "
	    "SELECT x, randomblob(500) FROM n;COMMIT") == -1 ||
	    sql(db, "BEGIN;DELETE FROM t;ROLLBACK;DELETE FROM t WHERE "
	    "a > 3000;ANALYZE;PRAGMA wal_checkpoint(TRUNCATE);VACUUM") == -1)
		return (-1);
	if (sqlite3_close(db) != SQLITE_OK)
		return (probe_fail("close"));
	if (sqlite3_open(probe_path(p->statedir, "history.db"), &db) !=
	    SQLITE_OK || sql(db, "PRAGMA integrity_check") == -1 ||
	    count_is(db, 3000) == -1)
		return (-1);
	return (sqlite3_close(db) == SQLITE_OK ? 0 : probe_fail("close"));
}

static int
w_sqlite_wal(struct probe *p)
{
	return (database(p, "WAL"));
}

static int
w_sqlite_delete(struct probe *p)
{
	return (database(p, "DELETE"));
}

/* A document made anew, the old one linked into backups/, one rotated. */
static int
w_store(struct probe *p)
{
	struct stat	 st;
	int		 dir, fd, n = 0;
	struct dirent	*e;
	DIR		*d;

	dir = open(p->statedir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 || (mkdirat(dir, "backups", 0700) == -1 &&
	    errno != EEXIST))
		return (-1);
	fd = openat(dir, "pipelines.json.new", O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, "{}\n", 3) != 3 || fchmod(fd, 0640) == -1 ||
	    fsync(fd) == -1 || close(fd) == -1)
		return (-1);
	if (linkat(dir, "pipelines.json", dir, "backups/a.json", 0) == -1 ||
	    renameat(dir, "pipelines.json.new", dir, "pipelines.json") == -1 ||
	    fsync(dir) == -1 ||
	    renameat(dir, "backups/a.json", dir, "b.json") == -1 ||
	    renameat(dir, "b.json", dir, "backups/b.json") == -1)
		return (-1);
	if (fstatat(dir, "pipelines.json", &st, 0) == -1 ||
	    st.st_size != 3 || (st.st_mode & 0777) != 0640)
		return (probe_fail("not the new document"));
	fd = openat(dir, "backups", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		return (-1);
	while ((e = readdir(d)) != NULL)
		n += (strcmp(e->d_name, "b.json") == 0);
	closedir(d);
	if (n != 1)
		return (probe_fail("%d backups", n));
	if (unlinkat(dir, "backups/b.json", 0) == -1 ||
	    unlinkat(dir, "backups", AT_REMOVEDIR) == -1)
		return (-1);
	return (close(dir));
}

/* An audit log grows, is cut, is turned over. */
static int
w_append(struct probe *p)
{
	char	 old[1024];
	int	 fd;

	(void)strlcpy(old, probe_path(p->statedir, "audit.log.1"),
	    sizeof(old));
	fd = open(probe_path(p->statedir, "audit.log"), O_RDWR | O_CREAT |
	    O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1 ||
	    dprintf(fd, "one\ntwo\n") != 8 || ftruncate(fd, 4) == -1 ||
	    fdatasync(fd) == -1 || lseek(fd, 0, SEEK_END) != 4 ||
	    close(fd) == -1)
		return (-1);
	return (rename(probe_path(p->statedir, "audit.log"), old));
}

/* --- The api. --------------------------------------------------------- */

/* Before the sandbox: a client that waits to be served. */
static int
p_client(struct probe *p)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	char			 buf[64];
	ssize_t			 n;
	pid_t			 pid;
	int			 fd;

	if ((pid = fork()) != 0)
		return (pid == -1 ? -1 : 0);
	if (getsockname(p->listener, (struct sockaddr *)&sin, &len) == -1 ||
	    (fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, len) == -1 ||
	    write(fd, "GET\n", 4) != 4)
		_exit(1);
	n = recv(fd, buf, sizeof(ANSWER) - 1, MSG_WAITALL);
	if (n == sizeof(ANSWER) - 1 && memcmp(buf, ANSWER, (size_t)n) == 0)
		(void)!write(p->pair[1], "good", 4);
	else
		(void)!write(p->pair[1], "evil", 4);
	_exit(0);
}

static int
w_accept(struct probe *p)
{
	struct sockaddr_storage	 ss;
	struct iovec		 iov[2] = {
		{ (char *)(uintptr_t)ANSWER, 10 },
		{ (char *)(uintptr_t)ANSWER + 10, sizeof(ANSWER) - 11 } };
	socklen_t		 len = sizeof(ss);
	char			 buf[8];
	int			 fd, yes = 1;

	if ((fd = accept4(p->listener, (struct sockaddr *)&ss, &len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK)) == -1 ||
	    fcntl(fd, F_SETFL, 0) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == -1)
		return (-1);
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ss.ss_family != AF_INET)
		return (probe_fail("no peer"));
	if (read(fd, buf, sizeof(buf)) != 4 ||
	    writev(fd, iov, 2) != sizeof(ANSWER) - 1 ||
	    shutdown(fd, SHUT_WR) == -1 || close(fd) == -1)
		return (-1);
	if (read(p->pair[0], buf, 4) != 4 || memcmp(buf, "good", 4) != 0)
		return (probe_fail("the client did not get its answer"));
	return (0);
}

static int
w_peercred(struct probe *p)
{
	uid_t	 uid;
	gid_t	 gid;

	/* Of who made the pair: whoever the probe was then. */
	return (getpeereid(p->pair[0], &uid, &gid));
}

const struct thing works[] = {
	{ "loop", p_loop, w_loop },
	{ "sodium", NULL, w_sodium },
	{ "json", NULL, w_json },
	{ "log", NULL, w_log },
	{ "random", NULL, w_random },
	{ "abort", NULL, w_abort },
	{ "leak", NULL, w_leak },
	{ "memory", NULL, w_memory },
	{ "clocks", NULL, w_clocks },
	{ "fdpass", NULL, w_fdpass },
	{ "passed_file", p_passed_file, w_passed_file },
	{ "sqlite_wal", NULL, w_sqlite_wal },
	{ "sqlite_delete", NULL, w_sqlite_delete },
	{ "store", NULL, w_store },
	{ "append", NULL, w_append },
	{ "accept_writev", p_client, w_accept },
	{ "peercred", NULL, w_peercred },
	{ NULL, NULL, NULL }
};
