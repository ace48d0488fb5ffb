"""The settings of a project as typed values: `depl.cfg` and the variables that come before it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from depl import ini
from depl.errors import ConfigurationError, ConversionError, DeplError
from depl.setting_types import (
    Requirement,
    boolean,
    count,
    lines,
    networks,
    parse_version,
    requirement,
    seconds,
    several,
    store,
    text,
    without_password,
)
from depl.settings import Settings, conversions, convert_section, did_you_mean, setting, unknown_section


@dataclass(frozen=True)
class DeplSettings:
    """`[depl]` of depl.cfg. name: the directory's unless given; requires: see `requirement`.

    cluster: whether rollouts are queued for several workers.
    """

    store: str = setting(store, "sqlite:///.depl/depl.sqlite")
    cluster: bool = setting(boolean, False)
    name: Optional[str] = setting(text, None)
    requires: Requirement = setting(requirement, ())  # noqa: RUF009


@dataclass(frozen=True)
class WebSettings:
    """`[web]` of depl.cfg. checklist_height in pixels, refresh in seconds.

    proxies: addresses and networks of those that are believed what they forward; user_header: where they say who asks.
    """

    address: str = setting(text, "127.0.0.1")
    port: int = setting(count(0, 65535), 5000)
    secret_key_file: Optional[str] = setting(text, None)
    checklist_url: Optional[str] = setting(text, None)
    checklist_height: int = setting(count(1), 600)
    refresh: Union[int, float] = setting(seconds, 5)
    debug: bool = setting(boolean, False)
    proxies: Sequence[str] = setting(networks, ())
    user_header: Optional[str] = setting(text, None)


@dataclass(frozen=True)
class NotifySettings:
    """`[notify]` of depl.cfg. targets: see depl.rollout.notice_targets; on: of what they are told.

    smtp: the server for mails, as an address; sender: of whom they are, None for this user's machine.
    """

    targets: Sequence[str] = setting(lines, ())
    on: Sequence[str] = setting(several("end", "failure", "gate", "blocked"), ("end", "failure", "gate", "blocked"))
    smtp: str = setting(text, "smtp://localhost:25")
    sender: Optional[str] = setting(text, None)


@dataclass(frozen=True)
class ProjectSettings:
    """depl.cfg: the settings of a project, and what is wrong with them."""

    base_dir: str
    depl: DeplSettings = DeplSettings()
    web: WebSettings = WebSettings()
    notify: NotifySettings = NotifySettings()
    mistakes: Sequence[DeplError] = ()

    @property
    def name(self) -> str:
        """The name of the service: as set, else that of its directory."""
        return self.depl.name or os.path.basename(self.base_dir)

    @classmethod
    def load(cls, base_dir: str, environ: Optional[Mapping[str, str]] = None) -> ProjectSettings:
        """Read `depl.cfg`, if there is one; DEPL_<SECTION>_<KEY> in `environ` comes before it."""
        path = os.path.join(base_dir, "depl.cfg")
        parsed = ini.read(path) if os.path.exists(path) else ini.Ini(path)
        mistakes: list[DeplError] = [*parsed.mistakes]
        kinds: dict[str, Any] = {"depl": DeplSettings, "web": WebSettings, "notify": NotifySettings}
        mistakes += [unknown_section(found, kinds) for name, found in parsed.sections.items() if name not in kinds]
        values = {}
        for name, kind in kinds.items():
            from_file = convert_section(kind, parsed.entries(name), name, mistakes)
            values[name] = _from_environ(from_file, name, os.environ if environ is None else environ, mistakes)
        project = cls(base_dir, **values, mistakes=mistakes)
        line = parsed.entries("depl")["requires"].line if "requires" in parsed.entries("depl") else None
        mistakes.extend(_wrong_version(project.depl.requires, path, line))
        mistakes.extend(_wrong_targets(parsed.entries("notify").get("targets")))
        return project


def _from_environ(settings: Settings, section: str, environ: Mapping[str, str], mistakes: list[DeplError]) -> Settings:
    prefix = f"DEPL_{section.upper()}_"
    known = {name.upper(): (name, convert) for name, convert in conversions(settings).items()}
    values = {}
    for variable in sorted(name for name in environ if name.startswith(prefix)):
        key = variable[len(prefix) :]
        if key not in known:
            hint = did_you_mean(key, known, prefix)
            mistakes.append(ConfigurationError(f"The environment variable {variable} is not known", hint=hint))
        elif environ[variable]:
            name, convert = known[key]
            try:
                values[name] = convert(environ[variable])
            except ValueError as expected:
                shown = without_password(environ[variable])
                message = f"The environment variable {variable}={shown!r} is not {expected}"
                mistakes.append(ConversionError(message))
    return replace(settings, **values) if values else settings  # type: ignore[type-var]


def _wrong_targets(entry: Optional[ini.Entry]) -> Iterable[ConfigurationError]:
    """What is wrong is not repeated: it may grant access."""
    if entry is None:
        return
    for target, line in zip(entry.value.split("\n"), entry.lines):
        if target.strip() and target.split()[0] not in ("webhook", "mail", "command"):
            hint = "Write `webhook URL`, `mail NAME@HOST` or `command COMMAND`, one a line."
            yield ConfigurationError("This target in [notify] is not known", file=entry.file, line=line, hint=hint)


def _wrong_version(requires: Requirement, path: str, line: Optional[int]) -> Iterable[ConfigurationError]:
    if not requires:
        return
    from depl import __version__

    here = parse_version(re.match(r"[0-9.]*", __version__)[0])  # type: ignore[index]
    compared = {
        ">=": here.__ge__,
        "<=": here.__le__,
        "==": here.__eq__,
        "!=": here.__ne__,
        ">": here.__gt__,
        "<": here.__lt__,
    }
    if not all(compared[operator](version) for operator, version in requires):
        versions = ", ".join(operator + ".".join(map(str, version)) for operator, version in requires)
        hint = "Install a fitting version of depl, or change `requires`."
        message = f"The project wants depl {versions}, this is {__version__}"
        yield ConfigurationError(message, file=path, line=line, hint=hint)
