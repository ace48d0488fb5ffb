"""Files of ssh_config as lines that paramiko's parser understands, and what it would not understand."""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from depl.errors import ConfigurationError

_LINE = re.compile(r"(\w+)(?:\s*=\s*|\s+)(.+)")
_BEFORE_COMMENT = re.compile(r"""(?!#)(?:"[^"]*"|(?<=\S)#|[^"#])*""")
_SIMPLE_CRITERIA = {"all", "host", "originalhost", "user", "localuser"}
_DEEPEST_INCLUDE = 16


@dataclass
class Written:
    """What files say, one after the other. needs_client: what only OpenSSH itself can resolve, and where it stands."""

    lines: list[str] = field(default_factory=list)
    needs_client: list[str] = field(default_factory=list)


def read(files: Sequence[str]) -> Written:
    """What files say. Errors: ConfigurationError for what cannot be read or is no line of ssh_config."""
    written = Written()
    for path in files:
        _read_into(written, path)
    return written


def _read_into(written: Written, path: str, depth: int = 0) -> None:
    """Add the lines of a file, those of files that it includes at its top in their place."""
    in_block = False
    for number, line in _lines_of(path):
        parsed = _LINE.fullmatch(line)
        if parsed is None:
            raise ConfigurationError(f"{line!r} is not understood", file=path, line=number)
        key, value = parsed.group(1).lower(), parsed.group(2)
        where = f"{path}:{number} has `{line}`"
        if key == "include":
            included = _included(value, path)
            if included and (in_block or depth == _DEEPEST_INCLUDE):
                written.needs_client.append(where)
            elif included:
                for other in included:
                    _read_into(written, other, depth + 1)
            continue
        in_block = in_block or key in ("host", "match")
        if key == "match" and not _is_simple(value):
            written.needs_client.append(where)
            continue
        if key == "canonicalizehostname" and value.lower() != "no":
            written.needs_client.append(where)
        written.lines.append(f"{key} {value}")
    written.lines.append("Host *")


def _lines_of(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a file, numbered, without what is comment; a line that is only comment is left out."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None
    for number, line in enumerate(lines, 1):
        kept = _BEFORE_COMMENT.match(line.strip())
        if kept and kept.group().strip():
            yield number, kept.group().strip()


def _included(value: str, path: str) -> list[str]:
    base = "/etc/ssh" if path.startswith("/etc/ssh/") else os.path.expanduser("~/.ssh")
    found: list[str] = []
    for pattern in shlex.split(value):
        found += sorted(glob.glob(os.path.join(base, os.path.expanduser(pattern))))
    return [file for file in found if os.path.isfile(file)]


def _is_simple(criteria: str) -> bool:
    """Whether paramiko decides on a `Match` as OpenSSH does."""
    words = re.sub(r"\s*=\s*", " ", criteria).split()
    kinds = words if words == ["all"] else words[::2]
    return all(kind.lstrip("!").lower() in _SIMPLE_CRITERIA for kind in kinds)
