"""What a project consists of, as text: a line for each directory, file and link, sorted. Its digest is the key."""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Set

from depl.errors import ProtocolError

HEAD = "depl project 1"
LARGEST = 256 * 1024 * 1024  # bytes of text that are taken
KEY = re.compile(r"[0-9a-f]{40,64}(-[0-9a-f]{8})?")
DIGEST = re.compile(r"[0-9a-f]{64}")
DIRECTORY, FILE, LINK = "d", "f", "l"
KEPT_OUT = re.compile(r"(?:(?:work|\.depl|environments)|(?:.*/)?\.(?:git|hg))(?:/.*)?", re.DOTALL)
PUBLIC = (b"\x98", b"\x99", b"\x9a", b"\xc6", b"-----BEGIN PGP PUBLIC")  # how keyrings of OpenPGP begin

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Entry(NamedTuple):
    """Something in a project. mode: of directories and files; size, digest: of files; target: of links."""

    path: str
    kind: str
    mode: int = 0
    size: int = 0
    digest: str = ""
    target: str = ""

    def line(self) -> str:
        if self.kind == FILE:
            return _encode([self.path, FILE, self.mode, self.size, self.digest])
        return _encode([self.path, self.kind, self.mode if self.kind == DIRECTORY else self.target])


class Manifest:
    """All that is in a project. contents: a file for each content that is different, in the order of the paths."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries)
        self.text = "\n".join([HEAD, *(entry.line() for entry in self.entries)]).encode("ascii")
        self.key = sha256(self.text).hexdigest()

    @classmethod
    def parse(cls, text: bytes) -> Manifest:
        """The manifest that a text tells of. Errors: ProtocolError for what must not be laid into a directory."""
        lines = text.split(b"\n")
        if lines[0] != HEAD.encode("ascii"):
            raise ProtocolError("what should list the files of a project does not")
        manifest = cls(_checked(map(_entry, lines[1:])))
        if manifest.text != text:
            raise ProtocolError("the list of the files of a project is not written as it should be")
        return manifest

    @property
    def contents(self) -> List[Entry]:
        first: Dict[str, Entry] = {}
        for entry in self.entries:
            if entry.kind == FILE:
                first.setdefault(entry.digest, entry)
        return list(first.values())

    def changes_from(self, other: Manifest) -> bytes:
        """What makes this one's text of the other one's: lines that are new, and paths alone that are gone."""
        there, here = set(other.entries), {entry.path for entry in self.entries}
        gone = [_encode([entry.path]) for entry in other.entries if entry.path not in here]
        return "\n".join([*gone, *(entry.line() for entry in self.entries if entry not in there)]).encode("ascii")

    def changed(self, changes: bytes) -> bytes:
        """The text that `changes_from` meant. Errors: ProtocolError."""
        entries = {entry.path: entry for entry in self.entries}
        for line in changes.split(b"\n") if changes else ():
            listed = _listed(line)
            if len(listed) == 1:
                entries.pop(str(listed[0]), None)
            else:
                entry = _entry(line)
                entries[entry.path] = entry
        return Manifest(entries.values()).text


def kept_out(path: str) -> bool:
    """Whether something never travels: repositories; and of the top what is made here, environments and secrets."""
    return KEPT_OUT.fullmatch(path) is not None


def may_be_secret(path: str) -> bool:
    return path.endswith((".age", ".gpg"))


def is_secret(path: str, beginning: bytes) -> bool:
    """Whether a file is encrypted. Keyrings have the same suffix, and are public."""
    return may_be_secret(path) and not (path.endswith(".gpg") and beginning.startswith(PUBLIC))


def _listed(line: bytes) -> Sequence[Any]:
    try:
        listed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the list of the files of a project cannot be read: {error}") from None
    if not isinstance(listed, list) or not listed:
        raise ProtocolError(f"{listed!r} is not a file of a project")
    return listed


def _entry(line: bytes) -> Entry:
    listed = _listed(line)
    kinds = [type(one) for one in listed]
    entry = None
    if (kinds == [str, str, int, int, str] and listed[1] == FILE) or (
        kinds == [str, str, int] and listed[1] == DIRECTORY
    ):
        entry = Entry(*listed)
    elif kinds == [str, str, str] and listed[1] == LINK:
        entry = Entry(listed[0], LINK, target=listed[2])
    if entry is None or not _is_sound(entry):
        raise ProtocolError(f"{line[:200].decode('ascii', 'replace')} is not a file of a project")
    return entry


def _is_sound(entry: Entry) -> bool:
    if entry.kind == LINK and (not entry.target or not _is_name(entry.target, 4095)):
        return False
    if entry.kind == FILE and not (entry.size >= 0 and DIGEST.fullmatch(entry.digest)):
        return False
    return 0 <= entry.mode <= 0o777 and is_safe(entry.path)


def is_safe(path: str) -> bool:
    """Whether a path lies below the directory that it is relative to."""
    parts = path.split("/")
    return _is_name(path, 4095) and all(part not in ("", ".", "..") and _is_name(part, 255) for part in parts)


def _is_name(text: str, longest: int) -> bool:
    try:
        return "\0" not in text and len(os.fsencode(text)) <= longest
    except UnicodeEncodeError:
        return False


def _checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same, as long as each path comes once, after the directory that it lies in."""
    directories: Set[str] = {""}
    before = ""
    for entry in entries:
        if entry.path <= before:
            raise ProtocolError(f"{entry.path!r} is not in its place in the list of the files of a project")
        if entry.path.rpartition("/")[0] not in directories:
            raise ProtocolError(f"{entry.path!r} would not lie in a directory of the project")
        if entry.kind == DIRECTORY:
            directories.add(entry.path)
        before = entry.path
        yield entry
