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

"""ccmctl runs watch, against a stand-in for the daemon that can put what it
says into the order, and the pieces, that a test wants."""

import json
import subprocess
import time

import pytest

from control_standin import Daemon, answer, event
from terminal import CCMCTL, WAIT, environment

PIPE = "pipe_0123456789ab"
RUN = 7


def shown(status, conclusion=None):
    return json.dumps({"success": True, "run": {
        "run_id": RUN, "status": status, "conclusion": conclusion,
        "duration_seconds": 4, "jobs": []}}).encode()


@pytest.fixture
def daemon(tmp_path):
    d = Daemon(tmp_path / "sock")
    p = {"pipeline_id": PIPE, "repository": "acme/shop",
         "metrics": {"current_run": {"run_id": RUN}}}
    d.answers["pipeline.show"] = (200, {"success": True, "pipeline": p})
    d.answers["pipeline.list"] = (200, {"success": True, "pipelines": []})
    yield d
    d.stop()


@pytest.mark.parametrize("order", ["before", "behind", "among others"])
def test_an_event_and_an_answer_at_once(daemon, order):
    """In one piece: neither waits for what comes next, nor is lost.  The
    event tells that the run ended, while the answer is not as new."""
    looks = []

    def look(op):
        looks.append(op)
        if len(looks) > 1:
            return answer(op, 200, shown("completed", "success"))
        _, subscription = daemon.subscribers[-1]
        told = event(subscription, "run", {
            "pipeline_id": PIPE, "run_id": RUN, "status": "completed",
            "conclusion": "success"})
        other = event(subscription, "synced", {})
        said = answer(op, 200, shown("in_progress"))
        return {"before": told + said, "behind": said + told,
                "among others": other + told + other + said + other}[order]
    daemon.raw["run.show"] = look
    start = time.monotonic()
    r = subprocess.run([CCMCTL, "-s", daemon.path, "runs", "watch", PIPE],
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=WAIT + 30, env=environment())
    assert r.returncode == 0, (r.stdout, r.stderr)
    assert "Run 7: success, 4s" in r.stdout and r.stderr == ""
    # Led there by the event, not by the look that comes by itself.
    assert len(looks) == 2 and time.monotonic() - start < 14
