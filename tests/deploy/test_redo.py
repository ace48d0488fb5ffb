"""Taking an undo back: the host is again as the rollout had left it, and all of that can be undone again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from depl.component import Component
from depl.errors import NothingToUndo, UpdateNeeded
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import Content, File, Mode, Presence, Purge, Symlink


def app(**contents: str) -> type[Component]:
    """A model of files: name -> content."""

    class App(Component):
        def configure(self):
            for name, content in contents.items():
                self.__iadd__(File(name.replace("_", "/"), content=content, leading=True))

    return App


def content(world: Any, name: str) -> str:
    return (world.base / "work/app" / name).read_text()


def everything_before(world: Any) -> None:
    world.file("work/app/a.conf", "old\n", 0o600)
    world.file("work/app/same", "same\n", 0o640)
    world.file("work/app/old.1", "1")
    world.file("work/app/taken/by/somebody", "tree\n")
    world.file("work/app/raw.conf", "by hand")
    os.symlink("releases/1", world.base / "work/app/current")
    os.symlink("nowhere", world.base / "work/app/was-link")


class Raw(Component):
    """Acts by itself."""

    touches = ("raw.conf", "raw.new")

    def verify(self):
        if Path("raw.conf").read_text() != "written":
            raise UpdateNeeded

    def update(self):
        Path("raw.conf").write_text("written")
        Path("raw.new").write_text("new")


class App(Component):
    def configure(self):
        self += Content("a.conf", content="new\n")
        self += File("sub/dir/b.conf", content="b\n", leading=True, mode=0o600)
        self += File("taken", content="mine\n", replace=True)
        self += File("was-link", content="a file now\n")
        self += File("empty", ensure="directory", mode=0o2770)
        self += Symlink("current", source="releases/2")
        self += Purge("old.*")
        self += Presence("present")
        self += Mode("same", mode=0o600)
        self += Raw()
        self += Command("mkdir us", unless="test -d us", undo="rm -rf us")


def redo(world: Any, **how: Any) -> Any:
    """Take the newest undo back."""
    return world.undo(rollout=world.chain().undos[-1], **how)


def test_an_undo_that_is_named_is_taken_back_and_undone_again_as_often_as_one_likes(world):
    everything_before(world)
    before = world.tree()
    assert world.run(App).status == "succeeded"
    target, receipts = world.tree(), (world.base / ".depl/receipts.json").read_bytes()
    for _ in range(3):
        assert world.undo().status == "reversed"
        assert world.tree() == before
        outcome = redo(world)
        assert (outcome.status, outcome.conflicts, outcome.kept) == ("redone", [], [])
        assert world.tree() == target
        assert (world.base / ".depl/receipts.json").read_bytes() == receipts
    assert world.run(App).status == "nothing"
    assert world.undo().status == "reversed"
    assert world.tree() == before
    with pytest.raises(NothingToUndo):
        world.undo()


def test_a_redo_is_a_rollout_of_its_own(world):
    first = world.run(app(a="1")).rollout
    undone = world.undo().rollout
    outcome = redo(world)
    chain = world.chain()
    assert (chain.rollouts, chain.undos) == ((first, outcome.rollout), (undone,))
    assert (chain.settled, chain.outcome) == (True, "succeeded")
    assert world.undo(rollout=outcome.rollout).status == "reversed"
    assert not (world.base / "work").exists()


def test_a_plan_of_a_redo_shows_it_and_touches_nothing(world):
    from depl.rollout.local import undo_plan

    everything_before(world)
    world.run(App)
    world.undo()
    then = world.times()
    found = undo_plan("test", world.options(), world.chain().undos[-1])
    assert found.again
    assert not [step for step in found.steps if step["conflict"]]
    shown = [step["shown"].get("path") or step["shown"].get("command") or "" for step in found.steps]
    assert any("a.conf" in one for one in shown)
    assert world.times() == then
    world.file("work/app/a.conf", "theirs")
    found = undo_plan("test", world.options(), world.chain().undos[-1])
    assert [step["component"] for step in found.steps if step["conflict"]] == ["app/Content(a.conf)"]


def test_what_somebody_changed_since_the_undo_is_a_conflict(world):
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    world.undo()
    undone = world.chain().undos[-1]
    world.file("work/app/a", "theirs")
    outcome = redo(world)
    assert outcome.status == "blocked" and outcome.again
    assert "work/app/a: depl left a file" in outcome.conflicts[0]
    assert (content(world, "a"), content(world, "b")) == ("theirs", "2")
    assert world.chain().unsettled
    world.save()

    assert world.undo(rollout=undone, on_conflict="force").status == "redone"
    assert content(world, "a") == "2"
    assert world.undo().status == "reversed"  # of the redo, which had replaced what was theirs
    assert (content(world, "a"), content(world, "b")) == ("theirs", "1")

    world.load()
    outcome = world.undo(rollout=undone, on_conflict="keep")
    assert (outcome.status, outcome.kept) == ("redone", [str(world.base / "work/app/a")])
    assert content(world, "a") == "theirs"
    assert world.undo().status == "reversed"
    assert (content(world, "a"), content(world, "b")) == ("theirs", "1")

    world.load()  # back again, as if nobody had tried
    assert world.undo().status == "reversed"
    assert (content(world, "a"), content(world, "b")) == ("theirs", "1")


def test_a_blocked_redo_can_be_overtaken_by_a_new_run(world):
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    world.undo()
    world.file("work/app/a", "theirs")
    redo(world)
    assert world.run(app(a="3", b="3")).status == "succeeded"
    assert world.undo().status == "reversed"
    assert (content(world, "a"), content(world, "b")) == ("theirs", "1")


def test_what_an_undo_overwrote_by_force_comes_back(world):
    world.run(app(a="1"))
    world.run(app(a="2"))
    world.file("work/app/a", "theirs")
    assert world.undo(on_conflict="force").status == "reversed"
    assert content(world, "a") == "1"
    assert redo(world).status == "redone"
    assert content(world, "a") == "theirs"


def test_what_an_undo_cleared_away_by_force_comes_back(world):
    world.run(app(a="1"))
    world.run(app(a="2"))
    os.remove(world.base / "work/app/a")
    world.file("work/app/a/theirs", "x")
    assert world.undo(on_conflict="force").status == "reversed"
    assert content(world, "a") == "1"
    assert redo(world).status == "redone"
    assert content(world, "a/theirs") == "x"
    assert world.undo(on_conflict="force").status == "reversed"
    assert content(world, "a") == "1"
    assert redo(world).status == "redone"
    assert content(world, "a/theirs") == "x"


def test_what_an_undo_kept_stays_and_is_named(world):
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    world.file("work/app/a", "theirs")
    world.undo(on_conflict="keep")
    outcome = redo(world)
    assert (outcome.status, outcome.kept) == ("redone", [str(world.base / "work/app/a")])
    assert (content(world, "a"), content(world, "b")) == ("theirs", "2")
    assert world.undo().status == "blocked"  # it is what it was before


def test_a_directory_that_others_had_filled_is_gone_with_the_next_undo_once_it_is_empty(world):
    world.run(app(dir_a="1"))
    theirs = world.file("work/app/dir/theirs", "x")
    world.undo()
    outcome = redo(world)
    assert (outcome.status, outcome.kept) == ("redone", [])
    theirs.unlink()
    assert world.undo().status == "reversed"
    assert not (world.base / "work").exists()


def test_a_command_that_was_undone_runs_again_and_others_are_named(world):
    class App(Component):
        def configure(self):
            self += Command("touch with; echo with >> ../../log", unless="test -e with", undo="rm -f with")
            self += Command("touch without; echo without >> ../../log", unless="test -e without")

    world.run(App)
    world.undo()
    outcome = redo(world)
    assert outcome.status == "redone"
    assert outcome.unknown == ["touch without; echo without >> ../../log"]
    assert sorted(os.listdir(world.base / "work/app")) == ["with", "without"]
    assert (world.base / "log").read_text().split() == ["with", "without", "with"]


def test_a_command_that_fails_when_it_runs_again_is_undone_before_each_further_try_and_on_the_way_back(world):
    class App(Component):
        def configure(self):
            self += File("a", content="1")
            self += Command("mkdir us && test ! -e ../../broken", unless="test -d us", undo="rm -rf us")

    before = world.tree()
    world.run(App)
    target = world.tree()
    world.undo()
    undone = world.chain().undos[-1]
    broken = world.file("broken")
    outcome = redo(world)
    assert outcome.status == "blocked"
    assert "File exists" not in str(outcome.conflicts)
    world.save()
    broken.unlink()
    assert world.undo(rollout=undone).status == "redone"
    assert world.tree() == target
    world.load()
    broken.unlink()
    assert world.undo().status == "reversed"
    assert world.tree() == before


class Own(Component):
    """Has a way back of its own."""

    def verify(self):
        if not os.path.exists("table"):
            raise UpdateNeeded("no table")

    def capture(self):
        return {}

    def update(self):
        Path("table").write_text("rows")

    def reverse(self, captured):
        Path(self.map("table")).unlink(missing_ok=True)


class Declared(Component):
    """Names the command that undoes it."""

    reverse_cmd = "rm -f made"

    def verify(self):
        if not os.path.exists("made"):
            raise UpdateNeeded

    def update(self):
        Path("made").write_text("")


@pytest.mark.parametrize("kind", [Own, Declared])
def test_what_only_update_can_do_again_is_refused_beforehand_and_left_out_if_that_is_wanted(world, kind):
    class App(Component):
        def configure(self):
            self += File("a", content="1")
            self += kind()

    world.run(App)
    target = world.tree()
    assert world.undo(App).status == "reversed"
    before = world.times()
    with pytest.raises(NothingToUndo, match="cannot be done again without update") as caught:
        redo(world)
    assert "--keep" in caught.value.hint
    assert {**world.times(), ".depl/lock": 0} == {**before, ".depl/lock": 0}
    outcome = redo(world, on_conflict="keep")
    assert outcome.status == "redone" and len(outcome.kept) == 1
    assert sorted(os.listdir(world.base / "work/app")) == ["a"]
    assert world.run(App).status == "succeeded"
    assert world.tree() == target
    assert world.undo(App).status == "reversed"
    assert world.undo().status == "reversed"
    assert not (world.base / "work").exists()


# -- which undos ------------------------------------------------------------------------------------


def test_undos_are_taken_back_newest_first(world):
    trees = [world.tree()]
    for number in range(3):
        world.run(app(a=str(number)))
        trees.append(world.tree())
    undos = [world.undo().rollout for _ in range(3)]
    for undone in undos[:-1]:
        with pytest.raises(NothingToUndo, match=f"before .*{undos[-1]}"):
            world.undo(rollout=undone)
    for undone, tree in zip(reversed(undos), trees[1:], strict=True):
        assert world.undo(rollout=undone).status == "redone"
        assert world.tree() == tree


def test_an_undo_is_not_taken_back_after_a_newer_rollout_changed_the_same(world):
    world.run(app(a="1"))
    undone = world.undo().rollout
    newer = world.run(app(a="2")).rollout
    with pytest.raises(NothingToUndo, match=newer):
        world.undo(rollout=undone)
    assert world.undo().status == "reversed"
    assert world.undo(rollout=undone).status == "redone"
    assert content(world, "a") == "1"


def test_an_undo_is_taken_back_where_newer_rollouts_changed_other_things(world):
    world.run(app(a="1", b="1"))
    older = world.run(app(a="2", b="1")).rollout
    world.run(app(a="2", b="2"))
    undone = world.undo(rollout=older).rollout
    assert world.undo(rollout=undone).status == "redone"
    assert (content(world, "a"), content(world, "b")) == ("2", "2")


def test_an_undo_that_was_taken_back_or_is_not_the_newest_is_told(world):
    world.run(app(a="1"))
    first = world.undo().rollout
    redo(world)
    with pytest.raises(NothingToUndo, match="taken back already"):
        world.undo(rollout=first)
    second = world.undo().rollout
    with pytest.raises(NothingToUndo, match=f"newest undo .* {second}"):
        world.undo(rollout=first)


def test_an_undo_of_what_had_not_come_to_its_end_is_not_taken_back(world):
    class App(Component):
        def configure(self):
            self += File("a", content="1")
            self += Command("exit 1", unless="false")

    world.run(App, on_failure="stop")
    undone = world.undo().rollout
    with pytest.raises(NothingToUndo, match="had not come to its end") as caught:
        world.undo(rollout=undone)
    assert "Deploy again" in caught.value.hint


def test_an_undo_that_was_blocked_can_be_taken_back_as_well(world):
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    world.file("work/app/a", "theirs")
    undone = world.undo().rollout
    assert content(world, "b") == "1"
    assert world.undo(rollout=undone).status == "redone"
    assert (content(world, "a"), content(world, "b")) == ("theirs", "2")
    assert world.chain().settled


def test_several_undos_that_took_one_rollout_back_are_taken_back_as_one(world):
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    target = world.tree()
    theirs = world.file("work/app/a", "theirs")
    assert world.undo().status == "blocked"
    theirs.write_text("2")
    assert world.undo().status == "reversed"
    assert redo(world).status == "redone"
    assert world.tree() == target


# -- reactions --------------------------------------------------------------------------------------

BASE = "{{environment.base_dir}}"
APPEND = f"cat {BASE}/work/app/app.conf >> {BASE}/told; test ! -e {BASE}/broken"


def service(text: str) -> type[Component]:
    class App(Component):
        def configure(self):
            config = File("app.conf", content=text + "\n")
            self += config
            self += Command(APPEND, reacts_to=[config])

    return App


def told(world: Any) -> list[str]:
    return (world.base / "told").read_text().split()


def test_a_reaction_runs_again_in_each_direction(world):
    world.run(service("one"))
    world.run(service("two"))
    world.undo()
    redo(world)
    assert told(world) == ["one", "two", "one", "two"]
    assert world.run(service("two")).status == "nothing"
    world.undo()
    redo(world)
    assert told(world) == ["one", "two", "one", "two", "one", "two"]


def test_a_reaction_of_a_first_deployment_runs_again_too(world):
    world.run(service("one"))
    world.undo()
    assert told(world) == ["one"]
    outcome = redo(world)
    assert outcome.unknown == []
    assert told(world) == ["one", "one"]
    assert len(world.undo().unknown) == 1


def test_a_reaction_that_fails_is_owed_until_it_succeeded(world):
    world.run(service("one"))
    world.run(service("two"))
    undone = world.undo().rollout
    broken = world.file("broken")
    outcome = redo(world)
    assert outcome.status == "blocked" and "could not be repeated" in outcome.conflicts[0]
    broken.unlink()
    count = len(told(world))
    world.save()
    assert world.undo(rollout=undone).status == "redone"
    assert told(world)[count:] == ["two"]
    world.load()
    assert world.run(service("two")).error is None
    assert told(world)[count:] == ["two"]
    world.load()
    assert world.undo().status == "reversed"
    assert told(world)[count:] == ["one"]


def test_a_redo_is_told_as_such(world):
    world.run(app(a="1"))
    world.undo()
    world.events.clear()
    redo(world)
    assert all(event.data["again"] for event in world.said(What.REVERSED))
