"""Overrides, where environments declare them: for a component everywhere, on the hosts of a group, on one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Mapping, Optional, Sequence, Tuple

from depl import ini
from depl.assignments import Assignments
from depl.component import Component
from depl.errors import ConfigurationError, DeplError
from depl.facts import facts_of, is_method
from depl.host import Override
from depl.setting_types import QUALIFIED
from depl.settings import did_you_mean

if TYPE_CHECKING:
    from depl.environment import Environment

Marks = Mapping[Tuple[str, str], str]
NO_MARKS: Marks = {}
NOT_TEXT = ("reacts_to", "workdir")  # accepted by every constructor, but no text could be their value


def is_qualified(key: str) -> bool:
    """Whether a key of a host or group section is an override."""
    return QUALIFIED.fullmatch(key) is not None


class Overrides:
    """Takes overrides into an environment: groups before hosts, whose word counts."""

    def __init__(self, environment: Environment, assignments: Assignments, mistakes: list[DeplError]) -> None:
        self._environment, self._assignments, self._mistakes = environment, assignments, mistakes
        self._disagreements: dict[tuple[str, str], ConfigurationError] = {}  # host and key, while no host has spoken

    def of_component(self, name: str, section: ini.Section, marks: Marks = NO_MARKS) -> None:
        """Take what `[component:NAME]` says. marks: those of the entries that are secret, by section and key."""
        factory = self._factory(name, section.file, section.line, f"[{section.name}]")
        for entry in section.entries.values():
            if factory is not None:
                self._check(factory, name, entry.key, entry)
            mark = marks.get((section.name, entry.key), "")
            override = Override(entry.value, entry.file, entry.line, f"[{section.name}]", mark)
            self._environment.component_overrides.setdefault(name, {})[entry.key] = override

    def of_hosts(
        self, hosts: Sequence[str], entries: Iterable[ini.Entry], section: str, own: bool, marks: Marks = NO_MARKS
    ) -> None:
        """Take `COMPONENT.ATTRIBUTE` for these hosts. own: from the host's section; else from a group's."""
        for entry in entries:
            match = QUALIFIED.fullmatch(entry.key)
            if match is None:
                continue
            name, attribute = match.groups()
            factory = self._factory(name, entry.file, entry.line, f"{entry.key!r} in [{section}]")
            if factory is None:
                continue
            where = f"{entry.key!r} in [{section}]"
            self._check(factory, name, attribute, entry, f" ({where})")
            self._refuse_if_unused(hosts, name, entry, where)
            for host in hosts:
                mark = marks.get((section, entry.key), "")
                override = Override(entry.value, entry.file, entry.line, f"[{section}]", mark)
                self._set(host, name, attribute, override, own)

    def of_caller(self, wanted: Mapping[str, str]) -> None:
        """Take `COMPONENT.ATTRIBUTE` from whoever makes the model, after all others: it counts more than any file."""
        hosts = self._environment.hosts
        for key, value in wanted.items():
            match, entry = QUALIFIED.fullmatch(key), ini.Entry(key, value, "", (0,))
            if match is None:
                hint = "Write COMPONENT.ATTRIBUTE."
                self._mistakes.append(ConfigurationError(f"The override {key!r} names no attribute", hint=hint))
                continue
            name, attribute = match.groups()
            factory = self._factory(name, "", 0, f"the override {key!r}")
            if factory is None:
                continue
            self._check(factory, name, attribute, entry, f" (the override {key!r})")
            self._refuse_if_unused(list(hosts), name, entry, f"the override {key!r}")
            for host in hosts.values():
                host.overrides.get(name, {}).pop(attribute, None)
                self._disagreements.pop((host.name, key), None)
            override = Override(value, "", 0, f"the override {key!r}")
            self._environment.component_overrides.setdefault(name, {})[attribute] = override

    def finish(self) -> None:
        """Report where groups disagree and no host has the last word."""
        self._mistakes.extend(self._disagreements.values())

    def _set(self, host: str, name: str, attribute: str, override: Override, own: bool) -> None:
        overrides = self._environment.hosts[host].overrides.setdefault(name, {})
        other, key = overrides.get(attribute), f"{name}.{attribute}"
        if own:
            self._disagreements.pop((host, key), None)
        elif other is not None and other.value != override.value:
            place = f"{other.origin} in line {other.line}"
            message = f"The groups of host {host!r} disagree on {key}: {place} says otherwise"
            hint = f"Give the host its own word: {key} in [host:{host}]."
            disagreement = ConfigurationError(message, file=override.file, line=override.line, hint=hint)
            self._disagreements.setdefault((host, key), disagreement)
        overrides[attribute] = override

    def _refuse_if_unused(self, hosts: Sequence[str], name: str, entry: ini.Entry, where: str) -> None:
        if hosts and not any(name in self._assignments.of(host) for host in hosts):
            whom = f"the host {hosts[0]!r}" if len(hosts) == 1 else "these hosts"
            message = f"{where} has no effect: {whom} does not have the component {name!r}"
            known = {assigned for host in hosts for assigned in self._assignments.of(host)}
            hint = did_you_mean(name, known)
            self._mistakes.append(ConfigurationError(message, file=entry.file, line=entry.line, hint=hint))

    def _factory(self, name: str, file: str, line: int, where: str) -> Optional[type]:
        try:
            definition = self._environment.components.get(name)
        except ConfigurationError as error:
            message = f"{error.message}; {where} overrides it"
            self._mistakes.append(ConfigurationError(message, file=file, line=line, hint=error.hint))
            return None
        factory = definition.factory if definition else None
        return factory if isinstance(factory, type) else None

    def _check(self, factory: type, name: str, attribute: str, entry: ini.Entry, where: str = "") -> None:
        arguments = facts_of(factory).arguments
        if attribute in arguments and attribute not in NOT_TEXT and not attribute.startswith("_"):
            return
        known = [argument for argument in arguments if argument not in NOT_TEXT and not argument.startswith("_")]
        if is_method(getattr(factory, attribute, None)):
            message = f"{attribute!r} is a method of the component {name!r} and cannot be overridden"
        elif hasattr(Component, attribute) or attribute.startswith("_"):
            message = f"{attribute!r} of the component {name!r} belongs to depl and cannot be overridden"
        else:
            message = f"The component {name!r} has no attribute {attribute!r}"
        hint = did_you_mean(attribute, known)
        self._mistakes.append(ConfigurationError(message + where, file=entry.file, line=entry.line, hint=hint))
