"""Where absolute paths lie: a sandbox for development and tests. Nothing is looked at or made here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from depl.errors import ConfigurationError, ConversionError, DeplError
from depl.settings import unknown_key

if TYPE_CHECKING:
    from depl import ini


class PathMap:
    """Rules that move absolute paths elsewhere.

    rules: path -> where what is there or below it goes; those of a platform (`platforms`) come before the general ones,
    longer paths before shorter ones. left_alone: directories of depl's own, whose paths stay as they are. sandbox:
    where a rule leads that names no place; home: what `~` in the place of a rule is, the user's home unless given.
    """

    def __init__(
        self,
        rules: Optional[Mapping[str, str]] = None,
        platforms: Optional[Mapping[str, Mapping[str, str]]] = None,
        left_alone: Sequence[str] = (),
        *,
        sandbox: str = "",
        home: str = "",
    ) -> None:
        self.rules, self.platforms = dict(rules or {}), {name: dict(own) for name, own in (platforms or {}).items()}
        self._rules = _longest_first(_absolute(self.rules, sandbox, home))
        self._platforms = {name: _longest_first(_absolute(own, sandbox, home)) for name, own in self.platforms.items()}
        self._left_alone = tuple(left_alone)

    def elsewhere(self, home: str, sandbox: str, left_alone: Sequence[str]) -> PathMap:
        """The same rules, as they are on another host."""
        return PathMap(self.rules, self.platforms, left_alone, sandbox=sandbox, home=home)

    def __call__(self, path: str, platform: Optional[str] = None) -> str:
        """Where an absolute path goes. Mapping a path again changes nothing more, if it went below its own rule."""
        if not self._rules and not self._platforms:
            return path
        if any(_within(path, directory) for directory in self._left_alone):
            return path
        for source, target in [*self._platforms.get(platform or "", ()), *self._rules]:
            if _within(path, source):
                if _within(target, source) and _within(path, target):
                    return path
                return os.path.normpath(os.path.join(target, os.path.relpath(path, source)))
        return path


def declared_rules(section: ini.Section, mistakes: list[DeplError]) -> dict[str, str]:
    """The rules of `[vfs]` or `[vfs:PLATFORM]`. `Developer` has one that names no place: the sandbox."""
    rules: dict[str, str] = {}
    kind = section.get("sandbox")
    for entry in section.entries.values():
        if entry.key.startswith("/"):
            target = os.path.expanduser(entry.value)
            if os.path.isabs(target):
                at_home = entry.value == "~" or entry.value.startswith("~/")
                rules[os.path.normpath(entry.key)] = entry.value if at_home else os.path.normpath(target)
            else:
                message = f"{entry.key} = {entry.value!r} in [{section.name}] is not an absolute path"
                mistakes.append(ConversionError(message, file=entry.file, line=entry.line))
        elif entry is not kind:
            mistakes.append(unknown_key(entry, section.name, ["sandbox", "/PATH"]))
    if kind is not None and kind.value == "Developer":
        rules.setdefault("/", "")
    elif kind is not None and kind.value != "Map":
        message = f"sandbox = {kind.value!r} in [{section.name}] is not Developer or Map"
        mistakes.append(ConversionError(message, file=kind.file, line=kind.line))
    elif kind is None and section.name == "vfs":
        message, hint = "[vfs] does not say which sandbox it is", "Write `sandbox = Developer` or `sandbox = Map`."
        mistakes.append(ConfigurationError(message, file=section.file, line=section.line, hint=hint))
    return rules


def _absolute(rules: Mapping[str, str], sandbox: str, home: str) -> dict[str, str]:
    return {path: _place(target, home) if target else sandbox for path, target in rules.items()}


def _place(target: str, home: str) -> str:
    if not target.startswith("~"):
        return target
    return os.path.normpath(home + target[1:] if home else os.path.expanduser(target))


def _longest_first(rules: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(rules.items(), key=lambda rule: (-len(rule[0]), rule[0]))


def _within(path: str, directory: str) -> bool:
    """Whether a path is a directory or lies in it; by its parts: /etcetera does not lie in /etc."""
    return path == directory or path.startswith(directory if directory.endswith("/") else directory + "/")
