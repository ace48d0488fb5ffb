"""What component code imports, on a host: wheels that the coordinator sends, unpacked. No pip, no venv."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from hashlib import sha256
from typing import IO, Any, Callable, Iterator, List, Mapping, Optional

from depl.errors import DeploymentError, ProtocolError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given

Ask = Callable[[Wants], Iterator[Given]]


def make_available(key: str, cache_directory: str, ask: Ask) -> str:
    """A directory for sys.path with the packages that a key stands for; asked for once, then kept in the cache.

    Errors: ProtocolError for what is not as announced, DeploymentError for a cache that cannot be written.
    """
    if not key.isalnum():
        raise ProtocolError(f"{key!r} is not the key of what component code imports")
    python, machine, libc, flags = this_platform()
    name = "-".join(filter(None, (key, sys.implementation.cache_tag + flags, machine, libc.replace(" ", ""))))
    directory = os.path.join(cache_directory, "wheels", name)
    if os.path.isdir(directory):
        return directory
    try:
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=os.path.dirname(directory)) as room:
            unpacked = os.path.join(room, "packages")
            os.mkdir(unpacked)
            for wheel in _received(ask(Wants("wheels", [python, machine, libc, flags])), room):
                unpack(wheel, unpacked)
                os.unlink(wheel)
            _compile(unpacked, directory)
            _put(unpacked, directory)
    except OSError as error:
        raise DeploymentError(f"what component code imports cannot be laid into {directory}: {error}") from error
    return directory


def this_platform() -> List[str]:
    """Version of Python, machine, libc (`glibc 2.36`, `musl 1.2`, `macos 14.0` or nothing), `t` without the GIL."""
    machine = os.uname().machine
    if sys.maxsize < 2**32:  # a small Python on a large machine
        machine = {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    python = ".".join(str(number) for number in sys.version_info[:3])
    return [python, machine, _libc(), "t" if "t" in getattr(sys, "abiflags", "") else ""]


def _libc() -> str:
    if sys.platform == "darwin":
        import platform

        return "macos " + ".".join((platform.mac_ver()[0] + ".0").split(".")[:2])
    try:
        found = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return _musl()
    kind, _, version = found.partition(" ")
    return f"{kind} " + ".".join(version.split(".")[:2]) if kind == "glibc" else _musl()


def _musl() -> str:
    import re
    import subprocess
    from glob import glob

    for loader in glob("/lib/ld-musl-*.so.1"):
        told = subprocess.run([loader], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False).stderr
        version = re.search(rb"Version (\d+\.\d+)", told)
        if version:
            return "musl " + version.group(1).decode()
    return ""


def _received(parts: Iterator[Given], room: str) -> Iterator[str]:
    """The wheels as they are complete and as announced."""
    arriving: Optional[_Arriving] = None
    try:
        for part in parts:
            if not part.head:
                continue  # there are none
            arriving = arriving or _Arriving(part.head, room)
            if arriving.take(part):
                path, arriving = arriving.path, None
                yield path
        if arriving is not None:
            raise ProtocolError("a wheel did not arrive completely")
    finally:
        if arriving is not None:
            arriving.file.close()


class _Arriving:
    """A wheel of which the first parts are there."""

    def __init__(self, head: Mapping[str, Any], room: str) -> None:
        name = head.get("name")
        if not isinstance(name, str) or os.path.basename(name) != name or not name.endswith(".whl"):
            raise ProtocolError(f"{name!r} is not the name of a wheel")
        self.path = os.path.join(room, name)
        self.file: IO[bytes] = open(self.path, "xb")  # noqa: SIM115 - closed with the last part
        self._summed, self._size = sha256(), 0

    def take(self, part: Given) -> bool:
        """Whether this was the last part."""
        self.file.write(part.data)
        self._summed.update(part.data)
        self._size += len(part.data)
        if part.head.get("end") is not True:
            return False
        self.file.close()
        if (self._summed.hexdigest(), self._size) != (part.head.get("digest"), part.head.get("size")):
            raise ProtocolError(f"the wheel {os.path.basename(self.path)} did not arrive as it was sent")
        return True


def unpack(wheel: str, directory: str) -> None:
    """Bring the modules of a wheel into a directory, as pip would. Errors: ProtocolError for what is no wheel."""
    import zipfile

    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                path = _place(member.filename)
                if path and not member.is_dir():
                    _extract(archive, member, os.path.join(directory, path))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ProtocolError(f"{os.path.basename(wheel)} is not a wheel: {error}") from None


def _place(name: str) -> str:
    """Where a member of a wheel belongs, relative; nothing for scripts and data, which modules do without."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise ProtocolError(f"a wheel has a file {name!r}, which would lie somewhere else")
    if parts[0].endswith(".data"):
        parts = parts[2:] if len(parts) > 2 and parts[1] in ("purelib", "platlib") else []
    return os.path.join(*parts) if parts else ""


def _extract(archive: Any, member: Any, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(member) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    if (member.external_attr >> 16) & 0o111:
        os.chmod(path, 0o755)  # noqa: S103 - what is executable for its maker is so for all


def _compile(directory: str, final: str) -> None:
    """Byte-compile once; what does not compile (code for other Pythons) is left to whoever imports it."""
    from compileall import compile_dir

    compile_dir(directory, ddir=final, quiet=2, maxlevels=50)


def _put(unpacked: str, directory: str) -> None:
    try:
        os.rename(unpacked, directory)
    except OSError:
        if not os.path.isdir(directory):  # another agent was faster
            raise
