"""How long the way back is kept: what is older than the settings say goes, whole, with all that only it needs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.change.changes import Put, Run
from depl.change.journal import read
from depl.change.nodes import File as FileNode
from depl.change.records import Begin, Did, Ended, Settled
from depl.component import Component
from depl.deploy.purged import LISTED, note_purged, purged
from depl.deploy.target import Target
from depl.errors import NothingToUndo
from depl.events import What
from depl.lib.command import Command
from depl.lib.file import Directory, File, Presence, Purge
from depl.redact import Redactor

OLD = 31  # days
KEEP = (3, 30)


def app(content: str) -> type[Component]:
    """A file that is replaced, a command with its way back, and a tree that goes to the trash."""

    class App(Component):
        def configure(self):
            self += File("file", content=content)
            self += Command(
                f"echo {content} > told", unless=f"grep -q {content} told", undo=f"echo not {content} > told"
            )
            self += Command(f"mkdir built.{content}", creates=f"built.{content}")
            self += Purge("tree.*")

    return App


def deployed(world: Any, *contents: Any, age: float = OLD) -> list[str]:
    """Rollouts that took place so many days ago; their names."""
    rollouts = []
    for content in contents:
        world.file(f"work/app/tree.{content}/leaf", "x" * 1000)
        outcome = world.run(app(str(content)))
        assert outcome.status == "succeeded", outcome
        rollouts.append(outcome.rollout)
    aged(world, age)
    return rollouts


def aged(world: Any, days: float) -> None:
    """Let all journals and records have been written so long ago."""
    then = time.time() - days * 24 * 60 * 60
    for number, (path, rollout) in enumerate(zip(journals(world), kept(world), strict=True)):
        for one in (path, world.base / ".depl/rollouts" / f"{rollout}.jsonl"):
            if one.exists():
                os.utime(one, (then + number, then + number))


def journals(world: Any) -> list[Path]:
    return sorted(world.base.glob(".depl/journal/*.jsonl"))


def kept(world: Any) -> list[str]:
    """The rollouts whose journals are there, oldest first."""
    return [path.name.removesuffix(".jsonl").partition("-")[2] for path in journals(world)]


def size(world: Any, *names: str) -> int:
    """How many files there are, below some directories of `.depl`."""
    return sum(len(files) for name in names for _, _, files in os.walk(world.base / ".depl" / name))


def test_what_both_settings_let_go_is_purged_after_a_run_that_changed_something(world):
    rollouts = deployed(world, *range(6))
    before = size(world, "blobs", "trash")
    assert kept(world) == rollouts
    new = world.run(app("new"), keep=KEEP)
    assert kept(world) == [*rollouts[4:], new.rollout]
    assert size(world, "blobs", "trash") < before
    assert not list(world.base.glob(".depl/journal/*.purging"))


@pytest.mark.parametrize(("keep", "age"), [((100, 30), OLD), ((1, 30), 29), ((0, 60), OLD), (None, OLD)])
def test_either_setting_keeps_it(world, keep, age):
    rollouts = deployed(world, *range(4), age=age)
    new = world.run(app("new"), keep=keep)
    assert kept(world) == [*rollouts, new.rollout]


def test_all_that_is_kept_can_still_be_taken_back_step_by_step(world):
    deployed(world, *range(4))
    trees = []
    for number in range(4, 7):
        trees.append(world.tree())
        world.run(app(str(number)), keep=KEEP)
    for tree in reversed(trees):
        assert world.undo().status == "reversed"
        assert without_times(world.tree()) == without_times(tree)
    with pytest.raises(NothingToUndo, match="no rollout of test to undo; 4 older ones were purged after keep_rollouts"):
        world.undo()


def without_times(tree: dict[str, Any]) -> dict[str, Any]:
    return {path: seen for path, seen in tree.items() if path != "work/app/told"}  # its undo says something else


def test_a_rollout_that_was_purged_is_no_longer_reversible_and_it_is_said_why(world):
    rollouts = deployed(world, *range(4))
    world.run(app("new"), keep=KEEP)
    for rollout in rollouts[:2]:
        with pytest.raises(
            NothingToUndo, match=f"rollout {rollout} is no longer reversible: .* keep_rollouts/keep_days"
        ):
            world.undo(rollout=rollout)
    with pytest.raises(NothingToUndo, match="cannot be taken back before"):
        world.undo(rollout=rollouts[2])


def test_a_run_that_changes_nothing_purges_nothing(world):
    deployed(world, *range(4))
    before = world.times()
    assert world.run(app("3"), keep=(0, 0)).status == "nothing"
    assert world.times() == before


def test_a_run_that_fails_purges_nothing(world):
    class Broken(Component):
        def configure(self):
            self += File("file", content="new")
            self += Command("false", unless="false")

    rollouts = deployed(world, *range(4))
    assert world.run(Broken, keep=(0, 0)).status == "reversed"
    assert kept(world)[:4] == rollouts


def test_an_undo_purges_too(world):
    rollouts = deployed(world, *range(6))
    options = world.options

    def with_keep(**how: Any) -> Any:
        return options(**{"keep": (1, 30), **how})

    world.options = with_keep
    assert world.undo().status == "reversed"
    # Of the last one only a part stands no more: it is the newest that was taken back.
    assert kept(world) == rollouts[4:]


def test_the_newest_one_stays_whatever_the_settings_say(world):
    deployed(world, *range(3))
    new = world.run(app("new"), keep=(0, 0))
    assert kept(world) == [new.rollout]
    assert world.undo().status == "reversed"
    assert (world.base / "work/app/file").read_text() == "2"


def test_what_was_taken_back_does_not_push_out_what_stands(world):
    class App(Component):
        def configure(self):
            self += Presence("present")
            self += Command("false", unless="false")

    rollouts = deployed(world, 1, 2)
    for _ in range(4):
        assert world.run(App, keep=KEEP).status == "reversed"
    aged(world, OLD)
    new = world.run(app("new"), keep=(2, 30))
    left = kept(world)
    assert left[0] == rollouts[1]
    assert left[-1] == new.rollout
    assert len(left) == 4  # and two of those that failed


def test_what_is_not_settled_is_never_purged(world):
    class Fails(Component):
        def configure(self):
            self += File("file", content="half")
            self += Command("false", unless="false")

    deployed(world, *range(3))
    world.run(Fails, on_failure="stop")
    aged(world, OLD)
    assert world.chain().unsettled
    assert world.undo().status == "reversed"
    assert len(journals(world)) == 4


class Config(Component):
    """What another root component reacts to."""

    content = "1"

    def configure(self):
        config = File("config", content=type(self).content)
        self += config
        self.provide("config", config)


class Server(Component):
    def configure(self):
        (config,) = self.require("config")
        self += Command("echo restarted >> log", reacts_to=[config])


def test_where_people_always_deploy_one_component_old_journals_go_and_no_restart_is_lost(world):
    world.run(Config, Server)
    for number in range(5):
        Config.content = str(number)
        world.run(Config, Server, components=["config"], keep=(1, 0))
        assert len(journals(world)) == 1
    log = world.base / "work/server/log"
    before = log.read_text()
    assert world.run(Config, Server, keep=(1, 0)).changed == 1
    assert log.read_text() == before + "restarted\n"
    assert world.run(Config, Server).status == "nothing"


def test_where_two_environments_share_a_directory_the_old_journals_of_each_go(world):
    class Theirs(Component):
        content = ""

        def configure(self):
            self += File("file", content=type(self).content)

    for number in range(4):
        for name, cls in (("test", Neighbour), ("other", Theirs)):
            cls.content = f"{number} of {name}"
            world.environment = name
            assert world.run(cls, keep=(2, 0)).changed
    assert len(journals(world)) == 4


def test_a_run_opens_no_more_files_after_hundreds_of_rollouts_than_after_a_few(fast_world):
    """Counted as Python itself tells it; nothing is purged."""
    world = fast_world
    counts = []
    for until in (10, 200):
        for number in range(len(journals(world)), until):
            Config.content = str(number)
            assert world.run(Config, Server, components=["config"]).changed
        with Opened(str(world.base / ".depl")) as opened:
            assert world.run(Config, Server, components=["config"]).status == "nothing"
            world.plan(Config, Server)
        counts.append(len(opened.paths))
    assert counts[0] == counts[1] <= 12


class Opened:
    """Which files below a directory are opened in it."""

    def __init__(self, directory: str) -> None:
        self.paths: list[str] = []
        self._directory, self._on = directory, False
        sys.addaudithook(self._hear)

    def __enter__(self) -> Opened:
        self._on = True
        return self

    def __exit__(self, *error: Any) -> None:
        self._on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._on and event == "open" and str(arguments[0]).startswith(self._directory):
            self.paths.append(str(arguments[0]))


class Neighbour(Component):
    """A reaction and its cause."""

    content = "1"

    def configure(self):
        config = File("config", content=type(self).content)
        self += config
        self += Command("echo told >> log", reacts_to=[config])


def test_reactions_are_repeated_on_the_way_back_through_what_is_kept(world):
    for number in range(5):
        Neighbour.content = str(number)
        world.run(Neighbour, keep=(2, 0))
    assert len(journals(world)) == 2
    log = world.base / "work/neighbour/log"
    before = log.read_text()
    assert world.undo().status == "reversed"
    assert (world.base / "work/neighbour/config").read_text() == "3"
    assert log.read_text() == before + "told\n"


def test_environments_that_share_a_directory_are_counted_apart_and_left_to_each_other(world):
    class Other(Component):
        names = ()

        def configure(self):
            for name in type(self).names:
                self += Presence(name)

    for Other.names in ("a", "ab"):
        world.run(Other)
    for path in journals(world):
        renamed(world, path, "other")
    theirs = kept(world)
    deployed(world, *range(4))
    new = world.run(app("new"), keep=(1, 30))
    assert kept(world) == [*theirs, new.rollout]


def renamed(world: Any, path: Path, environment: str) -> None:
    """Let a journal be of another environment."""
    from dataclasses import replace

    from depl.change.journal import Journal
    from depl.change.ledger import Ledger

    records = read(str(path))
    path.unlink()
    journal = Journal(str(path), records[0].n, Ledger())
    journal.append(*(replace(one, environment=environment) if isinstance(one, Begin) else one for one in records))
    journal.close()


def test_what_was_done_over_something_older_that_is_kept_is_kept_too(world):
    deployed(world, *range(4))
    renamed(world, journals(world)[0], "other")
    aged(world, OLD)
    world.run(app("new"), keep=(0, 0))
    assert len(journals(world)) == 5


def test_nothing_is_left_that_no_journal_speaks_of(world):
    deployed(world, *range(4))
    blobs, trash = world.base / ".depl/blobs", world.base / ".depl/trash"
    for name in ("a" * 64, "a" * 64 + ".1", "link.99999", "a" * 64 + ".5.new", "b" * 64 + ".new"):
        (blobs / name).write_text("left by somebody who was killed")
    (trash / "99999/closed").mkdir(parents=True)
    (trash / "99999/closed/leaf").write_text("x")
    (trash / "99999/closed").chmod(0o500)
    empty = world.base / ".depl/journal/0000000000-killed.jsonl"
    empty.touch()
    world.run(app("new"), keep=KEEP)
    assert not [path for path in blobs.iterdir() if path.name not in spoken_of(world)]
    assert not (trash / "99999").exists()
    assert not empty.exists()


def spoken_of(world: Any) -> set[str]:
    """The names of blobs that the journals could ask for."""
    records = [record for path in journals(world) for record in read(str(path))]
    dids = [record for record in records if isinstance(record, Did)]
    trees = {record.trees for record in records if isinstance(record, Ended)}
    runs = [did.change for did in dids if isinstance(did.change, Run)]
    puts = [(did.n, did.change.before) for did in dids if isinstance(did.change, Put)]
    images = {f"{before.digest}.{n}" for n, before in puts if isinstance(before, FileNode)}
    links = {f"link.{n}" for n, _ in puts}
    return images | links | trees | {digest for run in runs for digest in (run.command, run.undo or "")}


def test_a_command_that_a_kept_journal_refers_to_is_kept(world):
    class App(Component):
        def configure(self):
            done = "done.$(cat count)"
            self += Command(f"touch {done}", unless=f"test -e {done}", undo=f"rm -f {done}")

    for number in range(5):
        world.file("work/app/count", str(number))
        assert world.run(App, keep=(1, 0)).changed
    assert len(journals(world)) == 1
    assert world.undo().status == "reversed"
    assert sorted(path.name for path in (world.base / "work/app").glob("done.*")) == [f"done.{n}" for n in range(4)]


def test_masks_of_contents_that_nobody_needs_go_and_of_those_in_place_stay(world):
    secret = "a-secret-of-those-days"

    def secretive(number: int) -> type[Component]:
        class App(Component):
            def configure(self):
                self += File("conf", content=f"{number}\npassword = {secret}\n", mode=0o600)
                self += Directory("d")

        return App

    class Public(Component):
        def configure(self):
            self += File(f"{world.base}/work/app/conf", content="nothing\n", mode=0o600)

    def redact() -> Redactor:
        return Redactor([("app.password #0000", secret)])

    for number in range(3):
        world.run(secretive(number), redact=redact(), keep=(0, 30))
    aged(world, OLD)
    masks = world.base / ".depl/masks.json"
    assert masks.read_text().count("digest") == 3

    class Else(Component):
        def configure(self):
            self += Presence("else")

    world.run(secretive(2), Else, keep=(0, 30))
    assert masks.read_text().count("digest") == 1
    world.events.clear()
    world.plan(Public)  # which does not know the secret any more
    assert "‹secret app.password #0000›" in str(world.said(What.CHANGED)[0].data)
    assert secret not in str(world.said(What.CHANGED)[0].data)


def test_whoever_is_killed_in_a_purge_leaves_whole_journals_and_the_next_one_ends_it(fast_world):
    world = fast_world
    rollouts = deployed(world, *range(4))
    world.file("work/app/tree.new/leaf")
    world.run(app("new"))
    for path in journals(world)[:-1]:
        os.utime(path, (1, 1))
    world.save()
    purge = purging(world, (1, 30))
    steps = world.steps(purge)
    assert steps > 20
    for at in range(1, steps + 1):
        world.load()
        world.killed(purge, at)
        left = kept(world)
        assert rollouts[len(rollouts) + 1 - len(left) :] == left[:-1], "oldest first"
        for path in journals(world):
            assert isinstance(read(str(path))[-1], Settled)
        if len(left) > 1 and at % 3 == 0:  # what is there can be taken back, all of it
            for _ in left:
                assert world.undo().status == "reversed"
            continue
        assert world.undo().status == "reversed"
        assert (world.base / "work/app/file").read_text() == "3"
        world.run(app("new"), keep=(1, 30))
        assert not list(world.base.glob(".depl/journal/*.purging"))
        assert {path.name for path in (world.base / ".depl/blobs").iterdir()} <= spoken_of(world)


def purging(world: Any, keep: tuple[int, int]) -> Callable[[], Any]:
    from depl.deploy.retention import purge

    def act() -> None:
        told: list[Any] = []
        purge(Target(str(world.base)), "test", *keep, told.append)
        assert not told, told

    return act


def test_a_journal_that_cannot_be_read_is_told_and_nothing_is_purged(world):
    rollouts = deployed(world, *range(4))
    path = journals(world)[0]
    path.write_bytes(path.read_bytes().replace(b'"is":"begin"', b'"is":"begun"', 1))
    os.utime(path, (1, 1))
    outcome = world.run(app("new"), keep=(0, 30))
    assert outcome.status == "succeeded"
    assert kept(world) == [*rollouts, outcome.rollout]
    assert "could not be purged" in world.said(What.WARNING)[-1].data["text"]


def test_the_coordinators_records_are_kept_by_the_same_rules(world):
    deployed(world, *range(6))
    world.run(app("new"), keep=KEEP)
    records = sorted(path.stem for path in world.base.glob(".depl/rollouts/*.jsonl"))
    assert records == sorted(kept(world))


def test_the_list_of_what_was_purged_is_bounded_and_names_each_once(tmp_path):
    def journal(number: int) -> list[Any]:
        return [
            Begin(1, f"r{number:06}", "test", "web", "app", 1, "me", "", "", "now"),
            Settled(2, f"r{number:06}", True),
        ]

    for start in range(0, LISTED + 200, 100):
        note_purged(str(tmp_path), [(journal(start + number), True) for number in range(100)])
    note_purged(str(tmp_path), [(journal(LISTED + 199), True)])
    found = purged(str(tmp_path), "test")
    assert len(found) == LISTED
    assert len(set(found)) == LISTED
    assert found[-1] == f"r{LISTED + 199:06}"
    assert purged(str(tmp_path), "other") == []
