"""Going on with a rollout by hand that nobody drives any more: what it left running ends, then it is settled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from depl.change.leftover import end_leftover, noted
from depl.errors import DeplError, Unreachable
from depl.events import Emit
from depl.rollout.recovery import DONE, HALF_DONE, NOT_STARTED, REVERSED, take_up

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Log
    from depl.rollout.plan import RolloutPlan
    from depl.rollout.tree import Leaf
    from depl.tasks.deployer import Deployer

COORDINATOR = "coordinator"  # among the notes of a rollout: the process that drives it for a worker


def settled(
    base: str,
    plan: RolloutPlan,
    state: State,
    log: Log,
    deployer: Deployer,
    *,
    who: str,
    policy: str = "",
    epoch: int = 0,
    emit: Emit = lambda _: None,
) -> State:
    """The state of a rollout that can be driven again, once what it left running was ended (see end_left).

    See depl.rollout.recovery. Errors: LogFailed, Fenced.
    """
    return take_up(plan, state, log, looking(deployer, base), who=who, policy=policy, epoch=epoch, emit=emit)


def end_left(base: str, rollout: str) -> bool:
    """End what a rollout left running on this machine; whether its coordinator was one here.

    That is commands with all of their children, and before them a coordinator that was stopped and has lost its lease.
    """
    directory = _notes(base)
    found = sorted(_of(directory, rollout), key=lambda name: not name.endswith(COORDINATOR))
    for name in found:
        path = os.path.join(directory, name)
        end_leftover(path)
        with suppress(OSError):
            os.rmdir(path)
    return any(name.endswith(COORDINATOR) for name in found)


@contextmanager
def driving(base: str, rollout: str) -> Iterator[None]:
    """While this lasts it is noted that this process, which leads a group of its own, drives a rollout."""
    directory = os.path.join(_notes(base), f"{rollout}.{COORDINATOR}")
    try:
        with noted(directory) as note:
            note()
            yield
    finally:
        with suppress(OSError):
            os.rmdir(directory)


def looking(deployer: Deployer, base: str) -> Callable[[Leaf, Mapping[str, Any]], str]:
    """What tells from the hosts' journals what became of a task that was at work; of other tasks nothing is known."""

    def look(leaf: Leaf, saved: Mapping[str, Any]) -> str:
        rollouts = _inside(leaf, saved, base)
        if rollouts is None:
            return ""
        try:
            return _became([deployer.look(leaf.environments[0], rollout) for rollout in rollouts])
        except Unreachable as error:
            return f"nobody knows how it stands: {error.message}"

    return look


def _inside(leaf: Leaf, saved: Mapping[str, Any], base: str) -> list[str] | None:
    """The rollouts that a task began as its own, the last one last; nothing where it is of another kind."""
    from depl.tasks import Deploy, Undo
    from depl.tasks.building import task_of

    try:
        task = task_of(leaf, base)
    except DeplError:
        return None
    if isinstance(task, Deploy):
        return [str(one) for one in saved.get("rollouts") or ()]
    if isinstance(task, Undo):
        return [str(saved["undo"])] if saved.get("undo") else []
    return None


def _became(verdicts: list[str]) -> str:
    if all(verdict in (NOT_STARTED, REVERSED) for verdict in verdicts):
        return NOT_STARTED  # nothing of it stands
    return DONE if verdicts[-1] == DONE else HALF_DONE


def _notes(base: str) -> str:
    return os.path.join(base, ".depl", "tasks")


def _of(directory: str, rollout: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.startswith(f"{rollout}.")]
    except OSError:
        return []
