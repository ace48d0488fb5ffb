"""`depl local` as its users meet it, on real projects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

DEV = "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n"
FAILING = """\
from depl.component import Component
from depl.lib.file import File


class Step(Component):
    namevar = "command"

    def verify(self):
        assert False, "always"

    def update(self):
        self.cmd(self.command)


class App(Component):
    command = "echo sad news; exit 7"

    def configure(self):
        self += File("before.txt", content="x")
        self += Step(self.command)
"""


@pytest.fixture
def failing(write):
    return write({"environments/dev.cfg": DEV, "components/app/component.py": FAILING})


def tree(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if ".depl" not in path.parts)


def test_a_first_run_shows_what_it_did_and_how_to_take_it_back(depl, service):
    done = depl("local", "dev", cwd=service)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"new     {service}/work/hello/hello.txt (7 B, 0644" in done.stdout
    assert "dev/localhost: 1 component changed, 1 change (exact) in " in done.stdout
    assert done.stdout.endswith("  take it back with: depl undo dev\n")
    assert (service / "work/hello/hello.txt").read_text() == "Hello!\n"


def test_a_second_run_is_one_line(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("local", "dev", cwd=service)
    assert done.returncode == 0
    assert done.stdout.startswith("dev/localhost: nothing to do (2 components, ")
    assert done.stdout.count("\n") == 1


def test_a_quiet_run_without_changes_says_nothing(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("local", "dev", "--quiet", cwd=service)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_no_op_imports_nothing_that_it_does_not_need(depl, service, project):
    depl("local", "dev", cwd=service)
    heavy = (
        "paramiko",
        "starlette",
        "uvicorn",
        "sqlalchemy",
        "asyncio",
        "rich",
        "yaml",
        "http",
        "ssl",
        "urllib.request",
        "email",
        "venv",
        "tarfile",
        "zipfile",
    )
    script = f"""
import sys
from depl.cli.main import main
try:
    main(["local", "dev"])
finally:
    print("imported:", [name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=service,
        env={"PYTHONPATH": str(project / "src"), "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
    )
    assert "nothing to do" in done.stdout
    assert done.stdout.endswith("imported: []\n")


def test_a_changed_file_shows_its_diff(depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("Hi!\n")
    done = depl("local", "dev", cwd=service)
    assert "      -Hi!\n      +Hello!\n" in done.stdout


def test_a_plan_shows_contents_and_ways_back_and_touches_nothing(depl, service):
    before = tree(service)
    done = depl("local", "dev", "--plan", cwd=service)
    assert done.returncode == 0
    assert "[exact]\n      +Hello!\n" in done.stdout
    assert "1 component would change" in done.stdout
    assert tree(service) == before
    assert not (service / ".depl").exists()


def test_pending_changes_have_a_status_of_their_own(depl, service):
    assert depl("local", "dev", "--plan", "--exit-code", cwd=service).returncode == 6
    depl("local", "dev", cwd=service)
    done = depl("local", "dev", "--plan", "--exit-code", cwd=service)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout


def test_the_status_for_pending_changes_needs_a_plan(depl, service):
    assert depl("local", "dev", "--exit-code", cwd=service).returncode == 2


def test_a_failure_shows_output_place_and_component_and_is_put_back(depl, failing):
    before = tree(failing)
    done = depl("local", "dev", cwd=failing)
    assert done.returncode == 3
    assert "app/Step(echo sad news; exit 7) | sad news" in done.stdout
    assert "error: the command `echo sad news; exit 7` exited with status 7" in done.stderr
    assert "at components/app/component.py:12" in done.stderr
    assert "is as it was before" in done.stdout
    assert tree(failing) == before


def test_a_quiet_failure_shows_the_output_that_was_not_shown(depl, failing):
    done = depl("local", "dev", "--quiet", cwd=failing)
    assert "\n  sad news\n" in done.stderr


def test_a_failing_look_shows_what_it_printed(depl, failing):
    component = failing / "components/app/component.py"
    component.write_text(FAILING.replace('assert False, "always"', "self.cmd(self.command)"))
    done = depl("local", "dev", cwd=failing)
    assert done.returncode == 3
    assert "\n  sad news\n" in done.stderr


def test_a_failure_may_be_left_as_it_is(depl, failing):
    done = depl("local", "dev", "--on-failure", "stop", cwd=failing)
    assert done.returncode == 4
    assert "put it back with: depl undo dev" in done.stdout
    assert (failing / "work/app/before.txt").exists()


def test_all_mistakes_are_reported_together(depl, write):
    files = {
        "environments/dev.cfg": DEV + "[oops]\n[component:app]\nnothing = 1\n",
        "components/app/component.py": FAILING,
    }
    directory = write(files)
    done = depl("local", "dev", cwd=directory)
    assert done.returncode == 1
    assert "[oops]" in done.stderr
    assert "'nothing'" in done.stderr
    assert "error: 2 mistakes in the configuration" in done.stderr
    assert not (directory / "work").exists()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["dve"], "dev"), (["dev", "localhots"], "localhost"), (["dev", "--component", "helo"], "hello")],
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant(arguments, meant, depl, service):
    done = depl("local", *arguments, cwd=service)
    assert done.returncode == 1
    assert meant in done.stderr
    assert "Traceback" not in done.stderr


def test_components_are_chosen_by_globs(depl, write):
    component = "from depl.component import Component\nfrom depl.lib.file import File\n"
    for name in ("One", "Two"):
        component += f"class {name}(Component):\n    def configure(self):\n        self += File('f', content='x')\n"
    directory = write({"environments/dev.cfg": DEV.replace("app", "one, two"), "components/c/component.py": component})
    depl("local", "dev", "--component", "t*", cwd=directory)
    assert [path.name for path in (directory / "work").iterdir()] == ["two"]


def test_what_chosen_components_require_is_named_and_left(depl, write):
    component = """\
        from depl.component import Component
        class Db(Component):
            def configure(self):
                self.provide("db", 1)
        class Web(Component):
            def configure(self):
                self.require_one("db")
        """
    directory = write({"environments/dev.cfg": DEV.replace("app", "web, db"), "components/c/component.py": component})
    assert (
        "required, but not deployed now: db@localhost"
        in depl("local", "dev", "--component", "web", cwd=directory).stdout
    )


def test_another_machine_is_refused_unless_it_is_meant(depl, write):
    files = {"environments/live.cfg": "[hosts]\nweb1 = app\n", "components/app/component.py": FAILING}
    directory = write(files)
    done = depl("local", "live", cwd=directory)
    assert done.returncode == 1
    assert "web1 is not this machine" in done.stderr
    assert "depl local live web1 --here" in done.stderr
    assert not (directory / "work").exists()
    assert depl("local", "live", "--here", "--plan", cwd=directory).returncode == 0


def test_this_machine_may_be_named_by_its_name(depl, write):
    host = os.uname().nodename
    files = {"environments/live.cfg": f"[hosts]\n{host} = app\nother = app\n", "components/app/component.py": FAILING}
    assert depl("local", "live", host, "--plan", cwd=write(files)).returncode == 0


def test_of_several_hosts_one_must_be_named(depl, write):
    files = {"environments/live.cfg": "[hosts]\nweb1 = app\nweb2 = app\n", "components/app/component.py": FAILING}
    done = depl("local", "live", cwd=write(files))
    assert done.returncode == 1
    assert "One of: web1, web2." in done.stderr


def test_a_protected_environment_needs_its_name(depl, write):
    files = {
        "environments/dev.cfg": DEV.replace("[hosts]", "confirm = True\n[hosts]"),
        "components/app/component.py": FAILING.replace("exit 7", "exit 0"),
    }
    directory = write(files)
    refused = depl("local", "dev", cwd=directory)
    assert refused.returncode == 2
    assert "--confirm dev" in refused.stderr
    assert depl("local", "dev", "--confirm", "live", cwd=directory).returncode == 2
    assert not (directory / "work").exists()
    assert depl("local", "dev", "--confirm", "dev", cwd=directory).returncode == 0


def test_asking_off_a_terminal_is_refused_unless_it_is_answered(depl, service):
    assert depl("local", "dev", "--ask", cwd=service).returncode == 2
    assert not (service / "work").exists()
    assert depl("local", "dev", "--ask", "--yes", cwd=service).returncode == 0


def test_steps_that_cannot_be_undone_are_refused_where_the_environment_says_so(depl, write):
    files = {
        "environments/dev.cfg": DEV.replace("[hosts]", "reversibility = required\n[hosts]"),
        "components/app/component.py": FAILING,
    }
    directory = write(files)
    done = depl("local", "dev", cwd=directory)
    assert done.returncode == 1
    assert "reversibility = required" in done.stderr
    assert not (directory / "work").exists()


def test_json_is_one_event_a_line(depl, service):
    done = depl("local", "dev", "--json", cwd=service)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["schema"] for event in events} == {1}
    changed = next(event for event in events if event["event"] == "changed")
    assert changed["data"]["changes"][0]["verb"] == "write"
    assert (events[-1]["event"], events[-1]["exit_status"], events[-1]["outcome"]["status"]) == ("end", 0, "succeeded")


