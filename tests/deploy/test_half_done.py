"""An update that began and did not end is needed again, however well things look to verify()."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from depl.component import Component
from depl.deploy.walk import HALF_DONE
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.file import File


class Half(Component):
    """Looks only at the first of the two files that its update writes. how: what happens between them."""

    how = ""

    def verify(self):
        if not os.path.exists("first"):
            raise UpdateNeeded("it is not there")

    def update(self):
        Path("first").write_text("x")
        if self.how == "fails":
            raise RuntimeError("half way")
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        Path("second").write_text("x")


class Reaction(Half):
    """The same as a reaction that asks for its cause only at last."""

    def verify(self):
        super().verify()
        self.parent.config.assert_no_changes()


IN_EACH_WAY = pytest.mark.parametrize("how", ["fails", "killed"])
FOR_EACH = pytest.mark.parametrize("cls", [Half, Reaction])


def app(cls, how="", name="App"):
    class Root(Component):
        def configure(self):
            self.config = File("app.conf", content="one\n")
            self += self.config
            self += cls(how=how)

    return type(name, (Root,), {})


def other(content):
    class Other(Component):
        def configure(self):
            self += File("other", content=content)

    return Other


def cut_off(world, cls, how):
    """Deploy, as far as half an update."""
    if how == "killed":
        world.killed(lambda: world.run(app(cls, how)), 10_000)
    else:
        assert world.run(app(cls, how), on_failure="stop").status == "stopped"
    assert not (world.base / "work/app/second").exists()
    world.events.clear()


def reasons(world):
    return [event.data["reason"] for event in world.said(What.CHANGED)]


@IN_EACH_WAY
@FOR_EACH
def test_it_is_updated_again_until_it_ended(world, cls, how):
    cut_off(world, cls, how)
    assert cut_off_again(world, cls)
    world.plan(app(cls))
    assert len(reasons(world)) == 1
    world.events.clear()
    assert world.run(app(cls)).status == "succeeded"
    assert len(reasons(world)) == 1
    assert (world.base / "work/app/second").exists()
    assert world.run(app(cls)).status == "nothing"


def cut_off_again(world, cls):
    """Once more half an update, which changes nothing of that."""
    assert world.run(app(cls, "fails"), on_failure="stop").status == "stopped"
    assert reasons(world) == []
    world.events.clear()
    return not (world.base / "work/app/second").exists()


def test_people_are_told_why(world):
    cut_off(world, Half, "fails")
    world.plan(app(Half))
    world.run(app(Half))
    assert reasons(world) == [HALF_DONE, HALF_DONE]


@IN_EACH_WAY
@FOR_EACH
def test_it_is_not_once_it_was_taken_back(world, cls, how):
    cut_off(world, cls, how)
    assert world.undo().status == "reversed"
    world.file("work/app/first")
    world.file("work/app/app.conf", "one\n")
    if cls is Reaction:
        world.file("work/app/second")
    world.run(app(cls))
    assert HALF_DONE not in reasons(world)


@FOR_EACH
def test_runs_of_others_in_between_change_nothing_of_that(world, cls):
    cut_off(world, cls, "fails")
    for content in ("x", "y"):
        assert world.run(app(cls), other(content), components=("other",)).status == "succeeded"
    assert world.undo().status == "reversed"
    assert world.run(app(cls), other("x")).status == "succeeded"
    assert (world.base / "work/app/second").exists()
    assert world.run(app(cls), other("x")).status == "nothing"


class Both(Half):
    """Keeps what its update changes."""

    touches = ("first", "second")


def test_it_is_when_it_was_taken_back_in_part(world):
    world.run(app(Both))
    world.save()
    steps = range(1, world.steps(world.undo) + 1)
    for at in random.Random(len(steps)).sample(steps, 8):
        world.load()
        world.killed(world.undo, at)
        world.run(app(Both))
        assert (world.base / "work/app/second").exists(), f"killed at step {at}"
        assert world.run(app(Both)).status == "nothing"


def test_it_is_not_when_it_was_taken_back_and_made_again(world):
    world.run(app(Both))
    undone = world.undo().rollout
    world.save()
    steps = range(1, world.steps(lambda: world.undo(rollout=undone)) + 1)
    for at in (*steps[-6:], 10_000):  # from some step on it is all there, but for the last word
        world.load()
        world.killed(lambda: world.undo(rollout=undone), at)
        if undone in world.chain().undone:
            assert world.undo(rollout=undone).status == "redone"
        assert world.run(app(Both)).status == "nothing", f"killed at step {at}"


def test_what_acts_through_verbs_alone_is_left_to_what_its_verify_says(world):
    class ByVerbs(Half):
        predictable = True

        def update(self):
            self.system.run("mkdir first")
            self.system.run("exit 1")

    assert world.run(app(ByVerbs), on_failure="stop").status == "stopped"
    assert world.run(app(ByVerbs)).status == "nothing"
