"""A line that is cut in the middle of an update: for a moment, for some seconds, for good."""

from __future__ import annotations

import os
import signal

import pytest

MOVED = """\
import os

from depl.component import Component
from depl.lib.file import File


class Moved(Component):
    def configure(self):
        self += File("NAME.conf", content="a line")
        self += Reaction()


class Reaction(Component):
    def verify(self):
        assert "NAME" == "first" or os.path.exists("first.conf") or os.path.exists("SCRATCH/reacted")

    def update(self):
        self.cmd("touch SCRATCH/waits; while [ ! -e SCRATCH/goes_on ]; do sleep 0.1; done; touch SCRATCH/reacted")
"""


def test_a_cut_shorter_than_the_signs_of_life_is_not_noticed(far, field, until, assert_told_once):
    field.hosts("far", "web", opened=["web"], settings="timeout = 20")
    run = field.start("remote", "live")
    field.in_the_middle("far")
    far.cut()
    heard = len(run.said("far"))
    until(lambda: agent_ticks(field) > heard + 5, "the update goes on over there")
    far.mend()
    field.open("far")
    assert run.status() == 0, run.everything
    assert field.ran("far") == ["first", "held", "last"]
    assert_told_once(run.said("far"))
    assert far.sshd.connections() == 1
    field.all_gone()


def is_spooling(field):
    return list(field.target("far").glob(".depl/journal/*.kept"))


def agent_ticks(field, host="far"):
    path = field.scratch / f"{host}.open.ticks"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_after_a_longer_cut_the_line_is_made_anew_without_a_gap(far, field, until, assert_told_once):
    field.hosts("far", "web", opened=["web"])
    run = field.start("remote", "live")
    field.in_the_middle("far")
    far.cut()
    field.open("far")
    until(lambda: not field.agents("far"), "the agent has ended its task and left, as nobody answers")
    assert field.ran("far") == ["first", "held", "last"]
    assert "last" not in str(run.said("far"))
    far.mend()
    assert run.status() == 0, run.everything
    assert field.ran("far") == ["first", "held", "last"]
    assert_told_once(run.said("far"))
    assert far.sshd.connections() >= 2
    field.all_gone()


def test_a_line_may_be_back_before_the_task_is_over(far, field, until, assert_told_once):
    field.hosts("far")
    run = field.start("remote", "live")
    field.in_the_middle("far")
    far.cut()
    until(lambda: is_spooling(field), "the agent has noticed")
    far.mend()
    until(lambda: len(field.agents("far")) == 2, "another agent waits for the first one")
    field.open("far")
    assert run.status() == 0, run.everything
    assert field.ran("far") == ["first", "held", "last"]
    assert_told_once(run.said("far"))
    field.all_gone()


def test_where_a_line_is_cut_for_good_the_other_hosts_are_put_back_and_the_run_says_what_is_left(far, field, until):
    field.hosts("far", "web", opened=["web"], settings="timeout = 2")
    run = field.start("remote", "live")
    field.in_the_middle("far")
    until(lambda: "work/steps/after.conf" in field.deployed("web"), "the other host is through")
    far.cut()
    field.open("far")
    assert run.status() == 4, run.everything
    assert "far was lost in the middle of the run" in run.everything
    assert "far: lost, and what was changed there is not put back" in run.everything
    assert not field.deployed("web")
    far.mend()
    field.all_gone()
    undo = field.start("undo", "live", "--yes")
    assert undo.status() == 0, undo.everything
    assert not field.deployed("far")
    assert not field.deployed("web")
    field.all_gone()


@pytest.mark.long
def test_the_next_run_goes_on_where_a_line_was_cut_for_good(far, field):
    field.hosts("far", "web", opened=["web"], settings="timeout = 2")
    run = field.start("remote", "live")
    field.in_the_middle("far")
    far.cut()
    field.open("far")
    assert run.status() == 4, run.everything
    far.mend()
    field.all_gone()
    again = field.start("remote", "live")
    assert again.status() == 0, again.everything
    assert "did not come to its end; this run goes on from there" in again.everything
    assert field.ran("far") == ["first", "held", "last"]
    assert field.deployed("far") == field.deployed("web") == ["work/steps/after.conf", "work/steps/before.conf"]


def declare(field, name, *hosts):
    """Let a component have a file of some name on all hosts."""
    code = MOVED.replace("NAME", name).replace("SCRATCH", str(field.scratch))
    field.site.write({"components/moved/component.py": code})
    field.hosts(*hosts, also=dict.fromkeys(hosts, "moved"), opened=[hosts[0]])


@pytest.fixture
def removing(far, field, until):
    """A run that removes what is no longer declared, on a host that waits in the middle of it."""

    def started():
        for name in ("first", "second"):
            declare(field, name, "far")
            run = field.start("remote", "live", *(["--gc"] if name == "second" else []))
            if name == "first":
                assert run.status() == 0, run.everything
        until((field.scratch / "waits").exists, "what was removed is reacted to")
        assert "work/moved/first.conf" not in field.deployed("far")
        return run

    return started


def test_a_line_may_be_cut_while_something_is_removed(far, field, until, removing):
    run = removing()
    far.cut()
    until(lambda: is_spooling(field), "the agent has noticed")
    (field.scratch / "goes_on").touch()
    until(lambda: not field.agents("far"), "the agent has removed it and left, as nobody answers")
    far.mend()
    assert run.status() == 0, run.everything
    assert "work/moved/second.conf" in field.deployed("far")
    assert "work/moved/first.conf" not in field.deployed("far")
    assert [one["data"]["removing"] for one in run.events if one["event"] == "undeclared"] == [True]
    field.all_gone()
    undo = field.start("undo", "live", "--yes")
    assert undo.status() == 0, undo.everything
    assert "work/moved/first.conf" in field.deployed("far")
    assert "work/moved/second.conf" not in field.deployed("far")


def test_an_agent_that_ends_while_it_removes_something_ends_the_run_and_everything_comes_back(far, field, removing):
    run = removing()
    for pid in field.agents("far"):
        os.kill(pid, signal.SIGKILL)
    assert run.status() == 3, run.everything
    assert "ended while it removed what is no longer declared" in run.everything
    assert "work/moved/first.conf" in field.deployed("far")
    assert "work/moved/second.conf" not in field.deployed("far")
    field.all_gone()


def test_an_agent_that_comes_later_looks_at_all_there_is_before_it_removes_anything(field, until):
    (field.scratch / "goes_on").touch()
    declare(field, "first", "one", "two")
    field.open("two")
    first = field.start("remote", "live")
    assert first.status() == 0, first.everything
    field.forget()
    (field.scratch / "two.open").unlink()
    declare(field, "second", "one", "two")
    run = field.start("remote", "live", "--gc")
    field.in_the_middle("two")
    receipts = field.target("one") / ".depl/receipts.json"
    until(lambda: "second.conf" in receipts.read_text(), "the first host is through")
    ticks = agent_ticks(field, "two")
    until(lambda: agent_ticks(field, "two") > ticks + 10, "and has said so")
    for pid in field.agents("one"):
        os.kill(pid, signal.SIGKILL)
    field.open("two")
    assert run.status() == 0, run.everything
    for host in ("one", "two"):
        assert "work/moved/second.conf" in field.deployed(host)
        assert "work/moved/first.conf" not in field.deployed(host)
    field.all_gone()
