"""Where a way back is required, what has none fails before it acts, and the run is put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from depl.component import Component
from depl.deploy.history import history
from depl.deploy.target import Target
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File


class Raw(Component):
    def verify(self):
        assert Path("raw").exists()

    def update(self):
        self.cmd("touch raw")


class Touching(Raw):
    touches = ("raw",)


class Owning(Raw):
    owns_workdir = True


class Compensated(Raw):
    reverse_cmd = "rm -f raw"


class Captured(Raw):
    def capture(self):
        return {}

    def reverse(self, captured):
        Path(self.map("raw")).unlink(missing_ok=True)


class Reacting(Raw):
    def verify(self):
        self.parent.conf.assert_no_changes()


class Final(Raw):
    irreversible = "mail was sent"


def app(make):
    class App(Component):
        def configure(self):
            self.conf = File("conf", content="new")
            self += self.conf
            self += make(self)

    return App


FINE = {
    "touches": (lambda app: Touching(), "exact"),
    "owns_workdir": (lambda app: Owning(), "exact"),
    "reverse_cmd": (lambda app: Compensated(), "compensating"),
    "capture": (lambda app: Captured(), "compensating"),
    "a command with an undo": (lambda app: Command("touch raw", creates=(), unless="test -e raw", undo="rm raw"), None),
}
REFUSED = {
    "a reaction of what is new on the host": (
        lambda app: Reacting(),
        "its way back is unknown (its component is new on the host, so it does not run again on the way back)",
    ),
    "a command that reacts, likewise": (
        lambda app: Command("touch raw", reacts_to=[app.conf]),
        "`touch raw` was not run: its way back is unknown (its component is new on the host",
    ),
    "unknown": (lambda app: Raw(), "its update() was not called: its way back is unknown"),
    "irreversible": (lambda app: Final(), "its way back is irreversible (mail was sent)"),
    "a command": (lambda app: Command("touch raw", always=True), "`touch raw` was not run: its way back is unknown"),
    "a final command": (
        lambda app: Command("touch raw", always=True, irreversible="gone"),
        "`touch raw` was not run: its way back is irreversible (gone)",
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_has_a_way_back_is_done_where_that_is_required(world, case):
    make, way_back = FINE[case]
    planned = world.plan(app(make))
    assert not planned.unknown and not planned.irreversible
    ways = [change["way_back"] for event in world.said(What.CHANGED) for change in event.data["changes"]]
    assert way_back is None or ways[-1] == way_back
    outcome = world.run(app(make), reversible_only=True)
    assert outcome.status == "succeeded", outcome.error
    assert (world.base / "work/app/raw").exists()


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_none_fails_before_it_acts_and_the_run_is_put_back(world, case):
    make, sentence = REFUSED[case]
    before = world.tree()
    outcome = world.run(app(make), reversible_only=True)
    assert (outcome.status, outcome.unknown) == ("reversed", [])
    assert sentence in outcome.error.message
    assert "`reversibility = required`" in outcome.error.message
    assert outcome.error.component.startswith("app/")
    assert world.tree() == before


@pytest.mark.parametrize("make", [lambda app: Reacting(), lambda app: Command("touch raw", reacts_to=[app.conf])])
def test_a_reaction_of_what_was_on_the_host_is_repeated_and_so_it_is_done(world, make):
    assert world.run(app(make)).status == "succeeded"
    world.file("work/app/conf", "older")
    world.events.clear()
    planned = world.plan(app(make))
    assert (planned.changes, planned.unknown) == (2, [])
    ways = [change["way_back"] for event in world.said(What.CHANGED) for change in event.data["changes"]]
    assert ways[-1] == "repeat"
    assert world.run(app(make), reversible_only=True).status == "succeeded"


@pytest.mark.parametrize("make", [lambda app: Reacting(), lambda app: Command("touch raw", reacts_to=[app.conf])])
def test_plan_run_and_failure_say_the_same_of_a_reaction_of_what_is_new(world, make):
    class Fails(Component):
        def update(self):
            raise RuntimeError("too late")

    class Failing(app(make)):
        def configure(self):
            super().configure()
            self += Fails()

    assert len(world.plan(Failing).unknown) == 2  # update() of Fails, too
    outcome = world.run(Failing)
    assert "touch raw" in outcome.unknown
    told = [change for event in world.said(What.CHANGED) for change in event.data["changes"]]
    assert {one["way_back"] for one in told if one["after"] == "touch raw"} == {"unknown"}


@pytest.mark.parametrize("cls", [Touching, Compensated, Captured])
def test_its_author_answers_for_the_commands_of_an_update_so_they_are_not_of_unknown_effect(world, cls):
    class App(Component):
        def configure(self):
            self += cls()
            self += Command("exit 3", always=True)

    outcome = world.run(App)
    assert (outcome.status, outcome.unknown) == ("reversed", ["exit 3"])
    assert not (world.base / "work").exists()
    rows = history(Target(str(world.base)), None, True, lambda error: None)
    assert "touch raw" in [row["change"]["after"] for row in rows if "change" in row]


def test_an_author_who_declares_a_way_back_answers_for_all_commands_of_that_update(world):
    class App(Component):
        def configure(self):
            self += Compensated()
            self += Later()

    class Later(Raw):
        def verify(self):
            raise UpdateNeeded

    outcome = world.run(App, reversible_only=True)
    assert "app/Later" in outcome.error.component
    assert outcome.status == "reversed"
    assert not (world.base / "work").exists()


def test_nothing_is_refused_where_it_is_not_required(world):
    assert world.run(app(REFUSED["unknown"][0])).status == "succeeded"
