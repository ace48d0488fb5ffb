"""Two coordinators that want the same hosts: one waits, gives up, or takes over."""

from __future__ import annotations

import getpass
import signal

import pytest


def test_the_second_one_is_told_who_is_at_work(field):
    field.hosts("web", "db", opened=["db"])
    first = field.start("remote", "live")
    field.in_the_middle("web")
    rollout = first.rollout
    second = field.start("remote", "live", cwd=field.copy())
    assert second.status() == 5, second.everything
    assert f"db: {getpass.getuser()}@" in second.everything
    assert "is at work on" in second.everything
    assert f"rollout {rollout} of live" in second.everything
    assert "since 2" in second.everything
    field.open("web")
    assert first.status() == 0, first.everything
    assert field.ran("web") == field.ran("db") == ["first", "held", "last"]
    field.all_gone()


@pytest.mark.long
def test_an_undo_is_told_so_too(field):
    field.hosts("web", opened=[])
    first = field.start("remote", "live")
    field.in_the_middle("web")
    undo = field.start("undo", "live", "--yes", cwd=field.copy())
    assert undo.status() == 5, undo.everything
    assert "is at work on" in undo.everything
    field.open("web")
    assert first.status() == 0, first.everything


def test_the_second_one_waits_where_that_is_wanted(field, until):
    field.hosts("web", "db", opened=["db"])
    first = field.start("remote", "live")
    field.in_the_middle("web")
    second = field.start("remote", "live", "--wait")
    until(lambda: "waiting" in second.everything, "it says so")
    field.open("web")
    assert first.status() == second.status() == 0, first.everything + second.everything
    assert field.ran("web") == field.ran("db") == ["first", "held", "last"]
    field.all_gone()


def test_of_several_that_start_at_once_one_wins(field):
    names = ["one", "two", "three"]
    field.hosts(*names, opened=names)
    checkouts = [field.site.directory, field.copy(), field.copy()]
    wanted = [["--host", "one", "--host", "two"], ["--host", "two", "--host", "three"], ["--host", "t*"]]
    runs = [field.start("remote", "live", *hosts, cwd=where) for hosts, where in zip(wanted, checkouts, strict=True)]
    statuses = [run.status() for run in runs]
    assert set(statuses) <= {0, 5}, "".join(run.everything for run in runs)
    assert 0 in statuses
    assert all(field.ran(name) in ([], ["first", "held", "last"]) for name in names)
    field.all_gone()


def test_several_that_wait_all_come_to_their_end(field):
    names = ["one", "two", "three"]
    field.hosts(*names, opened=names)
    wanted = [["--host", "one", "--host", "two"], ["--host", "two", "--host", "three"], ["--host", "[ot][nh]*"]]
    runs = [field.start("remote", "live", "--wait", *hosts, cwd=field.copy()) for hosts in wanted]
    assert [run.status() for run in runs] == [0, 0, 0], "".join(run.everything for run in runs)
    assert all(field.ran(name) == ["first", "held", "last"] for name in names)
    field.all_gone()


def test_one_that_wakes_up_after_a_takeover_changes_nothing_more(field, until):
    field.hosts("web", "db", opened=["db"])
    first = field.start("remote", "live")
    field.in_the_middle("web")
    first.signal(signal.SIGSTOP)
    second = field.start("remote", "live", "--take-over", cwd=field.copy())
    until(lambda: "waiting until it has left" in second.everything, "it asks the first one to leave")
    field.open("web")
    assert second.status() == 0, second.everything
    field.all_gone()
    before = [field.everything("web"), field.everything("db")]
    first.signal(signal.SIGCONT)
    assert first.status() in (3, 4), first.everything
    assert f"took over with rollout {second.rollout}" in first.everything, first.everything
    field.all_gone()
    assert [field.everything("web"), field.everything("db")] == before
    assert field.ran("web") == field.ran("db") == ["first", "held", "last"]


def test_a_takeover_is_told_to_one_that_is_awake(field, until):
    field.hosts("web", "db", opened=["db"])
    first = field.start("remote", "live")
    field.in_the_middle("web")
    second = field.start("remote", "live", "--take-over", cwd=field.copy())
    until(lambda: "waiting until it has left" in second.everything, "it asks the first one to leave")
    field.open("web")
    assert second.status() == 0, second.everything
    assert first.status() in (3, 4), first.everything
    assert f"took over with rollout {second.rollout}" in first.everything, first.everything
    assert field.ran("web") == field.ran("db") == ["first", "held", "last"]
    assert f": left to {getpass.getuser()}@" in first.everything  # web and db, or the one that was heard of in time
    assert "web: web: " not in first.everything
    assert field.deployed("web") == field.deployed("db") == ["work/steps/after.conf", "work/steps/before.conf"]
    field.all_gone()
