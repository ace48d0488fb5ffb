"""What a plan says of that which no component is there for any more."""

from __future__ import annotations

from typing import Iterable, Sequence

from depl.change.ledger import root_of
from depl.change.predicting import PredictingSystem
from depl.change.records import Record
from depl.component import RootComponent
from depl.deploy.collecting import REASON, remove, undeclared
from depl.deploy.owning import Owning, looked_at
from depl.deploy.predict import Prediction
from depl.deploy.receipts import THINGS, Receipts
from depl.deploy.things import things_after
from depl.deploy.undeclared import Judgement
from depl.events import Emit


class Forecast:
    """Begins before anything is looked at. roots: all of the host; elsewhere: as of Judgement.

    records: of the journal that the run would go on with. removing: what is no longer declared would be removed.
    """

    def __init__(
        self,
        receipts: Receipts,
        environment: str,
        roots: Iterable[RootComponent],
        system: PredictingSystem,
        records: Sequence[Record] = (),
        removing: bool = False,
        elsewhere: Iterable[str] = (),
    ) -> None:
        self._judgement = Judgement(receipts, environment, roots, elsewhere)
        self._owned, self._things = receipts.owned(environment), receipts.owned(environment, THINGS)
        self._system, self._records, self._removing = system, records, removing
        if self._judgement.must_watch:
            system.seen = {}

    def tell(self, prediction: Prediction, emit: Emit) -> None:
        """Once all root components were predicted: what is no longer declared, and what removing it would change."""
        judgement, system = self._judgement, self._system
        if not judgement.must_watch:
            return
        seen, system.seen = system.seen or {}, None
        judgement.settle(Owning(self._owned, system.directory, looked_at).take(self._records), seen)
        judgement.things.settle(things_after(self._things, self._records), judgement.present())
        if not judgement.left and not judgement.things.left:
            return
        emit(undeclared(judgement.rows(), self._removing))
        if not self._removing:
            return
        lost = remove(system, judgement.things.left, judgement.left, emit)
        for component, changes in lost.items():
            prediction.note(component, changes, REASON)
        losers = set(map(root_of, lost))
        for root in judgement.roots:
            if root.name in losers and not root.ignore:
                prediction.predict(root)
