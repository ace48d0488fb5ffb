"""What is said of rollouts that ended one way or the other."""

from __future__ import annotations

from typing import Any

import pytest

from depl.cli.notifying import notify_of
from depl.errors import Mistakes
from depl.report.errors import error_lines
from depl.report.rollout import end_lines
from depl.report.rollouts import undone_by
from depl.rollout.folding import State
from depl.rollout.parameters import Parameter, values_of
from depl.rollout.states import RolloutState, TaskState
from depl.rollout.summaries import Summary
from depl.rollout.task_status import TaskStatus

_R, _T = RolloutState, TaskState
FAILURE = {"message": "the probe failed"}


class Release:
    version = Parameter()
    canary = Parameter(choices=["web1", "web2"], default="web1")


class Noted:
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def tell(self, kind: str, facts: Any) -> None:
        self.told.append((kind, facts["reason"]))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([_T.REVERSED, _T.FAILED], "everything was put back"),
        ([_T.DONE, _T.FAILED], "nothing had to be put back"),
        ([_T.FAILED, _T.CANCELLED], "nothing had been done"),
    ],
)
def test_a_rollout_that_failed_says_what_had_to_be_put_back(states: list[TaskState], words: str) -> None:
    tasks = {str(number): TaskStatus(state) for number, state in enumerate(states)}
    [line] = end_lines(State("r1", "release", _R.REVERSED, tasks), 3.0, [])
    assert line.text.endswith(f"failed after 3.0 s; {words}")


def test_what_succeeded_in_the_end_is_told_without_what_failed_before() -> None:
    noted: Any = Noted()
    for state in (_R.SUCCEEDED, _R.REVERSED):
        notify_of(noted, State("r1", state=state, error=FAILURE))
    assert noted.told == [("end", ""), ("failure", "the probe failed")]


def test_mistakes_in_parameters_are_headed_as_such() -> None:
    with pytest.raises(Mistakes) as caught:
        values_of(Release, {"canary": "web9"})
    told = [line.text for line in error_lines(caught.value)]
    assert (told[0], told[-1]) == ("in the parameters", "error: 2 mistakes in the parameters")


def test_a_rollout_was_undone_by_what_took_it_back_unless_that_came_to_nothing() -> None:
    listed = [
        Summary("r6", "dev", _R.REVERSED, undoes="r5"),
        Summary("r5", "dev", _R.REVERSED, undoes="r1"),
        Summary("r4", "dev", _R.KEPT, undoes="r1"),
        Summary("r3", "dev", _R.PARTLY_REVERSED, undoes="r2"),
        Summary("r2", "dev", _R.SUCCEEDED),
        Summary("r1", "dev", _R.SUCCEEDED),
    ]
    assert [undone for _, undone in undone_by(listed)] == ["", "undone by r6", "", "", "partly undone by r3", ""]
