"""Tasks are made again from their class and their arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from depl.errors import ConfigurationError
from depl.tasks import Command, Delay, Deploy, PythonCall
from depl.tasks.arguments import made
from depl.tasks.building import leaf_of, task_of


def test_arguments_are_kept_by_name() -> None:
    assert Delay(15, reversible=True).arguments == {"seconds": 15, "reversible": True}
    assert PythonCall("m:f", version="1.2").arguments == {"function": "m:f", "version": "1.2"}


def test_a_task_is_made_again_as_it_was(bench) -> None:
    for task in (Delay(minutes=5), Command(["true"], env={"A": "b"}), PythonCall("m:f", undo="m:g", n=1)):
        leaf = leaf_of(task, "1")
        again = task_of(leaf, str(bench.base))
        assert (type(again), again.arguments, again.title) == (type(task), task.arguments, task.title)


def test_lists_of_arguments_are_made_again(own, tmp_path: Path) -> None:
    cls = own(
        "class Many(Task):\n    def __init__(self, first, *more, end=''):\n        self.all = [first, *more, end]\n"
    ).Many
    assert made(cls, cls(1, 2, 3, end="x").arguments).all == [1, 2, 3, "x"]


def test_a_class_may_use_any_names_for_its_own(own) -> None:
    cls = own(
        "class Own(Task):\n    def __init__(self, arguments): self.arguments = object()\n    def run(self): pass\n"
    ).Own
    assert leaf_of(cls("x"), "1").arguments == {"arguments": "x"}


def test_a_task_of_the_project_is_named_by_its_file(own, tmp_path: Path) -> None:
    module = own("class Migrate(Task):\n    def __init__(self, to):\n        self.to = to\n    def run(self): pass\n")
    leaf = leaf_of(module.Migrate(to=5), "1")
    assert (leaf.task, leaf.title) == ("rollouts/own.py:Migrate", "Migrate (to=5)")
    assert task_of(leaf, str(tmp_path)).to == 5


def test_what_is_no_data_is_named_with_task_argument_and_line() -> None:
    with pytest.raises(ConfigurationError, match="argument 'command' of Command is") as raised:
        Command(Path("/bin/true"))  # type: ignore[arg-type]
    assert raised.value.file == __file__ and raised.value.line


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(
        ConfigurationError, match="Delay cannot be made: got an unexpected keyword argument 'secs'"
    ) as raised:
        Delay(secs=5)  # type: ignore[call-arg]
    assert raised.value.hint == "It takes seconds, minutes, reversible."


def test_a_task_that_cannot_be_found_again_is_refused() -> None:
    class Local(Delay):
        pass

    with pytest.raises(ConfigurationError, match="cannot be found again"):
        leaf_of(Local(seconds=1), "1")


@pytest.mark.parametrize(
    ("task", "title"),
    [
        (Delay(seconds=15), "Delay for 15 seconds"),
        (Delay(minutes=5), "Delay for 5 minutes"),
        (Delay(seconds=90), "Delay for 1 minute 30 seconds"),
        (Delay(minutes=60), "Delay for 1 hour"),
        (Command("make -C x"), "Run `make -C x`"),
        (PythonCall("rollouts/a.py:flush", hard=True), "Call flush(hard=True)"),
        (Deploy("production"), "Deploy production"),
        (
            Deploy("production", hosts="web1", overrides={"app.version": "2"}),
            "Deploy production on web1 with app.version = 2",
        ),
    ],
)
def test_a_task_says_what_it_does(task, title: str) -> None:
    assert leaf_of(task, "1").title == title
