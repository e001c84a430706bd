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
 * TLS on a connection: whatever the socket takes and gives at a time, the
 * client gets all its answers, and hears of their end.
 */

#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

#include "api.h"
#include "conn.h"
#include "limit.h"
#include "msg.h"
#include "no_door.h"
#include "tls.h"

#define SHORT_RECORD	32	/* an alert, and no answer */
#define RECORD_MAX	16384

static const char	 ask[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
static const char	 say[] = "HTTP/1.1 200 OK\r\n"
			    "Content-Length: 0\r\n\r\n";

static struct {
	struct event_base *base;
	struct sockaddr_in in;
	struct conn	*conn;
	int		 refusals;	/* of short records */
	int		 holds;		/* the first one waits for its answer */
	int		 closes;	/* behind the answer */
	int		 requests;
	/* The client's. */
	SSL_CTX		*ctx;
	SSL		*ssl;
	BIO		*from;		/* what came */
	BIO		*to;		/* what is to be sent */
	int		 fd;
	int		 eof;
} env;

static struct request	 request;

/* In the place of libc's: short ones find no room. */
ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	if (env.refusals > 0 && len < SHORT_RECORD) {
		env.refusals--;
		errno = EAGAIN;
		return (-1);
	}
	return (sendto(fd, buf, len, flags, NULL, 0));
}

void
operation_credit(struct request *req, size_t bytes)
{
	(void)req;
	(void)bytes;
	fail();
}

void
door_request(struct conn *c, const struct http_message *m)
{
	(void)m;
	env.conn = c;
	env.requests++;
	if (env.closes)
		c->closing = 1;
	if (env.holds) {
		env.holds = 0;
		c->request = &request;
	} else
		conn_write(c, say, sizeof(say) - 1);
}

const char *
door_date(void)
{
	return ("Thu, 26 Nov 2026 20:00:00 GMT");
}

void
door_closed(struct conn *c)
{
	c->request = NULL;
	env.conn = NULL;
}

void
door_tick(void)
{
}

int
auth_holds(uint64_t number)
{
	(void)number;
	return (1);
}

void
metrics_count(const struct verb *verb, int status, uint64_t began)
{
	(void)verb;
	(void)status;
	(void)began;
}

/* A certificate of the server's own, and its key. */
static struct ssl_ctx_st *
context(void)
{
	struct ssl_ctx_st	*ctx;
	EVP_PKEY		*key = EVP_EC_gen("P-256");
	X509			*x = X509_new();
	BIO			*cert = BIO_new(BIO_s_mem());
	BIO			*pem = BIO_new(BIO_s_mem());
	char			*p, *q;
	long			 n, m;

	assert_true(key != NULL && x != NULL && cert != NULL && pem != NULL);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(cert, x);
	PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(cert, &p);
	m = BIO_get_mem_data(pem, &q);
	ctx = tls_context_new("test", p, (size_t)n, q, (size_t)m);
	assert_non_null(ctx);
	BIO_free(cert);
	BIO_free(pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return (ctx);
}

static int
group_set_up(void **state)
{
	struct msg_conf_limits	 m = { 10, 10, 60, 60, 60, 8192, 65536, 60 };
	socklen_t		 len = sizeof(env.in);
	int			 fd;

	(void)state;
	assert_int_equal(tls_init(), 0);
	env.base = event_base_new();
	assert_non_null(env.base);
	assert_int_equal(conn_init(env.base), 0);
	limit_set(&m);
	limit_commit();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	env.in.sin_family = AF_INET;
	env.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&env.in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&env.in, &len),
	    0);
	assert_int_equal(conn_listen(fd, "test", context()), 0);
	conn_commit();
	conn_start();
	env.ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(env.ctx);
	return (0);
}

