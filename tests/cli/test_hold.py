"""`depl hold` and `depl release`, and what they and the lock of an environment mean to local, remote and undo."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from depl.rollout.locks import EnvironmentLocks

SECRET = "Pass-Wort-9x1"
PROJECT = "[notify]\ntargets =\n  command cat >> told.json; echo >> told.json\n"


def lines(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def tree(base: Path) -> dict[str, tuple[int, int]]:
    """All below, with inode and time."""
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in [base, *base.rglob("*")]}


def test_what_is_held_is_listed_refused_and_released(depl, service):
    depl("local", "dev", cwd=service)
    deployed = tree(service / "work")
    held = depl("hold", "dev", "--reason", "the  fair\nis on", cwd=service)
    assert held.returncode == 0, held.stderr
    assert ": the fair is on\n" in held.stdout
    assert "depl release dev" in held.stdout
    for command in (["local", "dev"], ["remote", "dev"], ["undo", "dev"]):
        refused = depl(*command, cwd=service)
        assert refused.returncode == 5, (command, refused.stderr)
        assert "error: dev is held by " in refused.stderr and ": the fair is on\n" in refused.stderr
        assert "depl release dev" in refused.stderr
    assert tree(service / "work") == deployed
    assert "dev is held by " in depl("hold", cwd=service).stdout
    again = depl("hold", "dev", "--reason", "me too", cwd=service)
    assert (again.returncode, "the fair is on" in again.stderr) == (5, True)
    assert depl("release", "dev", cwd=service).returncode == 0
    assert depl("local", "dev", cwd=service).returncode == 0
    assert depl("hold", cwd=service).stdout == "no environment is held\n"
    assert depl("release", "dev", cwd=service).stdout == "dev is not held\n"


def test_plans_stay_possible_and_say_that_nothing_can_be_changed(depl, service):
    depl("local", "dev", cwd=service)
    depl("hold", "dev", "--reason", "the fair is on", cwd=service)
    for command in (["local", "dev", "--plan"], ["undo", "dev", "--plan"]):
        planned = depl(*command, cwd=service)
        assert planned.returncode == 0
        assert "warning: dev is held by " in planned.stderr


def test_holds_as_json(depl, service):
    [held] = lines(depl("hold", "dev", "--reason", "the fair is on", "--for", "2 h", "--json", cwd=service))
    assert (held["event"], held["environment"], held["hold"]["reason"]) == ("environment_held", "dev", "the fair is on")
    assert held["hold"]["until"] > held["hold"]["since"]
    assert [line["hold"] for line in lines(depl("hold", "--json", cwd=service))] == [held["hold"]]
    *_, refused = lines(depl("local", "dev", "--json", cwd=service))
    assert (refused["error"]["class"], refused["exit_status"]) == ("Locked", 5)
    [released] = lines(depl("release", "dev", "--json", cwd=service))
    assert (released["event"], released["hold"]) == ("environment_released", held["hold"])


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["dev"], 2, "say why: --reason TEXT"),
        (["dev", "--reason", " "], 2, "a reason is needed"),
        (["--reason", "x"], 2, "--reason and --for go with ENV"),
        (["dev", "--reason", "x", "--for", "soon"], 2, "'soon' is not a number of seconds"),
        (["nowhere", "--reason", "x"], 1, "There is no environment 'nowhere'"),
    ],
)
def test_what_cannot_be_held_is_told(arguments, status, told, depl, service):
    done = depl("hold", *arguments, cwd=service)
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr
    assert not (service / ".depl").exists()


def test_the_reason_is_asked_for_at_a_terminal(service, project):
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "depl", "hold", "dev"],
        cwd=service,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(mine, b"the fair is on\n")
    out, err = process.communicate(timeout=60)
    os.close(mine)
    os.close(its)
    assert (process.returncode, "Why is dev held: " in err, ": the fair is on\n" in out) == (0, True, True), err


@pytest.fixture
def waiting(depl, service) -> Path:
    """The record of a rollout that waits and has the environment."""
    depl("local", "dev", cwd=service)
    EnvironmentLocks(str(service / ".depl")).take(["dev"], "20260102-030405-ab12", "alice@here").leave("blocked")
    record = service / ".depl/rollouts/20260102-030405-ab12.jsonl"
    record.write_text(recorded("started"))
    return record


def recorded(*what: str) -> str:
    line = {"schema": 1, "at": "2026-01-02T03:04:05Z", "task": None, "component": None, "data": {}}
    return "".join(json.dumps({**line, "n": number, "what": one}) + "\n" for number, one in enumerate(what, 1))


def test_a_rollout_that_waits_keeps_the_environment_from_deployments(depl, service, waiting):
    for command in (["local", "dev"], ["undo", "dev"]):
        refused = depl(*command, cwd=service)
        assert refused.returncode == 5
        assert "rollout 20260102-030405-ab12 of alice@here has dev since " in refused.stderr
        assert "`depl rollout resume 20260102-030405-ab12`" in refused.stderr
    assert depl("local", "dev", "--plan", cwd=service).returncode == 0


def test_a_rollout_that_waited_and_is_over_by_its_record_is_in_nobodys_way(depl, service, waiting):
    waiting.write_text(recorded("started", "over"))
    assert depl("local", "dev", cwd=service).returncode == 0


def test_an_interrupted_rollout_is_taken_over_and_a_run_that_changes_something_says_whose_it_was(depl, service):
    locks = EnvironmentLocks(str(service / ".depl"))
    locks.take(["dev"], "20260102-030405-ab12", "alice@here").give_back()
    assert depl("local", "dev", cwd=service).returncode == 0
    assert (locks.owner("dev").rollout, locks.owner("dev").state) == ("", "over")


def test_whoever_is_at_work_is_named_and_waited_for(depl, service, project):
    with EnvironmentLocks(str(service / ".depl")).take(["dev"], "20260102-030405-ab12", "alice@here") as held:
        refused = depl("local", "dev", cwd=service)
        assert refused.returncode == 5
        assert "alice@here is at work on dev since " in refused.stderr
        waiting = subprocess.Popen(
            [sys.executable, "-m", "depl", "local", "dev", "--wait", "--json"],
            cwd=service,
            env={**os.environ, "PYTHONPATH": str(project / "src")},
            stdout=subprocess.PIPE,
            text=True,
        )
        first = json.loads(waiting.stdout.readline())
        assert (first["event"], "waiting: alice@here" in first["data"]["text"]) == ("warning", True)
        held.release()
    out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, json.loads(out.splitlines()[-1])["event"]) == (0, "end")


def test_a_run_without_anything_to_do_writes_nothing_and_tells_nobody(depl, service):
    (service / "depl.cfg").write_text(PROJECT)
    depl("local", "dev", cwd=service)
    (service / "told.json").unlink()
    before = tree(service)
    assert "nothing to do" in depl("local", "dev", cwd=service).stdout
    assert tree(service) == before


def test_people_are_told_how_a_run_ended(depl, service):
    (service / "depl.cfg").write_text(PROJECT)
    assert depl("local", "dev", cwd=service).returncode == 0
    component = service / "components/hello/component.py"
    component.write_text(component.read_text() + "        self += File('no/where/x', content='', mode='nonsense')\n")
    component.write_text(component.read_text().replace("Hello!", "Bye!").replace(", mode='nonsense'", ""))
    assert depl("local", "dev", cwd=service).returncode == 3
    assert depl("undo", "dev", cwd=service).returncode == 0
    told = [json.loads(line) for line in (service / "told.json").read_text().splitlines()]
    assert [(one["kind"], one["state"]) for one in told] == [
        ("end", "succeeded"),
        ("failure", "reversed"),
        ("end", "reversed"),
    ]
    assert all(one["environments"] == ["dev"] and one["rollout"] and one["who"] for one in told)
    assert "no/where" in told[1]["reason"]


def test_what_cannot_be_told_is_a_warning(depl, service):
    (service / "depl.cfg").write_text("[notify]\ntargets = command false\n")
    done = depl("local", "dev", cwd=service)
    assert (done.returncode, done.stderr) == (
        0,
        "warning: command false was not told of end: it ended with status 1\n",
    )


def test_neither_a_reason_nor_what_people_are_told_repeats_a_secret(depl, write):
    component = """\
        from depl.component import Component


        class App(Component):
            password = ""

            def verify(self):
                assert False

            def update(self):
                raise ValueError("not with " + self.password)
        """
    base = write(
        {
            "environments/dev/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n",
            "environments/dev/secrets.cfg.age": f"[depl]\nformat = 1\n\n[component:app]\n"
            f"password = !command printf {SECRET}\n",
            "components/app/component.py": component,
            "depl.cfg": PROJECT,
        }
    )
    assert depl("local", "dev", cwd=base).returncode == 3
    assert "not with ‹secret app.password" in (base / "told.json").read_text()
    held = depl("hold", "dev", "--reason", f"{SECRET} leaked", cwd=base)
    assert "‹secret app.password" in held.stdout
    assert "‹secret app.password" in depl("local", "dev", cwd=base).stderr
    found = [path for path in base.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert found == [base / "environments/dev/secrets.cfg.age"]


def test_where_another_process_holds_the_file_of_the_lock_only_its_number_is_known(depl, service):
    depl("local", "dev", cwd=service)
    with open(service / ".depl/locks/dev") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = depl("local", "dev", cwd=service)
    assert "somebody else is at work on dev" in refused.stderr


def test_a_rollout_that_was_refused_is_not_taken_for_one_that_was_interrupted(depl, write, service):
    write(
        {
            "rollouts/greet.py": """\
                from depl.rollout import Rollout
                from depl.tasks import Deploy


                class Greet(Rollout):
                    def plan(self):
                        return Deploy("dev")
                """
        }
    )
    depl("hold", "dev", "--reason", "the fair is on", cwd=service)
    assert depl("rollout", "start", "greet", cwd=service).returncode == 5
    assert "dev is released; " in depl("release", "dev", cwd=service).stdout
    done = depl("rollout", "start", "greet", cwd=service)
    assert (done.returncode, done.stderr) == (0, "")
