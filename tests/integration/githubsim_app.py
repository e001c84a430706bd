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


"""A GitHub App for tests: its keys, and the JWTs that it signs with them by
openssl."""

import base64
import json
import subprocess
import time

import pytest

APP, AT = 4242, 77
GRANTS = {"actions": "write", "metadata": "read"}
CREATE = f"/app/installations/{AT}/access_tokens"


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Two RSA keys: the app's, and somebody's."""
    made = []
    for name in ("app", "other"):
        key = tmp_path_factory.mktemp("keys") / name
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"],
                       check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(
            ["openssl", "pkey", "-in", str(key), "-pubout"],
            check=True, capture_output=True, text=True).stdout
        made.append((key, public))
    return made


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(key, alg="RS256", **claims):
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 540, "iss": APP, **claims}
    text = b64(json.dumps({"alg": alg, "typ": "JWT"}).encode()) + "." + \
        b64(json.dumps({k: v for k, v in claims.items()
                        if v is not None}).encode())
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(key)],
        input=text.encode(), check=True, capture_output=True).stdout
    return f"{text}.{b64(signature)}"
