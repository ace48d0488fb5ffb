"""Taking an undo back: what it put back is made again, first change first, each by the rule of three."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

from depl.change.changes import Put, Run
from depl.change.folds import chain_state, fates, is_note
from depl.change.journal import Journal
from depl.change.ledger import Repetition
from depl.change.nodes import Link, same
from depl.change.records import Did, Failed
from depl.change.redoing import half_redone, left_to_redo, not_run_again, to_repeat_again, why_not_again
from depl.deploy.books import OWN, PROJECT
from depl.deploy.undo import Undo
from depl.errors import DeploymentError


def way_of(journal: Journal, undoes: Optional[str]) -> type[Undo]:
    """How a rollout goes that takes back another one, which may be an undo."""
    return Redo if undoes and undoes in chain_state(journal.records).undone else Undo


class Redo(Undo):
    """The undoing of undos. A command that may have got half way is undone before it runs again."""

    outcome = "succeeded"
    at_last = OWN  # a component is known to be on the host when all of it is there
    left = staticmethod(left_to_redo)
    unknown = staticmethod(not_run_again)

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._forward = {fate.last.n: fate.forward for fate in fates(self._journal.records).values()}
        self._half = half_redone(self._journal.records)

    @staticmethod
    def owed(journal: Journal) -> list[Repetition]:
        """The reactions to run again after that, providers first."""
        return to_repeat_again(journal.records)

    def _restore_one(self, did: Did) -> None:
        why = why_not_again(did)
        if why:
            raise DeploymentError(why, did.component)
        if is_note(did):
            self._leave_as_the_undo(did)
        elif did.component == PROJECT and isinstance(did.change, Put) and not _leads_somewhere(did.change):
            self._leave(did)  # the next run brings it
        else:
            super()._restore_one(did)

    def _leave_as_the_undo(self, did: Did) -> None:
        """What the undo itself had left as it was stays; named, if that is not what the rollout had made of it."""
        self._system.note(Did(0, did.component, did.change, did.n))
        made = self._forward[did.n].change
        if isinstance(made, Put) and did.component not in OWN:
            now = self._system.look(made.path, content=True)
            if not same(now, made.expected_after(now)):
                self._tally.kept(did, made.path, "the undo had left it as it is")

    def _attempt(self, did: Did, act: Callable[[], None]) -> None:
        half = self._half.get(did.n)
        try:
            if half is not None:
                super()._attempt(half, lambda: self._undo_half(half))
            super()._attempt(did, act)
        finally:
            self._half = half_redone(self._journal.records) if half or self._has_failed() else self._half

    def _undo_half(self, half: Did) -> None:
        reversal = half.change.reversal()
        assert isinstance(reversal, Run)
        self._system.run_recorded(reversal, half.component, half.n)

    def _has_failed(self) -> bool:
        return isinstance(self._journal.records[-1], Failed)


def _leads_somewhere(put: Put) -> bool:
    """Whether the link to the project, as it was before the undo, leads to one that is still there."""
    before = put.before
    return not isinstance(before, Link) or os.path.isdir(os.path.join(os.path.dirname(put.path), before.to))
