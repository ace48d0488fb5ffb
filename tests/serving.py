"""A project with its `depl serve` and its `depl worker`, both real, for tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import forked

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
LINK = re.compile(r"http://127\.0\.0\.1:\d+/sign-in/link\?key=\S+")
PATIENCE = 60  # seconds until a test gives up


class Served:
    """address: where it is served, once `serve` was called. said: what server and worker print."""

    def __init__(self, base: Path, **surroundings: str) -> None:
        self.base, self.address = base, ""
        base.mkdir(parents=True, exist_ok=True)
        self._said = base.parent / f"{base.name}.said"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(("DEPL_", "_DEPL"))}
        self._environ |= {"PYTHONPATH": str(forked.SOURCE), "COLUMNS": "120", **surroundings}
        self._server: forked.Started | None = None
        self._worker: forked.Started | None = None

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project."""
        for name, content in files.items():
            path = self.base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))

    def depl(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Call `depl` in the project; it has to go well."""
        done = forked.depl(*arguments, cwd=self.base, env=self._environ, input=input.encode())
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def serve(self) -> None:
        """Start it, at the same port as before if it was served before."""
        told = len(self.said)
        port = self.address.rpartition(":")[2] or "0"
        self._server = self._start("serve", "--port", port)
        self.wait(lambda: ADDRESS.search(self.said, told) or self._server.poll() is not None)
        found = ADDRESS.search(self.said, told)
        assert found, self.said
        self.address = found[0]
        self.wait(self._answers)

    def kill(self) -> None:
        """End the server without a word."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def work(self) -> None:
        """Start a worker."""
        self._worker = self._start("worker", "--jobs", "3", "--name", "worker1")

    @property
    def link(self) -> str:
        """The newest link that signs in whoever has no password."""
        self.wait(lambda: LINK.search(self.said))
        return LINK.findall(self.said)[-1]

    @property
    def said(self) -> str:
        """What was printed so far."""
        return self._said.read_text() if self._said.exists() else ""

    def wait(self, condition: Callable[[], object]) -> None:
        """Until something is so."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, "it never came to that\n" + self.said
            time.sleep(0.02)

    def close(self) -> None:
        """End all processes that are left."""
        left = [int(path.read_text().split()[0]) for path in self.base.glob(".depl/tasks/*/running")]
        for process in (self._worker, self._server):
            if process is not None:
                process.kill()
                process.wait()
        for pid in left:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _start(self, *arguments: str) -> forked.Started:
        with open(self._said, "ab") as said:
            return forked.Started(*arguments, cwd=self.base, env=self._environ, said=said.fileno())

    def _answers(self) -> bool:
        host, _, port = self.address.removeprefix("http://").partition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
            return True
        return False
