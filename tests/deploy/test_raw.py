"""Updates that act by themselves: a workdir that is owned, files that appear, files that are too large to be kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from depl.change.records import Ended, Failed
from depl.component import Component
from depl.deploy.target import Target
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.file import File


class Owner(Component):
    """Has its workdir for itself, and uses all of it."""

    owns_workdir = True
    fails = False

    def verify(self):
        if self.fails or not os.path.exists("made/deep/file"):
            raise UpdateNeeded("it is not built")

    def update(self):
        Path("changed").write_text("new")
        os.chmod("mode", 0o600)
        os.remove("link")
        os.symlink("changed", "link")
        shutil.rmtree("gone")
        os.remove("becomes-directory")
        self.cmd("mkdir -p made/deep becomes-directory && echo x | tee made/deep/file becomes-directory/file")
        os.symlink("nowhere", "made/link")
        os.chmod("made", 0o2750)
        shutil.rmtree("becomes-file")
        Path("becomes-file").write_text("a file now")
        if self.fails:
            raise RuntimeError("half way")


class App(Component):
    def configure(self):
        self += Owner()


class Broken(Component):
    def configure(self):
        self += Owner(fails=True)


Broken = type("App", (Broken,), {})


def before(world) -> None:
    world.file("work/app/changed", "old", 0o640)
    world.file("work/app/same", "same", 0o604)
    world.file("work/app/mode", "mode", 0o4755)
    world.file("work/app/gone/a/b", "b", 0o400)
    world.file("work/app/gone/c", "c")
    os.symlink("a/b", world.base / "work/app/gone/link")
    world.file("work/app/becomes-directory", "file")
    world.file("work/app/becomes-file/x/y", "y")
    os.symlink("same", world.base / "work/app/link")
    os.chmod(world.base / "work/app/gone/a", 0o2711)


def records(world, kind):
    (path, _), *_ = Target(str(world.base)).journals.states()
    return [one for one in Target(str(world.base)).journals.open_at(path).records if isinstance(one, kind)]


# -- an owned workdir -------------------------------------------------------------------------------


def test_an_owned_workdir_is_as_before_after_an_undo(world):
    before(world)
    then = world.tree()
    assert world.run(App).status == "succeeded"
    assert (world.base / "work/app/made/deep/file").exists()
    assert world.run(App).status == "nothing"
    outcome = world.undo()
    assert (outcome.status, outcome.kept, outcome.unknown) == ("reversed", [], [])
    assert world.tree() == then


def test_an_owned_workdir_is_as_before_after_an_update_that_failed_half_way(world):
    before(world)
    then = world.tree()
    outcome = world.run(Broken)
    assert (outcome.status, outcome.unknown) == ("reversed", [])
    assert world.tree() == then


def test_what_is_made_of_an_owned_workdir_is_shown_and_needs_no_warning(world):
    before(world)
    world.run(App)
    (event,) = world.said(What.CHANGED)
    shown = {os.path.relpath(one["path"], world.base / "work/app"): one for one in event.data["changes"] if one["path"]}
    assert set(shown) >= {"changed", "mode", "link", "gone/a/b", "made/deep/file", "becomes-file"}
    assert "same" not in shown
    assert {one["way_back"] for one in event.data["changes"]} == {"exact"}


def test_a_plan_says_that_an_owned_workdir_is_captured(world):
    before(world)
    then = world.times()
    planned = world.plan(App)
    (event,) = world.said(What.CHANGED)
    (change,) = event.data["changes"]
    assert (change["way_back"], change["reason"]) == ("exact", f"{world.base}/work/app is captured whole")
    assert planned.unknown == []
    assert world.times() == then


def test_the_images_of_what_an_update_left_alone_are_not_kept(world):
    world.file("work/app/same", "same")

    class App(Component):
        owns_workdir = True

        def verify(self):
            assert os.path.exists("made")

        def update(self):
            Path("made").write_text("x")

    world.run(App)
    assert [path.read_text() for path in world.base.glob(".depl/blobs/*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["changed", "made/deep/file"])
def test_what_somebody_wrote_since_into_what_the_update_made_is_a_conflict(world, path):
    before(world)
    world.run(App)
    (world.base / "work/app" / path).write_text("somebody else's")
    outcome = world.undo()
    assert outcome.status == "blocked"
    assert f"{world.base}/work/app/{path}" in outcome.conflicts[0]
    assert (world.base / "work/app" / path).read_text() == "somebody else's"
    assert (world.base / "work/app/gone/a/b").read_text() == "b"


def test_what_somebody_wrote_since_beside_it_is_left_alone(world):
    before(world)
    world.run(App)
    (world.base / "work/app/theirs").write_text("theirs")
    (world.base / "work/app/same").write_text("theirs, too")
    then = world.tree()
    assert world.undo().status == "reversed"
    left = {name: (world.base / "work/app" / name).read_text() for name in ("theirs", "same")}
    assert left == {"theirs": "theirs", "same": "theirs, too"}
    assert then != world.tree()


def test_a_directory_that_the_update_made_and_others_filled_is_kept_and_named(world):
    before(world)
    world.run(App)
    (world.base / "work/app/made/theirs").write_text("theirs")
    outcome = world.undo()
    assert (outcome.status, outcome.kept) == ("reversed", [f"{world.base}/work/app/made"])
    assert os.listdir(world.base / "work/app/made") == ["theirs"]


def test_what_came_after_a_failed_update_that_was_left_so_is_not_taken_for_its_work(world):
    before(world)
    assert world.run(Broken, on_failure="stop").status == "stopped"
    (world.base / "work/app/theirs").write_text("theirs")
    assert world.undo().status == "reversed"
    assert (world.base / "work/app/theirs").read_text() == "theirs"


def test_an_update_may_use_verbs_and_raw_code_in_turn_in_the_workdir_that_it_owns(world):
    class App(Component):
        owns_workdir = True

        def verify(self):
            assert os.path.exists("raw")

        def update(self):
            os.mkdir("raw")
            self.root.system.write(self.map("raw/by-verb"), b"x")
            Path("made").write_text("raw")
            self.root.system.set_mode(self.map("made"), 0o600)
            Path("old").write_text("raw")
            self.root.system.write(self.map("old"), b"by verb")
            self.root.system.remove(self.map("tree"))
            self.root.system.make_dir(self.map("by-verb"))
            self.root.system.commit()
            Path("by-verb/raw").write_text("x")

    world.file("work/app/old", "old", 0o640)
    world.file("work/app/tree/a", "a")
    then = world.tree()
    assert world.run(App).status == "succeeded"
    outcome = world.undo()
    assert (outcome.status, outcome.kept) == ("reversed", [])
    assert world.tree() == then


def test_an_owner_that_failed_and_then_went_through_is_taken_back_as_a_whole(world):
    class Grows(Component):
        owns_workdir = True
        fails = False

        def verify(self):
            assert os.path.exists("last")

        def update(self):
            os.makedirs("first", exist_ok=True)
            with open("grows", "a") as file:
                file.write("more")
            if self.fails:
                raise RuntimeError("half way")
            Path("last").touch()

    def app(fails):
        return type("App", (Component,), {"configure": lambda self: self.__iadd__(Grows(fails=fails))})

    world.file("work/app/grows", "some")
    then = world.tree()
    assert world.run(app(True), on_failure="stop").status == "stopped"
    assert world.run(app(False)).status == "succeeded"
    assert (world.base / "work/app/grows").read_text() == "somemoremore"
    assert world.undo().status == "reversed"
    assert world.tree() == then


# -- what appears -----------------------------------------------------------------------------------


class Leaves(Component):
    touches = ("touched",)
    after = ""

    def verify(self):
        assert os.path.exists("left")

    def update(self):
        Path("touched").write_text("x")
        Path("left").write_text("x")
        self.cmd("mkdir -p dir/deep && touch dir/deep/file existing/new")
        self.root.system.write(self.map("by-verb"), b"x")
        if self.after:
            raise RuntimeError(self.after)


def leaving(**attributes):
    class App(Component):
        def configure(self):
            self += File("first", content="x")
            self += Leaves(**attributes)

    return App


def left(world):
    return [str(world.base / "work/app" / name) for name in ("dir", "existing/new", "left")]


def test_what_appears_while_an_update_runs_is_named_and_not_removed(world):
    world.file("work/app/existing/file")
    assert world.run(leaving()).status == "succeeded"
    event = world.said(What.CHANGED)[-1]
    assert event.data["appeared"] == left(world)
    assert [list(one.appeared) for one in records(world, Ended) if one.appeared] == [left(world)]
    outcome = world.undo()
    assert outcome.status == "reversed"
    told = f"left: these appeared while app/Leaves was updated, and were not removed: {', '.join(left(world))}"
    assert told in outcome.unknown
    assert all(os.path.exists(path) for path in left(world))
    assert not (world.base / "work/app/touched").exists()


def test_what_appeared_while_an_update_failed_is_named_as_well(world):
    world.file("work/app/existing/file")
    outcome = world.run(leaving(after="half way"))
    assert outcome.status == "reversed"
    assert any(", ".join(left(world)) in one for one in outcome.unknown)
    assert [list(one.appeared) for one in records(world, Failed) if one.appeared] == [left(world)]


def test_what_is_gone_since_is_not_named(world):
    world.file("work/app/existing/file")
    world.run(leaving())
    shutil.rmtree(world.base / "work/app/dir")
    assert not any(f"{world.base}/work/app/dir" in one for one in world.undo().unknown)


def test_what_others_put_there_between_two_updates_is_no_work_of_the_second(world):
    class Second(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            Path("second").write_text("x")

    class App(Component):
        def configure(self):
            self += Leaves()
            self += File("between", content="x")
            self += Second()

    world.file("work/app/existing/file")
    world.run(App)
    named = {event.component: event.data.get("appeared") for event in world.said(What.CHANGED)}
    assert named["app/Second"] == [str(world.base / "work/app/second")]


def test_a_directory_with_very_many_files_is_not_looked_into(world):
    many = world.file("work/app/many/0").parent
    for number in range(1, 1005):
        (many / str(number)).touch()

    class App(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            for name in os.listdir("many")[:10]:
                os.remove(f"many/{name}")
            Path("many/new").touch()
            Path("new").touch()

    world.run(App)
    assert world.said(What.CHANGED)[-1].data["appeared"] == [str(world.base / "work/app/new")]


# -- what is too large ------------------------------------------------------------------------------


class Replaces(Component):
    path = ""

    def configure(self):
        self += File(self.path, content="new")


@pytest.fixture
def elsewhere(tmp_path):
    """A directory on another file system than the target's."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("/dev/shm is no other file system here")
    with tempfile.TemporaryDirectory(prefix="depl-test-", dir="/dev/shm") as directory:
        yield Path(directory)


