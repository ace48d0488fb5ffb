"""A real process that tells which configuration it runs with; depl is killed while it changes that, forth and back.

In the end it runs with the configuration that lies there, or not at all if it did not run before.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.change.changes import WayBack
from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.file import File

# One at a time, even where a killed depl left one behind. The process knows the configuration of its start, as daemons
# do; it holds the lock until it can be found.
CONTROL = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 1
exec 9>lock
flock 9
if [ -e pid ]; then
    kill "$(cat pid)"
    while grep -q . "/proc/$(cat pid)/cmdline"; do sleep 0.01; done
    rm pid
fi 2>/dev/null
[ "$1" = start ] || exit 0
CONFIGURATION=$(cat "$2") setsid sh -c 'echo $$ >pid; exec 9>&-; exec sleep 600' </dev/null >/dev/null 2>&1 &
while ! [ -s pid ]; do sleep 0.01; done
"""


class Service:
    """The process, beside the target directory."""

    def __init__(self, world: Any) -> None:
        self.control = world.base.parent / "control"
        self.config = world.base / "work" / "app" / "app.conf"
        self._pid = world.base.parent / "pid"
        self.control.write_text(CONTROL)
        self.control.chmod(0o755)

    def start(self) -> None:
        subprocess.run([self.control, "start", self.config], check=True)

    def stop(self) -> None:
        subprocess.run([self.control, "stop"], check=True)

    def wait(self) -> None:
        """Until no command is at work on it: between its start and its note, depl does not yet know of it."""
        while any(str(self.control).encode() in arguments for arguments in map(_arguments, os.listdir("/proc"))):
            time.sleep(0.01)

    def runs_with(self) -> str:
        """The configuration that it was started with; nothing if it does not run."""
        try:
            variables = Path(f"/proc/{self._pid.read_text().strip()}/environ").read_bytes().split(b"\0")
        except OSError:
            return ""
        return next((one.partition(b"=")[2].decode() for one in variables if one.startswith(b"CONFIGURATION=")), "")


def _arguments(process: str) -> list[bytes]:
    try:
        return Path("/proc", process, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def service(fast_world: Any) -> Iterator[Service]:
    service = Service(fast_world)
    yield service
    service.stop()


def app(service: Service, content: str, fails: bool = False) -> type[Component]:
    class Runs(Component):
        """As Program does it: started, or started again, with what it was before as the way back."""

        verify_after_update = True
        predictable = True

        def verify(self) -> None:
            if not service.runs_with():
                raise UpdateNeeded("it does not run")

        def update(self) -> None:
            start, stop = [str(service.control), "start", str(service.config)], [str(service.control), "stop"]
            if service.runs_with():
                self.system.run(start, way_back=WayBack.REPEAT)
            else:
                self.system.run(start, undo=stop)

    class Fails(Component):
        def verify(self) -> None:
            raise UpdateNeeded("always")

        def update(self) -> None:
            raise RuntimeError("this one fails")

    class App(Component):
        def configure(self) -> None:
            self.config = File("app.conf", content=content)
            self += self.config
            self += Runs(reacts_to=[self.config])
            if fails:
                self += Fails()

    return App


SOME = pytest.param(5, id="at some steps")
EVERY = pytest.param(0, marks=pytest.mark.long, id="at every step")
at_steps = pytest.mark.parametrize("sample", [SOME, EVERY])
before_it = pytest.mark.parametrize("before", ["one", ""], ids=["ran before", "is new"])


class Times:
    """How it was before, and how it is to become `two`; both are looked at from a new process's point of view."""

    def __init__(self, world: Any, service: Service, before: str) -> None:
        self.world, self.service, self.before = world, service, before
        self.two = app(service, "two")
        if before:
            assert world.run(app(service, before)).error is None
        self.tree = world.tree()

    def save(self) -> None:
        """What to begin with each time."""
        self.world.save()
        self._ran = bool(self.service.runs_with())

    def load(self) -> None:
        self.world.load()
        self.service.start() if self._ran else self.service.stop()

    def back(self) -> None:
        state = self.world.chain()
        if state and (state.unsettled or (state.outcome == "succeeded" and "two" in self.ended())):
            outcome = self.world.undo()
            assert outcome.status == "reversed", outcome.conflicts
        assert self.service.runs_with() == self.before
        assert self.ended() == self.before

    def forth(self) -> None:
        outcome = self.world.run(self.two)
        assert outcome.error is None, outcome.error
        assert (self.service.runs_with(), self.ended()) == ("two", "two")
        assert self.world.run(self.two).status == "nothing"
        self.back()

    def ended(self) -> str:
        """What the file says."""
        return self.service.config.read_text() if self.service.config.exists() else ""


def kill(times: Times, act: Callable[[], Any], sample: int) -> None:
    times.load()
    steps = range(1, times.world.steps(act) + 1)
    for at in sorted(random.Random(len(steps)).sample(steps, sample)) if sample else steps:
        for recover in (times.back, times.forth):
            times.load()
            times.world.killed(act, at)
            if not (times.world.base / ".depl" / "running").exists():
                times.service.wait()
            try:
                recover()
            except BaseException as error:
                error.add_note(f"after it was killed at step {at} of {len(steps)}")
                raise


@at_steps
@before_it
def test_a_run_that_was_killed_leaves_the_right_configuration_running(fast_world, service, before, sample):
    times = Times(fast_world, service, before)
    times.save()
    kill(times, lambda: fast_world.run(times.two), sample)


@at_steps
@before_it
def test_a_rollback_that_was_killed_leaves_the_right_configuration_running(fast_world, service, before, sample):
    times = Times(fast_world, service, before)
    times.save()
    kill(times, lambda: fast_world.run(app(service, "two", fails=True)), sample)


@at_steps
@before_it
def test_an_undo_that_was_killed_leaves_the_right_configuration_running(fast_world, service, before, sample):
    times = Times(fast_world, service, before)
    assert fast_world.run(times.two).error is None
    times.save()
    kill(times, fast_world.undo, sample)


def test_it_is_killed_from_outside_in_the_middle_of_the_restart(fast_world, service):
    """Not at a step of ours, but while the command runs."""
    times = Times(fast_world, service, "one")
    slow = service.control.with_name("slow")
    slow.write_text('#!/bin/sh\ncd "$(dirname "$0")"\nrm once && kill -9 $PPID\nsleep 0.05\nexec ./control "$@"\n')
    slow.chmod(0o755)
    times.save()
    for recover in (times.back, times.forth):
        times.load()
        slow.with_name("once").touch()
        child = os.fork()
        if not child:
            service.control = slow
            fast_world.run(times.two)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
        recover()
