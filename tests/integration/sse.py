# Copyright (c) 2026 The CCM authors
#
# Permission to use, copy, modify, and distribute this software for any
# purpose with or without fee is hereby granted, provided that the above
# copyright notice and this permission notice appear in all copies.
#
# THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
# WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
# MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
# ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
# WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
# ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
# OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.


"""Reads server-sent events, by the rules of WHATWG HTML 9.2.

    with Stream(d, "?snapshot=1") as s:
        event = s.wait(lambda e: e.kind == "synced")
"""

import http.client
import json


class Event:
    def __init__(self, kind, id, data):
        self.kind, self.id, self.data = kind, id, data

    def __repr__(self):
        return "<%s %s %.200s>" % (self.kind, self.id, self.data)


class Stream:
    def __init__(self, d, query="", last=None, token=None, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", d.port,
                                                     timeout=timeout)
        head = {"CCM-Token": token or d.token, "Accept": "text/event-stream"}
        if last is not None:
            head["Last-Event-ID"] = last
        self.connection.request("GET", "/api/events" + query, headers=head)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.last = last
        self.comments = 0
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def block(self):
        """The fields up to the next blank line; None at the end."""
        fields = []
        while line := self.answer.readline():
            assert line.endswith(b"\n")
            if line == b"\n":
                return fields
            name, _, value = line[:-1].decode().partition(":")
            if name == "":
                self.comments += 1
            else:
                fields.append((name, value.removeprefix(" ")))
                if name == "id":
                    self.last = fields[-1][1]
        return None

    def next(self):
        """The next event; None when the stream ends."""
        while (fields := self.block()) is not None:
            fields = dict(fields)
            if "data" in fields:
                event = Event(fields["event"], fields.get("id"),
                              json.loads(fields["data"]))
                self.seen.append(event)
                return event
        return None

    def wait(self, condition):
        while event := self.next():
            if condition(event):
                return event
        raise AssertionError("the stream ended; seen: %s" % self.seen)
