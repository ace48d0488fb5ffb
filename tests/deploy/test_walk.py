"""How a root component is deployed: order, updates, events, context managers, errors."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from depl.component import Component, handle_event
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.file import File
from depl.rollout.local import Stop

CALLS = "calls"


class Noted(Component):
    """Writes down when it is called."""

    namevar = "name"
    name: str
    wants = True

    def verify(self):
        self.note("verify")
        if self.wants and not os.path.exists(self.done):
            raise UpdateNeeded("it is not done")

    def update(self):
        self.note("update")
        with open(self.done, "w"):
            pass

    @property
    def done(self):
        return f"done.{self.name}"

    def note(self, what):
        with open(CALLS, "a") as file:
            file.write(f"{what} {self.name}\n")


def calls(world):
    return (world.base / "work/app" / CALLS).read_text().splitlines()


def test_children_come_before_their_parents_and_each_is_updated_once(world):
    class Parent(Noted):
        def configure(self):
            self += Noted("first")
            self += Noted("second")

    class App(Component):
        def configure(self):
            self += Parent("parent")
            self += Noted("last", wants=False)

    assert world.run(App).changed == 3
    assert calls(world) == [
        *("verify first", "update first", "verify second", "update second", "verify parent", "update parent"),
        "verify last",
    ]
    assert world.changed == [
        "app/Parent(parent)/Noted(first)",
        "app/Parent(parent)/Noted(second)",
        "app/Parent(parent)",
    ]
    assert world.said(What.CHANGED)[0].data["reason"] == "it is not done"


def test_an_update_without_a_verify_runs_every_time(world):
    class App(Component):
        def update(self):
            with open("n", "a") as file:
                file.write("x")

    assert [world.run(App).changed for _ in range(2)] == [1, 1]
    assert (world.base / "work/app/n").read_text() == "xx"


def test_a_context_manager_surrounds_verify_and_update(world):
    class App(Noted):
        name = "app"

        def __init__(self):
            super().__init__("app")

        def __enter__(self):
            self.note("enter")

        def __exit__(self, *error):
            self.note("exit")

    world.run(App)
    assert calls(world) == ["enter app", "verify app", "update app", "exit app"]


def test_those_who_want_to_hear_of_an_update_hear_it_before(world):
    class Listener(Component):
        @handle_event("before-update", "precursor")
        def precursor(self, component):
            self.parent.note(f"precursor hears of {component.name}")

        @handle_event("before-update", "*")
        def anybody(self, component):
            self.parent.note(f"all hear of {component.name}")

    class App(Component):
        def configure(self):
            self += Noted("before")
            self += Listener()
            self += Noted("after")

        note = Noted.note
        name = "-"

    world.run(App)
    heard = [call for call in calls(world) if "hear" in call]
    assert [call.removesuffix(" -") for call in heard] == [
        "precursor hears of before",
        "all hear of before",
        "all hear of after",
    ]


def test_a_component_that_wants_to_be_verified_again_fails_if_it_is_still_not_as_declared(world):
    class App(Component):
        verify_after_update = True

        def verify(self):
            raise UpdateNeeded("it is never good")

        def update(self):
            pass

    outcome = world.run(App)
    assert outcome.status == "reversed"
    assert "still not as declared: it is never good" in outcome.error.message


@pytest.mark.parametrize("method", ["verify", "update"])
def test_an_error_names_component_file_and_line(world, method):
    class Bad(Component):
        namevar = "name"

        def verify(self):
            if method == "verify":
                raise KeyError("missing")
            raise UpdateNeeded

        def update(self):
            raise KeyError("missing")

    class App(Component):
        def configure(self):
            self += Bad("one")

    outcome = world.run(App)
    error = outcome.error
    assert (outcome.status, error.component) == ("reversed", "app/Bad(one)")
    assert error.message == "KeyError: 'missing'"
    assert (error.file, type(error.line)) == (__file__, int)


def test_an_error_of_a_later_commit_names_the_component_that_wanted_the_change(world):
    class App(Component):
        def configure(self):
            self += File("no/directory/x", content="x")
            self += File("y", content="y")

    outcome = world.run(App)
    assert "no/directory" in outcome.error.message
    assert outcome.error.component == "app/File(no/directory/x)"


@pytest.mark.parametrize("method", ["verify", "update"])
def test_an_interruption_ends_the_run_at_the_next_component_and_goes_back(world, method):
    stop = Stop()

    class Interrupting(Component):
        touches = ("made",)

        def verify(self):
            if method == "verify":
                stop.abort()
            else:
                raise UpdateNeeded

        def update(self):
            stop.abort()
            with open("made", "w"):
                pass

    class App(Component):
        def configure(self):
            self += File("first", content="")
            self += Interrupting()
            self += File("never", content="")

    before = world.tree()
    outcome = world.run(App, stop=stop)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert "app/File(never)" not in world.changed
    assert world.tree() == before


def test_a_termination_ends_a_command_that_hangs(world):
    stop = Stop()

    class App(Component):
        def verify(self):
            threading.Timer(0.2, stop.terminate).start()
            raise UpdateNeeded

        def update(self):
            self.cmd("sleep 300")

    outcome = world.run(App, stop=stop)
    assert outcome.interrupted and "ended on request" in outcome.error.message


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("exit 3", "exited with status 3"),
        ("sleep 300", "took longer than its timeout of 0.3 s"),
        (r"printf '\377\376'; head -c 1000000 /dev/zero | tr '\0' x; exit 4", "exited with status 4"),
    ],
    ids=["fails", "hangs", "prints a megabyte and no UTF-8"],
)
def test_a_command_that_goes_wrong_fails_its_component_and_all_is_put_back(world, command, message):
    class Bad(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.cmd(command, timeout=0.3 if "sleep" in command else 60)

    class App(Component):
        def configure(self):
            self += File("before", content="x")
            self += Bad()

    before = world.tree()
    outcome = world.run(App)
    assert (outcome.status, outcome.error.component) == ("reversed", "app/Bad")
    assert message in outcome.error.message
    assert world.tree() == before
    if "printf" in command:
        assert len(outcome.error.stdout) == 1000002
        assert sum(len(one.text) for one in world.output) == 1000002


class Exits(Component):
    """An author's code that would end the whole process. where: in which of its methods."""

    namevar = "where"
    where: str

    def verify(self):
        if self.where == "verify":
            sys.exit(0)
        raise UpdateNeeded

    def capture(self):
        if self.where == "capture":
            sys.exit("no")
        return {}

    def update(self):
        if self.where == "update":
            sys.exit(0)

    def check(self):
        if self.where in ("check", "reverse"):
            sys.exit(3)

    def reverse(self, captured):
        if self.where == "reverse":
            sys.exit(0)


