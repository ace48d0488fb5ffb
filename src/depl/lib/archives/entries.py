"""What is in an archive, as it may be unpacked: files, directories and links, and nothing outside of the target."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any, Iterable, Optional

READABLE_BY_US = 0o600
NOT_FOR_OTHERS = 0o7022  # set-user-id, set-group-id, sticky; write permission of group and others


class Unsafe(Exception):
    """A member of an archive that must not be unpacked."""


@dataclass(frozen=True)
class Entry:
    """Something to unpack.

    path: below the target. mode: None for a directory that the archive does not tell of. mtime: in whole seconds.
    member: what the reader knows it by.
    """

    path: str
    kind: str  # file | directory | link
    mode: Optional[int] = None
    size: int = 0
    mtime: int = 0
    link: str = ""
    member: Any = None


def complete(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with all directories that they need, directories first; of equal names the last counts.

    Errors: Unsafe, where one would be written through a link or a file.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.path != ".":
            found[entry.path] = entry
    for path in list(found):
        parent = os.path.dirname(path)
        while parent:
            above = found.setdefault(parent, Entry(parent, "directory"))
            if above.kind != "directory":
                raise Unsafe(f"{path!r} would be written through {parent!r}, which is a {above.kind}")
            parent = os.path.dirname(parent)
    return sorted(found.values(), key=lambda entry: (entry.kind != "directory", entry.path))


def safe_path(name: str, strip: int) -> str:
    """Where a member goes, below the target; nothing where it is dropped."""
    if name.startswith("/") or "\0" in name:
        raise Unsafe(f"{name!r} is an absolute path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Unsafe(f"{name!r} lies outside of the target")
    return "/".join(parts[strip:])


def safe_link(path: str, to: str) -> str:
    """Where a link points to, if that lies below the target, whatever other links there are."""
    parts = [part for part in to.split("/") if part not in ("", ".")]
    upwards = 0
    while upwards < len(parts) and parts[upwards] == "..":
        upwards += 1
    if to.startswith("/") or not to or ".." in parts[upwards:] or upwards > path.count("/"):
        raise Unsafe(f"{path!r} is a link to {to!r}, which may lie outside of the target")
    return to


def safe_mode(mode: int, directory: bool = False) -> int:
    """The mode that is kept of a member's mode."""
    return (stat.S_IMODE(mode) & ~NOT_FOR_OTHERS) | READABLE_BY_US | (0o100 if directory else 0)


def unreadable(problem: object) -> bool:
    """Whether it says that an archive is damaged."""
    import tarfile
    import zipfile
    import zlib
    from gzip import BadGzipFile

    kinds: list[Any] = [tarfile.TarError, zipfile.BadZipFile, BadGzipFile, EOFError, zlib.error, NotImplementedError]
    try:
        import lzma

        kinds.append(lzma.LZMAError)
    except ImportError:  # a Python without it could not read such an archive
        pass
    return isinstance(problem, tuple(kinds))
