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
 * What an argument that is text may be, by its check.  Runs in ccmctl, the
 * poller, the api and the registry.  Must not change anything.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pipeline.h"
#include "verb.h"

#define REPOSITORY_SIZE	256	/* owner/name */
#define WORDS_MAX	3

static int	 is_word(const char *const *, const char *);
static int	 owner_ok(const char *);
static int	 repo_name_ok(const char *);
static int	 secret_ok(const char *);

/* One of words, or what a function finds good. */
static const struct {
	int		(*ok)(const char *);
	const char	*words[WORDS_MAX];
	const char	*expected;
	int		 bounded;	/* by min and max as well */
} texts[] = {
	[CHECK_REPO] = { .ok = pipeline_repository_ok,
	    .expected = "owner/name" },
	[CHECK_OWNER] = { .ok = owner_ok, .expected = "a name on GitHub" },
	[CHECK_REPO_NAME] = { .ok = repo_name_ok,
	    .expected = "a name on GitHub" },
	[CHECK_DOMAIN] = { .ok = pipeline_domain_ok,
	    .expected = "a host name" },
	[CHECK_NAME] = { .ok = pipeline_name_ok,
	    .expected = "1 to 64 of A-Z a-z 0-9 . _ - and not begin with a "
	    "dot" },
	[CHECK_SECRET] = { .ok = secret_ok, .bounded = 1,
	    .expected = "a secret's name: A-Z 0-9 _, not beginning with a "
	    "digit or GITHUB_" },
	[CHECK_STATUS] = { .words = { "active", "inactive", "error" },
	    .expected = "active, inactive or error" },
	[CHECK_LEVEL] = { .words = { "brief", "verbose" },
	    .expected = "brief or verbose" },
	[CHECK_INCLUDE] = { .words = { "stats" }, .expected = "stats" },
	[CHECK_BY] = { .words = { "day", "week" },
	    .expected = "day or week" },
};

#define NTEXTS	(sizeof(texts) / sizeof(texts[0]))

const char *
verb_text_expected(enum verb_check check, const char *s, int *bounded)
{
	int	 ok;

	*bounded = 1;
	if ((size_t)check >= NTEXTS || texts[check].expected == NULL)
		return (NULL);
	*bounded = texts[check].bounded;
	ok = texts[check].ok != NULL ? texts[check].ok(s) :
	    is_word(texts[check].words, s);
	return (ok ? NULL : texts[check].expected);
}

static int
is_word(const char *const *words, const char *s)
{
	size_t	 i;

	for (i = 0; i < WORDS_MAX; i++)
		if (words[i] != NULL && strcmp(words[i], s) == 0)
			return (1);
	return (0);
}

static int
owner_ok(const char *s)
{
	char	 repository[REPOSITORY_SIZE];

	return (strchr(s, '/') == NULL && snprintf(repository,
	    sizeof(repository), "%s/x", s) < (int)sizeof(repository) &&
	    pipeline_repository_ok(repository));
}

static int
repo_name_ok(const char *s)
{
	char	 repository[REPOSITORY_SIZE];

	return (strchr(s, '/') == NULL && snprintf(repository,
	    sizeof(repository), "x/%s", s) < (int)sizeof(repository) &&
	    pipeline_repository_ok(repository));
}

static int
secret_ok(const char *s)
{
	return ((*s < '0' || *s > '9') && strncmp(s, "GITHUB_", 7) != 0 &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s));
}
