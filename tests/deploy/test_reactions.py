"""A reaction is owed from the change on until it has succeeded, whatever happens in between, in both directions.

The service of these tests appends the configuration that it is told of to a file outside, as a process would read it.
"""

from __future__ import annotations

import os

import pytest

from depl.component import Component
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File

BASE = "{{environment.base_dir}}"
APPEND = f"cat {BASE}/work/app/app.conf >> {BASE}/told; test ! -e {BASE}/broken"


class ByQuestion(Component):
    """Asks in verify(), as batou's users do."""

    def verify(self):
        self.parent.config.assert_no_changes()

    def update(self):
        self.cmd(APPEND)


class BySubcomponents(Component):
    """The same with what is below it as cause."""

    def configure(self):
        self.config = File("app.conf", content=self.parent.content)
        self += self.config

    def verify(self):
        self.assert_no_subcomponent_changes()

    def update(self):
        self.cmd(APPEND)


class ByDeclaration(Component):
    """Declares what it reacts to."""

    def update(self):
        self.cmd(APPEND)


def by_question(app):
    app += app.config
    app += ByQuestion()


def by_declaration(app):
    app += app.config
    app += ByDeclaration(reacts_to=[app.config])


def by_command(app):
    app += app.config
    app += Command(APPEND, reacts_to=[app.config])


def by_subcomponents(app):
    app += BySubcomponents()


IDIOMS = [by_question, by_declaration, by_command, by_subcomponents]
in_each_idiom = pytest.mark.parametrize("idiom", IDIOMS)


class Fails(Component):
    def verify(self):
        raise UpdateNeeded

    def update(self):
        raise RuntimeError("on purpose")


def app(idiom, text: str, fails: str = "") -> type[Component]:
    """fails: `before` or `after` the reaction."""

    class App(Component):
        def configure(self):
            self.content = text + "\n"
            self.config = File("app.conf", content=self.content)
            if fails == "before" and idiom is not by_subcomponents:
                self += self.config
                self += Fails()
                return
            idiom(self)
            if fails:
                self += Fails()

    return App


def told(world) -> list[str]:
    path = world.base / "told"
    return path.read_text().split() if path.exists() else []


@in_each_idiom
def test_it_happens_when_its_cause_changed_and_only_then(world, idiom):
    for text in ("one", "one", "two", "two"):
        world.run(app(idiom, text))
    assert told(world) == ["one", "two"]


@in_each_idiom
def test_it_is_owed_when_it_failed_and_the_run_was_left_as_it_was(world, idiom):
    world.run(app(idiom, "one"))
    world.file("broken")
    assert world.run(app(idiom, "two"), on_failure="stop").status == "stopped"
    assert world.run(app(idiom, "two"), on_failure="stop").status == "stopped"
    os.remove(world.base / "broken")
    assert world.run(app(idiom, "two")).error is None
    assert told(world) == ["one", "two", "two", "two"]
    assert world.run(app(idiom, "two")).status == "nothing"
    assert told(world) == ["one", "two", "two", "two"]


@pytest.mark.parametrize("idiom", [by_question, by_declaration, by_command])
def test_it_is_owed_when_the_run_ended_between_the_change_and_it(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two", fails="before"), on_failure="stop")
    assert told(world) == ["one"]
    world.run(app(idiom, "two"))
    assert told(world) == ["one", "two"]


@in_each_idiom
def test_it_is_not_owed_again_when_it_succeeded_and_something_else_failed(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two", fails="after"), on_failure="stop")
    world.run(app(idiom, "two"))
    assert told(world) == ["one", "two"]


@in_each_idiom
def test_it_is_repeated_after_a_rollback(world, idiom):
    world.run(app(idiom, "one"))
    assert world.run(app(idiom, "two", fails="after")).status == "reversed"
    assert told(world) == ["one", "two", "one"]
    assert world.run(app(idiom, "one")).status == "nothing"
    assert told(world) == ["one", "two", "one"]


@in_each_idiom
def test_it_is_repeated_after_an_undo(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two"))
    world.undo()
    assert told(world) == ["one", "two", "one"]
    world.run(app(idiom, "two"))
    assert told(world) == ["one", "two", "one", "two"]


@in_each_idiom
def test_it_is_not_repeated_where_it_was_not_before(world, idiom):
    world.run(app(idiom, "one"))
    world.undo()
    assert told(world) == ["one"]
    world.run(app(idiom, "two", fails="after"))
    assert told(world) == ["one", "two"]
    world.run(app(idiom, "two"))
    assert told(world) == ["one", "two", "two"]


@in_each_idiom
def test_a_repetition_that_fails_is_named_and_owed(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two"))
    world.file("broken")
    outcome = world.undo()
    assert outcome.status == "blocked" and "could not be repeated" in outcome.conflicts[0]
    assert set(told(world)[2:]) == {"one"}
    os.remove(world.base / "broken")
    count = len(told(world))
    assert world.undo().status == "reversed"
    assert told(world)[count:] == ["one"]


@in_each_idiom
def test_a_repetition_that_fails_can_be_left_as_it_is(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two"))
    world.file("broken")
    assert world.undo().status == "blocked"
    assert world.undo(on_conflict="keep").status == "reversed"
    assert any("cannot be repeated" in event.data["reason"] for event in world.said(What.KEPT))


@in_each_idiom
def test_a_failed_repetition_is_made_good_by_a_new_run(world, idiom):
    world.run(app(idiom, "one"))
    world.run(app(idiom, "two"))
    world.file("broken")
    world.undo()
    os.remove(world.base / "broken")
    count = len(told(world))
    assert world.run(app(idiom, "one")).error is None
    assert told(world)[count:] == ["one"]


@in_each_idiom
def test_a_reaction_that_failed_is_repeated_after_the_rollback(world, idiom):
    """It may have got half way, so it must see what is there now."""
    world.run(app(idiom, "one"))
    world.file("broken")

    outcome = world.run(app(idiom, "two"))
    assert outcome.status == "blocked"  # the repetition fails, too
    os.remove(world.base / "broken")
    count = len(told(world))
    assert world.undo().status == "reversed"
    assert told(world)[count:] == ["one"]


@in_each_idiom
def test_it_is_owed_over_a_partial_run(world, idiom):
    class Other(Component):
        def configure(self):
            self += File("other", content="x")

    world.run(app(idiom, "one"), Other)
    world.run(app(idiom, "two", fails="before"), Other, on_failure="stop")
    count = len(told(world))
    world.run(app(idiom, "two"), Other, components=("other",))
    world.run(app(idiom, "two"), Other)
    assert told(world)[-1] == "two" and len(told(world)) >= count
    assert world.run(app(idiom, "two"), Other).status == "nothing"
