"""One rollout on one host as a piece: its root components taken back one by one, in whatever order it is wanted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from depl.component import Component
from depl.deploy.begin import begin, new_id
from depl.deploy.chains import chains, open_chain
from depl.deploy.stop import Stop
from depl.deploy.target import Target
from depl.deploy.work import Work
from depl.errors import ChangeFailed, NothingToUndo
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File, Symlink

BASE = "{{environment.base_dir}}"
NEW, OLD = ".depl/projects/new", ".depl/projects/old"


def root(name: str, text: str = "1", log: str = f"{BASE}/log", **more: Any) -> type[Component]:
    """A root component with a file, a link, a command that can be undone, and a reaction to the file."""

    class Root(Component):
        def configure(self) -> None:
            self.conf = File("conf", content=f"{text}\n")
            self += self.conf
            self += File("sub/dir/x", content="x", leading=True)
            self += Symlink("link", source="conf")
            self += Command(
                "mkdir made",
                creates=(),
                unless="test -d made",
                undo=f"test ! -d made || rmdir made; echo {name} >> {log}",
            )
            self += Command(f"cat conf >> {BASE}/{name}.told", reacts_to=[self.conf])
            if more.get("irreversible"):
                self += Irreversible()
            if more.get("fails"):
                self += Command("exit 1", unless="false")

    return type(name, (Root,), {})


class Irreversible(Component):
    irreversible = "it is gone"

    def verify(self) -> None:
        assert os.path.exists("gone")

    def update(self) -> None:
        self.cmd(
            "touch gone",
        )


class One:
    """A run on a target, as an agent does it."""

    def __init__(self, world: Any, *classes: type[Component], rollout: str = "r1", **more: Any) -> None:
        self.world, self.model = world, world.model(*classes)
        self.roots = {one.name: one for one in self.model.roots}
        target = Target(str(world.base))
        self.lock = target.lock(0.0, lambda: False, world.take)
        head = begin(rollout, "test", "localhost", "tester", undoes=more.pop("undoes", None), project="key")
        self.work = Work(target, self.lock, head, world.take, Stop(), durability="journal", **more)

    def deploy(self, *names: str) -> Any:
        """Deploy some root components; what became of the last."""
        result = None
        for order, name in enumerate(names, 1):
            result = self.work.deploy(self.roots[name], order)
        return result

    def succeed(self) -> None:
        """Deploy all, and settle it."""
        assert not self.deploy(*self.roots).errors
        assert self.work.finish(self.model.environment) == []
        self.work.settle(list(self.roots), True)
        self.close()

    def close(self) -> None:
        self.work.close()
        self.lock.close()


def back(one: One, *names: str) -> None:
    for name in names:
        undone = one.work.reverse([name])
        assert undone.whole, undone


def settled_back(one: One) -> None:
    undone = one.work.reverse([])
    undone.failed += one.work.repeat(None)
    one.work.settle_back(undone)
    assert undone.whole, undone
    one.close()


def lines(world: Any, name: str) -> list[str]:
    path = world.base / name
    return path.read_text().split() if path.exists() else []


def in_child(act: Callable[[], Any]) -> None:
    """Do something in a process that is killed after it."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)


# -- back, task by task -----------------------------------------------------------------------------


def test_only_the_changes_of_the_named_tasks_are_taken_back(world):
    one = One(world, root("a1"))
    one.deploy("a1")
    between = world.tree()
    one.close()
    one = One(world, root("a1"), root("a2"))
    one.deploy("a1", "a2")
    os.remove(world.base / "a2.told")  # reactions of what was not there before are not taken back
    back(one, "a2")
    os.remove(world.base / "log")
    assert world.tree() == between
    back(one, "a1")
    for left in ("a1.told", "log"):
        os.remove(world.base / left)
    assert sorted(os.listdir(world.base)) == [".depl", "components"]
    settled_back(one)
    assert (world.chain().outcome, world.chain().unsettled) == ("reversed", False)


def test_task_by_task_it_ends_as_all_at_once(world):
    world.file("work/a1/conf", "mine", 0o600)
    os.symlink("elsewhere", world.base / "work/a1/link")
    for name in ("log", "a1.told", "a2.told"):
        world.file(name)
    before = world.tree()
    one = One(world, root("a1"), root("a2"))
    one.deploy("a1", "a2")
    assert one.work.finish(one.model.environment) == []
    back(one, "a2", "a1")
    settled_back(one)
    assert lines(world, "log") == ["a2", "a1"]
    for name in ("log", "a1.told", "a2.told"):
        (world.base / name).write_text("")
    assert world.tree() == before
    assert not (world.base / ".depl/receipts.json").exists()


