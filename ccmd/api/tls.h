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
 * TLS on a connection, in memory: what came in becomes plain text, and what
 * is to be sent becomes records.  Part of the api.
 */

#ifndef CCM_API_TLS_H
#define CCM_API_TLS_H

#include <stddef.h>

struct iovec;
struct ssl_ctx_st;
struct tls;

/* Plain text that one call gives at most. */
#define TLS_PLAIN	16384
/* And that one call of tls_encrypt takes. */
#define TLS_ENCRYPT_MAX	(3 * TLS_PLAIN)

/* Locked memory for keys; before the first context.  -1: none. */
int tls_init(void);

/*
 * A certificate, with those that lead to its root, and its private key, both
 * in PEM: TLS 1.2 and 1.3.  NULL with a line in the log that names `name`.
 * Connections go on with the context that they began with.
 */
struct ssl_ctx_st *tls_context_new(const char *name, const void *certificate,
    size_t certificate_len, const void *key, size_t key_len);
void tls_context_free(struct ssl_ctx_st *ctx);

/* A new connection's, before its handshake; NULL without memory. */
struct tls *tls_new(struct ssl_ctx_st *ctx);
void tls_free(struct tls *t);

/* Is the handshake done? */
int tls_is_ready(const struct tls *t);

/* Has a record, or plain text, begun that is not complete, or not taken? */
int tls_has_begun(const struct tls *t);

/* What came from the socket; to be taken up by tls_decrypt, whole. */
void tls_input(const char *data, size_t len);

/*
 * The next plain text, valid until the next call; `*len` 0 when there is no
 * more.  Returns 0, or -1 when the connection is over: `*eof` is set if the
 * other side said so.
 */
int tls_decrypt(struct tls *t, char **data, size_t *len, int *eof);

/*
 * Make records of at most TLS_ENCRYPT_MAX bytes; returns how many were
 * taken, or -1.  Not while tls_pending.
 */
long tls_encrypt(struct tls *t, const struct iovec *iov, int n);

/* Say that nothing more follows: once, however often it is called. */
void tls_close(struct tls *t);

/*
 * Send records as far as they go at once.  Returns 0, or -1 when the
 * connection is broken.  What is left over is pending: so many bytes.
 */
int tls_flush(struct tls *t, int fd);
size_t tls_pending(const struct tls *t);

#endif
