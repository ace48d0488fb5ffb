"""Files of known hosts as OpenSSH has them: reading, finding, replacing."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from depl.errors import ConfigurationError


@dataclass(frozen=True)
class Known:
    """A line of a known_hosts file. marker: `@revoked`, `@cert-authority` or nothing."""

    marker: str
    names: tuple[str, ...]
    kind: str
    key: bytes
    file: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def is_about(self, name: str) -> bool:
        """Whether it speaks of a host; a pattern with `!` takes out what others let in."""
        matching = [pattern for pattern in self.names if _matches(pattern.removeprefix("!"), name)]
        return bool(matching) and not any(pattern.startswith("!") for pattern in matching)


class KnownHostsFile:
    """The entries of a file, found by name: plain names at once, patterns and hashes one by one."""

    def __init__(self, entries: Iterable[Known]) -> None:
        self._found: dict[str, list[Known]] = {}
        self._plain: dict[str, list[Known]] = {}
        self._others = []
        for entry in entries:
            if any(set("*?!|") & set(name) for name in entry.names):
                self._others.append(entry)
            else:
                for name in entry.names:
                    self._plain.setdefault(name.lower(), []).append(entry)

    def about(self, name: str) -> list[Known]:
        """The entries that speak of a host, in the order of the file."""
        if name not in self._found:
            found = [*self._plain.get(name, ()), *(entry for entry in self._others if entry.is_about(name))]
            self._found[name] = sorted(found, key=lambda entry: entry.line)
        return self._found[name]


def read_known_hosts(path: str) -> Iterator[Known]:
    """The entries of a file; one that does not exist has none, and lines that make no sense are passed over."""
    for number, line in enumerate(_read_lines(path), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if len(fields) < 3:
            continue
        try:
            key = base64.b64decode(fields[2], validate=True)
        except binascii.Error:
            continue
        yield Known(marker, tuple(fields[0].split(",")), fields[1], key, path, number)


def replace_key(path: str, name: str, kind: str, key: bytes) -> None:
    """Write the key of a host into a file, in place of all that it has of that host; revoked keys and patterns stay."""
    forgotten = {entry.line: entry for entry in read_known_hosts(path) if _is_replaced(entry, name)}
    kept = []
    for number, line in enumerate(_read_lines(path), 1):
        if number not in forgotten:
            kept.append(line)
        elif others := [other for other in forgotten[number].names if not _matches(other, name)]:
            kept.append(",".join(others) + " " + line.split(None, 1)[1])
    kept.append(f"{name} {kind} {base64.b64encode(key).decode()}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _write(path, "".join(f"{line}\n" for line in kept))


def _is_replaced(entry: Known, name: str) -> bool:
    """Patterns stay: they speak of other hosts too."""
    return not entry.marker and any(not set("*?!") & set(own) and _matches(own, name) for own in entry.names)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        return _is_hash_of(pattern, name)
    if "*" in pattern or "?" in pattern:
        return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))
    return pattern.lower() == name


def _is_hash_of(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)


def _read_lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None


def _write(path: str, text: str) -> None:
    """All of it or nothing; readable by all, as it holds nothing secret."""
    number, temporary = tempfile.mkstemp(prefix=".known_hosts-", dir=os.path.dirname(path))
    try:
        with open(number, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fchmod(number, 0o644)
            os.fsync(number)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
