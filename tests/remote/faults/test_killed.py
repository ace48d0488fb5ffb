"""Processes that are killed in the middle of an update: agents, coordinators, and what carries their line."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest


def parents(pid: int) -> list[int]:
    """The processes above one, up to this test's or the first one."""
    found = []
    while pid > 1:
        said = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True).stdout
        pid = int(said or 1)
        found.append(pid)
    return found


def session_of(agent: int) -> int:
    """The process of sshd that carries the line of an agent."""
    for pid in parents(agent):
        name = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True).stdout
        if name.startswith("sshd"):
            return pid
    raise AssertionError("no sshd above the agent")


def test_a_connection_that_breaks_in_the_middle_is_made_anew_without_a_gap(field, until, assert_told_once):
    field.hosts("web", "db", opened=["db"])
    run = field.start("remote", "live")
    field.in_the_middle("web")
    (agent,) = field.agents("web")
    os.kill(session_of(agent), signal.SIGKILL)
    until(lambda: len(field.agents("web")) == 2, "another agent waits for the first one")
    field.open("web")
    assert run.status() == 0, run.everything
    assert field.ran("web") == field.ran("db") == ["first", "held", "last"]
    assert_told_once(run.said("web"))
    assert_told_once(run.said("db"))
    field.all_gone()


@pytest.mark.long
def test_a_connection_may_break_again_and_again(field, until, assert_told_once):
    field.hosts("web")
    run = field.start("remote", "live")
    field.in_the_middle("web")
    (agent,) = field.agents("web")
    os.kill(session_of(agent), signal.SIGKILL)
    for _ in range(4):
        second = until(lambda: [one for one in field.agents("web") if one != agent], "another agent waits")[0]
        os.kill(session_of(second), signal.SIGKILL)
        until(lambda gone=second: gone not in field.agents("web"), "it leaves, as its line is cut")
    until(lambda: len(field.agents("web")) == 2, "another agent waits")
    field.open("web")
    assert run.status() == 0, run.everything
    assert field.ran("web") == ["first", "held", "last"]
    assert_told_once(run.said("web"))
    field.all_gone()


def test_where_an_agent_is_killed_everything_is_put_back_on_all_hosts(field, until):
    field.hosts("web", "db", opened=["db"])
    run = field.start("remote", "live")
    field.in_the_middle("web")
    until(lambda: "work/steps/after.conf" in field.deployed("db"), "the other host is through")
    (agent,) = field.agents("web")
    os.kill(agent, signal.SIGKILL)
    assert run.status() == 3, run.everything
    assert "the agent on web ended in the middle of steps" in run.everything
    assert not field.deployed("web")
    assert not field.deployed("db")
    field.all_gone()


def test_what_a_killed_agent_had_started_does_not_go_on(field):
    field.hosts("web", waiting="trap 'sleep 1' TERM; while [ ! -e $GATE ]; do sleep 0.1; done")
    run = field.start("remote", "live")
    field.in_the_middle("web")
    (agent,) = field.agents("web")
    os.kill(agent, signal.SIGKILL)
    assert run.status() == 3, run.everything
    assert shells(field) == []
    assert not (field.scratch / "web.held.done").exists()


def shells(field) -> list[str]:
    listing = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if f"{field.scratch}/web.ran" in line]


@pytest.mark.parametrize("elsewhere", [pytest.param(False, marks=pytest.mark.long), True])
@pytest.mark.parametrize("how", ["remote", "undo"])
def test_a_run_whose_coordinator_was_killed_is_settled_first(field, how, elsewhere):
    field.hosts("web", "db", opened=["db"])
    checkout = field.copy() if elsewhere else None
    run = field.start("remote", "live")
    field.in_the_middle("web")
    run.signal(signal.SIGKILL)
    run.status()
    field.open("web")
    field.all_gone()
    assert field.ran("web") == ["first", "held", "last"]  # it came to the end of its task
    second = field.start(how, "live", "--yes", cwd=checkout)
    assert second.status() == 0, second.everything
    for host in ("web", "db"):
        assert bool(field.deployed(host)) == (how == "remote")
        assert field.ran(host) == ["first", "held", "last"]
    third = field.start("undo", "live", "--yes")
    assert third.status() == (0 if how == "remote" else 1), third.everything
    assert not field.deployed("web")
    assert not field.deployed("db")
    field.all_gone()


def test_a_run_waits_for_the_agent_of_a_killed_coordinator(field, until):
    field.hosts("web")
    run = field.start("remote", "live")
    field.in_the_middle("web")
    run.signal(signal.SIGKILL)
    run.status()
    second = field.start("remote", "live", "--wait")
    until(lambda: len(field.agents("web")) == 2, "it waits")
    field.open("web")
    assert second.status() == 0, second.everything
    assert field.ran("web") == ["first", "held", "last"]
    field.all_gone()