def replacing(path):
    return type("App", (Replaces,), {"path": str(path)})


def images(world):
    return [path for path in world.base.glob(".depl/blobs/*") if path.stat().st_size >= 1000]


def test_a_large_file_that_can_be_linked_has_an_exact_way_back(world):
    path = world.file("work/app/large", "x" * 1000)
    then = world.tree()
    assert world.plan(replacing(path), change_limit=100).unknown == []
    assert world.run(replacing(path), change_limit=100).status == "succeeded"
    assert world.undo().status == "reversed"
    assert world.tree() == then


def test_a_large_file_that_would_have_to_be_copied_is_not_and_everybody_says_so(world, elsewhere):
    path = elsewhere / "large"
    path.write_text("x" * 1000)
    planned = world.plan(replacing(path), change_limit=100)
    assert [str(path) in one for one in planned.unknown] == [True]
    assert world.said(What.CHANGED)[-1].data["changes"][0]["reason"] == "too large"
    assert world.run(replacing(path), change_limit=100).status == "succeeded"
    change = world.said(What.CHANGED)[-1].data["changes"][0]
    assert (change["way_back"], change["reason"]) == ("unknown", "too large")
    assert images(world) == []
    outcome = world.undo()
    assert outcome.status == "reversed"
    assert outcome.unknown == [f"{path}: what was there was not kept, as it is too large"]
    assert path.read_text() == "new"


