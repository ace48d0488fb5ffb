"""What others put into a tree after depl built it, or changed in it: never lost, and named where it lies."""

from __future__ import annotations

import pytest

from depl.component import Component
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File
from depl.rollout.local import undo_plan


class Shop(Component):
    def configure(self):
        self += Command("mkdir -p app/lib && echo 1 > app/lib/own", creates="app", confined=True)
        self += File("app/conf", content="ours\n")


@pytest.fixture
def app(world):
    world.run(Shop)
    return world.base / "work/shop/app"


def steps(world, on_conflict="stop"):
    return undo_plan("test", world.options(), None, on_conflict).steps


def told(world, name):
    place = next((world.base / ".depl/trash").iterdir())
    return f"{place / name}, which came into {world.base}/work/shop/app later"


def test_what_others_put_into_a_tree_goes_along_and_is_named_where_it_lies(world, app):
    (app / "lib/theirs").write_text("theirs")
    (app / "logs").mkdir()
    (app / "logs/1").write_text("theirs")
    (app / "lib/__pycache__").mkdir()
    (along,) = [one for step in steps(world) for one in step.get("goes_along", ()) if "/logs," in one]
    outcome = world.undo()
    assert (outcome.status, outcome.kept) == ("reversed", [told(world, "lib/theirs"), told(world, "logs")])
    assert along == told(world, "logs")
    assert [event.data["path"] for event in world.said(What.KEPT)] == outcome.kept
    assert sorted(world.tree()) == [".", "components"]


def test_it_comes_back_with_the_tree_and_is_named_again_when_that_is_undone_again(world, app):
    (app / "theirs").write_text("theirs")
    undone = world.undo()
    assert world.undo(rollout=undone.rollout).kept == []
    assert (app / "theirs").read_text() == "theirs"
    assert world.undo().kept == undone.kept


def test_a_tree_in_which_nobody_did_anything_is_put_back_without_a_word(world, app):
    world.run(Shop)
    assert not any("goes_along" in step or "held" in step for step in steps(world))
    assert world.undo().kept == []


def test_a_tree_waits_for_what_is_in_it_and_cannot_be_put_back_yet(world, app):
    (app / "conf").write_text("theirs\n")
    held = [step["held"] for step in steps(world) if "held" in step]
    outcome = world.undo()
    assert (outcome.status, len(outcome.conflicts)) == ("blocked", 1)
    assert (app / "conf").read_text() == "theirs\n"
    assert held == [f"{app / 'conf'} is in it and stays"] * 3
    assert world.undo(on_conflict="force").status == "reversed"
    assert sorted(world.tree()) == [".", "components"]


@pytest.mark.parametrize("name", ["conf", "theirs"])
def test_with_keep_a_tree_that_others_changed_stays(world, app, name):
    (app / name).write_text("theirs\n")
    before = world.tree()
    outcome = world.undo(on_conflict="keep")
    assert outcome.status == "reversed"
    assert [one for one in outcome.kept if one.startswith(str(app))], outcome.kept
    assert (app / name).read_text() == "theirs\n"
    assert ("work/shop/app/conf" in world.tree()) == (name == "conf")
    assert set(world.tree()) <= set(before)


@pytest.mark.parametrize("on_conflict", ["stop", "keep"])
def test_an_undo_that_is_killed_anywhere_and_gone_on_with_names_it_too(fast_world, on_conflict):
    world = fast_world
    world.run(Shop)
    app = world.base / "work/shop/app"
    (app / "theirs").write_text("theirs")
    if on_conflict == "keep":
        (app / "conf").write_text("theirs")
    world.save()
    count = world.steps(lambda: world.undo(on_conflict=on_conflict))
    for at in range(1, count + 1):
        world.load()
        world.killed(lambda: world.undo(on_conflict=on_conflict), at)
        if not world.chain().settled or world.chain().outcome == "succeeded":
            outcome = world.undo(on_conflict=on_conflict)
            if on_conflict == "stop":
                assert outcome.kept == [told(world, "theirs")], at
        if on_conflict == "keep":
            assert (app / "theirs").exists() and (app / "conf").read_text() == "theirs", at


def test_a_tree_stays_with_a_directory_in_it_that_others_filled(world):
    class Shop(Component):
        def configure(self):
            self += Command("mkdir app", creates="app", confined=True)
            self += File("app/uploads", ensure="directory")

    world.run(Shop)
    (world.base / "work/shop/app/uploads/theirs").write_text("theirs")
    held = [step["held"] for step in steps(world)]
    outcome = world.undo()
    assert (outcome.status, outcome.kept) == ("reversed", [f"{world.base}/work/shop/app/uploads"])
    assert held[0] == f"{world.base}/work/shop/app/uploads/theirs is in it and stays" and len(held) == 4
    assert (world.base / "work/shop/app/uploads/theirs").read_text() == "theirs"
