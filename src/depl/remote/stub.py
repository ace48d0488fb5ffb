"""What a target runs first: it finds the agent in a cache or receives it, and becomes it.

This file is read, stripped and sent (see depl.remote.launch); nobody imports it. It must run on Python 2.7 far enough
to say which Python there is. Standard output is the line: nothing but the answers goes there, each a line of JSON
behind the marker. Standard input has other readers after this one: nothing is read ahead.

sys.argv[2:] is the line that standard input began with: how many bytes of it are the stub (read already), the header
and the agent's first messages, and whether to look for a newer Python.
"""

# This is how it is written for Python 2.7:
# ruff: noqa: RUF005, UP032

from __future__ import annotations

import os
import sys
from typing import Any

MARKER = "depl-agent-1 "
OLDEST = (3, 9)
DAY = 86400


def main() -> None:
    """Answer, and become the agent."""
    _, of_header, of_first, look_further = sys.argv[2:]
    if sys.version_info < OLDEST:
        too_old(int(look_further))
    import json

    header = json.loads(read(int(of_header)).decode("utf-8"))
    first = read(int(of_first))
    sys.argv[:] = ["depl-agent"]
    go_home()
    directory = cached(header)
    if directory is None:
        tell(wants=True)
        directory = received(header)
    sys.path.insert(0, directory)
    try:
        import depl.agent
    except Exception as error:  # noqa: BLE001 (whatever it is, it is said)
        tell(failed="import", message="{}: {}".format(type(error).__name__, error))
        sys.exit(1)
    tell(wants=False)
    depl.agent.main(first)


def read(size: int) -> bytes:
    """Just so many bytes of standard input; without them there is nothing left to do."""
    pieces = []
    while size:
        piece = os.read(0, size)
        if not piece:
            sys.exit(1)
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def tell(**answer: Any) -> None:
    """An answer for the coordinator."""
    import json

    answer.update(version="{}.{}.{}".format(*sys.version_info[:3]), python=sys.executable)
    line = (MARKER + json.dumps(answer) + "\n").encode("ascii")
    while line:
        line = line[os.write(1, line) :]


def too_old(look_further: int) -> None:
    """Let a newer Python take over, if there is one; nothing but the stub was read."""
    newer = find_newer() if look_further else None
    if newer is None:
        tell(failed="old")
        sys.exit(1)
    source = globals()["source"].decode("ascii")  # from the loader
    source = "import sys; sys.path = [path for path in sys.path if path]\n" + source
    os.execv(newer, [newer, "-S", "-E", "-c", source] + sys.argv[1:-1] + ["0"])


def find_newer() -> Any:
    """A Python beside this one or on PATH that is new enough and works; None: there is none."""
    import subprocess

    test = "import sys; sys.exit(sys.version_info < (3, 9))"
    places = [os.path.dirname(sys.executable)] + os.environ.get("PATH", os.defpath).split(":")
    for name in ["python3.{}".format(minor) for minor in range(29, 8, -1)] + ["python3"]:
        for path in [os.path.join(place, name) for place in places if place]:
            if os.path.isfile(path) and os.access(path, os.X_OK):
                with open(os.devnull, "r+b") as nothing:
                    streams: Any = {"stdin": nothing, "stdout": nothing, "stderr": nothing}
                    if subprocess.call([path, "-S", "-E", "-c", test], **streams) == 0:
                        return path
    return None


def go_home() -> None:
    """HOME is right, and the directory is one that this user may be in."""
    if not os.environ.get("HOME"):
        import pwd

        try:
            os.environ["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            os.environ["HOME"] = "/"
    try:
        os.chdir(os.environ["HOME"])
    except OSError:
        os.chdir("/")


def cached(header: Any) -> Any:
    """The directory of the agent, if there is one and all of it; None: it has to come first."""
    for cache in header["caches"]:
        directory = os.path.join(os.path.expanduser(cache), header["digest"])
        if is_whole(directory):
            return directory
    return None


def is_whole(directory: str) -> bool:
    """Whether an agent is complete, and nobody else can have changed it. Remembers that it was used."""
    import json
    import time

    complete = os.path.join(directory, "complete")
    try:
        status = os.stat(directory)
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            return False
        with open(complete) as file:
            index = json.load(file)
        for name, size in index:
            if os.stat(directory + "/" + name).st_size != size:
                return False
        if time.time() - os.stat(complete).st_mtime > DAY:
            os.utime(complete, None)
    except (OSError, ValueError):
        return False
    return True


def received(header: Any) -> str:
    """The directory of the agent, once it came and is unpacked."""
    import zlib

    installer: Any = {"__name__": "installer"}
    exec(zlib.decompress(read(header["installer"])), installer)  # noqa: S102 (from the coordinator, as is the agent)
    content = read(header["size"])
    try:
        directory: str = installer["install"](content, header["digest"], header["caches"], is_whole)
    except installer["Failed"] as failure:
        tell(**failure.args[0])
        sys.exit(1)
    return directory


if __name__ == "__main__":
    main()
