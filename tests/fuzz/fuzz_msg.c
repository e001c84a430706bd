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
 * Any bytes on a socket between two processes: what comes out of imsg and
 * msg.c as a message is one that its sender may send, with every member
 * within its bound, and is the same when it is packed again.  The first byte
 * says whose socket it is.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "msg.h"

/* No more than a socket takes at once. */
#define INPUT_MAX	32768

static void	 take(struct imsgbuf *, enum proc_id, enum proc_id);
static void	 again(struct imsg *, const union msg *, enum proc_id,
		    enum proc_id);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct imsgbuf	 in;
	enum proc_id	 from, to;
	int		 pair[2];

	if (len < 2 || len > INPUT_MAX)
		return (0);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	from = (enum proc_id)(data[0] % PROC_MAX);
	to = (enum proc_id)(data[0] / PROC_MAX % PROC_MAX);
	EXPECT(write(pair[1], data + 1, len - 1) == (ssize_t)len - 1);
	close(pair[1]);
	EXPECT(imsgbuf_init(&in, pair[0]) == 0);
	EXPECT(imsgbuf_set_maxsize(&in, MSG_IMSG_MAX) == 0);
	while (imsgbuf_read(&in) == 1)
		take(&in, from, to);
	imsgbuf_clear(&in);
	close(pair[0]);
	return (0);
}

static void
take(struct imsgbuf *in, enum proc_id from, enum proc_id to)
{
	struct imsg	 imsg;
	union msg	 m;
	const char	*why;
	int		 fd;

	while (imsgbuf_get(in, &imsg) == 1) {
		if (msg_unpack(&imsg, from, to, &m, &fd, &why) == 0) {
			EXPECT(fd == -1 && why == NULL);
			again(&imsg, &m, from, to);
		} else
			EXPECT(why != NULL && errno == EBADMSG);
		imsg_free(&imsg);
	}
}

/* Packed, sent and unpacked once more, its payload is the same bytes. */
static void
again(struct imsg *first, const union msg *m, enum proc_id from,
    enum proc_id to)
{
	static int	 pair[2] = { -1, -1 };
	struct imsgbuf	 out, in;
	struct imsg	 second;
	struct ibuf	 a, b;
	union msg	 copy;
	const char	*why;
	uint32_t	 type = imsg_get_type(first);
	int		 fd;

	if (pair[0] == -1)
		EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	EXPECT(imsgbuf_init(&out, pair[0]) == 0);
	EXPECT(imsgbuf_init(&in, pair[1]) == 0);
	EXPECT(imsgbuf_set_maxsize(&out, MSG_IMSG_MAX) == 0);
	EXPECT(imsgbuf_set_maxsize(&in, MSG_IMSG_MAX) == 0);
	EXPECT(msg_compose(&out, (enum msg_type)type, m, -1) == 0);
	EXPECT(imsgbuf_flush(&out) == 0);
	while (imsgbuf_get(&in, &second) == 0)
		EXPECT(imsgbuf_read(&in) == 1);
	EXPECT(imsg_get_type(&second) == type);
	EXPECT(msg_unpack(&second, from, to, &copy, &fd, &why) == 0);
	EXPECT(imsg_get_len(first) == imsg_get_len(&second));
	if (imsg_get_len(first) > 0) {
		EXPECT(imsg_get_ibuf(first, &a) == 0);
		EXPECT(imsg_get_ibuf(&second, &b) == 0);
		EXPECT(ibuf_size(&a) == ibuf_size(&b));
		EXPECT(memcmp(ibuf_data(&a), ibuf_data(&b),
		    ibuf_size(&a)) == 0);
	}
	imsg_free(&second);
	imsgbuf_clear(&out);
	imsgbuf_clear(&in);
}
