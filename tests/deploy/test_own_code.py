"""Ways back that only a component's own reverse() knows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.file import File


class Table(Component):
    """Rows in a file outside of the target directory; its reverse() can be disturbed."""

    namevar = "lies_in"
    before_reverse = staticmethod(lambda: None)

    def verify(self):
        if not os.path.exists(f"{self.lies_in}/rows"):
            raise UpdateNeeded("no rows")

    def capture(self):
        return {"place": self.lies_in, "there": sorted(os.listdir(self.lies_in))}

    def update(self):
        Path(f"{self.lies_in}/rows").write_text("rows")

    def reverse(self, captured):
        with open(f"{captured['place']}/calls", "a") as file:
            file.write(json.dumps(captured) + "\n")
        Path(f"{captured['place']}/rows").unlink(missing_ok=True)
        type(self).before_reverse()


def app(place, disturb=lambda: None):
    table = type("Table", (Table,), {"before_reverse": staticmethod(disturb)})

    class App(Component):
        def configure(self):
            self += File("a", content="1")
            self += table(str(place))
            self += File("b", content="2")

    return App


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def calls(place):
    return [json.loads(line) for line in (place / "calls").read_text().splitlines()]


def test_it_gets_what_was_captured_and_is_called_once(world, place):
    before = world.tree()
    world.run(app(place))
    assert world.undo(app(place)).status == "reversed"
    assert calls(place) == [{"place": str(place), "there": []}]
    assert world.tree() == before and not (place / "rows").exists()


def test_it_is_tried_again_with_patience(world, place):
    def fails_twice():
        if len(calls(place)) < 3:
            raise ConnectionError("the database is starting")

    world.run(app(place))
    outcome = world.undo(app(place, fails_twice))
    assert (outcome.status, outcome.conflicts) == ("reversed", [])
    assert len(calls(place)) == 3


def test_where_it_fails_for_good_the_undo_can_be_gone_on_with(world, place):
    def fails():
        raise ConnectionError("the database is gone")

    before = world.tree()
    world.run(app(place))
    outcome = world.undo(app(place, fails))
    assert outcome.status == "blocked"
    (conflict, *_) = outcome.conflicts
    assert "its reverse() failed: the database is gone" in conflict
    assert len(calls(place)) == 3
    assert world.undo(app(place)).status == "reversed"
    assert len(calls(place)) == 4
    assert world.tree() == before


class Mixed(Component):
    """Goes back by verbs and by raw code, which look at each other."""

    def verify(self):
        if not os.path.exists("made"):
            raise UpdateNeeded

    def capture(self):
        return {}

    def update(self):
        Path("made").write_text("made")

    def reverse(self, captured):
        self.system.write(self.map("note"), b"on its way back")
        assert Path("note").read_text() == "on its way back"
        self.cmd("cp note copy; rm -f made")
        assert self.system.read(self.map("copy")) == b"on its way back"
        self.system.remove(self.map("copy"))
        assert not os.path.exists("copy")


def mixed():
    class App(Component):
        def configure(self):
            self += Mixed()

    return App


def test_its_verbs_are_made_at_once_and_stay(world):
    world.file("work/app/note", "by somebody")
    world.run(mixed())
    outcome = world.undo(mixed())
    assert (outcome.status, outcome.conflicts, outcome.unknown) == ("reversed", [], [])
    assert os.listdir(world.base / "work/app") == ["note"]
    assert (world.base / "work/app/note").read_text() == "on its way back"


def test_it_is_called_after_a_failure_in_the_same_run_too(world):
    class App(Component):
        def configure(self):
            self += Mixed()
            self += Fails()

    world.file("work/app/kept", "by somebody")
    outcome = world.run(App)
    assert (outcome.status, outcome.conflicts) == ("reversed", [])
    assert sorted(os.listdir(world.base / "work/app")) == ["kept", "note"]


class Fails(Component):
    def verify(self):
        raise RuntimeError("no")


def test_an_undo_that_is_killed_anywhere_is_gone_on_with_and_calls_it_once_more_at_most(fast_world, place):
    world = fast_world
    world.file("work/app/a", "old")
    world.run(app(place))
    world.save()
    target = place / "rows"
    steps = world.steps(lambda: world.undo(app(place)))
    again = 0
    for step in range(1, steps + 1):
        world.load()
        target.write_text("rows")
        (place / "calls").unlink(missing_ok=True)
        world.killed(lambda: world.undo(app(place)), step)
        over = world.chain().settled and world.chain().outcome == "reversed"
        if not over:
            called = len(calls(place)) if (place / "calls").exists() else 0
            outcome = world.undo(app(place))
            assert (outcome.status, outcome.conflicts) == ("reversed", []), step
            again += called == 1 and len(calls(place)) == 2
        assert 1 <= len(calls(place)) <= 2, step
        assert not target.exists()
        assert (world.base / "work/app/a").read_text() == "old"
        assert not (world.base / "work/app/b").exists()
    assert again, "it was killed in reverse()"


@pytest.mark.long
def test_an_undo_that_is_killed_in_the_middle_of_its_verbs_puts_those_back_first(fast_world):
    world = fast_world
    world.file("work/app/note", "by somebody")
    world.run(mixed())
    world.save()
    for step in range(1, world.steps(lambda: world.undo(mixed())) + 1):
        world.load()
        world.killed(lambda: world.undo(mixed()), step)
        if not (world.chain().settled and world.chain().outcome == "reversed"):
            outcome = world.undo(mixed())
            assert (outcome.status, outcome.conflicts) == ("reversed", []), step
        assert os.listdir(world.base / "work/app") == ["note"], step
        assert (world.base / "work/app/note").read_text() == "on its way back"
