"""Which host of an environment a command is about, and whether this machine may stand for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from depl.cli.options import unknown
from depl.errors import ConfigurationError

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.host import Host


def chosen_host(environment: Environment, name: str | None) -> Host:
    """The host of that name, full name or alias; without a name the only one. Errors: ConfigurationError."""
    hosts = environment.hosts
    if name is None:
        if len(hosts) == 1:
            return next(iter(hosts.values()))
        raise ConfigurationError(
            f"the environment {environment.name} has {len(hosts) or 'no'} hosts, so say which one",
            hint=f"One of: {', '.join(hosts)}." if hosts else "Add one to [hosts] in its file.",
        )
    for host in hosts.values():
        if name in names_of(host):
            return host
    raise unknown(f"host of the environment {environment.name}", name, hosts)


def assert_is_here(environment: Environment, host: Host, command: str) -> None:
    """Refuse to do a remote machine's work on this one. Errors: ConfigurationError."""
    if environment.settings.connect_method == "local" or is_here(host):
        return
    raise ConfigurationError(
        f"{host.name} is not this machine ({os.uname().nodename}), and {environment.name} does not say "
        "`connect_method = local`, so its configuration would be realised in the wrong place",
        file=host.file,
        line=host.line,
        hint=f"To do it on this machine all the same: {command} {environment.name} {host.name} --here",
    )


def names_of(host: Host) -> set[str]:
    """All names of a host."""
    return {host.name, host.fqdn, *host.aliases, *host.aliases.values()}


def is_here(host: Host) -> bool:
    """Whether a host is this machine."""
    names = names_of(host)
    if names & {"localhost", os.uname().nodename}:
        return True
    import socket  # only now: asking for the full name may ask the network

    return socket.getfqdn() in names
