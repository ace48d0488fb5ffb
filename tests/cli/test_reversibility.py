"""`reversibility = required | ask | allow`, as users meet it."""

from __future__ import annotations

import json

import pytest

DEV = """\
[environment]
connect_method = local
reversibility = {}
[hosts]
localhost = app
"""
APP = """\
import os

from depl.component import Component
from depl.lib.file import File


class Step(Component):
    namevar = "command"
    WAY_BACK = ""

    def verify(self):
        with open(os.environ.get("LOOKS", os.devnull), "a") as looks:
            looks.write("x")
        assert self.parent.done

    def update(self):
        self.cmd(self.command)


class App(Component):
    done = False

    def configure(self):
        self += File("conf", content="x")
        self += Step("echo acted")
"""
DONE = APP.replace("done = False", "done = True")
DECLARED = APP.replace("WAY_BACK", "reverse_cmd").replace('= ""', '= "true"')
UNFORESEEN = APP.replace("def verify(self)", "def verify(self, predicting=False)").replace(
    "self.parent.done", "predicting"
)


@pytest.fixture
def project_of(write):
    def make(reversibility, app=APP):
        return write({"environments/dev.cfg": DEV.format(reversibility), "components/app/component.py": app})

    return make


def untouched(directory):
    return not (directory / "work").exists() and not (directory / ".depl").exists()


def test_where_a_way_back_is_required_a_run_without_one_is_refused_before_anything_is_changed(depl, project_of):
    directory = project_of("required")
    done = depl("local", "dev", cwd=directory)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: 1 step cannot be promised to be undone" in done.stderr
    assert "  localhost: app/Step(echo acted): call update() of Step('echo acted')  [unknown]\n" in done.stderr
    assert "hint: Declare their way back (`touches`, `owns_workdir`, `reverse_cmd`" in done.stderr
    assert untouched(directory)
    assert depl("local", "dev", "--yes", cwd=directory).returncode == 1


def test_what_is_declared_to_be_undone_is_done_and_the_plan_is_not_shown(depl, project_of):
    directory = project_of("required", DECLARED)
    done = depl("local", "dev", cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "would change" not in done.stdout
    assert done.stdout.count("new     ") == 1


def test_what_the_plan_did_not_foresee_fails_before_it_acts_and_is_put_back(depl, project_of):
    directory = project_of("required", UNFORESEEN)
    done = depl("local", "dev", cwd=directory)
    assert done.returncode == 3
    assert "its update() was not called: its way back is unknown" in done.stderr
    assert "acted" not in done.stdout.replace("echo acted", "")
    assert "everything is as it was before" in done.stdout
    assert not (directory / "work").exists()


def test_where_it_is_to_be_asked_the_steps_are_named_and_off_a_terminal_that_is_all(depl, project_of):
    directory = project_of("ask")
    done = depl("local", "dev", cwd=directory)
    assert (done.returncode, done.stdout) == (2, "")
    assert "these cannot be promised to be undone:\n  localhost: app/Step(echo acted): call" in done.stderr
    assert "add --yes or --confirm dev" in done.stderr
    assert untouched(directory)
    assert depl("local", "dev", "--confirm", "dev", cwd=directory).returncode == 0


def test_nobody_is_asked_where_all_can_be_undone_or_nothing_is_to_be_done(depl, project_of):
    assert depl("local", "dev", cwd=project_of("ask", DECLARED)).returncode == 0
    directory = project_of("ask", DONE)
    done = depl("local", "dev", cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to do" in done.stdout


@pytest.mark.parametrize(("reversibility", "times"), [("allow", 1), ("required", 2), ("ask", 2)])
def test_it_is_planned_once_and_only_where_that_is_needed(depl, project_of, reversibility, times):
    directory = project_of(reversibility, DECLARED)
    looks = directory / "looks"
    assert depl("local", "dev", cwd=directory, LOOKS=str(looks)).returncode == 0
    assert len(looks.read_text()) == times


def test_programs_read_one_run_and_what_was_refused(depl, project_of):
    done = depl("local", "dev", "--json", cwd=project_of("required", DECLARED))
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (events.count("started"), events[-1]) == (1, "end")
    refused = depl("local", "dev", "--json", cwd=project_of("required"))
    (event,) = [json.loads(line) for line in refused.stdout.splitlines()]
    assert (event["event"], event["exit_status"]) == ("error", 1)
    assert "app/Step(echo acted)" in event["error"]["message"]
