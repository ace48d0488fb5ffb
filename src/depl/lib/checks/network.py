"""Checks of what answers over the network."""

from __future__ import annotations

import time
from typing import Any, Iterator, Optional

from depl.errors import ConfigurationError
from depl.lib.checks.base import BODY, Check, excerpt
from depl.lib.ports import holder
from depl.lib.urls import authorization, masked


class TcpCheck(Check):
    r"""Somebody accepts connections at an address: `host:port` or an Address.

    expect: a text that must come in what is said first. send: a text that is sent before.

        self += TcpCheck("localhost:6379", send="PING\n", expect="+PONG")
    """

    namevar = "address"
    address: Any = None
    send = ""
    expect = ""

    def configure(self) -> None:
        super().configure()
        self._host, self._port = _host_and_port(self.address)

    def probe(self) -> Optional[str]:
        import socket

        try:
            with socket.create_connection((self._host, self._port), self.attempt_timeout) as connection:
                if self.send:
                    connection.sendall(self.send.encode())
                if not self.expect:
                    return None
                said = self._hear(connection)
        except OSError as problem:
            return f"{self.address} does not accept connections: {_reason(problem, self.attempt_timeout)}"
        if self.expect.encode() in said:
            return None
        heard = self.environment.redact(said.decode(errors="replace"))[:BODY]
        return f"{self.address} does not say {self.expect!r}, but {heard!r}"

    def _hear(self, connection: Any) -> bytes:
        """What is said until what was expected came, the end of the connection or the end of our patience."""
        said = b""
        until = time.monotonic() + self.attempt_timeout
        while self.expect.encode() not in said and len(said) < 1 << 16 and time.monotonic() < until:
            try:
                part = connection.recv(4096)
            except TimeoutError:
                break
            except OSError as problem:
                if "timed out" in str(problem):  # Python 3.9 has a class of its own for it
                    break
                raise
            if not part:
                break
            said += part
        return said

    def clues(self) -> Iterator[str]:
        return _clues_on_port(self._host, self._port)


class HttpCheck(Check):
    """A URL answers as it should. Redirections are answers, too: they are not followed.

    status: the wanted one, or several (200). contains: a text that must be in the answer's body. headers: to send.
    method: GET. host_header: the name under which the server knows the site. verify_tls: whether a certificate must be
    valid. User and password in the URL are sent, never shown.

        self += HttpCheck("http://localhost:8080/health", contains="ok", log_files="var/log/shop.log")
    """

    namevar = "url"
    url: Any = None
    status: Any = 200
    contains = ""
    headers: Any = None
    method = "GET"
    host_header = ""
    verify_tls = True

    def configure(self) -> None:
        super().configure()
        from urllib.parse import urlsplit

        parts = urlsplit(str(self.url))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"{self.namevar_for_breadcrumb!r} is not a URL that can be checked",
                self,
                hint="Write it as http://host:port/path.",
            )
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {**authorization(str(self.url)), **(self.headers or {})}
        if self.host_header:
            self._headers["Host"] = self.host_header
        self.status = {int(one) for one in ([self.status] if isinstance(self.status, (int, str)) else self.status)}

    def probe(self) -> Optional[str]:
        import http.client

        url = self.namevar_for_breadcrumb
        connection = self._connection()
        try:
            connection.request(self.method, self._target, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read(1 << 20)
        except (OSError, http.client.HTTPException) as problem:
            return f"{url} does not answer: {_reason(problem, self.attempt_timeout)}"
        finally:
            connection.close()
        said = excerpt(body, self.environment.redact)
        if answer.status not in self.status:
            wanted = " or ".join(map(str, sorted(self.status)))
            to = f" to {answer.headers['Location']}" if "Location" in answer.headers else ""
            return f"{url} answers {answer.status} {answer.reason}{to}, not {wanted}{said}"
        if self.contains and self.contains.encode() not in body:
            return f"{url} answers without {self.contains!r}{said}"
        return None

    def _connection(self) -> Any:
        import http.client

        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.attempt_timeout)
        import ssl

        context = ssl.create_default_context()
        if not self.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self._host, self._port, timeout=self.attempt_timeout, context=context)

    def clues(self) -> Iterator[str]:
        return _clues_on_port(self._host, self._port)

    @property
    def namevar_for_breadcrumb(self) -> Any:
        """The URL without its password."""
        return masked(str(self._named))


def _host_and_port(address: Any) -> tuple[str, int]:
    from depl.utils import Address, NetLoc

    location: Any = address if isinstance(address, NetLoc) else getattr(address, "connect", None)
    location = location or Address(address).connect
    return str(location.host), int(location.port)


def _clues_on_port(host: str, port: int) -> Iterator[str]:
    """Who listens on the port, if the host is this one."""
    if host not in ("localhost", "::1", "0.0.0.0", "::") and not host.startswith("127."):  # noqa: S104
        return
    listening = holder(port)
    yield (
        f"On port {port} listens {listening}."
        if listening
        else f"As far as can be seen, nobody listens on port {port}."
    )


def _reason(problem: BaseException, patience: float) -> str:
    if isinstance(problem, TimeoutError) or "timed out" in str(problem):
        return f"no answer within {patience:g} s"
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
