"""The examples in docs/ work."""

from __future__ import annotations

from pathlib import Path

import pytest

from depl.cli.secrets import SUBCOMMANDS


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
