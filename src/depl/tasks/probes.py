"""Looking whether something is well, again and again for a while; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from depl.deploy.failure import LINES_OF_OUTPUT
from depl.errors import CmdExecutionError, DeploymentError
from depl.lib.urls import authorization, masked
from depl.tasks.arguments import mistaken
from depl.tasks.command import Given, assert_command, in_title
from depl.tasks.delay import duration, is_number
from depl.tasks.task import Task

LARGEST = 1 << 20  # bytes of an answer that are read


class Probe(Task):
    """What all probes share: `look()` raises where something is wrong.

    retries: how often it looks again before it fails, `interval` seconds after the last time. timeout: seconds for
    one look.
    """

    changes_nothing = True
    repeatable = True

    def __init__(self, retries: int, interval: float, timeout: float) -> None:
        if not is_number(retries, interval, timeout) or retries % 1 or timeout == 0:
            raise mistaken(f"{type(self).__name__} takes retries and interval from 0, and a timeout above it")
        self.looks, self.interval, self.patience_of_look = retries + 1, interval, timeout

    def run(self) -> None:
        for number in range(1, self.looks + 1):
            self.assert_going_on()
            try:
                self.look()
                return
            except DeploymentError as error:
                if self.terminating or number == self.looks:
                    raise
                self.log(f"{error.message}; again in {duration(self.interval)} ({self.looks - number} left)")
            self.wait(self.interval)

    def look(self) -> None:
        """Errors: DeploymentError, which says what was seen."""
        raise NotImplementedError


class HttpProbe(Probe):
    """A URL answers as it should; redirections are answers, too.

    status: the wanted one, or several. contains: a text that must be in the answer. ca: a file of certificates to
    trust, relative to the project. User and password in the URL are sent, never shown.
    """

    def __init__(
        self,
        url: str,
        status: int | Sequence[int] = 200,
        contains: str = "",
        retries: int = 0,
        interval: float = 5,
        timeout: float = 10,
        ca: str | None = None,
    ) -> None:
        super().__init__(retries, interval, timeout)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise mistaken(f"HttpProbe cannot look at {masked(url)!r}", "Write it as http://host:port/path.")
        self.url, self.contains, self.ca = url, contains, ca
        self.status = {status} if isinstance(status, int) else set(status)
        self.title = f"Look at {masked(url)}"

    def look(self) -> None:
        status, reason, body = self._answer()
        shown, said = masked(self.url), self.working.redact(body.decode(errors="replace"))
        if status not in self.status:
            wanted = " or ".join(map(str, sorted(self.status)))
            raise self._wrong(f"{shown} answers {status} {reason}, not {wanted}", said)
        if self.contains and self.contains.encode() not in body:
            raise self._wrong(f"{shown} answers without {self.contains!r}", said)

    def _answer(self) -> tuple[int, str, bytes]:
        import http.client

        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._connection(str(parts.hostname), parts.port, secure=parts.scheme == "https")
        try:
            connection.request("GET", target, headers=authorization(self.url))
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.read(LARGEST)
        except (OSError, http.client.HTTPException) as error:
            why = _reason(error, self.patience_of_look)
            raise DeploymentError(f"{masked(self.url)} does not answer: {why}") from error
        finally:
            connection.close()

    def _connection(self, host: str, port: int | None, *, secure: bool) -> Any:
        import http.client

        if not secure:
            return http.client.HTTPConnection(host, port, timeout=self.patience_of_look)
        import ssl

        file = os.path.join(self.working.base, self.ca) if self.ca else None
        try:
            context = ssl.create_default_context(cafile=file)
        except OSError as error:
            raise DeploymentError(f"The certificates in {self.ca} cannot be read: {error}") from error
        return http.client.HTTPSConnection(host, port, timeout=self.patience_of_look, context=context)

    def _wrong(self, message: str, said: str) -> DeploymentError:
        """Also its last lines are told, for whoever looks for the cause."""
        lines = said.strip().splitlines()[-LINES_OF_OUTPUT:]
        if lines:
            self.working.output("stdout", "\n".join(line[:500] for line in lines) + "\n")
        return DeploymentError(message)


class TcpProbe(Probe):
    """Somebody accepts connections at `host:port`."""

    def __init__(self, address: str, retries: int = 0, interval: float = 5, timeout: float = 10) -> None:
        super().__init__(retries, interval, timeout)
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise mistaken(f"TcpProbe cannot look at {address!r}", "Write it as host:port.")
        self.host, self.port = host.strip("[]"), int(port)
        self.title = f"Connect to {address}"

    def look(self) -> None:
        import socket

        try:
            with socket.create_connection((self.host, self.port), self.patience_of_look):
                return
        except OSError as error:
            why = _reason(error, self.patience_of_look)
            raise DeploymentError(f"{self.host}:{self.port} does not accept connections: {why}") from error


class CommandProbe(Probe):
    """A command that looks succeeds. contains: a text that must be in what it prints. cwd, env: as those of Command."""

    def __init__(
        self,
        command: Given,
        retries: int = 0,
        interval: float = 5,
        timeout: float = 60,
        contains: str = "",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(retries, interval, timeout)
        self.command, self.contains, self.cwd, self.env = assert_command(self, command), contains, cwd, env
        self.title = f"Look with {in_title(command)}"

    def look(self) -> None:
        result = self.subprocess(self.command, cwd=self.cwd, env=self.env, timeout=self.patience_of_look)
        if self.contains and self.contains not in result.stdout + result.stderr:
            reason = f"does not print {self.contains!r}"
            said = self.working.redact(result.stdout), self.working.redact(result.stderr)
            raise CmdExecutionError(in_title(self.command).strip("`"), result.status, *said, reason=reason)


def _reason(error: BaseException, patience: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {patience:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
