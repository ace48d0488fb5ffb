"""Readers of archives: what is in them, and the contents of files. They unpack nothing by themselves."""

from __future__ import annotations

import os
import stat
import time
from typing import Any, Iterable, Iterator

from depl.lib.archives.entries import Entry, Unsafe, complete, safe_link, safe_mode, safe_path

CHUNK = 1 << 18


class Reader:
    """What readers share: contents are streamed into files with their final mode and time."""

    def entries(self, strip: int) -> list[Entry]:
        """What is in the archive, without the leading `strip` parts of the names. Errors: Unsafe."""
        return complete(self._found(strip))

    def in_order(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The files among them, as they follow each other in the archive."""
        return iter(sorted((entry for entry in entries if entry.kind == "file"), key=self._position))

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        with self._content(entry) as stream:
            content: bytes = stream.read()
            return content

    def write(self, entry: Entry, path: str) -> None:
        """The content of a file into a new one."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with open(handle, "wb") as target:
            with self._content(entry) as stream:
                target.writelines(iter(lambda: stream.read(CHUNK), b""))
            os.fchmod(handle, 0o644 if entry.mode is None else entry.mode)
        os.utime(path, (entry.mtime, entry.mtime))

    def close(self) -> None:
        raise NotImplementedError

    def _found(self, strip: int) -> Iterator[Entry]:
        raise NotImplementedError

    def _content(self, entry: Entry) -> Any:
        raise NotImplementedError

    def _position(self, entry: Entry) -> int:
        raise NotImplementedError


class TarReader(Reader):
    """A tar archive: plain, or compressed as its content says."""

    def __init__(self, stream: Any) -> None:
        import tarfile

        self._stream = stream
        self._tar = tarfile.open(fileobj=stream, mode="r:*")  # noqa: SIM115 (closed with the reader)

    def close(self) -> None:
        self._tar.close()
        self._stream.close()

    def _found(self, strip: int) -> Iterator[Entry]:
        for member in self._tar:
            path = safe_path(member.name, strip)
            if not path:
                continue
            mtime = int(member.mtime)
            if member.isdir():
                yield Entry(path, "directory", safe_mode(member.mode, directory=True), mtime=mtime, member=member)
            elif member.issym():
                yield Entry(path, "link", link=safe_link(path, member.linkname), member=member)
            elif member.isreg() or member.islnk():
                content = self._file_behind(member)
                yield Entry(path, "file", safe_mode(content.mode), content.size, int(content.mtime), member=content)
            else:
                raise Unsafe(f"{member.name!r} is a device or a pipe")

    def _file_behind(self, member: Any) -> Any:
        """The member with the content: a hard link is unpacked as a file of its own."""
        for _ in range(40):
            if not member.islnk():
                break
            try:
                member = self._tar.getmember(member.linkname)
            except KeyError:
                raise Unsafe(f"{member.name!r} is a hard link to {member.linkname!r}, which is not in it") from None
        if not member.isreg():
            raise Unsafe(f"{member.name!r} is a hard link to something that is not a file")
        return member

    def _content(self, entry: Entry) -> Any:
        return self._tar.extractfile(entry.member)

    def _position(self, entry: Entry) -> int:
        return int(entry.member.offset)


class ZipReader(Reader):
    """A ZIP archive."""

    def __init__(self, stream: Any) -> None:
        import zipfile

        self._stream = stream
        self._zip = zipfile.ZipFile(stream)

    def close(self) -> None:
        self._zip.close()
        self._stream.close()

    def _found(self, strip: int) -> Iterator[Entry]:
        for member in self._zip.infolist():
            path = safe_path(member.filename, strip)
            if not path:
                continue
            mode = member.external_attr >> 16  # nothing, where it was not made on Unix
            mtime = int(time.mktime((*member.date_time, 0, 0, -1)))
            if member.flag_bits & 1:
                raise Unsafe(f"{member.filename!r} is encrypted")
            if member.is_dir():
                yield Entry(path, "directory", safe_mode(mode or 0o755, directory=True), mtime=mtime, member=member)
            elif stat.S_ISLNK(mode):
                to = os.fsdecode(self._zip.read(member))
                yield Entry(path, "link", link=safe_link(path, to), member=member)
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield Entry(path, "file", safe_mode(mode or 0o644), member.file_size, mtime, member=member)
            else:
                raise Unsafe(f"{member.filename!r} is a device or a pipe")

    def _content(self, entry: Entry) -> Any:
        return self._zip.open(entry.member)

    def _position(self, entry: Entry) -> int:
        return int(entry.member.header_offset)
