"""A socket to the port where a host's sshd answers: straight, through a command, or through another connection."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import tempfile
from typing import Any

from depl.errors import Unreachable

HINT = "Check `address` and `port` of the host, and what ssh_config says about it."


def tcp(host: str, address: str, port: int, timeout: float) -> socket.socket:
    """A connection over the network. host: its name, for messages. Errors: Unreachable."""
    try:
        connection = socket.create_connection((address, port), timeout)
    except (OSError, UnicodeError) as error:
        raise _unreachable(host, address, port, timeout, error) from None
    # Without this each exec waits for a delayed acknowledgement: 40 ms and more.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection


class Command:
    """A ProxyCommand: what it reads and writes is the connection."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.socket, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 closed with the connection
        with theirs:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said,
                start_new_session=True,  # Ctrl-C is for depl, which ends it in its own time
            )

    def said(self) -> str:
        """The last line that it wrote to standard error."""
        if self._said.closed:
            return ""
        size = os.fstat(self._said.fileno()).st_size
        lines = os.pread(self._said.fileno(), 1000, max(0, size - 1000)).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End it."""
        self.socket.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


def through(transport: Any, host: str, address: str, port: int, timeout: float) -> Any:
    """A connection that the other end of a transport makes. Errors: Unreachable."""
    import paramiko

    where = host if host == address else f"{host} ({address})"
    try:
        return transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout)
    except paramiko.ChannelException as error:
        if error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
            message = f"The jump host of {where} does not forward connections"
            raise Unreachable(message, hint="Allow it in its sshd_config (AllowTcpForwarding).") from None
        raise Unreachable(f"{where} cannot be reached on port {port} from its jump host", hint=HINT) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        reason = str(error).rstrip(".") or "the line is cut"
        message = f"{where} cannot be reached on port {port} through its jump host: {reason}"
        raise Unreachable(message, hint=HINT) from None


def _unreachable(host: str, address: str, port: int, timeout: float, error: Exception) -> Unreachable:
    where = host if host == address else f"{host} ({address})"
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return Unreachable(f"The name of {host} does not resolve: {address}", hint=HINT)
    if isinstance(error, TimeoutError):
        message = f"{where} does not answer on port {port} within {timeout:g} s"
        return Unreachable(message, hint=f"{HINT} `timeout` in [environment] sets how long to wait.")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{where} refuses connections to port {port}", hint=f"Is sshd running there? {HINT}")
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Unreachable(f"There is no route to {where}: {os.strerror(number or 0)}", hint=HINT)
    reason = os.strerror(number) if number else str(error)
    return Unreachable(f"{where} cannot be reached on port {port}: {reason}", hint=HINT)
