"""Which hosts and components of an environment a command is about, and whether this machine may stand for a host."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from depl.cli.options import selected, unknown
from depl.errors import ConfigurationError, Mistakes
from depl.report.lines import Line

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.environment import Environment
    from depl.host import Host
    from depl.root import RootComponent


def declared(name: str, base: str) -> Environment:
    """An environment with its hosts, whatever is wrong with its components. Errors: Mistakes if there are no hosts."""
    from depl.environment import Environment

    environment = Environment.load(name, base)
    if not environment.hosts:
        raise Mistakes(environment.mistakes)
    return environment


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


def chosen_hosts(environment: Environment, patterns: Iterable[str]) -> list[Host]:
    """The hosts that names or globs stand for, all without any. Errors: ConfigurationError."""
    names: dict[str, Host] = {}
    for host in environment.hosts.values():
        for name in (host.name, *sorted(names_of(host) - {host.name})):
            names.setdefault(name, host)
    if not patterns:
        return list(environment.hosts.values())
    found = selected(patterns, names, f"host of the environment {environment.name}")
    return list(dict.fromkeys(names[name] for name in found))


def deployed(model: Model, hosts: Iterable[Host], components: Sequence[str] = ()) -> list[RootComponent]:
    """The root components of some hosts: all, or those of some names."""
    names = {host.name for host in hosts}
    return [root for root in model.roots if root.host.name in names and (not components or root.name in components)]


def narrowed(
    model: Model, hosts: Sequence[Host], patterns: Iterable[str], where: str
) -> tuple[list[Host], tuple[str, ...]]:
    """The components that names or globs stand for, () for all, and the hosts that have some of them.

    where: for errors, such as `web*`. Errors: ConfigurationError.
    """
    names = dict.fromkeys(root.name for root in deployed(model, hosts))
    components = selected(patterns, names, f"component of {where}")
    having = {root.host for root in deployed(model, hosts, components)}
    return [host for host in hosts if host in having], components


def provider_lines(model: Model, roots: Iterable[RootComponent]) -> list[Line]:
    """What the chosen root components require from others, which are left as they are."""
    chosen = {root.id for root in roots}
    required = [provider for root in model.roots if root.id in chosen for provider in model.providers[root.id]]
    left = [provider for provider in dict.fromkeys(required) if provider not in chosen]
    return [Line(f"required, but not deployed now: {', '.join(left)}", "dim")] if left else []


def count_components(roots: Iterable[RootComponent]) -> int:
    """How many components are looked at."""
    waiting = [root.component for root in roots]
    count = 0
    while waiting:
        count += 1
        waiting.extend(waiting.pop().sub_components)
    return count


def assert_is_here(environment: Environment, host: Host, command: str, instead: str = "") -> None:
    """Refuse to do a remote machine's work on this one. Errors: ConfigurationError.

    command, instead: the one that was called, and one that does the same over SSH; both without what they are about.
    """
    if environment.settings.connect_method == "local" or is_here(host):
        return
    raise ConfigurationError(
        f"{host.name} is not this machine ({os.uname().nodename}), and {environment.name} does not say "
        "`connect_method = local`, so its configuration would be realised in the wrong place",
        file=host.file,
        line=host.line,
        hint=(f"To do it over SSH: {instead} {environment.name} --host {host.name}\n" if instead else "")
        + f"To do it on this machine all the same: {command} {environment.name} {host.name} --here",
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
