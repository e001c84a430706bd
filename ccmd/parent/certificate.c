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
 * The certificates and keys of listeners with TLS: read, and found to belong
 * together, before a child is told of them.  Runs in the parent, which keeps
 * their text for the next set of children.  Must not speak TLS.
 */

#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "msg.h"

static int	 read_certificate(struct conf_listen *);
static int	 read_key(struct conf_listen *);
static int	 check(const struct conf_listen *, const char **);
static X509	*parse_certificates(const struct conf_listen *);
static EVP_PKEY	*parse_key(const struct conf_listen *);
static int	 no_passphrase(char *, int, int, void *);

int
certificate_read(struct conf_listen *l)
{
	const char	*why = NULL;

	if (read_certificate(l) == -1 || read_key(l) == -1 ||
	    credential_heap() == -1)
		return (-1);
	if (check(l, &why) == -1) {
		ERR_clear_error();
		log_err("%s:%d: certificate %s, key %s: %s", l->file, l->line,
		    l->certificate_file, l->key_file, why);
		return (-1);
	}
	ERR_clear_error();
	return (0);
}

static int
read_certificate(struct conf_listen *l)
{
	struct stat	 st;
	ssize_t		 n;
	int		 fd;

	fd = open(l->certificate_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1) {
		log_err("%s:%d: certificate %s: %s", l->file, l->line,
		    log_visible(l->certificate_file), strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	if ((l->certificate = malloc(MSG_CERTIFICATE_MAX + 1)) == NULL)
		fatal("certificate");
	n = S_ISREG(st.st_mode) ? read(fd, l->certificate,
	    MSG_CERTIFICATE_MAX + 1) : 0;
	close(fd);
	if (n <= 0 || n > MSG_CERTIFICATE_MAX) {
		log_err("%s:%d: certificate %s: a file of at most %d bytes "
		    "was expected", l->file, l->line,
		    log_visible(l->certificate_file), MSG_CERTIFICATE_MAX);
		return (-1);
	}
	l->certificate_len = (size_t)n;
	return (0);
}

static int
read_key(struct conf_listen *l)
{
	char	 name[CONF_FILE_NAME];
	ssize_t	 n;
	int	 fd;

	(void)snprintf(name, sizeof(name), "%s:%d: key %s", l->file, l->line,
	    log_visible(l->key_file));
	if ((fd = credential_open(l->key_file, name)) == -1)
		return (-1);
	if ((l->key = sodium_malloc(MSG_KEY_MAX + 1)) == NULL)
		fatal("locked memory");
	n = read(fd, l->key, MSG_KEY_MAX + 1);
	close(fd);
	if (n <= 0 || n > MSG_KEY_MAX) {
		log_err("%s: a private key of at most %d bytes was expected",
		    name, MSG_KEY_MAX);
		return (-1);
	}
	l->key_len = (size_t)n;
	return (0);
}

static int
check(const struct conf_listen *l, const char **why)
{
	EVP_PKEY	*key;
	X509		*x;
	int		 r = -1;

	if ((x = parse_certificates(l)) == NULL) {
		*why = "the first file holds no certificate in PEM";
		return (-1);
	}
	if ((key = parse_key(l)) == NULL)
		*why = "the second file holds no private key in PEM "
		    "without a passphrase";
	else if (X509_check_private_key(x, key) != 1)
		*why = "they do not belong together";
	else
		r = 0;
	if (r == 0 && X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		log_warn("%s:%d: %s: the certificate is no longer valid",
		    l->file, l->line, l->certificate_file);
	EVP_PKEY_free(key);
	X509_free(x);
	return (r);
}

/* The first one; NULL if any of them is none. */
static X509 *
parse_certificates(const struct conf_listen *l)
{
	X509		*first = NULL, *x;
	BIO		*bio;
	unsigned long	 error;

	bio = BIO_new_mem_buf(l->certificate, (int)l->certificate_len);
	if (bio == NULL)
		fatal("certificate");
	while ((x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) !=
	    NULL) {
		if (first == NULL)
			first = x;
		else
			X509_free(x);
	}
	BIO_free(bio);
	error = ERR_peek_last_error();
	if (first != NULL && ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
		X509_free(first);
		first = NULL;
	}
	ERR_clear_error();
	return (first);
}

static EVP_PKEY *
parse_key(const struct conf_listen *l)
{
	EVP_PKEY	*key;
	BIO		*bio;

	if ((bio = BIO_new_mem_buf(l->key, (int)l->key_len)) == NULL)
		fatal("certificate");
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return (key);
}

static int
no_passphrase(char *buf __attribute__((unused)),
    int size __attribute__((unused)), int writing __attribute__((unused)),
    void *arg __attribute__((unused)))
{
	return (-1);
}
