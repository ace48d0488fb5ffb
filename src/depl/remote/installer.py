"""How a target installs the agent: verified, unpacked beside its place, byte-compiled, and put there in one step.

This file is read, stripped and sent along with the archive (see depl.remote.launch); nobody imports it. It runs on
Python 3.9 with nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import tempfile
import time
import zlib
from typing import Any, Callable, Dict, List

UNUSED = 30 * 86400.0  # seconds after which an agent goes
ABANDONED = 86400.0  # seconds after which what was being unpacked is not any more


class Failed(Exception):
    """The agent cannot be installed; the answer says why."""

    def __init__(self, **answer: Any) -> None:
        super().__init__(answer)


def install(content: bytes, digest: str, caches: List[str], is_whole: Callable[[str], bool]) -> str:
    """The directory that the agent is in, which is in the first of the caches that can be written."""
    try:
        packed = zlib.decompress(content)
    except zlib.error:
        packed = b""
    if hashlib.sha256(packed).hexdigest() != digest:
        raise Failed(failed="digest")
    files = unpacked(packed)
    umask = os.umask(0o077)
    tried = []
    try:
        for cache in map(os.path.expanduser, caches):
            try:
                return install_in(cache, digest, files, is_whole)
            except OSError as error:
                tried.append([cache, error.strerror or str(error)])
    finally:
        os.umask(umask)
    raise Failed(failed="unwritable", tried=tried)


def unpacked(packed: bytes) -> Dict[str, bytes]:
    """The files of an archive by their names."""
    line, _, contents = packed.partition(b"\n")
    files, start = {}, 0
    for name, size in json.loads(line):
        files[name] = contents[start : start + size]
        start += size
    return files


def install_in(cache: str, digest: str, files: Dict[str, bytes], is_whole: Callable[[str], bool]) -> str:
    """Install in one cache. Two that do it at once both end with the one that came first."""
    os.makedirs(cache, exist_ok=True)
    clean(cache)
    place = os.path.join(cache, digest)
    temporary = tempfile.mkdtemp(prefix="new-", dir=cache)
    try:
        fill(temporary, files)
        with open(os.path.join(cache, "lock"), "w") as lock:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_whole(place):
                if os.path.lexists(place):  # half an agent, or a damaged one
                    os.rename(place, tempfile.mkdtemp(prefix="old-", dir=cache) + "/agent")
                os.rename(temporary, place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


def fill(directory: str, files: Dict[str, bytes]) -> None:
    """All files, compiled where they are Python; the list of them comes last."""
    for name, content in files.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, content)
        if name.endswith(".py"):
            py_compile.compile(path, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    index = [[name, len(content)] for name, content in files.items()]
    write(os.path.join(directory, "complete"), json.dumps(index).encode())


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def clean(cache: str) -> None:
    """Drop the agents that nobody used for long, and what is left of installations that did not come to an end."""
    now = time.time()
    for name in os.listdir(cache):
        path = os.path.join(cache, name)
        with contextlib.suppress(OSError):
            if name.startswith(("new-", "old-")):
                unwanted = now - os.lstat(path).st_mtime > ABANDONED
            else:
                unwanted = now - os.lstat(os.path.join(path, "complete")).st_mtime > UNUSED
            if unwanted:
                shutil.rmtree(path, ignore_errors=True)
