"""Connections to hosts over SSH: one for each host, all of a run sharing configuration, keys and known hosts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from depl.errors import Unreachable
from depl.host import Host
from depl.remote import handshake, sockets
from depl.remote.channels import SshConnection
from depl.remote.hostkeys import KnownHosts, Offered, names_of
from depl.remote.identities import Ask, Identities
from depl.remote.ssh_config import SshConfig, SshSettings

HANDSHAKES = 20  # at the same time; sshd itself begins to refuse at ten (MaxStartups 10:30:100)
ATTEMPTS_OF_COMMAND = 3  # it may be an ssh that is refused, or wrong


class Process(Protocol):
    """A running command at the other end. One thread may read while another one writes."""

    def write(self, data: bytes) -> None:
        """Write all of it; blocks while the other side does not read. Errors: Unreachable."""

    def read(self, timeout: float | None = None) -> bytes:
        """What came; b"" at the end. Errors: TimeoutError."""

    def errors(self) -> str:
        """What it wrote to standard error so far; the last 64 KB."""

    def status(self) -> int | None:
        """Its exit status; None while it runs, and after the end where the line was cut; below 0: a signal."""

    def close(self) -> None:
        """Close its input and output; it is not waited for."""


class Connection(Protocol):
    """A login on a host."""

    user: str

    def start(self, command: str) -> Process:
        """Start a command, as text for a shell. Errors: Unreachable."""

    def close(self) -> None:
        """Log out."""


@dataclass
class _Jump:
    """A host that others are reached through, and its connection."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: _Line | None = None
    error: Unreachable | None = None
    failed: float = 0.0


@dataclass(frozen=True)
class _Line:
    """A transport with what carries it."""

    transport: Any
    command: sockets.Command | None = None

    def close(self) -> None:
        handshake.shut(self.transport)
        if self.command is not None:
            self.command.close()


