"""Tasks of rollouts deploy environments: here, on real projects, whose only host is this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from steps import STEP

from depl.cli.deployer import ProjectDeployer
from depl.cli.session import Session
from depl.deploy.begin import new_id
from depl.deploy.stop import Stop
from depl.errors import ConfigurationError, Interrupted, Mistakes, NothingToUndo
from depl.events import Output, What
from depl.rollout.recovery import DONE, HALF_DONE, NOT_STARTED, REVERSED
from depl.tasks.deployer import Part

ENVIRONMENT = """\
[environment]
connect_method = local
[hosts]
localhost = app, other
[host:localhost]
app.text = said by the host
"""
APP = (
    STEP
    + """\
class App(Component):
    text = "default"
    port: int = 80
    command = "true"
    words = {"some", "words", "in", "a", "set"}

    def configure(self):
        self += File(f"{self.environment.name}.txt", content="{{component.text}} {{component.port}}\\n")
        self += Step(self.command)
"""
)
OTHER = """\
from depl.component import Component


class Other(Component):
    pass
"""
FAILING = {"app.command": "echo sad news; exit 7"}


class Project:
    """A project with the environments dev and test, and what was told of its deployments."""

    def __init__(self, base):
        self.base, self.told = base, []
        self.deployer = self.another()

    def another(self):
        """A deployer for the same project, as another process has one."""
        session = Session()
        session._base = str(self.base)
        return ProjectDeployer(session)

    def deploy(self, environment="dev", on_failure=lambda: "rollback", rollout=None, **part):
        self.rollout = rollout or new_id()
        return self.deployer.deploy(Part(environment, **part), self.rollout, Stop(), self.told.append, on_failure)

    def undo(self, rollout=None, environment="dev"):
        return self.deployer.undo(environment, rollout, Stop(), self.told.append)

    def look(self, rollout=None):
        return self.deployer.look("dev", rollout or self.rollout)

    def text(self, environment="dev"):
        path = self.base / "work" / "app" / f"{environment}.txt"
        return path.read_text() if path.exists() else None


@pytest.fixture
def project_here(write):
    return Project(
        write(
            {
                "environments/dev.cfg": ENVIRONMENT,
                "environments/test.cfg": ENVIRONMENT,
                "components/app/component.py": APP,
                "components/other/component.py": OTHER,
            }
        )
    )


def test_an_override_counts_more_than_what_the_environment_says(project_here):
    outcome = project_here.deploy(overrides={"app.text": "overridden", "app.port": "8080"})
    assert (outcome.status, project_here.text()) == ("succeeded", "overridden 8080\n")


def test_a_deployment_has_the_name_that_it_is_given_and_leaves_no_record_of_its_own(project_here):
    outcome = project_here.deploy(rollout="20260102-030405-abcd")
    assert outcome.rollout == "20260102-030405-abcd"
    assert not (project_here.base / ".depl" / "rollouts").exists()
    assert [event.what for event in project_here.told if not isinstance(event, Output)][-1] is What.OVER


def test_what_changes_nothing_is_told_so(project_here):
    project_here.deploy()
    outcome = project_here.deploy()
    assert (outcome.status, outcome.rollout, project_here.look()) == ("nothing", None, NOT_STARTED)


def test_a_failure_puts_everything_back(project_here):
    outcome = project_here.deploy(overrides=FAILING)
    assert (outcome.status, project_here.text(), project_here.look()) == ("reversed", None, REVERSED)
    assert "sad news" in "".join(event.text for event in project_here.told if isinstance(event, Output))


def test_a_failure_leaves_things_as_they_are_if_that_is_wished_by_then(project_here):
    wishes = ["stop"]
    outcome = project_here.deploy(overrides=FAILING, on_failure=wishes.pop)
    assert (outcome.status, wishes) == ("stopped", [])
    assert (project_here.text(), project_here.look()) == ("said by the host 80\n", HALF_DONE)
    assert project_here.undo(project_here.rollout).status == "reversed"
    assert (project_here.text(), project_here.look()) == (None, REVERSED)


def test_a_deployment_is_taken_back_by_its_name(project_here):
    project_here.deploy(overrides={"app.text": "first"})
    first = project_here.rollout
    project_here.deploy(overrides={"app.text": "second"})
    assert (project_here.look(first), project_here.look()) == (DONE, DONE)
    assert project_here.undo(project_here.rollout).status == "reversed"
    assert project_here.text() == "first 80\n"
    assert (project_here.look(first), project_here.look()) == (DONE, REVERSED)


def test_what_became_of_an_undo_is_known(project_here):
    project_here.deploy()
    undo = project_here.undo().rollout
    assert project_here.look(undo) == DONE
    assert project_here.undo(undo).status == "redone"
    assert (project_here.look(undo), project_here.look()) == (REVERSED, DONE)


def test_what_nobody_knows_cannot_be_taken_back(project_here):
    assert project_here.look("20260102-030405-abcd") == NOT_STARTED
    with pytest.raises(NothingToUndo):
        project_here.undo("20260102-030405-abcd")


def test_the_command_line_takes_back_what_a_task_deployed(project_here, depl):
    project_here.deploy()
    assert depl("undo", "dev", cwd=project_here.base).returncode == 0
    assert (project_here.text(), project_here.look()) == (None, REVERSED)


def test_environments_are_deployed_by_threads_at_the_same_time(project_here):
    together = Barrier(2)

    def deploy(environment):
        together.wait(30)
        return project_here.deployer.deploy(
            Part(environment), new_id(), Stop(), lambda _: None, lambda: "rollback"
        ).status

    before = os.getcwd()
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(deploy, ["dev", "test"])) == ["succeeded", "succeeded"]
    assert os.getcwd() == before
    assert [project_here.text(name) for name in ("dev", "test")] == ["said by the host 80\n"] * 2


def test_whoever_waits_for_another_environment_here_can_be_asked_to_end(project_here):
    busy, go_on = project_here.base / "busy", project_here.base / "go_on"
    command = f"touch {busy}; until test -e {go_on}; do sleep 0.05; done"
    stop = Stop()
    stop.abort()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(project_here.deploy, overrides={"app.command": command})
        try:
            end = time.monotonic() + 60
            while not busy.exists() and not first.done() and time.monotonic() < end:
                time.sleep(0.05)
            with pytest.raises(Interrupted):
                project_here.another().deploy(Part("test"), new_id(), stop, lambda _: None, lambda: "rollback")
        finally:
            go_on.touch()
        assert first.result(60).status == "succeeded"
    assert project_here.text("test") is None


def test_what_a_deployment_would_change_is_told_and_counted(project_here):
    assert project_here.deployer.changes(Part("dev"), project_here.told.append) == 2
    assert project_here.text() is None
    project_here.deploy()
    assert project_here.deployer.changes(Part("dev"), project_here.told.append) == 0


def test_all_root_components_that_are_meant_are_foreseen(project_here):
    foresee = project_here.deployer.foresee
    assert foresee(Part("dev")).tasks == ["app@localhost", "other@localhost"]
    assert foresee(Part("dev", components=["o*"])).tasks == ["other@localhost"]


def test_a_digest_is_the_same_in_any_process(project_here, project):
    script = (
        "from depl.cli.deployer import *\nfrom depl.cli.session import Session\n"
        "print(ProjectDeployer(Session()).foresee(Part('dev')).digest)"
    )
    digests = {project_here.deployer.foresee(Part("dev")).digest}
    for seed in ("1", "2"):
        surroundings = {**os.environ, "PYTHONPATH": str(project / "src"), "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=project_here.base, env=surroundings, capture_output=True, text=True
        )
        digests.add(done.stdout.strip() or done.stderr)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("environments/dev.cfg", "said by the host", "said by others"),
        ("environments/dev.cfg", "[host:localhost]", "[host:localhost]\naddress = 127.0.0.1"),
        ("components/app/component.py", "port: int = 80", "port: int = 81"),
        ("components/app/component.py", "self.cmd(self.command)", "self.cmd('true')"),
        ("components/app/words.txt", "some", "others"),
    ],
)
def test_a_digest_is_another_one_once_something_changed(project_here, file, before, after):
    path = project_here.base / file
    if not path.exists():
        path.write_text("some words")
    known = project_here.deployer.foresee(Part("dev")).digest
    path.write_text(path.read_text().replace(before, after))
    assert project_here.deployer.foresee(Part("dev")).digest != known


def test_a_digest_is_another_one_for_other_overrides(project_here):
    digests = {
        project_here.deployer.foresee(Part("dev", overrides=overrides)).digest
        for overrides in ({}, {"app.text": "one"}, {"app.text": "two"})
    }
    assert len(digests) == 3


def test_an_environment_is_deployed_in_other_stages_than_it_says_where_they_mean_hosts(project_here):
    hosts = "".join(f"[host:{name}]\ncomponents = app\ntarget_directory = {name}\n" for name in ("one", "two"))
    (project_here.base / "environments/dev.cfg").write_text(f"[environment]\nconnect_method = local\n{hosts}")
    known = project_here.deployer.foresee(Part("dev")).digest
    assert project_here.deployer.foresee(Part("dev", stages=("one", "all"))).digest != known
    with pytest.raises(Mistakes) as caught:
        project_here.deployer.foresee(Part("dev", stages=("three",)))
    assert [one.message for one in caught.value.mistakes] == ["no host is called 'three', which stands in `stages`"]
    with pytest.raises(ConfigurationError, match="test is deployed here, on its only host: it has no stages"):
        project_here.deployer.foresee(Part("test", stages=("one",)))


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("app.txet", "x", "The component 'app' has no attribute 'txet' (the override 'app.txet')"),
        ("app.configure", "x", "(the override 'app.configure')"),
        ("ap.text", "x", "There is no component 'ap'; the override 'ap.text' overrides it"),
        ("step.command", "x", "the override 'step.command' has no effect: the host 'localhost' does not have"),
        ("text", "x", "The override 'text' names no attribute"),
        ("app.port", "many", "attribute 'port' of 'app' is 'many', which is not a whole number"),
    ],
)
def test_a_mistake_in_an_override_is_told_with_its_name(project_here, key, value, mistake):
    with pytest.raises(Mistakes) as caught:
        project_here.deployer.foresee(Part("dev", overrides={key: value}))
    (only,) = caught.value.mistakes
    assert isinstance(only, ConfigurationError)
    assert mistake in only.message
    assert key in only.message + only.hint
    assert ":0" not in only.place
