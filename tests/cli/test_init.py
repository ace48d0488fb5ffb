"""A new project."""

from __future__ import annotations

import os

import pytest

from depl.cli.scaffold import files, own_requirement, packaged


def test_a_new_project_runs_at_once(depl, tmp_path):
    assert depl("init", "shop", cwd=tmp_path).returncode == 0
    shop = tmp_path / "shop"
    done = depl("local", "dev", cwd=shop)
    assert done.returncode == 0, done.stderr
    greeting = (shop / "work" / "hello" / "hello.txt").read_text()
    assert greeting == "Hello, developer! This is localhost in the environment dev.\n"


def test_the_next_steps_are_named(depl, tmp_path):
    done = depl("init", "shop", cwd=tmp_path)
    assert done.stdout.endswith("next:\n  cd shop\n  ./depl local dev --plan\n  ./depl local dev\n  ./depl undo dev\n")


def test_the_launcher_is_that_of_depl_itself(depl, tmp_path, project):
    depl("init", cwd=tmp_path)
    assert (tmp_path / "depl").read_bytes() == (project / "depl").read_bytes()
    assert (tmp_path / "requirements.lock").read_bytes() == (project / "requirements.lock").read_bytes()
    assert os.access(tmp_path / "depl", os.X_OK)


def test_the_wheel_brings_the_launcher_along(project):
    settings = (project / "pyproject.toml").read_text()
    assert '"depl" = "depl/cli/launcher"' in settings
    assert '"requirements.lock" = "depl/cli/requirements.lock"' in settings
    assert packaged("launcher", "depl") == (project / "depl").read_text()


def test_the_source_of_depl_is_noted(project):
    assert own_requirement() == f"depl @ {project.as_uri()}"


def test_what_is_there_is_left_alone_and_named(depl, tmp_path):
    (tmp_path / "README.rst").write_text("mine")
    done = depl("init", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "README.rst").read_text() == "mine"
    assert "left as they are:\n  README.rst\n" in done.stdout
    assert (tmp_path / "depl.cfg").exists()


def test_a_link_that_leads_nowhere_is_not_written_through(depl, tmp_path):
    (tmp_path / "README.rst").symlink_to(tmp_path / "elsewhere")
    depl("init", cwd=tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_time_there_is_nothing_to_add(depl, tmp_path):
    depl("init", cwd=tmp_path)
    done = depl("init", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing to add" in done.stdout


@pytest.mark.parametrize("room", ["environments", "components"])
def test_a_project_that_has_its_own_components_gets_no_sample(room, tmp_path):
    (tmp_path / room).mkdir()
    assert [file.name for file in files(tmp_path)] == ["depl", "requirements.lock", "depl.source", ".gitignore"]


def test_a_directory_that_is_a_file_is_refused(depl, tmp_path):
    (tmp_path / "shop").write_text("")
    assert depl("init", "shop", cwd=tmp_path).returncode == 2