def test_a_file_of_just_the_limit_is_copied(world, elsewhere):
    path = elsewhere / "large"
    path.write_text("x" * 1000)
    assert world.plan(replacing(path), change_limit=1000).unknown == []
    world.run(replacing(path), change_limit=1000)
    assert world.undo().unknown == []
    assert path.read_text() == "x" * 1000


def test_a_large_file_is_not_replaced_where_every_step_must_have_a_way_back(world, elsewhere):
    path = elsewhere / "large"
    path.write_text("x" * 1000)
    outcome = world.run(replacing(path), change_limit=100, reversible_only=True)
    assert "too large to be kept" in outcome.error.message
    assert path.read_text() == "x" * 1000


class Touches(Component):
    touches = ("large",)

    def verify(self):
        raise UpdateNeeded

    def update(self):
        Path("large").write_text("new")
        Path("small").write_text("new")


@pytest.mark.parametrize("how", [{}, {"owns_workdir": True, "touches": ()}], ids=["touches", "owns"])
def test_raw_code_may_write_where_a_file_lies_so_a_large_one_has_no_way_back(world, how):
    class App(Component):
        def configure(self):
            self += Touches(**how)

    path = world.file("work/app/large", "x" * 1000)
    world.file("work/app/small", "old")
    world.plan(App, change_limit=100)
    change = world.said(What.CHANGED)[-1].data["changes"][0]
    assert (change["way_back"], change["reason"]) == ("unknown", f"too large: {path}")
    world.run(App, change_limit=100)
    assert images(world) == []
    outcome = world.undo()
    assert f"{path}: what was there was not kept, as it is too large" in outcome.unknown
    assert path.read_text() == "new"
    assert (world.base / "work/app/small").read_text() == ("old" if how else "new")
