"""What the journals of a host tell: who changed what, in which rollout, and what became of it."""

from __future__ import annotations

import os

import pytest

from depl.agent.telling import ROWS, pages
from depl.change.changes import Move, Put
from depl.change.nodes import Absent, Directory, File
from depl.change.records import Begin, Did, Failed, Settled
from depl.component import Component
from depl.deploy.history import history, story_of
from depl.deploy.target import Target
from depl.errors import UpdateNeeded
from depl.lib.file import File as FileBlock


class App(Component):
    content = "first"

    def configure(self):
        self += FileBlock("etc", ensure="directory")
        self += FileBlock("etc/app.conf", content=self.content)


class Fails(Component):
    def configure(self):
        self += FileBlock("made.txt", content="soon gone")
        self += Never()


class Never(Component):
    def verify(self):
        raise UpdateNeeded

    def update(self):
        raise RuntimeError("on purpose")


@pytest.fixture
def told(world):
    """The rows of the target directory: rollouts, and with `changes` what they changed."""

    def told(path=None, *, changes=False, unread=None):
        return list(history(Target(str(world.base)), path, changes, (unread if unread is not None else []).append))

    return told


def changes_of(rows):
    return [(row["change"]["verb"], os.path.basename(row["change"]["path"])) for row in rows if "change" in row]


def test_where_nothing_was_done_nothing_is_told(told):
    assert told() == []


def test_rollouts_are_told_newest_first_with_who_and_how_much(world, told):
    world.run(App)
    world.file("work/app/etc/app.conf", "of somebody else")
    world.run(App)
    newest, oldest = told()
    assert newest["rollout"] != oldest["rollout"]
    assert (newest["who"], newest["environment"], newest["host"]) == ("tester", "test", "localhost")
    assert (newest["count"], newest["outcome"], newest["undone_by"]) == (1, "succeeded", "")
    assert oldest["count"] > 1


def test_changes_say_what_was_there_and_what_is_but_nothing_about_contents(world, told):
    world.run(App)
    conf = next(row for row in told(changes=True) if row.get("change", {}).get("path", "").endswith("app.conf"))
    assert conf["component"] == "app/File(etc/app.conf)"
    assert (conf["change"]["before"], conf["change"]["verb"]) == ("nothing", "write")
    assert conf["change"]["after"].startswith("a file (0644")
    assert "digest" not in str(conf)


def test_a_path_has_its_own_changes_and_a_directory_those_below_it(world, told):
    world.run(App)
    assert changes_of(told("work/app/etc/app.conf", changes=True)) == [("write", "app.conf")]
    assert changes_of(told(str(world.base / "work/app/etc"), changes=True)) == [("write", "app.conf"), ("make", "etc")]
    assert told("work/app/etc/app.con", changes=True) == []


def test_a_directory_may_be_named_through_a_link(world, told, tmp_path):
    world.run(App)
    (tmp_path / "link").symlink_to(world.base)
    assert len(told(str(tmp_path / "link" / "work/app/etc/app.conf"))) == 1


def test_an_undo_is_told_and_marks_what_it_took_back(world, told):
    world.run(App)
    undone = world.undo()
    undo, done = told()
    assert (undo["rollout"], undo["undoes"]) == (undone.rollout, done["rollout"])
    assert (done["undone"], done["undone_by"]) == ("all", undone.rollout)
    rows = [row for row in told("work/app/etc/app.conf", changes=True) if "change" in row]
    assert [(row["change"]["verb"], row["takes_back"]) for row in rows] == [("remove", True), ("write", False)]
    assert rows[1]["undone_by"] == undone.rollout


def test_an_undo_of_an_older_rollout_comes_before_what_was_done_before_it(world, told):
    world.run(App)
    first = told()[0]["rollout"]
    world.run(App, Fails)
    assert [row["outcome"] for row in told()] == ["reversed", "succeeded"]
    undone = world.undo(rollout=first)
    assert [row["undoes"] for row in told()] == [first, None, None]
    assert told()[0]["rollout"] == undone.rollout


