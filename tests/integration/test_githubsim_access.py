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


"""Who may do what at githubsim: GitHub Apps, fine-grained and classic
tokens, what an owner's lists show to whom."""

import time

import pytest

from githubsim_app import APP, AT, CREATE, GRANTS, jwt, keys  # noqa: F401
from githubsim_client import (  # noqa: F401 (fixtures)
    OTHER, RUNS, TOKEN, WORKFLOWS, Client, gh, sim)

# GitHub Apps.

@pytest.fixture
def app(sim, keys):
    """The app, installed at acme; its client."""
    sim.app(APP, public_key=keys[0][1], permissions=GRANTS,
            installations=[{"id": AT, "account": "acme"}])
    return Client(sim, jwt(keys[0][0]))


def test_installation_token(sim, app):
    sim.patch_repo("acme/Shop", private=True)
    sim.add_repo("other/hidden", private=True)
    r = app("POST", CREATE)
    assert r.status_code == 201
    assert r.json()["permissions"] == GRANTS
    assert r.json()["repository_selection"] == "all"
    at = Client(sim, r.json()["token"])
    r = at.get(RUNS)
    assert r.status_code == 200
    assert r.headers["x-accepted-github-permissions"] == "actions=read"
    assert r.headers["x-ratelimit-used"] == "1"
    assert at.get("/repos/other/hidden").status_code == 404
    assert at.get("/user").status_code == 403
    r = at.get("/installation/repositories")
    assert [x["full_name"] for x in r.json()["repositories"]] == \
        ["acme/Shop"]
    r = at.get("/repos/acme/Shop/actions/secrets")
    assert (r.status_code, r.json()["message"]) == \
        (403, "Resource not accessible by integration")
    assert at("DELETE", "/installation/token").status_code == 204
    assert at.get(RUNS).status_code == 401
    # What is given out is never taken for an unknown user's.
    assert Client(sim, "ghs_unknown").get(RUNS).status_code == 401


