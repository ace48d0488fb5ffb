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
    head, undo, by_hand, deployment = done.stdout.splitlines()
    words = ["rollout", "what", "state", "by", "began", "took", "changed"]
    columns = [head.index(word) for word in words]
    for line in (undo, by_hand, deployment):
        assert all(line[at - 2 : at] == "  " and line[at] != " " for at in columns[1:]), done.stdout
    assert re.fullmatch(
        rf"\d{{8}}-\d{{6}}-\w{{4}} +dev +succeeded +\S+ +\S+Z +\S+ s +\d+ +undone by {undo[:20]}", deployment
    )
    assert re.fullmatch(r"\d{8}-\d{6}-\w{4} +quick +succeeded +\S+@\S+ +\S+Z +\S+ s +-", by_hand)
    assert re.fullmatch(rf"\S+ +dev +reversed +.* +takes back {deployment[:20]}", undo)


def test_they_are_chosen_by_environment_state_and_number(depl, deployed):
    assert len(depl("rollouts", "dev", cwd=deployed).stdout.splitlines()) == 3
    assert len(depl("rollouts", "--state", "succeeded", cwd=deployed).stdout.splitlines()) == 3
    assert depl("rollouts", "--limit", "1", cwd=deployed).stdout.splitlines()[2:] == [
        "the newest 1; --limit shows more"
    ]
    none = depl("rollouts", "dev", "--state", "blocked", cwd=deployed)
    assert (none.returncode, "no rollout of dev that is blocked is recorded here" in none.stderr) == (1, True)
    failed = depl("rollouts", "--state", "failed", cwd=deployed)
    assert (failed.returncode, "no rollout that failed is recorded here" in failed.stderr) == (1, True)


def test_an_environment_that_nobody_knows_is_told_from_one_without_rollouts(depl, deployed):
    nobody = depl("rollouts", "def", cwd=deployed)
    assert nobody.returncode == 1
    assert "there is no environment named 'def'" in nobody.stderr
    assert "Did you mean 'dev'?" in nobody.stderr
    (deployed / "environments/new.cfg").touch()
    assert "no rollout of new is recorded here" in depl("rollouts", "new", cwd=deployed).stderr


def test_what_was_put_back_has_failed_and_an_undo_has_not(depl, deployed):
    (deployed / "rollouts/quick.py").write_text(WAIT.replace('"true", undo', '"false", undo'))
    assert depl("rollout", "start", "quick", cwd=deployed).returncode == 3
    rows = [
        json.loads(line)
        for line in depl("rollouts", "--state", "failed", "--json", cwd=deployed).stdout.split("\n")[:-1]
    ]
    assert [(row["name"], row["state"]) for row in rows] == [("quick", "reversed")]


def test_a_program_reads_one_a_line(depl, deployed):
    rows = [json.loads(line) for line in depl("rollouts", "--json", cwd=deployed).stdout.splitlines()]
    assert [(row["name"], row["state"], row["interrupted"], row["undone_by"]) for row in rows] == [
        ("dev", "reversed", False, ""),
        ("quick", "succeeded", False, ""),
        ("dev", "succeeded", False, rows[0]["rollout"]),
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
    assert len(depl("rollouts", cwd=deployed).stdout.splitlines()) == 1 + 3


def test_one_that_was_cut_off_is_interrupted(depl, deployed):
    rollout = depl("rollouts", cwd=deployed).stdout.splitlines()[-1][:20]
    path = deployed / f".depl/rollouts/{rollout}.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "  running, interrupted  " in depl("rollouts", "--state", "interrupted", cwd=deployed).stdout
