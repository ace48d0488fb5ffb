"""The way back over reactions, code that acts by itself, and runs that were left or taken over by others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from depl.component import Component, ComponentDefinition, RootComponent
from depl.configure import configure
from depl.environment import Environment
from depl.errors import UpdateNeeded
from depl.events import What
from depl.host import Host
from depl.lib.file import File, Mode
from depl.rollout.local import realise


class Fails(Component):
    def verify(self):
        raise UpdateNeeded

    def update(self):
        raise RuntimeError("on purpose")


class Own(Component):
    """A configuration that an author's code brings up to date, by any means. content: what must be in it."""

    content = ""

    def verify(self):
        if not os.path.exists("conf") or Path("conf").read_text() != self.content:
            raise UpdateNeeded


class ByVerb(Own):
    def update(self):
        self.root.system.write(self.map("conf"), self.content.encode())


class ByItself(Own):
    touches = ("conf",)

    def update(self):
        Path("conf").write_text(self.content)


class ByCommand(Own):
    touches = ("conf",)

    def update(self):
        self.cmd(f"printf %s {self.content} > conf")


class ByCommandThenVerb(Own):
    touches = ("conf",)

    def update(self):
        self.cmd(f"printf %s {self.content} > conf")
        self.root.system.set_mode(self.map("conf"), 0o600)


def by_file(content):
    return File("conf", content=content)


def by(cls):
    def made(content):
        return cls(content=content)

    made.__name__ = cls.__name__
    return made


MEANS = [by_file, *map(by, (ByVerb, ByItself, ByCommand, ByCommandThenVerb))]


class Service(Component):
    """Runs with the configuration that it was told of. before: what it does before its command, which may fail."""

    input = None

    def verify(self):
        self.parent.conf.assert_no_changes()

    def update(self):
        if self.parent.dies:
            raise RuntimeError("killed before its command")
        self.cmd("{ cat; cat conf; } > running", input=self.parent.input)


def app(content: str, fails: str = "", conf=by_file, dies: bool = False, input: bytes = b"") -> type[Component]:
    """A configuration and its service. fails: something else does, `before` or `after` the service."""

    class App(Component):
        def configure(self):
            self.conf, self.dies, self.input = conf(content), dies, input
            self += self.conf
            if fails == "before":
                self += Fails()
            self += Service()
            if fails == "after":
                self += Fails()

    return App


def state(world) -> tuple[str, str]:
    at = world.base / "work/app"
    return (at / "conf").read_text(), (at / "running").read_text()


@pytest.mark.parametrize("conf", MEANS, ids=lambda one: one.__name__)
def test_a_service_sees_the_old_configuration_again_by_whatever_means_it_was_changed(world, conf):
    world.run(app("v1", conf=conf))
    assert world.run(app("v2", "after", conf)).status == "reversed"
    assert state(world) == ("v1", "v1")
    assert len(world.said(What.REPEATED)) == 1
    assert world.run(app("v1", conf=conf)).status == "nothing"


def test_a_command_gets_its_input_again_when_it_is_repeated_be_it_no_text(world):
    binary = b"\xff\x00\n"
    world.run(app("v1", input=binary))
    world.run(app("v2", "after", input=binary))
    assert (world.base / "work/app/running").read_bytes() == binary + b"v1"


def test_the_commands_of_a_run_that_was_left_are_repeated_by_the_run_that_took_over_and_failed(world):
    world.run(app("v1"))
    assert world.run(app("v2", "after"), on_failure="stop").status == "stopped"
    assert state(world) == ("v2", "v2")
    assert world.run(app("v3", dies=True)).status == "reversed"
    assert state(world) == ("v1", "v1")


class Loads(Component):
    """Reacts by what leaves no trace: a signal, say, or a request."""

    def verify(self):
        self.parent.conf.assert_no_changes()

    def update(self):
        Path("running").write_text(Path("conf").read_text())


class Acts(Component):
    def verify(self):
        raise UpdateNeeded

    def update(self):
        os.mkdir("made")


class ActsAndFails(Acts):
    def update(self):
        super().update()
        raise RuntimeError("half way")


class ActsByDeclaration(Acts):
    irreversible = "there is no way back"


@pytest.mark.parametrize(
    ("cls", "named"),
    [(Loads, True), (Acts, True), (ActsAndFails, True), (ByItself, False), (ByVerb, False), (ActsByDeclaration, False)],
)
def test_an_update_that_acted_without_a_trace_is_named_as_of_unknown_effect(world, cls, named):
    class App(Component):
        def configure(self):
            self.conf = File("other", content="v2")
            self += self.conf
            self += cls()
            self += Fails()

    world.file("work/app/conf", "v1")
    outcome = world.run(App)
    assert (f"update() of app/{cls.__name__}" in outcome.unknown) is named


# -- what comes back, and what is left alone --------------------------------------------------------


def test_a_verb_after_a_command_on_the_same_file_is_undone_together_with_it(world):
    class App(Component):
        def configure(self):
            self += ByCommandThenVerb(content="new")

    path = world.file("work/app/conf", "old", 0o644)
    before = world.tree()
    world.run(App)
    assert path.read_text() == "new"
    assert world.undo().status == "reversed"
    assert world.tree() == before


def test_a_mode_is_given_back_although_the_content_went_on_and_the_content_is_left(world):
    class Logs(Fails):
        def update(self):
            with open("log", "a") as file:
                file.write("started\n")
            super().update()

    class App(Component):
        def configure(self):
            self += Mode("log", mode=0o600)
            self += Logs()

    log = world.file("work/app/log", "line\n", 0o644)
    assert world.run(App).status == "reversed"
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("line\nstarted\n", 0o644)


