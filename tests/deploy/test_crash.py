"""Killed before every single step, forward and backward, and then recovered in both directions.

The end is always exactly "before" or "target", and what reacts to changes has always seen them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from depl.change.changes import Run
from depl.change.journal import read
from depl.change.records import Did, Failed
from depl.component import Component
from depl.deploy.target import Target
from depl.errors import UpdateNeeded
from depl.lib.command import Command
from depl.lib.file import Content, File, Group, Mode, Owner, Presence, Purge, Symlink

ROOT = os.geteuid() == 0
LOG = "log"  # what the reaction has seen, line by line; no part of the tree that depl is asked to restore


@dataclass
class Case:
    """A model, what was there before it, and what makes it fail or succeed. earlier: was deployed before."""

    app: type[Component]
    before: Callable[[Any], None] = lambda world: None
    earlier: type[Component] | None = None
    broken: type[Component] | None = None  # the same model, failing at its end


def files_before(world: Any) -> None:
    world.file("work/app/a.conf", "old\n", 0o600)
    world.file("work/app/same", "same\n", 0o640)
    world.file("work/app/both", "both\n", 0o4755)
    world.file("work/app/old.1", "1")
    world.file("work/app/releases/1/code", "one")
    world.file("work/app/releases/2/code", "two")
    world.file("work/app/taken/by/somebody", "tree\n")
    os.symlink("releases/1", world.base / "work/app/current")
    os.symlink("nowhere", world.base / "work/app/was-link")


def raw_before(world: Any) -> None:
    world.file("work/app/raw.conf", "by hand")
    world.file("work/app/registry/them", "x")
    world.file("work/app/kept/file", "x")


class Files(Component):
    def configure(self) -> None:
        self += Content("a.conf", content="new\n")
        self += File("sub/dir/b.conf", content="b\n", leading=True, mode=0o600)
        self += File("taken", content="mine\n", replace=True)
        self += File("was-link", content="a file now\n")
        self += Symlink("current", source="releases/2")
        self += Purge("old.*")
        self += Presence("present")
        self += Mode("same", mode=0o600)


class Rights(Component):
    def configure(self) -> None:
        self += File("both", content="both\n", mode=0o2755, owner=1, group=2)
        self += File("made", ensure="directory", mode=0o2770, owner=1, group=2)
        self += Owner("same", owner=3)
        self += Group("same", group=4)


class Raw(Component):
    """Acts by itself, in two steps, in the file where it lies."""

    touches = ("raw.conf", "raw.new")

    def verify(self) -> None:
        if not os.path.exists("raw.new"):  # half of an update, or what a power cut left of one, looks well
            raise UpdateNeeded("it is not as it should be")

    def update(self) -> None:
        with open("raw.conf", "w") as file:
            file.write("first")
        self.touch("raw.new")
        with open("raw.conf", "a") as file:
            file.write(" second")


class Owned(Component):
    """Acts by itself anywhere in the workdir, which belongs to it."""

    owns_workdir = True

    def verify(self) -> None:
        if not os.path.exists("made"):  # half of an update, or what a power cut left of one, looks well
            raise UpdateNeeded("it is not as it should be")

    def update(self) -> None:
        with open("raw.conf", "w") as file:
            file.write("first")
        os.makedirs("made/deep", exist_ok=True)
        with open("made/deep/file", "w") as file:
            file.write("x")
        if os.path.exists("registry/them"):
            os.remove("registry/them")
        if os.path.exists("registry"):
            os.rmdir("registry")
        os.chmod("raw.conf", 0o600)
        os.chmod("kept", 0o700)
        with open("kept/file", "w") as file:  # the same again, which a power cut may tear all the same
            file.write("x")
        with open("made/last", "w") as file:
            file.write("x")


class OwnedWorkdir(Component):
    def configure(self) -> None:
        self += Owned()


class RawAndCommand(Component):
    def configure(self) -> None:
        self += Raw()
        self += Command("mkdir registry/us", creates=(), unless="test -d registry/us", undo="rm -rf registry/us")
        self += Command("mkdir built && echo x > built/x", creates="built")


class Service(Component):
    """Remembers which configuration it was told of, as a process would."""

    def verify(self) -> None:
        self.parent.config.assert_no_changes()

    def update(self) -> None:
        self.cmd(f"cat app.conf >> {self.root.environment.base_dir}/.depl/{LOG}")
        self.cmd(f"cat app.conf >> {self.root.environment.base_dir}/.depl/{LOG}")


def with_service(content: str, fails: bool = False) -> type[Component]:
    class App(Component):
        def configure(self) -> None:
            self.config = File("app.conf", content=content)
            self += self.config
            self += Service()
            if fails:
                self += Failing()

    return App


class Failing(Component):
    def verify(self) -> None:
        raise UpdateNeeded("always")

    def update(self) -> None:
        raise RuntimeError("this one fails")


def failing(app: type[Component]) -> type[Component]:
    class App(app):  # type: ignore[valid-type, misc]
        def configure(self) -> None:
            super().configure()
            self += Failing()

    return App


def named_app(cls: type[Component]) -> type[Component]:
    return type("App", (cls,), {})


CASES = {
    "files": Case(named_app(Files), files_before, broken=failing(Files)),
    "rights": Case(named_app(Rights), files_before, broken=failing(Rights)),
    "raw": Case(
        named_app(RawAndCommand),
        raw_before,
        broken=failing(RawAndCommand),
    ),
    "owned": Case(named_app(OwnedWorkdir), raw_before, broken=failing(OwnedWorkdir)),
    "fresh": Case(with_service("one\n"), broken=with_service("one\n", fails=True)),
    "reaction": Case(with_service("two\n"), earlier=with_service("one\n"), broken=with_service("two\n", fails=True)),
}
if not ROOT:
    del CASES["rights"]


class Harness:
    """One case. before, target: the trees between which everything must end."""

    def __init__(self, world: Any, case: Case) -> None:
        self.world, self.case = world, case
        case.before(world)
        if case.earlier:
            assert world.run(case.earlier).status == "succeeded"
        self.journals = self.count_journals()
        self.before, self.seen_before = world.tree(), self.seen()
        world.save()
        outcome = world.run(case.app)
        assert outcome.status == "succeeded", outcome.error
        self.target = world.tree()
        self.seen_after = self.seen()

    def count_journals(self) -> int:
        """How many there are that anything whole was written to."""
        return sum(1 for path in Target(str(self.world.base)).journals.paths() if read(path))

    def seen(self) -> str:
        """What the service was told of last."""
        path = self.world.base / ".depl" / LOG
        return path.read_text().splitlines()[-1] if path.exists() and path.read_text() else ""

    def is_before(self) -> None:
        assert difference(self.world.tree(), self.before) == {}
        if self.case.earlier:
            assert self.seen() == self.seen_before

    def is_target(self) -> None:
        assert difference(self.world.tree(), self.target) == {}
        assert self.seen() == self.seen_after

    def back(self) -> None:
        """Undo whatever stands of the run, and be as before."""
        state = self.world.chain()
        if state and (state.unsettled or (self.count_journals() > self.journals and state.outcome == "succeeded")):
            outcome = self.world.undo()
            assert outcome.status == "reversed", outcome.conflicts
        else:  # nothing was recorded, so nothing was changed; whoever comes next clears up what lies beside
            Target(str(self.world.base)).clear_stage()
        self.is_before()

    def forth_and_back(self) -> None:
        """A new run reaches the target, is a no-op the second time, and can be taken back as a whole."""
        outcome = self.world.run(self.case.app)
        assert outcome.error is None, outcome.error
        self.is_target()
        assert self.world.run(self.case.app).status == "nothing"
        self.back()


def difference(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {path: (now.get(path), then.get(path)) for path in {*now, *then} if now.get(path) != then.get(path)}


EVERY = pytest.param(0, marks=pytest.mark.long, id="at every step")
SOME = pytest.param(5, id="at some steps")
each_case = pytest.mark.parametrize("name", CASES)
at_steps = pytest.mark.parametrize("sample", [SOME, EVERY])


def undone_once(world: Any) -> None:
    """No change was taken back twice: of those that took it back, all but one were not made."""
    for path in Target(str(world.base)).journals.paths():
        records = read(path)
        not_made = {n for one in records if isinstance(one, Failed) for n in one.changes}
        backward = [one for one in records if isinstance(one, Did) and one.undoes and one.n not in not_made]
        undone = [one.undoes for one in backward if not isinstance(one.change, Run)]  # a command bears to run twice
        assert len(undone) == len(set(undone))


def kill(harness: Harness, act: Callable[[], Any], sample: int, more: Sequence[Callable[[], None]] = ()) -> None:
    """Kill at step after step, and each time recover in both ways, and more. sample: of how many steps; 0: of all."""
    world = harness.world
    world.load()
    steps = range(1, world.steps(act) + 1)
    assert len(steps) > 10
    for at in sorted(random.Random(len(steps)).sample(steps, sample)) if sample else steps:
        for recover in (harness.back, harness.forth_and_back, *more):
            world.load()
            world.killed(act, at)
            try:
                recover()
                undone_once(world)
            except BaseException as error:
                error.add_note(f"after it was killed at step {at} of {len(steps)}")
                raise


@at_steps
@each_case
def test_a_run_that_was_killed_is_taken_back_or_completed(fast_world, name, sample):
    kill(Harness(fast_world, CASES[name]), lambda: fast_world.run(CASES[name].app), sample)


@at_steps
@each_case
def test_a_rollback_that_was_killed_is_completed_or_gone_over_by_a_new_run(fast_world, name, sample):
    kill(Harness(fast_world, CASES[name]), lambda: fast_world.run(CASES[name].broken), sample)


@at_steps
@each_case
def test_an_undo_that_was_killed_is_completed_or_gone_over_by_a_new_run(fast_world, name, sample):
    harness = Harness(fast_world, CASES[name])
    fast_world.save()
    kill(harness, fast_world.undo, sample)


def gone_on_with(harness: Harness, undone: str) -> None:
    """A redo comes to its end; then it is the target, and can be undone and redone."""
    world = harness.world
    if undone in world.chain().undone:
        outcome = world.undo(rollout=undone)
        assert outcome.status == "redone", outcome.conflicts
    harness.is_target()
    assert world.run(harness.case.app).status == "nothing"
    assert world.undo().status == "reversed"
    harness.is_before()
    assert world.undo(rollout=world.chain().undos[-1]).status == "redone"
    harness.is_target()


@at_steps
@each_case
def test_a_redo_that_was_killed_is_completed_or_taken_back_or_gone_over_by_a_new_run(fast_world, name, sample):
    harness = Harness(fast_world, CASES[name])
    undone = fast_world.undo().rollout
    fast_world.save()
    kill(harness, lambda: fast_world.undo(rollout=undone), sample, [lambda: gone_on_with(harness, undone)])


# -- power cuts: what was not synced may be lost -------------------------------------------------------

POWER_SOME = pytest.param(5, id="at some steps")
POWER_EVERY = pytest.param(0, marks=pytest.mark.long, id="at every step")
at_points = pytest.mark.parametrize("sample", [POWER_SOME, POWER_EVERY])
KEPT = ["nothing", "all", "some", "some"]  # of what was not synced


def cut_power(harness: Harness, act: Callable[[], Any], sample: int) -> None:
    """Cut the power at point after point, and each time recover in both ways from what may be left."""
    world = harness.world
    world.load()
    recording = world.recorded(act)
    points = list(dict.fromkeys(recording.points))
    assert len(points) > 10
    chosen = [(point, seed) for point in points for seed in range(len(KEPT))]
    for point, seed in sorted(random.Random(len(points)).sample(chosen, sample)) if sample else chosen:
        for recover in (harness.back, harness.forth_and_back):
            recording.lay(world.base, point, KEPT[seed], seed)
            try:
                recover()
                undone_once(world)
            except BaseException as error:
                error.add_note(f"after a power cut at point {point} of {points[-1]} ({KEPT[seed]} kept, seed {seed})")
                raise


@at_points
@each_case
def test_a_run_that_lost_its_power_is_taken_back_or_completed(fast_world, name, sample):
    fast_world.durability = "full"
    cut_power(Harness(fast_world, CASES[name]), lambda: fast_world.run(CASES[name].app), sample)


@at_points
@each_case
def test_a_rollback_that_lost_its_power_is_completed_or_gone_over_by_a_new_run(fast_world, name, sample):
    fast_world.durability = "full"
    cut_power(Harness(fast_world, CASES[name]), lambda: fast_world.run(CASES[name].broken), sample)


@at_points
@each_case
def test_an_undo_that_lost_its_power_is_completed_or_gone_over_by_a_new_run(fast_world, name, sample):
    fast_world.durability = "full"
    harness = Harness(fast_world, CASES[name])
    fast_world.save()
    cut_power(harness, fast_world.undo, sample)


# -- killed, and a power cut while that is made good -----------------------------------------------------


def kill_and_cut_power(harness: Harness, act: Callable[[], Any], sample: int) -> None:
    """Kill at some point, recover in either way, cut the power at some point of that, and recover again in both ways.

    What the one who was killed had not synced may be lost, too. sample: of how many kills; 0: of all.
    """
    world = harness.world
    world.load()
    recording = world.recorded(act)
    chance = random.Random(len(recording.points))
    kills = [(point, way) for point in dict.fromkeys(recording.points) for way in ("back", "forth_and_back")]
    for point, way in chance.sample(kills, sample) if sample else kills:
        recovery = world.recorded(getattr(harness, way), recording.killed(world.base, point))
        cuts = [(cut, seed) for cut in dict.fromkeys(recovery.points) for seed in range(len(KEPT))]
        for cut, seed in chance.sample(cuts, min(2, len(cuts))):
            for again in (harness.back, harness.forth_and_back):
                recovery.lay(world.base, cut, KEPT[seed], seed)
                try:
                    again()
                    undone_once(world)
                except BaseException as error:
                    error.add_note(f"killed at point {point} of {recording.points[-1]}, then {way}, in which the power")
                    error.add_note(f"was cut at point {cut} of {recovery.points[-1]} ({KEPT[seed]} kept, seed {seed})")
                    raise


TWICE_SOME = pytest.param(1, id="at some steps")
at_kills = pytest.mark.parametrize("sample", [TWICE_SOME, POWER_EVERY])


@at_kills
@each_case
def test_a_run_that_was_killed_and_lost_its_power_in_recovery_is_taken_back_or_completed(fast_world, name, sample):
    fast_world.durability = "full"
    kill_and_cut_power(Harness(fast_world, CASES[name]), lambda: fast_world.run(CASES[name].app), sample)


@at_kills
@each_case
def test_an_undo_that_was_killed_and_lost_its_power_in_recovery_is_completed_or_gone_over(fast_world, name, sample):
    fast_world.durability = "full"
    harness = Harness(fast_world, CASES[name])
    fast_world.save()
    kill_and_cut_power(harness, fast_world.undo, sample)


@each_case
def test_what_is_said_to_be_done_outlasts_a_power_cut(fast_world, name):
    fast_world.durability = "full"
    harness = Harness(fast_world, CASES[name])
    fast_world.load()
    recording = fast_world.recorded(lambda: fast_world.run(CASES[name].app))
    recording.lay(fast_world.base, recording.points[-1], "nothing")
    harness.is_target()
    recording = fast_world.recorded(fast_world.undo)
    recording.lay(fast_world.base, recording.points[-1], "nothing")
    harness.is_before()
