"""Starting the process of a command; where it holds a secret, without letting everybody on the machine read it."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any, Callable, Sequence, Union

Command = Union[str, Sequence[str]]
Redact = Callable[[str], str]

# The shell takes the text from a pipe: nothing is left to read there for the processes that inherit its end.
_FROM_PIPE = 'eval "$(command -p cat /dev/fd/{0} 2>/dev/null || cat /dev/fd/{0} || echo exit 126)"'


def spawn(command: Command, hidden: bool = False, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command: a text by /bin/sh, a list as it is. options: for Popen.

    hidden: a text is not among the arguments of the shell, which every user can read while it runs. Nothing else is
    different for the command, but that messages of some shells on its syntax name `eval`. Errors: OSError.
    """
    if not isinstance(command, str):
        return subprocess.Popen(list(command), **options)
    if not hidden or "\0" in command or not os.path.isdir("/dev/fd"):
        return subprocess.Popen(command, shell=True, **options)
    end, start = os.pipe()
    try:
        process = subprocess.Popen(["/bin/sh", "-c", _FROM_PIPE.format(end)], pass_fds=(end,), **options)
    except BaseException:
        os.close(start)
        raise
    finally:
        os.close(end)
    feed(open(start, "wb", buffering=0), os.fsencode(command))  # noqa: SIM115 closed once it is fed
    return process


def feed(stream: Any, content: bytes) -> None:
    """Write into a pipe and close it, beside whatever else is done, so that neither waits for the other."""

    def write() -> None:
        try:
            with stream:
                view = memoryview(content)
                while view:
                    view = view[stream.write(view) :]
        except OSError:
            pass  # nobody wanted all of it

    threading.Thread(target=write, daemon=True).start()


def holds_secret(command: Command, redact: Redact) -> bool:
    """Whether something in a command must not be seen."""
    return any(redact(part) != part for part in ([command] if isinstance(command, str) else map(str, command)))
