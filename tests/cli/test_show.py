"""`depl show`: one rollout."""

from __future__ import annotations

import json

import pytest

BROKEN = """\
from depl.rollout import Rollout
from depl.tasks import Command, Parallel, Sequential


class Broken(Rollout):
    '''A rollout that goes wrong.'''

    def plan(self):
        return Sequential(
            Command("echo fine", undo="true"),
            Parallel(Command("echo one; echo two; exit 3", undo="true"), Command("true", undo="true")),
            Command("true", undo="true"),
        )
"""


@pytest.fixture
def failed(depl, service):
    """A project with a rollout that failed."""
    (service / "rollouts").mkdir()
    (service / "rollouts/broken.py").write_text(BROKEN)
    assert depl("rollout", "start", "broken", cwd=service).returncode == 3
    return service


def test_the_first_error_comes_first_and_then_each_task(depl, failed):
    done = depl("show", "latest", cwd=failed)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("  broken (A rollout that goes wrong.): reversed")
    assert lines[1:5] == [
        "  first error: the command `echo one; echo two; exit 3` exited with status 3",
        "    | one",
        "    | two",
        "    in task 2/1",
    ]
    told = [line.partition(", ")[0] for line in lines]  # a second may have passed
    assert "  1  Run `echo fine`: reversed" in told
    assert "    2/1  Run `echo one; echo two; exit 3`: reversed" in told
    assert "  3  Run `true`: cancelled" in lines


def test_all_that_a_task_printed_can_be_had(depl, failed):
    assert depl("show", "latest", "--output", "2/1", cwd=failed).stdout == "one\ntwo\n"
    unknown = depl("show", "latest", "--output", "7", cwd=failed)
    assert (unknown.returncode, "named '7'" in unknown.stderr) == (1, True)


def test_a_program_reads_it_as_one_line(depl, failed):
    facts = json.loads(depl("show", "latest", "--json", cwd=failed).stdout)
    assert (facts["state"], facts["failed"]) == ("reversed", "2/1")
    assert facts["at"][-6:] == "+00:00"  # when it was printed
    assert {one["id"]: one["state"] for one in facts["tasks"]} == {
        "1": "reversed",
        "2/1": "reversed",
        "2/2": "reversed",
        "3": "cancelled",
    }


def test_a_deployment_is_shown_with_the_command_that_takes_it_back(depl, service):
    assert depl("local", "dev", cwd=service).returncode == 0
    shown = depl("show", "latest", cwd=service).stdout
    assert "dev: succeeded" in shown
    assert "hello: done" in shown
    assert "take it back  depl undo dev " in shown


def test_a_name_that_is_not_unique_or_unknown_says_which_there_are(depl, failed):
    depl("rollout", "start", "broken", cwd=failed)
    several = depl("show", "2", cwd=failed)
    assert (several.returncode, "2 rollouts begin with '2'" in several.stderr) == (1, True)
    unknown = depl("show", "nonsense", cwd=failed)
    assert (unknown.returncode, "there is no rollout 'nonsense'" in unknown.stderr) == (1, True)
