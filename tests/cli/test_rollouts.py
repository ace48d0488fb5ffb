"""`depl rollouts`: what was rolled out here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

WAIT = """\
from depl.rollout import Rollout
from depl.tasks import Command


class Quick(Rollout):
    def plan(self):
        return Command("true", undo="true")
"""

KILLED = """\
        self += Step("step")


class Step(Component):
    namevar = "name"

    def verify(self):
        import os
        import signal

        if os.environ["KILL"]:
            os.kill(os.getpid(), signal.SIGKILL)
        assert False

    def update(self):
        pass
"""


@pytest.fixture
def deployed(depl, service):
    """A project with a deployment, a rollout by hand, and the undo of the deployment."""
    (service / "rollouts").mkdir()
    (service / "rollouts/quick.py").write_text(WAIT)
    assert depl("local", "dev", cwd=service).returncode == 0
    assert depl("rollout", "start", "quick", cwd=service).returncode == 0
    assert depl("undo", "dev", cwd=service).returncode == 0
    return service


def test_all_of_them_are_listed_newest_first(depl, deployed):
    done = depl("rollouts", cwd=deployed)
    assert done.returncode == 0, done.stderr
    undo, by_hand, deployment = done.stdout.splitlines()
    assert re.fullmatch(r"\d{8}-\d{6}-\w{4}  dev  succeeded  \S+  \S+Z  \S+ s", deployment)
    assert re.fullmatch(r"\d{8}-\d{6}-\w{4}  quick  succeeded  \S+@\S+  \S+Z  \S+ s", by_hand)
    assert f"  dev  reversed  takes back {deployment[:20]}  " in undo


def test_they_are_chosen_by_environment_state_and_number(depl, deployed):
    assert len(depl("rollouts", "dev", cwd=deployed).stdout.splitlines()) == 2
    assert len(depl("rollouts", "--state", "succeeded", cwd=deployed).stdout.splitlines()) == 2
    assert len(depl("rollouts", "--limit", "1", cwd=deployed).stdout.splitlines()) == 1
    none = depl("rollouts", "dev", "--state", "blocked", cwd=deployed)
    assert (none.returncode, "no rollout of dev that is blocked is recorded here" in none.stderr) == (1, True)


def test_a_program_reads_one_a_line(depl, deployed):
    rows = [json.loads(line) for line in depl("rollouts", "--json", cwd=deployed).stdout.splitlines()]
    assert [(row["name"], row["state"], row["interrupted"]) for row in rows] == [
        ("dev", "reversed", False),
        ("quick", "succeeded", False),
        ("dev", "succeeded", False),
    ]


def test_a_run_that_was_killed_is_over_once_another_one_went_on_from_there(depl, project, service):
    path = service / "components/hello/component.py"
    path.write_text(path.read_text() + KILLED)
    kill = {**os.environ, "PYTHONPATH": str(project / "src"), "KILL": "yes"}
    done = subprocess.run([sys.executable, "-m", "depl", "local", "dev"], cwd=service, env=kill, capture_output=True)
    assert done.returncode == -9, done
    (row,) = [json.loads(line) for line in depl("rollouts", "--json", cwd=service).stdout.splitlines()]
    assert (row["state"], row["interrupted"]) == ("running", True)
    again = depl("local", "dev", cwd=service, KILL="")
    assert again.returncode == 0, again.stderr
    rows = [json.loads(line) for line in depl("rollouts", "--json", cwd=service).stdout.splitlines()]
    assert [(row["state"], row["interrupted"]) for row in rows] == [("succeeded", False), ("kept", False)]
    shown = depl("show", row["rollout"], cwd=service).stdout
    assert f"because: it was interrupted, and rollout {rows[0]['rollout']} went on from what stood there" in shown
    assert "hello: unknown" in shown


def test_a_record_that_is_not_ours_is_passed_over(depl, deployed):
    (deployed / ".depl/rollouts/99999999-000000-aaaa.jsonl").write_text("nonsense\n")
    (deployed / ".depl/rollouts/99999999-000000-bbbb.jsonl").write_text("")
    assert len(depl("rollouts", cwd=deployed).stdout.splitlines()) == 3


def test_one_that_was_cut_off_is_interrupted(depl, deployed):
    rollout = depl("rollouts", cwd=deployed).stdout.splitlines()[-1][:20]
    path = deployed / f".depl/rollouts/{rollout}.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "  dev  running, interrupted  " in depl("rollouts", "--state", "interrupted", cwd=deployed).stdout
