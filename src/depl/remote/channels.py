"""A login and the commands that run in it, each in a channel of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from depl.errors import Unreachable
from depl.remote.handshake import load_paramiko, shut

CHUNK = 256 * 1024
ERRORS_KEPT = 64 * 1024
STEP = 1.0  # seconds; what is blocked looks up so often, to take what comes on standard error
LAST_WORDS = 1.0  # seconds to wait for the exit status after the end of the output


class SshConnection:
    """A login over SSH. when_closed: called once, at its end."""

    def __init__(self, host: str, user: str, transport: Any, when_closed: Callable[[], None] | None = None) -> None:
        self.host, self.user = host, user
        self._transport, self._when_closed = transport, when_closed

    def start(self, command: str) -> SshProcess:
        """Start a command by the user's shell. Errors: Unreachable."""
        paramiko = load_paramiko()
        try:
            channel = self._transport.open_session()
            channel.exec_command(command)
        except paramiko.ChannelException as error:
            message = f"{self.host} lets {self.user} in, but starts nothing: {error.text}"
            raise Unreachable(message, hint="See MaxSessions in its sshd_config.") from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            reason = str(error).rstrip(".") or "end of file"
            message = f"{self.host} lets {self.user} in, but a command cannot be started: {reason}"
            raise Unreachable(message, hint="See the log of its sshd, and the user's shell there.") from None
        return SshProcess(self.host, channel)

    def close(self) -> None:
        """Log out; commands that run find their input at its end."""
        shut(self._transport)
        if self._when_closed is not None:
            self._when_closed()
            self._when_closed = None


class SshProcess:
    """A command at the other end. One thread may read while another one writes."""

    def __init__(self, host: str, channel: Any) -> None:
        self._host, self._channel = host, channel
        self._errors = bytearray()
        self._taking_errors = threading.Lock()  # whoever reads and whoever writes both make room
        channel.settimeout(STEP)

    def write(self, data: bytes) -> None:
        """All of it; blocks while the other side does not read. Errors: Unreachable."""
        paramiko = load_paramiko()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._channel.send(bytes(rest[:CHUNK])) :]
            except TimeoutError:
                self._take_errors()
            except (paramiko.SSHException, OSError, EOFError):
                message = f"The line to {self._host} is cut, or the command there does not read any more"
                raise Unreachable(message) from None

    def read(self, timeout: float | None = None) -> bytes:
        """What came; b"" at the end, and then status() is None if the line was cut. Errors: TimeoutError."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = STEP if end is None else end - time.monotonic()
            self._channel.settimeout(min(STEP, max(left, 0.001)))
            try:
                data: bytes = self._channel.recv(CHUNK)
            except TimeoutError:
                self._take_errors()
                if left <= STEP and end is not None:
                    raise
                continue
            self._take_errors()
            if not data:
                self._channel.status_event.wait(LAST_WORDS)
            return data

    def errors(self) -> str:
        """The last 64 KB that it wrote to standard error so far."""
        self._take_errors()
        return self._errors.decode(errors="replace")

    def status(self) -> int | None:
        """Its exit status; None while it runs and where that is not known, -1 where a signal ended it."""
        if not self._channel.exit_status_ready():
            return None
        status: int = self._channel.exit_status
        return None if status == -1 and not self._channel.get_transport().is_active() else status

    def close(self) -> None:
        """Close its input and output; it is not waited for."""
        self._take_errors()
        self._channel.close()

    def _take_errors(self) -> None:
        with self._taking_errors:
            try:
                while self._channel.recv_stderr_ready():
                    self._errors += self._channel.recv_stderr(CHUNK)
            except TimeoutError:
                pass
            del self._errors[:-ERRORS_KEPT]
