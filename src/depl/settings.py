"""The settings of an environment as typed values, and what all readers of settings share.

Each field of a dataclass of settings is a key; its metadata holds the conversion. What is wrong is collected.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Optional, Sequence, TypeVar, Union

from depl.errors import ConfigurationError, ConversionError, DeplError
from depl.setting_types import (
    Convert,
    boolean,
    choice,
    count,
    failures,
    seconds,
    size,
    stages,
    text,
    wanted,
    without_password,
)

if TYPE_CHECKING:
    from depl import ini

Settings = TypeVar("Settings")


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The hint for a name that is not known: close matches, else all that are known. prefix: what all begin with."""
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(name, names, n=3)
    if close:
        return f"Did you mean {' or '.join(repr(prefix + match) for match in close)}?"
    return f"Known are: {', '.join(prefix + match for match in names)}." if names else ""


def setting(convert: Convert, default: Any) -> Any:
    """A field of a dataclass of settings."""
    return field(default=default, metadata={"convert": convert})


@dataclass(frozen=True)
class EnvironmentSettings:
    """`[environment]`. Times in seconds, sizes in bytes; None: not set."""

    connect_method: str = setting(choice("ssh", "local", "vagrant", "kitchen"), "ssh")
    update_method: str = setting(
        choice("snapshot", "git-bundle", "hg-bundle", "git-pull", "hg-pull", rsync="snapshot", rsync_ext="snapshot"),
        "snapshot",
    )
    branch: Optional[str] = setting(text, None)
    repository_url: Optional[str] = setting(text, None)
    repository_root: Optional[str] = setting(text, None)
    target_directory: Optional[str] = setting(text, "~/deployment")
    service_user: Optional[str] = setting(text, None)
    require_sudo: Optional[bool] = setting(boolean, None)
    host_domain: Optional[str] = setting(lambda value: value.strip(".") or None, None)
    platform: Optional[str] = setting(text, None)
    timeout: Union[int, float] = setting(seconds, 10)
    command_timeout: Optional[Union[int, float]] = setting(seconds, None)
    jobs: int = setting(count(1), 20)
    require_v4: Union[bool, str] = setting(wanted, True)
    require_v6: Union[bool, str] = setting(wanted, False)
    on_failure: str = setting(choice("rollback", "stop"), "rollback")
    reversibility: str = setting(choice("required", "ask", "allow"), "allow")
    confirm: bool = setting(boolean, False)
    strict: bool = setting(boolean, False)
    four_eyes: bool = setting(boolean, False)
    stages: Sequence[str] = setting(stages, ())
    max_failures: Union[int, str] = setting(failures, 0)
    soak: Union[int, float] = setting(seconds, 0)
    gate: Optional[str] = setting(choice("approval"), None)
    on_interrupt: str = setting(choice("reverse", "ask", "resume"), "reverse")
    queue: Optional[str] = setting(text, None)
    rollback_jobs: Optional[int] = setting(count(1), None)
    keep_rollouts: int = setting(count(0), 10)
    keep_days: int = setting(count(0), 30)
    change_limit: int = setting(size, 256 * 1024 * 1024)
    durability: str = setting(choice("full", "journal"), "full")
    python: Optional[str] = setting(text, None)


def find_project(start: str) -> str:
    """The nearest directory upwards from `start` with a `depl.cfg` or an `environments` directory."""
    directory = os.path.abspath(start)
    while True:
        if os.path.isfile(os.path.join(directory, "depl.cfg")) or os.path.isdir(
            os.path.join(directory, "environments")
        ):
            return directory
        parent = os.path.dirname(directory)
        if parent == directory:
            raise ConfigurationError(
                f"There is no project in {os.path.abspath(start)} or above it",
                hint="Change to a directory with `environments/` or `depl.cfg`, or make one with `depl init`.",
            )
        directory = parent


def convert_section(
    kind: Callable[..., Settings],
    entries: Mapping[str, ini.Entry],
    section: str,
    mistakes: list[DeplError],
) -> Settings:
    """A section's entries as an instance of `kind`; unknown keys and wrong values become mistakes."""
    known = conversions(kind)
    values = {}
    for entry in entries.values():
        if entry.key not in known:
            mistakes.append(unknown_key(entry, section, known))
            continue
        converted = convert_entry(entry, known[entry.key], section, mistakes)
        if converted is not None:
            values[entry.key] = converted
    return kind(**values)


def convert_entry(entry: ini.Entry, convert: Convert, section: str, mistakes: list[DeplError]) -> Any:
    """The value of one entry; None, and a mistake, if it is not what it should be."""
    try:
        return convert(entry.value)
    except ValueError as expected:
        message = f"{entry.key} = {without_password(entry.value)!r} in [{section}] is not {expected}"
        hint = "Correct it, or remove the key: it has a default."
        mistakes.append(ConversionError(message, file=entry.file, line=entry.line, hint=hint))
    return None


def unknown_section(section: ini.Section, known: Iterable[str]) -> ConfigurationError:
    """The mistake of a section that nobody reads."""
    message = f"The section [{section.name}] is not known"
    return ConfigurationError(message, file=section.file, line=section.line, hint=did_you_mean(section.name, known))


def unknown_key(entry: ini.Entry, section: str, known: Iterable[str]) -> ConfigurationError:
    """The mistake of a key that nobody reads."""
    message = f"The key {entry.key!r} in [{section}] is not known"
    return ConfigurationError(message, file=entry.file, line=entry.line, hint=did_you_mean(entry.key, known))


def conversions(kind: Any) -> dict[str, Convert]:
    """The keys of a dataclass of settings, with the conversions of their values."""
    return {item.name: item.metadata["convert"] for item in fields(kind)}
