"""What the tests of the store share: an empty one of each kind, small rollouts, processes that use the same store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import pytest

from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.tree import Group, Leaf, Tree
from depl.store.store import Store, open_store

BEFORE = """
import os, sys
from depl.events import Event, Output, What
from depl.rollout.log import Fenced, LogFailed
from depl.rollout.signals import Signal
from depl.store.store import open_store
"""


@pytest.fixture
def store(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """An empty one."""
    opened = open_store(store_url, str(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def plan() -> Callable[..., RolloutPlan]:
    """Makes plans of two tasks, one after the other."""

    def make(id: str, *environments: str, **more: Any) -> RolloutPlan:
        leaves = {one: Leaf(one, "depl.tasks:Delay", environments=environments) for one in ("1", "2")}
        tree = Tree(leaves, {"0": Group("0", ("1", "2"))}, "0")
        return RolloutPlan(id, "release", tree, **{"who": "ann@here", "title": "Release", **more})

    return make


@pytest.fixture
def queued(store: Store, plan: Callable[..., RolloutPlan]) -> Callable[..., None]:
    """Puts a rollout of some environments into the queue."""

    def queue(id: str, *environments: str, queue: str = "") -> None:
        store.create(plan(id, *environments), RolloutState.QUEUED, queue=queue)

    return queue


@pytest.fixture
def python(store_url: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a Python of its own that runs some code after BEFORE. Its arguments: those of open_store, then others."""

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", BEFORE + code, store_url, str(tmp_path), *arguments]
        env = {**os.environ, "PYTHONPATH": str(forked.SOURCE)}
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stdin=subprocess.PIPE)

    return start
