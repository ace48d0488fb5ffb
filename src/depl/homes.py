"""Paths of hosts, before anybody knows their homes: the model for other machines is made with tokens in their place.

`~` on the host web1 is `/.depl-home/web1/home`, an absolute path as any other to those who join and split paths, and
found in any text. What travels to a host gets the homes that the hosts told instead.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional, Set

from depl.errors import ConfigurationError
from depl.vfs import PathMap

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.host import Host

TOKEN = re.compile(r"\.depl-home/(\w[\w.-]*)/home")  # without its first slash, which os.path.relpath removes
WITHOUT_HOMES = ("hosts", "settings")  # the parts of a slice that no host's path is in, and that may be long


@dataclass(frozen=True)
class Site:
    """Where things lie on a host that this machine is not. All are absolute paths, maybe with a token."""

    home: str
    target_directory: str
    paths: PathMap

    @property
    def workdir_base(self) -> str:
        return os.path.join(self.target_directory, "work")

    @property
    def project(self) -> str:
        return os.path.join(self.target_directory, "project")

    def expanduser(self, path: str) -> str:
        """As os.path.expanduser, on the host; the home of another account there is not known."""
        return self.home + path[1:] if path == "~" or path.startswith("~/") else os.path.expanduser(path)


def as_on_hosts(environment: Environment) -> None:
    """Give all root components the paths that they will have on their hosts. After loading, before configure()."""
    for host in environment.hosts.values():
        try:
            environment.sites[host.name] = site_of(environment, host, token_of(host.name))
        except ConfigurationError as mistake:
            environment.mistakes.append(mistake)
    environment.mistakes.extend(_shared(environment))
    for root in environment.roots:
        site = environment.sites.get(root.host.name)
        if site is not None:
            root.workdir = os.path.join(site.workdir_base, root.name)


def _shared(environment: Environment) -> Iterator[ConfigurationError]:
    """The mistakes of hosts that are one machine with one target directory: each would lock the other one out."""
    local = environment.settings.connect_method == "local"
    seen: dict[tuple[Any, ...], Host] = {}
    for host in environment.hosts.values():
        if host.ignore or not host.components:
            continue
        machine = "" if local else host.address or host.fqdn
        other = seen.setdefault((machine, host.port, host.service_user, host.target_directory), host)
        if other is not host and not set(host.components) & set(other.components):  # those are a mistake already
            yield ConfigurationError(
                f"The hosts {other.name!r} and {host.name!r} are the same machine with the same target directory, "
                f"{host.target_directory}",
                file=host.file,
                line=host.line,
                hint=f"Give one of them another target_directory in [host:{host.name}], or make them one host.",
            )


def token_of(host_name: str) -> str:
    """What stands for the home on a host."""
    return f"/.depl-home/{host_name}/home"


def site_of(environment: Environment, host: Host, home: str) -> Site:
    """Where things lie on a host with this home. ConfigurationError if its target directory is not known here."""
    wanted = host.target_directory
    if wanted == "~" or wanted.startswith("~/"):
        directory = home + wanted[1:]
    else:
        directory = os.path.join(home, os.path.expanduser(wanted))
    if wanted.startswith("~") and directory.startswith(os.path.join(home, "~")):
        raise ConfigurationError(
            f"The target directory {wanted!r} of the host {host.name!r} is in the home of an account that is not known",
            file=host.file,
            line=host.line,
            hint="Write the whole path, or `~/...` for the home of the account that depl works as.",
        )
    directory = os.path.normpath(directory)
    work = os.path.join(directory, "work")
    paths = environment.paths.elsewhere(home, os.path.join(work, "_"), [work, environment.base_dir])
    return Site(home, directory, paths)


def has_token(text: str) -> bool:
    """Whether somebody's home stands in a text."""
    return TOKEN.search(text) is not None


def hosts_named_in(slice: Mapping[str, Any]) -> Set[str]:
    """The hosts whose homes have to be known before a slice can be used."""
    return set(TOKEN.findall(_text(slice)))


def with_homes(slice: Mapping[str, Any], homes: Mapping[str, str]) -> Dict[str, Any]:
    """A slice with the homes of hosts, as they told them. Tokens of others stay."""
    text = TOKEN.sub(lambda found: _in_json(homes[found[1]]) if found[1] in homes else found[0], _text(slice))
    return {**slice, **json.loads(text)}


def _text(slice: Mapping[str, Any]) -> str:
    return json.dumps({key: part for key, part in slice.items() if key not in WITHOUT_HOMES}, ensure_ascii=False)


def _in_json(home: str) -> str:
    """A home without its first slash, which stands before the token."""
    return json.dumps(home.rstrip("/")[1:] or ".", ensure_ascii=False)[1:-1]


class Moved:
    """Texts in which a directory got another path: the project lies elsewhere on a host than here."""

    def __init__(self, directory: str, to: str) -> None:
        self._to = to
        self._froms = {path for path in (directory, os.path.realpath(directory)) if path not in ("/", to)}
        longest_first = sorted(self._froms, key=len, reverse=True)
        # Not within another path or name: /srv/app is not in /srv/application, nor in /old/srv/app.
        within = rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-]|\.\w)"
        self._pattern: Optional[re.Pattern[str]] = re.compile(within) if self._froms else None

    def __call__(self, text: str) -> str:
        if self._pattern is None or not any(path in text for path in self._froms):
            return text
        return self._pattern.sub(lambda _: self._to, text)
