"""What `[group:NAME]` and `[host:NAME]` say about their hosts: settings, data, aliases. Mistakes are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from depl import ini
from depl.assignments import Assignments
from depl.errors import ConfigurationError, DeplError
from depl.host import Host
from depl.overriding import is_qualified
from depl.setting_types import Convert, boolean, count, text
from depl.settings import convert_entry, unknown_key
from depl.surroundings import is_provisioning

if TYPE_CHECKING:
    from depl.environment import Environment

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


class HostSections:
    """Reads the sections of groups, then those of hosts, whose word counts, into the hosts of an environment.

    own_sections: host -> its own section. Overrides are read elsewhere.
    """

    def __init__(
        self,
        environment: Environment,
        assignments: Assignments,
        own_sections: Mapping[str, ini.Section],
        mistakes: list[DeplError],
    ) -> None:
        self._environment, self._assignments, self._mistakes = environment, assignments, mistakes
        self._own_sections = own_sections

    def read_group(self, hosts: Sequence[str], section: ini.Section) -> None:
        """Take what the section of a group says about its hosts."""
        self._refuse_unknown(section, GROUP_KEYS)
        entry = section.get("components")
        listed = self._assignments.read(entry, section.name) if entry else []
        for host in hosts:
            self._assignments.add(host, listed, own=False)
            for key, own in _data(section).items():
                self._add_group_data(self._environment.hosts[host], key, own)

    def read_host(self, hosts: Sequence[str], section: ini.Section) -> None:
        """Take what the section of a host, or of a range of hosts, says; not its components."""
        self._refuse_unknown(section, [*HOST_SETTINGS, "components", "aliases"])
        settings: dict[str, Any] = {}
        for key, (attribute, convert) in HOST_SETTINGS.items():
            entry = section.get(key)
            value = convert_entry(entry, convert, section.name, self._mistakes) if entry else None
            if value is not None:
                settings[attribute] = value
        for host in (self._environment.hosts[name] for name in hosts):
            for attribute, value in settings.items():
                setattr(host, attribute, (value or host.ignore) if attribute == "ignore" else value)
            host.data.update((key, entry.value) for key, entry in _data(section).items())
            if "aliases" in section.entries:
                self._read_aliases(host, section.entries["aliases"], section)

    def _refuse_unknown(self, section: ini.Section, known: Sequence[str]) -> None:
        for key, entry in section.entries.items():
            if not (key in known or is_data(key) or is_provisioning(key) or is_qualified(key)):
                self._mistakes.append(unknown_key(entry, section.name, [*known, *OTHER_KEYS]))

    def _add_group_data(self, host: Host, key: str, entry: ini.Entry) -> None:
        own = self._own_sections.get(host.name)
        if host.data.setdefault(key, entry.value) != entry.value and not (own and entry.key in own.entries):
            message = f"The groups of host {host.name!r} disagree on {entry.key}: another one says {host.data[key]!r}"
            hint = f"Give the host its own word: {entry.key} in [host:{host.name}]."
            self._mistakes.append(ConfigurationError(message, file=entry.file, line=entry.line, hint=hint))

    def _read_aliases(self, host: Host, entry: ini.Entry, section: ini.Section) -> None:
        domain = self._environment.settings.host_domain
        for item, line in entry.items():
            alias, equals, target = (part.strip() for part in item.partition("="))
            if alias and bool(equals) == bool(target):
                host.aliases[alias] = target or (f"{alias}.{domain}" if domain else alias)
            else:
                message = f"{item!r} in the aliases of [{section.name}] is neither `alias` nor `alias = full name`"
                self._mistakes.append(ConfigurationError(message, file=entry.file, line=line))


def is_data(key: str) -> bool:
    """Whether a key of a host or group section is data for components."""
    return key.startswith("data-") and key != "data-"


def _data(section: ini.Section) -> dict[str, ini.Entry]:
    return {key[len("data-") :]: entry for key, entry in section.entries.items() if is_data(key)}
