"""The agent as bytes: depl's modules for targets with jinja2, markupsafe and yaml, all of it Python only.

A target unpacks it with nothing but a bare Python, so the format is simple: one line of JSON with paths and sizes, then
the files one after the other, compressed as a whole. There are no times and no modes in it, so that the same sources
are the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from depl.compiled import cache_home

STAYS = (
    "__main__.py",
    "access",
    "bench.py",
    "cli",
    "remote",
    "report",
    "rollout",
    "secrets",
    "store",
    "tasks",
    "testing.py",
    "web",
)
LIBRARIES = {"jinja2": "jinja2", "markupsafe": "markupsafe", "yaml": "pyyaml"}  # module: distribution
LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")
KEPT = 30 * 24 * 3600.0  # seconds that an archive stays in the cache


class Archive(NamedTuple):
    """What travels. digest: the SHA-256 of what is compressed in `content`."""

    digest: str
    content: bytes


class Source(NamedTuple):
    """A file that goes into the archive, under a name."""

    name: str
    path: str


@cache
def archive() -> Archive:
    """The agent of this depl, made once per process and kept in the cache as long as its sources are as they are."""
    sources = sorted(sources_of_agent())
    kept = Path(cache_home(), "depl", "archives", key_of(sources))
    found = _read(kept)
    if found is None:
        found = pack(sources)
        _keep(kept, found)
    return found


def pack(sources: Iterable[Source]) -> Archive:
    """An archive of some files."""
    contents = [(source.name, Path(source.path).read_bytes()) for source in sorted(sources)]
    index = json.dumps([[name, len(content)] for name, content in contents], separators=(",", ":"))
    packed = b"".join([index.encode(), b"\n", *(content for _, content in contents)])
    return Archive(hashlib.sha256(packed).hexdigest(), zlib.compress(packed, 9))


def sources_of_agent() -> Iterator[Source]:
    """The files of the agent. Found, not imported."""
    for module in ("depl", *LIBRARIES):
        directory = directory_of(module)
        left_out = STAYS if module == "depl" else ()
        yield from _modules(directory, module, left_out)
        if module in LIBRARIES:
            yield from _licences(directory, module)


def directory_of(module: str) -> str:
    """Where a package lies. Errors: ImportError."""
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ImportError(f"there is no package {module!r} here, which the agent is made of")
    return next(iter(found.submodule_search_locations))


def _modules(directory: str, name: str, left_out: tuple[str, ...] = ()) -> Iterator[Source]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name in left_out or entry.name == "__pycache__":
                continue
            if entry.is_dir():
                yield from _modules(entry.path, f"{name}/{entry.name}")
            elif entry.name.endswith(".py"):
                yield Source(f"{name}/{entry.name}", entry.path)


def _licences(directory: str, module: str) -> Iterator[Source]:
    """The texts that a library's licence wants to go along, where its installation has them."""
    site = os.path.dirname(directory)
    start = LIBRARIES[module] + "-"
    for entry in os.listdir(site):
        if entry.lower().startswith(start) and entry.endswith(".dist-info"):
            for folder in (f"{site}/{entry}", f"{site}/{entry}/licenses"):
                for name in os.listdir(folder) if os.path.isdir(folder) else ():
                    if name.upper().startswith(LICENCES) and os.path.isfile(f"{folder}/{name}"):
                        yield Source(f"licences/{module}/{name}", f"{folder}/{name}")


def key_of(sources: Iterable[Source]) -> str:
    """What changes when one of the files changes, without reading them."""
    lines = []
    for name, path in sources:
        status = os.stat(path)
        lines.append(f"{name} {path} {status.st_size} {status.st_mtime_ns} {status.st_ino}\n")
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _read(kept: Path) -> Archive | None:
    """The archive from the cache, if it is there and nothing has become of it."""
    try:
        digest, check, content = kept.read_bytes().split(b"\n", 2)
        if hashlib.sha256(content).hexdigest().encode() != check:
            return None
        if time.time() - kept.stat().st_mtime > KEPT / 2:
            os.utime(kept)
    except (OSError, ValueError):
        return None
    return Archive(digest.decode("ascii", "replace"), content)


def _keep(kept: Path, made: Archive) -> None:
    """Into the cache, which drops what nobody used for long. A cache that cannot be written is no error."""
    check = hashlib.sha256(made.content).hexdigest()
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in kept.parent.iterdir():
            if time.time() - old.stat().st_mtime > KEPT:
                old.unlink()
        descriptor, temporary = tempfile.mkstemp(dir=kept.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(f"{made.digest}\n{check}\n".encode() + made.content)
            os.replace(temporary, kept)
        except OSError:
            os.unlink(temporary)
    except OSError:
        return
