"""What a target directory holds for a project, while a rollout is at work: read, judged, and written down anew."""

from __future__ import annotations

from typing import Iterable, Mapping, Optional

from depl.change.acting import ActingSystem
from depl.component import RootComponent
from depl.deploy.books import RECEIPTS
from depl.deploy.causes import preorder
from depl.deploy.owning import Entry, Owning, looked_at
from depl.deploy.receipts import Receipts
from depl.deploy.undeclared import Judgement, Row


class Holdings:
    """The receipts of a rollout.

    known: the ids of the components that were on the host before it. collected: the root components from which was
    taken what is no longer declared.
    """

    def __init__(self, receipts: Receipts, system: ActingSystem) -> None:
        self.known = receipts.known()
        self.roots = receipts.roots
        self.collected: set[str] = set()
        self._receipts, self._system = receipts, system
        self._judgement: Optional[Judgement] = None
        self._ids: Mapping[str, list[str]] = {}
        self._watched: set[str] = set()  # root components that were looked at since it is known what may be gone

    def judge(self, environment: str, roots: Iterable[RootComponent], elsewhere: Iterable[str] = ()) -> None:
        """Find out what may be no longer declared, before anything is looked at. roots, elsewhere: as of Judgement."""
        judgement = Judgement(self._receipts, environment, roots, elsewhere)
        self._ids = judgement.ids
        if judgement.must_watch:
            self._judgement, self._system.seen = judgement, {}

    def watched(self, root: RootComponent) -> None:
        """A root component was looked at, to its end."""
        self._watched.add(root.name)

    @property
    def unwatched(self) -> list[RootComponent]:
        """The root components that have to be looked at before it can be said what is no longer declared."""
        return [root for root in self.declared if root.name not in self._watched]

    @property
    def declared(self) -> list[RootComponent]:
        """The root components that are declared, and not ignored."""
        roots = self._judgement.roots if self._judgement is not None else ()
        return [root for root in roots if not root.ignore]

    @property
    def left(self) -> Mapping[str, Entry]:
        """What is no longer declared, once it was settled."""
        return {} if self._judgement is None else self._judgement.left

    def rows(self) -> list[Row]:
        """The same, as others are told."""
        return [] if self._judgement is None else self._judgement.rows()

    def settle(self, environment: str, done: Iterable[RootComponent], collected: bool = False) -> None:
        """Write down what lies there now that some root components went through, if it is not the same.

        collected: what is no longer declared was removed. Errors: ChangeFailed, JournalError.
        """
        system, receipts = self._system, self._receipts
        owned = receipts.owned(environment)
        if system.journal.exists:
            owned = Owning(owned, system.directory, looked_at).take(system.journal.records)
        if self._judgement is not None and not self.unwatched:
            owned = self._judgement.settle(owned, system.seen or {})
        components = {root.name: self._ids_of(root) for root in done}
        declared = self._judgement.names if collected and self._judgement else None
        content = receipts.updated(environment, components, owned, declared)
        if content is None:
            return
        if system.journal.exists:
            system.component = RECEIPTS
            system.write(receipts.path, content, mode=0o600, show=False)
            system.commit()
            system.mark()
        else:
            receipts.write(content)

    def _ids_of(self, root: RootComponent) -> list[str]:
        return self._ids.get(root.name) or [one.id for one in preorder(root.component)]