class Dialer:
    """Connects to the hosts of an environment. May be used by several threads.

    timeout: seconds for each of connecting, agreeing on keys, and logging in; ConnectTimeout in ssh_config wins. jobs:
    hosts that are worked on at the same time. ask: asks whoever sits there for a passphrase; None: nobody does.
    Errors: ConfigurationError where ssh_config cannot be read.
    """

    def __init__(self, base_dir: str, environment: str, *, timeout: float, jobs: int, ask: Ask | None = None) -> None:
        # Takes 0.1 s, while others work. Not a daemon: a process that ends in the middle of such an import aborts.
        threading.Thread(target=handshake.load_paramiko).start()
        self.ask = ask
        self._timeout = timeout
        self._config = SshConfig(base_dir, environment)
        self._known_hosts = KnownHosts(base_dir, environment)
        self._identities = Identities(ask)
        self._handshakes = threading.BoundedSemaphore(max(1, min(jobs, HANDSHAKES)))
        self._jumps: dict[tuple[SshSettings, ...], _Jump] = {}
        self._lock = threading.Lock()

    def connect(self, host: Host) -> Connection:
        """Log in. Errors: Unreachable, HostKeyRefused."""
        settings = self.settings_for(host)

        def enter(transport: Any) -> None:
            self._check(host, host.name, settings, transport)
            handshake.log_in(transport, host.name, settings, self._identities)

        line = self._dial(host, host.name, settings, self._route(settings), enter)
        return SshConnection(host.name, settings.user, line.transport, line.close)

    def offered(self, host: Host) -> Offered:
        """The key that a host shows; where it is reached through others, that of the first one that is not known yet.

        Nobody logs in on a host whose key is not known. Errors: Unreachable.
        """
        settings = self.settings_for(host)
        route = [*self._route(settings), settings]
        for number, hop in enumerate(route):
            line = self._dial(host, hop.name, hop, route[:number], lambda transport: None)
            names = _names(hop)
            offered = handshake.shown_key(line.transport, names[0])
            line.close()
            known = self._known_hosts.is_known(names, hop.known_hosts_files, offered.key)
            if hop is settings or not known:
                return Offered(offered.name, offered.kind, offered.key, known=known)
        raise AssertionError("a route ends with the host itself")

    def settings_for(self, host: Host) -> SshSettings:
        """What ssh_config says about a host. The environment's address and port win over it."""
        names = [host.fqdn, host.name, *([host.address] if host.address else [])]
        return self._config.settings_for(names, host.address, host.port)

    def close(self) -> None:
        """Close what connections shared: those that others went through, and the agent of ssh."""
        with self._lock:
            jumps, self._jumps = self._jumps, {}
        for jump in jumps.values():
            if jump.connection is not None:
                jump.connection.close()
        self._identities.close()

    def _dial(
        self, host: Host, shown: str, settings: SshSettings, route: Sequence[SshSettings], enter: Callable[[Any], None]
    ) -> _Line:
        """A connection that went through `enter`; where sshd has too many at once, tried again for `timeout`."""
        waited, attempts = 0.0, 0
        while True:
            through = self._through(host, tuple(route)) if route else None
            with self._handshakes:
                try:
                    return self._attempt(shown, settings, through, enter)
                except handshake.ClosedEarly as error:
                    attempts += 1
                    if waited >= self._timeout or (settings.proxy_command and attempts == ATTEMPTS_OF_COMMAND):
                        raise Unreachable(error.message, hint=error.hint) from None
            pause = min(3.0, 0.1 * 2**attempts) * random.uniform(0.5, 1.5)  # noqa: S311 nothing secret
            time.sleep(pause)
            waited += pause

    def _attempt(self, shown: str, settings: SshSettings, through: _Line | None, enter: Callable[[Any], None]) -> _Line:
        timeout = settings.connect_timeout or self._timeout
        command = None
        if through is not None:
            socket = sockets.through(through.transport, shown, settings.address, settings.port, timeout)
        elif settings.proxy_command:
            command = sockets.Command(settings.proxy_command)
            socket = command.socket
        else:
            socket = sockets.tcp(shown, settings.address, settings.port, timeout)
        try:
            kinds = self._known_hosts.kinds(_names(settings), settings.known_hosts_files)
            transport = handshake.negotiate(socket, shown, settings, kinds, timeout)
        except Unreachable as error:
            raise _told(error, command) from None
        line = _Line(transport, command)
        try:
            enter(transport)
        except BaseException:
            line.close()
            raise
        return line

    def _through(self, host: Host, route: tuple[SshSettings, ...]) -> _Line:
        """The connection to the last host of a route, shared by all who go through it."""
        with self._lock:
            jump = self._jumps.setdefault(route, _Jump())
        asked = time.monotonic()
        with jump.lock:
            if jump.connection is not None and jump.connection.transport.is_active():
                return jump.connection
            if jump.error is not None and jump.failed > asked:
                raise _on_the_way(host, jump.error)  # of the attempt that we waited for
            hop = route[-1]

            def enter(transport: Any) -> None:
                self._check(host, hop.name, hop, transport)
                handshake.log_in(transport, hop.name, hop, self._identities)

            try:
                jump.connection = self._dial(host, hop.name, hop, route[:-1], enter)
            except Unreachable as error:
                jump.error, jump.failed = error, time.monotonic()
                raise _on_the_way(host, error) from None
            return jump.connection

    def _route(self, settings: SshSettings, seen: frozenset[tuple[str, int]] = frozenset()) -> list[SshSettings]:
        """The hosts to go through. One whose way would lead through itself is reached straight (`Host *`)."""
        seen |= {(settings.address, settings.port)}
        hops = [self._hop(text) for text in settings.proxy_jump]
        if not hops or (hops[0].address, hops[0].port) in seen:
            return []
        return [*self._route(hops[0], seen), *hops]

    def _hop(self, text: str) -> SshSettings:
        """What `[user@]host[:port]` in a ProxyJump means."""
        user, _, place = text.removeprefix("ssh://").rpartition("@")
        name, colon, port = place.rpartition(":")
        if not colon or not port.isdecimal() or (":" in name and not name.startswith("[")):
            name, port = place, ""
        return self._config.settings_for([name.strip("[]")], None, int(port) if port else None, user or None)

    def _check(self, host: Host, shown: str, settings: SshSettings, transport: Any) -> None:
        names = _names(settings)
        offered = handshake.shown_key(transport, names[0])
        self._known_hosts.check(shown, names, settings.known_hosts_files, offered, trust=host.name)


def _names(settings: SshSettings) -> list[str]:
    return names_of([settings.address, settings.name], settings.port, settings.host_key_alias)


def _on_the_way(host: Host, error: Unreachable) -> Unreachable:
    """The error of a jump host, as one of the host that lies behind it."""
    prefix = f"On the way to {host.name}: "
    return type(error)(prefix + error.message.removeprefix(prefix), hint=error.hint)


def _told(error: Unreachable, command: sockets.Command | None) -> Unreachable:
    """The error, with what the ProxyCommand had to say."""
    if command is None:
        return error
    said = command.said()
    command.close()
    message = f"{error.message} (through ProxyCommand `{command.command}`{': ' + said if said else ''})"
    return type(error)(message, hint=error.hint)
