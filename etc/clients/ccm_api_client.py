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


"""A client of CCM's HTTP API (ccm-api(7)); nothing but the standard library.

    from ccm_api_client import CCMClient

    ccm = CCMClient("ccm-server", "ccm_token_here")
    pipeline_id = ccm.provision_pipeline(
        repo="myuser/myapp", workflow_file=".github/workflows/deploy.yml",
        domain="myapp.com", app_name="myapp")
    stats = ccm.get_pipeline_stats(pipeline_id)
    print(f"Health: {stats['health_score']}/100")
    ccm.teardown_pipeline(pipeline_id)

Over TLS: CCMClient("ccm-server", token, port=5443, tls=True), with
ca="/path/to/ca.pem" where the certificate is not of a public authority.
A refusal raises CCMError; no answer raises OSError.
"""

import http.client
import json
import ssl
import time
import urllib.parse

__all__ = ["CCMClient", "CCMError", "Event"]

PORT = 5000
TIMEOUT = 15            # the daemon answers within 10 s
LINE_MAX = 1 << 20      # of an event


class CCMError(Exception):
    """The daemon said no: `status` and `code` are for programs, the text
    is for people; `retry_after` is seconds, or None."""

    def __init__(self, status, code, text, retry_after=None):
        super().__init__(text)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Event:
    """`kind` is pipeline, stats, run, reset or synced; `data` a dict."""

    def __init__(self, kind, id, data):
        self.kind = kind
        self.id = id
        self.data = data

    def __repr__(self):
        return "Event(%r, %r, %r)" % (self.kind, self.id, self.data)


