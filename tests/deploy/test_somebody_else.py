"""Others at work in the same places, before, while and after depl is: nothing of theirs is lost without a word."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from depl.component import Component
from depl.deploy.target import Target
from depl.errors import ChangeFailed, NothingToUndo, UpdateNeeded
from depl.events import What
from depl.lib.file import File


class Staged(Component):
    """Acts by verbs alone, and sees somebody else act before they are made."""

    staged = True

    def verify(self):
        raise UpdateNeeded

    def update(self):
        self.act(self.root.system)


def app(act, name: str = "App") -> type[Component]:
    class Acts(Staged):
        def act(self, system):
            act(self, system)

    class App(Component):
        def configure(self):
            self += Acts()

    return type(name, (App,), {})


def overwrites(one, system):
    system.write(one.map("there"), b"ours")
    Path(one.map("there")).write_text("theirs")


def makes(one, system):
    system.write(one.map("new"), b"ours")
    Path(one.map("new")).write_text("theirs")


def removes(one, system):
    system.write(one.map("there"), b"ours")
    os.remove(one.map("there"))


def changes_the_mode(one, system):
    system.set_mode(one.map("there"), 0o600)
    os.chmod(one.map("there"), 0o640)


@pytest.mark.parametrize("act", [overwrites, makes, removes, changes_the_mode])
def test_a_change_between_the_look_and_the_commit_is_noticed_and_kept(world, act):
    world.file("work/app/there", "old")
    seen = []

    def acting(one, system):
        act(one, system)
        seen.append(world.tree())

    outcome = world.run(app(acting))
    assert isinstance(outcome.error, ChangeFailed)
    assert "was changed by somebody else" in outcome.error.message and "Deploy again" in outcome.error.hint
    assert outcome.status == "reversed"
    assert world.tree() == seen[0]


def test_a_source_that_changes_before_it_is_copied_is_noticed(world):
    def act(one, system):
        system.copy(one.map("source"), one.map("copy"))
        Path(one.map("source")).write_text("changed")

    world.file("work/app/source", "old")
    outcome = world.run(app(act))
    assert "was changed while it was read" in outcome.error.message
    assert not (world.base / "work/app/copy").exists()


# -- undoing beside others --------------------------------------------------------------------------


def test_force_brings_a_tree_back_to_where_somebody_made_a_new_one(world):
    world.file("work/app/data/precious", "precious")
    before = world.tree()
    world.run(app(lambda one, system: system.remove(one.map("data"))))
    theirs = world.file("work/app/data/theirs", "theirs")
    assert world.undo().status == "blocked"
    assert theirs.read_text() == "theirs"
    assert world.undo(on_conflict="force").status == "reversed"
    assert world.tree() == before
    assert len(list(world.base.glob(".depl/trash/*/theirs"))) == 1


@pytest.mark.parametrize("there", ["tree", "file"])
def test_what_was_forced_away_stays_away_when_a_blocked_undo_is_gone_on_with(world, there):
    """The command of another component fails at first, so that the same journal is gone over twice."""

    def act(one, system):
        system.remove(one.map("data"))

    def block(one, system):
        system.run("true", undo=f"test -e {world.base}/open")

    world.file("work/app/data/precious" if there == "tree" else "work/app/data", "precious")
    world.run(app(act), app(block, "Other"))
    world.file("work/app/data/theirs")
    assert world.undo(on_conflict="force").status == "blocked"
    assert (world.base / "work/app/data").is_dir() is (there == "tree")
    world.file("open")
    assert world.undo(on_conflict="stop").status == "reversed"
    data = world.base / "work/app/data"
    assert (data / "precious" if there == "tree" else data).read_text() == "precious"


def deep(*names: str) -> type[Component]:
    class App(Component):
        def configure(self):
            for name in names:
                self += File(name, content="x", leading=True)

    return App


def test_what_is_kept_is_told_once_though_something_else_cannot_be_put_back(world):
    class App(Component):
        def configure(self):
            self += File("a/x", content="new")
            self += File("d", ensure="directory")

    world.file("work/app/a/x", "old")
    world.run(App)
    world.file("work/app/d/theirs")
    shutil.rmtree(world.base / "work/app/a")
    outcome = world.undo(on_conflict="force")
    assert outcome.status == "blocked" and "a/x cannot be changed" in outcome.conflicts[0]
    assert outcome.kept == [f"{world.base}/work/app/d"]
    assert [event.data["path"] for event in world.said(What.KEPT)] == outcome.kept


def test_why_an_undo_failed_is_told_though_something_else_cannot_be_put_back_either(world):
    class Earlier(Component):
        def configure(self):
            self += File("a/x", content="new")

    world.file("work/earlier/a/x", "old")
    world.run(Earlier, app(lambda one, system: system.run("true", undo="exit 7")))
    shutil.rmtree(world.base / "work/earlier/a")
    outcome = world.undo(on_conflict="force")
    assert any("`exit 7`" in one for one in outcome.conflicts), outcome.conflicts
    assert len(world.said(What.CONFLICT)) == len(outcome.conflicts)


# -- older rollouts ---------------------------------------------------------------------------------


def builds(one, system):
    system.build(one.map("tree"))
    os.mkdir(one.map("tree"))


def test_an_older_rollout_is_refused_while_a_newer_one_put_something_into_its_tree(world):
    class Two(Component):
        def configure(self):
            self += File("../app/tree/x", content="two")

    older = world.run(app(builds)).rollout
    newer = world.run(Two).rollout
    with pytest.raises(NothingToUndo, match=newer):
        world.undo(rollout=older)
    assert world.undo().status == "reversed"
    assert world.undo().status == "reversed"
    assert not (world.base / "work").exists()


def test_an_older_rollout_is_refused_while_a_newer_one_moved_the_tree_that_it_wrote_in(world):
    world.file("work/app/tree/old")
    before = world.tree()
    older = world.run(deep("tree/x")).rollout
    newer = world.run(app(lambda one, system: system.remove(one.map("../app/tree")), "Two")).rollout
    with pytest.raises(NothingToUndo, match=newer):
        world.undo(rollout=older)
    assert [world.undo().status for _ in range(2)] == ["reversed", "reversed"]
    assert world.tree() == before


class A(Component):
    content = "A"

    def configure(self):
        self += File("a1", content=self.content)
        self += File("a2", content=self.content)


class B(Component):
    content = "B"

    def configure(self):
        self += File("b", content=self.content)


@pytest.fixture
def interrupted(world):
    """The undo of an older rollout was killed half way, while a newer one stands."""
    world.file("work/a/a1", "old")
    world.file("work/a/a2", "old")
    before = world.tree()
    older = world.run(A).rollout
    world.run(A, B)
    world.save()
    steps = world.steps(lambda: world.undo(rollout=older))
    for at in range(1, steps):
        world.load()
        world.killed(lambda: world.undo(rollout=older), at)
        states = dict(Target(str(world.base)).journals.states())
        if any(older in state.rollouts and state.unsettled for state in states.values()):
            break
    return before


def test_an_undo_of_an_older_rollout_that_was_cut_off_comes_first(world, interrupted):
    assert world.undo().status == "reversed"
    assert (world.base / "work/a/a1").read_text() == (world.base / "work/a/a2").read_text() == "old"
    assert (world.base / "work/b/b").exists()
    world.undo()
    assert world.tree() == interrupted


def test_a_run_that_goes_on_with_an_older_journal_is_the_newest_one(world, interrupted):
    newest = world.run(type("A", (A,), {"content": "C"}), type("B", (B,), {"content": "C"}))
    assert newest.status == "succeeded"
    assert world.undo().status == "reversed"
    assert (world.base / "work/a/a1").read_text() == "old"
    assert (world.base / "work/b/b").read_text() == "B"
    world.undo()
    assert world.tree() == interrupted
