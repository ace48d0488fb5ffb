"""The examples in docs/ work."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import depl.tasks
from depl.cli.secrets import SUBCOMMANDS
from depl.project import DeplSettings, NotifySettings, WebSettings
from depl.rollout.byhand import known
from depl.tasks.deployer import Foreseen
from depl.tasks.making import plan_of


@pytest.fixture
def example(pytester: pytest.Pytester, project: Path, blocks, written) -> pytest.Pytester:
    """The project that docs/testing.rst shows."""
    for block in blocks((project / "docs" / "testing.rst").read_text()):
        written(pytester.path, block)
    return pytester


def test_the_example_for_testing_components_works(example: pytest.Pytester, project: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    example.runpytest_subprocess("-p", "depl.testing", "-p", "no:cacheprovider").assert_outcomes(passed=5)


def test_every_fixture_for_testing_components_is_described(project: Path) -> None:
    text = (project / "docs" / "testing.rst").read_text()
    for fixture in ("root", "environment", "model(env)", "plan(what=None", "deploy(what=None", "undo()"):
        assert f"\n``{fixture}" in text


def test_every_command_for_secrets_is_described(project: Path) -> None:
    text = (project / "docs" / "secrets.rst").read_text()
    undescribed = [name for name in SUBCOMMANDS if f"depl secrets {name}" not in text and f"``{name}``" not in text]
    assert undescribed == []


class FakeDeployer:
    def foresee(self, part) -> Foreseen:
        return Foreseen("digest", [])


def test_the_examples_for_rollouts_can_be_planned(tmp_path: Path, project: Path, blocks, written) -> None:
    for block in blocks((project / "docs" / "rollouts.rst").read_text()):
        written(tmp_path, block)
    rollouts = {found.name: found for found in known(str(tmp_path))}
    assert [(found.name, found.mistake) for found in rollouts.values() if found.mistake] == []
    given = {"release": {"version": "2.1"}, "drain": {"host": "web1"}}
    about = {"rollout_id": "r1", "who": "ada", "revision": "", "base": str(tmp_path)}
    titles = {
        name: [
            leaf.title
            for leaf in plan_of(found.cls(**given.get(name, {})), FakeDeployer(), **about).tree.leaves.values()
        ]
        for name, found in rollouts.items()
    }
    assert sorted(titles) == ["careful", "drain", "release", "wait"]
    assert titles["wait"] == ["Delay for 15 seconds"]
    assert titles["drain"] == ["Take web1 out of the load balancer", "Run `ssh web1 reboot`"]


def test_every_task_for_rollouts_is_described(project: Path) -> None:
    text = (project / "docs" / "rollouts.rst").read_text()
    assert [name for name in depl.tasks.__all__ if not re.search(rf"``{name}\b", text)] == []


def test_every_setting_of_a_project_is_described(project: Path) -> None:
    text = (project / "docs" / "settings.rst").read_text()
    names = [item.name for kind in (DeplSettings, NotifySettings) for item in fields(kind)]
    assert [name for name in names if f"\n``{name}``\n" not in text] == []


def test_every_setting_of_the_web_interface_is_described(project: Path) -> None:
    told = re.findall(r"^(``.*``)$", (project / "docs" / "web.rst").read_text(), re.MULTILINE)
    assert [item.name for item in fields(WebSettings) if f"``{item.name}``" not in " ".join(told)] == []


def test_the_pictures_of_the_web_interface_are_there_and_small(project: Path) -> None:
    named = re.findall(r"figure:: (\S+)", (project / "docs" / "web.rst").read_text())
    assert len(named) > 5
    assert [name for name in named if not 0 < (project / "docs" / name).stat().st_size < 200_000] == []
