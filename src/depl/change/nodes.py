"""What can be at a path: one sum type, so that one rule covers files, links, directories and their absence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

Path = str  # absolute, normalised
Digest = str  # SHA-256, in hex


@dataclass(frozen=True)
class Absent:
    """Nothing is there."""


@dataclass(frozen=True)
class File:
    """A regular file. digest None: its content was not looked at."""

    digest: Optional[Digest]
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Link:
    """A symbolic link; `to` as it is written in the link."""

    to: str


@dataclass(frozen=True)
class Directory:
    """A directory, without what is in it."""

    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Other:
    """A socket, pipe or device: seen, never made."""


Node = Union[Absent, File, Link, Directory, Other]


def same(now: Node, then: Node) -> bool:
    """Whether two looks at a path agree. A content that was not looked at agrees with any."""
    if isinstance(now, File) and isinstance(then, File) and (now.digest is None or then.digest is None):
        return (now.mode, now.uid, now.gid) == (then.mode, then.uid, then.gid)
    return now == then


def in_the_way(now: Node, before: Node) -> bool:
    """Whether a directory must go before something else can come, or the other way round."""
    if isinstance(now, Absent) or isinstance(before, Absent):
        return False
    return isinstance(now, Directory) != isinstance(before, Directory)


def describe(node: Node) -> str:
    """A node in words, for messages. A content is not named: from its digest one could guess a short secret."""
    if isinstance(node, Absent):
        return "nothing"
    if isinstance(node, Link):
        return f"a link to {node.to}"
    if isinstance(node, Directory):
        return f"a directory ({node.mode:04o}, {node.uid}:{node.gid})"
    if isinstance(node, File):
        return f"a file ({node.mode:04o}, {node.uid}:{node.gid})"
    return "a socket, pipe or device"


def what_changed(left: Node, now: Node) -> str:
    """What became of something that depl left, as a sentence."""
    then, today = describe(left), describe(now)
    if then == today:
        return f"depl left {then}, but its content was changed since"
    return f"depl left {then}, but {today} is there now"
