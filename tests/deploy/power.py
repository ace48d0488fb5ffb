"""What a power cut leaves: a model of durable and volatile state, under whatever is done below a directory.

The model, stricter than common file systems:

- The content of a file is durable once it was synced (fsync, fdatasync); until then it may be as at its last sync,
  as now, cut off anywhere, or full of zeros from there on.
- A name is durable once its directory was synced; until then each making, removing and renaming is there as a whole
  or not at all, whatever became of the others, but for those before it with the same name.
- Mode and owner are durable with the thing itself, and as old as a name that is: who is named first is not renamed
  without them.
- What commands do is durable at once: their syncing is their own business.

The observer looks at everything below the directory before every step that changes something, as Python tells of it,
and at every sync: what differs from the look before is what the step before has done.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

Key = tuple[int, str]  # the number of a directory and a name in it
Names = dict[Key, int]
TOP: Key = (0, "")
RUNNING = "running"  # there while a command runs


@dataclass(frozen=True)
class Thing:
    """What an inode is at a time. content: of a file, or where a link leads."""

    kind: int
    content: Any
    rights: tuple[int, int, int]


@dataclass(frozen=True)
class Named:
    """Some names became others, in one step. before, after: of each of them."""

    before: dict[Key, Optional[int]]
    after: dict[Key, Optional[int]]


@dataclass(frozen=True)
class Became:
    """A thing became another one, or came to be."""

    number: int
    thing: Thing


@dataclass(frozen=True)
class Synced:
    """A thing was synced: a file's content, or the names in a directory."""

    number: int


@dataclass
class Recording:
    """All that was done. points: how much of the log had happened when something was about to be done."""

    names: Names
    things: dict[int, Thing]
    log: list[Any] = field(default_factory=list)
    points: list[int] = field(default_factory=list)

    def left(self, point: int, kept: str, seed: int = 0) -> tuple[Names, dict[int, Thing]]:
        """What is there after a power cut. kept: `nothing` or `all` of what was not synced, or `some` of it."""
        log = self.log[:point]
        chance = random.Random(f"{point} {seed}")
        made = self._made(log, lambda: kept == "all" or (kept == "some" and chance.random() < 0.5))
        names, aged = dict(self.names), dict.fromkeys(self.things, -1)
        for at, one in enumerate(log):
            if at in made and all(names.get(key) == number for key, number in one.before.items()):
                for key, number in one.after.items():
                    names.pop(key, None) if number is None else names.update({key: number})
                    if number is not None:
                        aged[number] = at
        return names, {number: self._thing(log, number, aged[number], kept, chance) for number in names.values()}

    @staticmethod
    def _made(log: list[Any], wanted: Callable[[], bool]) -> set[int]:
        """Which of the steps with names are there: what was synced, with all before it that it builds on."""
        synced: set[int] = set()
        forced: set[Key] = set()
        made: set[int] = set()
        for at in range(len(log) - 1, -1, -1):
            one = log[at]
            if isinstance(one, Synced):
                synced.add(one.number)
            elif isinstance(one, Named):
                is_synced = any(key in forced or key[0] in synced for key in one.after)
                if is_synced:
                    forced.update(one.after)
                if is_synced or wanted():
                    made.add(at)
        return made

    def _thing(self, log: list[Any], number: int, aged: int, kept: str, chance: random.Random) -> Thing:
        versions = [(-1, self.things[number])] if number in self.things else []
        versions += [(at, one.thing) for at, one in enumerate(log) if isinstance(one, Became) and one.number == number]
        now = versions[-1][1]
        synced = (at for at, one in enumerate(log) if isinstance(one, Synced) and one.number == number)
        last = max(synced, default=-1)
        safe = [thing for at, thing in versions if at <= last]
        since = max(last, aged)
        rights = [thing.rights for at, thing in versions if at <= since][-1:]
        rights += [thing.rights for at, thing in versions if at > since]
        content = safe[-1].content if safe else b""
        if kept == "all" or not stat.S_ISREG(now.kind):
            content = now.content
        elif kept == "some":
            content = chance.choice([content, now.content, *torn(content, now.content, chance)])
        chosen = {"all": rights[-1], "nothing": rights[0]}.get(kept) or chance.choice(rights)
        return Thing(now.kind, content, chosen)

    def killed(self, base: Path, point: int) -> Before:
        """Make a directory what a kill at a point leaves of it, which a power cut may still take back."""
        numbers = {os.lstat(path).st_ino: number for number, path in self.lay(base, point, "all").items()}
        return Before(Recording(self.names, self.things, self.log[:point]), numbers)

    def lay(self, base: Path, point: int, kept: str, seed: int = 0) -> dict[int, Path]:
        """Make a directory what a power cut would leave of it; where everything lies, by number."""
        names, things = self.left(point, kept, seed)
        shutil.rmtree(base, ignore_errors=True)
        below: dict[int, list[tuple[str, int]]] = {}
        for (directory, name), number in names.items():
            if (directory, name) != TOP:
                below.setdefault(directory, []).append((name, number))
        laid: dict[int, Path] = {}
        _lay(base, names[TOP], below, things, laid)
        return laid