def test_json_tells_mistakes_as_facts(depl, write):
    done = depl("local", "dev", "--json", cwd=write({"environments/dev.cfg": "[hosts]\nlocalhost = nothing\n"}))
    event = json.loads(done.stdout)
    assert (event["event"], event["exit_status"]) == ("error", 1)
    assert event["error"]["mistakes"][0]["line"] == 2


def test_ctrl_c_ends_the_run_and_puts_it_back(failing, project):
    component = failing / "components/app/component.py"
    component.write_text(FAILING.replace("echo sad news; exit 7", "touch started; sleep 1"))
    component.write_text(component.read_text() + "        self += Step('touch never')\n")
    running = start(failing, project)
    wait_for(failing / "work/app/started")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted" in out
    assert not (failing / "work/app/before.txt").exists()
    assert not (failing / "work/app/never").exists()


def test_term_does_not_wait_for_the_command(failing, project):
    component = failing / "components/app/component.py"
    component.write_text(FAILING.replace("echo sad news; exit 7", "touch started; sleep 600"))
    running = start(failing, project)
    wait_for(failing / "work/app/started")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert not (failing / "work/app/before.txt").exists()


def test_a_second_run_is_told_who_is_at_work(depl, failing, project):
    component = failing / "components/app/component.py"
    component.write_text(FAILING.replace("echo sad news; exit 7", "touch started; sleep 5"))
    running = start(failing, project)
    wait_for(failing / "work/app/started")
    done = depl("local", "dev", cwd=failing)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert done.returncode == 5
    assert "at work on" in done.stderr


def test_a_reader_that_goes_away_does_not_stop_the_deployment(failing, project):
    component = failing / "components/app/component.py"
    component.write_text(FAILING.replace("echo sad news; exit 7", "seq 20000; touch done"))
    running = start(failing, project)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert running.wait(timeout=60) == 0
    running.stderr.close()
    assert (failing / "work/app/done").exists()


def start(directory, project):
    surroundings = {**os.environ, "PYTHONPATH": str(project / "src")}
    return subprocess.Popen(
        [sys.executable, "-m", "depl", "local", "dev"],
        cwd=directory,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")
