"""What commands brought about is ended before its files go, and comes back after them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from undeclared import file, mine, receipts, root, told

from depl.change.blobs import Blobs
from depl.change.changes import Run, WayBack
from depl.change.records import Begin, Did, Made
from depl.component import Component
from depl.deploy.things import things_after
from depl.events import What
from depl.lib.file import File


class Service(Component):
    """Brings about something that is no path (but for the test), which its own file works with."""

    name = "svc"
    fails = False

    def configure(self):
        self.state = f"{self.environment.base_dir}/{self.name}.runs"
        self += File(f"{self.name}.conf", content="x\n")

    def verify(self):
        assert os.path.exists(self.state)

    def update(self):
        conf, log = self.map(f"{self.name}.conf"), f"{self.environment.base_dir}/log"
        log_it = f"ls {conf} && echo start {self.name} >>{log}"
        stop = "false" if self.fails else f"ls {conf} && rm -f {self.state} && echo stop {self.name} >>{log}"
        self.system.run(
            f"{log_it} && touch {self.state}",
            undo=stop,
            shown=f"start {self.name}",
            undo_shown=f"stop {self.name}",
            owns=f"service {self.name}",
        )


def service(cls: type[Component] = Service, **values: Any) -> Any:
    return type(cls.__name__, (cls,), values)


def logged(world: Any) -> list[str]:
    """What was started and stopped since it was asked last."""
    path = world.base / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_what_a_command_brought_about_is_ended_before_its_files_go_and_comes_back_after_them(world):
    both = [service(name="one"), service(name="two")]
    world.run(root("App", file("a"), *both))
    assert logged(world) == ["start one", "start two"]
    less = root("App", file("a"))
    world.run(less)
    assert told(world) == [["service one", "service two", "work/app/one.conf", "work/app/two.conf"]]
    planned = world.plan(less, gc=True)
    assert planned.changes == 4
    (change, *_) = world.said(What.CHANGED)[0].data["changes"]
    assert (change["verb"], change["after"], change["way_back"]) == ("run", "stop two", "compensating")
    world.events.clear()
    assert logged(world) == []
    assert world.run(less, gc=True).status == "succeeded"
    assert logged(world) == ["stop two", "stop one"]
    assert sorted(os.listdir(world.base / "work/app")) == ["a"]
    world.events.clear()
    assert world.run(less, gc=True).status == "nothing"
    assert told(world) == []
    undo = world.undo()
    assert (undo.status, logged(world)) == ("reversed", ["start one", "start two"])
    world.run(less)
    assert told(world) == [["service one", "service two", "work/app/one.conf", "work/app/two.conf"]]
    world.undo(rollout=undo.rollout)
    assert logged(world) == ["stop two", "stop one"]


def test_if_something_cannot_be_ended_all_is_put_back(world):
    world.run(root("App", file("a"), service(name="one", fails=True), service(name="two")))
    logged(world)
    before, written = world.tree(), receipts(world)
    outcome = world.run(root("App", file("a")), root("New", file("n")), gc=True)
    assert (outcome.status, outcome.error.component) == ("reversed", "app/Service")
    assert logged(world) == ["stop two", "start one", "start two"]
    assert world.tree() == before
    assert receipts(world) == written


def test_what_a_component_names_as_its_own_is_still_declared_under_another_name(world):
    class Named(Service):
        def owned_things(self):
            return [f"service {self.name}"]

    world.run(root("App", service(Named)))
    assert logged(world) == ["start svc"]
    renamed = type("Renamed", (Named,), {})
    world.run(root("App", renamed))
    assert told(world) == []
    world.run(root("App", renamed), gc=True)
    assert logged(world) == []
    assert mine(world)["app"]["things"]["service svc"]["component"] == "app/Renamed"


def test_what_was_ended_by_its_undo_is_nobodys_any_more_nor_what_was_undone_before_others_were_deployed(world):
    class Ends(Service):
        """Ends what it brought about, as it was told to in the end."""

        def verify(self):
            assert not os.path.exists(self.state)

        def update(self):
            self.system.run(self.stop, undo="true")

    made = world.run(root("App", service()))
    (thing,) = mine(world)["app"]["things"].values()
    assert set(thing) == {"component", "made", "command", "shown", "undo", "undo_shown"}
    stop = Blobs(str(world.base / ".depl/blobs")).read_json(thing["undo"])["command"]
    world.run(root("App", service(Ends, stop=stop)))
    assert "things" not in mine(world)["app"]
    world.undo()
    assert "things" in mine(world)["app"]
    world.run(root("Other", file("c")))
    world.undo(rollout=made.rollout)
    assert "things" not in json.dumps(receipts(world))


def test_the_commands_that_end_it_outlive_the_journals(world):
    made = world.run(root("App", file("a"), service()))
    for number in range(2):
        for path in world.base.glob(".depl/journal/*.jsonl"):
            os.utime(path, (1, 1))
        world.run(root("App", file("a", f"{number}\n"), service()), keep=(1, 1))
    assert not [path for path in (world.base / ".depl/journal").iterdir() if made.rollout in path.name]
    logged(world)
    assert world.run(root("App", file("a", "1\n")), gc=True).status == "succeeded"
    assert logged(world) == ["stop svc"]


def test_what_may_not_have_been_ended_as_depl_was_killed_is_still_there():
    begin = Begin(1, "r", "test", "h", ".gc", 1, "me", "", "", "")
    start = Did(2, "app", Run("forth", "start", WayBack.COMPENSATING, "back", "stop", owns="service x"))
    stop = Did(4, "app", Run("back", "stop", WayBack.COMPENSATING, "forth", "start"))
    for after, names in (([], ["service x"]), ([replace(begin, n=5)], ["service x"]), ([Made(5)], [])):
        assert list(things_after({}, [begin, start, Made(3), stop, *after])) == names