/* What there is to send goes out, what came is there to be read. */
static void
move(void)
{
	char	 buf[65536];
	ssize_t	 n;
	char	*p;
	long	 len;

	while (!env.eof && (len = BIO_get_mem_data(env.to, &p)) > 0) {
		n = sendto(env.fd, p, len < (long)sizeof(buf) ? (size_t)len :
		    sizeof(buf), MSG_NOSIGNAL, NULL, 0);
		if (n > 0)
			(void)BIO_read(env.to, buf, (int)n);
		else
			env.eof = 1;
		event_base_loop(env.base, EVLOOP_NONBLOCK);
	}
	event_base_loop(env.base, EVLOOP_NONBLOCK);
	while ((n = recv(env.fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		(void)BIO_write(env.from, buf, (int)n);
	if (n == 0 || (n == -1 && errno != EAGAIN))
		env.eof = 1;
}

static int
set_up(void **state)
{
	int	 i;

	(void)state;
	env.refusals = env.holds = env.closes = env.requests = env.eof = 0;
	env.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(env.fd, (struct sockaddr *)&env.in,
	    sizeof(env.in)), 0);
	env.ssl = SSL_new(env.ctx);
	env.from = BIO_new(BIO_s_mem());
	env.to = BIO_new(BIO_s_mem());
	assert_true(env.ssl != NULL && env.from != NULL && env.to != NULL);
	BIO_set_mem_eof_return(env.from, -1);
	SSL_set_bio(env.ssl, env.from, env.to);
	for (i = 0; SSL_connect(env.ssl) != 1; i++) {
		assert_in_range(i, 0, 100000);
		move();
	}
	move();
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	SSL_free(env.ssl);
	close(env.fd);
	while (conn_count() > 0)
		event_base_loop(env.base, EVLOOP_ONCE);
	return (0);
}

/* All answers that come until so many have, or the connection ends. */
static size_t
answers(size_t wanted)
{
	char	 buf[4096];
	size_t	 got = 0;
	int	 n;

	while (got < wanted * (sizeof(say) - 1) && !env.eof) {
		move();
		while ((n = SSL_read(env.ssl, buf, sizeof(buf))) > 0)
			got += (size_t)n;
	}
	return (got / (sizeof(say) - 1));
}

/* That nothing follows is said, however little room there is for it. */
static void
test_close(void **state)
{
	char	 c;
	int	 n;

	(void)state;
	for (n = 0; n < 3; n++) {
		env.closes = 1;
		env.refusals = n;
		assert_int_equal(SSL_write(env.ssl, ask, sizeof(ask) - 1),
		    sizeof(ask) - 1);
		assert_int_equal(answers(1), 1);
		while (!env.eof)
			move();
		assert_int_equal(env.refusals, 0);
		assert_int_equal(SSL_read(env.ssl, &c, 1), 0);
		assert_int_equal(SSL_get_error(env.ssl, 0),
		    SSL_ERROR_ZERO_RETURN);
		tear_down(NULL);
		set_up(NULL);
	}
}

/* What waits behind an answer, together with half a record that is kept. */
static void
test_pipelined(void **state)
{
	static char	 text[3 * HTTP_MAX_REQUEST], held[2 * RECORD_MAX];
	size_t		 n, len, part;
	int		 last;

	(void)state;
	for (len = 0; len + sizeof(ask) - 1 <= 190000; len +=
	    sizeof(ask) - 1)
		memcpy(text + len, ask, sizeof(ask) - 1);
	env.holds = 1;
	/* Just so much that more is read, and a record but for its end. */
	for (n = 0; n < HTTP_MAX_REQUEST; n += part) {
		part = HTTP_MAX_REQUEST - n < RECORD_MAX ?
		    HTTP_MAX_REQUEST - n : RECORD_MAX;
		assert_int_equal(SSL_write(env.ssl, text + n, (int)part),
		    part);
		move();
	}
	assert_int_equal(SSL_write(env.ssl, text + n, RECORD_MAX),
	    RECORD_MAX);
	n += RECORD_MAX;
	last = BIO_read(env.to, held, sizeof(held));
	assert_in_range(last, RECORD_MAX, sizeof(held));
	assert_int_equal(write(env.fd, held, (size_t)last - 1),
	    last - 1);
	move();
	assert_int_equal(BIO_write(env.to, held + last - 1, 1), 1);
	for (; n < len; n += part) {
		part = len - n < RECORD_MAX / 8 ? len - n : RECORD_MAX / 8;
		assert_int_equal(SSL_write(env.ssl, text + n, (int)part),
		    part);
	}
	move();
	assert_int_equal(env.requests, 1);
	assert_non_null(env.conn);
	conn_write(env.conn, say, sizeof(say) - 1);
	env.conn->request = NULL;
	conn_answered(env.conn);
	assert_int_equal(answers(len / (sizeof(ask) - 1)),
	    len / (sizeof(ask) - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_close, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_pipelined, set_up,
		    tear_down),
	};

	return (cmocka_run_group_tests(tests, group_set_up, NULL));
}
