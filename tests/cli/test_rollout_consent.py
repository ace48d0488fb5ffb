"""What an environment wants to be asked about is asked before a rollout deploys to it: when it starts, or is queued."""

from __future__ import annotations

import pytest

DEV = """\
[environment]
connect_method = local
{}
[hosts]
localhost = app
"""
APP = """\
from depl.component import Component


class App(Component):
    def verify(self):
        assert False

    def update(self):
        self.cmd("echo acted")
"""
GO = """\
from depl.rollout import Rollout
from depl.tasks import Delay, Deploy, Sequential


class Go(Rollout):
    def plan(self):
        return Sequential(Delay(seconds=0), Deploy("dev"))
"""
START, QUEUE, NEW = ("start", "go"), ("start", "go", "--queue"), ("new", "go", "--queue")


@pytest.fixture
def project_of(write):
    def make(settings):
        files = {"components/app/component.py": APP, "rollouts/go.py": GO}
        return write({"environments/dev.cfg": DEV.format(settings), **files})

    return make


@pytest.mark.parametrize("command", [START, QUEUE, NEW])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("confirm = True", "dev is protected (`confirm = True`)"),
        ("reversibility = ask", "these cannot be promised to be undone:\n  dev: app: call update() of App"),
    ],
)
def test_nothing_begins_where_nobody_can_be_asked(depl, project_of, command, settings, said):
    directory = project_of(settings)
    done = depl("rollout", *command, cwd=directory)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert done.stderr.rstrip().endswith("there is no terminal to ask on: add --yes")
    assert not (directory / ".depl" / "rollouts").exists()
    assert "acted" not in done.stdout


def test_who_says_yes_is_told_of_the_steps_and_goes_on(depl, project_of):
    done = depl("rollout", "start", "go", "--yes", cwd=project_of("reversibility = ask"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "these cannot be promised to be undone:" in done.stderr


def test_what_requires_a_way_back_is_refused_before_anything_begins(depl, project_of):
    directory = project_of("reversibility = required")
    done = depl("rollout", "start", "go", "--yes", cwd=directory)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 step cannot be promised to be undone, and the environment dev wants that" in done.stderr
    assert not (directory / ".depl" / "rollouts").exists()
