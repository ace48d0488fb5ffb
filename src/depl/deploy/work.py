"""One rollout on one host, from its first task to its last word, and back."""

from __future__ import annotations

from typing import Any, Callable, Collection, Iterable, Optional

from depl.change.acting import ActingSystem
from depl.change.journal import Journal
from depl.change.ledger import root_of
from depl.change.records import Begin, Did
from depl.component import RootComponent
from depl.deploy.begin import of_task, warnings
from depl.deploy.books import COLLECTED, OWN
from depl.deploy.calling import Reverse
from depl.deploy.collecting import collected
from depl.deploy.forward import Forward
from depl.deploy.holdings import Holdings, forget
from depl.deploy.lock import Lock
from depl.deploy.redo import way_of
from depl.deploy.stop import Stop
from depl.deploy.switch import Switch
from depl.deploy.target import Target, owner, settle, when_first_written
from depl.deploy.undo import Undo
from depl.deploy.undone import Tally, Undone
from depl.environment import Environment
from depl.errors import JournalError
from depl.events import Emit


class Work(Forward):
    """A rollout on this host, under the lock.

    head: of its records; journal_path: an existing journal to append to, which an undo takes back. of: the name of the
    project whose receipts are written. warnings: what people should know of the journals that it goes on from. changed:
    components so far. done: the root components that went through. Errors: JournalError.
    """

    def __init__(
        self,
        target: Target,
        lock: Lock,
        head: Begin,
        emit: Emit,
        stop: Stop,
        *,
        reversible_only: bool = False,
        journal_path: Optional[str] = None,
        of: str = "",
        **how: Any,
    ) -> None:
        self.target = target
        self.journal = self._open(target, head, journal_path)
        self.warnings = [] if head.undoes else warnings(self.journal, head.rollout)
        self.changed = 0
        self.done: list[RootComponent] = []
        self.rollout, self._head, self._emit, self._stop = head.rollout, head, emit, stop
        self._how = how
        self._went_on = self.journal.exists
        self._order = 0  # of the last root component
        self._begun = {record.task for record in self.journal.records if isinstance(record, Begin)}
        self._environment: Optional[Environment] = None
        self._settled, self._way = False, way_of(self.journal, head.undoes)
        self._tally = Tally(emit, again=self._way is not Undo)
        self._way_back: dict[str, Any] = {}
        self._switch = Switch(target.records, self.journal)
        when_first_written(self.journal, lambda: lock.owned_by(owner(head.rollout, head.environment, head.who)))
        self._system = self._acting(lambda: stop.terminated)
        self._system.reversible_only = reversible_only
        self._holdings = Holdings(target.receipts(of), self._system)

    @staticmethod
    def _open(target: Target, head: Begin, path: Optional[str]) -> Journal:
        if path is None:
            return target.journals.open(head.rollout)
        journal = target.journals.open_at(path)
        if head.undoes:
            journal.will_begin(of_task(head, "undo", 1))
        return journal

    def _acting(self, terminated: Callable[[], bool]) -> ActingSystem:
        return self.target.acting(self.journal, self._emit, terminated=terminated, **self._how)

    @property
    def component(self) -> Optional[str]:
        """The component that is at work, or was last."""
        return self._system.component

    # -- forth --------------------------------------------------------------------------------------

    def switch_project(self, link: str, to: str) -> None:
        """Let the link to the project lead to another one (see Switch). Errors: ChangeFailed."""
        self._switch.to(link, to)

    def settle(self, declared: Iterable[str], all_meant: bool) -> None:
        """It succeeded: the last word. declared: all root components of the host; all_meant: none was left out."""
        if self.journal.exists:
            settle(self.journal, self._head.rollout, all_meant and self._is_whole(declared), "succeeded")
        self._switch.keep()
        self._settled = True
        if self.changed and self._environment is not None:
            self._environment.template_engine.flush(self._system.redact)

    def _is_whole(self, declared: Iterable[str]) -> bool:
        """Whether nobody can be owed a reaction: all that changed, and all that might react, went through now."""
        went_through = {*OWN, *self._holdings.collected, *(root.name for root in self.done)}
        might_react = self._holdings.roots(self._head.environment, declared)
        return self.journal.ledger.roots | might_react <= went_through

    # -- back ---------------------------------------------------------------------------------------

    def reverse(
        self,
        tasks: Optional[Collection[str]],
        on_conflict: str = "stop",
        reverse: Optional[Reverse] = None,
        terminated: Callable[[], bool] = lambda: False,
        aborted: Callable[[], bool] = lambda: False,
    ) -> Undone:
        """Take back the changes of some root components, last one first; None: of all, with depl's own books.

        The link to the project is left for settle_back(): whoever must try again needs the code. terminated: ends a
        command that hangs; aborted: ends this before the next change.
        """
        self._way_back = {"on_conflict": on_conflict, "reverse": reverse}
        if tasks is None:
            return self._take_back(None, lambda did: did.component not in self._way.at_last, terminated, aborted)
        of_gc = collected(self.journal.records)
        return self._take_back(
            tasks,
            lambda did: did.component not in OWN and (COLLECTED if did.n in of_gc else root_of(did.component)) in tasks,
            terminated,
            aborted,
        )

    def _take_back(
        self,
        roots: Optional[Collection[str]],
        wanted: Callable[[Did], bool],
        terminated: Callable[[], bool] = lambda: False,
        aborted: Callable[[], bool] = lambda: False,
    ) -> Undone:
        try:
            return self._undo(terminated, aborted).restore(roots, wanted)
        except JournalError as error:
            return Undone(failed=[str(error)])

    def _undo(
        self, terminated: Callable[[], bool] = lambda: False, aborted: Callable[[], bool] = lambda: False
    ) -> Undo:
        """An undo that begins anew: with a system that has forgotten what a failed task had staged."""
        if not self._head.undoes:
            self.journal.begin = None
        return self._way(self._acting(terminated), self._emit, aborted=aborted, tally=self._tally, **self._way_back)

    def owed(self) -> list[str]:
        """The root components whose reactions must be run again after the restores, providers first."""
        return list(dict.fromkeys(root_of(one.component) for one in self._way.owed(self.journal)))

    def repeat(
        self, tasks: Optional[Collection[str]] = None, terminated: Callable[[], bool] = lambda: False
    ) -> list[str]:
        """Run the owed reactions of some root components, or of all; what failed, as sentences."""
        try:
            return self._undo(terminated).repeat(tasks)
        except JournalError as error:
            return [str(error)]

    def settle_back(self, undone: Undone) -> None:
        """It is taken back: the last word, if that is true. undone: what came of it; what comes of the rest is added.

        Changes that belong to no task which was named go first, then depl's own books, the link to the project last.
        """
        if undone.whole and self.journal.exists:
            self._take_back_the_rest(undone)
        if undone.whole:
            self._switch.back()
            if self.journal.exists:
                if self._way is Undo:
                    forget(self.target.receipts(), self._head.environment, self.journal.records)
                settle(self.journal, self._head.rollout, False, self._way.outcome)
            self._settled = True

    def _take_back_the_rest(self, undone: Undone) -> None:
        if self._left(lambda did: did.component not in OWN):
            undone.add(self._take_back(None, lambda did: did.component not in OWN))
        if self.owed():
            undone.failed += self.repeat()
        if undone.whole and self._left(lambda did: did.component in OWN):
            undone.add(self._take_back(None, lambda did: did.component in OWN))

    def _left(self, wanted: Callable[[Did], bool]) -> bool:
        return any(map(wanted, self._way.left(self.journal.records)))

    def close(self) -> None:
        """Let go of the journal; a run that recorded nothing and did not succeed leaves the project as it was."""
        if not self._settled:
            self._switch.back()
        self.journal.close()
