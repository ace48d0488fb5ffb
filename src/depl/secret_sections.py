"""How secrets get into an environment: overrides of components and data of hosts. Mistakes are collected."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping

from depl import ini
from depl.errors import ConfigurationError, DeplError
from depl.host import Host
from depl.host_sections import OTHER_KEYS, is_data
from depl.overriding import Overrides, is_qualified
from depl.secret_values import SecretFiles, Secrets
from depl.settings import did_you_mean, unknown_key, unknown_section

if TYPE_CHECKING:
    from depl.environment import Environment

KNOWN = ("component:NAME", "host:NAME")
TWICE = "Remove one of the two; what is in clear is known to everybody who can read the project."


class SecretSections:
    """Reads the sections of secrets into an environment that has its hosts, after all that stands in clear.

    own_sections: host -> its section in the environment's file.
    """

    def __init__(self, environment: Environment, secrets: Secrets, own_sections: Mapping[str, ini.Section]) -> None:
        self._environment, self._secrets, self._own_sections = environment, secrets, own_sections
        self._mistakes: list[DeplError] = environment.mistakes

    def read(self, overrides: Overrides) -> None:
        """Take all of them in."""
        self._mistakes.extend(self._secrets.mistakes)
        self._environment.warnings.extend(self._secrets.warnings)
        self._environment.secret_files = SecretFiles(self._secrets.files)
        self._environment.secret_data = self._secrets.data()
        for section in self._secrets.ini.sections.values():
            kind, _, name = section.name.partition(":")
            if kind == "component" and name:
                self._refuse_twice(section, self._environment.component_overrides.get(name, {}))
                overrides.of_component(name, section, self._secrets.marks)
            elif kind == "host" and name:
                self._read_host(name, section, overrides)
            else:
                self._mistakes.append(unknown_section(section, KNOWN))

    def _read_host(self, name: str, section: ini.Section, overrides: Overrides) -> None:
        host = self._environment.hosts.get(name)
        if host is None:
            message = f"There are secrets for the host {name!r}, which the environment does not have"
            hint = did_you_mean(name, self._environment.hosts)
            self._mistakes.append(ConfigurationError(message, file=section.file, line=section.line, hint=hint))
            return
        in_clear = self._own_sections.get(name)
        self._refuse_twice(section, in_clear.entries if in_clear else {})
        self._read_data(host, section)
        overrides.of_hosts([name], section.entries.values(), section.name, own=True, marks=self._secrets.marks)

    def _read_data(self, host: Host, section: ini.Section) -> None:
        for key, entry in section.entries.items():
            if is_data(key):
                host.data[key[len("data-") :]] = entry.value
                host.secret_keys.add(key[len("data-") :])
            elif not is_qualified(key):
                self._mistakes.append(unknown_key(entry, section.name, OTHER_KEYS))

    def _refuse_twice(self, section: ini.Section, in_clear: Mapping[str, object]) -> None:
        for key, entry in section.entries.items():
            other = in_clear.get(key)
            if other is not None:
                file = os.path.relpath(getattr(other, "file", "") or ".", self._environment.base_dir)
                line = getattr(other, "line", 0)
                message = f"{key!r} in [{section.name}] is given twice: as a secret, and in clear in {file}:{line}"
                self._mistakes.append(ConfigurationError(message, file=entry.file, line=entry.line, hint=TWICE))
