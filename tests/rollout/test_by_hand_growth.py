"""What a rollout by hand costs grows with its tasks, not with the square of them: counted in calls, never timed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import forked
import pytest
import rollouts_by_hand
from rollouts_by_hand import Rehearsal, one, rehearsal, side

from depl.rollout.fake_hands import HandsScript
from depl.rollout.states import RolloutState


def fleet(hosts: int, script: HandsScript | None = None) -> Rehearsal:
    """Hosts side by side with ten tasks each, then one more task."""
    chains = (one(*(f"h{host}/{number}" for number in range(10))) for host in range(hosts))
    return rehearsal(one(side(*chains), "end"), script, end={"repeatable": True})


HERE = (__file__, rollouts_by_hand.__file__)
THOUSAND = """
from pathlib import Path
from depl.rollout.folding import fold
from test_by_hand_growth import fleet

def peak():  # of memory, in KiB
    return next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1]

before = peak()
run = fleet(1000)
run.drive()
fold(run.log.read())
print(before, peak(), run.state.state.value)
"""


def calls_of(act: Callable[[], object]) -> int:
    count = 0

    def note(frame, event, argument) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("script", "ends"),
    [
        (HandsScript(), RolloutState.SUCCEEDED),
        (HandsScript(fails={"end": 9}), RolloutState.REVERSED),
        (HandsScript(fails={"end": 9}, conflicts=frozenset(f"h{n}/9" for n in range(200))), RolloutState.BLOCKED),
    ],
)
def test_four_times_as_many_tasks_cost_four_times_as_much(script, ends):
    few, many = fleet(50, script), fleet(200, script)
    costs = [calls_of(few.drive), calls_of(many.drive)]
    assert (few.state.state, many.state.state) == (ends, ends)
    assert costs[1] < 4.5 * costs[0]
    assert costs[1] < 400 * 2000, "calls for each task"


def test_side_by_side_is_no_dearer_than_one_after_the_other():
    flat = rehearsal(side(*(f"t{number}" for number in range(2000))))
    chain = rehearsal(one(*(f"t{number}" for number in range(2000))))
    assert calls_of(flat.drive) < 1.2 * calls_of(chain.drive)


def test_tasks_that_end_together_are_written_together():
    run = fleet(200)
    run.drive()
    assert run.log.appends < 2000 / 10


def test_ten_thousand_tasks_fit_into_little_memory():
    """In a process of its own, so that its peak is theirs; what Python and its modules need is told before."""
    before, after, state = subprocess.run(
        [sys.executable, "-c", THOUSAND],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(forked.SOURCE), *map(os.path.dirname, HERE)])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert state == RolloutState.SUCCEEDED
    assert int(after) - int(before) < 100 * 1024