class CCMClient:
    def __init__(self, host, token, port=PORT, tls=False, ca=None,
                 timeout=TIMEOUT):
        """`host` may be "host:port" or a URL, too, whose port is its
        scheme's where it names none; `tls` may be an ssl.SSLContext of
        your own."""
        url = self._split(host)
        self.host = url.hostname
        self.port = url.port or {"http": 80, "https": 443}.get(url.scheme,
                                                               port)
        self.timeout = timeout
        tls = tls or url.scheme == "https"
        self._token = token
        self._context = None
        if isinstance(tls, ssl.SSLContext):
            self._context = tls
        elif tls or ca:
            self._context = ssl.create_default_context(cafile=ca)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    @staticmethod
    def _split(host):
        if "://" not in host:
            # An IPv6 address may come without its brackets.
            bare = host.count(":") > 1 and not host.startswith("[")
            host = "//[%s]" % host if bare else "//" + host
        url = urllib.parse.urlsplit(host)
        if (not url.hostname or url.scheme not in ("", "http", "https") or
                url.path not in ("", "/") or url.query or url.fragment or
                url.username is not None):
            raise ValueError("host is a name, name:port or a URL of both")
        return url

    # Pipelines.

    def provision_pipeline(self, repo, workflow_file, domain=None,
                           app_name=None, config=None, vps=None):
        """Link a workflow to a domain and an app.  Returns the pipeline's
        id."""
        return self._call("POST", "/api/pipelines/provision", {
            "repo": repo, "workflow_file": workflow_file,
            "linked_domain": domain, "linked_app": app_name,
            "config": config, "vps": vps})["pipeline_id"]

    def list_pipelines(self, status=None, domain=None, app=None,
                       repository=None, stats=False, limit=None):
        """A list of documents; all of them, in pages of `limit` if there
        is one.  With `stats` each has its figures as `metrics`."""
        query = {"status": status, "domain": domain, "app": app,
                 "repository": repository, "limit": limit,
                 "include": "stats" if stats else None}
        found = []
        while True:
            answer = self._call("GET", "/api/pipelines", query=query)
            found += answer["pipelines"]
            if "next" not in answer:
                return found
            query["after"] = answer["next"]

    def get_pipeline(self, pipeline_id):
        """Its document, with its figures as `metrics`."""
        return self._call("GET", self._path(pipeline_id))["pipeline"]

    def get_pipeline_stats(self, pipeline_id, fresh=False):
        """Its figures; with `fresh` GitHub is looked at first."""
        return self._call("GET", self._path(pipeline_id, "stats"), query={
            "fresh": "1" if fresh else None})["stats"]

    def get_all_stats(self):
        """The figures of all pipelines."""
        return self._call("GET", "/api/stats")["stats"]

    def update_pipeline(self, pipeline_id, domain=None, app_name=None,
                        vps=None, config=None):
        """Change what is given; "" removes.  Returns the document."""
        links = {"linked_domain": domain, "linked_app": app_name,
                 "vps": vps}
        return self._call("PATCH", self._path(pipeline_id), {
            **links, "config": config, "unlink": [
                k for k, v in links.items() if v == ""] or None})["pipeline"]

    def teardown_pipeline(self, pipeline_id):
        """Cancel its runs and deactivate it; the repository stays."""
        return self._call("DELETE", self._path(pipeline_id),
                          query={"preserve_repo": "true"})

    # Runs.

    def list_runs(self, pipeline_id, limit=None, branch=None, status=None):
        """The newest runs, ten if there is no `limit`."""
        return self._call("GET", self._path(pipeline_id, "runs"), query={
            "limit": limit, "branch": branch, "status": status})["runs"]

    def get_run(self, pipeline_id, run_id):
        """One run with its jobs and steps."""
        return self._call("GET", self._path(pipeline_id, "runs",
                                            str(run_id)))["run"]

    def get_run_logs(self, pipeline_id, run_id):
        """The text of its logs."""
        return self._request("GET", self._path(
            pipeline_id, "runs", str(run_id), "logs"))[1].decode(
                errors="replace")

    def trigger_pipeline(self, pipeline_id, branch=None, inputs=None):
        """Start a run.  Returns its id, or None if GitHub did not say."""
        return self._call("POST", self._path(pipeline_id, "trigger"), {
            "branch": branch, "inputs": inputs}).get("run_id")

    def cancel_run(self, pipeline_id, run_id):
        return self._call("POST", self._path(
            pipeline_id, "runs", str(run_id), "cancel"), {})

    def rerun(self, pipeline_id, run_id, failed_only=False):
        return self._call("POST", self._path(
            pipeline_id, "runs", str(run_id), "rerun"),
            {"failed_only": failed_only})

    # The daemon.

    def get_budget(self):
        """What GitHub's rate limits leave to each credential."""
        return self._call("GET", "/api/budget")["budgets"]

    def is_ready(self):
        try:
            return self._call("GET", "/readyz")["success"]
        except (CCMError, OSError, http.client.HTTPException):
            return False

    # Events.

    def events(self, pipeline_id=None, snapshot=False, last_event_id=None,
               reconnect=True):
        """Yields Event after Event, and comes back after a lost connection
        (unless `reconnect` is false).  After a `reset` what is known may
        have gaps: with `snapshot` the state follows by itself, up to
        `synced`; else ask for it."""
        while True:
            wait = 2.0
            try:
                for event in self._events(pipeline_id, snapshot,
                                          last_event_id):
                    if event.id is not None:
                        last_event_id = event.id
                    if event.kind is not None:
                        yield event
            except CCMError as e:
                if not reconnect or e.status not in (429, 503):
                    raise
                wait = e.retry_after or wait
            except (OSError, http.client.HTTPException):
                if not reconnect:
                    raise
            if not reconnect:
                return
            time.sleep(wait)

    def _events(self, pipeline_id, snapshot, last_event_id):
        c = self._connection(45)        # a sign of life comes every 15 s
        try:
            head = self._head()
            head["Accept"] = "text/event-stream"
            if last_event_id is not None:
                head["Last-Event-ID"] = last_event_id
            c.request("GET", self._target("/api/events", {
                "pipeline": pipeline_id,
                "snapshot": "true" if snapshot else None}), headers=head)
            answer = c.getresponse()
            if answer.status != 200:
                raise self._error(answer, answer.read())
            yield from self._parse(answer)
        finally:
            c.close()

    @staticmethod
    def _parse(answer):
        """An id alone is an Event without kind."""
        fields = {}
        while line := answer.readline(LINE_MAX):
            if not line.endswith(b"\n"):
                raise http.client.LineTooLong("event")
            line = line.rstrip(b"\r\n").decode()
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            if "data" in fields:
                yield Event(fields.get("event", "message"),
                            fields.get("id"), json.loads(fields["data"]))
            elif "id" in fields:
                yield Event(None, fields["id"], None)
            fields = {}

    # One request.

    def _call(self, method, path, body=None, query=None):
        _, data = self._request(method, path, body, query)
        return json.loads(data)

    def _request(self, method, path, body=None, query=None):
        c = self._connection(self.timeout)
        try:
            head, data = self._head(), None
            if body is not None:
                data = json.dumps({k: v for k, v in body.items()
                                   if v is not None})
                head["Content-Type"] = "application/json"
            c.request(method, self._target(path, query), data, head)
            answer = c.getresponse()
            data = answer.read()
        finally:
            c.close()
        if answer.status >= 300:
            raise self._error(answer, data)
        return answer.status, data

    def _connection(self, timeout):
        if self._context is not None:
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=timeout,
                context=self._context)
        return http.client.HTTPConnection(self.host, self.port,
                                          timeout=timeout)

    def _head(self):
        return {"CCM-Token": self._token, "User-Agent": "ccm-api-client/1"}

    @staticmethod
    def _target(path, query):
        given = {k: v for k, v in (query or {}).items() if v is not None}
        return path + ("?" + urllib.parse.urlencode(given) if given else "")

    @staticmethod
    def _path(pipeline_id, *more):
        return "/".join(["/api/pipelines"] + [
            urllib.parse.quote(x, safe="") for x in (pipeline_id, *more)])

    @staticmethod
    def _error(answer, data):
        try:
            body = json.loads(data)
            text, code = body["error"], body["code"]
        except (ValueError, KeyError, TypeError):
            text, code = "HTTP status %d" % answer.status, "unknown"
        after = answer.getheader("Retry-After", "")
        return CCMError(answer.status, code, text,
                        int(after) if after.isdigit() else None)
