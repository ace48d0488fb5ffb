"""What was made and is no longer declared: told, and on request removed, by changes that can be taken back."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from typing import Any

from undeclared import Venv, file, mine, receipts, root, told

from depl.component import Component
from depl.events import What
from depl.host import Host
from depl.lib.archive import Untar
from depl.lib.file import Directory, File, Symlink
from depl.lib.python import VirtualEnv
from depl.rollout.local import plan, realise


def test_what_is_no_longer_declared_is_told_and_removed_and_comes_back(world):
    world.run(root("App", file("a"), file("b", "b\n", mode=0o600)))
    before = world.tree()
    less = root("App", file("a"))
    world.run(less)
    assert told(world) == [["work/app/b"]]
    assert world.tree() == before
    outcome = world.run(less, gc=True)
    assert (outcome.status, outcome.changed) == ("succeeded", 1)
    assert not (world.base / "work/app/b").exists()
    world.events.clear()
    world.run(less)
    assert told(world) == []
    after = world.tree()
    undo = world.undo()
    assert world.tree() == before
    world.run(less)
    assert told(world) == [["work/app/b"]]
    world.undo(rollout=undo.rollout)
    assert world.tree() == after


def test_what_is_no_longer_declared_is_listed_by_a_plan_and_removed_only_by_one_that_removes(world):
    world.run(root("App", file("a"), file("b")))
    less = root("App", file("a"))
    before = world.times()
    planned = world.plan(less)
    assert (planned.changes, told(world)) == (0, [["work/app/b"]])
    planned = world.plan(less, gc=True)
    (event,) = world.said(What.CHANGED)
    assert (planned.changes, event.component) == (1, "app/File(b)")
    (change,) = event.data["changes"]
    assert (change["verb"], change["path"], change["way_back"]) == ("remove", f"{world.base}/work/app/b", "exact")
    assert world.times() == before


def test_nothing_is_told_where_all_is_declared_or_some_components_were_selected(world):
    app, other = root("App", file("a"), file("b")), root("Other", file("c"))
    world.run(app, other)
    world.run(app, other)
    world.plan(app, other)
    assert told(world) == []
    less = root("App", file("a"))
    world.run(less, other, components=("app",))
    world.plan(less, other, components=("other",))
    assert told(world) == []
    assert "b" in json.dumps(receipts(world))


def test_a_no_op_with_nothing_to_tell_or_something_writes_nothing(world):
    world.run(root("App", file("a"), file("sub/b", leading=True)))
    less = root("App", file("a"))
    world.run(less)
    before = world.times()
    assert world.run(less).status == "nothing"
    assert world.times() == before


def test_a_root_that_went_away_altogether_goes_with_files_links_directories_and_trees(world):
    app = root(
        "App", file("sub/dir/f", leading=True), lambda: Symlink("link", source="sub"), lambda: Directory("d"), Venv
    )
    world.run(root("Stays", file("s")))
    before = world.tree()
    world.run(root("Stays", file("s")), app)
    target = world.tree()
    outcome = world.run(root("Stays", file("s")), gc=True)
    assert outcome.status == "succeeded"
    assert world.tree() == before
    assert mine(world).keys() == {"stays"}
    world.undo()
    assert world.tree() == target
    assert "app" in mine(world)


def test_an_archive_and_a_virtual_environment_go_as_they_are_and_come_back(world):
    with tarfile.open(world.base / "components/app.tar", "w") as archive:
        archive.add(__file__, "some/code.py")
    unpacked = lambda: Untar(str(world.base / "components/app.tar"), target="code")  # noqa: E731
    venv = lambda: VirtualEnv("3", executable=sys.executable, installer="pip")  # noqa: E731
    (world.base / "work").mkdir()
    world.run(root("Stays"))
    before = world.tree()
    world.run(root("Stays"), root("App", unpacked, venv))
    target = world.tree()
    world.file("work/app/code/some/code.pyc", "written by what runs there")
    target_with_more = world.tree()
    assert len(target_with_more) == len(target) + 1
    world.run(root("Stays"), gc=True)
    assert world.tree() == before
    world.undo()
    assert world.tree() == target_with_more


def test_the_last_root_of_a_host_may_go(world):
    before = world.tree()
    world.run(root("App", file("a")))
    world.run()
    assert told(world) == [["work", "work/app", "work/app/a"]]
    world.run(gc=True)
    assert world.tree() == before


def test_a_renamed_component_is_recognised_by_its_path(world):
    x = file(f"{world.base}/x")
    world.run(root("App", x, file("b")))
    world.run(root("App", root("Within", x, file("b"))), gc=True)
    assert told(world) == []
    assert (world.base / "x").exists()
    assert mine(world)["app"]["owned"][f"{world.base}/x"]["component"] == f"app/Within/File({world.base}/x)"
    world.run(root("Other", x))
    assert told(world) == [["work/app", "work/app/b"]]


class Own(Component):
    """A user's class: it looks by the verbs, and claims nothing."""

    def verify(self):
        assert self.system.holds(f"{self.environment.base_dir}/own", b"1")

    def update(self):
        self.system.write(f"{self.environment.base_dir}/own", b"1")


