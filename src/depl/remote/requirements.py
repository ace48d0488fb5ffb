"""What component code imports: requirements.txt at the project's root, as wheels for the Pythons of the hosts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from depl.errors import ConfigurationError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given
from depl.remote.wheelhouse import Wheelhouse, platform_of

FILE = "requirements.txt"
OURS = ("batou", "depl")  # they come with the agent
PIECE = 1024 * 1024  # bytes of a wheel in one message

INCLUDED = re.compile(r"(?:-r|--requirement|(?P<constraint>-c|--constraint))(?:\s+|=|(?<=-[rc]))(?P<path>\S.*)")
NAMED = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?=$|[\[(<>=!~;@ ])")
EDITABLE = re.compile(r"(?:-e|--editable)[\s=].*#(?:.*&)?egg=([\w.-]+)")


@dataclass
class Lines:
    """The lines of requirements files, without comments: what is wanted with pip's options, and what only binds."""

    wanted: list[str] = field(default_factory=list)
    binding: list[str] = field(default_factory=list)

    @property
    def packages(self) -> list[str]:
        """The lines that name a package, not an option."""
        return [line for line in self.wanted if not line.startswith("-") or line.startswith(("-e", "--editable"))]


class Requirements:
    """The packages that component code imports.

    key: which ones, as a digest; "" if there are none. file: what names them, seen from base_dir. Errors:
    ConfigurationError for files that cannot be read.
    """

    def __init__(self, base_dir: str, cache: str | None = None, file: str = FILE) -> None:
        self.base_dir = base_dir
        self.lines = read_lines(os.path.join(base_dir, file))
        self.key = _digest(self.lines) if self.lines.packages else ""
        self._wheelhouse = Wheelhouse(cache)

    def answer(self, wants: Wants) -> Iterator[Given]:
        """The wheels for the Python of the host that wants them, in pieces.

        They are fetched once and kept. Errors: ConfigurationError where pip has no wheel, or does not reach its index.
        """
        directory = self._wheelhouse.fetch(self.key, platform_of(wants.items), self.lines, self.base_dir)
        pieces = (piece for name in sorted(os.listdir(directory)) for piece in _pieces(directory, name))
        held: Given | None = None
        for head, data in pieces:
            if held is not None:
                yield held
            held = Given(wants.kind, head, last=False, data=data)
        yield Given(wants.kind) if held is None else Given(held.kind, held.head, last=True, data=held.data)


def read_lines(path: str) -> Lines:
    """The lines of a requirements file and of those that it includes; none if there is no such file."""
    lines = Lines()
    if os.path.exists(path):
        _read(path, lines, lines.wanted, set())
    return lines


def _read(path: str, lines: Lines, into: list[str], seen: set[tuple[str, bool]]) -> None:
    known = os.path.abspath(path), into is lines.binding
    if known in seen:
        return
    seen.add(known)
    for number, line in _joined(_text(path)):
        included = INCLUDED.fullmatch(line)
        if included and "://" not in included["path"]:
            other = os.path.join(os.path.dirname(path), included["path"].strip("'\""))
            if not os.path.isfile(other):
                raise ConfigurationError(f"{other} does not exist, but is included here", file=path, line=number)
            _read(other, lines, lines.binding if included["constraint"] else into, seen)
        elif _name(line) not in OURS and line not in into:
            into.append(line)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", file=path) from None


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines as pip has them, with the number of their first one: continued by a backslash, comments taken away."""
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts.append(re.sub(r"(^|\s)#.*$", "", line).strip())
        if parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1].strip()
            continue
        joined = " ".join(" ".join(parts).split())
        if joined:
            yield number - len(parts) + 1, joined
        parts = []
    if any(parts):
        yield text.count("\n"), " ".join(" ".join(parts).split())


def _name(line: str) -> str:
    found = EDITABLE.match(line) or NAMED.match(line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def _digest(lines: Lines) -> str:
    texts = [*lines.wanted, "-- constraints", *lines.binding]
    return sha256("\n".join(texts).encode()).hexdigest()[:32]


def _pieces(directory: str, name: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    path = os.path.join(directory, name)
    size, summed = 0, sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            summed.update(piece)
            size += len(piece)
    with open(path, "rb") as file:
        sent = 0
        while piece := file.read(PIECE):
            sent += len(piece)
            yield {"name": name, "digest": summed.hexdigest(), "size": size, "end": sent == size}, piece
