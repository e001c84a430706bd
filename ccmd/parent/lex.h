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

/* Between parse.y and lex.c.  Runs in the parent. */

#ifndef CCM_PARENT_LEX_H
#define CCM_PARENT_LEX_H

#include <stdio.h>

/* Read words from `file`, which stays the caller's. */
void lex_begin(FILE *file);

/* The next token, as parse.y numbers them; its value is in yylval. */
int yylex(void);

/* The line of the last token. */
int lex_line(void);

/* The last word or number as it was written, until the next token. */
const char *lex_text(void);

/* The line in which what is in braces now begins; 0 outside of them. */
int lex_block(void);

/* parse.y: an error in the line of the last token, in a sentence. */
void parse_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
