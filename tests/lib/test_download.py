"""Downloads, from a server that behaves as servers do."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from depl.lib.download import Download

Made = Callable[..., Any]
CONTENT = random.Random(7).randbytes(700_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Sends CONTENT. failures: what to do first, one request each: a status, "cut", "stall" or "old" (no ranges)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures: list[Any] = []
        self.requests: list[dict[str, str]] = []
        self.content = CONTENT
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(
            {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
        )
        failure = self.server.failures.pop(0) if self.server.failures else None
        if isinstance(failure, int):
            self.send_error(failure)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.url.replace("127.0.0.1", "localhost") + "/file.bin")
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        else:
            self.send_content(failure)

    def send_content(self, failure: Any) -> None:
        content = self.server.content
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if "Range" in self.headers and failure != "old":
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            content = content[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if failure in ("cut", "stall") else content)
        if failure == "stall":
            time.sleep(5)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "depl" / "downloads"


def fetch(project: Made, url: str, checksum: str | None = SHA256, **how: Any) -> Any:
    return project(lambda self: Download(url, checksum=checksum, **{"interval": 0.01, **how}))


CASES: dict[str, dict[str, Any]] = {
    "as it is called": {},
    "elsewhere": {"target": "deep/er/name", "leading": True, "mode": 0o600},
    "another algorithm": {"checksum": "md5:" + hashlib.md5(CONTENT).hexdigest()},
    "batou's algorithm": {"checksum": "sha_512:" + hashlib.sha512(CONTENT).hexdigest()},
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_planned_downloaded_left_alone_and_taken_back(
    case: str, project: Made, tree: Made, server: Server, cache: Path
) -> None:
    made = fetch(project, f"{server.url}/file.bin?x=1", **CASES[case])
    before = tree(made.base)
    planned = made.plan()
    assert len(planned.changed) == 1 and tree(made.base) == before and server.requests == []
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    assert (made.work / CASES[case].get("target", "file.bin")).read_bytes() == CONTENT
    assert made.deploy().changed == [] and len(server.requests) == 1
    assert made.undo().status == 0
    assert tree(made.base) == before
    assert list(cache.iterdir()) == []


def test_a_file_with_another_content_is_replaced_and_comes_back(project: Made, tree: Made, server: Server) -> None:
    made = fetch(project, f"{server.url}/file.bin")
    made.before("file.bin", "old", 0o640)
    before = tree(made.base)
    assert made.plan().changed and tree(made.base) == before
    made.deploy()
    assert (made.work / "file.bin").read_bytes() == CONTENT
    made.undo()
    assert tree(made.base) == before


def test_only_the_mode_is_repaired_where_only_the_mode_differs(project: Made, server: Server) -> None:
    made = fetch(project, f"{server.url}/file.bin", mode="0600")
    made.deploy()
    (made.work / "file.bin").chmod(0o644)
    made.deploy()
    assert (made.work / "file.bin").stat().st_mode & 0o777 == 0o600 and len(server.requests) == 1


def test_a_file_on_this_machine_is_copied(project: Made, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(CONTENT)
    made = fetch(project, (tmp_path / "a b").as_uri())
    assert made.deploy().error == ""
    assert (made.work / "a b").read_bytes() == CONTENT


def test_a_missing_file_on_this_machine_is_named(project: Made, tmp_path: Path) -> None:
    assert f"{tmp_path}/gone cannot be read" in fetch(project, (tmp_path / "gone").as_uri()).deploy().error


@pytest.mark.parametrize("failures", [[503], [500, 429, 408], ["cut"], ["cut", "cut"], ["cut", "old"], ["cut", 416]])
def test_what_passes_is_tried_again(failures: list[Any], project: Made, server: Server) -> None:
    server.failures = list(failures)
    made = fetch(project, f"{server.url}/file.bin")
    assert made.deploy().error == ""
    assert (made.work / "file.bin").read_bytes() == CONTENT


def test_what_came_already_is_not_fetched_again(project: Made, server: Server) -> None:
    server.failures = ["cut"]
    fetch(project, f"{server.url}/file.bin").deploy()
    assert [request.get("range") for request in server.requests] == [None, "bytes=350000-"]


def test_a_later_run_goes_on_where_the_last_one_ended(project: Made, server: Server) -> None:
    server.failures = ["cut"]
    made = fetch(project, f"{server.url}/file.bin", retries=0)
    assert "ended after 350000 of 700000 bytes" in made.deploy().error
    assert made.deploy().error == ""
    assert server.requests[1]["range"] == "bytes=350000-"


def test_a_part_of_another_file_is_fetched_anew(project: Made, server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    for rubbish in b"rubbish", os.urandom(800_000):
        (cache / (SHA256.replace(":", "-") + ".part")).write_bytes(rubbish)
        made = fetch(project, f"{server.url}/file.bin")
        assert made.deploy().error == ""
        assert (made.work / "file.bin").read_bytes() == CONTENT
        made.undo()


def test_silence_ends_an_attempt(project: Made, server: Server) -> None:
    server.failures = ["stall"]
    assert "nothing came for 0.3 s" in fetch(project, f"{server.url}/file.bin", timeout=0.3, retries=0).deploy().error


def test_what_does_not_pass_is_not_tried_again(project: Made, server: Server) -> None:
    result = fetch(project, f"{server.url}/gone").deploy()
    assert "/gone cannot be downloaded: the answer is 404" in result.error and len(server.requests) == 1


def test_a_wrong_content_is_an_error_with_both_digests_and_leaves_nothing(
    project: Made, tree: Made, server: Server, cache: Path
) -> None:
    server.content = b"changed"
    made = fetch(project, f"{server.url}/file.bin")
    before = tree(made.base)
    result = made.deploy()
    assert SHA256[7:] in result.error and hashlib.sha256(b"changed").hexdigest() in result.error
    assert tree(made.base) == before and list(cache.iterdir()) == []


def test_a_server_that_is_not_there_is_an_error(project: Made) -> None:
    assert "Connection refused" in fetch(project, "http://127.0.0.1:1/x", retries=1).deploy().error


def test_user_and_password_are_sent_but_neither_shown_nor_passed_on(project: Made, server: Server) -> None:
    made = fetch(project, server.url.replace("//", "//me:s3cr%40t@") + "/moved", target="f")
    planned, deployed = made.plan(), made.deploy()
    assert deployed.error == ""
    assert server.requests[0]["authorization"] == "Basic " + base64.b64encode(b"me:s3cr@t").decode()
    assert "authorization" not in server.requests[1]
    server.failures = [404]
    (made.work / "f").unlink()
    failed = made.deploy()
    for result in planned, deployed, failed:
        assert "s3cr" not in repr(result.events) + repr(result.output) + result.error


def test_options_of_batou_are_understood_or_refused(project: Made, server: Server) -> None:
    options = {"auth": ("me", "x"), "headers": {"X-Token": "t"}, "timeout": 5}
    assert fetch(project, f"{server.url}/file.bin", requests_kwargs=options).deploy().error == ""
    assert server.requests[0]["x-token"] == "t" and "authorization" in server.requests[0]
    assert "'proxies'" in fetch(project, f"{server.url}/x", requests_kwargs={"proxies": {}}).deploy().error


@pytest.mark.parametrize(
    ("url", "checksum", "said"),
    [
        ("http://x/y", None, "'sha256:...'"),
        ("http://x/y", "abc", "'sha256:...'"),
        ("http://x/y", "sha257:00", "'sha256:...'"),
        ("http://x/y", "sha256:00", "64 hexadecimal digits"),
        ("gopher://x/y", SHA256, "not a URL of http, https or file"),
        ("http://x/", SHA256, "target="),
    ],
)
def test_mistakes_are_found_in_the_model(url: str, checksum: str | None, said: str, project: Made) -> None:
    result = fetch(project, url, checksum).deploy()
    assert result.status == 1 and said in result.error


def test_memory_stays_flat(server: Server, tmp_path: Path) -> None:
    server.content = bytes(60_000_000)
    program = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from depl.lib.download import Download
from depl.lib.downloads.parts import Part
digest = {hashlib.sha256(server.content).hexdigest()!r}
download = Download({server.url + "/x"!r}, checksum="sha256:" + digest)
import urllib.request, http.client
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
download._options = {{}}
part = Part("sha256", digest)
download._fetch_once(part)
assert part.size == 60_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20_000
