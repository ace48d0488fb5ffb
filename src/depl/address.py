"""Addresses of services, and how an environment turns names into IP addresses."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Any, Iterator, Mapping, Optional, Sequence, Union

from depl.errors import ConfigurationError, ConversionError

Wanted = Union[bool, str]  # True, False or "optional"


@dataclass(frozen=True)
class Resolver:
    """How an environment turns names into addresses. names: its `[resolver]`, which comes before DNS."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    require_v4: Wanted = True
    require_v6: Wanted = False

    def given(self, host: str, v6: bool) -> Optional[str]:
        """The first address of this kind that the environment gives for the host."""
        return next(
            (address for address in self.names.get(host, ()) if (":" in address) is v6),
            None,
        )


_resolver: ContextVar[Optional[Resolver]] = ContextVar("resolver", default=None)


@contextmanager
def resolving(resolver: Resolver) -> Iterator[None]:
    """While this lasts (an environment is loaded or configured), new Address objects belong to this resolver.

    An Address keeps the resolver under which it was made, so that it may be looked up any time later.
    """
    token = _resolver.set(resolver)
    try:
        yield
    finally:
        _resolver.reset(token)


def _current_resolver() -> Resolver:
    return _resolver.get() or Resolver()


@total_ordering
class NetLoc:
    """A host (name or IP address) with a port, or without one."""

    def __init__(self, host: str, port: Union[int, str, None] = None) -> None:
        self.host = host
        self.port = None if port is None else str(port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __repr__(self) -> str:
        return f"<NetLoc {self}>"

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, NetLoc) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._key < other._key if isinstance(other, NetLoc) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, int, str]:
        port = self.port or ""
        return (self.host, int(port) if port.isdigit() else -1, port)


@total_ordering
class Address:
    """Where a service is reached and on which IP addresses it listens: `Address("host:port")`, `Address("host", port)`.

    connect: the NetLoc for clients. listen, listen_v6: NetLoc with an IP address, looked up when asked for.
    require_v4, require_v6: True (must resolve), False (must not be asked for) or "optional" (None if there is none);
    the environment's settings unless given. environment: needed only where an Address is made outside of its configure.
    """

    def __init__(
        self,
        connect_address: str,
        port: Union[int, str, None] = None,
        require_v4: Optional[Wanted] = None,
        require_v6: Optional[Wanted] = None,
        environment: Any = None,
    ) -> None:
        host, port_in_address = _split(connect_address)
        port = port_in_address if port is None else port
        if port is None or not str(port):
            raise ConversionError(
                f"The address {connect_address!r} needs a port",
                hint=f"Write it as '{connect_address}:PORT'.",
            )
        if not str(port).isdigit() or int(port) > 65535:
            raise ConversionError(
                f"The port {port!r} of the address {connect_address!r} is not a number up to 65535",
                hint=f"Write it as '{host}:PORT'.",
            )
        self.connect = NetLoc(host, port)
        self._resolver: Resolver = _current_resolver() if environment is None else environment.resolver
        self.require_v4 = self._resolver.require_v4 if require_v4 is None else require_v4
        self.require_v6 = self._resolver.require_v6 if require_v6 is None else require_v6
        if not self.require_v4 and not self.require_v6:
            raise ConfigurationError(
                f"The address {self} requires neither IPv4 nor IPv6",
                hint="Set require_v4 or require_v6.",
            )
        self._found: dict[bool, Optional[NetLoc]] = {}

    @property
    def listen(self) -> Optional[NetLoc]:
        """The first IPv4 address, with the port."""
        return self._look_up(v6=False, wanted=self.require_v4)

    @property
    def listen_v6(self) -> Optional[NetLoc]:
        """The first IPv6 address that is not link-local, with the port."""
        return self._look_up(v6=True, wanted=self.require_v6)

    def _look_up(self, v6: bool, wanted: Wanted) -> Optional[NetLoc]:
        kind, switch = ("IPv6", "require_v6") if v6 else ("IPv4", "require_v4")
        if not wanted:
            raise ConfigurationError(
                f"The {kind} address of {self} was asked for, but {switch} is not set",
                hint=f"Set {switch} at this address or in [environment].",
            )
        if v6 not in self._found:
            ip, reason = _ip_of(self.connect.host, v6, self._resolver)
            if ip is None and wanted != "optional":
                raise _unresolved(self.connect.host, v6, reason)
            self._found[v6] = None if ip is None else NetLoc(ip, self.connect.port)
        return self._found[v6]

    def __str__(self) -> str:
        return str(self.connect)

    def __repr__(self) -> str:
        return f"<Address {self}>"

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Address) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._key < other._key if isinstance(other, Address) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[NetLoc, str, str]:
        return (self.connect, str(self.require_v4), str(self.require_v6))


def resolve(
    host: str,
    port: Union[int, str] = 0,  # noqa: ARG001 (as in batou)
    resolve_override: Optional[Mapping[str, str]] = None,
) -> str:
    """The IPv4 address of a host. resolve_override: addresses that are known already. The port is ignored."""
    return _resolve(host, False, resolve_override)


def resolve_v6(
    host: str,
    port: Union[int, str] = 0,  # noqa: ARG001 (as in batou)
    resolve_override: Optional[Mapping[str, str]] = None,
) -> str:
    """The IPv6 address of a host, not a link-local one. Otherwise as resolve()."""
    return _resolve(host, True, resolve_override)


def _resolve(host: str, v6: bool, override: Optional[Mapping[str, str]]) -> str:
    resolver = _current_resolver() if override is None else Resolver({name: [ip] for name, ip in override.items()})
    ip, reason = _ip_of(host, v6, resolver)
    if ip is None:
        raise _unresolved(host, v6, reason)
    return ip


def _unresolved(host: str, v6: bool, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{host!r} has no {'IPv6' if v6 else 'IPv4'} address: {reason}",
        hint=f"Give it in the environment file: [resolver] {host} = ADDRESS",
    )


def _ip_of(host: str, v6: bool, resolver: Resolver) -> tuple[Optional[str], str]:
    """The address of a host, or None and why there is none."""
    given = resolver.given(host, v6)
    if given is not None:
        return given, ""
    import socket

    try:
        answers = socket.getaddrinfo(host, None, socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        return None, str(problem)
    ips = [str(answer[4][0]) for answer in answers]
    usable = [ip for ip in ips if not ip.lower().startswith("fe80:")]
    return (usable[0], "") if usable else (None, "there are only link-local addresses" if ips else "no answer")


def _split(address: str) -> tuple[str, Optional[str]]:
    """Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` and a bare `v6`."""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConversionError(f"The address {address!r} is not of the form '[IPv6]:port'")
        return host, rest[1:] or None
    if address.count(":") > 1:
        return address, None
    host, _, port = address.partition(":")
    return host, port or None