def test_a_failed_rollout_was_put_back_by_itself(world, told):
    world.run(Fails)
    (row,) = told()
    assert (row["outcome"], row["undone_by"]) == ("reversed", row["rollout"])


def test_a_rollout_without_its_last_word_is_unsettled(world, told):
    world.run(Fails, on_failure="stop")
    assert told()[0]["outcome"] == "unsettled"


def test_a_journal_that_cannot_be_read_is_named_and_the_others_are_told(world, told):
    world.run(App)
    world.undo()
    world.run(App)
    oldest = Target(str(world.base)).journals.paths()[0]
    with open(oldest, "r+b") as file:
        file.write(b"00000000")
    unread = []
    assert len(told(unread=unread)) == 1
    assert [error.file for error in unread] == [oldest]


BEGIN = Begin(1, "one", "test", "localhost", "app", 1, "tester", "", "", "2026-01-02T03:04:05Z")
FILE, OTHER = File("aa", 0o644, 0, 0), File("bb", 0o644, 0, 0)


def test_a_tree_that_was_moved_is_told_for_what_lies_in_it(world):
    records = [BEGIN, Did(2, "app", Move("/srv/new", "/srv/app")), Settled(3, "one", True)]
    write(world, records)
    target = Target(str(world.base))
    for path, count in {"/srv/app/lib/x": 1, "/srv/new": 1, "/srv": 1, "/srv/apps": 0}.items():
        assert len(changes_of(history(target, path, True, print))) == count, path


def test_a_change_that_was_not_made_is_marked(world, told):
    write(world, [BEGIN, Did(2, "app", Put("/x", Absent(), FILE)), Failed(3, (2,)), Settled(4, "one", False)])
    head, entry = told(changes=True)
    assert (head["count"], entry["failed"]) == (0, True)


def test_what_was_undone_and_done_again_stands():
    there, back = Put("/x", FILE, OTHER), Put("/x", OTHER, FILE)
    story = story_of([BEGIN, Did(2, "app", there), Did(3, "app", back, 2), Did(4, "app", there, 3)])
    assert set(story.undone_by) == {3}


def test_what_an_undo_left_as_it_was_is_not_undone():
    story = story_of([BEGIN, Did(2, "app", Put("/x", FILE, OTHER)), Did(3, "app", Put("/x", OTHER, OTHER), 2)])
    assert story.undone_by == {}


def test_the_end_of_what_raw_code_wrote_may_not_be_known(world, told):
    write(world, [BEGIN, Did(2, "app", Put("/x", Absent(), None))])
    assert told(changes=True)[1]["change"]["after"] == "something that was not noted"


def test_what_raw_code_might_have_changed_and_left_alone_is_no_change(world, told):
    write(world, [BEGIN, Did(2, "app", Put("/x", FILE, None)), Failed(3, [2]), Settled(4, "one", True)])
    assert [row.get("count") for row in told(changes=True)] == [0]


def test_a_rollout_that_another_one_went_on_with_says_so(world, told):
    second = Begin(3, "two", "test", "localhost", "app", 1, "tester", "", "", "2026-01-02T03:04:06Z")
    write(world, [BEGIN, Did(2, "app", Put("/x", Absent(), FILE)), second, Settled(4, "two", True)])
    assert [(row["rollout"], row["settled_by"]) for row in told()] == [("two", ""), ("one", "two")]


def test_a_long_history_comes_in_pages(world):
    puts = [Did(n, "app", Put(f"/d/{n}", Absent(), Directory(0o755, 0, 0))) for n in range(2, ROWS + 10)]
    write(world, [BEGIN, *puts, Settled(ROWS + 10, "one", True)])
    found = list(pages(Target(str(world.base)), None, True))
    assert [page.last for page in found] == [False, True]
    assert sum(len(page.rows) for page in found) == len(puts) + 1
    assert [page.last for page in pages(Target(str(world.base)), "/nowhere", True)] == [True]


def write(world, records):
    journal = Target(str(world.base)).journals.open("one")
    journal.append(*records)
    journal.close()
