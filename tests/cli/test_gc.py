"""`depl local` and what is no longer declared, as its users meet it."""

from __future__ import annotations

import json

import pytest

CLASS = """\
from depl.component import Component
from depl.lib.file import File


class Hello(Component):
    def configure(self):
        for name in {names!r}:
            self += File(name, content="x")
"""


@pytest.fixture
def declare(write, service, depl):
    """Let the component have these files."""

    def declare(*names: str) -> None:
        write({"components/hello/component.py": CLASS.format(names=names)})

    declare("a", "b", "c")
    depl("local", "dev", cwd=service)
    return declare


def test_what_is_no_longer_declared_is_told_listed_removed_and_brought_back(declare, depl, service):
    declare("a", "c")
    done = depl("local", "dev", cwd=service)
    assert done.stdout.startswith("1 thing is no longer declared (`--plan` tells which, `--gc` removes it)\n")
    declare("a")
    done = depl("local", "dev", cwd=service)
    assert "2 things are no longer declared (`--plan` lists them, `--gc` removes them)\n" in done.stdout
    assert "nothing to do" in done.stdout
    done = depl("local", "dev", "--plan", "--exit-code", cwd=service)
    assert done.returncode == 0
    assert "no longer declared, and removed only with --gc:\n" in done.stdout
    assert f"  {service}/work/hello/b  [was hello/File(b)]\n" in done.stdout
    done = depl("local", "dev", "--plan", "--gc", "--exit-code", cwd=service)
    assert done.returncode == 6
    assert f"  remove  {service}/work/hello/b  [exact]\n" in done.stdout
    assert "2 components would change, 2 changes (all exact)" in done.stdout
    done = depl("local", "dev", "--gc", cwd=service)
    assert "hello/File(b): no longer declared\n" in done.stdout
    assert f"  remove  {service}/work/hello/b\n" in done.stdout
    assert "no longer declared (`" not in done.stdout
    assert "2 components changed, 2 changes (all exact)" in done.stdout
    assert sorted(path.name for path in (service / "work/hello").iterdir()) == ["a"]
    assert depl("undo", "dev", cwd=service).returncode == 0
    assert sorted(path.name for path in (service / "work/hello").iterdir()) == ["a", "b", "c"]


def test_programs_are_told_too(declare, depl, service):
    declare("a", "c")
    done = depl("local", "dev", "--json", cwd=service)
    (event,) = [line for line in map(json.loads, done.stdout.splitlines()) if line["event"] == "undeclared"]
    things = [{"what": f"{service}/work/hello/b", "component": "hello/File(b)"}]
    assert event["data"] == {"things": things, "removing": False}


def test_a_selection_is_no_base_for_removing(declare, depl, service):
    done = depl("local", "dev", "--gc", "--component", "hello", cwd=service)
    assert done.returncode == 2
    assert "--gc judges by all components of a host, so it does not go with --component" in done.stderr
    declare("a")
    assert "no longer declared" not in depl("local", "dev", "--component", "hello", cwd=service).stdout


def test_what_is_kept_is_named(declare, depl, service):
    (service / "work/hello/b").write_text("by hand")
    declare("a", "c")
    done = depl("local", "dev", "--gc", cwd=service)
    assert done.returncode == 0
    assert f"keep: {service}/work/hello/b: it was changed since depl made it" in done.stdout
    assert (service / "work/hello/b").read_text() == "by hand"


OWN = """\
import os

from depl.component import Component


class {name}(Component):
    def verify(self):
        assert os.path.exists("own")

    def update(self):
        self.system.write(self.map("own"), os.urandom(8))


class Hello(Component):
    def configure(self):
        self += {name}()
"""


def test_what_a_class_of_the_project_made_is_kept_and_named_if_the_class_was_only_renamed(write, service, depl):
    write({"components/hello/component.py": OWN.format(name="Old")})
    depl("local", "dev", cwd=service)
    content = (service / "work/hello/own").read_bytes()
    write({"components/hello/component.py": OWN.format(name="New")})
    reason = "hello/New looks by itself, so it may be what that works with; if not, remove it by hand"
    for options in (["--plan", "--gc", "--exit-code"], ["--gc"]):
        done = depl("local", "dev", *options, cwd=service)
        assert done.returncode == 0
        assert f"keep: {service}/work/hello/own: {reason}\n" in done.stdout
    assert (service / "work/hello/own").read_bytes() == content
