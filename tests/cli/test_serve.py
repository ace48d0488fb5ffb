"""`depl serve` as a process: what it refuses, prints, leaves behind, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from depl.access.roles import Role
from depl.store.store import open_store

PATIENCE = 60  # seconds until a test gives up


class Serving:
    """A process. url: where it answers."""

    def __init__(self, project: Path, directory: Path, *arguments: str) -> None:
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith("DEPL_")}
        surroundings |= {"PYTHONPATH": str(project / "src"), "COLUMNS": "200"}
        command = [sys.executable, "-m", "depl", "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, cwd=directory, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read what it prints until that comes."""
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self.said)):
            line = self.process.stdout.readline()
            assert line, f"{self.said}\n{self.process.stderr.read() if self.process.stderr else ''}"
            self.said += line
        return found

    @property
    def port(self) -> int:
        return int(self.wait_for(r"http://127\.0\.0\.1:(\d+)")[1])

    def get(self, path: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as line:
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, answer.read()

    @contextmanager
    def live(self, path: str, cookie: str) -> Iterator[http.client.HTTPResponse]:
        """A page that goes on by itself; it has begun."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as line:
            line.request("GET", path, headers={"Cookie": f"depl_session={cookie}", "Accept": "text/event-stream"})
            answer = line.getresponse()
            assert answer.headers["content-type"].startswith("text/event-stream") and answer.readline()
            yield answer

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def serve(project: Path, service: Path) -> Iterator[Callable[..., Serving]]:
    """Starts it in a project."""
    started: list[Serving] = []

    def start(*arguments: str) -> Serving:
        started.append(Serving(project, service, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_it_prints_where_it_is_and_a_link_and_ends_at_once_though_a_page_is_live(serve, service):
    serving = serve()
    link = serving.wait_for(r"http://127\.0\.0\.1:\d+(/sign-in/link\?key=\S+)")[1]
    key = service / ".depl" / "web.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert serving.get(link)[0] == 200
    store = open_store("sqlite:///.depl/depl.sqlite", str(service))
    cookie = store.people.sign_in("", who="me")
    store.close()
    with serving.live("/live", cookie) as page:
        assert serving.end(signal.SIGINT) == 0
        page.read()  # it came to a good end
    assert serving.process.stderr.read() == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_without_users_nothing_but_this_machine_is_served(depl, service, address):
    refused = depl("serve", "--address", address, "--port", "0", cwd=service)
    assert refused.returncode == 1
    assert "There are no users" in refused.stderr and "depl user add" in refused.stderr


def test_with_users_another_address_is_served_with_a_warning_and_no_link(serve, depl, service):
    store = open_store("sqlite:///.depl/depl.sqlite", str(service))
    store.people.add("ann", "", [("*", Role.ADMIN)])
    store.close()
    serving = serve("--address", "0.0.0.0")
    serving.wait_for("served at")
    assert serving.end() == 0
    assert "not encrypted" in serving.process.stderr.read()
    elsewhere = depl("serve", "--address", "192.0.2.1", "--port", "0", cwd=service)
    assert "Nothing can be served at 192.0.2.1" in elsewhere.stderr
    assert "sign-in/link" not in serving.said + serving.process.stdout.read()


def test_mistakes_are_sentences(depl, service):
    def said(*arguments: str, **more: str) -> str:
        done = depl("serve", *arguments, cwd=service, **more)
        assert done.returncode != 0 and "Traceback" not in done.stderr and done.stderr.startswith("error: ")
        return done.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "is in use" in said("--port", str(taken.getsockname()[1]))
    assert "addresses or networks" in said(DEPL_WEB_PROXIES="my proxy")
    assert "no `proxies` are named" in said(DEPL_WEB_USER_HEADER="X-User")
    assert "cannot be" in said(DEPL_DEPL_STORE="sqlite:////proc/nowhere/depl.sqlite")
    key = service / ".depl" / "web.key"
    key.parent.mkdir(exist_ok=True)
    key.write_text("0" * 64)
    key.chmod(0o644)
    assert "may be read by others (mode 0644)" in said("--port", "0")
    key.chmod(0o600)
    key.write_text("short")
    assert "fewer than 32 bytes" in said("--port", "0")


def test_a_worker_that_it_starts_lives_on_and_is_not_started_twice(serve, service):
    serving = serve("--worker")
    pid = int(serving.wait_for(r"worker runs as process (\d+)")[1])
    try:
        serving.wait_for("served at")
        store = open_store("sqlite:///.depl/depl.sqlite", str(service))
        until = time.monotonic() + PATIENCE
        while not store.workers.present() and time.monotonic() < until:
            time.sleep(0.05)
        store.close()
        assert serving.end(signal.SIGINT) == 0
        assert os.getsid(pid) == pid  # it lives, in a session of its own
        assert stat.S_IMODE((service / ".depl" / "worker.log").stat().st_mode) == 0o600
        again = serve("--worker")
        again.wait_for("there already")
    finally:
        os.kill(pid, signal.SIGTERM)


def test_killed_and_started_again_it_is_the_same_for_open_pages(serve, service):
    first, key = serve(), service / ".depl" / "web.key"
    port, known = first.port, key.read_bytes()
    first.end(signal.SIGKILL)
    again = serve("--port", str(port))
    assert again.port == port and key.read_bytes() == known
    assert json.loads(again.get("/api/v1/openapi.json")[1])["openapi"]
