"""What the sections of an environment file declare: hosts, groups, overrides, paths, names. Mistakes are collected."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Sequence

from depl import ini
from depl.assignments import Assignments, shared_workdirs
from depl.errors import ConfigurationError, ConversionError, DeplError
from depl.host import Host, expand_range
from depl.overriding import Overrides, is_qualified
from depl.setting_types import Convert, boolean, count, text
from depl.settings import (
    EnvironmentSettings,
    convert_entry,
    convert_section,
    did_you_mean,
    unknown_key,
    unknown_section,
)
from depl.utils import Resolver
from depl.vfs import PathMap, declared_rules

if TYPE_CHECKING:
    from depl.environment import Environment

SECTIONS = ("environment", "hosts", "vfs", "resolver")
NAMED_SECTIONS = ("host", "group", "component", "vfs", "provisioner")
HOST_SETTINGS: dict[str, tuple[str, Convert]] = {  # key -> attribute of Host, conversion
    "ignore": ("ignore", boolean),
    "platform": ("own_platform", str),
    "service_user": ("own_service_user", text),
    "require_sudo": ("own_require_sudo", boolean),
    "address": ("address", text),
    "port": ("port", count(1, 65535)),
    "target_directory": ("own_target_directory", text),
    "python": ("own_python", text),
}
GROUP_KEYS = ("hosts", "components")
OTHER_KEYS = ("data-KEY", "COMPONENT.ATTRIBUTE")


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


def declared_settings(file: ini.Ini, mistakes: list[DeplError]) -> EnvironmentSettings:
    """The settings of `[environment]`."""
    entries = {key: entry for key, entry in file.entries("environment").items() if not _is_provisioning(key)}
    return convert_section(EnvironmentSettings, entries, "environment", mistakes)


class Declared:
    """Reads the sections of a file into an environment, which has its settings and components already."""

    def __init__(self, environment: Environment, file: ini.Ini) -> None:
        self._environment, self._file, self._mistakes = environment, file, environment.mistakes
        self._hosts = environment.hosts
        self._sections: dict[str, list[tuple[str, ini.Section]]] = {kind: [] for kind in NAMED_SECTIONS}
        self._assignments = Assignments(environment.components, self._mistakes)
        self._own_lists: dict[str, ini.Entry] = {}  # host -> where its components are listed
        self._own_sections: dict[str, ini.Section] = {}

    def read(self) -> None:
        """Read all sections: what groups say before what hosts say, whose word counts."""
        self._sort_sections()
        own_sections = self._declare_hosts()
        groups = [(self._members(name, section), section) for name, section in self._sections["group"]]
        for hosts, section in groups:
            self._read_group(hosts, section)
        self._assign_listed()
        for hosts, section in own_sections:
            self._read_host(hosts, section)
        self._read_overrides(groups, own_sections)
        self._environment.paths = self._paths()
        self._read_resolver()
        self._warn_of_provisioning()
        self._make_roots()

    def _sort_sections(self) -> None:
        for section in self._file.sections.values():
            kind, _, name = section.name.partition(":")
            if kind in self._sections and name.strip():
                self._sections[kind].append((name.strip(), section))
            elif section.name not in SECTIONS:
                known = [*SECTIONS, *(f"{kind}:NAME" for kind in NAMED_SECTIONS if kind != "provisioner")]
                self._mistakes.append(unknown_section(section, known))

    def _declare_hosts(self) -> list[tuple[list[str], ini.Section]]:
        """Make all hosts, in the order of the file; returns the hosts that have sections of their own."""
        own_sections = []
        for section in self._file.sections.values():
            kind, _, pattern = section.name.partition(":")
            if section.name == "hosts":
                for entry in section.entries.values():
                    for name in self._names(entry.key.lstrip("!"), entry.key, entry.file, entry.line):
                        self._declare_listed(name, entry)
            elif kind == "host" and pattern.strip():
                names = self._names(pattern.strip(), pattern.strip(), section.file, section.line)
                own_sections.append(([name for name in names if self._declare_own(name, section)], section))
        if not self._file.entries("hosts") and not self._sections["host"]:
            self._wrong(f"The environment {self._environment.name!r} has no hosts", hint="List them in [hosts].")
        return own_sections

    def _declare_listed(self, name: str, entry: ini.Entry) -> None:
        host = self._host(name, entry.file, entry.line)
        host.ignore = host.ignore or entry.key.startswith("!")
        self._note_list(name, entry)

    def _declare_own(self, name: str, section: ini.Section) -> bool:
        other = self._own_sections.setdefault(name, section)
        if other is not section:
            message = f"The host {name!r} has a section already, in line {other.line}"
            self._wrong(message, section.file, section.line)
            return False
        self._host(name, section.file, section.line)
        if "components" in section.entries:
            self._note_list(name, section.entries["components"])
        return True

    def _host(self, name: str, file: str, line: int) -> Host:
        return self._hosts.get(name) or self._environment.add_host(Host(name, file=file, line=line))

    def _note_list(self, name: str, entry: ini.Entry) -> None:
        other = self._own_lists.setdefault(name, entry)
        if other is not entry:
            message = f"The host {name!r} is there twice: its components are listed in line {other.line} already"
            self._wrong(message, entry.file, entry.line, "Its other settings can stand in [host:NAME].")

    def _names(self, pattern: str, written: str, file: str, line: int) -> list[str]:
        try:
            if written.startswith("!!"):
                raise ValueError(f"{written!r} is not the name of a host")
            return expand_range(pattern.strip())
        except ValueError as error:
            message = str(error)
            hint = "An ignored host is written `!name`." if "!" in written else None
            self._wrong(message[0].upper() + message[1:], file, line, hint)
            return []

    def _members(self, name: str, section: ini.Section) -> list[str]:
        entry = section.get("hosts")
        if entry is None or not entry.value:
            hint = "List them: `hosts = web[01..10], db`."
            self._wrong(f"The group {name!r} has no hosts", section.file, section.line, hint)
            return []
        members: dict[str, None] = {}
        for item, line in entry.items():
            for host in self._names(item, item, entry.file, line):
                if host in self._hosts:
                    members[host] = None
                else:
                    message = f"The group {name!r} names the host {host!r}, which is not known"
                    self._wrong(message, entry.file, line, did_you_mean(host, self._hosts))
        return list(members)

    def _read_group(self, hosts: Sequence[str], section: ini.Section) -> None:
        self._refuse_unknown(section, GROUP_KEYS)
        entry = section.get("components")
        listed = self._assignments.read(entry, section.name) if entry else []
        for host in hosts:
            self._assignments.add(host, listed, own=False)
            for key, own in _data(section).items():
                self._add_group_data(self._hosts[host], key, own, section)

    def _add_group_data(self, host: Host, key: str, entry: ini.Entry, section: ini.Section) -> None:
        own = self._own_sections.get(host.name)
        if host.data.setdefault(key, entry.value) != entry.value and not (own and entry.key in own.entries):
            message = f"The groups of host {host.name!r} disagree on {entry.key}: another one says {host.data[key]!r}"
            hint = f"Give the host its own word: {entry.key} in [host:{host.name}]."
            self._wrong(message, entry.file, entry.line, hint)

    def _assign_listed(self) -> None:
        lists: dict[int, tuple[ini.Entry, list[str]]] = {}
        for host, entry in self._own_lists.items():
            lists.setdefault(id(entry), (entry, []))[1].append(host)
        for entry, hosts in lists.values():
            section = "hosts" if entry.key != "components" else f"host:{hosts[0]}"
            listed = self._assignments.read(entry, section)
            for host in hosts:
                self._assignments.add(host, listed, own=True)

    def _read_host(self, hosts: Sequence[str], section: ini.Section) -> None:
        self._refuse_unknown(section, [*HOST_SETTINGS, "components", "aliases"])
        settings: dict[str, Any] = {}
        for key, (attribute, convert) in HOST_SETTINGS.items():
            entry = section.get(key)
            value = convert_entry(entry, convert, section.name, self._mistakes) if entry else None
            if value is not None:
                settings[attribute] = value
        for host in (self._hosts[name] for name in hosts):
            for attribute, value in settings.items():
                setattr(host, attribute, (value or host.ignore) if attribute == "ignore" else value)
            host.data.update((key, entry.value) for key, entry in _data(section).items())
            if "aliases" in section.entries:
                self._read_aliases(host, section.entries["aliases"], section)

    def _read_aliases(self, host: Host, entry: ini.Entry, section: ini.Section) -> None:
        domain = self._environment.settings.host_domain
        for item, line in entry.items():
            alias, equals, target = (part.strip() for part in item.partition("="))
            if alias and bool(equals) == bool(target):
                host.aliases[alias] = target or (f"{alias}.{domain}" if domain else alias)
            else:
                message = f"{item!r} in the aliases of [{section.name}] is neither `alias` nor `alias = full name`"
                self._wrong(message, entry.file, line)

    def _refuse_unknown(self, section: ini.Section, known: Sequence[str]) -> None:
        for key, entry in section.entries.items():
            if not (key in known or _is_data(key) or _is_provisioning(key) or is_qualified(key)):
                self._mistakes.append(unknown_key(entry, section.name, [*known, *OTHER_KEYS]))

    def _read_overrides(
        self,
        groups: Sequence[tuple[list[str], ini.Section]],
        own_sections: Sequence[tuple[list[str], ini.Section]],
    ) -> None:
        overrides = Overrides(self._environment, self._assignments, self._mistakes)
        for name, section in self._sections["component"]:
            overrides.of_component(name, section)
        for own, sections in ((False, groups), (True, own_sections)):
            for hosts, section in sections:
                entries = [entry for key, entry in section.entries.items() if not _is_data(key)]
                overrides.of_hosts(hosts, entries, section.name, own)
        overrides.finish()

    def _paths(self) -> PathMap:
        environment = self._environment
        sandbox = os.path.join(environment.workdir_base, "_")
        platforms = {name: declared_rules(section, sandbox, self._mistakes) for name, section in self._sections["vfs"]}
        general = self._file.sections.get("vfs")
        rules = declared_rules(general, sandbox, self._mistakes) if general else {}
        return PathMap(rules, platforms, [environment.workdir_base, environment.base_dir])

    def _read_resolver(self) -> None:
        names: dict[str, list[str]] = {}
        for host, entry in self._file.entries("resolver").items():
            for address, line in entry.items():
                if _is_ip(address):
                    names.setdefault(host, []).append(address)
                else:
                    message = f"{address!r} at {host!r} in [resolver] is not an IP address"
                    self._mistakes.append(ConversionError(message, file=entry.file, line=line))
            if not entry.value:
                self._wrong(f"{host!r} in [resolver] has no addresses", entry.file, entry.line)
        settings = self._environment.settings
        self._environment.resolver = Resolver(names, settings.require_v4, settings.require_v6)

    def _warn_of_provisioning(self) -> None:
        places = [(section.line, f"[{section.name}]") for _, section in self._sections["provisioner"]]
        for section in self._file.sections.values():
            if section.name == "environment" or section.name.startswith(("host:", "group:")):
                found = [entry for key, entry in section.entries.items() if _is_provisioning(key)]
                places += [(entry.line, f"{entry.key} in [{section.name}]") for entry in found]
        if places:
            places.sort()
            listed = ", ".join(f"{what} (line {line})" for line, what in places)
            sentence = f"depl does not provision machines, so this is ignored: {listed}"
            self._environment.warnings.append(Caution.at(sentence, self._file.file, places[0][0]))

    def _make_roots(self) -> None:
        for host in self._hosts.values():
            entry = self._own_lists.get(host.name)
            roots = self._assignments.make_roots(self._environment, host)
            if not roots and not host.ignore and not (entry and entry.value):
                hint = "List them, add it to a group that has some, or write `!` before its name."
                self._wrong(f"The host {host.name!r} has no components", host.file, host.line, hint)
        self._mistakes.extend(shared_workdirs(self._environment))

    def _wrong(
        self, message: str, file: Optional[str] = None, line: Optional[int] = None, hint: Optional[str] = None
    ) -> None:
        self._mistakes.append(ConfigurationError(message, file=file or self._file.file, line=line, hint=hint))


def _data(section: ini.Section) -> dict[str, ini.Entry]:
    return {key[len("data-") :]: entry for key, entry in section.entries.items() if _is_data(key)}


def _is_data(key: str) -> bool:
    return key.startswith("data-") and key != "data-"


def _is_provisioning(key: str) -> bool:
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
