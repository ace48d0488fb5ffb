"""What an environment file says beside its hosts: where paths lie, how names resolve, and what nobody acts on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, Optional

from depl.errors import ConfigurationError, ConversionError
from depl.utils import Resolver
from depl.vfs import PathMap, declared_rules

if TYPE_CHECKING:
    from depl import ini
    from depl.environment import Environment


class Caution(str):  # noqa: SLOT000 (it has attributes)
    """A warning: a sentence with its place."""

    file: Optional[str] = None
    line: Optional[int] = None

    @classmethod
    def at(cls, sentence: str, file: str, line: int) -> Caution:
        """A warning on a line of a file."""
        caution = cls(sentence)
        caution.file, caution.line = file, line
        return caution


def declared_paths(
    environment: Environment, general: Optional[ini.Section], platforms: Iterable[tuple[str, ini.Section]]
) -> PathMap:
    """Where absolute paths lie: general is `[vfs]`, platforms are the sections `[vfs:PLATFORM]` with their names."""
    sandbox = os.path.join(environment.workdir_base, "_")
    own = {name: declared_rules(section, environment.mistakes) for name, section in platforms}
    rules = declared_rules(general, environment.mistakes) if general else {}
    return PathMap(rules, own, [environment.workdir_base, environment.base_dir], sandbox=sandbox)


def declared_resolver(environment: Environment, file: ini.Ini) -> Resolver:
    """How names of hosts resolve, as `[resolver]` says."""
    names: dict[str, list[str]] = {}
    for host, entry in file.entries("resolver").items():
        for address, line in entry.items():
            if _is_ip(address):
                names.setdefault(host, []).append(address)
            else:
                message = f"{address!r} at {host!r} in [resolver] is not an IP address"
                environment.mistakes.append(ConversionError(message, file=entry.file, line=line))
        if not entry.value:
            message = f"{host!r} in [resolver] has no addresses"
            environment.mistakes.append(ConfigurationError(message, file=entry.file, line=entry.line))
    return Resolver(names, environment.settings.require_v4, environment.settings.require_v6)


def ignored_provisioning(file: ini.Ini, provisioners: Iterable[ini.Section]) -> Optional[Caution]:
    """The warning of all that is said about making machines, which depl does not do; None if nothing is."""
    places = [(section.line, f"[{section.name}]") for section in provisioners]
    for section in file.sections.values():
        if section.name == "environment" or section.name.startswith(("host:", "group:")):
            found = [entry for key, entry in section.entries.items() if is_provisioning(key)]
            places += [(entry.line, f"{entry.key} in [{section.name}]") for entry in found]
    if not places:
        return None
    places.sort()
    listed = ", ".join(f"{what} (line {line})" for line, what in places)
    return Caution.at(f"depl does not provision machines, so this is ignored: {listed}", file.file, places[0][0])


def is_provisioning(key: str) -> bool:
    """Whether a key speaks about the making of machines."""
    return key == "provisioner" or key.startswith("provision-")


def _is_ip(address: str) -> bool:
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return True
    return False
