"""Work grows with what there is to do, not with the square of it nor with the past: counted, never timed."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from depl.change.changes import Put
from depl.change.journal import Journal
from depl.change.journals import Journals
from depl.change.ledger import Ledger
from depl.change.nodes import Absent, Link
from depl.change.records import Began, Begin, Did, Ended, Settled

BEGIN = Begin(0, "r", "test", "localhost", "app", 1, "tester", "", "boot", "now")


class Counting:
    """How many lines of Python run in it."""

    def __enter__(self):
        self.lines, self._before = 0, sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error):
        sys.settrace(self._before)

    def _trace(self, frame, event, argument):
        self.lines += event == "line"
        return self._trace


def lines_of(act, size: int) -> int:
    with Counting() as counting:
        act(size)
    return counting.lines


def did(n: int, component: str, undoes: int | None = None) -> Did:
    return Did(n, component, Put(f"/{n}", Absent(), Link("x")), undoes)


def many_changes_and_their_undo(size: int) -> None:
    ledger = Ledger()
    for n in range(1, size + 1):
        ledger.add(did(n, "app/Tree(x)"))
    for n in range(size, 0, -1):
        ledger.add(did(2 * size - n + 1, "app/Tree(x)", undoes=n))
    assert ledger.version("app") == 0


def many_who_ask_about_many(size: int) -> None:
    ledger = Ledger()
    for n in range(1, size + 1):
        ledger.add(did(n, f"app/C({n})"))
    for n in range(size + 1, 2 * size + 1):
        ledger.add(Began(n, f"svc/R({n})"))
        ledger.add(Ended(n, f"svc/R({n})"))
    ledger.add(did(3 * size, "app/C(1)"))
    assert all(ledger.differs(f"svc/R({n})", "app") for n in range(size + 1, 2 * size + 1))


@pytest.mark.parametrize("act", [many_changes_and_their_undo, many_who_ask_about_many])
def test_ten_times_as_many_changes_take_about_ten_times_the_steps(act):
    few, many = lines_of(act, 100), lines_of(act, 1000)
    assert many < 15 * few


def past(directory: str, *whole: bool) -> Journals:
    """A journal each of runs that left nothing to others (whole), or did."""
    number = 1
    for at, one in enumerate(whole):
        journal = Journal(f"{directory}/{number:010d}-r{at}.jsonl", number, Ledger())
        journal.append(replace(BEGIN, rollout=f"r{at}"), did(0, "app/File(x)"))
        journal.append(Settled(0, f"r{at}", one))
        number = journal.number
        journal.close()
    return Journals(directory)


def test_whoever_begins_reads_the_records_since_the_last_whole_run_alone(tmp_path):
    partial = past(str(tmp_path / "partial"), *[False] * 20)
    whole = past(str(tmp_path / "whole"), *[True] * 20)
    mixed = past(str(tmp_path / "mixed"), *[False] * 17, True, False, False)
    assert partial.open("new").number == whole.open("new").number == mixed.open("new").number
    steps = [lines_of(lambda _, one=one: one.open("new"), 0) for one in (whole, mixed, partial)]
    assert steps[0] < steps[1] < steps[2] / 2
