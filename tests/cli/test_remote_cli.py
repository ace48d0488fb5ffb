"""`depl remote` and `depl undo` over hosts, as their users meet them; the hosts are agents on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from steps import STEP

ENVIRONMENT = """\
[environment]
connect_method = {method}
{settings}
[hosts]
db = db
web[1..2] = web
!old = web
[host:db]
target_directory = {base}/t/db
[host:web1]
target_directory = {base}/t/web1
[host:web2]
target_directory = {base}/t/web2
"""
DB = """\
from depl.component import Component
from depl.lib.file import File


class Db(Component):
    def configure(self):
        self.provide("db", "db:5432")
        self += File("db.conf", content="port = 5432\\n")
"""
WEB = (
    STEP
    + """\
class Web(Component):
    command = "echo ready"

    def configure(self):
        self.db = self.require_one("db")
        self += File("web.conf", content="db = {{component.db}}\\n")
        self += Step(self.command)
"""
)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Where the agent is unpacked, once for all tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def cluster_of(write, tmp_path):
    """A project with an environment `live` of three hosts, and one that is ignored."""

    def make(method="local", settings="", web=WEB):
        environment = ENVIRONMENT.format(method=method, settings=settings, base=tmp_path)
        return write(
            {
                "environments/live/environment.cfg": environment,
                "components/db/component.py": DB,
                "components/web/component.py": web,
            }
        )

    return make


@pytest.fixture
def call(depl, home):
    return lambda *arguments, cwd, **more: depl(*arguments, cwd=cwd, HOME=str(home), **more)


def targets(project):
    directory = project.parent / "t"
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink() and ".depl" not in path.parts and "project" not in path.parts
    )


DEPLOYED = ["db/work/db/db.conf", "web1/work/web/web.conf", "web2/work/web/web.conf"]


def test_all_hosts_are_deployed_and_the_rest_is_told(call, cluster_of):
    project = cluster_of()
    done = call("remote", "live", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "live/old: skipped, the environment ignores this host"
    assert "web1: web/File(web.conf): there is nothing, not a file" in lines
    assert "web2: web/Step(echo ready) | ready" in lines
    assert lines[-9:-6] == [
        "db: 1 component changed, 1 change (exact)",
        "web1: 2 components changed, 2 changes (1 exact, 1 unknown)",
        "web2: 2 components changed, 2 changes (1 exact, 1 unknown)",
    ]
    assert lines[-6].startswith("live: 5 components changed on 3 of 3 hosts, 5 changes (3 exact, 2 unknown) in ")
    assert lines[-5] == "web1: these cannot be promised to be undone:"
    assert lines[-4].startswith("  run     echo ready  [unknown: its component is new on the host")
    assert lines[-1] == "  take it back with: depl undo live"
    assert targets(project) == DEPLOYED


def test_a_second_run_is_a_line_a_host_and_an_undo_puts_everything_back(call, cluster_of):
    project = cluster_of()
    call("remote", "live", cwd=project)
    again = call("remote", "live", "--timing", cwd=project).stdout.splitlines()
    assert again[1:4] == ["db: nothing to do", "web1: nothing to do", "web2: nothing to do"]
    assert again[4].startswith("live: nothing to do (3 hosts, 8 components, ")
    assert again[5] == "time by component:"
    assert again[-1].startswith("longest chain (")
    plan = call("undo", "live", "--plan", cwd=project)
    assert f"web1: web/File(web.conf): remove  {project.parent}/t/web1/work/web/web.conf  [exact]" in plan.stdout
    assert targets(project) == DEPLOYED
    undone = call("undo", "live", "--json", cwd=project)
    last = json.loads(undone.stdout.splitlines()[-1])
    assert (undone.returncode, last["event"], last["exit_status"]) == (0, "end", 0)
    assert targets(project) == []
    nothing = call("undo", "live", cwd=project)
    assert nothing.returncode == 1
    assert "there is no rollout of live to undo" in nothing.stderr


def test_a_plan_touches_nothing_and_has_a_status_for_what_is_pending(call, cluster_of):
    project = cluster_of()
    done = call("remote", "live", "--plan", "--exit-code", "--host", "web*", "--component", "w*", cwd=project)
    assert done.returncode == 6
    lines = done.stdout.splitlines()
    assert lines[0] == "required, but not deployed now: db@db"
    assert "      +db = db:5432" in lines
    assert "web1: 2 components would change, 2 changes (1 exact, 1 unknown)" in lines
    assert targets(project) == []


def test_a_failure_names_host_and_place_and_everything_is_put_back(call, cluster_of):
    project = cluster_of(settings="jobs = 1", web=WEB.replace('"echo ready"', '"echo sad news; exit 7"'))
    done = call("remote", "live", cwd=project)
    assert done.returncode == 3, done.stderr
    assert "error: web1: the command `echo sad news; exit 7` exited with status 7" in done.stderr
    assert "  at components/web/component.py:" in done.stderr
    assert "db: undo: remove " in done.stdout
    assert "\nlive: failed after " in done.stdout
    assert targets(project) == []


def test_events_in_json_say_on_which_host(call, cluster_of):
    done = call("remote", "live", "--json", "--host", "db", cwd=cluster_of())
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["schema"] for event in events} == {1}
    assert [event["host"] for event in events if event["event"] == "task_done"] == ["db"]
    assert (events[-1]["event"], events[-1]["exit_status"]) == ("end", 0)


def test_ctrl_c_puts_everything_back(call, cluster_of, project, home):
    directory = cluster_of(web=WEB.replace('"echo ready"', '"echo working; sleep 2"'))
    surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(project / "src"), "HOME": str(home)}
    command = [sys.executable, "-m", "depl", "remote", "live"]
    with subprocess.Popen(command, cwd=directory, env=surroundings, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "| working" in line:
                running.send_signal(signal.SIGINT)
                break
        rest = running.stdout.read()
    assert running.returncode == 130
    assert "live: interrupted after " in rest
    assert targets(directory) == []


def test_what_depl_local_did_comes_first_unless_the_hosts_were_later(call, cluster_of):
    project = cluster_of()
    call("local", "live", "db", cwd=project)
    time.sleep(1.1)  # the names of rollouts sort by their second
    call("remote", "live", "--host", "db", cwd=project)
    assert call("undo", "live", cwd=project).returncode == 0
    assert targets(project) == []
    assert (project / "work/db/db.conf").exists()
    assert call("undo", "live", cwd=project).returncode == 0
    assert not (project / "work").exists()


def refused(done, *sentences):
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    for sentence in sentences:
        assert sentence in done.stderr


def test_all_mistakes_are_told_before_any_connection(call, cluster_of):
    project = cluster_of("ssh", settings="nonsense = 1", web="this is no Python\n")
    refused(call("remote", "live", cwd=project), "nonsense", "component.py", "mistakes in the configuration")


def test_a_name_that_nothing_has_is_a_mistake(call, cluster_of):
    project = cluster_of("ssh")
    refused(
        call("remote", "live", "--host", "wbe1", cwd=project), "no host of the environment live named 'wbe1'", "web1"
    )
    refused(call("remote", "live", "--component", "x*", cwd=project), "there is no component of live named 'x*'")


def test_vagrant_is_not_supported(call, cluster_of):
    refused(call("remote", "live", cwd=cluster_of("vagrant")), "not supported by remote", "connect_method = ssh")


def test_where_all_hosts_are_ignored_there_is_nothing_left(call, cluster_of):
    done = call("remote", "live", "--host", "old", cwd=cluster_of("ssh"))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "live/old: skipped, the environment ignores this host",
        "live: no host is left to deploy to",
    ]


def test_a_protected_environment_is_asked_about(call, cluster_of):
    project = cluster_of("ssh", settings="confirm = True")
    done = call("remote", "live", cwd=project)
    assert done.returncode == 2
    assert "--confirm live" in done.stderr


def test_what_cannot_be_asked_off_a_terminal_is_refused_before_anything_is_looked_at(call, cluster_of):
    done = call("remote", "live", "--ask", cwd=cluster_of())
    assert done.returncode == 2
    assert "no terminal to ask on: add --yes" in done.stderr
    assert "would change" not in done.stdout
    assert call("remote", "live", "--ask", "--yes", cwd=cluster_of()).returncode == 0


UNSURE = WEB.replace("self.parent.assert_no_changes()", "assert False, 'always'")
UNFORESEEN = UNSURE.replace("def verify(self):", "def verify(self, predicting=False):\n        assert predicting")
UNFORESEEN = UNFORESEEN.replace("        assert False, 'always'\n", "")


def test_steps_without_a_way_back_are_refused_with_their_hosts_where_that_is_required(call, cluster_of):
    project = cluster_of(settings="reversibility = required", web=UNSURE)
    done = call("remote", "live", cwd=project)
    assert done.returncode == 1
    assert "error: 2 steps cannot be promised to be undone" in done.stderr
    for host in ("web1", "web2"):
        assert f"  {host}: web/Step(echo ready): call update() of Step('echo ready')  [unknown]" in done.stderr
    assert "would change" not in done.stdout
    assert targets(project) == []


def test_what_was_not_foreseen_is_refused_on_the_host_and_all_is_put_back(call, cluster_of):
    project = cluster_of(settings="reversibility = required", web=UNFORESEEN)
    done = call("remote", "live", cwd=project)
    assert done.returncode == 3, done.stdout
    assert "its update() was not called: its way back is unknown" in done.stderr
    assert "everything is as it was before" in done.stdout
    assert targets(project) == []


def test_another_machines_work_is_done_there_rather_than_here(call, cluster_of):
    done = call("local", "live", "web1", cwd=cluster_of("ssh"))
    refused(done, "hint: To do it over SSH: depl remote live --host web1\n", "depl local live web1 --here")
    assert done.stderr.index("--host web1") < done.stderr.index("--here")


def test_a_check_finds_what_cannot_travel_to_the_hosts(call, cluster_of):
    for method, status in (("ssh", 1), ("local", 0)):
        asks = "self.require(min, strict=False)"
        project = cluster_of(method, web=WEB.replace("self.db =", f"{asks}\n        self.db ="))
        done = call("check", "live", cwd=project)
        assert done.returncode == status, done.stderr
        assert ("a key has to be data" in done.stderr) == bool(status)
    assert targets(project) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--exit-code"], "--exit-code goes with --plan"),
        (["--wait", "--take-over"], "--wait and --take-over exclude each other"),
        (["--quiet", "--verbose"], "--quiet and --verbose exclude each other"),
        (["--confirm", "dev"], "--confirm names dev, but the command is about live"),
        (["--jobs", "0"], "--jobs"),
        (["--on-failure", "cry"], "--on-failure"),
    ],
)
def test_what_makes_no_sense_on_the_command_line_is_refused(arguments, sentence, call, cluster_of):
    done = call("remote", "live", *arguments, cwd=cluster_of("ssh"))
    assert done.returncode == 2
    assert sentence in done.stderr


def test_hosts_that_cannot_be_reached_are_named_and_nothing_is_changed(call, write):
    environment = "[environment]\ntimeout = 2\n[hosts]\ndb = db\n[host:db]\naddress = 127.0.0.99\nport = 1\n"
    component = DB.replace('self.provide("db", "db:5432")', "pass")
    project = write({"environments/live.cfg": environment, "components/db/component.py": component})
    done = call("remote", "live", cwd=project)
    assert done.returncode == 3
    assert "127.0.0.99" in done.stderr
    assert "live: failed after" in done.stdout
    plan = call("remote", "live", "--plan", cwd=project)
    assert plan.returncode == 3
    assert "live: nothing could be looked at, because 1 of 1 host is not ready" in plan.stdout
    undone = call("undo", "live", cwd=project)
    assert undone.returncode == 3
    assert "127.0.0.99" in undone.stderr


def test_trust_off_a_terminal_needs_an_answer_and_a_host_that_exists(call, cluster_of):
    project = cluster_of("ssh")
    refused(call("trust", "live", "wbe1", cwd=project), "no host of the environment live named 'wbe1'")
    refused(call("trust", "lvie", "web1", cwd=project), "no environment 'lvie'")
