"""What a target directory holds for a project, while a rollout is at work: read, judged, and written down anew."""

from __future__ import annotations

from contextlib import suppress
from typing import Iterable, Mapping, Optional

from depl.change.acting import ActingSystem
from depl.change.changes import Move
from depl.change.nodes import Path
from depl.change.records import Did, Record
from depl.component import RootComponent
from depl.deploy.books import RECEIPTS
from depl.deploy.causes import preorder
from depl.deploy.insight import looks_by_itself
from depl.deploy.owning import Entry, Owning, looked_at, marked
from depl.deploy.receipts import THINGS, Receipts
from depl.deploy.things import Thing, things_after
from depl.deploy.undeclared import Judgement, Row, is_there
from depl.errors import ChangeFailed


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
        self._done: list[RootComponent] = []  # that went through
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
    def left(self) -> Mapping[Path, Entry]:
        """What is no longer declared, once it was settled."""
        return {} if self._judgement is None else self._judgement.left

    @property
    def things_left(self) -> Mapping[str, Thing]:
        """The same of what is no path."""
        return {} if self._judgement is None else self._judgement.things.left

    def rows(self) -> list[Row]:
        """The same, as others are told."""
        return [] if self._judgement is None else self._judgement.rows()

    def settle(self, environment: str, done: Iterable[RootComponent], collected: bool = False) -> None:
        """Write down what lies there now that some root components went through, if it is not the same.

        collected: what is no longer declared was removed. Errors: ChangeFailed, JournalError.
        """
        system, receipts = self._system, self._receipts
        self._done += done
        owned, things = receipts.owned(environment), receipts.owned(environment, THINGS)
        if system.journal.exists:
            things = things_after(things, system.journal.records)
            owned = self._marked(Owning(owned, system.directory, looked_at).take(system.journal.records))
        if self._judgement is not None and not self.unwatched:
            owned = self._judgement.settle(owned, system.seen or {})
            things = self._judgement.things.settle(things, self._judgement.present())
        components = {root.name: self._ids_of(root) for root in done}
        declared = self._judgement.names if collected and self._judgement else None
        content = receipts.updated(environment, components, owned, things, declared)
        if content is None:
            return
        if system.journal.exists:
            system.component = RECEIPTS
            system.write(receipts.path, content, mode=0o600, show=False)
            system.commit()
            system.mark()
        else:
            receipts.write(content)

    def _marked(self, owned: Mapping[Path, Entry]) -> dict[Path, Entry]:
        """With a mark at what was made by classes that look by themselves."""
        raw = {one.id: looks_by_itself(one) for root in self._done for one in preorder(root.component)}
        return {
            path: marked(entry, id, raw[id]) if id in raw else entry
            for path, entry in owned.items()
            for id in [entry["component"]]
        }

    def _ids_of(self, root: RootComponent) -> list[str]:
        return self._ids.get(root.name) or [one.id for one in preorder(root.component)]


def forget(receipts: Receipts, environment: str, records: Iterable[Record]) -> None:
    """Let nobody own what was made by changes that are taken back, and is gone: later runs may have written on."""
    made: set[Path] = set()
    numbers: set[int] = set()
    for record in records:
        if isinstance(record, Did) and record.undoes is None:
            numbers.add(record.n)
            made.add(record.change.to if isinstance(record.change, Move) else getattr(record.change, "path", ""))
    content = receipts.without(environment, {path for path in made if not is_there(path)}, numbers)
    if content is not None:
        with suppress(ChangeFailed):  # what is undone is undone
            receipts.write(content)
