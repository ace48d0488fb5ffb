"""Where all is as declared, a run writes nothing at all: no journal, no file, no time, in `.depl` neither."""

from __future__ import annotations

import os

import pytest

from depl.component import Component
from depl.errors import NothingToUndo, UpdateNeeded
from depl.lib.command import Command
from depl.lib.file import Directory, File, Mode, Presence, Purge, Symlink


class App(Component):
    def configure(self):
        config = File("a.conf", content="x", mode=0o640)
        self += config
        self += Directory("d")
        self += Symlink("link", source="a.conf")
        self += Presence("present")
        self += Mode("d", mode=0o700)
        self += Purge("old.*")
        self += Command("touch d/built", creates="d/built")
        self += Command("true", reacts_to=[config])
        self += Raw()


class Raw(Component):
    def verify(self):
        if not os.path.exists("raw"):
            raise UpdateNeeded

    def update(self):
        self.touch("raw")


class OnlyAsks(Component):
    """Has nothing that could change."""

    def verify(self):
        self.cmd("true")


class Empty(Component):
    pass


@pytest.mark.parametrize("classes", [(App,), (App, OnlyAsks), (OnlyAsks,), (Empty,)], ids=str)
def test_a_second_run_writes_nothing(world, classes):
    world.run(*classes)
    before = world.times()
    outcome = world.run(*classes)
    assert (outcome.status, outcome.changed, outcome.rollout) == ("nothing", 0, None)
    assert world.times() == before


def test_a_run_of_one_component_that_changes_nothing_writes_nothing(world):
    world.run(App, OnlyAsks)
    before = world.times()
    assert world.run(App, OnlyAsks, components=("app",)).status == "nothing"
    assert world.times() == before


def test_a_run_after_an_undo_and_another_deployment_writes_nothing(world):
    world.run(App)
    world.undo()
    world.run(App)
    before = world.times()
    assert world.run(App).status == "nothing"
    assert world.times() == before


def test_a_run_that_fails_before_it_changes_anything_leaves_no_journal(world):
    class Bad(Component):
        def verify(self):
            raise RuntimeError("on purpose")

    world.file("work/bad/x")
    before = world.tree()
    outcome = world.run(Bad)
    assert outcome.error.component == "bad"
    assert world.tree() == before
    assert list(world.base.glob(".depl/journal/*")) == []


def test_looking_for_something_to_undo_writes_nothing(world):
    before = world.times()
    with pytest.raises(NothingToUndo):
        world.undo()
    assert world.times() == before


class Moved(Component):
    def configure(self):
        self += File("../elsewhere/a", content="x", leading=True)


class AsksFromThere(Component):
    def configure(self):
        self += File("../elsewhere/a", content="x", leading=True)
        self += OnlyAsks()


def test_a_component_with_another_name_and_the_same_paths_has_nothing_to_do(world):
    world.run(Moved)
    outcome = world.run(type("Renamed", (Moved,), {}))
    assert (outcome.status, outcome.rollout) == ("nothing", None)
    assert not (world.base / "work/renamed").exists()
    assert len(list(world.base.glob(".depl/journal/*.jsonl"))) == 1


def test_a_working_directory_that_is_made_to_look_from_is_a_change(world):
    world.run(Moved)
    renamed = type("Renamed", (AsksFromThere,), {})
    assert world.plan(renamed).changes == 1
    world.events.clear()
    assert (world.run(renamed).changed, world.changed) == (1, ["renamed"])
    assert world.run(renamed).status == "nothing"
    assert world.undo().status == "reversed"
    assert (world.base / "elsewhere/a").exists() or (world.base / "work/elsewhere/a").exists()
    assert not (world.base / "work/renamed").exists()
