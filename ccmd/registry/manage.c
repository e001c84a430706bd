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
 * Operations on the registry itself: a table of handlers by verb, and the
 * files that come and go with them.  Runs in the registry.  Must not know
 * what is in a file.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "manage.h"
#include "projects.h"
#include "store.h"
#include "transfer.h"
#include "verb.h"

/* An operation that waits for its file. */
struct job {
	struct asked	 asked;		/* its strings are below */
	char		 actor[MSG_ID_MAX + 1];
	char		 target[MSG_ID_MAX + 1];
	size_t		 given;
	void		(*take)(const struct asked *, const char *, size_t);
};

/* `fd` is the handler's. */
typedef void (*manage_fn)(const struct asked *, struct json_object *, int);

static void	 manage_import(const struct asked *, struct json_object *,
		    int);
static void	 manage_restore(const struct asked *, struct json_object *,
		    int);
static void	 manage_export(const struct asked *, struct json_object *,
		    int);
static struct job *job_new(const struct asked *);
static void	 take_file(const struct asked *, int,
		    void (*)(const struct asked *, const char *, size_t));
static void	 on_taken(void *, const char *, const char *, size_t);
static void	 on_given(void *, const char *, const char *, size_t);

/* A verb without an entry is a violation. */
static const manage_fn handlers[VERB_MAX] = {
	[VERB_REGISTRY_IMPORT] = manage_import,
	[VERB_REGISTRY_RESTORE] = manage_restore,
	[VERB_REGISTRY_EXPORT] = manage_export,
	[VERB_PROJECT_INIT] = manage_project_init,
	[VERB_PROJECT_SET] = manage_project_set,
	[VERB_PROJECT_DELETE] = manage_project_delete,
};

void
manage_take(const struct msg_store *m, int fd)
{
	struct verb_error	 err;
	struct json_object	*args;
	struct asked		 asked;

	if (m->verb >= VERB_MAX || handlers[m->verb] == NULL ||
	    (fd != -1 && !verb_takes_file(verb_get(m->verb))))
		fatalx("api: operation of verb %u", m->verb);
	memset(&asked, 0, sizeof(asked));
	asked.op = m->op;
	asked.verb = verb_get(m->verb)->name;
	asked.actor = m->actor;
	asked.target = m->target;
	args = json_parse_strict(m->args.data, m->args.len, MSG_DOC_MAX,
	    NULL);
	if (!json_object_is_type(args, json_type_object) ||
	    verb_check_args(verb_get(m->verb), args, &err) == -1)
		fatalx("api: operation without its arguments");
	handlers[m->verb](&asked, args, fd);
	json_object_put(args);
	commit_soon();
}

static void
manage_import(const struct asked *asked,
    struct json_object *args __attribute__((unused)), int fd)
{
	take_file(asked, fd, import_text);
}

/* A file that ccmctl has, or a backup by its name. */
static void
manage_restore(const struct asked *asked, struct json_object *args, int fd)
{
	if (fd == -1)
		restore_backup(asked, json_string(args, "file"));
	else
		take_file(asked, fd, restore_text);
}

static struct job *
job_new(const struct asked *asked)
{
	struct job	*job;

	if ((job = calloc(1, sizeof(*job))) == NULL)
		fatal("manage");
	(void)strlcpy(job->actor, asked->actor, sizeof(job->actor));
	(void)strlcpy(job->target, asked->target, sizeof(job->target));
	job->asked = *asked;
	job->asked.actor = job->actor;
	job->asked.target = job->target;
	return (job);
}

static void
take_file(const struct asked *asked, int fd,
    void (*take)(const struct asked *, const char *, size_t))
{
	struct job	*job;

	if (fd == -1) {
		apply_refuse(asked, 400, 0, 0, "invalid_request",
		    "The file is missing");
		return;
	}
	job = job_new(asked);
	job->take = take;
	if (transfer_take(fd, on_taken, job) == -1) {
		apply_refuse(asked, 503, 5, 0, "busy",
		    "Too many files at once");
		free(job);
	}
}

/*
 * Each change is answered by its own save: what others have staged is made
 * durable first.
 */
static void
on_taken(void *arg, const char *why, const char *data, size_t len)
{
	struct job	*job = arg;

	commit_now();
	if (why != NULL)
		apply_refuse(&job->asked, 400, 0, 0, "invalid_request",
		    "The file could not be taken: %s", why);
	else
		job->take(&job->asked, data, len);
	free(job);
	commit_soon();
}

static void
manage_export(const struct asked *asked, struct json_object *args, int fd)
{
	struct job	*job;
	char		*text;
	size_t		 len;

	commit_now();
	if (fd == -1) {
		apply_refuse(asked, 400, 0, 0, "invalid_request",
		    "There is nowhere to write");
		return;
	}
	if ((text = export_text(json_flag(args, "secrets"), &len)) == NULL) {
		close(fd);
		apply_refuse(asked, 503, 5, 0, "unavailable",
		    "Out of memory");
		return;
	}
	job = job_new(asked);
	job->given = len;
	if (transfer_give(fd, text, len, on_given, job) == -1) {
		apply_refuse(asked, 503, 5, 0, "busy",
		    "Too many files at once");
		free(job);
	}
}

static void
on_given(void *arg, const char *why,
    const char *data __attribute__((unused)),
    size_t len __attribute__((unused)))
{
	struct job	*job = arg;
	char		 text[64];
	struct reply	 reply = { .status = 200, .audited = 1,
	    .detail = text };

	if (why != NULL) {
		apply_refuse(&job->asked, 400, 0, 0, "invalid_request",
		    "The file could not be given: %s", why);
	} else {
		reply.body = apply_success();
		json_set_int(reply.body, "pipelines", (int64_t)store_count());
		json_set_int(reply.body, "projects", (int64_t)projects_count());
		json_set_int(reply.body, "bytes", (int64_t)job->given);
		(void)snprintf(text, sizeof(text), "%zu bytes", job->given);
		commit_answer(&job->asked, &reply);
	}
	free(job);
	commit_soon();
}
