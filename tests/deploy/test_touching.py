"""What raw updates touch and capture: directories, what capture() gives, and what is shown of it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from depl.change.changes import Call
from depl.change.records import Did
from depl.component import Component
from depl.deploy.target import Target
from depl.errors import UpdateNeeded
from depl.events import What
from depl.report.changes import change_lines


class Raw(Component):
    touches = ("rawdir",)
    fails = False

    def verify(self):
        raise UpdateNeeded("as ever")

    def update(self):
        os.makedirs("rawdir/sub", exist_ok=True)
        Path("rawdir/a").write_text("a")
        Path("rawdir/sub/b").write_text("b")
        if self.fails:
            raise RuntimeError("half way")


def app(child, **attributes):
    class App(Component):
        def configure(self):
            self += child(**attributes)

    return App


def changes(world):
    base = f"{world.base}/work/app/"
    return [(one["verb"], one["path"].replace(base, "")) for one in world.said(What.CHANGED)[-1].data["changes"]]


# -- directories ------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [False, True])
def test_what_an_update_puts_into_a_directory_that_it_touches_goes_again(world, empty):
    world.file("work/app/other")
    if empty:
        (world.base / "work/app/rawdir").mkdir()
    before = world.tree()
    assert world.run(app(Raw)).status == "succeeded"
    made = [("write", "rawdir/a"), ("make", "rawdir/sub"), ("write", "rawdir/sub/b")]
    assert changes(world) == [*([] if empty else [("make", "rawdir")]), *made]
    assert "appeared" not in world.said(What.CHANGED)[-1].data
    outcome = world.undo()
    assert (outcome.status, outcome.kept, outcome.unknown) == ("reversed", [], [])
    assert world.tree() == before


def test_what_a_failed_update_put_there_goes_again(world):
    world.file("work/app/other")
    before = world.tree()
    outcome = world.run(app(Raw, fails=True))
    assert (outcome.status, outcome.kept, outcome.unknown) == ("reversed", [], [])
    assert world.tree() == before


def test_what_a_killed_update_put_there_goes_again(world):
    class Dies(Raw):
        def update(self):
            super().update()
            os._exit(9)

    world.file("work/app/other")
    before = world.tree()
    child = os.fork()
    if child == 0:
        world.run(app(Dies))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (world.base / "work/app/rawdir/sub/b").exists()
    outcome = world.undo()
    assert (outcome.status, outcome.kept, outcome.unknown) == ("reversed", [], [])
    assert world.tree() == before


def test_what_somebody_else_put_there_since_stays_and_is_named(world):
    world.run(app(Raw))
    world.file("work/app/rawdir/precious", "precious")
    outcome = world.undo()
    assert f"{world.base}/work/app/rawdir" in outcome.kept
    assert os.listdir(world.base / "work/app/rawdir") == ["precious"]


def test_a_link_to_somebody_elses_directory_is_not_followed(world):
    class Links(Raw):
        def update(self):
            os.symlink("../other", "rawdir")

    world.file("work/other/precious", "precious")
    before = world.tree()
    assert world.run(app(Links)).status == "succeeded"
    assert changes(world) == [("link", "rawdir")]
    world.undo()
    assert world.tree()["work/other/precious"] == before["work/other/precious"]


def test_the_run_that_fills_a_touched_directory_says_that_the_next_is_refused_and_so_do_plan_and_run(world):
    world.run(app(Raw))
    (warning,) = world.said(What.WARNING)
    assert "its next update() will be refused" in warning.data["text"] and "owns_workdir" in warning.data["text"]
    then = world.tree()
    message = f"its update() touches {world.base}/work/app/rawdir, a directory with something in it"
    assert [one.message for one in world.plan(app(Raw)).errors] == [message]
    outcome = world.run(app(Raw))
    assert outcome.error.message == message and "`owns_workdir`" in outcome.error.hint
    assert world.tree() == then
    assert world.undo().status == "reversed"
    assert not (world.base / "work/app").exists()


# -- what is said -----------------------------------------------------------------------------------


class Conf(Component):
    touches = ("raw.conf", "gone", "same")

    def verify(self):
        raise UpdateNeeded("as ever")

    def update(self):
        Path("raw.conf").write_text("new")
        os.remove("gone")
        Path("same").write_text("same")


def test_what_an_update_did_to_what_it_touches_is_shown_without_contents(world):
    for name in ("raw.conf", "gone", "same"):
        world.file(f"work/app/{name}", "same")
    world.run(app(Conf))
    assert sorted(changes(world)) == [("remove", "gone"), ("write", "raw.conf")]
    assert {one["diff"] for one in world.said(What.CHANGED)[-1].data["changes"]} == {None}


def test_a_plan_names_what_is_exact_and_no_more(world):
    world.plan(app(Conf))
    (change,) = world.said(What.CHANGED)[-1].data["changes"]
    paths = ", ".join(f"{world.base}/work/app/{name}" for name in Conf.touches)
    (line,) = change_lines(change, ways=True)
    assert line.text == f"  call    update() of Conf  [exact: for {paths}; what else it does is not known]"


# -- capture() --------------------------------------------------------------------------------------


class Captures(Component):
    gives = None

    def verify(self):
        assert os.path.exists("made")

    def capture(self):
        return type(self).gives

    def update(self):
        Path("made").write_text("x")

    def reverse(self, captured):
        type(self).got(captured)
        Path("made").unlink(missing_ok=True)


def capturing(gives):
    got = []
    return got, app(type("Captures", (Captures,), {"gives": gives, "got": staticmethod(got.append)}))


@pytest.mark.parametrize("gives", [None, {}, {"a": [1, 1.5, None, True, {"b": "c"}]}])
def test_what_capture_gives_comes_to_reverse_as_it_is(world, gives):
    got, model = capturing(gives)
    assert world.run(model).status == "succeeded"
    assert changes(world) == [("call", "")]
    assert world.undo(model).status == "reversed"
    assert got == [gives or {}]


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("v0", "gave a str instead of a dict"),
        ([], "gave a list instead of a dict"),
        ({"a": b"x"}, "gave a bytes under 'a'"),
        ({"a": {"b": [0, PurePosixPath("/x")]}}, "gave a PurePosixPath under 'a'['b'][1]"),
        ({"a": (1, 2)}, "gave a tuple under 'a'"),
        ({1: "x"}, "gave the key 1, an int instead of a text"),
        ({"a": {None: "x"}}, "gave the key None under 'a', a NoneType instead of a text"),
        ({"a": float("nan")}, "gave nan, no finite number under 'a'"),
    ],
)
def test_what_capture_must_not_give_is_told_before_the_update(world, gives, said):
    _, model = capturing(gives)
    outcome = world.run(model)
    assert outcome.status == "reversed"
    error = outcome.error
    assert (error.component, error.message) == (
        "app/Captures",
        f"its update() was not called: its capture() {said}",
    )
    assert error.hint.startswith("Return a dict with text keys")
    assert (error.file, error.line) == (__file__, Captures.capture.__code__.co_firstlineno)
    assert not (world.base / "work/app/made").exists()


@pytest.mark.parametrize(("held", "comes"), [(None, {}), ("v0", "v0"), ([1], [1])])
def test_what_an_older_depl_took_from_capture_goes_to_reverse_with_a_word(world, held, comes):
    got, model = capturing({})
    world.run(model)
    target = Target(str(world.base))
    (path, _), *_ = target.journals.states()
    journal = target.journals.open_at(path)
    (did,) = [one for one in journal.records if isinstance(one, Did) and isinstance(one.change, Call)]
    journal.append(Did(0, did.component, Call(did.component, held)))
    journal.close()
    assert world.undo(model).status == "reversed"
    assert got == [comes, {}]
    assert len([one for one in world.said(What.WARNING) if "gave no dict" in one.data["text"]]) == bool(held)
