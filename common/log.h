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
 * Logging.  Belongs to every process.  A child writes lines to stderr, a
 * pipe to the parent, each with its priority in front ("<4>text", as
 * sd-daemon(3) has it); the parent hands them on.  Text from outside goes
 * through log_visible first.  A secret is never logged.
 */

#ifndef CCM_LOG_H
#define CCM_LOG_H

#include <stddef.h>

/* The longest line; what is longer is cut and marked. */
#define LOG_LINE_MAX	2048

/*
 * Begin.  `name` is the process ("poller").  A child logs to its pipe
 * (`to_parent` 1), the parent and tools to where log_output says, at first
 * stderr.  `verbose` 1 logs debug lines too.
 */
void log_init(const char *name, int to_parent, int verbose);
void log_set_verbose(int verbose);

/*
 * The parent's own outlets, called for each line (its own and a child's)
 * with its priority (syslog(3) LOG_ERR..LOG_DEBUG), the process's name and
 * the text without newline.  NULL: stderr.
 */
void log_set_output(void (*output)(int priority, const char *name,
    const char *text));

/*
 * One line from a child's pipe, with or without "<N>" in front; it is made
 * visible, and cut at LOG_LINE_MAX.
 */
void log_child_line(const char *name, const char *line);

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For broken invariants only, never for what came from outside: exit 1. */
void fatal(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));	/* adds errno */
void fatalx(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/*
 * Outside text made visible with strvis(3), cut to the size of one of a few
 * static buffers used in turn: good for up to four in one call of log_*.
 */
const char *log_visible(const char *text);
const char *log_visible_n(const char *text, size_t len);

#endif
