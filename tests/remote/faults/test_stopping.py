"""Ctrl-C and its relatives, given to a coordinator in the middle of an update."""

from __future__ import annotations

import os
import signal

import pytest

HANGS = "sleep 600 & echo $! > $GATE.child; sleep 600"
LATER = """
from depl.component import Component
from depl.lib.file import File


class Later(Component):
    def configure(self):
        self += File("later.conf", content="later")
"""


def test_the_first_ctrl_c_ends_after_what_runs_and_puts_everything_back(field, until):
    field.hosts("web", "db", opened=["db"])
    run = field.start("remote", "live")
    field.in_the_middle("web")
    run.signal(signal.SIGINT)
    until(lambda: "stopping after what runs now" in run.everything, "it says so")
    field.open("web")
    assert run.status() == 130, run.everything
    assert field.ran("web") == ["first", "held"]
    assert not field.deployed("web")
    assert not field.deployed("db")
    field.all_gone()


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM]])
def test_the_second_ctrl_c_or_a_term_ends_a_command_that_hangs(signals, field, until):
    field.hosts("web", "db", opened=["db"], waiting=HANGS)
    run = field.start("remote", "live")
    child = int(until(lambda: first_line(field.scratch / "web.open.child"), "the command hangs"))
    other = int(until(lambda: first_line(field.scratch / "db.open.child"), "the other one, too"))
    for number in signals:
        run.signal(number)
        if number is signal.SIGINT:
            until(lambda: "stopping" in run.everything, "it is heard")
    assert run.status() == 130, run.everything  # long before the command would have ended
    until(lambda: not lives(child) and not lives(other), "its children are gone, too")
    assert not field.deployed("web")
    assert not field.deployed("db")
    field.all_gone()


def test_ctrl_c_while_hosts_get_ready_changes_nothing(field, until):
    field.hosts("web", "db")
    first = field.start("remote", "live", "--host", "web")
    field.in_the_middle("web")
    second = field.start("remote", "live", "--wait")
    until(lambda: "waiting" in second.everything, "it waits")
    second.signal(signal.SIGINT)
    assert second.status() == 130, second.everything
    until(lambda: len(field.agents()) == 1, "its agents have left")
    assert field.ran("db") == []
    field.open("web")
    assert first.status() == 0, first.everything
    field.all_gone()


def test_a_run_that_is_stopped_while_its_line_is_cut_does_not_go_on(far, field, until):
    field.site.write({"components/later/component.py": LATER})
    field.hosts("far", also={"far": "later"})
    run = field.start("remote", "live")
    field.in_the_middle("far")
    far.cut()
    until(lambda: list(field.target("far").glob(".depl/journal/*.kept")), "the agent has noticed")
    run.signal(signal.SIGINT)
    until(lambda: "stopping" in run.everything, "it is heard")
    field.open("far")
    far.mend()
    assert run.status() == 130, run.everything
    assert not field.deployed("far")
    field.all_gone()


def first_line(path):
    return path.read_text().strip() if path.exists() else ""


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
