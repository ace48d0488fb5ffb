"""Taking back what a journal says was changed: last change first, each by the rule of three. Undoing is doing."""

from __future__ import annotations

from typing import Any, Callable, Collection, Optional

from depl.change.acting import ActingSystem
from depl.change.changes import Call, Move, Put, Run, WayBack
from depl.change.folds import Restore, left_to_undo, rule_of_three, steps_of_unknown_effect
from depl.change.journal import Journal
from depl.change.ledger import Repetition, root_of, to_repeat
from depl.change.nodes import Absent, Directory, in_the_way, what_changed
from depl.change.records import Did, Failed
from depl.deploy.appeared import left_behind
from depl.deploy.books import OWN, PROJECT
from depl.deploy.calling import Reverse, call_back
from depl.deploy.company import Company, went_along
from depl.deploy.patience import patiently
from depl.deploy.pivot import is_pivot, roots_of
from depl.deploy.repetition import repeat
from depl.deploy.undone import Tally, Undone
from depl.errors import ChangeFailed, DeplError, JournalError
from depl.events import Emit

Wanted = Callable[[Did], bool]


class Undo:
    """The undoing of a journal, all at once or by root components.

    on_conflict: stop, force or keep. reverse: calls an author's reverse(), with the system that acts. tally: of the
    parts that were undone before, if there are any.
    """

    outcome = "reversed"  # the last word, where it is whole
    at_last = frozenset((PROJECT,))  # of depl's own books, when all else is done
    left = staticmethod(left_to_undo)
    unknown = staticmethod(steps_of_unknown_effect)

    @staticmethod
    def owed(journal: Journal) -> list[Repetition]:
        """The reactions to run again after the restores, providers first."""
        return to_repeat(journal.records, journal.ledger)

    def __init__(
        self,
        system: ActingSystem,
        emit: Emit,
        on_conflict: str = "stop",
        reverse: Optional[Reverse] = None,
        aborted: Callable[[], bool] = lambda: False,
        tally: Optional[Tally] = None,
    ) -> None:
        self._system = system
        self._journal = system.journal
        self._emit = emit
        self._on_conflict = on_conflict
        self._reverse = reverse
        self._aborted = aborted
        self._tally = tally or Tally(emit)
        self._careful = False
        self._company = Company(self._journal.records, system.blobs)

    def restore(self, roots: Optional[Collection[str]] = None, wanted: Wanted = lambda did: True) -> Undone:
        """Take back the changes that are wanted; what came of it. roots: those that they belong to, if not all."""
        unknown = self.unknown(
            record for record in self._journal.records if not isinstance(record, Did) or wanted(record)
        )
        self._tally.start(roots, Undone(unknown=unknown))
        try:
            try:
                self._restore(self.left(self._journal.records), wanted)
                self._system.commit()
            except ChangeFailed:
                # One of many could not be put back: go on one by one, so that it stops nothing but itself.
                self._careful = True
                self._tally.made(self._journal.records)
                done = self._tally.undone
                self._tally.start(roots, Undone(done.reversed, done.kept, unknown=unknown))
                self._restore(self.left(self._journal.records), wanted)
            self._tally.made(self._journal.records)
            self._system.mark()
            if not self._tally.undone.whole:
                self._tally.undone.left = roots_of(filter(wanted, self.left(self._journal.records)))
            if self.outcome == "reversed":
                self._tally.undone.unknown += left_behind(self._journal.records, roots)
                for did, sentences in went_along(self._journal.records, self._system.blobs, roots):
                    self._tally.went_along(did, list(map(self._system.redact, sentences)))
        except JournalError as error:  # without a record nothing more can be done; the next one who comes goes on
            self._tally.made(self._journal.records)
            self._tally.undone.failed.append(str(error))
        return self._tally.undone

    def repeat(self, roots: Optional[Collection[str]] = None) -> list[str]:
        """Run again the reactions that are owed after the restores; what went wrong, as sentences."""
        failed: list[str] = []
        try:
            for repetition in self.owed(self._journal):
                root = root_of(repetition.component)
                if root not in self._tally.blocked and (roots is None or root in roots):
                    failed += repeat(repetition, self._system, self._emit, self._on_conflict == "keep")
            self._system.mark()
        except JournalError as error:
            failed.append(str(error))
        return failed

    # -- restores -----------------------------------------------------------------------------------

    def _restore(self, left: list[Did], wanted: Wanted) -> None:
        pivot: Optional[Did] = None  # it may be somebody else's
        for place, did in enumerate(left):
            if pivot is None and is_pivot(did) and self._on_conflict != "keep":
                pivot = did
            if not wanted(did):
                continue
            if pivot is not None:
                self._tally.stopped(pivot, filter(wanted, left[place:]))
                break
            if not self._try(did):
                break

    def _try(self, did: Did) -> bool:
        """Take one change back, if that is possible; False where somebody wants this to end."""
        if self._aborted():
            self._tally.undone.failed.append("interrupted: the rest is not put back yet")
            return False
        if root_of(did.component) in self._tally.blocked:
            self._tally.failed(did, "something later in the same component could not be taken back")
            return True
        try:
            self._restore_one(did)
            if self._careful:
                self._system.commit()
                self._tally.made(self._journal.records)
        except (DeplError, OSError) as error:
            if isinstance(error, ChangeFailed) and not self._careful:
                raise
            if self._on_conflict == "keep" and isinstance(did.change, (Run, Call)):
                self._keep_step(did, str(error))
            else:
                self._tally.failed(did, str(error))
        return True

    def _restore_one(self, did: Did) -> None:
        """Take one change back."""
        change = did.change
        if isinstance(change, Put):
            self._restore_put(did, change)
        elif isinstance(change, Move):
            self._restore_move(did, change)
        elif isinstance(change, Run):
            if change.way_back is WayBack.IRREVERSIBLE:
                self._keep_step(did, f"it cannot be undone: {change.reason}")  # as wanted, else it ends before it
            else:
                self._run_undo(did, change)
        else:
            self._call(did, change)

    def _restore_put(self, did: Did, put: Put) -> None:
        now = self._system.look(put.path, content=True)
        verdict = rule_of_three(now, put)
        filled = isinstance(now, Directory) and not isinstance(put.before, Directory) and self._system.names(put.path)
        if verdict is Restore.RESTORE and filled:
            if not self._tally.waits_for_another(did, put.path):  # else its turn comes after theirs
                self._leave(did)
                self._tally.kept(did, put.path, "others have put something into it")
        elif verdict is Restore.CONFLICT and did.component in OWN:
            self._leave(did)  # later runs wrote on; the next one brings the books up to date
        elif verdict is Restore.CONFLICT and self._on_conflict != "force":
            what = f"{put.path}: {what_changed(put.after or Absent(), now)}"
            self._conflict(did, put.path, what)
        else:
            if filled or in_the_way(now, put.before):
                self._clear_the_way(did, put.path)
                now = Absent()
            self._system.put_back(did, now)
            if verdict is not Restore.ALREADY:
                self._told(did, Put(put.path, now, put.before))

    def _restore_move(self, did: Did, move: Move) -> None:
        here, there = self._system.look(move.path), self._system.look(move.to)
        if isinstance(there, Absent) and (move.built or not isinstance(here, Absent)):
            self._system.note(Did(0, did.component, Put(move.to, there, there), did.n))
        elif isinstance(there, Absent):
            self._conflict(did, move.to, f"{move.to}: what depl moved there is gone")
        elif self._tally.waits_for_another(did, move.to) or self._keeps_company(did, move):
            return  # it would go along
        elif not isinstance(here, Absent) and self._on_conflict != "force":
            self._conflict(did, move.path, f"{move.path}: something is there again, so {move.to} cannot go back")
        else:
            if not isinstance(here, Absent):
                self._clear_the_way(did, move.path)
            self._system.move_back(did)
            self._told(did, move.reversal())

    def _keeps_company(self, did: Did, move: Move) -> bool:
        """Whether a tree stays because of what stays in it, or where that is wanted, of what others put into it."""
        redoing = self.outcome != "reversed"
        inside = None if redoing else self._company.keeps(move.to, newcomers_too=self._on_conflict == "keep")
        if inside is not None:
            self._leave(did)
            self._tally.kept(did, move.to, f"{inside} is in it and stays")
        return inside is not None

    def _clear_the_way(self, did: Did, path: str) -> None:
        """Remove what somebody put there. It stays away, however often this undo is gone on with."""
        self._system.component = did.component
        self._system.remove(path)
        self._system.commit()
        (removal,) = [one for one in self._journal.records[-2:] if isinstance(one, Did)][-1:]
        self._system.note(Did(0, did.component, Put(path, Absent(), Absent()), removal.n))

    def _run_undo(self, did: Did, run: Run) -> None:
        reversal = run.reversal()
        assert reversal is not None
        patiently(lambda: self._attempt(did, lambda: self._system.run_recorded(reversal, did.component, did.n)))
        self._told(did, reversal)

    def _call(self, did: Did, call: Call) -> None:
        if self._reverse is None:
            raise ChangeFailed(did.component, f"{did.component} must be reversed by its own code, which is not at hand")
        call_back(self._system, did, call, self._reverse)
        self._told(did, call.reversal())

    def _conflict(self, did: Did, path: str, what: str) -> None:
        if self._on_conflict == "keep":
            self._leave(did)
            self._tally.kept(did, path, "it was changed since, and is kept as wanted")
        else:
            self._tally.conflict(did, what)

    def _keep_step(self, did: Did, why: str) -> None:
        """Leave a step for ever, as wanted, because it cannot be taken back."""
        self._system.note(Did(0, did.component, Put(self._system.directory, Absent(), Absent()), did.n))
        what = did.change.shown if isinstance(did.change, Run) else f"what update() of {did.component} did"
        self._tally.kept(did, what, why)

    def _leave(self, did: Did) -> None:
        """Note that a change is left as it is, so that it counts as dealt with."""
        assert isinstance(did.change, (Put, Move))
        path = did.change.path if isinstance(did.change, Put) else did.change.to
        now = self._system.look(path, content=True)
        self._system.note(Did(0, did.component, Put(path, now, now), did.n))
        self._company.stays(path)

    def _told(self, did: Did, change: Any) -> None:
        self._system.shown.clear()
        self._tally.reversed(did, change)
        if len(self._system.staged) < 2:  # what came before is made
            self._tally.made(self._journal.records)

    def _attempt(self, did: Did, act: Callable[[], None]) -> None:
        """Do something that takes a change back; where it fails, that change still stands."""
        try:
            act()
        except (DeplError, OSError):
            last = self._journal.records[-1]
            if isinstance(last, Did) and last.undoes == did.n:
                self._journal.append(Failed(0, [last.n]), durable=True)
            raise
