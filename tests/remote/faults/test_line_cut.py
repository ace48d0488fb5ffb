"""A line that is cut in the middle of an update: for a moment, for some seconds, for good."""

from __future__ import annotations

import pytest


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


def agent_ticks(field):
    path = field.scratch / "far.open.ticks"
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
