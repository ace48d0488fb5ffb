"""A plan sees what it has planned, and changes nothing."""

from __future__ import annotations

import os

import pytest

from depl.change.nodes import Absent, Directory, File, Link
from depl.change.predicting import PredictingSystem
from depl.errors import ChangeFailed, CmdExecutionError


@pytest.fixture
def at(tmp_path):
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "leaf").write_text("leaf")
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    return lambda name: str(tmp_path / name)


@pytest.fixture
def system(tmp_path, tree, at):
    before = tree(tmp_path)
    yield PredictingSystem(str(tmp_path / ".depl"))
    assert tree(tmp_path) == before
    assert not (tmp_path / ".depl").exists()


def test_what_is_written_can_be_looked_at_read_and_listed(system, at):
    system.make_dir(at("new"))
    system.write(at("new/x"), b"content", mode=0o600)
    system.link(at("new/link"), "x")
    assert isinstance(system.look(at("new")), Directory)
    assert system.look(at("new/x")).mode == 0o600
    assert system.look(at("new/link")) == Link("x")
    assert (system.read(at("new/x")), system.names(at("new"))) == (b"content", ["link", "x"])
    assert system.holds(at("new/x"), b"content") and not system.holds(at("new/x"), b"contents")


def test_a_mode_does_not_hide_the_content(system, at):
    system.set_mode(at("file"), 0o600)
    assert system.read(at("file")) == b"old"
    system.write(at("file"), b"new")
    system.set_mode(at("file"), 0o666)
    assert (system.read(at("file")), system.look(at("file")).mode) == (b"new", 0o666)


def test_what_is_removed_is_gone(system, at):
    system.remove(at("file"))
    system.remove(at("tree"))
    assert system.look(at("file")) == system.look(at("tree/sub/leaf")) == Absent()
    assert system.names(at(".")) == [] or "file" not in system.names(at("."))
    with pytest.raises(FileNotFoundError):
        system.read(at("tree/sub/leaf"))


def test_what_is_moved_lies_elsewhere(system, at):
    system.write(at("tree/sub/more"), b"more")
    system.move(at("tree"), at("wood"))
    assert system.look(at("tree")) == Absent()
    assert system.names(at("wood/sub")) == ["leaf", "more"]
    assert (system.read(at("wood/sub/leaf")), system.read(at("wood/sub/more"))) == (b"leaf", b"more")
    system.make_dir(at("tree"))
    assert system.names(at("tree")) == []


def test_paths_lead_through_a_planned_link(system, at):
    system.link(at("current"), "tree")
    assert system.read(at("current/sub/leaf")) == b"leaf"
    assert system.names(at("current")) == ["sub"]


def test_what_would_be_refused_is_refused(system, at):
    with pytest.raises(ChangeFailed, match="in the way"):
        system.write(at("tree"), b"x")
    with pytest.raises(ChangeFailed, match="something is there"):
        system.move(at("file"), at("tree"))


def test_a_command_that_acts_is_only_noted_and_one_that_looks_runs(system, at):
    assert system.run(["rm", "-rf", at("tree")]) == (0, "", "")
    assert system.shown[-1].verb == "run"
    assert system.ask(["cat", at("file")]) == (0, "old", "")
    with pytest.raises(CmdExecutionError):
        system.ask("exit 3", check=True)


def test_everything_is_shown_with_its_diff(system, at):
    system.write(at("file"), b"new")
    assert "-old" in system.shown[0].diff and "+new" in system.shown[0].diff
    system.write(at("secret"), b"hunter2", show=False)
    assert system.shown[1].diff is None


def test_a_file_that_is_staged_has_the_rights_it_will_have(system, at):
    system.write(at("x"), b"", uid=12, gid=13)
    assert system.look(at("x"), content=True) == File(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0o666 & ~current_umask(), 12, 13
    )


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
