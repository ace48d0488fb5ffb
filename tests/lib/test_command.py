"""Commands: when they run, what is said of their way back, and that it is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.lib.command import Command, Migration, Script
from depl.lib.file import File

Made = Callable[..., Any]

CASES: dict[str, Callable[[Any], Any]] = {
    "creates": lambda self: Command("mkdir -p out/deep && echo x > out/deep/x", creates="out"),
    "creates several": lambda self: Command("touch a b", creates=["a", "b"], confined=True),
    "unless": lambda self: Command("touch a", unless="test -e a", undo="rm -f a"),
    "onlyif": lambda self: Command(["touch", "a"], onlyif="! test -e a", undo=["rm", "-f", "a"]),
    "all guards": lambda self: Command("touch a", creates="a", unless="test -e a", onlyif="true"),
    "script": lambda self: Script("s.sh", content="#!/bin/sh\ntouch made\n", undo="rm -f made"),
    "migration": lambda self: Migration("touch done", pending="! test -e done", undo="rm -f done"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_command_is_planned_run_left_alone_and_taken_back(case: str, project: Made, tree: Made) -> None:
    made = project(CASES[case])
    before = tree(made.base)
    planned = made.plan()
    assert planned.changed and tree(made.base) == before
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    assert any(made.work.iterdir())
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert tree(made.base) == before


def test_a_text_is_a_template_in_which_component_is_who_adds_the_command(project: Made) -> None:
    def configure(self: Any) -> Any:
        self.word = "hello"
        return Command("echo {{component.word}} > out", creates="out")

    made = project(configure)
    made.deploy()
    assert (made.work / "out").read_text() == "hello\n"


def test_a_list_is_run_as_it_is(project: Made) -> None:
    made = project(lambda self: Command(["touch", "{{host.name}}; $x"], creates="{{'{{'}}host.name}}; $x"))
    made.deploy()
    assert (made.work / "{{host.name}}; $x").exists()


def test_a_command_that_nothing_calls_for_is_a_mistake(project: Made) -> None:
    result = project(lambda self: Command("true")).deploy()
    assert result.status == 1
    assert "nothing says when the command 'true' is needed" in result.error and "always=True" in result.error


def test_an_undo_of_what_is_irreversible_is_a_mistake(project: Made) -> None:
    result = project(lambda self: Command("true", always=True, undo="true", irreversible="no")).deploy()
    assert "has an undo and is irreversible" in result.error


def test_a_command_may_run_on_every_deployment(project: Made) -> None:
    made = project(lambda self: Command("echo >> out", always=True))
    for _ in range(3):
        assert made.deploy().status == 0
    assert len((made.work / "out").read_text()) == 3


def test_a_reaction_runs_when_something_changed_and_only_then(project: Made) -> None:
    text = ["one"]

    def configure(self: Any) -> Any:
        file = File("conf", content=text[0])
        return [file, Command("cat conf >> seen", reacts_to=[file])]

    made = project(configure)
    made.deploy()
    made.deploy()
    assert (made.work / "seen").read_text() == "one"
    text[0] = "two"
    made.deploy()
    assert (made.work / "seen").read_text() == "onetwo"


def test_a_reaction_whose_condition_does_not_hold_does_not_run(project: Made) -> None:
    def configure(self: Any) -> Any:
        file = File("conf", content="x")
        return [file, Command("touch seen", onlyif="false", reacts_to=[file])]

    made = project(configure)
    assert made.deploy().status == 0
    assert not (made.work / "seen").exists()


def test_a_script_runs_again_when_it_changed(project: Made) -> None:
    text = ["echo 1 >> out"]
    made = project(lambda self: Script("s", content=text[0], interpreter="sh", args=["-x", 3]))
    made.deploy()
    made.deploy()
    text[0] = "echo 2 $2 >> out"
    made.deploy()
    assert (made.work / "out").read_text() == "1\n2 3\n"


def test_a_script_may_lie_beside_the_component_file(project: Made) -> None:
    made = project(lambda self: Script("hello.sh"))
    made.file("hello.sh", "#!/bin/sh\necho {{host.name}} > out\n")
    assert made.deploy().error == ""
    assert (made.work / "out").read_text() == "localhost\n"


def test_a_command_that_does_not_reach_its_goal_fails(project: Made) -> None:
    result = project(lambda self: Command("true", creates="out")).deploy()
    assert result.status == 3 and "out is missing" in result.error


def test_a_failure_shows_command_and_status_and_what_it_made_is_taken_back(project: Made, tree: Made) -> None:
    made = project(lambda self: Command("mkdir out; touch out/x; exit 7", creates="out"))
    before = tree(made.base)
    result = made.deploy()
    assert "exit 7" in result.error and "status 7" in result.error
    assert tree(made.base) == before


def test_a_failing_command_is_tried_again(project: Made) -> None:
    made = project(
        lambda self: Command(
            "echo >> tries; test $(wc -l < tries) = 3 && touch out", creates="out", retries=2, interval=0
        )
    )
    assert made.deploy().error == ""
    assert len((made.work / "tries").read_text()) == 3


def test_a_command_that_takes_too_long_fails(project: Made) -> None:
    result = project(lambda self: Command("sleep 60", creates="out", timeout=0.2)).deploy()
    assert "took longer than its timeout of 0.2 s" in result.error


def test_input_environment_and_directory_are_given(project: Made, tmp_path: Path) -> None:
    made = project(
        lambda self: Command(
            "cat > $NAME", creates=str(tmp_path / "a"), env={"NAME": "a"}, input="hi", cwd=str(tmp_path)
        )
    )
    assert made.deploy().error == ""
    assert (tmp_path / "a").read_text() == "hi"


def test_a_sensitive_command_is_not_shown(project: Made) -> None:
    made = project(lambda self: Command("echo hunter2 > out", creates="out", sensitive=True))
    for result in made.plan(), made.deploy():
        assert "hunter2" not in repr(result.events) + repr(result.output)


@pytest.mark.parametrize(
    ("how", "way_back"),
    [
        ({}, "unknown"),
        ({"undo": "rm -f a"}, "compensating"),
        ({"confined": True}, "exact"),
        ({"irreversible": "mail was sent"}, "irreversible"),
    ],
)
def test_the_plan_says_how_it_can_be_undone(how: dict[str, Any], way_back: str, project: Made) -> None:
    planned = project(lambda self: Command("touch a", creates="a", **how)).plan()
    assert way_back in repr([change for change in planned.changes if "touch a" in repr(change)])


def test_a_migration_is_irreversible_unless_an_undo_is_given(project: Made) -> None:
    planned = project(lambda self: Migration("touch a", pending="! test -e a")).plan()
    assert "irreversible" in repr(planned.changes) and "data was migrated" in repr(planned.changes)
