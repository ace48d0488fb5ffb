"""Tasks of rollouts deploy environments over a real sshd."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from steps import STEP

from depl.cli.deployer import ProjectDeployer
from depl.cli.session import Session
from depl.deploy.begin import new_id
from depl.deploy.stop import Stop
from depl.errors import NothingToUndo, Unreachable
from depl.rollout.recovery import DONE, HALF_DONE, NOT_STARTED, REVERSED
from depl.tasks.deployer import Part

WEB = (
    STEP
    + """\
class Web(Component):
    text = "default"
    command = "true"

    def configure(self):
        self += File("web.conf", content="{{component.text}}\\n")
        self += Step(self.command)
"""
)
HOSTS = """\
[hosts]
one = web
two = web
!gone = web
[host:one]
address = {}
[host:two]
address = {}
[host:gone]
address = 127.0.0.39
"""
FAILING_ON_TWO = "test {{host.name}} = one || { echo sad news; exit 7; }"


@pytest.fixture
def environments(site, monkeypatch):
    """A deployer for a project with two environments on two hosts each."""
    for name, value in (("HOME", str(site.home)), ("SSH_AUTH_SOCK", ""), ("XDG_CACHE_HOME", str(site.home / "cache"))):
        monkeypatch.setenv(name, value)
    site.write({"components/web/component.py": WEB})
    site.environment(HOSTS.format("127.0.0.1", "127.0.0.2"))
    site.environment(HOSTS.format("127.0.0.3", "127.0.0.4"), name="staging")
    session = Session()
    session._base = str(site.directory)
    return ProjectDeployer(session)


def deploy(deployer, environment="live", on_failure="rollback", rollout=None, **part):
    rollout = rollout or new_id()
    told = []
    return deployer.deploy(Part(environment, **part), rollout, Stop(), told.append, lambda: on_failure), told


def text(site, address):
    path = site.target(address) / "work" / "web" / "web.conf"
    return path.read_text() if path.exists() else None


def texts(site, *addresses):
    return [text(site, address) for address in addresses or ("127.0.0.1", "127.0.0.2")]


def test_a_part_is_deployed_with_its_overrides_and_taken_back_by_name(site, environments):
    first, second = "20260102-030405-aaaa", "20260102-030405-bbbb"
    assert environments.look("live", first) == NOT_STARTED
    assert environments.foresee(Part("live", hosts=["o*"])).tasks == ["web@one"]
    outcome, _ = deploy(environments, rollout=first, hosts=["one"], overrides={"web.text": "canary"})
    assert (outcome.status, outcome.rollout, texts(site)) == ("succeeded", first, ["canary\n", None])
    assert environments.changes(Part("live", overrides={"web.text": "canary"}), lambda _: None) == 2
    deploy(environments, rollout=second, overrides={"web.text": "canary"})
    assert texts(site) == ["canary\n", "canary\n"]
    assert (environments.look("live", first), environments.look("live", second)) == (DONE, DONE)
    assert deploy(environments, overrides={"web.text": "canary"})[0].status == "nothing"
    assert not (site.directory / ".depl" / "rollouts").exists()

    assert environments.undo("live", second, Stop(), lambda _: None).status == "reversed"
    assert texts(site) == ["canary\n", None]
    assert (environments.look("live", first), environments.look("live", second)) == (DONE, REVERSED)
    with pytest.raises(NothingToUndo):
        environments.undo("live", second, Stop(), lambda _: None)
    assert environments.undo("live", None, Stop(), lambda _: None).status == "reversed"
    assert texts(site) == [None, None]


def test_a_failure_is_put_back_everywhere_or_left_as_it_is(site, environments):
    id = new_id()
    outcome, told = deploy(environments, rollout=id, overrides={"web.command": FAILING_ON_TWO})
    assert (outcome.status, texts(site), environments.look("live", id)) == ("reversed", [None, None], REVERSED)
    assert "sad news\n" in [getattr(one, "text", "") for one in told]
    id = new_id()
    outcome, _ = deploy(environments, "live", "stop", id, overrides={"web.command": FAILING_ON_TWO})
    assert (outcome.status, environments.look("live", id)) == ("stopped", HALF_DONE)
    assert text(site, "127.0.0.2") == "default\n"
    assert environments.undo("live", id, Stop(), lambda _: None).status == "reversed"
    assert (texts(site), environments.look("live", id)) == ([None, None], REVERSED)


def test_environments_are_deployed_by_threads_at_the_same_time(site, environments):
    together = Barrier(2)

    def begin(environment):
        together.wait(30)
        return deploy(environments, environment, overrides={"web.text": environment})[0].status

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(begin, ["live", "staging"])) == ["succeeded", "succeeded"]
    assert texts(site) == ["live\n"] * 2
    assert texts(site, "127.0.0.3", "127.0.0.4") == ["staging\n"] * 2


def test_what_became_of_a_rollout_is_not_guessed_where_a_host_does_not_answer(site, environments):
    site.environment(HOSTS.format("127.0.0.1", "127.0.0.99"))
    with pytest.raises(Unreachable):
        environments.look("live", new_id())


SECRET = """\
import json, sys
from depl.cli.deployer import *
told = []
deployer, part = ProjectDeployer(Session()), Part("live")
before = deployer.foresee(part).digest
outcome = deployer.deploy(part, "20260102-030405-aaaa", Stop(), told.append, lambda: "rollback")
print(json.dumps([before, deployer.foresee(part).digest, outcome.status, [repr(one) for one in told]]), flush=True)
"""


def test_what_is_told_is_filtered_and_a_secret_counts_in_the_digest(site, environments, vault_of):
    vault = vault_of(site)
    digests = set()
    for value in ("open sesame", "open parsley"):
        vault.set(("component:web", "text"), value)
        vault.save()
        site.environment(HOSTS.format("127.0.0.1", "127.0.0.2") + f"[component:web]\ncommand = echo {value}\n")
        done = subprocess.run(
            [sys.executable, "-c", SECRET],
            cwd=site.directory,
            env=site.surroundings(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        before, after, status, told = json.loads(done.stdout)
        assert before == after
        digests.add(before)
        assert (status, texts(site)) == ("succeeded", [f"{value}\n"] * 2)
        assert "echo " in " ".join(told)
        assert value not in done.stdout
    assert len(digests) == 2
