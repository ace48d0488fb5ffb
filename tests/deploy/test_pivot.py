"""A failure after a step that cannot be undone, on one host: what stands, what is told, and both ways on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from depl.component import Component
from depl.deploy.history import history
from depl.deploy.target import Target
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import File


class Migration(Component):
    irreversible = "the old rows are gone"

    def verify(self):
        assert Path("migrated").exists()

    def update(self):
        Path("migrated").write_text("yes")


class Conf(Component):
    def configure(self):
        self += File("conf", content="new")


class Db(Component):
    def configure(self):
        self += File("before", content="new")
        self += Migration()
        self += File("after", content="new")


class App(Component):
    broken = True

    def configure(self):
        self += File("app", content="new")
        if self.broken:
            self += Command("exit 3", always=True)


class Mended(App):
    broken = False


Mended.__name__ = "App"


def rows(world: Any) -> list[Any]:
    return list(history(Target(str(world.base)), None, False, lambda error: None))


def test_what_was_done_after_it_is_put_back_and_what_was_done_before_it_stands(world):
    outcome = world.run(Conf, Db, App)
    assert outcome.status == "blocked"
    assert outcome.pivots == ["db/Migration: update() of db/Migration cannot be undone: the old rows are gone"]
    assert outcome.standing == ["conf: 3 changes", "db: 2 changes"]
    assert (outcome.conflicts, outcome.put_back) == ([], 3)
    names = {path for path in world.tree() if path.count(os.sep) == 2}
    assert names == {"work/conf/conf", "work/db/before", "work/db/migrated"}
    assert world.chain().unsettled
    (told,) = world.said(What.CONFLICT)
    assert told.data["reason"] == outcome.pivots[0]


def test_deploying_again_goes_on_from_there(world):
    world.run(Conf, Db, App)
    again = world.run(Conf, Db, Mended)
    assert again.status == "succeeded"
    assert not world.chain().unsettled
    assert world.run(Conf, Db, Mended).status == "nothing"


def test_an_undo_ends_there_too_and_with_keep_puts_back_all_but_the_step_itself(world):
    world.run(Conf, Db, App)
    blocked = world.undo()
    assert (blocked.status, blocked.changed, blocked.standing) == ("blocked", 0, ["conf: 3 changes", "db: 2 changes"])
    kept = world.undo(on_conflict="keep")
    assert (kept.status, kept.pivots) == ("reversed", [])
    assert any("update() of db/Migration" in one for one in kept.kept)
    assert {path for path in world.tree() if "work" in path} == {"work", "work/db", "work/db/migrated"}
    assert not world.chain().unsettled


def test_nothing_is_undone_across_it_where_a_step_after_it_could_not_be_undone_either(world):
    class Db(Component):
        def configure(self):
            self += Migration()
            self += Command("touch made", unless="test -e made", undo="exit 5")

    outcome = world.run(Conf, Db, App)
    assert (outcome.status, outcome.standing) == ("blocked", ["conf: 3 changes", "db: 1 change"])
    assert (world.base / "work/conf/conf").exists()


# -- why a rollout failed ----------------------------------------------------------------------------


def test_the_history_says_why_a_rollout_failed(world):
    world.run(Conf, App)
    (row,) = rows(world)
    assert row["outcome"] == "reversed"
    assert row["failures"] == ["app/Command(exit 3): the command `exit 3` exited with status 3"]


def test_a_task_that_fails_before_it_does_anything_is_named_too_but_a_run_that_did_nothing_leaves_no_trace(world):
    class Wrong(Component):
        def verify(self):
            raise RuntimeError("cannot look")

    world.run(Wrong)
    (world.base / "work/wrong").mkdir(parents=True)
    world.run(Wrong)
    world.run(Conf, Wrong)
    newest = rows(world)[0]
    assert newest["failures"] == ["wrong: cannot look"]
    assert len(rows(world)) == 2


def test_the_next_rollout_does_not_inherit_the_failure(world):
    world.run(Conf, Db, App)
    world.run(Conf, Db, Mended)
    newest, failed = rows(world)
    assert (newest["failures"], len(failed["failures"])) == ([], 1)
