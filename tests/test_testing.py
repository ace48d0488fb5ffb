"""The plugin for pytest, beyond the example in docs/testing.rst: what goes wrong, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from depl.component import Component
from depl.lib.file import File
from depl.testing import depl_bench, deploy, environment, plan, root, undo

__all__ = ["depl_bench", "deploy", "environment", "plan", "root", "undo"]


class Fails(Component):
    def configure(self):
        self += File("x", content="x")

    def verify(self):
        raise RuntimeError("no way")


def test_what_fails_is_put_back_and_told(root, deploy):
    outcome = deploy(Fails())
    assert (outcome.status, outcome.left) == (3, [])
    assert "no way" in outcome.error
    assert not Path(root.workdir).exists()


def test_a_component_that_cannot_be_configured_is_refused(deploy):
    outcome = deploy(File("x", content="{{nothing}}"))
    assert outcome.status == 1
    assert "nothing" in outcome.error


def test_two_deployments_are_undone_one_by_one(root, deploy, undo):
    deploy(File("one", content="1"))
    deploy(File("two", content="2"))
    undo()
    assert sorted(path.name for path in Path(root.workdir).iterdir()) == ["one"]
    assert undo().status == 0
    assert not Path(root.workdir).exists()
    assert undo().status == 1


def test_what_was_added_to_a_component_in_the_test_is_deployed_too(root, deploy):
    outer = Component()
    root.component += outer
    outer += File("inner", content="")
    assert deploy().changed == ["mycomponent/Component/File(inner)"]


def test_a_template_lies_in_the_definition_directory(root, deploy):
    Path(root.defdir, "greeting").write_text("Hello {{host.name}}")
    assert deploy(File("greeting")).error == ""
    assert Path(root.workdir, "greeting").read_text() == "Hello localhost"


def test_what_is_provided_too_late_is_told(root, deploy):
    root.component.require("server")
    root.component.provide("server", "db1")
    assert "before something that it requires" in deploy().error


def test_runs_without_components_pay_little_for_it():
    assert loaded_by("depl.testing") - loaded_by("depl") == {"depl.testing"}


def loaded_by(name: str) -> set[str]:
    code = f"import sys, {name}; print(*(name for name in sys.modules if name.startswith('depl')))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())


def test_an_unknown_name_is_not_there():
    with pytest.raises(ImportError):
        from depl.testing import nothing  # noqa: F401