def test_a_renamed_class_of_a_user_is_recognised_by_what_it_looks_at(world):
    world.run(root("App", Own))
    renamed = type("Renamed", (Own,), {})
    world.run(root("App", renamed), gc=True)
    assert told(world) == []
    assert (world.base / "own").exists()
    world.run(root("App"))
    assert told(world) == [["own"]]


class Touching(Component):
    """Writes by itself, and looks by itself."""

    touches = ("touched",)

    def verify(self):
        with open("touched"):
            pass

    def update(self):
        with open("touched", "w") as opened:
            opened.write("x")
        self.touch("product")


def test_what_raw_code_touched_or_produced_is_known_and_recognised(world):
    class First(Touching):
        def verify(self):
            self.assert_file_is_current("product")

    world.run(root("App", First))
    world.run(root("App", type("Renamed", (First,), {})))
    assert told(world) == []
    world.run(root("App"))
    assert told(world) == [["work/app/product", "work/app/touched"]]
    world.run(root("App"), gc=True)
    assert list((world.base / "work/app").iterdir()) == []


def test_a_file_whose_path_was_changed_leaves_the_old_one(world):
    class Moving(Component):
        path = "old"

        def configure(self):
            self += File("sub/name", content="x", leading=True)
            self._.path = self.map(self.path)

    world.run(Moving)
    world.run(type("Moving", (Moving,), {"path": "new"}))
    assert told(world) == [["work/moving/old"]]


def test_a_file_that_left_a_source_is_told_and_a_source_that_lies_elsewhere_is_known(world):
    near, far = world.base / "components/near", world.base.parent / "far"
    for source in (near, far):
        (source / "sub").mkdir(parents=True)
        (source / "sub/f").write_text("f")
    parts = (lambda: Directory("near", source=str(near)), lambda: Directory("far", source=str(far)))
    world.run(root("App", *parts))
    world.run(root("App", *parts), gc=True)
    assert told(world) == []
    (near / "sub/f").unlink()
    world.run(root("App", *parts))
    assert told(world) == [["work/app/near/sub/f"]]


def test_an_ignored_root_is_declared(world):
    world.run(root("App", file("a"), file("b")))
    model = world.model(root("App", file("a")))
    model.roots[0].ignore = True
    realise(model, "localhost", world.options(gc=True), world.take)
    assert told(world) == []
    assert (world.base / "work/app/b").exists()


def test_what_another_host_has_in_the_same_directory_is_declared(world):
    app, other = root("App", file("a")), root("Other", file("o"))
    world.run(app, other)
    model = world.model(app, other)
    model.roots[1].host = Host("elsewhere")
    plan(model, "localhost", world.options(gc=True), world.take)
    realise(model, "localhost", world.options(gc=True), world.take)
    assert told(world) == []
    assert (world.base / "work/other/o").exists()


def test_two_roots_share_a_directory(world):
    shared = lambda: File(f"{world.base}/shared", ensure="directory")  # noqa: E731
    first, second = (root(name, shared, file(f"{world.base}/shared/{name}")) for name in ("First", "Second"))
    world.run(first, second)
    world.run(second, gc=True)
    assert os.listdir(world.base / "shared") == ["Second"]
    world.run(gc=True)
    assert not (world.base / "shared").exists()


def test_what_was_there_before_depl_is_never_touched(world):
    world.file("work/app/mine", "mine\n")
    world.file("work/app/tree/of/mine", "mine\n")
    world.file("work/app/mode", "mine\n", 0o600)
    world.run(
        root(
            "App",
            file("mine", "theirs\n"),
            file("tree", "a file now\n", replace=True),
            file("mode", "mine\n", mode=0o644),
        )
    )
    before = world.tree()
    world.run(gc=True)
    assert told(world) == []
    assert world.tree() == before


def test_a_changed_file_and_a_filled_directory_are_kept_and_named(world):
    world.run(root("App", file("changed"), file("d/f", leading=True), Venv))
    world.file("work/app/changed", "by hand\n")
    world.file("work/app/d/theirs", "by hand\n")
    world.file("work/app/tree/lib/more", "goes along\n")
    outcome = world.run(root("App"), gc=True)
    assert outcome.status == "succeeded"
    kept = {
        event.data["path"].removeprefix(f"{world.base}/work/app/"): event.data["reason"]
        for event in world.said(What.KEPT)
    }
    assert kept == {
        "changed": "it was changed since depl made it",
        "d": "others have put something into it",
    }
    assert sorted(path.name for path in (world.base / "work/app").iterdir()) == ["changed", "d"]
    world.events.clear()
    world.run(root("App"))
    assert told(world) == [["work/app/changed", "work/app/d"]]
    world.undo()
    assert (world.base / "work/app/tree/lib/more").read_text() == "goes along\n"