@pytest.mark.parametrize("where", ["verify", "capture", "update", "check", "reverse"])
def test_code_that_calls_exit_fails_its_component_and_the_rest_is_put_back(world, where):
    class App(Component):
        def configure(self):
            self += File("f", content="new")
            self += Exits(where)

    class Earlier(Component):
        def configure(self):
            self += File("f", content="new")

    file, earlier = world.file("work/app/f", "old"), world.file("work/earlier/f", "old")
    outcome = world.run(Earlier, App)
    assert "sys.exit(" in outcome.error.message and outcome.error.component == f"app/Exits({where})"
    assert outcome.status == ("blocked" if where == "reverse" else "reversed")
    assert file.read_text() == ("new" if where == "reverse" else "old")
    assert earlier.read_text() == "old"


@pytest.mark.parametrize(
    ("method", "end"), [("verify", "exits"), ("verify", "fails"), ("update", "exits"), ("update", "returns")]
)
def test_a_process_that_an_authors_code_forks_takes_no_part_in_the_deployment(world, method, end):
    def fork():
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        elif end == "exits":
            sys.exit()
        elif end == "fails":
            raise RuntimeError

    class Forks(Component):
        def verify(self):
            if method == "verify":
                fork()
            raise UpdateNeeded

        def update(self):
            self.touch("x")
            if method == "update":
                fork()

    class App(Component):
        def configure(self):
            self += File("f", content="new")
            self += Forks()
            self += File("g", content="new")

    before = world.tree()
    assert world.run(App).status == "succeeded"
    assert sorted(os.listdir(world.base / "work/app")) == ["f", "g", "x"]
    assert world.undo().status == "reversed"
    assert world.tree() == before


@pytest.mark.parametrize("link", ["work", "work/app"])
def test_a_working_directory_that_is_a_link_to_one_is_somebodys_wish(world, link):
    elsewhere = world.base.parent / "large"
    elsewhere.mkdir()
    (world.base / link).parent.mkdir(exist_ok=True)
    os.symlink(elsewhere, world.base / link)
    before = world.tree()

    class App(Component):
        def configure(self):
            self += File("f", content="new")

    assert world.run(App).status == "succeeded"
    assert (world.base / "work/app/f").read_text() == "new"
    assert (world.base / link).is_symlink()
    assert world.undo().status == "reversed"
    assert world.tree() == before
    assert os.listdir(elsewhere) == []


def by_assert_cmd(component):
    component.assert_cmd("sleep 300")


def by_cmd(component):
    component.cmd("sleep 300")


def by_asking(component):
    assert component.root.system.ask("sleep 300")[0] == 0


@pytest.mark.parametrize("look", [by_assert_cmd, by_cmd, by_asking])
def test_an_update_does_not_begin_when_the_look_at_its_need_was_ended_by_force(world, look):
    stop = Stop()

    class App(Component):
        def verify(self):
            threading.Timer(0.2, stop.terminate).start()
            look(self)

        def update(self):
            with open("data", "w") as file:
                file.write("destroyed")

    data = world.file("work/app/data", "precious")
    outcome = world.run(App, stop=stop)
    assert outcome.interrupted and "ended on request" in outcome.error.message
    assert data.read_text() == "precious"


def test_a_command_that_was_never_begun_is_no_step_of_unknown_effect(world):
    stop = Stop()

    class App(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.touch("x")
            stop.terminate()
            self.cmd("echo never")

    outcome = world.run(App, stop=stop)
    assert (outcome.interrupted, outcome.unknown) == (True, [])


def test_a_command_that_hangs_on_the_way_back_is_ended_in_the_usual_time(world):
    class App(Component):
        staged = True

        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.root.system.run("true", undo="sleep 300")
            raise RuntimeError("on purpose")

    outcome = world.run(App, command_timeout=0.3)
    assert outcome.status == "blocked"
    assert "`sleep 300` took longer than its timeout of 0.3 s" in outcome.conflicts[0]