@dataclass(frozen=True)
class Before:
    """What somebody did who was killed. numbers: of the inodes that are there now."""

    recording: Recording
    numbers: dict[int, int]


def torn(before: bytes, now: bytes, chance: random.Random) -> list[bytes]:
    """A content that was being written: cut off, or with zeros from there on. What was there before stays."""
    start = len(before) if now.startswith(before) else 0
    cut = chance.randint(start, len(now))
    return [now[:cut], now[:cut] + bytes(len(now) - cut)]


def _lay(
    path: Path, number: int, below: dict[int, list[tuple[str, int]]], things: dict[int, Thing], laid: dict[int, Path]
) -> None:
    thing = things[number]
    if number in laid:
        os.link(laid[number], path, follow_symlinks=False)
        return
    laid[number] = path
    if stat.S_ISLNK(thing.kind):
        os.symlink(thing.content, path)
    elif stat.S_ISDIR(thing.kind):
        path.mkdir()
        for name, one in below.get(number, ()):
            _lay(path / name, one, below, things, laid)
    else:
        path.write_bytes(thing.content)
    mode, user, group = thing.rights
    os.chown(path, user, group, follow_symlinks=False)
    if not stat.S_ISLNK(thing.kind):
        path.chmod(mode)


class Observer:
    """Writes a recording of what this process does below a directory, from its making on.

    before: what somebody did there who was killed: the recording goes on from that.
    """

    def __init__(
        self, base: Path, is_step: Callable[[str, tuple[Any, ...]], bool], before: Optional[Before] = None
    ) -> None:
        self._base, self._is_step = base, is_step
        self._numbers: dict[int, int] = {}  # of the inodes that are there
        self._next = 1
        if before is not None:
            self._numbers = before.numbers
            came = [one.number for one in before.recording.log if isinstance(one, Became)]
            self._next = 1 + max([*before.recording.things, *came])
        self._command = False  # one was started just now
        self._lock = threading.Lock()
        self._names, self._things = self._look()
        self.recording = Recording(self._names, self._things) if before is None else before.recording
        self._fsync, self._fdatasync = os.fsync, os.fdatasync
        os.fsync, os.fdatasync = self._synced(os.fsync), self._synced(os.fdatasync)  # of a child that ends soon
        sys.addaudithook(self._hear)

    def end(self) -> Recording:
        """The last look."""
        with self._lock:
            self._take()
            self.recording.points.append(len(self.recording.log))
        return self.recording

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_step(event, arguments):
            with self._lock:
                self._take()
                self.recording.points.append(len(self.recording.log))
                self._command = event == "subprocess.Popen"

    def _synced(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def synced(descriptor: int) -> None:
            with self._lock:
                self._take()
                self.recording.points.append(len(self.recording.log))
                sync(descriptor)
                number = self._numbers.get(os.fstat(descriptor).st_ino)
                if number is not None:
                    self.recording.log.append(Synced(number))

        return synced

    def _take(self) -> None:
        """What the last step has done."""
        names, things = self._look()
        log = self.recording.log
        changed = [number for number, thing in things.items() if self._things.get(number) != thing]
        log += [Became(number, things[number]) for number in changed]
        keys = [key for key in {**self._names, **names} if self._names.get(key) != names.get(key)]
        while keys:
            one = self._step(keys, names)
            keys = [key for key in keys if key not in one]
            log.append(Named({key: self._names.get(key) for key in one}, {key: names.get(key) for key in one}))
            changed += [directory for directory, _ in one]
        if self._command or any(name == RUNNING for _, name in {**self._names, **names}):
            log += [Synced(number) for number in changed]
        self._command = False
        self._names, self._things = names, things

    def _step(self, keys: list[Key], names: Names) -> list[Key]:
        """The names that changed together: one that went and one that came, where both are of the same thing."""
        went = next((key for key in keys if self._names.get(key) is not None and names.get(key) is None), None)
        if went is None:
            return keys[:1]
        came = [key for key in keys if names.get(key) == self._names[went]]
        return [went, *came[:1]]

    def _look(self) -> tuple[Names, dict[int, Thing]]:
        names: Names = {}
        things: dict[int, Thing] = {}
        inodes: dict[int, int] = {}
        self._visit(str(self._base), TOP, names, things, inodes)
        self._numbers = inodes
        return names, things

    def _visit(self, path: str, key: Key, names: Names, things: dict[int, Thing], inodes: dict[int, int]) -> None:
        status = os.lstat(path)
        number = inodes.get(status.st_ino) or self._numbers.get(status.st_ino)
        if number is None:
            number, self._next = self._next, self._next + 1
        names[key] = number
        if number in things:
            return
        inodes[status.st_ino] = number
        content: Any = None
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            content = Path(path).read_bytes()
        rights = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        things[number] = Thing(stat.S_IFMT(status.st_mode), content, rights)
        if stat.S_ISDIR(status.st_mode):
            for name in os.listdir(path):
                self._visit(os.path.join(path, name), (number, name), names, things, inodes)
