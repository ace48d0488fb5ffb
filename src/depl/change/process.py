"""Running a command: output as it comes, an end by force where it is wanted, no process left behind."""

from __future__ import annotations

import codecs
import os
import selectors
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Mapping, Optional, Union

from depl.change.spawning import Command, Redact, feed, spawn

GRACE = 5.0  # seconds between TERM and KILL
LINGER = 1.0  # seconds for which output is read at most when the command itself has ended
POLL = 0.2  # seconds between looks at the clock and at whether to stop


@dataclass(frozen=True)
class Result:
    """How a command ended. status None: it was ended by force, for `reason`."""

    status: Optional[int]
    stdout: str
    stderr: str
    reason: str = ""


def execute(
    command: Command,
    *,
    cwd: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    timeout: Optional[float] = None,
    input: Optional[Union[str, bytes]] = None,
    on_output: Callable[[str, str], None] = lambda stream, text: None,
    terminated: Callable[[], bool] = lambda: False,
    in_child: Optional[Callable[[], None]] = None,
    hidden: bool = False,
) -> Result:
    """Run a command to its end.

    A text goes to /bin/sh, a list is run as it is. env extends the environment. timeout in seconds. Output is decoded
    as UTF-8 with replacements. in_child: called in the process, which leads a group of its own, before it becomes the
    command. hidden: nobody else on the machine can read a text (see spawn). Errors: OSError if the command cannot be
    started.
    """
    process = spawn(
        command,
        hidden,
        cwd=cwd,
        env={**os.environ, **env} if env else None,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for depl, and the whole group can be ended
        preexec_fn=in_child,  # system calls only (see leftover)
    )
    if input is not None:
        feed(process.stdin, input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input)
    reader = _Reader(process, on_output)
    try:
        reason = _wait(process, reader, timeout, terminated)
    except BaseException:
        reader.go_unheard()
        _end(process, reader)
        raise
    finally:
        reader.close()
    status = None if reason else process.returncode
    return Result(status, reader.text("stdout"), reader.text("stderr"), reason)


def shown(command: Command, redact: Redact = str) -> str:
    """A command on one line, cut where it is long; masked before that, as what is cut would not be known."""
    if isinstance(command, str):
        text = redact(command)
    else:
        text = " ".join(shlex.quote(redact(part)) for part in command)
    text = " ".join(text.split())
    return text if len(text) <= 500 else text[:497] + "..."


def _wait(
    process: subprocess.Popen[bytes], reader: _Reader, timeout: Optional[float], terminated: Callable[[], bool]
) -> str:
    """Until the command and its output have ended; the reason, where it had to be ended by force."""
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: Optional[float] = None
    while True:
        left = POLL if deadline is None else min(POLL, max(0.0, deadline - time.monotonic()))
        if reader.open:
            busy = reader.read(left)
        else:
            busy = False
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                pass
        if process.poll() is not None:
            ended = ended or time.monotonic()
            if not busy or time.monotonic() - ended > LINGER:
                return ""  # a daemon that it started may hold the pipes for ever, and even write to them
        if deadline is not None and time.monotonic() >= deadline:
            _end(process, reader)
            return f"took longer than its timeout of {timeout:g} s and was ended"
        if terminated():
            _end(process, reader)
            return "was ended on request"


def _end(process: subprocess.Popen[bytes], reader: _Reader) -> None:
    """End the whole process group: TERM, and KILL for whoever is left after a grace."""
    until = time.monotonic() + GRACE
    _tell_group(process.pid, signal.SIGTERM)
    while (process.poll() is None or _group_lives(process.pid)) and time.monotonic() < until:
        if reader.open:
            reader.read(0.05)
        else:
            time.sleep(0.05)
    if process.poll() is None or _group_lives(process.pid):
        _tell_group(process.pid, signal.SIGKILL)
    process.wait()
    if reader.open:
        reader.read(0)


def _tell_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _group_lives(group: int) -> bool:
    """Whether a process of a group is still at work; those that only wait to be reaped are not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    numbers = [name for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc/self") else []
    return not numbers or any(_is_at_work_in(group, number) for number in numbers)


def _is_at_work_in(group: int, process: str) -> bool:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            state, _, of = file.read().rpartition(b")")[2].split()[:3]
    except OSError:
        return False
    return state not in (b"Z", b"X") and int(of) == group


class _Reader:
    """Both streams of a process, decoded as they come."""

    def __init__(self, process: subprocess.Popen[bytes], on_output: Callable[[str, str], None]) -> None:
        self._on_output = on_output
        self._texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._selector = selectors.DefaultSelector()
        self._decoders = {}
        self._streams = (process.stdout, process.stderr)
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert stream is not None
            self._selector.register(stream, selectors.EVENT_READ, name)
            self._decoders[name] = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def open(self) -> bool:
        return bool(self._selector.get_map())

    def read(self, timeout: float) -> bool:
        """Take in what comes within some seconds; whether anything came."""
        came = False
        for key, _ in self._selector.select(timeout):
            data = os.read(key.fd, 65536)
            text = self._decoders[key.data].decode(data, final=not data)
            if text:
                self._texts[key.data].append(text)
                self._on_output(key.data, text)
            if not data:
                self._selector.unregister(key.fileobj)
            came = True
        return came

    def go_unheard(self) -> None:
        """From now on nobody is told."""
        self._on_output = lambda stream, text: None

    def text(self, name: str) -> str:
        return "".join(self._texts[name])

    def close(self) -> None:
        self._selector.close()
        for stream in self._streams:
            if stream is not None:
                stream.close()
