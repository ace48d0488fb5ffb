"""Where a request comes from, and what a proxy in between says of that, if it is believed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Peer:
    """Whoever sends a request. address: theirs; host: where they believe to be; secure: whether nobody could listen.

    is_proxy: whether it came through one that is believed.
    """

    address: str
    host: str
    secure: bool
    is_proxy: bool


def peer_of(request: Request, proxies: Collection[str]) -> Peer:
    """Who sent it. proxies: addresses and networks of those that are believed."""
    peer = request.client.host if request.client else ""
    host = request.headers.get("host", "")
    secure = request.url.scheme == "https"
    if not is_among(peer, proxies):
        return Peer(peer, host, secure, is_proxy=False)
    addresses = forwarded(request, "x-forwarded-for")
    strangers = [one for one in map(_bare, addresses) if not is_among(one, proxies)]
    nearest = strangers[-1] if strangers else _bare(addresses[0]) if addresses else ""
    hosts, schemes = forwarded(request, "x-forwarded-host"), forwarded(request, "x-forwarded-proto")
    return Peer(
        nearest if parsed(nearest) else peer,
        hosts[-1] if hosts else host,
        secure or schemes[-1:] == ["https"],
        is_proxy=True,
    )


def forwarded(request: Request, header: str) -> list[str]:
    """What proxies said, the nearest one last; those before it may be anybody's word."""
    said = ",".join(request.headers.getlist(header))
    return [one.strip() for one in said.split(",") if one.strip()]


def is_among(address: str, proxies: Collection[str]) -> bool:
    """Whether an address is one of some addresses and networks."""
    found = parsed(address)
    return found is not None and any(found in _network(one) for one in proxies)


def is_loopback(address: str) -> bool:
    """Whether only this machine gets there."""
    found = parsed(address)
    return address == "localhost" if found is None else found.is_loopback


def near(address: str) -> str:
    """What stands for an address where attempts are counted: whoever has one of IPv6 has a whole network."""
    found = parsed(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


def parsed(address: str) -> Address | None:
    """An address; one of IPv4 in the clothes of IPv6 is itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _bare(address: str) -> str:
    """Without port and brackets, which some proxies send."""
    match = re.fullmatch(r"\[([^]]*)\](?::\d+)?|([^:]+):\d+", address)
    return (match[1] or match[2]) if match else address


@cache
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)
