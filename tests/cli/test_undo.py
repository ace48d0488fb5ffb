"""`depl undo`."""

from __future__ import annotations

import json

import pytest


def test_an_undo_puts_everything_back(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("undo", "dev", cwd=service)
    assert done.returncode == 0, done.stderr
    assert not (service / "work").exists()
    assert "put back in" in done.stdout


def test_there_may_be_nothing_to_undo(depl, service):
    done = depl("undo", "dev", cwd=service)
    assert done.returncode == 1
    assert "there is no rollout of dev to undo" in done.stderr


def test_an_environment_that_does_not_exist_is_answered_with_the_one_that_was_meant(depl, service):
    done = depl("undo", "dve", cwd=service)
    assert done.returncode == 1
    assert "'dev'" in done.stderr


def test_an_undo_needs_no_component_files(depl, service):
    depl("local", "dev", cwd=service)
    (service / "components/hello/component.py").write_text("this is no Python")
    assert depl("undo", "dev", cwd=service).returncode == 0
    assert not (service / "work").exists()


def test_an_undo_that_is_named_is_taken_back(depl, service):
    depl("local", "dev", cwd=service)
    undone = depl("undo", "dev", "--json", cwd=service)
    name = json.loads(undone.stdout.splitlines()[-1])["outcome"]["rollout"]
    plan = depl("undo", "dev", name, "--plan", cwd=service)
    assert "would be made again; nothing was touched" in plan.stdout
    assert not (service / "work").exists()
    (service / "work").write_text("in the way")
    blocked = depl("undo", "dev", name, cwd=service)
    assert blocked.returncode == 4
    assert f"undo dev {name} --force" in blocked.stdout
    (service / "work").unlink()
    done = depl("undo", "dev", name, cwd=service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  redo: new  " in done.stdout and "made again in" in done.stdout
    assert (service / "work/hello/hello.txt").exists()
    refused = depl("undo", "dev", name, cwd=service)
    assert refused.returncode == 1
    assert f"the undo {name} is taken back already" in refused.stderr


def test_a_plan_lists_what_would_be_put_back_and_touches_nothing(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("undo", "dev", "--plan", cwd=service)
    assert done.returncode == 0
    assert f"remove  {service}/work/hello/hello.txt  [exact]" in done.stdout
    assert "nothing was touched" in done.stdout
    assert (service / "work/hello/hello.txt").exists()


def test_a_plan_names_what_somebody_changed_since(depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("mine")
    done = depl("undo", "dev", "--plan", cwd=service)
    assert "not possible now" in done.stdout
    assert "1 conflict" in done.stdout


def test_a_plan_of_a_file_that_was_changed_twice_has_no_conflict(depl, service):
    component = service / "components/hello/component.py"
    text = component.read_text()
    component.write_text(text + "        self += Again('hello.txt')\n" + AGAIN)
    assert depl("local", "dev", cwd=service).returncode == 0
    done = depl("undo", "dev", "--plan", cwd=service)
    assert "conflict" not in done.stdout
    assert done.stdout.count("hello.txt") >= 2


AGAIN = """

from depl.component import Component as Base


class Again(Base):
    namevar = "path"

    def verify(self):
        assert False

    def update(self):
        self.system.write(self.map(self.path), b"again")
"""


def test_what_somebody_changed_since_is_left_and_named(depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("mine")
    done = depl("undo", "dev", cwd=service)
    assert done.returncode == 4
    assert "hello.txt" in done.stdout
    assert (service / "work/hello/hello.txt").read_text() == "mine"


def test_what_somebody_changed_since_may_be_put_back_all_the_same(depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("mine")
    assert depl("undo", "dev", "--force", cwd=service).returncode == 0
    assert not (service / "work").exists()


def test_what_somebody_changed_since_may_be_kept(depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("mine")
    assert depl("undo", "dev", "--keep", cwd=service).returncode == 0
    assert (service / "work/hello/hello.txt").read_text() == "mine"


def test_a_protected_environment_is_asked_about(depl, service):
    depl("local", "dev", cwd=service)
    environment = service / "environments/dev/environment.cfg"
    environment.write_text(environment.read_text().replace("[hosts]", "confirm = True\n[hosts]"))
    assert depl("undo", "dev", cwd=service).returncode == 2
    assert (service / "work").exists()
    assert depl("undo", "dev", "--yes", cwd=service).returncode == 0


def test_json_lists_the_steps(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("undo", "dev", "--plan", "--json", cwd=service)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "would_undo"
    assert events[0]["data"]["change"]["verb"] == "remove"


def test_json_ends_with_the_outcome(depl, service):
    depl("local", "dev", cwd=service)
    done = depl("undo", "dev", "--json", cwd=service)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["exit_status"]) == ("end", 0)


def test_a_hint_calls_depl_as_it_was_called(depl, service):
    depl("local", "dev", cwd=service)
    for launched, command in ({}, "depl undo"), ({"DEPL_PROJECT": str(service)}, "./depl undo"):
        done = depl("undo", "dev", "nonsense", cwd=service, **launched)
        assert f"hint: `{command}` without a rollout takes back the newest one." in done.stderr


OWN = """\
from pathlib import Path

from depl.component import Component
from depl.lib.file import File


class App(Component):
    def configure(self):
        self += File("before", content="1")
        self += Own()
        self += File("after", content="1")


class Own(Component):
    def verify(self):
        assert Path("own").exists()

    def capture(self):
        return {}

    def update(self):
        Path("own").touch()

    def reverse(self, captured):
        Path("own").unlink(missing_ok=True)
"""


@pytest.mark.parametrize("model", [OWN.replace("self += Own()", "pass"), "nonsense("])
def test_a_component_whose_code_is_gone_is_told_of_before_anything_is_touched(depl, write, model):
    project = write(
        {
            "environments/dev/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n",
            "components/app/component.py": OWN,
        }
    )
    assert depl("local", "dev", cwd=project).returncode == 0
    (project / "components/app/component.py").write_text(model)
    planned = depl("undo", "dev", "--plan", cwd=project)
    assert "  not possible now: it must be reversed by its own code, and the model" in planned.stdout
    refused = depl("undo", "dev", cwd=project)
    assert refused.returncode == 1 and "app/Own must be reversed by its own code, and the model" in refused.stderr
    assert "--keep" in refused.stderr and (project / "work/app/after").exists()
    kept = depl("undo", "dev", "--keep", cwd=project)
    assert kept.returncode == 0 and "what update() of app/Own did" in kept.stdout
    assert sorted(path.name for path in (project / "work/app").iterdir()) == ["own"]
