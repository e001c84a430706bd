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
 * TLS over memory: OpenSSL never sees a socket.  Runs in the api.  All
 * connections share the buffers; one has its own only while records wait
 * for room in its socket.  Must not know HTTP.
 */

#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tls.h"

/* Locked memory for private keys, also those of handshakes. */
#define TLS_HEAP	(1024 * 1024)
#define TLS_HEAP_MIN	64
/* Records of TLS_ENCRYPT_MAX, and a handshake's. */
#define TLS_OUT		(2 * TLS_ENCRYPT_MAX)
/* Records that wait: more is only made by who plays with us. */
#define TLS_PENDING_MAX	(4 * TLS_ENCRYPT_MAX)

#define TLS_CIPHERS	"ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls {
	SSL	*ssl;
	int	 ready;
	char	*pending;	/* records not yet sent; NULL: none */
	size_t	 len;
	size_t	 sent;
};

static struct {
	BIO_METHOD	*method;
	const char	*in;		/* from the socket, not yet read */
	size_t		 in_len;
	char		 plain[TLS_ENCRYPT_MAX];
	char		 out[TLS_OUT];	/* records made, not yet sent */
	size_t		 out_len;
} env;

static int	 bio_read(BIO *, char *, int);
static int	 bio_write(BIO *, const char *, int);
static long	 bio_ctrl(BIO *, int, long, void *);
static int	 use_certificate(SSL_CTX *, const void *, size_t);
static int	 use_key(SSL_CTX *, const void *, size_t);
static int	 no_passphrase(char *, int, int, void *);
static int	 choose_protocol(SSL *, const unsigned char **,
		    unsigned char *, const unsigned char *, unsigned int,
		    void *);
static int	 put_aside(struct tls *, const char *, size_t);

int
tls_init(void)
{
	int	 r;

	/* No configuration file: it is out of reach here. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 0)
		return (-1);
	if ((r = CRYPTO_secure_malloc_init(TLS_HEAP, TLS_HEAP_MIN)) == 0)
		return (-1);
	if (r == 2)
		log_warn("memory for private keys can't be locked");
	env.method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
	    "memory");
	if (env.method == NULL)
		return (-1);
	BIO_meth_set_read(env.method, bio_read);
	BIO_meth_set_write(env.method, bio_write);
	BIO_meth_set_ctrl(env.method, bio_ctrl);
	return (0);
}

static int
bio_read(BIO *bio, char *buf, int size)
{
	size_t	 n = (size_t)size < env.in_len ? (size_t)size : env.in_len;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return (-1);
	}
	memcpy(buf, env.in, n);
	env.in += n;
	env.in_len -= n;
	return ((int)n);
}

/* There is always room: what is written at a time is bounded. */
static int
bio_write(BIO *bio, const char *buf, int len)
{
	BIO_clear_retry_flags(bio);
	if (len < 0 || (size_t)len > sizeof(env.out) - env.out_len)
		return (-1);
	memcpy(env.out + env.out_len, buf, (size_t)len);
	env.out_len += (size_t)len;
	return (len);
}

static long
bio_ctrl(BIO *bio __attribute__((unused)), int cmd,
    long num __attribute__((unused)), void *ptr __attribute__((unused)))
{
	return (cmd == BIO_CTRL_FLUSH ? 1 : 0);
}

struct ssl_ctx_st *
tls_context_new(const char *name, const void *certificate,
    size_t certificate_len, const void *key, size_t key_len)
{
	SSL_CTX	*ctx;

	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL)
		fatalx("SSL_CTX_new");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS) != 1 ||
	    use_certificate(ctx, certificate, certificate_len) == -1 ||
	    use_key(ctx, key, key_len) == -1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		log_err("%s: certificate and key can't be used: %s", name,
		    ERR_reason_error_string(ERR_peek_last_error()));
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return (NULL);
	}
	ERR_clear_error();
	return (ctx);
}

void
tls_context_free(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}

/* The first is the server's own. */
static int
use_certificate(SSL_CTX *ctx, const void *pem, size_t len)
{
	BIO	*bio;
	X509	*x;
	int	 n = 0, bad = 0;

	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		fatalx("BIO_new");
	while (!bad && (x = PEM_read_bio_X509(bio, NULL, no_passphrase,
	    NULL)) != NULL) {
		bad = (n++ == 0 ? SSL_CTX_use_certificate(ctx, x) :
		    SSL_CTX_add1_chain_cert(ctx, x)) != 1;
		X509_free(x);
	}
	BIO_free(bio);
	return (n == 0 || bad ? -1 : 0);
}