def test_reactions_run_once_more_and_only_after_all_restores(world):
    One(world, root("a1"), root("a2")).succeed()
    one = One(world, root("a1", "2"), root("a2", "2"), rollout="r2")
    one.deploy("a1", "a2")
    back(one, "a2", "a1")
    assert lines(world, "a1.told") == lines(world, "a2.told") == ["1", "2"]
    assert one.work.owed() == ["a1", "a2"]
    assert one.work.repeat(["a1"]) == []
    assert (lines(world, "a1.told"), lines(world, "a2.told")) == (["1", "2", "1"], ["1", "2"])
    assert one.work.owed() == ["a2"]
    settled_back(one)
    assert lines(world, "a1.told") == lines(world, "a2.told") == ["1", "2", "1"]
    assert world.run(root("a1"), root("a2")).status == "nothing"


def test_hosts_are_taken_back_in_any_order_between_them(world, tmp_path):
    there = type(world)(tmp_path / "other")
    log = str(tmp_path / "log")
    before = world.tree(), there.tree()
    here, other = One(world, root("a1", log=log), root("a2", log=log)), One(there, root("b1", log=log))
    here.deploy("a1")
    other.deploy("b1")
    here.deploy("a2")
    back(here, "a2")
    back(other, "b1")
    back(here, "a1")
    settled_back(here)
    settled_back(other)
    assert (tmp_path / "log").read_text().split() == ["a2", "b1", "a1"]
    for told in (world.base / "a1.told", world.base / "a2.told", there.base / "b1.told"):
        told.unlink()
    assert (world.tree(), there.tree()) == before


@pytest.mark.parametrize("rollout", ["r1", "another"])
def test_who_comes_after_a_crash_goes_on_with_the_tasks_that_are_left(world, rollout):
    before = world.tree()

    def half_way() -> None:
        one = One(world, root("a1"), root("a2"))
        one.deploy("a1", "a2")
        back(one, "a2")

    in_child(half_way)
    one = One(world, root("a1"), root("a2"), rollout=rollout)
    assert bool(one.work.warnings) == (rollout == "another")
    back(one, "a2", "a1")
    settled_back(one)
    assert lines(world, "log") == ["a2", "a1"]
    for left in ("a1.told", "a2.told", "log"):
        os.remove(world.base / left)
    assert world.tree() == before


@pytest.mark.parametrize("nth", [0, 1, 2, pytest.param(None, marks=pytest.mark.long)])
def test_every_step_of_the_way_back_may_be_the_last(fast_world, nth):
    world = fast_world
    link = world.base / "project"
    first = One(world, root("a1"), root("a2"))
    first.work.switch_project(str(link), OLD)
    first.succeed()
    before = without_told(world)
    one = One(world, root("a1", "2"), root("a2", "2"), rollout="r2")
    one.work.switch_project(str(link), NEW)
    one.deploy("a1", "a2")
    one.close()
    world.save()

    def go_back() -> None:
        one = One(world, root("a1", "2"), root("a2", "2"), rollout="r2")
        back(one, "a2", "a1")
        settled_back(one)

    for at in range(1 + (nth or 0), world.steps(go_back) + 1, 1 if nth is None else 3):
        world.load()
        world.killed(go_back, at)
        if world.chain().unsettled:
            go_back()
        assert without_told(world) == before, f"killed at {at}"
        assert lines(world, "a1.told")[-1] == lines(world, "a2.told")[-1] == "1"
        assert (world.chain().outcome, world.chain().unsettled) == ("reversed", False)


def without_told(world: Any) -> Any:
    """The tree but for what commands wrote down."""
    return {path: seen for path, seen in world.tree().items() if not path.endswith((".told", "log"))}


def test_what_belongs_to_no_named_task_is_taken_back_before_the_last_word(world):
    in_child(lambda: One(world, root("a1")).deploy("a1"))
    one = One(world, root("a2"), rollout="r2")
    one.deploy("a2")
    back(one, "a2")
    settled_back(one)
    assert not (world.base / "work").exists()


def test_a_task_that_is_not_wholly_taken_back_leaves_the_rollout_unsettled(world):
    one = One(world, root("a1"), root("a2"))
    one.deploy("a1", "a2")
    world.file("work/a2/conf", "theirs")
    undone = one.work.reverse(["a2"])
    assert len(undone.conflicts) == 1
    undone.add(one.work.reverse(["a1"]))
    one.work.settle_back(undone)
    assert world.chain().unsettled
    assert sorted(os.listdir(world.base / "work")) == ["a2"]
    undone = one.work.reverse(["a2"], "force")
    one.work.settle_back(undone)
    assert undone.whole and not world.chain().unsettled
    one.close()
    assert not (world.base / "work").exists()


