"""Two rollouts side by side: what they were given, what they did, how long it took. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from depl.rollout.folding import State
from depl.rollout.task_status import TaskStatus
from depl.rollout.wording import moment
from depl.web.views.states import Look, look_of_task

MORE, LEAST = 1.25, 2.0  # how much longer something took, in proportion and in seconds, so that it is worth telling


@dataclass(frozen=True)
class Given:
    """A parameter in both; texts, empty where one has none."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        return self.first != self.second


@dataclass(frozen=True)
class Done:
    """A task in both; None where one has none. seconds: None where it did not come to its end."""

    id: str
    title: str
    first: Look | None
    second: Look | None
    first_seconds: float | None
    second_seconds: float | None

    @property
    def is_slower(self) -> bool:
        """Whether the second took clearly longer."""
        return _longer(self.first_seconds, self.second_seconds)

    @property
    def is_faster(self) -> bool:
        """Whether it was clearly done sooner."""
        return _longer(self.second_seconds, self.first_seconds)

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        return self.first != self.second or self.is_slower or self.is_faster


def parameters(first: State, second: State) -> list[Given]:
    """Those of both plans."""
    one, other = _parameters(first), _parameters(second)
    given = [Given(name, _text(one.get(name)), _text(other.get(name))) for name in {**one, **other}]
    return [each for each in given if each.first or each.second]


def tasks(first: State, second: State) -> list[Done]:
    """Those of both, in the order of the plan; the same ones are those with the same id."""
    return [
        Done(
            id,
            _title(first, id) or _title(second, id),
            _look(one),
            _look(other),
            _seconds(one),
            _seconds(other),
        )
        for id, one, other in _paired(first, second)
    ]


def _paired(first: State, second: State) -> Iterator[tuple[str, TaskStatus | None, TaskStatus | None]]:
    for id in {**first.tasks, **second.tasks}:
        yield id, first.tasks.get(id), second.tasks.get(id)


def _look(one: TaskStatus | None) -> Look | None:
    return look_of_task(one.state) if one is not None else None


def _parameters(state: State) -> Mapping[str, Any]:
    return state.plan.parameters if state.plan is not None else {}


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _title(state: State, id: str) -> str:
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    return leaf.title if leaf is not None else ""


def _seconds(one: TaskStatus | None) -> float | None:
    began, ended = (moment(one.began), moment(one.ended)) if one is not None else (None, None)
    return None if began is None or ended is None else max(0.0, ended - began)


def _longer(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and other > one * MORE and other - one >= LEAST
