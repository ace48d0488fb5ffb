"""Compiled templates between runs: one file for each version of Python, Jinja and our options.

The file is an index and the codes behind it, so that a run reads only what it uses. It is replaced as a whole; of two
runs that write at the same time, one wins and the other compiles again next time. Whatever is odd about it (damage,
another owner, another version) means that it is not there.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from types import CodeType
from typing import Collection, Mapping, Optional, Tuple

FORMAT = 1
LIMIT = 64 * 1024 * 1024  # bytes; beyond, what was not used longest goes first
MAGIC = b"depl-templates\n"

Digest = bytes
Entry = Tuple[int, int, int]  # offset, size, checksum


class CompiledTemplates:
    """The codes that earlier runs kept.

    compiler: what made them, with its version. directory: `$XDG_CACHE_HOME/depl/templates` unless given.
    """

    def __init__(self, compiler: str, directory: Optional[str] = None) -> None:
        self._directory = directory or os.path.join(cache_home(), "depl", "templates")
        python = f"{sys.implementation.cache_tag}-{sys.hexversion:x}"
        self.path = os.path.join(self._directory, f"{python}-{compiler}-{FORMAT}.bin")
        self._file: Optional[int] = None
        self._index: dict[Digest, Entry] = {}
        self._used: dict[Digest, None] = {}
        self._open()

    def get(self, source: str) -> Optional[CodeType]:
        """The code of a source, None if it was not kept or is damaged."""
        key = _digest(source)
        data = self._read(key)
        if data is None:
            return None
        try:
            code = marshal.loads(data)  # noqa: S302 (only from a file that is ours alone)
        except (EOFError, ValueError, TypeError):
            return None
        self._used[key] = None
        return code if isinstance(code, CodeType) else None

    def save(self, codes: Mapping[str, CodeType], never: Collection[str] = ()) -> None:
        """Keep these, and what was kept before as far as there is room, but not the sources that are `never` kept.

        A cache that cannot be written is no error.
        """
        new = {_digest(source): code for source, code in codes.items()}
        dropped = {_digest(source) for source in never}
        if all(key in self._used for key in new) and not dropped.intersection(self._index):
            return
        kept: dict[Digest, bytes] = {key: marshal.dumps(code) for key, code in new.items()}
        room = LIMIT - sum(map(len, kept.values()))
        for key in self._index:
            data = None if key in kept or key in dropped else self._read(key)
            if data is not None:
                room -= len(data)
                if room < 0:
                    break
                kept[key] = data
        try:
            self._replace(kept)
        except OSError:
            return
        self._used.update(dict.fromkeys(new))

    def _open(self) -> None:
        try:
            self._file = os.open(
                self.path,
                os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0),
            )
            about = os.fstat(self._file)
            # Code is executed from here: it must be ours alone.
            if about.st_uid != os.geteuid() or about.st_mode & 0o022:
                return
            self._index = _read_index(self._file)
        except (OSError, ValueError, EOFError, TypeError):
            self._index = {}

    def _read(self, key: Digest) -> Optional[bytes]:
        if self._file is None or key not in self._index:
            return None
        offset, size, checksum = self._index[key]
        try:
            data = os.pread(self._file, size, offset)
        except OSError:
            return None
        return data if zlib.crc32(data) == checksum else None

    def _replace(self, kept: Mapping[Digest, bytes]) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        index: dict[Digest, Entry] = {}
        offset = 0
        for key, data in kept.items():
            index[key] = (offset, len(data), zlib.crc32(data))
            offset += len(data)
        head = marshal.dumps(index)
        temporary = f"{self.path}.{os.getpid()}"
        try:
            handle = os.open(
                temporary,
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0),
                0o600,
            )
            with open(handle, "wb") as stream:
                stream.write(MAGIC + len(head).to_bytes(8, "big") + zlib.crc32(head).to_bytes(4, "big") + head)
                stream.writelines(kept.values())
            os.replace(temporary, self.path)
        except OSError:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)


def cache_home() -> str:
    """Where this user keeps what can be made again."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return given if os.path.isabs(given) else os.path.expanduser("~/.cache")


def _read_index(file: int) -> dict[Digest, Entry]:
    start = len(MAGIC) + 12
    head = os.pread(file, start, 0)
    size = int.from_bytes(head[len(MAGIC) : len(MAGIC) + 8], "big")
    if not head.startswith(MAGIC) or not 0 < size <= LIMIT:
        raise ValueError("not a file of compiled templates")
    index = os.pread(file, size, start)
    if zlib.crc32(index) != int.from_bytes(head[-4:], "big"):
        raise ValueError("the index is damaged")
    loaded = marshal.loads(index)  # noqa: S302 (as above)
    return {key: (start + size + offset, length, check) for key, (offset, length, check) in loaded.items()}


def _digest(source: str) -> Digest:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()[:16]
