"""A plan tells what would change, what it depends on, and writes nothing anywhere."""

from __future__ import annotations

import os

from depl.component import Component
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import Directory, File, Mode


class App(Component):
    def configure(self):
        self += Directory("conf.d")
        self += File("conf.d/a.conf", content="new\n")
        self += Command("touch built", creates="built")
        self += Raw()


class Raw(Component):
    touches = ("raw",)

    def verify(self):
        with open("built") as file:
            file.read()
        raise UpdateNeeded

    def update(self):
        raise AssertionError("a plan must not call this")


def test_nothing_is_written_anywhere(world):
    world.file("work/app/conf.d/a.conf", "old\n")
    before = world.times()
    assert world.plan(App).changes == 3
    assert world.times() == before
    assert not (world.base / ".depl").exists()


def test_a_plan_of_a_first_deployment_writes_nothing_and_says_what_depends_on_what(world):
    before = world.times()
    planned = world.plan(App)
    assert (planned.errors, planned.changes) == ([], 4)
    assert world.times() == before
    reasons = {event.component: event.data["reason"] for event in world.said(What.CHANGED)}
    assert reasons["app/Raw"].startswith("depends on app/Command")


def test_what_would_change_is_shown_with_its_diff(world):
    world.file("work/app/conf.d/a.conf", "old\n")
    world.plan(App)
    event = next(event for event in world.said(What.CHANGED) if event.component == "app/File(conf.d/a.conf)")
    (change,) = event.data["changes"]
    assert change["path"] == str(world.base / "work/app/conf.d/a.conf")
    assert "-old" in change["diff"] and "+new" in change["diff"]


def test_what_would_fail_without_any_planned_change_is_an_error(world):
    class App(Component):
        def configure(self):
            self += Mode("missing", mode=0o600)

    world.file("work/app/x")
    (error,) = world.plan(App).errors
    assert "missing has neither mode nor owner" in error.message


def test_a_plan_says_just_what_the_run_then_does(world):
    class App(Component):
        def configure(self):
            self += Directory("d")
            self += File("d/x", content="x")
            self += Mode("d/x", mode=0o600)
            self += File("same", content="same\n")

    world.file("work/app/same", "same\n")
    world.plan(App)
    planned = [event.data["changes"] for event in world.said(What.CHANGED)]
    world.events.clear()
    world.run(App)
    assert [event.data["changes"] for event in world.said(What.CHANGED)] == planned
    world.events.clear()
    assert world.plan(App).changes == 0


def test_a_reaction_is_planned_with_its_cause(world):
    class App(Component):
        def configure(self):
            config = File("x", content="x")
            self += config
            self += Command("true", reacts_to=[config])

    world.plan(App)
    assert world.changed == ["app/File(x)", "app/Command(true)"]


def test_the_directory_one_is_in_does_not_change(world):
    before = os.getcwd()
    world.plan(App)
    assert os.getcwd() == before
