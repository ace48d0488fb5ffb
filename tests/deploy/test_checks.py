"""Is it well? check() after a deployment and on request."""

from __future__ import annotations

import os

from depl.component import Component
from depl.events import What
from depl.lib.file import File
from depl.rollout.local import check_live


class Service(Component):
    retries = 3
    interval = 0.01

    def check(self):
        with open(self.map("../../tries"), "a") as file:
            file.write("x")
        assert os.path.getsize(self.map("../../tries")) >= self.parent.needed, "it does not answer"


def app(needed: int, content: str = "x") -> type[Component]:
    class App(Component):
        def configure(self):
            self.needed = needed
            self += File("x", content=content)
            self += Service()

    return App


def tries(world) -> int:
    return (world.base / "tries").stat().st_size


def test_a_check_is_tried_again_until_it_is_well(world):
    assert world.run(app(3)).status == "succeeded"
    assert tries(world) == 3


def test_what_is_not_well_fails_the_run_and_takes_it_back(world):
    outcome = world.run(app(9))
    assert (outcome.status, outcome.error.component) == ("reversed", "app/Service")
    assert "the check failed: it does not answer" in outcome.error.message
    assert tries(world) == 4
    assert not (world.base / "work").exists()


def test_a_run_that_changes_nothing_checks_nothing(world):
    world.run(app(1))
    assert world.run(app(1)).status == "nothing"
    assert tries(world) == 1


def test_checks_on_request(world):
    world.run(app(1))
    assert check_live(world.model(app(1)), "localhost", world.take) == []
    world.events.clear()
    (error,) = check_live(world.model(app(99)), "localhost", world.take)
    assert error.component == "app/Service"
    assert [event.component for event in world.said(What.TASK_FAILED)] == ["app/Service"]
