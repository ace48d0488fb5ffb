r"""`.deplignore` at the top of a project: what does not travel, in the grammar of `.gitignore`.

A line is a pattern; empty lines and those that begin with `#` are none, spaces at its end do not count (`\ ` is a
space, `\#` and `\!` are signs like others). `!` before a pattern takes back what earlier ones say; the last one that
fits counts; nothing comes back from below a directory that is ignored. A pattern with a `/` at its beginning or in its
middle is meant from the top, others fit at any depth; with a `/` at its end it means directories only. `*` stands for
anything but a slash, `?` for one sign but a slash, `[a-z]` and `[!a-z]` for one of some; `**` as a whole part of a path
stands for any directories, at its end for all that is below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from depl.errors import ConfigurationError

FILE = ".deplignore"


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    ignores: bool
    directories_only: bool


class Ignoring:
    """Decides what does not travel. Errors: ConfigurationError for a line that cannot be understood."""

    def __init__(self, lines: Iterable[str], file: str = FILE) -> None:
        self._rules = [rule for number, line in enumerate(lines, 1) if (rule := _rule(line, file, number))]
        self._directories: dict[str, bool] = {"": False}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def ignores(self, path: str, is_directory: bool = False) -> bool:
        """Whether a path, or a directory that it lies in, is ignored."""
        if is_directory:
            return self._ignores_directory(path)
        return self._ignores_directory(path.rpartition("/")[0]) or self._matches(path, False)

    def _ignores_directory(self, path: str) -> bool:
        if path not in self._directories:
            parent = path.rpartition("/")[0]
            self._directories[path] = self._ignores_directory(parent) or self._matches(path, True)
        return self._directories[path]

    def _matches(self, path: str, is_directory: bool) -> bool:
        for rule in reversed(self._rules):
            if (is_directory or not rule.directories_only) and rule.pattern.fullmatch(path):
                return rule.ignores
        return False


def _rule(line: str, file: str, number: int) -> Rule | None:
    text = re.sub(r"(?<!\\)\s+$", "", line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    directories_only = text.endswith("/")
    text = text.rstrip("/") if directories_only else text
    if not text:
        return None
    anchored = "/" in text
    try:
        pattern = re.compile(("" if anchored else "(?:.*/)?") + _expression(text.lstrip("/")), re.DOTALL)
    except re.error as error:
        message = f"{line.strip()!r} is not a pattern of files: {error}"
        raise ConfigurationError(message, file=file, line=number) from None
    return Rule(pattern, ignores, directories_only)


def _expression(text: str) -> str:
    """A pattern as a regular expression."""
    parts = text.split("/")
    written = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            written.append(".+" if last else "(?:.*/)?")
        else:
            written.append(_part(part) + ("" if last else "/"))
    return "".join(written)


SIGN = re.compile(
    r"\\(?P<plain>.)|(?P<stars>\*+)|(?P<one>\?)|\[(?P<not>[!^]?)(?P<set>\]?(?:\\.|\[:\w+:\]|[^\]\\])*)\]", re.DOTALL
)
CLASSES = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s"}


def _part(part: str) -> str:
    written, end = "", 0
    for found in SIGN.finditer(part):
        written += re.escape(part[end : found.start()])
        end = found.end()
        if found["plain"] is not None:
            written += re.escape(found["plain"])
        elif found["stars"]:
            written += "[^/]*"
        elif found["one"]:
            written += "[^/]"
        else:
            written += f"(?!/)[{'^' if found['not'] else ''}{_set(found['set'])}]"
    return written + re.escape(part[end:])


def _set(signs: str) -> str:
    """What stands between brackets, so that it means the same in a regular expression."""
    named = re.split(r"\[:(\w+):\]", signs)
    plain = [re.sub(r"\\(.)|([\[\]^&~|])", lambda one: "\\" + (one[1] or one[2]), text) for text in named[::2]]
    between = [CLASSES.get(name, "") for name in named[1::2]] + [""]
    return "".join(text + name for text, name in zip(plain, between, strict=True))
