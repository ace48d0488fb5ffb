"""An environment file, section by section: which hosts and groups there are. Mistakes are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from depl import ini
from depl.assignments import Assignments, shared_workdirs
from depl.errors import ConfigurationError, DeplError
from depl.host import Host, expand_range
from depl.host_sections import HostSections, is_data
from depl.overriding import Overrides
from depl.settings import EnvironmentSettings, convert_section, did_you_mean, unknown_section
from depl.surroundings import declared_paths, declared_resolver, ignored_provisioning, is_provisioning

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.secret_values import Secrets

SECTIONS = ("environment", "hosts", "vfs", "resolver")
NO_OVERRIDES: Mapping[str, str] = {}
NAMED_SECTIONS = ("host", "group", "component", "vfs", "provisioner")


def declared_settings(file: ini.Ini, mistakes: list[DeplError]) -> EnvironmentSettings:
    """The settings of `[environment]`."""
    entries = {key: entry for key, entry in file.entries("environment").items() if not is_provisioning(key)}
    return convert_section(EnvironmentSettings, entries, "environment", mistakes)


class Declared:
    """Reads the sections of a file into an environment, which has its settings and components already."""

    def __init__(
        self,
        environment: Environment,
        file: ini.Ini,
        secrets: Optional[Secrets] = None,
        overrides: Mapping[str, str] = NO_OVERRIDES,
    ) -> None:
        self._secrets, self._overrides = secrets, overrides
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
        sections = HostSections(self._environment, self._assignments, self._own_sections, self._mistakes)
        for hosts, section in groups:
            sections.read_group(hosts, section)
        self._assign_listed()
        for hosts, section in own_sections:
            sections.read_host(hosts, section)
        self._read_overrides(groups, own_sections)
        self._read_surroundings()
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

    def _assign_listed(self) -> None:
        lists: dict[int, tuple[ini.Entry, list[str]]] = {}
        for host, entry in self._own_lists.items():
            lists.setdefault(id(entry), (entry, []))[1].append(host)
        for entry, hosts in lists.values():
            section = "hosts" if entry.key != "components" else f"host:{hosts[0]}"
            listed = self._assignments.read(entry, section)
            for host in hosts:
                self._assignments.add(host, listed, own=True)

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
                entries = [entry for key, entry in section.entries.items() if not is_data(key)]
                overrides.of_hosts(hosts, entries, section.name, own)
        if self._secrets is not None:
            from depl.secret_sections import SecretSections

            SecretSections(self._environment, self._secrets, self._own_sections).read(overrides)
        overrides.of_caller(self._overrides)
        overrides.finish()

    def _read_surroundings(self) -> None:
        environment, file = self._environment, self._file
        environment.paths = declared_paths(environment, file.sections.get("vfs"), self._sections["vfs"])
        environment.resolver = declared_resolver(environment, file)
        caution = ignored_provisioning(file, [section for _, section in self._sections["provisioner"]])
        if caution is not None:
            environment.warnings.append(caution)

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
