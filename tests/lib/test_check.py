"""Checks: what is well, what is said where it is not, and that they change nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from depl.deploy.checks import check
from depl.lib.check import CommandCheck, FileCheck, HttpCheck, ProcessCheck, TcpCheck
from depl.utils import Address

Made = Callable[..., Any]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        if self.path == "/moved":
            self.send_response(301)
            self.send_header("Location", "/")
            self.end_headers()
            return
        failing = self.path == "/broken" or (self.path == "/soon" and len(self.server.requests) < 3)  # type: ignore[attr-defined]
        self.send_response(503 if failing else 200)
        self.end_headers()
        self.wfile.write(b"database is down" if failing else b"all is well")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def checked(project: Made) -> Made:
    """Deploy a root with a check, and check it: what is said where it is not well."""

    def run(component: Callable[..., Any], *args: Any, **how: Any) -> str:
        made = project(lambda self: component(*args, **{"retries": 0, "interval": 0.01, **how}))
        deployed = made.deploy()
        assert (deployed.error, deployed.changed) == ("", [])
        root = made.component.root
        return "\n".join(f"{error}\n{error.hint}" for error in check(root))

    return run


def test_what_answers_is_well(checked: Made, server: Any) -> None:
    assert checked(HttpCheck, server.url + "/x?y=1", contains="well") == ""
    assert server.requests[0][0] == "/x?y=1"
    assert checked(TcpCheck, f"127.0.0.1:{server.server_port}") == ""
    assert checked(TcpCheck, Address("127.0.0.1", server.server_port)) == ""


def test_another_status_is_said_with_the_beginning_of_the_answer(checked: Made, server: Any) -> None:
    said = checked(HttpCheck, server.url + "/broken")
    assert "/broken answers 503 Service Unavailable, not 200: database is down" in said
    assert checked(HttpCheck, server.url + "/broken", status=[200, 503]) == ""


def test_redirections_are_answers(checked: Made, server: Any) -> None:
    assert "answers 301 Moved Permanently to /, not 200" in checked(HttpCheck, server.url + "/moved")
    assert checked(HttpCheck, server.url + "/moved", status=301) == ""


def test_a_missing_text_is_named(checked: Made, server: Any) -> None:
    assert "answers without 'excellent': all is well" in checked(HttpCheck, server.url, contains="excellent")


def test_a_password_is_sent_and_not_shown(checked: Made, server: Any) -> None:
    said = checked(HttpCheck, server.url.replace("//", "//me:s3cret@") + "/broken", host_header="shop.example")
    assert "s3cret" not in said and "me:***@" in said
    assert server.requests[0][1]["Authorization"].startswith("Basic ")
    assert server.requests[0][1]["Host"] == "shop.example"


def test_it_is_tried_again(checked: Made, server: Any) -> None:
    assert checked(HttpCheck, server.url + "/soon", retries=5) == ""
    assert len(server.requests) == 3


def test_it_ends_in_time(checked: Made, server: Any) -> None:
    assert "503" in checked(HttpCheck, server.url + "/broken", retries=1_000_000, interval=0.1, timeout=0.5)
    assert 2 <= len(server.requests) <= 7


@pytest.mark.parametrize("url", ["shop.example", "ftp://x", "http://"])
def test_what_is_no_url_is_a_mistake(url: str, project: Made) -> None:
    result = project(lambda self: HttpCheck(url)).deploy()
    assert result.status == 1 and "not a URL that can be checked" in result.error


def test_nobody_at_a_port_is_said(checked: Made, free_port: int) -> None:
    for said in checked(TcpCheck, f"localhost:{free_port}"), checked(HttpCheck, f"http://localhost:{free_port}"):
        assert "Connection refused" in said and f"nobody listens on port {free_port}" in said


def test_who_holds_the_port_is_said(checked: Made, server: Any) -> None:
    said = checked(HttpCheck, server.url + "/broken")
    assert f"On port {server.server_port} listens " in said and f"(process {os.getpid()})" in said


def test_silence_is_not_well(checked: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "no answer within 0.2 s" in checked(HttpCheck, f"http://127.0.0.1:{port}", attempt_timeout=0.2)
        assert "does not say 'PONG', but ''" in checked(
            TcpCheck, f"127.0.0.1:{port}", expect="PONG", attempt_timeout=0.2
        )


def test_what_is_said_first_can_be_checked(checked: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as greeter:

        def greet() -> None:
            for _ in range(2):
                connection, _address = greeter.accept()
                with connection:
                    connection.sendall(b"you said " + connection.recv(10))

        threading.Thread(target=greet, daemon=True).start()
        address = f"127.0.0.1:{greeter.getsockname()[1]}"
        assert checked(TcpCheck, address, send="PING", expect="said PING") == ""
        assert "does not say 'PONG', but 'you said PING'" in checked(TcpCheck, address, send="PING", expect="PONG")


def test_it_must_stay_well(checked: Made, tmp_path: Path) -> None:
    started = time.monotonic()
    assert checked(CommandCheck, "true", stable_for=0.2) == ""
    assert time.monotonic() - started >= 0.2
    once = f"test $(wc -l < {tmp_path}/n) -lt 3 && echo >> {tmp_path}/n"
    (tmp_path / "n").touch()
    assert "status 1" in checked(CommandCheck, once, stable_for=60, interval=0.01)


def test_a_command_must_succeed_and_say_what_it_should(checked: Made) -> None:
    assert checked(CommandCheck, "echo {{host.name}}", contains="localhost") == ""
    assert checked(CommandCheck, ["sh", "-c", "exit 3"], status=3) == ""
    assert "exited with status 3, not 0: oh no" in checked(CommandCheck, "echo oh no >&2; exit 3")
    assert "does not say 'x': y" in checked(CommandCheck, "echo y", contains="x")
    assert "took longer" in checked(CommandCheck, "sleep 9", attempt_timeout=0.2)


def test_files_are_as_they_should_be(checked: Made, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    assert f"{path} does not exist" in checked(FileCheck, str(path))
    assert checked(FileCheck, str(path), absent=True) == ""
    path.write_text("x" * (1 << 20) + "hello")
    assert checked(FileCheck, str(path), contains="xhello", max_age=60, min_size=10) == ""
    assert "should not" in checked(FileCheck, str(path), absent=True)
    assert "does not contain 'bye'" in checked(FileCheck, str(path), contains="bye")
    assert "less than 9999999" in checked(FileCheck, str(path), min_size=9_999_999)
    os.utime(path, (0, 0))
    assert "more than 60 s" in checked(FileCheck, str(path), max_age=60)


def test_a_process_runs(checked: Made, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    assert f"{pidfile} cannot be read" in checked(ProcessCheck, pidfile=str(pidfile))
    pidfile.write_text("many\n")
    assert "holds 'many', not a number" in checked(ProcessCheck, pidfile=str(pidfile))
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99) # marked-4711"]) as process:
        pidfile.write_text(f"{process.pid}\n")
        assert checked(ProcessCheck, pidfile=str(pidfile), pattern="marked-4711", stable_for=0.05) == ""
        assert checked(ProcessCheck, pattern="marked-4711") == ""
        assert "does not match 'nginx'" in checked(ProcessCheck, pidfile=str(pidfile), pattern="nginx")
        process.kill()
    assert f"process {process.pid} of {pidfile} does not run" in checked(ProcessCheck, pidfile=str(pidfile))
    assert "no process matches" in checked(ProcessCheck, pattern="marked-4711")


def test_a_process_that_is_replaced_is_not_stable(checked: Made, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    with subprocess.Popen(["sleep", "99"]) as one, subprocess.Popen(["sleep", "99"]) as two:
        pidfile.write_text(str(one.pid))
        timer = threading.Timer(0.3, lambda: pidfile.write_text(str(two.pid)))
        timer.start()
        said = checked(ProcessCheck, pidfile=str(pidfile), stable_for=30, interval=0.05)
        one.kill()
        two.kill()
    assert f"process {one.pid} ended, and {two.pid} runs in its place" in said


def test_the_last_lines_of_a_log_are_shown(checked: Made, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(1000)))
    said = checked(CommandCheck, "false", log_files=[str(log), str(tmp_path / "gone")], log_lines=2)
    assert f"The last lines of {log}:\n    line 998\n    line 999\n" in said
    assert f"{tmp_path / 'gone'} cannot be read" in said


def test_a_check_in_a_model_plans_nothing(project: Made) -> None:
    made = project(lambda self: [HttpCheck("http://localhost:1"), ProcessCheck(pattern="x")])
    assert made.plan().changed == []
