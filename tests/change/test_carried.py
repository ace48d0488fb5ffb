"""What a rollout's last word carries on: the same answers as all records before it would give, whatever comes next."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from depl.change.changes import Put
from depl.change.journal import Journal, read
from depl.change.journals import Journals
from depl.change.ledger import Ledger
from depl.change.nodes import Absent, Link
from depl.change.records import Began, Begin, Did, Ended, Failed, Settled
from depl.deploy.target import settle

FILES = ["app/A", "app/A/x", "app/B", "svc/C"]
ASKERS = ["app/R", "svc/R", "svc/S", "new/N"]
SUBTREES = ["app", *FILES, *ASKERS]

STEPS = st.one_of(
    st.tuples(st.just("did"), st.sampled_from(FILES)),
    st.tuples(st.just("undo"), st.integers(0, 5)),
    st.tuples(st.just("failed"), st.integers(0, 3)),
    st.tuples(
        st.sampled_from(["seen", "half", "again", "again, half", "raw", "verbs, half"]), st.sampled_from(ASKERS[:3])
    ),
)
ROLLOUT = st.tuples(st.sampled_from(["new", "older", "partial", "whole", "open"]), st.lists(STEPS, max_size=5))


class History:
    """Journals in a directory, and all that was ever written to them."""

    def __init__(self, directory: str) -> None:
        self.journals, self.all = Journals(directory), []

    def rollout(self, kind: str, steps: list[Any], number: int) -> None:
        paths = self.journals.paths()
        older = kind == "older" and paths
        journal = self.journals.open_at(paths[number % len(paths)]) if older else self.journals.open(f"r{number}")
        before = len(journal.records)
        journal.append(Begin(0, f"r{number}", "test", "web", "app", 1, "me", "", "boot", "now"))
        for what, value in steps:
            journal.append(*self._records(journal, what, value))
        self.all += journal.records[before:]
        if kind != "open":
            settle(journal, f"r{number}", kind == "whole", "reversed" if number % 3 == 2 else "succeeded")
            self.all.append(journal.records[-1])
        journal.close()

    def _records(self, journal: Journal, what: str, value: Any) -> list[Any]:
        dids = [record for record in journal.records if isinstance(record, Did)]
        if what == "did":
            return [did(value)]
        if what == "undo":  # of this journal, also of what was written long ago
            return [did(dids[value % len(dids)].component, dids[value % len(dids)].n)] if dids else []
        if what == "failed":
            last = [one.n for one in dids[-3:]]
            return [Failed(0, last[value:])] if last[value:] else []
        began = Began(0, value, again="again" in what, verbs="verbs" in what)
        mine = [] if what == "raw" else [did(value)]
        return [began, *mine, *([] if "half" in what else [Ended(0, value)])]

    def answers(self) -> list[Any]:
        """Of somebody who comes now."""
        return answers(self.journals.open("next").ledger)

    def expected(self) -> list[Any]:
        """Of somebody who has read everything that was ever written."""
        ledger = Ledger()
        for record in sorted(self.all, key=lambda record: record.n):
            ledger.add(record)
        return answers(ledger)

    def purge(self, which: int) -> None:
        """Remove a journal that retention might take: settled, and before the last word that is a start."""
        records = {path: read(path) for path in self.journals.paths()}
        start = max((one.n for found in records.values() for one in found if is_start(one)), default=0)
        old = [path for path, found in records.items() if found[-1].n < start and isinstance(found[-1], Settled)]
        if old:
            os.unlink(old[which % len(old)])


def did(component: str, undoes: int | None = None) -> Did:
    return Did(0, component, Put(f"/{component}", Absent(), Link("x")), undoes)


def is_start(record: Any) -> bool:
    return isinstance(record, Settled) and record.is_start


def answers(ledger: Ledger) -> list[Any]:
    differ = [(asker, one, ledger.differs(asker, one)) for asker in ASKERS for one in SUBTREES]
    return [*differ, *(asker for asker in ASKERS if ledger.is_half_done(asker))]


@settings(max_examples=150, deadline=None, database=None)
@given(rollouts=st.lists(ROLLOUT, min_size=1, max_size=8), purges=st.lists(st.integers(0, 7), min_size=8, max_size=8))
def test_after_a_purge_every_question_has_the_same_answer(tmp_path_factory, rollouts, purges):
    history = History(str(tmp_path_factory.mktemp("journal")))
    for number, (kind, steps) in enumerate(rollouts):
        history.rollout(kind, steps, number)
        assert history.answers() == history.expected()
        history.purge(purges[number])
        assert history.answers() == history.expected()


def test_what_is_carried_grows_with_the_components_and_not_with_the_rollouts(tmp_path):
    sizes = []
    for count in (20, 60):
        history = History(str(tmp_path / str(count)))
        for number in range(count):
            history.rollout("partial", [("did", "app/A/x"), ("seen", "app/R"), ("did", "app/B")], number)
        sizes.append(len(str(history.all[-1].ledger)))
    assert sizes[1] < sizes[0] * 1.1


def test_the_journals_of_old_which_carry_nothing_are_read_as_before(tmp_path):
    history = History(str(tmp_path))
    history.rollout("partial", [("did", "app/A")], 0)
    path = Path(history.journals.paths()[0])
    records = [replace(one, ledger=None) if isinstance(one, Settled) else one for one in read(str(path))]
    path.unlink()
    journal = Journal(str(path), 1, Ledger())
    journal.append(*records)
    journal.close()
    ledger = history.journals.open("next").ledger
    assert ledger.differs("svc/R", "app/A")
    assert not ledger.differs("svc/R", "app/B")
