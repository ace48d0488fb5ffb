"""A tree of a plan from tasks."""

from __future__ import annotations

import json

import pytest

from depl.errors import ConfigurationError
from depl.rollout.tree import Tree
from depl.tasks import (
    Approval,
    Batches,
    Checklist,
    Command,
    CommandProbe,
    Delay,
    Deploy,
    HttpProbe,
    Parallel,
    PythonCall,
    Sequential,
    TcpProbe,
    Undo,
)
from depl.tasks.batches import batched
from depl.tasks.building import leaf_of, tree_of


def test_a_single_task_is_the_root() -> None:
    tree = tree_of(Delay(seconds=15))
    assert (tree.root, list(tree.leaves), tree.groups) == ("0", ["0"], {})


def test_tasks_have_their_place_for_an_id() -> None:
    tree = tree_of(
        Sequential(
            Deploy("production", hosts=["web1"]),
            Parallel(Command("a"), [Command("b"), Sequential(Command("c"))], limit=2, max_failures=1),
        )
    )
    assert list(tree.leaves) == ["1", "2/1", "2/2", "2/3/1"]
    assert (tree.groups["2"].members, tree.groups["2"].limit, tree.groups["2"].max_failures) == (
        ("2/1", "2/2", "2/3"),
        2,
        1,
    )
    assert tree.groups["2"].parallel and not tree.groups["0"].parallel
    assert tree.environments == ["production"]
    assert Tree.from_json(json.loads(json.dumps(tree.as_json()))) == tree


@pytest.mark.parametrize(
    ("task", "way_back", "reverses"),
    [
        (Delay(1), "none", False),
        (Delay(1, reversible=True), "none", True),
        (Command("a"), "unknown", False),
        (Command("a", undo="b"), "compensating", True),
        (Command("a", irreversible="mails are out"), "irreversible", False),
        (PythonCall("m:f"), "unknown", False),
        (PythonCall("m:f", undo="m:g"), "compensating", True),
        (Deploy("production"), "exact", True),
        (Undo("production"), "exact", True),
        (TcpProbe("localhost:1"), "none", False),
        (Approval("Well?"), "none", False),
    ],
)
def test_a_task_says_how_it_is_undone(task, way_back: str, reverses: bool) -> None:
    leaf = leaf_of(task, "1")
    assert (leaf.way_back, leaf.reverses) == (way_back, reverses)


def test_gates_are_for_the_engine() -> None:
    approval, checklist = leaf_of(Approval("Well?", timeout=60), "1"), leaf_of(Checklist(["a", "b"]), "2")
    assert (approval.gate, approval.timeout, approval.arguments["question"]) == ("approval", 60, "Well?")
    assert (checklist.gate, checklist.arguments["items"]) == ("checklist", ["a", "b"])


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ("one, half, all", 10, [1, 4, 5]),
        ("one, half, all", 5, [1, 2, 2]),
        ("one, half, all", 3, [1, 1, 1]),
        ("one, half, all", 2, [1, 1]),
        ("one, half, all", 1, [1]),
        (3, 8, [3, 3, 2]),
        ("3", 3, [3]),
        ("10%", 25, [3] * 8 + [1]),
        ("10%", 3, [1, 1, 1]),
        ("1, 10%, 50%, all", 100, [1, 9, 40, 50]),
        (["one", 2], 6, [1, 2, 2, 1]),
        ("all", 4, [4]),
    ],
)
def test_items_go_in_batches_in_their_order(sizes, count: int, expected: list[int]) -> None:
    batches = batched(range(count), sizes)
    assert [len(batch) for batch in batches] == expected
    assert [item for batch in batches for item in batch] == list(range(count))


def test_batches_have_pauses_between_them() -> None:
    hosts = ["web1", "web2", "web3", "web4"]
    tree = tree_of(Batches(hosts, lambda host: Deploy("live", hosts=[host]), pause=30, max_failures=1))
    assert [leaf.title for leaf in tree.leaves.values()] == [
        "Deploy live on web1",
        "Delay for 30 seconds",
        "Deploy live on web2",
        "Delay for 30 seconds",
        "Deploy live on web3",
        "Deploy live on web4",
    ]
    assert tree.groups["0"].max_failures == 1 and not tree.groups["0"].parallel
    assert tree.groups["5"].title == "Batch 3 of 3: web3, web4" and tree.groups["5"].parallel


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (Sequential, "Sequential has no tasks in it"),
        (lambda: Parallel([]), "Parallel has no tasks in it"),
        (lambda: Sequential(Delay), "holds the class Delay"),
        (lambda: Sequential(print), "which is no task"),
        (lambda: Parallel(Delay(1), limit=-1), "limit of Parallel is -1"),
        (lambda: Batches([], Delay), "Batches has no tasks in it"),
        (lambda: Batches([1], Delay, sizes="some"), "'some', which is no size"),
        (lambda: Batches([1], lambda item: None), "which is no task"),
        (lambda: Delay(-1), "not below zero"),
        (lambda: Command(""), "takes a command"),
        (lambda: HttpProbe("example.com"), "cannot look at 'example.com'"),
        (lambda: TcpProbe("localhost"), "cannot look at 'localhost'"),
        (lambda: CommandProbe("true", retries=-1), "takes retries"),
        (lambda: Checklist([]), "at least one"),
        (lambda: PythonCall("f"), "takes the name of a function"),
    ],
)
def test_mistakes_are_told_with_their_line(make, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as raised:
        make()
    assert raised.value.file == __file__


def test_a_task_that_does_nothing_is_refused(own) -> None:
    task = own("class Empty(Task):\n    pass\n").Empty()
    with pytest.raises(ConfigurationError, match="The task Empty does nothing"):
        tree_of(task)


def test_functions_are_looked_for_before_the_start(own, tmp_path) -> None:
    own("def flush(hard): pass\n")
    tree_of(PythonCall("rollouts/own.py:flush", hard=True), str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"There is no flash in rollouts/own\.py"):
        tree_of(PythonCall("rollouts/own.py:flash"), str(tmp_path))
    with pytest.raises(ConfigurationError, match="missing a required argument: 'hard'"):
        tree_of(PythonCall("rollouts/own.py:flush"), str(tmp_path))