def test_installation_token_expires(sim, app, keys):
    token = app("POST", CREATE).json()
    left = time.mktime(time.strptime(
        token["expires_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - \
        time.time()
    assert 3590 < left <= 3600
    at = Client(sim, token["token"])
    etag = at.get(RUNS).headers["etag"]
    sim.clock(advance=3590)
    assert at.get(RUNS, If_None_Match=etag).status_code == 304
    sim.clock(advance=20)
    assert at.get(RUNS).status_code == 401
    now = int(sim.clock()["now"])
    later = Client(sim, jwt(keys[0][0], iat=now, exp=now + 60))
    r = later("POST", CREATE)
    assert r.status_code == 201
    # An ETag belongs to the token, not to the installation.
    r = Client(sim, r.json()["token"]).get(RUNS, If_None_Match=etag)
    assert r.status_code == 200


def test_installation_has_its_own_limit(sim, app):
    assert Client(sim).get(RUNS).headers["x-ratelimit-used"] == "1"
    sim.limits(user=f"installation/{AT}", hourly=12500)
    for used in ("1", "2"):
        # Whichever of its tokens is used.
        at = Client(sim, app("POST", CREATE).json()["token"])
        r = at.get(RUNS)
        assert r.headers["x-ratelimit-used"] == used
        assert r.headers["x-ratelimit-limit"] == "12500"
    assert Client(sim).get(RUNS).headers["x-ratelimit-limit"] == "5000"


def test_token_with_less(sim, app):
    sim.add_repo("acme/More", private=True)
    sim.patch_repo("acme/Shop", private=True)
    r = app("POST", CREATE, {"repositories": ["More"],
                             "permissions": {"actions": "read"}})
    assert r.status_code == 201
    assert [x["name"] for x in r.json()["repositories"]] == ["More"]
    assert r.json()["repository_selection"] == "selected"
    at = Client(sim, r.json()["token"])
    assert at.get(RUNS).status_code == 404
    assert at.get("/repos/acme/More/actions/runs").status_code == 200
    r = app("POST", CREATE, {"permissions": {"secrets": "read"}})
    assert r.status_code == 422
    r = app("POST", CREATE, {"repositories": ["None"]})
    assert r.status_code == 422


def test_installation_of_few(sim, app):
    sim.add_repo("acme/More", private=True)
    sim.app(APP, installations=[
        {"id": AT, "repositories": ["acme/Shop"]}])
    at = Client(sim, app("POST", CREATE).json()["token"])
    assert at.get("/repos/acme/More").status_code == 404
    assert app("POST", CREATE,
               {"repositories": ["More"]}).status_code == 422
    assert app.get("/repos/acme/More/installation").status_code == 404
    for path in ("/repos/acme/Shop", "/orgs/acme"):
        r = app.get(path + "/installation")
        assert (r.status_code, r.json()["id"]) == (200, AT)
    assert app.get("/users/acme/installation").status_code == 404


def test_suspended_and_removed(sim, app):
    at = Client(sim, app("POST", CREATE).json()["token"])
    sim.app(APP, installations=[{"id": AT, "suspended": True}])
    assert at.get(RUNS).status_code == 403
    assert app("POST", CREATE).status_code == 403
    sim.app(APP, installations=[{"id": AT, "deleted": True}])
    assert at.get(RUNS).status_code == 401
    assert app("POST", CREATE).status_code == 404
    assert app.get("/app/installations").json() == []


def test_app(sim, app):
    assert app.get("/app").json()["id"] == APP
    assert [x["id"] for x in app.get("/app/installations").json()] == [AT]
    r = app.get(f"/app/installations/{AT}")
    assert r.json()["account"]["login"] == "acme"
    assert app.get("/app/installations/1").status_code == 404
    # A JWT is good for nothing else, and a token not for this.
    assert app.get(RUNS).status_code == 401
    assert Client(sim).get("/app").status_code == 401
    r = Client(sim).get("/installation/repositories")
    assert r.status_code == 403


BAD = [
    ({"exp": 1}, 401, "'exp'"), ({"exp": None}, 401, "'exp'"),
    ({"exp": "soon"}, 401, "'exp'"), ({"exp": 4000000000}, 401, "future"),
    ({"iat": 4000000000}, 401, "'iat'"), ({"iat": None}, 401, "'iat'"),
    ({"iss": None}, 401, "'iss'"), ({"iss": 4243}, 404, "Integration"),
    ({"alg": "HS256"}, 401, "decoded"), ({"alg": "none"}, 401, "decoded"),
]


@pytest.mark.parametrize("claims,status,word", BAD)
def test_bad_jwt(sim, app, keys, claims, status, word):
    r = Client(sim, jwt(keys[0][0], **claims))("POST", CREATE)
    assert r.status_code == status and word in r.json()["message"]


def test_jwt_of_another_key(sim, app, keys):
    assert Client(sim, jwt(keys[1][0]))("POST", CREATE).status_code == 401
    good = jwt(keys[0][0])
    assert Client(sim, good)("POST", CREATE).status_code == 201
    bad = good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB")
    assert Client(sim, bad)("POST", CREATE).status_code == 401
    for text in ("eyJ.eyJ.", "eyJ..", "a.b.c", good.rsplit(".", 1)[0]):
        assert Client(sim, text)("POST", CREATE).status_code == 401


def test_client_id(sim, app, keys):
    sim.app(APP, client_id="Iv1.abc")
    r = Client(sim, jwt(keys[0][0], iss="Iv1.abc")).get("/app")
    assert r.json()["slug"] == f"app-{APP}"


# Fine-grained and classic tokens.

READ = {"actions": "read"}
DISABLE = ("PUT", WORKFLOWS + "/deploy.yml/disable", "actions=write")
KEY = ("GET", "/repos/acme/Shop/actions/secrets/public-key", "secrets=read")
BRANCHES = ("GET", "/repos/acme/Shop/branches", "contents=read")
LIST = ("GET", RUNS, "actions=read")


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("grants,request_,status", [
    ({}, LIST, 403), (READ, LIST, 200), ({"actions": "write"}, LIST, 200),
    (READ, DISABLE, 403), ({"actions": "write"}, DISABLE, 204),
    (READ, KEY, 403), ({"secrets": "read"}, KEY, 200),
    (READ, BRANCHES, 403), ({"contents": "read"}, BRANCHES, 200),
])
def test_fine_grained(sim, gh, private, grants, request_, status):
    sim.patch_repo("acme/Shop", private=private)
    sim.token(TOKEN, grants=grants, owner="acme")
    r = gh(*request_[:2])
    if not private and request_ in (LIST, BRANCHES):
        status = 200            # what is public may be read
    assert r.status_code == status
    assert r.headers["x-accepted-github-permissions"] == request_[2]
    assert "x-oauth-scopes" not in r.headers
    if status == 403:
        assert r.json()["message"] == \
            "Resource not accessible by personal access token"


def test_fine_grained_of_few(sim, gh):
    sim.patch_repo("acme/Shop", private=True)
    sim.add_repo("acme/More", private=True)
    sim.add_repo("other/Open")
    sim.token(TOKEN, grants={"actions": "write"}, owner="acme",
              repositories=["acme/Shop"])
    assert gh.get(RUNS).status_code == 200
    assert gh.get("/repos/acme/More").status_code == 404
    assert gh.get("/repos/other/Open/actions/runs").status_code == 200
    names = [x["full_name"] for x in gh.get("/user/repos").json()]
    assert names == ["acme/Shop"]
    sim.token(TOKEN, repositories=None)
    assert gh.get("/repos/acme/More").status_code == 200


@pytest.mark.parametrize("scopes,private,read,write", [
    ("repo, workflow", True, 200, 204), ("workflow", True, 404, 404),
    ("public_repo", True, 404, 404), ("public_repo", False, 200, 204),
    ("", False, 200, 403), ("repo:status", False, 200, 403),
])
def test_classic(sim, gh, scopes, private, read, write):
    sim.patch_repo("acme/Shop", private=private)
    sim.token(TOKEN, scopes=scopes)
    r = gh.get(RUNS)
    assert r.status_code == read
    assert r.headers["x-oauth-scopes"] == scopes
    assert gh("PUT", WORKFLOWS + "/deploy.yml/disable").status_code == write


def test_token_expires(sim, gh):
    sim.token(TOKEN, expires_in=100, expiration="2027-01-01 00:00:00 UTC")
    assert gh.get(RUNS).status_code == 200
    sim.clock(advance=101)
    assert gh.get(RUNS).status_code == 401


# Lists.

def test_branches(sim, gh):
    sim.patch_repo("acme/Shop", branches=["next", "feature/a"])
    for branch in ("old", None, "main"):
        sim.add_run("acme/Shop", "deploy.yml", head_branch=branch)
    r = gh.get("/repos/acme/Shop/branches?per_page=3")
    assert [b["name"] for b in r.json()] == ["feature/a", "main", "next"]
    r = gh.get(r.links["next"]["url"])
    assert [b["name"] for b in r.json()] == ["old"]
    r = gh.get("/repos/acme/Shop/branches/next")
    assert len(r.json()["commit"]["sha"]) == 40
    r = gh.get("/repos/acme/Shop/branches/none")
    assert (r.status_code, r.json()["message"]) == (404, "Branch not found")


def test_owners(sim, gh):
    sim.add_repo("acme/hidden", private=True)
    sim.add_repo("someone/b", owner_type="User")
    sim.add_repo("someone/a", owner_type="User")

    def names(path):
        return [x["name"] for x in gh.get(path).json()]
    assert names("/users/someone/repos") == ["a", "b"]
    assert names("/users/acme/repos") == ["Shop"]
    assert names("/orgs/acme/repos") == ["hidden", "Shop"]
    assert names("/orgs/acme/repos?type=private") == ["hidden"]
    assert names("/orgs/acme/repos?sort=full_name&direction=desc") == \
        ["Shop", "hidden"]
    assert names("/user/repos") == ["hidden", "Shop", "a", "b"]
    assert gh.get("/users/someone").json()["type"] == "User"
    assert gh.get("/orgs/acme").json()["type"] == "Organization"
    for path in ("/users/nobody", "/users/nobody/repos", "/orgs/someone",
                 "/orgs/someone/repos"):
        assert gh.get(path).status_code == 404


def test_content_limit(sim, gh):
    sim.limits(enforce_content=True, content=2, retry_after=5)
    disable, enable = (WORKFLOWS + "/deploy.yml/" + x
                       for x in ("disable", "enable"))
    assert gh("PUT", disable).status_code == 204
    assert gh("PUT", enable).status_code == 204
    assert gh.get(RUNS).status_code == 200
    r = gh("PUT", disable)
    assert (r.status_code, r.headers["retry-after"]) == (403, "5")
    sim.clock(advance=61)
    assert gh("PUT", disable).status_code == 204


def test_virtual_clock(sim, gh):
    """An hour passes when it is told to, and not a second otherwise."""
    start = sim.clock(speed=0)["now"]
    sim.limits(enforce_points=True, points=10)
    run = sim.add_run("acme/Shop", "deploy.yml",
                      plan={"queued": 600, "in_progress": 3000})
    seen = set()
    for minute in range(61):
        for _ in range(10):
            r = gh.get(f"{RUNS}/{run}")
            assert r.status_code == 200
        assert gh.get(RUNS).status_code == 403
        seen.add(r.json()["status"])
        assert sim.clock()["now"] == pytest.approx(start + 60 * minute)
        sim.clock(advance=60)
    assert seen == {"queued", "in_progress"}
