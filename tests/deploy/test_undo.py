"""Taking back what was deployed, on request."""

from __future__ import annotations

import os

import pytest

from depl.component import Component
from depl.errors import ConfigurationError, NothingToUndo, UpdateNeeded
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File, Symlink


def app(**contents: str) -> type[Component]:
    """A model of files: name -> content."""

    class App(Component):
        def configure(self):
            for name, content in contents.items():
                self.__iadd__(File(name.replace("_", "/"), content=content, leading=True))

    return App


def content(world, name: str) -> str:
    return (world.base / "work/app" / name).read_text()


def test_a_first_deployment_leaves_no_trace_when_it_is_undone(world):
    before = world.tree()
    assert world.run(app(a="1", dir_sub_b="2")).status == "succeeded"
    assert world.undo().status == "reversed"
    assert world.tree() == before


def test_what_was_there_comes_back_to_the_byte(world):
    world.file("work/app/a", "old", 0o4711)
    os.symlink("a", world.base / "work/app/link")
    if os.geteuid() == 0:
        os.chown(world.base / "work/app/link", 12, 34, follow_symlinks=False)
    before = world.tree()

    class App(Component):
        def configure(self):
            self += File("a", content="new", mode=0o600)
            self += Symlink("link", source="elsewhere")

    world.run(App)
    assert world.undo().status == "reversed"
    assert world.tree() == before


def test_undo_given_again_takes_back_the_next_older_one_until_nothing_is_left(world):
    trees = [world.tree()]
    for number in range(3):
        world.run(app(a=str(number)))
        trees.append(world.tree())
    for tree in reversed(trees[:-1]):
        world.undo()
        assert world.tree() == tree
    with pytest.raises(NothingToUndo, match="no rollout of test to undo"):
        world.undo()


def test_a_run_that_changed_nothing_is_not_in_the_way(world):
    world.run(app(a="1"))
    before = world.tree()
    world.run(app(a="2"))
    world.run(app(a="2"))
    world.undo()
    assert world.tree() == before


def test_the_next_deployment_converges_again(world):
    world.run(app(a="1"))
    target = world.tree()
    world.undo()
    assert world.run(app(a="1")).status == "succeeded"
    assert world.tree() == target


def test_a_directory_that_others_filled_is_kept_and_named(world):
    world.run(app(dir_a="1"))
    world.file("work/app/dir/theirs", "x")
    outcome = world.undo()
    kept = [str(world.base / "work/app/dir")]
    assert (outcome.status, outcome.kept) == ("reversed", kept)
    assert [event.data["path"] for event in world.said(What.KEPT)] == kept
    assert os.listdir(world.base / "work/app/dir") == ["theirs"]


def changed_by_somebody(world) -> None:
    world.run(app(a="1", b="1"))
    world.run(app(a="2", b="2"))
    world.file("work/app/a", "theirs")


def test_a_conflict_stops_at_this_one_tells_both_and_goes_on_with_others(world):
    changed_by_somebody(world)
    outcome = world.undo()
    assert outcome.status == "blocked"
    assert "work/app/a: depl left a file" in outcome.conflicts[0]
    assert "its content was changed since" in outcome.conflicts[0]
    assert (content(world, "a"), content(world, "b")) == ("theirs", "1")
    assert world.chain().unsettled


def test_a_directory_waits_for_what_is_in_it_and_cannot_be_put_back_yet(world):
    """It is not taken for one that others put something into, else it would stay for ever."""
    before = world.tree()
    world.run(app(dir_sub_a="1"))
    world.file("work/app/dir/sub/a", "theirs")
    outcome = world.undo()
    assert (outcome.status, len(outcome.conflicts), outcome.kept) == ("blocked", 1, [])
    assert world.undo(on_conflict="force").status == "reversed"
    assert world.tree() == before


def test_a_blocked_undo_can_be_continued_by_force_or_by_keeping(world):
    changed_by_somebody(world)
    world.undo()
    world.save()
    assert world.undo(on_conflict="force").status == "reversed"
    assert content(world, "a") == "1"
    world.load()
    outcome = world.undo(on_conflict="keep")
    assert (outcome.status, outcome.kept) == ("reversed", [str(world.base / "work/app/a")])
    assert content(world, "a") == "theirs"


