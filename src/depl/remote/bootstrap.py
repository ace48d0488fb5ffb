"""Bringing the agent to a host and starting it: one channel, and one turn where the host has the agent already."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from depl.errors import DeplError, Unreachable
from depl.host import Host
from depl.remote import launch, refusals
from depl.remote.archive import Archive
from depl.remote.archive import archive as made
from depl.remote.connection import Connection, Process
from depl.remote.refusals import SudoPasswordWanted

__all__ = ["Agent", "Greeting", "SudoPasswordWanted", "open_agent", "sudo_user"]

MARKER = b"depl-agent-1 "
LARGEST_NOISE = 1024 * 1024  # bytes that shell profiles may print
INSTALLATION = 120.0  # seconds that a target may take to unpack and compile
PATIENCE = 10.0  # seconds that it may take to send what was read at the other end already
GLANCE = 0.2  # seconds between two looks at what sudo says


class Greeting(NamedTuple):
    """What a host said of itself. shipped: the archive was sent."""

    version: str
    python: str
    shipped: bool


class Agent:
    """A process that is an agent by now; reading starts with the first byte of its replies."""

    def __init__(self, process: Process, greeting: Greeting, ahead: bytes) -> None:
        self.process, self.greeting, self._ahead = process, greeting, ahead

    def write(self, data: bytes) -> None:
        self.process.write(data)

    def read(self, timeout: float | None = None) -> bytes:
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        return self.process.read(timeout)

    def errors(self) -> str:
        return self.process.errors()

    def status(self) -> int | None:
        return self.process.status()

    def close(self) -> None:
        self.process.close()


def open_agent(
    connection: Connection,
    host: Host,
    first: bytes,
    *,
    password: str | None = None,
    timeout: float = 10,
    archive: Archive | None = None,
    redact: Callable[[str], str] = str,
) -> Agent:
    """Start the agent on a host, with the first messages for it.

    password: for sudo. timeout: seconds until the host answers. Errors: Unreachable; SudoPasswordWanted asks to be
    called again with a password.
    """
    archive = archive or made()
    user = sudo_user(host, connection.user)
    password = password if user else None
    talk = _Talk(connection.start(launch.command(host, user, password is not None)), host, user, password, redact)
    try:
        return _opened(talk, host, first, timeout, archive)
    except BaseException:
        talk.process.close()
        raise


def sudo_user(host: Host, user: str) -> str | None:
    """Who to become by sudo after a login as `user`; None: nobody else."""
    if host.require_sudo and not host.service_user:
        raise Unreachable(
            f"the host {host.name} has require_sudo = True, but no service_user says who to become",
            file=host.file,
            line=host.line,
            hint="Say service_user = NAME in the environment, or for the host.",
        )
    wanted = host.service_user != user if host.require_sudo is None else host.require_sudo
    return host.service_user if wanted else None


def _opened(talk: _Talk, host: Host, first: bytes, timeout: float, archive: Archive) -> Agent:
    if talk.password is not None:  # the rest waits, as sudo would take it for more passwords
        talk.send(talk.password.partition("\n")[0].encode() + b"\n")
        _expect_ready(talk, talk.line(timeout, "did not let sudo take the password"), host)
    talk.send(launch.opening(host, archive, first))
    answer = _understood(talk, talk.line(timeout, "did not answer"), host)
    shipped = answer["wants"]
    if shipped:
        talk.send(launch.shipment(archive))
        answer = _understood(talk, line := talk.line(INSTALLATION, "did not install the agent"), host)
        if answer["wants"]:
            raise refusals.garbage(host, talk.redact(line))
    talk.sent()
    greeting = Greeting(str(answer["version"]), str(answer["python"]), shipped)
    return Agent(talk.process, greeting, bytes(talk.received))


def _expect_ready(talk: _Talk, line: str, host: Host) -> None:
    if line != "ready":
        missing = line.startswith("no ")
        raise refusals.missing(host, None, line) if missing else refusals.garbage(host, talk.redact(line))


def _understood(talk: _Talk, line: str, host: Host) -> dict[str, Any]:
    """What the stub says. Errors: Unreachable where it says what is wrong, or what it never says."""
    if line.startswith("no "):
        raise refusals.missing(host, talk.user, line)
    try:
        answer = json.loads(line)
        if "failed" not in answer and isinstance(answer["wants"], bool) and answer["version"] and answer["python"]:
            return dict(answer)
    except (ValueError, KeyError, TypeError):
        raise refusals.garbage(host, talk.redact(line)) from None
    raise refusals.failed(host, answer)


class _Talk:
    """The conversation with the stub. redact: filters what is told of it, before it is shortened."""

    def __init__(
        self, process: Process, host: Host, user: str | None, password: str | None, redact: Callable[[str], str]
    ) -> None:
        self.process, self.user, self.password, self.redact = process, user, password, redact
        self.received = bytearray()
        self._host = host
        self._writer: threading.Thread | None = None

    def send(self, data: bytes) -> None:
        """Start to send: a shell that prints much before it reads would keep whoever does not listen waiting."""
        self.sent()
        self._writer = threading.Thread(target=self._write, args=(data,), name=f"to-{self._host.name}", daemon=True)
        self._writer.start()

    def _write(self, data: bytes) -> None:
        with suppress(DeplError, OSError, EOFError):  # why it ended is said by the other direction
            self.process.write(data)

    def sent(self) -> None:
        """Wait until everything was sent, which it is where the other side is honest. Errors: Unreachable."""
        if self._writer is not None:
            self._writer.join(PATIENCE)
            if self._writer.is_alive():
                raise refusals.silence(self._host, "answers without reading what it is sent", self._printed())

    def line(self, timeout: float, what: str) -> str:
        """The next line behind a marker, whatever else was printed before it. Errors: Unreachable."""
        deadline = time.monotonic() + timeout
        while (line := self._next()) is None:
            if len(self.received) > LARGEST_NOISE:
                raise refusals.noise(self._host, self.redact(self.received.decode("utf-8", "replace")))
            try:
                piece = self._read(deadline)
            except TimeoutError:
                raise refusals.silence(self._host, f"{what} within {timeout:g} s", self._printed()) from None
            if not piece:
                raise self._ended()
            self.received += piece
        return line

    def _next(self) -> str | None:
        """A complete line; taken out of what was received."""
        start = self.received.find(MARKER)
        end = self.received.find(b"\n", start)
        if start < 0 or end < 0:
            return None
        line = self.received[start + len(MARKER) : end].decode("utf-8", "replace")
        del self.received[: end + 1]
        return line

    def _read(self, deadline: float) -> bytes:
        """What comes next. While sudo may be asking again, what it says is looked at."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                return self.process.read(left if self.password is None else min(left, GLANCE))
            except TimeoutError:
                if self.password is not None and "try again" in self.process.errors():
                    raise self._ended() from None

    def _ended(self) -> Unreachable:
        """Why there is no answer: what was printed before the end."""
        return refusals.ended(self._host, self.user, self._printed(), self.process.status())

    def _printed(self) -> str:
        """What says most of what happened: the errors, else what was printed."""
        return self.redact(self.process.errors().strip() or self.received.decode("utf-8", "replace").strip())
