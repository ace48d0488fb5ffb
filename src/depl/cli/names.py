"""What environments' files say, without the components: no component file is loaded, no mistake matters."""

from __future__ import annotations

import os
from collections.abc import Iterable

from depl.cli.session import project
from depl.errors import DeplError
from depl.ini import Ini, read


def environments() -> list[str]:
    """The environments of the project."""
    from depl.environment import environment_names

    try:
        return environment_names(project())
    except DeplError:
        return []


def hosts(environment: str, base: str | None = None) -> list[str]:
    """The hosts of an environment. base: of the project, if that is known."""
    return list(_assigned(environment, base))


def components(environment: str, host: str | None = None, base: str | None = None) -> list[str]:
    """The root components of a host, or of a whole environment."""
    assigned = _assigned(environment, base)
    names = assigned.get(host, []) if host else [name for one in assigned.values() for name in one]
    return sorted(set(names))


def is_protected(environment: str, base: str) -> bool:
    """Whether an environment wants its name typed before it is changed."""
    from depl.environment_file import declared_settings

    return declared_settings(_file(environment, base), []).confirm


def reversibility(environment: str, base: str) -> str:
    """Whether a way back is required before an environment is changed, asked about or not: its file's word for it."""
    from depl.environment_file import declared_settings

    return declared_settings(_file(environment, base), []).reversibility


def kept(environment: str, base: str) -> tuple[int, int] | None:
    """How many rollouts and days an environment keeps the way back; None where its file does not tell."""
    from depl.environment_file import declared_settings

    file = _file(environment, base)
    mistakes: list[DeplError] = list(file.mistakes)
    settings = declared_settings(file, mistakes)
    return None if mistakes else (settings.keep_rollouts, settings.keep_days)


def _assigned(environment: str, base: str | None = None) -> dict[str, list[str]]:
    """The hosts of an environment with the names of their root components."""
    try:
        ini = _file(environment, base or project())
    except DeplError:
        return {}
    assigned: dict[str, list[str]] = {}
    for key, entry in ini.entries("hosts").items():
        for host in _hosts_of(key):
            assigned.setdefault(host, []).extend(_names(entry.items()))
    for section in ini.sections.values():
        kind, _, name = section.name.partition(":")
        listed = section.get("components")
        found = _names(listed.items()) if listed else []
        if kind == "host":
            for host in _hosts_of(name.strip()):
                assigned.setdefault(host, []).extend(found)
        elif kind == "group":
            members = section.get("hosts")
            for pattern in _names(members.items()) if members else []:
                for host in _hosts_of(pattern):
                    assigned.setdefault(host, []).extend(found)
    return assigned


def _file(environment: str, base: str) -> Ini:
    name = environment.removesuffix(".cfg")
    nested = os.path.join(base, "environments", name, "environment.cfg")
    return read(nested if os.path.exists(nested) else os.path.join(base, "environments", f"{name}.cfg"))


def _hosts_of(key: str) -> list[str]:
    from depl.host import expand_range

    try:
        return expand_range(key.lstrip("!"))
    except ValueError:
        return []


def _names(items: Iterable[tuple[str, int]]) -> list[str]:
    return [item.lstrip("!").partition(":")[0].strip() for item, _ in items if item]