def test_a_tree_that_was_replaced_by_code_of_its_own_is_safe_and_comes_back_by_force(world):
    class App(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.root.system.remove(self.map("data"))
            os.mkdir("data")
            Path("data/new").write_text("new")
            raise RuntimeError("on purpose")

    world.file("work/app/data/precious", "precious")
    outcome = world.run(App)
    assert outcome.status == "blocked" and "something is there again" in outcome.conflicts[0]
    assert [path.read_text() for path in world.base.glob(".depl/trash/*/precious")] == ["precious"]
    assert world.undo(on_conflict="force").status == "reversed"
    assert os.listdir(world.base / "work/app/data") == ["precious"]


@pytest.mark.parametrize(("touched", "refused"), [("full", True), ("link", False), ("missing", False), ("file", False)])
def test_a_directory_with_something_in_it_must_not_be_touched_as_a_whole(world, touched, refused):
    class Overwrites(Component):
        touches = (touched,)

        def verify(self):
            raise UpdateNeeded

        def update(self):
            Path(touched).write_text("new")
            raise RuntimeError("on purpose")

    class App(Component):
        def configure(self):
            self += Overwrites()

    world.file("work/app/full/a", "precious")
    world.file("work/app/file", "old")
    os.symlink("file", world.base / "work/app/link")
    before = world.tree()
    outcome = world.run(App)
    assert outcome.status == "reversed"
    assert (f"touches {world.base}/work/app/full, a directory" in outcome.error.message) is refused
    assert world.tree() == before


def test_what_an_update_touches_without_having_declared_it_goes_again(world):
    class App(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.touch("touched")
            assert os.path.exists("touched")
            raise RuntimeError("on purpose")

    world.file("work/app/before")
    before = world.tree()
    assert world.run(App).status == "reversed"
    assert world.tree() == before


def test_code_that_puts_itself_in_the_place_of_a_pipe_cannot_be_taken_back_and_says_so(world):
    class App(Component):
        touches = ("pipe",)

        def verify(self):
            raise UpdateNeeded

        def update(self):
            os.remove("pipe")
            Path("pipe").write_text("a file")
            raise RuntimeError("on purpose")

    world.file("work/app/x")
    os.mkfifo(world.base / "work/app/pipe")
    outcome = world.run(App)
    assert outcome.status == "blocked" and "cannot be made anew" in outcome.conflicts[0]


# -- debts over several runs ------------------------------------------------------------------------


def deploy(world, environment: str, *classes: type[Component], ignored: str = "", **options):
    """Deploy another environment to the same target, or with a root component that is ignored."""
    model = Environment(environment, str(world.base))
    host = model.add_host(Host("localhost"))
    for cls in classes:
        definition = ComponentDefinition(cls, str(world.base / "components" / "component.py"))
        root = RootComponent(definition.name, model, host, definition=definition)
        root.ignore = root.name == ignored
        model.add_root(root)
    return realise(configure(model), "localhost", world.options(**options), world.take)


class Other(Component):
    def configure(self):
        self += File("x", content="x")


def test_another_environment_in_the_same_target_does_not_wipe_debts(world):
    deploy(world, "a", app("v1"))
    assert deploy(world, "a", app("v2", "before"), on_failure="stop").status == "stopped"
    assert deploy(world, "b", Other).status == "succeeded"
    deploy(world, "a", app("v2"))
    assert state(world) == ("v2", "v2")


class Conf(Component):
    content = "v1"

    def configure(self):
        self.file = File(self.map("conf"), content=self.content)
        self += self.file
        self.provide("conf", self)


def conf(content: str) -> type[Component]:
    return type("Conf", (Conf,), {"content": content})


class Reader(Component):
    """Runs with the configuration of another root component. told: by declaration or by question."""

    by_question = False

    def configure(self):
        self.conf = self.require_one("conf")
        self += Asks() if self.by_question else Told(reacts_to=[self.conf])


class Told(Component):
    def verify(self):
        pass

    def update(self):
        self.cmd(f"cat {self.parent.conf.file.path} > running")


class Asks(Told):
    def verify(self):
        assert os.path.exists("running")
        self.parent.conf.assert_no_changes()


READERS = pytest.mark.parametrize(
    "reader", [type("Reader", (Reader,), {"by_question": asks}) for asks in (False, True)], ids=["declares", "asks"]
)


def running(world) -> str:
    return (world.base / "work/reader/running").read_text()


@READERS
def test_a_change_in_another_root_component_is_seen(world, reader):
    for content in ("v1", "v2"):
        world.run(conf(content), reader)
        assert running(world) == content
    assert world.plan(conf("v3"), reader).changes == 2
    assert world.run(conf("v2"), reader).status == "nothing"


@READERS
def test_a_root_component_that_is_ignored_for_a_while_is_owed_what_it_missed(world, reader):
    deploy(world, "test", conf("v1"), reader)
    deploy(world, "test", conf("v2"), reader, ignored="reader")
    assert running(world) == "v1"
    deploy(world, "test", conf("v2"), reader)
    assert running(world) == "v2"


def test_what_newer_runs_have_on_the_host_is_still_known_when_an_older_one_is_taken_back(world):
    older = world.run(Other).rollout
    world.run(Other, app("v1"))
    assert world.undo(rollout=older).status == "reversed"
    assert world.run(app("v2", "after")).status == "reversed"
    assert state(world) == ("v1", "v1")
