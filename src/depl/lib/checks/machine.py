"""Checks of commands, files and processes."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Callable, Optional, Sequence, Union

from depl.errors import ConfigurationError
from depl.lib.checks.base import Check, excerpt


class CommandCheck(Check):
    """A command that looks succeeds.

    command: a text (expanded, `component` being the component that adds this one) for the shell, or a list.
    status: with which it should end (0). contains: a text that must be in its output. cwd: the workdir unless given, or
    the directory above it that is there, as nothing is made for a check.

        self += CommandCheck("nginx -t -c {{component.config.path}}")
    """

    namevar = "command"
    command: Any = None
    status = 0
    contains = ""
    cwd: Any = None
    env: Any = None

    def configure(self) -> None:
        super().configure()
        if isinstance(self.command, str):
            self.command = self.expand(self.command, component=self.parent)
        self.cwd = None if self.cwd is None else self.map(self.cwd)

    def probe(self) -> Optional[str]:
        from depl.change.process import shown

        cwd = self.cwd or _there(self.workdir or self.root.workdir)
        status, out, err = self.system.ask(self.command, cwd=cwd, env=self.env, timeout=self.attempt_timeout)
        said = excerpt((out + err).encode(), self.environment.redact)
        command = shown(self.command, self.environment.redact)
        if status != self.status:
            return f"`{command}` exited with status {status}, not {self.status}{said}"
        if self.contains not in out + err:
            return f"`{command}` does not say {self.contains!r}{said}"
        return None

    @property
    def namevar_for_breadcrumb(self) -> Any:
        from depl.change.process import shown

        return shown(self._named)

    def _name_without(self, redact: Callable[[str], str]) -> str:
        from depl.change.process import shown

        return shown(self._named, redact)


def _there(directory: str) -> str:
    """A directory, or the nearest one above it that is there."""
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return directory


class FileCheck(Check):
    """A file or directory is there as it should be.

    contains: a text that must be in the file. absent: it must *not* be there. max_age: seconds since it was last
    written, at most. min_size: bytes, at least.

        self += FileCheck("/var/backups/shop.dump", max_age=86400, min_size=1024)
    """

    namevar = "path"
    path: Any = None
    contains = ""
    absent = False
    max_age: Optional[float] = None
    min_size: Optional[int] = None

    def configure(self) -> None:
        super().configure()
        self.path = self.map(self.path)

    def probe(self) -> Optional[str]:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None if self.absent else f"{self.path} does not exist"
        except OSError as problem:
            return f"{self.path} cannot be looked at: {problem.strerror}"
        if self.absent:
            return f"{self.path} exists, but should not"
        age = time.time() - status.st_mtime
        if self.max_age is not None and age > self.max_age:
            return f"{self.path} was written {age:.0f} s ago, which is more than {self.max_age:g} s"
        if self.min_size is not None and status.st_size < self.min_size:
            return f"{self.path} has {status.st_size} bytes, which is less than {self.min_size}"
        if self.contains and not _file_contains(self.path, self.contains.encode()):
            return f"{self.path} does not contain {self.contains!r}"
        return None


class ProcessCheck(Check):
    """A process runs, and with stable_for: is still the same one after that time.

    pidfile: where its number is written. pattern: a regular expression that its command line must match; without a
    pidfile, some process must match it.

        self += ProcessCheck(pidfile="var/run/shop.pid", stable_for=5)
    """

    pidfile: Any = None
    pattern = ""

    _seen: Sequence[int] = ()

    def configure(self) -> None:
        super().configure()
        if not self.pidfile and not self.pattern:
            raise ConfigurationError("a ProcessCheck needs a pidfile or a pattern", self)
        self.pidfile = self.map(self.pidfile) if self.pidfile else None

    def check(self) -> None:
        self._seen = ()
        super().check()

    def probe(self) -> Optional[str]:
        found = self._by_pidfile() if self.pidfile else self._by_pattern()
        if isinstance(found, str):
            return found
        before, self._seen = self._seen, found
        if before and not set(before) & set(found):
            return f"process {before[0]} ended, and {found[0]} runs in its place"
        return None

    def _by_pidfile(self) -> Union[str, Sequence[int]]:
        try:
            text = self.system.read(self.pidfile).decode(errors="replace").strip()
        except OSError as problem:
            return f"the pid file {self.pidfile} cannot be read: {problem.strerror}"
        if not text.isdigit():
            return f"the pid file {self.pidfile} holds {self.environment.redact(text)[:40]!r}, not a number"
        line = _command_line(int(text))
        if line is None:
            return f"process {text} of {self.pidfile} does not run"
        if not re.search(self.pattern, line):
            return f"process {text} of {self.pidfile} is {line!r}, which does not match {self.pattern!r}"
        return [int(text)]

    def _by_pattern(self) -> Union[str, Sequence[int]]:
        found = []
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            line = None if pid == os.getpid() else _command_line(pid)
            if line and re.search(self.pattern, line):
                found.append(pid)
        return found or f"no process matches {self.pattern!r}"


def _file_contains(path: str, wanted: bytes) -> bool:
    with open(path, "rb") as stream:
        before = b""
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            if wanted in before + chunk:
                return True
            before = chunk[-len(wanted) :]
    return False


def _command_line(pid: int) -> Optional[str]:
    """The command line of a process; None if it does not run (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            line = stream.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            name, state = re.match(r"\d+ \((.*)\) (\S)", stream.read(), re.DOTALL).groups()  # type: ignore[union-attr]
    except OSError:
        return None
    return None if state in "ZX" else line or f"[{name}]"