def test_nothing_is_undone_across_what_cannot_be_undone_even_of_another_task(world):
    one = One(world, root("a1"), root("a2", irreversible=True))
    one.deploy("a1", "a2")
    undone = one.work.reverse(["a1"])
    assert "cannot be undone: it is gone" in undone.pivots[0]
    assert not undone.whole and undone.standing[0].startswith("a1: ")
    assert (world.base / "work/a1/conf").exists()
    one.close()


def test_what_a_failed_task_had_staged_is_forgotten(world):
    before = world.tree()
    one = One(world, root("a1", fails=True))
    result = one.deploy("a1")
    assert result.errors and result.began
    back(one, "a1")
    settled_back(one)
    for left in ("a1.told", "log"):
        os.remove(world.base / left)
    assert world.tree() == before


def test_a_task_says_whether_something_of_it_may_be_in_the_journal(world):
    One(world, root("a1"), root("a2")).succeed()
    one = One(world, root("a1"), root("a2", "2"), rollout="r2")
    assert not one.deploy("a1").began
    assert one.deploy("a2").began
    one.close()
    one = One(world, root("a1"), root("a2", "2"), rollout="r2")
    assert (one.deploy("a2").began, one.work.warnings) == (True, [])
    one.close()


def test_root_components_that_went_through_before_a_cut_get_their_receipts(world):
    in_child(lambda: One(world, root("a1"), root("a2")).deploy("a1"))
    one = One(world, root("a1"), root("a2"))
    one.work.done.append(one.roots["a1"])
    one.deploy("a2")
    assert one.work.finish(one.model.environment) == []
    one.work.settle(["a1", "a2"], True)
    one.close()
    known = Target(str(world.base)).receipts().known()
    assert {"a1", "a2"} <= known


# -- the link to the project ------------------------------------------------------------------------


@pytest.fixture
def link(world) -> str:
    os.symlink(OLD, world.base / "project")
    return str(world.base / "project")


def test_the_project_is_switched_at_once(world, link):
    one = One(world, root("a1"))
    one.work.switch_project(link, NEW)
    assert os.readlink(link) == NEW
    one.close()


def test_a_run_that_changes_nothing_else_keeps_it_and_leaves_no_journal(world, link):
    One(world, root("a1")).succeed()
    count = len(Target(str(world.base)).journals.paths())
    one = One(world, root("a1"), rollout="r2")
    one.work.switch_project(link, NEW)
    one.succeed()
    assert os.readlink(link) == NEW
    assert len(Target(str(world.base)).journals.paths()) == count


def test_an_undo_switches_back_last_of_all(world, link):
    one = One(world, root("a1", "1", f"{BASE}/`basename $(readlink {BASE}/project)`"))
    one.work.switch_project(link, NEW)
    one.succeed()
    assert world.undo().status == "reversed"
    assert lines(world, "new") == ["a1"]
    assert os.readlink(link) == OLD
    assert link not in [event.data["change"]["path"] for event in world.said(What.REVERSED)]


def test_after_a_first_deployment_an_undo_leaves_no_link(world):
    one = One(world, root("a1"))
    one.work.switch_project(str(world.base / "project"), NEW)
    one.succeed()
    world.undo()
    assert not os.path.lexists(world.base / "project")


def test_a_rollback_switches_back(world, link):
    one = One(world, root("a1", fails=True))
    one.work.switch_project(link, NEW)
    one.deploy("a1")
    back(one, "a1")
    assert os.readlink(link) == NEW
    settled_back(one)
    assert os.readlink(link) == OLD


@pytest.mark.parametrize("before", [OLD, None])
def test_a_run_that_failed_before_anything_was_recorded_switches_back(world, before):
    link = str(world.base / "project")
    if before:
        os.symlink(before, link)
    one = One(world, root("a1"))
    one.work.switch_project(link, NEW)
    one.close()
    assert (os.readlink(link) if before else os.path.lexists(link)) == (before or False)
    assert world.chain() is None


def test_it_stays_while_something_is_not_taken_back(world, link):
    one = One(world, root("a1"))
    one.work.switch_project(link, NEW)
    one.deploy("a1")
    world.file("work/a1/conf", "theirs")
    one.work.settle_back(one.work.reverse(None))
    one.close()
    assert os.readlink(link) == NEW
    assert world.undo(on_conflict="force").status == "reversed"
    assert os.readlink(link) == OLD


