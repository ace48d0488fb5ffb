"""What the tests of the engine share: a target directory, and models of a few classes that are deployed to it."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from depl.change.folds import ChainState
from depl.component import Component, ComponentDefinition, RootComponent
from depl.configure import Model, configure
from depl.deploy.target import Target
from depl.environment import Environment
from depl.events import Event, Output, What
from depl.host import Host
from depl.rollout.folding import State, fold
from depl.rollout.local import Options, Outcome, Planned, plan, realise, undo
from depl.rollout.log import Recorded

Tree = dict[str, tuple[Any, ...]]
Classes = list[type[Component]]

MUTATING = {
    "depl.journal",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "subprocess.Popen",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def beside(name: str) -> ModuleType:
    """A module in this directory, which is no package."""
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


power = beside("power")


class World:
    """A target directory, `base`; components work in `base/work/NAME`. events: of everything that was run."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.saved = base.with_name(base.name + ".saved")
        self.events: list[Event] = []
        self.output: list[Output] = []
        self.durability = "journal"
        self.environment = "test"
        (base / "components").mkdir(parents=True)

    def file(self, name: str, content: str = "", mode: int = 0o644) -> Path:
        """A file that was there before depl came."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return path

    def model(self, *classes: type[Component]) -> Model:
        """The model with one root component for each class, on the host `localhost`."""
        environment = Environment(self.environment, str(self.base))
        host = environment.add_host(Host("localhost"))
        for cls in classes:
            definition = ComponentDefinition(cls, str(self.base / "components" / "component.py"))
            environment.add_root(RootComponent(definition.name, environment, host, definition=definition))
        return configure(environment)

    def options(self, **options: Any) -> Options:
        return Options(str(self.base), **{"durability": self.durability, "who": "tester", **options})

    def run(self, *classes: type[Component], stop: Any = None, **options: Any) -> Outcome:
        """Deploy. What happened must make sense to whoever reads the record."""
        more = {name: options.pop(name) for name in ("soak", "signals") if name in options}
        before = len(self.events)
        outcome = realise(self.model(*classes), "localhost", self.options(**options), self.take, stop, **more)
        self.fold(outcome, before)
        return outcome

    def plan(self, *classes: type[Component], **options: Any) -> Planned:
        """What a deployment would do."""
        return plan(self.model(*classes), "localhost", self.options(**options), self.take)

    def undo(self, *classes: type[Component], rollout: str | None = None, on_conflict: str = "stop") -> Outcome:
        """Take back the newest rollout, or one by name. classes: the model, where reversing needs it."""
        model = (lambda: self.model(*classes)) if classes else None
        before = len(self.events)
        outcome = undo("test", self.options(), self.take, rollout, on_conflict, model)
        self.fold(outcome, before)
        return outcome

    def fold(self, outcome: Outcome, before: int) -> State:
        """What the events from a place on come to, which is how it ended."""
        state = fold(Recorded(number, "", event) for number, event in enumerate(self.events[before:], 1))
        words = {"nothing": "succeeded", "redone": "succeeded", "stopped": "kept"}
        assert state.state == words.get(outcome.status, outcome.status)
        return state

    def take(self, event: Event | Output) -> None:
        if isinstance(event, Output):
            self.output.append(event)
        else:
            self.events.append(event)

    def said(self, what: What) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if event.what is what]

    @property
    def changed(self) -> list[str]:
        """The ids of the components that were (or would be) updated, in order."""
        return [event.component or "" for event in self.said(What.CHANGED)]

    def chain(self) -> ChainState | None:
        """What the newest journal comes to."""
        return next((state for _, state in Target(str(self.base)).journals.states()), None)

    def tree(self) -> Tree:
        """Everything but `.depl`, for exact comparisons."""
        return tree_of(self.base, skip=".depl")

    def times(self) -> Tree:
        """Everything, `.depl` too, with its times."""
        return tree_of(self.base, times=True)

    # -- being killed -------------------------------------------------------------------------------

    def save(self) -> None:
        """Remember everything, for load()."""
        _copy(self.base, self.saved)

    def load(self) -> None:
        """Be as at the last save()."""
        _copy(self.saved, self.base)

    def steps(self, act: Callable[[], Any]) -> int:
        """Do something in a child process; by how many steps it touches the machine."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            count = _Steps(str(self.base))
            _in_child(lambda: (count.begin(), act(), os.write(writing, str(count.number).encode())))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child failed"
        os.close(writing)
        with os.fdopen(reading) as file:
            return int(file.read())

    def killed(self, act: Callable[[], Any], at: int) -> None:
        """Do something in a child process that kills itself just before its `at`-th step.

        It may come to its end before: a command that is over at once is not noted as running, which is a step less.
        """
        child = os.fork()
        if not child:
            _in_child(lambda: (_Steps(str(self.base), at).begin(), act()))
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (-signal.SIGKILL, 0), "the child was not killed"

    def recorded(self, act: Callable[[], Any], before: Any = None) -> Any:
        """Do something in a child process that is observed for power cuts; the recording (see power.py).

        before: what somebody did who was killed.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if not child:

            def observe() -> None:
                observer = power.Observer(self.base, _Steps(str(self.base)).is_step, before)
                act()
                _send(writing, pickle.dumps(observer.end()))

            _in_child(observe)
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            content = file.read()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child failed"
        return pickle.loads(content)


def _send(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _in_child(act: Callable[[], Any]) -> None:
    sys.dont_write_bytecode = True  # what is imported for the first time makes no steps
    try:
        act()
    except BaseException:  # noqa: BLE001  pytest must not go on in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


class _Steps:
    """Counts what this process does to the machine, as Python itself tells it; the last step is never made."""

    def __init__(self, base: str, last: int = 0) -> None:
        self.number, self._base, self._last = 0, base, last

    def begin(self) -> None:
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_step(event, arguments):
            self.number += 1
            if self.number == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def is_step(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Whether it touches the machine."""
        return event in MUTATING or (event == "open" and self._writes(arguments))

    def _writes(self, arguments: tuple[Any, ...]) -> bool:
        path, _, flags = arguments
        return isinstance(path, str) and bool(flags & WRITING) and os.path.abspath(path).startswith(self._base)


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def tree_of(top: Path, skip: str = "", times: bool = False) -> Tree:
    """Everything below a path: path -> kind, mode, owner, content or link, and times."""
    found: Tree = {".": _seen(str(top), times)}
    for directory, names, files in os.walk(top):
        if skip in names:
            names.remove(skip)
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = _seen(path, times)
    return found


def _seen(path: str, times: bool) -> tuple[Any, ...]:
    status = os.lstat(path)
    content: Any = None
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        content = Path(path).read_bytes()
    when = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino) if times else ()
    kind = stat.S_IFMT(status.st_mode)
    return (kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content, *when)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh target directory."""
    return World(tmp_path / "target")


@pytest.fixture
def fast_world() -> Iterator[World]:
    """A fresh target directory where syncing costs nothing, for what is done hundreds of times."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="depl-test-", dir=memory) as directory:
        yield World(Path(directory) / "target")