static int
use_key(SSL_CTX *ctx, const void *pem, size_t len)
{
	EVP_PKEY	*key;
	BIO		*bio;
	int		 r;

	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		fatalx("BIO_new");
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (key == NULL)
		return (-1);
	r = SSL_CTX_use_PrivateKey(ctx, key);
	EVP_PKEY_free(key);
	return (r == 1 ? 0 : -1);
}

static int
no_passphrase(char *buf __attribute__((unused)),
    int size __attribute__((unused)), int writing __attribute__((unused)),
    void *arg __attribute__((unused)))
{
	return (-1);
}

/* Who wants another protocol shall not talk to this one (RFC 7301, 3.2). */
static int
choose_protocol(SSL *ssl __attribute__((unused)), const unsigned char **out,
    unsigned char *len, const unsigned char *in, unsigned int in_len,
    void *arg __attribute__((unused)))
{
	static const unsigned char	 http[] = "\x08http/1.1";
	unsigned char			*chosen;

	if (SSL_select_next_proto(&chosen, len, http, sizeof(http) - 1, in,
	    in_len) != OPENSSL_NPN_NEGOTIATED)
		return (SSL_TLSEXT_ERR_ALERT_FATAL);
	*out = chosen;
	return (SSL_TLSEXT_ERR_OK);
}

struct tls *
tls_new(struct ssl_ctx_st *ctx)
{
	struct tls	*t;
	BIO		*bio;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	if ((t->ssl = SSL_new(ctx)) == NULL ||
	    (bio = BIO_new(env.method)) == NULL) {
		SSL_free(t->ssl);
		free(t);
		return (NULL);
	}
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_accept_state(t->ssl);
	return (t);
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t->pending);
	free(t);
}

int
tls_is_ready(const struct tls *t)
{
	return (t->ready);
}

int
tls_has_begun(const struct tls *t)
{
	return (SSL_has_pending(t->ssl));
}

void
tls_input(const char *data, size_t len)
{
	env.in = data;
	env.in_len = len;
}

int
tls_decrypt(struct tls *t, char **data, size_t *len, int *eof)
{
	int	 r = 1;

	*len = 0;
	ERR_clear_error();
	if (!t->ready && (r = SSL_do_handshake(t->ssl)) == 1)
		t->ready = 1;
	if (t->ready && (r = SSL_read(t->ssl, env.plain, TLS_PLAIN)) > 0) {
		*data = env.plain;
		*len = (size_t)r;
		return (0);
	}
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return (0);
	case SSL_ERROR_ZERO_RETURN:
		*eof = 1;
		return (-1);
	default:
		log_debug("tls: %s", t->ready ? "broken" : "no handshake");
		return (-1);
	}
}

long
tls_encrypt(struct tls *t, const struct iovec *iov, int n)
{
	size_t	 len = 0, part;
	int	 i;

	for (i = 0; i < n && len < sizeof(env.plain); i++) {
		part = sizeof(env.plain) - len;
		if (part > iov[i].iov_len)
			part = iov[i].iov_len;
		memcpy(env.plain + len, iov[i].iov_base, part);
		len += part;
	}
	ERR_clear_error();
	if (SSL_write(t->ssl, env.plain, (int)len) != (int)len)
		return (-1);
	return ((long)len);
}

void
tls_close(struct tls *t)
{
	ERR_clear_error();
	if (t->ready && (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN) == 0)
		(void)SSL_shutdown(t->ssl);
}

/* What was made just now follows what waits. */
int
tls_flush(struct tls *t, int fd)
{
	const char	*p = env.out;
	size_t		 len = env.out_len;
	ssize_t		 n;
	int		 old = t->pending != NULL;

	env.out_len = 0;
	if (old) {
		if (len > 0 && put_aside(t, p, len) == -1)
			return (-1);
		p = t->pending + t->sent;
		len = t->len - t->sent;
	}
	while (len > 0) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN)
			return (-1);
		if (n == -1)
			break;
		p += n;
		len -= (size_t)n;
	}
	if (old)
		t->sent = t->len - len;
	else if (len > 0)
		return (put_aside(t, p, len));
	if (len == 0) {
		free(t->pending);
		t->pending = NULL;
		t->len = t->sent = 0;
	}
	return (0);
}

static int
put_aside(struct tls *t, const char *p, size_t len)
{
	char	*more;

	if (t->len + len > TLS_PENDING_MAX ||
	    (more = realloc(t->pending, t->len + len)) == NULL)
		return (-1);
	memcpy(more + t->len, p, len);
	t->pending = more;
	t->len += len;
	return (0);
}

size_t
tls_pending(const struct tls *t)
{
	return (t->len - t->sent);
}