def test_who_goes_on_with_another_project_and_changes_nothing_takes_both_back(world, link):
    def half_way() -> None:
        one = One(world, root("a1"))
        one.work.switch_project(link, "between")
        one.deploy("a1")

    in_child(half_way)
    one = One(world, root("a1"), rollout="r2")
    one.work.switch_project(link, NEW)
    one.work.settle_back(one.work.reverse([]))
    one.close()
    assert os.readlink(link) == OLD
    assert not world.chain().unsettled


def test_who_is_killed_between_the_switch_and_the_first_record_is_in_nobodys_way(world, link):
    in_child(lambda: One(world, root("a1")).work.switch_project(link, NEW))
    One(world, root("a1")).close()
    assert os.readlink(link) == NEW  # by which nothing was deployed yet; the next run switches as always
    one = One(world, root("a1"))
    one.work.switch_project(link, "newer")
    one.succeed()
    assert os.readlink(link) == "newer"


def test_every_step_of_a_switch_may_be_the_last(fast_world):
    world, link = fast_world, str(fast_world.base / "project")
    os.symlink(OLD, link)
    before = world.tree()
    world.save()

    def switch() -> None:
        one = One(world, root("a1"))
        one.work.switch_project(link, NEW)
        one.deploy("a1")

    for at in range(1, world.steps(switch) + 1):
        world.load()
        world.killed(switch, at)
        recorded = world.chain() is not None and any(did.component == ".project" for did in world.chain().standing)
        one = One(world, root("a1"), rollout="r2")
        settled_back(one)
        for left in ("a1.told", "log"):
            (world.base / left).unlink(missing_ok=True)
        assert os.readlink(link) == OLD or not recorded
        os.remove(link)
        os.symlink(OLD, link)
        assert world.tree() == before, f"killed at {at}"


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_something_else_in_its_place_is_named_and_left(world, kind):
    path = world.base / "project"
    path.mkdir() if kind == "directory" else path.write_text("mine")
    one = One(world, root("a1"))
    with pytest.raises(ChangeFailed, match=r"is in the way: a (file|directory)") as caught:
        one.work.switch_project(str(path), NEW)
    assert caught.value.path == str(path)
    one.close()
    assert not path.is_symlink()


# -- what could be undone ---------------------------------------------------------------------------


def test_chains_tell_what_was_done_in_which_order(world):
    One(world, root("a1"), root("a2")).succeed()
    one = One(world, root("a1", "2"), root("a2", "2"), rollout="r2")
    one.work.deploy(one.roots["a2"], 3, ["b1@there"])
    one.work.deploy(one.roots["a1"], 4, ["a2@localhost"])
    one.close()
    newest, oldest = chains(Target(str(world.base)))
    assert newest["tasks"] == [
        {"root": "a2", "order": 3, "after": ["b1@there"]},
        {"root": "a1", "order": 4, "after": ["a2@localhost"]},
    ]
    assert (newest["rollouts"], newest["unsettled"], newest["stands"]) == (["r2"], True, True)
    assert (newest["environments"], newest["host"], newest["who"]) == (["test"], "localhost", "tester")
    assert (oldest["rollouts"], oldest["unsettled"], oldest["outcome"]) == (["r1"], False, "succeeded")
    assert newest["at"] >= oldest["at"] > "2000"


def test_a_chain_is_opened_by_the_name_of_its_rollout_and_taken_back_by_another_one(world):
    One(world, root("a1")).succeed()
    world.save()
    before = world.tree()
    One(world, root("a1", "2"), rollout="r2").succeed()
    target = Target(str(world.base))
    path, state = open_chain(target, "test", "r2")
    assert state.rollouts == ("r2",)
    one = One(world, rollout="u1", undoes="r2", journal_path=path)
    back(one, "a1")
    settled_back(one)
    os.remove(world.base / "a1.told")
    world.file("a1.told", "1\n")
    (world.base / "log").unlink(missing_ok=True)
    assert world.tree() == before
    with pytest.raises(NothingToUndo, match="taken back already"):
        open_chain(target, "test", "r2")
    assert open_chain(target, "test", "u1")[1].undone == ("u1",)
    assert open_chain(target, "test")[1].rollouts == ("r1",)


def test_names_of_rollouts_sort_by_time_within_a_second_too():
    names = []
    for _ in range(200):
        names.append(new_id())
        time.sleep(0.002)
    assert names == sorted(names)
    assert len(names[0]) == len("20260102-030405-ab12")
