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


VAULTED = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    password = ""

    def configure(self):
        self += File("web.ini", content=self.password + self.environment.secret_files["tls.key"])
"""
SECRETS_GIVEN = """\
def test_given(model, deploy, plan):
    made = model("dev", secrets={"component:web": {"password": "hunter2"}}, secret_files={"tls.key": "a key"})
    assert plan(made).diff.count("‹secret ") == 2
    assert deploy(made).error == ""
"""


@pytest.fixture
def vaulted(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose component needs secrets, at somebody's who has no key."""
    for path, text in {
        "environments/dev/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = web\n",
        "components/web/component.py": VAULTED,
        "test_web.py": SECRETS_GIVEN,
    }.items():
        file = pytester.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("HOME", str(pytester.path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    return pytester


def test_secrets_of_a_model_may_be_given_by_the_test(vaulted):
    vaulted.runpytest_subprocess("-p", "depl.testing", "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_secrets_that_no_key_opens_fail_a_test_with_the_next_step(vaulted):
    pyrage = pytest.importorskip("pyrage")
    from depl.secrets.vault import Vault

    vault = Vault(str(vaulted.path), "dev")
    vault.set_recipients([str(pyrage.x25519.Identity.generate().to_public())], {}, rotate=False)
    vault.set(("component:web", "password"), "hunter2")
    vault.save()
    (vaulted.path / "test_web.py").write_text("def test_locked(model):\n    model('dev')\n")
    run = vaulted.runpytest_subprocess("-p", "depl.testing", "-p", "no:cacheprovider")
    run.stdout.fnmatch_lines(["*Make a key by `ssh-keygen*"])


def test_runs_without_components_pay_little_for_it():
    assert loaded_by("depl.testing") - loaded_by("depl") == {"depl.testing"}


def loaded_by(name: str) -> set[str]:
    code = f"import sys, {name}; print(*(name for name in sys.modules if name.startswith('depl')))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())


def test_an_unknown_name_is_not_there():
    with pytest.raises(ImportError):
        from depl.testing import nothing  # noqa: F401
