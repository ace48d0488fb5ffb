"""Where notices go: a webhook, a mailbox, a command. Names of targets tell the host, never what grants access."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from depl.rollout.notices import NotTold, Target, lines_of


def target_of(text: str, base: str, smtp: str, sender: str | None, timeout: float) -> Target:
    """What a line of `[notify] targets` means. timeout: seconds. Errors: ValueError, which repeats nothing of it."""
    kind, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if kind == "webhook":
        return Webhook(_address(rest, "http", "https"), timeout)
    if kind == "mail":
        to, via, server = rest.partition(" via ")
        if "@" not in to or " " in to.strip():
            raise ValueError("mail NAME@HOST, with `via smtp://HOST:PORT` if it is not the usual server")
        return Mail(to.strip(), _address(server.strip() if via else smtp, "smtp", "smtps"), sender, timeout)
    if kind == "command" and rest:
        return Command(rest, base, timeout)
    raise ValueError("webhook URL, mail NAME@HOST or command COMMAND")


class _Ends:
    """Ends with the process that sends."""

    def give_up(self) -> None:
        """There is nothing to leave behind."""


@dataclass
class Webhook(_Ends):
    """A POST of JSON. A user and a password in the address are sent as Basic authorization."""

    address: SplitResult
    timeout: float

    @property
    def name(self) -> str:
        """The host alone: paths of webhooks are often all that keeps others out."""
        return f"webhook {self.address.hostname}"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Post a notice."""
        from base64 import b64encode
        from urllib.error import HTTPError, URLError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Nowhere(HTTPRedirectHandler):  # another host is not to hear what this one may
            def redirect_request(self, *request: Any) -> None:
                return None

        host = self.address.netloc.rpartition("@")[2]
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "depl"}
        if self.address.username is not None:
            user = f"{unquote(self.address.username)}:{unquote(self.address.password or '')}"
            headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        url = urlunsplit(self.address._replace(netloc=host, fragment=""))
        try:
            with build_opener(Nowhere).open(Request(url, _json(notice), headers), timeout=self.timeout):  # noqa: S310 - http(s)
                pass
        except HTTPError as error:
            with error:
                raise NotTold(f"it answered with status {error.code}") from None
        except URLError as error:
            if isinstance(error.reason, OSError):
                raise error.reason from None
            raise NotTold("its address is not understood") from None


@dataclass
class Mail(_Ends):
    """A mail by SMTP; a password is sent over an encrypted connection only."""

    to: str
    server: SplitResult
    sender: str | None
    timeout: float

    @property
    def name(self) -> str:
        """To whom, by which server."""
        return f"mail to {self.to} by {self.server.hostname}"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Send a notice."""
        import smtplib
        from email.message import EmailMessage

        message = EmailMessage()
        message["Subject"] = _encodable(f"depl: {notice['text']}"[:200])
        message["From"], message["To"] = self.sender or _own_address(), self.to
        message.set_content(_encodable(f"{notice['text']}\n\n{lines_of(notice)}"))
        secure = self.server.scheme == "smtps"
        connect = smtplib.SMTP_SSL if secure else smtplib.SMTP
        try:
            with connect(self.server.hostname or "", self.server.port or 0, timeout=self.timeout) as smtp:
                if self.server.username is not None:
                    self._log_in(smtp, secure)
                smtp.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise NotTold(f"the server answered with status {error.smtp_code}") from None
        except smtplib.SMTPException as error:
            raise NotTold(f"the server refused it ({type(error).__name__})") from None

    def _log_in(self, smtp: Any, secure: bool) -> None:
        if not secure:
            from ssl import create_default_context

            smtp.ehlo()
            if not smtp.has_extn("starttls"):
                raise NotTold("the server would take the password in clear only")
            smtp.starttls(context=create_default_context())
        smtp.login(unquote(self.server.username or ""), unquote(self.server.password or ""))


@dataclass
class Command:
    """A command in the project's directory, with the notice as JSON on its standard input."""

    command: str
    base: str
    timeout: float
    _turn: Lock = field(default_factory=Lock)
    _process: subprocess.Popen[bytes] | None = None
    _over: bool = False

    @property
    def name(self) -> str:
        """The program alone: arguments may grant access."""
        return f"command {self.command.split()[0]}"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Run it; it and its children are gone after the timeout."""
        with self._turn:
            if self._over:
                raise NotTold("there was no time left for it")
            self._process = process = subprocess.Popen(
                self.command,
                shell=True,
                cwd=self.base,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        with process:
            try:
                process.communicate(_json(notice), timeout=self.timeout)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise NotTold(f"it took longer than {self.timeout:g} s") from None
        if process.returncode:
            raise NotTold(f"it ended with status {process.returncode}")

    def give_up(self) -> None:
        """End what runs, and run no more."""
        with self._turn:
            self._over = True
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _address(text: str, *schemes: str) -> SplitResult:
    expected = ValueError(f"{' or '.join(schemes)}://HOST...")
    if any(character.isspace() for character in text):
        raise expected
    try:
        address = urlsplit(text)
        valid = address.scheme in schemes and bool(address.hostname) and address.port != 0
    except ValueError:
        raise expected from None
    if not valid:
        raise expected
    return address


def _own_address() -> str:
    from socket import gethostname

    return f"depl@{gethostname()}"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _json(notice: Mapping[str, Any]) -> bytes:
    return _encodable(json.dumps(notice, ensure_ascii=False)).encode()