def test_paths_of_another_environment_or_project_stay(world):
    shared = f"{world.base}/shared/f"
    world.run(root("App", file(shared, leading=True), file("a")))
    path = world.base / ".depl/receipts.json"
    content = receipts(world)
    ((name, environments),) = content["projects"].items()
    owned = {f"{world.base}/shared/f": environments["test"]["app"]["owned"][f"{world.base}/shared/f"]}
    for other in ({"other": {"test": {"app": {"owned": owned}}}}, {name: {"prod": {"app": {"owned": owned}}}}):
        content["projects"] = {**other, name: {**environments, **other.get(name, {})}}
        path.write_text(json.dumps(content))
        world.run(root("App", file("a")), gc=True)
        assert told(world) == []
        assert (world.base / "shared/f").exists()
        path.write_text(json.dumps({"schema": 2, "projects": {name: environments}}))
    world.run(root("App", file("a")))
    assert told(world) == [["shared", "shared/f"]]


def test_what_fails_while_it_is_removed_is_taken_back_with_all_else(world):
    class Told(Component):
        """Reacts to what goes from its parent, by failing."""

        def configure(self):
            self.reacts_to = (self.parent,)

        def update(self):
            if self.parent.fails:
                raise RuntimeError("on purpose")

    def app(fails: bool, *parts: Any) -> type[Component]:
        made = root("App", *parts, Told)
        made.fails = fails
        return made

    world.run(app(False, file("a"), file("b")))
    before = world.tree()
    written = receipts(world)
    outcome = world.run(app(True, file("a")), root("New", file("n")), gc=True)
    assert (outcome.status, outcome.error.component) == ("reversed", "app/Told")
    assert world.tree() == before
    assert receipts(world) == written


def test_a_reaction_that_asks_about_an_ancestor_runs_after_the_removal(world):
    class Asks(Component):
        def verify(self):
            self.parent.assert_no_changes()

        def update(self):
            with open(f"{self.environment.base_dir}/log", "a") as log:
                log.write(f"{os.path.exists('b')} ")

    world.run(root("App", file("a"), file("b"), Asks))
    less = root("App", file("a"), Asks)
    world.plan(less, gc=True)
    assert world.changed[-2:] == ["app/File(b)", "app/Asks"]
    world.run(less, gc=True)
    assert (world.base / "log").read_text() == "True False "
    assert world.run(less).status == "nothing"
    world.undo()
    assert (world.base / "log").read_text() == "True False "


def test_receipts_of_an_earlier_depl_are_read_and_go_over_to_the_first_project(world):
    world.run(root("App", file("a")))
    path = world.base / ".depl/receipts.json"
    other = {"x": {"components": []}}
    path.write_text(json.dumps({"test": {"app": {"components": ["app", "app/File(a)"]}}, "b": other}))
    before = world.times()
    world.run(root("App", file("a")))
    assert world.times() == before
    world.run(root("App", file("a"), file("b")))
    content = receipts(world)["projects"]
    assert content[""] == {"b": other}
    assert set(content[world.base.name]["test"]["app"]["owned"]) == {f"{world.base}/work/app/b"}


def test_receipts_of_a_newer_depl_are_left_alone(world):
    world.run(root("App", file("a")))
    path = world.base / ".depl/receipts.json"
    path.write_text('{"schema": 3, "holdings": []}')
    world.run(root("App"), gc=True)
    assert told(world) == []
    assert path.read_text() == '{"schema": 3, "holdings": []}'


def test_receipts_hold_no_contents(world):
    world.run(root("App", file("a", "a-secret-that-is-long\n"), Venv))
    text = (world.base / ".depl/receipts.json").read_text()
    assert "a-secret" not in text
    assert (world.base / ".depl/receipts.json").stat().st_mode & 0o777 == 0o600


def test_who_is_killed_while_removing_is_recovered_in_both_directions(world):
    parts = (file("a"), file("b", "b\n", mode=0o600), lambda: Symlink("l", source="a"), Venv)
    world.run(root("App", *parts))
    before, less = world.tree(), root("App", file("a"))
    world.save()
    world.run(less, gc=True)
    target = world.tree()
    world.load()
    steps = world.steps(lambda: world.run(less, gc=True))
    world.load()
    chosen = range(1, steps + 1, 5)
    for at in chosen:
        for finish in (lambda: world.run(less), None):
            world.killed(lambda: world.run(less, gc=True), at)
            if finish is not None:
                finish()
                world.run(less, gc=True)
                assert world.tree() == target, at
                world.events.clear()
                world.run(less)
                assert told(world) == [], at
            else:
                chain = world.chain()
                if chain is not None and chain.unsettled:
                    world.undo()
                assert world.tree() in (before, target), at
            world.load()


def test_a_rename_that_changes_nothing_does_not_stand_in_the_way_of_an_undo(world):
    before = world.tree()
    world.run(root("App", file("a")))
    assert world.run(root("App", root("Within", file("a")))).status == "nothing"
    assert world.undo().status == "reversed"
    assert world.tree() == before
