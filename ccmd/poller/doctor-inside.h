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
 * What op_doctor.c (what is asked, and of pipelines) and doctor_credential.c
 * (what a credential may) know of each other; nobody else includes it.  Runs
 * in the poller.
 */

#ifndef CCM_POLLER_DOCTOR_INSIDE_H
#define CCM_POLLER_DOCTOR_INSIDE_H

struct github;
struct json_object;

#define READS_ONLY							\
	"the token's account may read this repository only: nothing can be " \
	"started, cancelled or enabled there"

enum known { UNKNOWN = -1, NO, YES };

/* A credential. */
struct patient {
	struct github	*gh;		/* NULL: there is none */
	struct json_object *o;
	struct json_object *problems;
	unsigned int	 checked;	/* pipelines of its */
	enum known	 reads;
	enum known	 writes;
	enum known	 contents;
};

/* The end of the questions: what it is, may and lacks, into its object. */
void doctor_diagnose(struct patient *p);

/* Add a sentence to a list of problems, once. */
void doctor_problem(struct json_object *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A member that is a text, and one that is true, false or null. */
void doctor_put_known(struct json_object *o, const char *name,
    enum known k);

#endif