def test_a_blocked_undo_can_be_overtaken_by_a_new_run(world):
    changed_by_somebody(world)
    world.undo()
    assert world.run(app(a="3", b="3")).status == "succeeded"
    assert (content(world, "a"), content(world, "b")) == ("3", "3")


def test_an_older_rollout_is_refused_while_newer_ones_changed_the_same(world):
    first = world.run(app(a="1")).rollout
    second = world.run(app(a="2")).rollout
    third = world.run(app(a="3")).rollout
    with pytest.raises(NothingToUndo) as caught:
        world.undo(rollout=first)
    assert first in str(caught.value) and f"{third}, {second}" in str(caught.value)
    assert "newest first" in caught.value.hint
    assert content(world, "a") == "3"


def test_an_older_rollout_can_be_taken_back_where_newer_ones_changed_other_things(world):
    world.run(app(a="1", b="1"))
    older = world.run(app(a="2", b="1")).rollout
    world.run(app(a="2", b="2"))
    assert world.undo(rollout=older).status == "reversed"
    assert (content(world, "a"), content(world, "b")) == ("1", "2")
    assert world.run(app(a="2", b="2")).status == "succeeded"


def test_a_rollout_that_is_unknown_or_taken_back_already_is_told(world):
    rollout = world.run(app(a="1")).rollout
    with pytest.raises(NothingToUndo, match="no rollout nonsense of test"):
        world.undo(rollout="nonsense")
    world.undo()
    with pytest.raises(NothingToUndo, match="taken back already"):
        world.undo(rollout=rollout)


def test_a_command_is_compensated_and_one_of_unknown_effect_is_named(world):
    class App(Component):
        def configure(self):
            self += Command("touch with", unless="test -e with", undo="rm -f with")
            self += Command("touch without", unless="test -e without")

    world.run(App)
    outcome = world.undo()
    assert outcome.unknown == ["touch without"]
    assert sorted(os.listdir(world.base / "work/app")) == ["without"]


class Own(Component):
    """Has a way back of its own."""

    def verify(self):
        if not os.path.exists("table"):
            raise UpdateNeeded("no table")

    def capture(self):
        return {"there": sorted(os.listdir("."))}

    def update(self):
        with open("table", "w") as file:
            file.write("rows")

    def reverse(self, captured):
        if "table" not in captured["there"] and os.path.exists(self.map("table")):
            os.remove(self.map("table"))


def test_an_authors_own_way_back_is_gone(world):
    class App(Component):
        def configure(self):
            self += Own()

    before = world.tree()
    world.run(App)
    assert world.undo(App).status == "reversed"
    assert world.tree() == before


def test_an_authors_own_way_back_needs_the_authors_code(world):
    class App(Component):
        def configure(self):
            self += Own()

    world.run(App)
    before = world.tree()
    with pytest.raises(ConfigurationError, match="own code"):
        world.undo()
    assert world.tree() == before
    assert world.undo(App).status == "reversed"


def test_a_failing_component_takes_everything_back(world):
    class App(Component):
        def configure(self):
            self += File("a", content="1")
            self += Own()
            self += Command("exit 1", unless="false")

    before = world.tree()
    outcome = world.run(App)
    assert outcome.status == "reversed", outcome.conflicts
    assert world.tree() == before
    with pytest.raises(NothingToUndo):
        world.undo()


def test_a_failed_run_can_be_left_as_it_is_and_undone_or_completed_later(world):
    class Bad(Component):
        def configure(self):
            self += File("a", content="1")
            self += Command("exit 1", unless="false")

    bad = type("App", (Bad,), {})
    before = world.tree()
    assert world.run(bad, on_failure="stop").status == "stopped"
    assert content(world, "a") == "1"
    world.save()
    assert world.undo().status == "reversed"
    assert world.tree() == before
    world.load()
    assert world.run(app(a="1")).error is None
    assert world.undo().status == "reversed"
    assert world.tree() == before
