"""Which root components a host has: lists of `component`, `component:feature` and `!component`, of groups and hosts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional

from depl import ini
from depl.component import ComponentDefinition, RootComponent
from depl.errors import ConfigurationError, DeplError
from depl.host import Host
from depl.loading import Components

if TYPE_CHECKING:
    from depl.environment import Environment

ITEM = re.compile(r"(?P<ignore>!?)\s*(?P<name>[^\s:!]+)(?P<colon>\s*:\s*)?(?P<feature>[^\s!][^!]*)?")


@dataclass
class Assignment:
    """A root component on a host, or in a list. definition: None if its file could not be loaded."""

    name: str
    definition: Optional[ComponentDefinition]
    line: int
    ignore: bool = False
    features: list[str] = field(default_factory=list)


class Assignments:
    """The assignments of all hosts. What groups list comes before what the host itself lists."""

    def __init__(self, components: Components, mistakes: list[DeplError]) -> None:
        self._components, self._mistakes = components, mistakes
        self._of_host: dict[str, dict[str, Assignment]] = {}

    def of(self, host: str) -> dict[str, Assignment]:
        """The assignments of a host, by name."""
        return self._of_host.get(host, {})

    def read(self, entry: ini.Entry, section: str) -> list[Assignment]:
        """What a list assigns. A component that is named with several features is one assignment."""
        found: dict[str, Assignment] = {}
        seen: set[tuple[str, str]] = set()
        for item, line in entry.items():
            match = ITEM.fullmatch(item)
            if not match or bool(match["colon"]) != bool(match["feature"]):
                self._malformed(item, entry, line, section)
                continue
            name, feature = match["name"], (match["feature"] or "").strip()
            if (name, feature) in seen:
                self._mistakes.append(
                    ConfigurationError(
                        f"The component {item.lstrip('! ')!r} is listed twice at {entry.key!r} in [{section}]",
                        file=entry.file,
                        line=line,
                        hint="A component can be on a host once; it may have several features.",
                    )
                )
                continue
            seen.add((name, feature))
            if name not in found:
                definition, known = self._definition(name, entry, line, section)
                if not known:
                    continue
                found[name] = Assignment(name, definition, line)
            found[name].ignore = found[name].ignore or bool(match["ignore"])
            found[name].features += [feature] if feature else []
        return list(found.values())

    def add(self, host: str, listed: Iterable[Assignment], own: bool) -> None:
        """Assign what a list says to a host. own: it is the host's, whose word on `!` counts; else a group's."""
        assigned = self._of_host.setdefault(host, {})
        for new in listed:
            old = assigned.get(new.name)
            if old is None:
                assigned[new.name] = Assignment(new.name, new.definition, new.line, new.ignore, list(new.features))
                continue
            old.ignore = new.ignore if own else old.ignore or new.ignore
            old.features += [feature for feature in new.features if feature not in old.features]

    def make_roots(self, environment: Environment, host: Host) -> int:
        """Add the root components of a host to the environment; returns how many are assigned to it."""
        assigned = self.of(host.name)
        for one in assigned.values():
            if one.definition is not None:
                root = RootComponent(
                    name=one.name,
                    environment=environment,
                    host=host,
                    features=one.features,
                    ignore=one.ignore,
                    definition=one.definition,
                    workdir=os.path.join(environment.workdir_base, one.name),
                )
                environment.add_root(root)
        return len(assigned)

    def _definition(
        self, name: str, entry: ini.Entry, line: int, section: str
    ) -> tuple[Optional[ComponentDefinition], bool]:
        try:
            return self._components.get(name), True
        except ConfigurationError as error:
            message = f"{error.message}; {entry.key!r} in [{section}] lists it"
            self._mistakes.append(ConfigurationError(message, file=entry.file, line=line, hint=error.hint))
            return None, False

    def _malformed(self, item: str, entry: ini.Entry, line: int, section: str) -> None:
        if item:
            message = f"{item!r} at {entry.key!r} in [{section}] is not a component"
            hint = "Write `component`, `component:feature` or `!component`, separated by commas or new lines."
        else:
            message, hint = f"There is nothing between two commas at {entry.key!r} in [{section}]", "Remove a comma."
        self._mistakes.append(ConfigurationError(message, file=entry.file, line=line, hint=hint))


def shared_workdirs(environment: Environment) -> Iterator[ConfigurationError]:
    """The mistakes of hosts that are one machine, where the same root would have one work directory for both."""
    local = environment.settings.connect_method == "local"
    seen: dict[tuple[Any, ...], Host] = {}
    for root in environment.roots:
        host = root.host
        if root.ignore or host.ignore:
            continue
        machine = "" if local else host.address or host.fqdn
        other = seen.setdefault((machine, host.port, host.service_user, host.target_directory, root.name), host)
        if other is not host:
            message = (
                f"The component {root.name!r} is on the hosts {other.name!r} and {host.name!r}, which are the same "
                f"machine with the same target directory, {host.target_directory}"
            )
            hint = f"Give one of them another target_directory in [host:{host.name}]."
            yield ConfigurationError(message, file=host.file, line=host.line, hint=hint)
